package eventlog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// TestMain also is the main of the processes that tests start: see child.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(child(role))
	}
	goleak.VerifyTestMain(m,
		// Watermill's TestReconnect leaves behind the reader of a channel that it never closes.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/pubsub/tests.TestReconnect.func2"))
}

// open opens a log that is closed before its database is dropped.
func open(t testing.TB, pool *pgxpool.Pool, opts eventlog.Options) *eventlog.Log {
	t.Helper()
	l, err := eventlog.Open(t.Context(), pool, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// newLog opens a log on a database of its own.
func newLog(t testing.TB, opts eventlog.Options) (*eventlog.Log, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.DB(t)
	return open(t, pool, opts), pool
}

// record is a plausible record with the given id.
func record(id string) directory.Record {
	return directory.Record{
		OccurredAt:    time.Date(2026, time.March, 14, 9, 26, 53, 589_000_000, time.UTC),
		TenantKey:     "tenant",
		AppID:         "cli_app",
		EventID:       id,
		EventType:     "contact.user.updated_v3",
		SchemaVersion: directory.SchemaVersion1,
		Source:        directory.SourceWebhook,
		EntityKind:    directory.KindUser,
		EntityID:      "ou_" + id,
		Payload: json.RawMessage(`{"event":{"object":{"open_id":"ou_` + id + `","name":"張三","department_ids":["od-1","od-2"],` +
			`"status":{"is_activated":true,"is_resigned":false}},"old_object":{"name":"李四"}}}`),
	}
}

// records are n records with ids prefix0, prefix1 ...
func records(prefix string, n int) []directory.Record {
	all := make([]directory.Record, n)
	for i := range all {
		all[i] = record(prefix + strconv.Itoa(i))
	}
	return all
}

func appendAll(t testing.TB, l *eventlog.Log, all ...directory.Record) []eventlog.Appended {
	t.Helper()
	answers, err := l.Append(t.Context(), all...)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// readAll reads the log from its beginning, in pages, and fails at a hole.
func readAll(t testing.TB, l *eventlog.Log) []directory.Record {
	t.Helper()
	var all []directory.Record
	for {
		page, err := l.Read(t.Context(), directory.Position(len(all)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range page {
			if want := directory.Position(len(all) + i + 1); r.Position != want {
				t.Fatalf("position %d follows %d", r.Position, want-1)
			}
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

// eventually asks again until what it waits for has come: for what only the
// database shows, and nothing signals.
func eventually(t testing.TB, what string, ok func(ctx context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ok(ctx)
		if yes {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
	}
}

// sessions counts the sessions of the pool's database that do a job for the log.
func sessions(pool *pgxpool.Pool, job string) func(ctx context.Context) (int, error) {
	return func(ctx context.Context) (n int, err error) {
		err = pool.QueryRow(ctx, countSessions, job).Scan(&n)
		return n, err
	}
}

const countSessions = `
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE '% ' || $1`

// kill ends the sessions that do a job for the log, and returns how many.
func kill(t testing.TB, pool *pgxpool.Pool, job string) int {
	t.Helper()
	var n int
	if err := pool.QueryRow(t.Context(), killSessions, job).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const killSessions = `
SELECT count(pg_terminate_backend(pid, 10000))
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE '% ' || $1`

// lockHead locks the head in a transaction, as a stuck append would, until the
// returned function is called.
func lockHead(t testing.TB, pool *pgxpool.Pool) (unlock func()) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM mirror.event_log_head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	unlock = func() { _ = tx.Rollback(context.Background()) }
	t.Cleanup(unlock)
	return unlock
}

// writersWaiting waits until n writers wait for the head.
func writersWaiting(t testing.TB, pool *pgxpool.Pool, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d writers at the head", n), func(ctx context.Context) (bool, error) {
		var waiting int
		err := pool.QueryRow(ctx, countWaiting).Scan(&waiting)
		return waiting == n, err
	})
}

const countWaiting = `
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE '% log writer' AND wait_event_type = 'Lock'`

// move moves a checkpoint in a transaction of its own.
func move(ctx context.Context, pool *pgxpool.Pool, consumer string, from, to directory.Position) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return eventlog.MoveCheckpoint(ctx, tx, consumer, from, to)
	})
}
