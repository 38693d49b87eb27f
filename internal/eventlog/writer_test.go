package eventlog_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// line is a pool's way to the server that a test can cut.
type line struct {
	swallow atomic.Bool // the next answer is lost, and the connection with it
	refuse  atomic.Bool // nobody connects
	lost    atomic.Int64
	refused atomic.Int64
}

type lineConn struct {
	net.Conn
	line *line
}

func (c lineConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.line.swallow.CompareAndSwap(true, false) {
		// The server has said it, so it has done it. We never hear of it.
		c.line.lost.Add(1)
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// cuttable is a pool over a line on the database of another pool.
func cuttable(t *testing.T, to *pgxpool.Pool) (*pgxpool.Pool, *line) {
	t.Helper()
	cut := &line{}
	config := to.Config()
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if cut.refuse.Load() {
			cut.refused.Add(1)
			return nil, errors.New("line is cut")
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return lineConn{conn, cut}, nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, cut
}

func TestAnswerOfACommitIsLost(t *testing.T) {
	t.Parallel()
	other, plain := newLog(t, eventlog.Options{})
	pool, cut := cuttable(t, plain)
	l := open(t, pool, eventlog.Options{})

	appendAll(t, other, record("old")) // before anything of ours
	appendAll(t, l, record("first"))   // connects, prepares
	cut.swallow.Store(true)
	// Committed at once, and the answer lost. The batch holds a repetition of its
	// own and a true duplicate, which must stay duplicates.
	got := appendAll(t, l, record("a"), record("old"), record("b"), record("a"), record("c"))
	want := []eventlog.Appended{
		{Position: 3},
		{Position: 1, Duplicate: true},
		{Position: 4},
		{Position: 3, Duplicate: true},
		{Position: 5},
	}
	if cut.lost.Load() != 1 {
		t.Fatalf("%d answers lost, want 1: the test proves nothing", cut.lost.Load())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if n := len(readAll(t, l)); n != 5 {
		t.Errorf("%d records, want 5", n)
	}
}

// Records that another process appended in the moment when our answer was lost
// are its, not ours, unless they are the same in every column.
func TestAnswerIsLostAndAnotherWasFirst(t *testing.T) {
	t.Parallel()
	other, plain := newLog(t, eventlog.Options{})
	pool, cut := cuttable(t, plain)
	l := open(t, pool, eventlog.Options{})
	appendAll(t, l, record("first"))
	theirs := record("a")
	theirs.Source = directory.SourceBackfill
	appendAll(t, other, theirs)

	cut.swallow.Store(true)
	got := appendAll(t, l, record("a"), record("b"))
	want := []eventlog.Appended{{Position: 2, Duplicate: true}, {Position: 3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestWriterSessionIsKilled(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{})
	appendAll(t, l, record("first"))
	unlock := lockHead(t, pool)
	done := make(chan []eventlog.Appended)
	go func() {
		answers, err := l.Append(t.Context(), records("e", 50)...)
		if err != nil {
			t.Error(err)
		}
		done <- answers
	}()
	for range 3 { // each time in the middle of the append
		writersWaiting(t, pool, 1)
		if n := kill(t, pool, "log writer"); n != 1 {
			t.Fatalf("killed %d writers, want 1", n)
		}
	}
	unlock()
	for i, a := range <-done {
		if want := (eventlog.Appended{Position: directory.Position(i + 2)}); a != want {
			t.Errorf("record %d got %+v, want %+v", i, a, want)
		}
	}
	if n := len(readAll(t, l)); n != 51 {
		t.Errorf("%d records, want 51", n)
	}
}

func TestDatabaseIsAway(t *testing.T) {
	t.Parallel()

	cutOff := func(t *testing.T, retryFor time.Duration) (*eventlog.Log, *line) {
		t.Helper()
		plain := pgtest.DB(t)
		pool, cut := cuttable(t, plain)
		l := open(t, pool, eventlog.Options{RetryFor: retryFor, Timeout: 200 * time.Millisecond})
		appendAll(t, l, record("first"))
		cut.refuse.Store(true)
		kill(t, plain, "log writer")
		return l, cut
	}

	t.Run("producers wait until it is back", func(t *testing.T) {
		t.Parallel()
		l, cut := cutOff(t, time.Minute)
		var waiting sync.WaitGroup
		for _, id := range []string{"a", "b", "c"} {
			waiting.Go(func() {
				if _, err := l.Append(t.Context(), record(id)); err != nil {
					t.Error(err)
				}
			})
		}
		eventually(t, "attempts in vain", func(context.Context) (bool, error) { return cut.refused.Load() > 2, nil })
		cut.refuse.Store(false)
		waiting.Wait()
		if n := len(readAll(t, l)); n != 4 {
			t.Errorf("%d records, want 4", n)
		}
	})

	t.Run("producers get the error after a while", func(t *testing.T) {
		t.Parallel()
		l, cut := cutOff(t, 100*time.Millisecond)
		if _, err := l.Append(t.Context(), record("a")); err == nil || !strings.Contains(err.Error(), "line is cut") {
			t.Errorf("error = %v, want the connection's", err)
		}
		cut.refuse.Store(false)
		appendAll(t, l, record("a")) // safe to send again, and the writer lives
	})

	t.Run("Close does not wait for it long", func(t *testing.T) {
		t.Parallel()
		l, cut := cutOff(t, time.Hour)
		failed := make(chan error)
		go func() {
			_, err := l.Append(t.Context(), record("a"))
			failed <- err
		}()
		eventually(t, "an attempt in vain", func(context.Context) (bool, error) { return cut.refused.Load() > 0, nil })
		start := time.Now()
		go func() { _ = l.Close() }()
		if err := <-failed; err == nil {
			t.Error("no error from an append that cannot have been made")
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("Close kept the producer waiting for %s", took)
		}
	})
}

// What the session is set to is what keeps a stopped process from holding others.
func TestWriterSession(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t) // its server has synchronous_commit = off
	session, err := eventlog.WriterSession(t.Context(), pool, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(t.Context())
	var version int
	if err := session.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"lock_timeout":                        "2500ms",
		"statement_timeout":                   "5s",
		"idle_in_transaction_session_timeout": "5s",
		"idle_session_timeout":                "0",
		"default_transaction_isolation":       "read committed",
		"synchronous_commit":                  "on",
	}
	if version >= 170000 {
		want["transaction_timeout"] = "10s"
	}
	for name, value := range want {
		var got string
		if err := session.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != value {
			t.Errorf("%s = %s, want %s", name, got, value)
		}
	}
}
