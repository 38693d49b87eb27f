// Package e2e_test runs the programs as they are built, against a sandbox and a
// real PostgreSQL: what people and scripts see of them.
package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

const root = "../../.."

// binaries is the folder of the programs under test.
var binaries string

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func testMain(m *testing.M) (code int, err error) {
	if binaries, err = os.MkdirTemp("", "orgmirror-e2e"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(binaries)
	args := []string{"build", "-o", binaries}
	if raceDetector {
		args = append(args, "-race") // what the tests run under, the programs do
	}
	build := exec.CommandContext(context.Background(), "go", append(args, "./cmd/mirror", "./cmd/backfill")...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	// The tests mostly wait, for processes that mostly wait for each other.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func binary(program string) string { return filepath.Join(binaries, program) }
