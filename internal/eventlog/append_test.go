package eventlog_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

func TestAppend(t *testing.T) {
	t.Parallel()

	t.Run("numbers from one and gives back what was put in", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		sent := records("e", 3)
		sent[1].CorrelationID = "sweep-1"
		sent[2].Payload = []byte(" {\"a\" : 1.0, \"a\":2}\n") // json keeps blanks, order and repeated keys
		answers := appendAll(t, l, sent...)
		if diff := cmp.Diff([]eventlog.Appended{{Position: 1}, {Position: 2}, {Position: 3}}, answers); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		got := readAll(t, l)
		for i := range got {
			if got[i].RecordedAt.IsZero() {
				t.Errorf("record %d has no recorded_at", i)
			}
			sent[i].Position, sent[i].RecordedAt = directory.Position(i+1), got[i].RecordedAt
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})

	t.Run("answers a repeated delivery with the first position", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		appendAll(t, l, record("a"), record("b"))
		other := record("b")
		other.TenantKey = "another tenant" // the same event id, another event
		got := appendAll(t, l, record("b"), record("c"), other, record("a"))
		want := []eventlog.Appended{{Position: 2, Duplicate: true}, {Position: 3}, {Position: 4}, {Position: 1, Duplicate: true}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if n := len(readAll(t, l)); n != 4 {
			t.Errorf("%d records, want 4", n)
		}
	})

	t.Run("stores the first of equals within one batch", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		first, again := record("a"), record("a")
		again.Payload = []byte(`"later"`)
		got := appendAll(t, l, record("x"), first, record("y"), again, again, record("z"))
		want := []eventlog.Appended{
			{Position: 1},
			{Position: 2},
			{Position: 3},
			{Position: 2, Duplicate: true},
			{Position: 2, Duplicate: true},
			{Position: 4},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		if got := readAll(t, l)[1].Payload; string(got) != string(first.Payload) {
			t.Errorf("stored %s, want the first one's payload", got)
		}
	})

	t.Run("keeps the records of one call together and in order", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		const producers, calls, each = 8, 20, 30
		var running sync.WaitGroup
		for p := range producers {
			running.Go(func() {
				for c := range calls {
					answers, err := l.Append(t.Context(), records(string(rune('A'+p))+string(rune('A'+c)), each)...)
					if err != nil {
						t.Error(err)
						return
					}
					for i, a := range answers {
						if want := answers[0].Position + directory.Position(i); a.Position != want || a.Duplicate {
							t.Errorf("record %d of a call got %+v, want position %d", i, a, want)
						}
					}
				}
			})
		}
		running.Wait()
		if n := len(readAll(t, l)); n != producers*calls*each {
			t.Errorf("%d records, want %d", n, producers*calls*each)
		}
	})

	t.Run("appends more than a batch and more than the queue holds, in order", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{QueueSize: 300})
		sent := records("e", 2500)
		sent[100].Payload = []byte(`"` + strings.Repeat("x", 2<<20) + `"`) // more than a batch alone
		answers := appendAll(t, l, sent...)
		for i, a := range answers {
			if a.Position != directory.Position(i+1) || a.Duplicate {
				t.Fatalf("record %d got %+v", i, a)
			}
		}
		if n := len(readAll(t, l)); n != len(sent) {
			t.Errorf("%d records, want %d", n, len(sent))
		}
	})

	t.Run("nothing is nothing", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		if answers := appendAll(t, l); len(answers) != 0 {
			t.Errorf("answers to no records: %v", answers)
		}
	})

	t.Run("never lets recorded_at go back", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		appendAll(t, l, record("a"))
		// As if the clock had been an hour ahead when the last record came.
		if _, err := pool.Exec(t.Context(), `UPDATE mirror.event_log_head SET recorded_at = now() + interval '1 hour'`); err != nil {
			t.Fatal(err)
		}
		appendAll(t, l, record("b"), record("c"))
		all := readAll(t, l)
		if all[1].RecordedAt.Before(time.Now().Add(time.Minute)) || all[2].RecordedAt.Before(all[1].RecordedAt) {
			t.Errorf("recorded_at went back: %v, %v", all[1].RecordedAt, all[2].RecordedAt)
		}
	})
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()

	t.Run("a full queue at once, and only that call", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{QueueSize: 10})
		unlock := lockHead(t, pool)
		var waiting sync.WaitGroup
		appendOne := func(all ...directory.Record) {
			waiting.Go(func() {
				if _, err := l.Append(t.Context(), all...); err != nil {
					t.Error(err)
				}
			})
		}
		appendOne(record("being written"))
		writersWaiting(t, pool, 1)
		appendOne(records("queued", 8)...)
		eventually(t, "the queue to fill", func(context.Context) (bool, error) { return eventlog.QueueDepth(l) == 8, nil })

		if _, err := l.Append(t.Context(), records("too many", 3)...); !errors.Is(err, eventlog.ErrQueueFull) {
			t.Errorf("error = %v, want ErrQueueFull", err)
		}
		appendOne(records("fits", 2)...)
		eventually(t, "the queue to fill", func(context.Context) (bool, error) { return eventlog.QueueDepth(l) == 10, nil })
		unlock()
		waiting.Wait()
		if n := len(readAll(t, l)); n != 11 {
			t.Errorf("%d records, want 11", n)
		}
	})

	t.Run("a producer whose context has ended before its turn", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		unlock := lockHead(t, pool)
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := l.Append(t.Context(), record("first")); err != nil {
				t.Error(err)
			}
		})
		writersWaiting(t, pool, 1)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := l.Append(ctx, record("gone"))
			gone <- err
		}()
		eventually(t, "the call to queue", func(context.Context) (bool, error) { return eventlog.QueueDepth(l) == 1, nil })
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}
		unlock()
		waiting.Wait()
		appendAll(t, l, record("last"))
		if all := readAll(t, l); len(all) != 2 || all[1].EventID != "last" {
			t.Errorf("%d records, want first and last", len(all))
		}
	})

	t.Run("a record without an event id", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		if _, err := l.Append(t.Context(), record("a"), record("")); !errors.Is(err, eventlog.ErrInvalidRecord) {
			t.Errorf("error = %v, want ErrInvalidRecord", err)
		}
		if n := len(readAll(t, l)); n != 0 {
			t.Errorf("%d records, want none of the call's", n)
		}
	})

	t.Run("another app of the tenant", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{TenantKey: "tenant", AppID: "cli_app"})
		foreign := record("a")
		foreign.AppID = "cli_other"
		if _, err := l.Append(t.Context(), foreign); !errors.Is(err, eventlog.ErrForeignApp) {
			t.Errorf("error = %v, want ErrForeignApp", err)
		}
		own := record("b")
		own.TenantKey, own.AppID = "", "" // filled in
		appendAll(t, l, own)
		if got := readAll(t, l)[0]; got.TenantKey != "tenant" || got.AppID != "cli_app" {
			t.Errorf("tenant %q and app %q, want those of the options", got.TenantKey, got.AppID)
		}
	})

	t.Run("everything after Close, but not what was queued before", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{Timeout: time.Minute}) // Close has patience
		unlock := lockHead(t, pool)
		var waiting sync.WaitGroup
		appendOne := func(id string) {
			waiting.Go(func() {
				if _, err := l.Append(t.Context(), record(id)); err != nil {
					t.Error(err)
				}
			})
		}
		appendOne("a")
		writersWaiting(t, pool, 1)
		appendOne("b")
		appendOne("c")
		eventually(t, "two calls to queue", func(context.Context) (bool, error) { return eventlog.QueueDepth(l) == 2, nil })
		closed := make(chan error)
		go func() { closed <- l.Close() }()
		gone, cancel := context.WithCancel(t.Context())
		cancel() // who asks whether it has closed yet shall not wait for the answer
		eventually(t, "the log to close", func(context.Context) (bool, error) {
			_, err := l.Append(gone, record("late"))
			return errors.Is(err, eventlog.ErrClosed), err
		})
		unlock()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		waiting.Wait()
		again := open(t, pool, eventlog.Options{})
		stored := map[string]bool{}
		for _, r := range readAll(t, again) {
			stored[r.EventID] = true
		}
		if !stored["a"] || !stored["b"] || !stored["c"] || stored["late"] {
			t.Errorf("stored %v, want a, b and c", stored)
		}
	})
}
