package eventlog_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// Some promises are about several processes, one of which may be stopped or
// killed. These tests start their own binary again; TestMain then calls child.
const (
	childRole   = "ORGMIRROR_EVENTLOG_TEST_ROLE"   // what to do
	childURL    = "ORGMIRROR_EVENTLOG_TEST_URL"    // the database
	childPrefix = "ORGMIRROR_EVENTLOG_TEST_PREFIX" // of its event ids
)

const (
	freezeTimeout = 500 * time.Millisecond
	producers     = 4   // per process
	calls         = 50  // per producer
	perCall       = 3   // records of its own, and one that every process appends
	forever       = 1e9 // calls
)

func child(role string) int {
	ctx := context.Background()
	pool, err := postgres.Open(ctx, postgres.Config{URL: os.Getenv(childURL), ApplicationName: "child", MaxConns: 2})
	if err == nil {
		defer pool.Close()
		switch role {
		case "append":
			err = appendAndTell(ctx, pool, os.Getenv(childPrefix), calls)
		case "append forever":
			err = appendAndTell(ctx, pool, os.Getenv(childPrefix), forever)
		case "freeze":
			err = lockAndTell(ctx, pool)
		case "cut everybody off":
			_, err = pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// appendAndTell appends from several producers and prints each answer: event id,
// position, duplicate.
func appendAndTell(ctx context.Context, pool *pgxpool.Pool, prefix string, calls int) error {
	l, err := eventlog.Open(ctx, pool, eventlog.Options{Timeout: freezeTimeout})
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	var printing sync.Mutex
	for p := range producers {
		running.Go(func() {
			for c := range calls {
				batch := append(records(fmt.Sprintf("%s-%d-%d-", prefix, p, c), perCall), record(fmt.Sprintf("shared-%d-%d", p, c)))
				answers, err := l.Append(ctx, batch...)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				printing.Lock()
				for i, a := range answers {
					fmt.Fprintln(os.Stdout, batch[i].EventID, a.Position, a.Duplicate)
				}
				printing.Unlock()
			}
		})
	}
	running.Wait()
	return l.Close()
}

// lockAndTell is a writer that stops at the worst of all instants.
func lockAndTell(ctx context.Context, pool *pgxpool.Pool) error {
	session, err := eventlog.WriterSession(ctx, pool, freezeTimeout)
	if err != nil {
		return err
	}
	if _, err := session.Exec(ctx, `BEGIN; SELECT FROM mirror.event_log_head FOR UPDATE`); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "locked")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	return nil
}

// process is a started child.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, role, url, prefix string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childURL+"="+url, childPrefix+"="+prefix)
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil { // ends with us
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// told is one answer that a child got.
type told struct {
	eventID   string
	position  directory.Position
	duplicate bool
}

// answer reads the next line; false at the end. A line cut by a kill is no answer.
func (p *process) answer() (told, bool) {
	for p.lines.Scan() {
		if f := strings.Fields(p.lines.Text()); len(f) == 3 && (f[2] == "true" || f[2] == "false") {
			position, err := strconv.ParseInt(f[1], 10, 64)
			return told{f[0], directory.Position(position), f[2] == "true"}, err == nil
		}
	}
	return told{}, false
}

func poolOf(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, ApplicationName: "test", MaxConns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// checkAnswers compares what producers were told with the log, and returns how
// often each record was told to be new.
func checkAnswers(t *testing.T, log []directory.Record, answers []told) map[string]int {
	t.Helper()
	fresh := map[string]int{}
	for _, a := range answers {
		if a.position < 1 || int(a.position) > len(log) || log[a.position-1].EventID != a.eventID {
			t.Fatalf("a producer was told position %d, where its record is not", a.position)
		}
		if !a.duplicate {
			fresh[a.eventID]++
		}
	}
	return fresh
}

// Two processes and this one append side by side, each with several producers,
// while a reader follows. It must see every position, in order, without a hole.
func TestProcessesSideBySide(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := poolOf(t, url)
	l := open(t, pool, eventlog.Options{})
	const processes = 3
	const own, shared = producers * calls * perCall, producers * calls
	const total = processes*own + shared

	var mu sync.Mutex
	var answers []told
	collect := func(a ...told) {
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, a...)
	}
	var running sync.WaitGroup
	for i := range processes - 1 {
		p := start(t, "append", url, fmt.Sprint("child", i))
		running.Go(func() {
			for a, ok := p.answer(); ok; a, ok = p.answer() {
				collect(a)
			}
			if err := p.cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	for p := range producers {
		running.Go(func() {
			for c := range calls {
				batch := append(records(fmt.Sprintf("parent-%d-%d-", p, c), perCall), record(fmt.Sprintf("shared-%d-%d", p, c)))
				got, err := l.Append(t.Context(), batch...)
				if err != nil {
					t.Error(err)
					return
				}
				for i, a := range got {
					collect(told{batch[i].EventID, a.Position, a.Duplicate})
				}
			}
		})
	}
	reads := 0
	running.Go(func() { // the tailing reader, which never waits
		for last := directory.Position(0); last < total; reads++ {
			page, err := l.Read(t.Context(), last, 100)
			if err == nil {
				err = eventlog.CheckHoles(last, page)
			}
			if err != nil {
				t.Error(err)
				return
			}
			last += directory.Position(len(page))
		}
	})
	running.Wait()

	log := readAll(t, l)
	if len(log) != total || len(answers) != processes*(own+shared) {
		t.Fatalf("%d records and %d answers, want %d and %d", len(log), len(answers), total, processes*(own+shared))
	}
	fresh := checkAnswers(t, log, answers)
	for _, r := range log {
		if fresh[r.EventID] != 1 {
			t.Errorf("record %d was new to %d producers, want one", r.Position, fresh[r.EventID])
		}
	}
	t.Logf("%d records by %d processes, %d reads beside", len(log), processes, reads)
}

// A process is killed at some instant, again and again. What it was told stays
// true, the log has no hole, and others append at once.
func TestProcessIsKilled(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	l := open(t, poolOf(t, url), eventlog.Options{Timeout: freezeTimeout})
	var answers []told
	for round := range 8 {
		p := start(t, "append forever", url, fmt.Sprint("round", round))
		for range 50 + 37*round {
			a, ok := p.answer()
			if !ok {
				t.Fatal("the process ended by itself")
			}
			answers = append(answers, a)
		}
		p.signal(t, syscall.SIGKILL)
		appendAll(t, l, record(fmt.Sprint("after", round)))
		for a, ok := p.answer(); ok; a, ok = p.answer() { // what it had said before
			answers = append(answers, a)
		}
		_ = p.cmd.Wait()
	}
	checkAnswers(t, readAll(t, l), answers)
	t.Logf("%d answers of 8 killed processes hold", len(answers))
}

func TestProcessIsStopped(t *testing.T) {
	t.Parallel()

	// The worst instant, which no real append has: within the transaction, with the
	// head locked.
	t.Run("with the head locked, and holds the others for its time-out only", func(t *testing.T) {
		t.Parallel()
		url := pgtest.URL(t)
		pool := poolOf(t, url)
		l := open(t, pool, eventlog.Options{})
		appendAll(t, l, record("before"))
		p := start(t, "freeze", url, "")
		if !p.lines.Scan() || p.lines.Text() != "locked" {
			t.Fatalf("the process said %q", p.lines.Text())
		}
		p.signal(t, syscall.SIGSTOP)
		begin := time.Now()
		waiting := make(chan error)
		go func() {
			_, err := l.Append(t.Context(), record("after"))
			waiting <- err
		}()
		writersWaiting(t, pool, 1) // it is held indeed
		if err := <-waiting; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > freezeTimeout+3*time.Second { // the machine may be slow
			t.Errorf("held for %s, the time-out is %s", took, freezeTimeout)
		} else {
			t.Logf("held for %s, the time-out is %s", took, freezeTimeout)
		}
	})

	t.Run("at any instant of its appends", func(t *testing.T) {
		t.Parallel()
		url := pgtest.URL(t)
		l := open(t, poolOf(t, url), eventlog.Options{})
		p := start(t, "append forever", url, "child")
		var longest time.Duration
		for round := range 40 {
			for range 20 + round {
				if _, ok := p.answer(); !ok {
					t.Fatal("the process ended by itself")
				}
			}
			p.signal(t, syscall.SIGSTOP)
			begin := time.Now()
			appendAll(t, l, record(fmt.Sprint("beside", round)))
			longest = max(longest, time.Since(begin))
			p.signal(t, syscall.SIGCONT)
		}
		if longest > freezeTimeout+3*time.Second {
			t.Errorf("held for %s, the time-out is %s", longest, freezeTimeout)
		}
		readAll(t, l) // no hole
		t.Logf("longest append beside a stopped process: %s", longest)
	})
}
