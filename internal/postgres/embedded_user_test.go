package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// userVariable makes the test binary a user of the embedded server in the data
// directory that it names.
const userVariable = "ORGMIRROR_TEST_EMBEDDED_USER"

// beUser starts or joins the server, says so on standard output, and then does
// what standard input asks for: "query" or "close". At the end of its input it
// leaves without Close.
func beUser(dataDir string) int {
	ctx := context.Background()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	embedded, err := postgres.StartEmbedded(ctx, postgres.EmbeddedConfig{DataDir: dataDir, Logger: logger})
	if err != nil {
		fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	fmt.Println("ready", embedded.URL(""))
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		switch input.Text() {
		case "query":
			if err := query(ctx, embedded.URL("")); err != nil {
				fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
				continue
			}
			fmt.Println("answered")
		case "close":
			if err := embedded.Close(); err != nil {
				fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
				return 1
			}
			fmt.Println("closed")
			return 0
		}
	}
	return 3
}

func query(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var one int
	return conn.QueryRow(ctx, `SELECT 1`).Scan(&one)
}

// user is another process that uses the embedded server.
type user struct {
	t     *testing.T
	cmd   *exec.Cmd
	input io.WriteCloser
	lines chan string // closed at the end of its output
}

// start runs a user and does not wait for it.
func start(t *testing.T, dataDir string, options ...func(*exec.Cmd)) *user {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), userVariable+"="+dataDir)
	cmd.Stderr = t.Output()
	for _, option := range options {
		option(cmd)
	}
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
	u := &user{t: t, cmd: cmd, input: input, lines: make(chan string, 100)}
	go func() {
		defer close(u.lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			u.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		u.wait()
	})
	return u
}

// join runs a user and returns when the server answers it.
func join(t *testing.T, dataDir string, options ...func(*exec.Cmd)) *user {
	t.Helper()
	u := start(t, dataDir, options...)
	u.expect("ready")
	return u
}

// expect waits for a line that begins with word and returns its rest.
func (u *user) expect(word string) string {
	u.t.Helper()
	select {
	case line, open := <-u.lines:
		rest, found := strings.CutPrefix(line, word)
		if !open || !found {
			u.t.Fatalf("process %d says %q, want %q", u.cmd.Process.Pid, line, word)
		}
		return strings.TrimSpace(rest)
	case <-time.After(time.Minute):
		u.t.Fatalf("process %d says nothing, want %q", u.cmd.Process.Pid, word)
	}
	return ""
}

func (u *user) query() {
	u.t.Helper()
	fmt.Fprintln(u.input, "query")
	u.expect("answered")
}

// close ends the user in the proper way.
func (u *user) close() {
	u.t.Helper()
	fmt.Fprintln(u.input, "close")
	u.expect("closed")
	u.wait()
}

// kill ends the user without letting it do anything.
func (u *user) kill() {
	u.t.Helper()
	if err := u.cmd.Process.Kill(); err != nil {
		u.t.Fatal(err)
	}
	u.wait()
}

func (u *user) wait() {
	for range u.lines { // Wait must come after the last read
	}
	_ = u.cmd.Wait() // its exit is not what tests look at; twice is an error without effect
}

// newCluster is pgtest.DataDir with a stopped cluster in it.
func newCluster(t *testing.T) string {
	t.Helper()
	dir := pgtest.DataDir(t)
	copyCluster(t, dir)
	return dir
}

// copyCluster fills dir with a copy of a cluster that is made once.
func copyCluster(t *testing.T, dir string) {
	t.Helper()
	source, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	// With its owners, as the server insists on its own.
	if out, err := exec.Command("cp", "-a", source+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// preparedDir is set by prepared, for TestMain to remove.
var preparedDir string

var prepared = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "orgmirror-embedded-")
	if err != nil {
		return "", err
	}
	preparedDir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	return dir, startAndClose(context.Background(), dir)
})

// serverPid reads the process id of the running server; 0 if it is stopped, or
// if its pid file is being written right now.
func serverPid(t *testing.T, dataDir string) int {
	t.Helper()
	content, err := os.ReadFile(pidFile(dataDir))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	first, _, whole := strings.Cut(string(content), "\n")
	if !whole {
		return 0
	}
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func pidFile(dataDir string) string {
	return filepath.Join(dataDir, "postgres", "data", "postmaster.pid")
}

// stopAtEnd stops what a failed test has left running in a folder below that of
// pgtest.DataDir.
func stopAtEnd(t *testing.T, dataDir string) {
	t.Cleanup(func() {
		if serverPid(t, dataDir) == 0 {
			return
		}
		if err := startAndClose(context.Background(), dataDir); err != nil {
			t.Error(err)
		}
	})
}

// waitUntil polls what gives no signal: other processes.
func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}

// expectStopped fails unless the server with this process id is gone.
func expectStopped(t *testing.T, dataDir string, pid int) {
	t.Helper()
	if pid == 0 || postgres.PidExists(pid) {
		t.Errorf("server process %d still runs", pid)
	}
	if left := serverPid(t, dataDir); left != 0 {
		t.Errorf("pid file of process %d is left", left)
	}
}
