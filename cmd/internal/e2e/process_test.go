package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a step of a test may take on a busy machine.
const patience = 90 * time.Second

// process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	stdout *lines
	stderr *lines
	done   chan struct{} // closed when the program has ended
}

// lines collects what a program writes and tells who waits for a line.
type lines struct {
	mu      sync.Mutex
	all     bytes.Buffer
	grown   chan struct{} // closed at the next line, and replaced
	reading sync.WaitGroup
}

func (l *lines) read(r io.Reader) {
	l.grown = make(chan struct{})
	l.reading.Go(func() {
		reader := bufio.NewReader(r)
		for {
			line, err := reader.ReadString('\n')
			l.mu.Lock()
			l.all.WriteString(line)
			close(l.grown)
			l.grown = make(chan struct{})
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
}

func (l *lines) String() string {
	text, _ := l.now()
	return text
}

func (l *lines) now() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String(), l.grown
}

// environment is what a program sees: nothing of the developer's own settings.
func environment(settings ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PG_BIN=" + os.Getenv("PG_BIN")}, settings...)
}

// start runs a program until the end of the test at the latest.
func start(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	cmd.Env, cmd.Dir = env, t.TempDir()
	return launch(t, cmd)
}

// launch runs a command until the end of the test at the latest.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, stdout: &lines{}, stderr: &lines{}, done: make(chan struct{})}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdout.read(stdout)
	p.stderr.read(stderr)
	go func() {
		defer close(p.done)
		p.stdout.reading.Wait() // before Wait, which closes the pipes
		p.stderr.reading.Wait()
		_ = p.cmd.Wait() // the exit code says it
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // also an embedded server gets its chance to stop
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	})
	return p
}

// code waits for the end of the program and returns its exit code.
func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s has not ended\nstdout:\n%s\nstderr:\n%s", p.cmd, p.stdout, p.stderr)
		return -1
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// until waits until what the program wrote satisfies.
func (p *process) until(t *testing.T, from *lines, what string, satisfied func(text string) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		text, grown := from.now()
		if satisfied(text) {
			return
		}
		select {
		case <-grown:
		case <-p.done:
			if text, _ := from.now(); satisfied(text) {
				return
			}
			t.Fatalf("%s ended without %s\nstdout:\n%s\nstderr:\n%s", p.cmd, what, p.stdout, p.stderr)
		case <-deadline:
			t.Fatalf("%s: no %s\nstdout:\n%s\nstderr:\n%s", p.cmd, what, p.stdout, p.stderr)
		}
	}
}

// logged waits for a log message and returns its attributes.
func (p *process) logged(t *testing.T, message string) map[string]any {
	t.Helper()
	var found map[string]any
	p.until(t, p.stderr, "log message "+message, func(text string) bool {
		for line := range strings.Lines(text) {
			var attrs map[string]any
			if json.Unmarshal([]byte(line), &attrs) == nil && attrs["msg"] == message {
				found = attrs
				return true
			}
		}
		return false
	})
	return found
}

// result is what a program left behind.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a program to its end.
func run(t *testing.T, env []string, program string, args ...string) result {
	t.Helper()
	p := start(t, env, program, args...)
	code := p.code(t)
	return result{code, p.stdout.String(), p.stderr.String()}
}

// mustRun runs a program that must succeed and returns what it wrote.
func mustRun(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	r := run(t, env, program, args...)
	if r.code != 0 {
		t.Fatalf("%s %q: exit code %d\nstdout:\n%s\nstderr:\n%s", program, args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// waitFor waits for something that no program says.
func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	waitUpTo(t, patience, what, happened)
}

func waitUpTo(t *testing.T, long time.Duration, what string, happened func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(long)
	for !happened() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
