//go:build unix

package pgtest_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDB(t *testing.T) {
	t.Parallel()

	t.Run("has the mirror's schema", func(t *testing.T) {
		t.Parallel()
		if err := postgres.CheckSchema(t.Context(), pgtest.DB(t)); err != nil {
			t.Error(err)
		}
	})

	t.Run("is nobody else's", func(t *testing.T) {
		t.Parallel()
		first, second := pgtest.DB(t), pgtest.DB(t)
		if _, err := first.Exec(t.Context(), `CREATE TABLE mine ()`); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Exec(t.Context(), `CREATE TABLE mine ()`); err != nil {
			t.Errorf("the second database knows the first one's table: %v", err)
		}
	})

	t.Run("folds and sorts beyond ASCII", func(t *testing.T) {
		t.Parallel()
		var lower string
		if err := pgtest.DB(t).QueryRow(t.Context(), `SELECT lower('ÄÉ張')`).Scan(&lower); err != nil {
			t.Fatal(err)
		}
		if lower != "äé張" {
			t.Errorf("lower('ÄÉ張') = %q", lower)
		}
	})
}

func TestDatabaseIsDroppedAtTheEndOfTheTest(t *testing.T) { //nolint:tparallel // the outer test looks at what is left when the inner one has ended
	t.Parallel()
	var name string
	t.Run("a test", func(t *testing.T) {
		if err := pgtest.DB(t).QueryRow(t.Context(), `SELECT current_database()`).Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	var exists bool
	err := pgtest.DB(t).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil {
		t.Fatal(err)
	}
	if name == "" || exists {
		t.Errorf("database %q exists after its test: %v", name, exists)
	}
}

func TestEmptyURL(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var tables int
	err = conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`).Scan(&tables)
	if err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("%d tables in an empty database", tables)
	}
}

// heldVariable turns this test binary into one that holds a database until it is
// killed.
const heldVariable = "ORGMIRROR_TEST_HOLD_DATABASE"

func TestHold(t *testing.T) {
	t.Parallel()
	if os.Getenv(heldVariable) == "" {
		return // only for TestServerEndsWithTheTestBinary
	}
	pool := pgtest.DB(t)
	var data string
	if err := pool.QueryRow(t.Context(), `SELECT current_setting('data_directory')`).Scan(&data); err != nil {
		t.Fatal(err)
	}
	fmt.Println("data directory", data)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestServerEndsWithTheTestBinary(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *exec.Cmd, io.Closer){
		"when it is killed": func(t *testing.T, cmd *exec.Cmd, _ io.Closer) {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		},
		"when it ends": func(t *testing.T, _ *exec.Cmd, input io.Closer) {
			if err := input.Close(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run", "^TestHold$")
			cmd.Env = append(os.Environ(), heldVariable+"=1", "MIRROR_TEST_DATABASE_URL=")
			input, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(output)
			lines.Scan()
			data, found := strings.CutPrefix(lines.Text(), "data directory ")
			content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
			if !found || err != nil {
				_ = cmd.Process.Kill()
				t.Fatalf("the other test binary says %q, and %v", lines.Text(), err)
			}
			first, _, _ := strings.Cut(string(content), "\n")
			pid, err := strconv.Atoi(first)
			if err != nil {
				t.Fatal(err)
			}
			end(t, cmd, input)
			for lines.Scan() { // Wait must come after the last read
			}
			_ = cmd.Wait()

			deadline := time.Now().Add(30 * time.Second)
			gone := func() bool {
				_, err := os.Stat(filepath.Dir(data))
				return os.IsNotExist(err) && syscall.Kill(pid, 0) == syscall.ESRCH
			}
			for !gone() {
				if time.Now().After(deadline) {
					t.Fatalf("30 s later server process %d or folder %s are still there", pid, filepath.Dir(data))
				}
				<-time.After(10 * time.Millisecond) // other processes give no signal
			}
		})
	}
}
