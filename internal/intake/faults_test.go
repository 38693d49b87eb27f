package intake_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/intake"
)

// The same events from all sides, at two processes at once: each is stored once,
// and everybody hears 200.
func TestDuplicatesAcrossProcesses(t *testing.T) {
	t.Parallel()
	one := newKit(t)
	two := kitOn(t, one.pool)
	const events, senders = 40, 3
	now := time.Now()
	var sending sync.WaitGroup
	for _, k := range []kit{one, two} {
		for range senders {
			sending.Go(func() {
				for i := range events {
					if status, body := k.signed(t, event(fmt.Sprint(i), now)); status != http.StatusOK {
						t.Errorf("%d %s", status, body)
					}
				}
			})
		}
	}
	sending.Wait()
	if records := one.records(t); len(records) != events {
		t.Errorf("%d records of %d events", len(records), events)
	}
	duplicates := one.count(t, "orgmirror_intake_duplicate_total") + two.count(t, "orgmirror_intake_duplicate_total")
	if want := 2*senders*events - events; duplicates != float64(want) {
		t.Errorf("%v duplicates counted, want %d", duplicates, want)
	}

	// A process that was started anew knows them too.
	three := kitOn(t, one.pool)
	if status, _ := three.signed(t, event("1", now)); status != http.StatusOK || three.count(t, requestsTotal, "reason", "duplicate") != 1 {
		t.Errorf("after a restart: %d, and no duplicate", status)
	}
}

// holdHead keeps the log from being written until the function returned is called.
func holdHead(t *testing.T, k kit) (release func()) {
	t.Helper()
	tx, err := k.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT position FROM mirror.event_log_head FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
}

// A queue that is full is said at once, not after a wait.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(o *eventlog.Options, _ *intake.Config, _ *intake.WebhookConfig) { o.QueueSize = 2 })
	if status, body := k.signed(t, event("first", time.Now())); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	release := holdHead(t, k)
	defer release()
	refused := make(chan struct{}, 100)
	var sending sync.WaitGroup
	for i := range 8 {
		sending.Go(func() {
			switch status, body := k.signed(t, event(fmt.Sprint(i), time.Now())); status {
			case http.StatusServiceUnavailable:
				refused <- struct{}{}
			case http.StatusOK:
			default:
				t.Errorf("%d %s", status, body)
			}
		})
	}
	select { // one was refused while the others still waited for the log
	case <-refused:
	case <-time.After(time.Minute):
		t.Error("nobody was refused")
	}
	release()
	sending.Wait()
	if n := k.count(t, requestsTotal, "code", "503", "reason", "queue_full"); n < 1 {
		t.Errorf("%v refusals counted", n)
	}
	// What was refused comes again, and is stored.
	for i := range 8 {
		if status, body := k.signed(t, event(fmt.Sprint(i), time.Now())); status != http.StatusOK {
			t.Errorf("again: %d %s", status, body)
		}
	}
	if n := len(k.records(t)); n != 9 {
		t.Errorf("%d records, want 9", n)
	}
}

// While the database is away Feishu is told so in time, and afterwards everything
// goes on by itself.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	if status, body := k.signed(t, event("before", time.Now())); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	config := k.pool.Config().ConnConfig
	database := config.Database
	config.Database = "postgres"
	admin, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.WithoutCancel(t.Context()))
	allow := func(yes string) {
		if _, err := admin.Exec(t.Context(), `ALTER DATABASE `+pgx.Identifier{database}.Sanitize()+` ALLOW_CONNECTIONS `+yes); err != nil {
			t.Fatal(err)
		}
	}
	allow("false")
	if _, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, database); err != nil {
		t.Fatal(err)
	}
	status, body := k.signed(t, event("during", time.Now()))
	if status != http.StatusServiceUnavailable || k.count(t, requestsTotal, "code", "503", "reason", "database") != 1 {
		t.Errorf("%d %s", status, body)
	}
	allow("true")
	deadline := time.After(time.Minute)
	for {
		status, body = k.signed(t, event("during", time.Now()))
		if status == http.StatusOK {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("a minute later: %d %s", status, body)
		default: // each attempt takes up to 2.5 s
		}
	}
	if n := len(k.records(t)); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

// When the log closes, what comes after is told to come again.
func TestStopping(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	if err := k.log.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body := k.signed(t, event("1", time.Now())); status != http.StatusServiceUnavailable || k.count(t, requestsTotal, "reason", "stopping") != 1 {
		t.Errorf("%d %s", status, body)
	}
}
