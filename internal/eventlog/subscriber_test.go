package eventlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// follow subscribes until the end of the test.
func follow(t *testing.T, l *eventlog.Log, consumer string, opts eventlog.SubscriberOptions) (<-chan *message.Message, *eventlog.Subscriber) {
	t.Helper()
	if opts.RetryPause == 0 {
		opts.RetryPause = time.Millisecond
	}
	s := eventlog.NewSubscriber(l, opts)
	t.Cleanup(func() { _ = s.Close() })
	messages, err := s.Subscribe(t.Context(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	return messages, s
}

// next receives a message and its page.
func next(t *testing.T, messages <-chan *message.Message) (*message.Message, eventlog.Page) {
	t.Helper()
	select {
	case msg, open := <-messages:
		if !open {
			t.Fatal("the subscription has ended")
		}
		page, ok := eventlog.PageOf(msg)
		if !ok {
			t.Fatal("a message without a page")
		}
		return msg, page
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
	}
	panic("unreachable")
}

// handle does what a handler does: effects and checkpoint in one transaction.
func handle(ctx context.Context, pool *pgxpool.Pool, page eventlog.Page) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, r := range page.Records {
			if _, err := tx.Exec(ctx, `INSERT INTO effects (position) VALUES ($1)`, int64(r.Position)); err != nil {
				return err
			}
		}
		return eventlog.MoveCheckpoint(ctx, tx, page.Consumer, page.From, page.To)
	})
}

// effects makes the table that handle writes: one row too many fails the key.
func effects(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), `CREATE TABLE effects (position bigint PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
}

func TestSubscriber(t *testing.T) {
	t.Parallel()

	t.Run("delivers pages from the checkpoint on, each once", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: never})
		effects(t, pool)
		appendAll(t, l, records("e", 25)...)
		messages, s := follow(t, l, "core", eventlog.SubscriberOptions{PageSize: 10})
		for _, want := range []eventlog.Page{{From: 0, To: 10}, {From: 10, To: 20}, {From: 20, To: 25}} {
			msg, page := next(t, messages)
			if page.Consumer != "core" || page.From != want.From || page.To != want.To || len(page.Records) != int(want.To-want.From) {
				t.Errorf("page of %s from %d to %d with %d records, want %d to %d", page.Consumer, page.From, page.To, len(page.Records), want.From, want.To)
			}
			if err := handle(msg.Context(), pool, page); err != nil {
				t.Fatal(err)
			}
			msg.Ack()
			<-msg.Context().Done() // nothing more to do in it
		}
		if !s.Held("core") || s.Held("other") {
			t.Error("Held is wrong")
		}
		// Live: the log has been read to its end and is woken by the append.
		appendAll(t, l, record("live"))
		msg, page := next(t, messages)
		if page.From != 25 || page.To != 26 {
			t.Errorf("page from %d to %d, want 25 to 26", page.From, page.To)
		}
		if err := handle(msg.Context(), pool, page); err != nil {
			t.Fatal(err)
		}
		msg.Ack()
		if err := l.Await(t.Context(), "core", 26); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, open := <-messages; open {
			t.Error("a message came after Close")
		}
		if _, err := s.Subscribe(t.Context(), "core"); !errors.Is(err, eventlog.ErrClosed) {
			t.Errorf("error = %v, want ErrClosed", err)
		}
	})

	t.Run("reads again after a Nack, and never sends an old page", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: never})
		appendAll(t, l, records("e", 30)...)
		messages, _ := follow(t, l, "core", eventlog.SubscriberOptions{PageSize: 10})
		msg, page := next(t, messages)
		msg.Nack()
		msg, again := next(t, messages)
		if again.From != page.From || again.To != page.To {
			t.Errorf("page from %d to %d after a Nack, want the same as before", again.From, again.To)
		}
		// Somebody else did the work, and more.
		if err := move(t.Context(), pool, "core", 0, 15); err != nil {
			t.Fatal(err)
		}
		if err := move(msg.Context(), pool, "core", again.From, again.To); !errors.Is(err, eventlog.ErrCheckpointMoved) {
			t.Errorf("error = %v, want ErrCheckpointMoved", err)
		}
		msg.Nack()
		msg, page = next(t, messages)
		if page.From != 15 || page.To != 25 {
			t.Errorf("page from %d to %d, want 15 to 25", page.From, page.To)
		}
		// The same where the handler did not notice and acknowledged.
		if err := move(t.Context(), pool, "core", 15, 28); err != nil {
			t.Fatal(err)
		}
		msg.Ack()
		msg, page = next(t, messages)
		if page.From != 28 || page.To != 30 {
			t.Errorf("page from %d to %d, want 28 to 30", page.From, page.To)
		}
		msg.Nack()
	})

	t.Run("sends a page again that was acknowledged and not moved", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{PollInterval: never})
		appendAll(t, l, records("e", 3)...)
		messages, _ := follow(t, l, "core", eventlog.SubscriberOptions{})
		for range 3 {
			msg, page := next(t, messages)
			if page.From != 0 || page.To != 3 {
				t.Errorf("page from %d to %d, want 0 to 3", page.From, page.To)
			}
			msg.Ack()
		}
	})

	t.Run("moves the checkpoint itself where it is asked to", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{PollInterval: never})
		appendAll(t, l, records("e", 3)...)
		messages, _ := follow(t, l, "feed", eventlog.SubscriberOptions{PageSize: 1, CheckpointOnAck: true})
		for p := range directory.Position(3) {
			msg, page := next(t, messages)
			if page.From != p {
				t.Errorf("page from %d, want %d", page.From, p)
			}
			msg.Ack()
			if err := l.Await(t.Context(), "feed", p+1); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("polls where no notification comes", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: 10 * time.Millisecond})
		messages, _ := follow(t, l, "core", eventlog.SubscriberOptions{})
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { // an append of which nobody is told
			_, err := tx.Exec(t.Context(), `
				INSERT INTO mirror.event_log (position, recorded_at, occurred_at, event_id, payload)
				VALUES (1, now(), now(), 'a', '{}')`)
			if err != nil {
				return err
			}
			_, err = tx.Exec(t.Context(), `UPDATE mirror.event_log_head SET position = 1`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, page := next(t, messages); page.To != 1 {
			t.Errorf("page to %d, want 1", page.To)
		}
	})

	t.Run("needs a consumer's name, and its message a subscriber", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		s := eventlog.NewSubscriber(l, eventlog.SubscriberOptions{})
		if _, err := s.Subscribe(t.Context(), ""); err == nil {
			t.Error("subscribed without a name")
		}
		if _, ok := eventlog.PageOf(message.NewMessage("1", nil)); ok {
			t.Error("a page of a message that is not ours")
		}
	})
}

func TestStandby(t *testing.T) {
	t.Parallel()

	t.Run("waits until the other lets go", func(t *testing.T) {
		t.Parallel()
		first, pool := newLog(t, eventlog.Options{PollInterval: 10 * time.Millisecond})
		second := open(t, pool, eventlog.Options{PollInterval: 10 * time.Millisecond})
		appendAll(t, first, record("a"))
		messages, active := follow(t, first, "core", eventlog.SubscriberOptions{})
		msg, _ := next(t, messages)
		standing, standby := follow(t, second, "core", eventlog.SubscriberOptions{})
		eventually(t, "the standby to ask", func(ctx context.Context) (bool, error) {
			n, err := sessions(pool, "log consumer")(ctx)
			return n == 2, err
		})
		if !active.Held("core") || standby.Held("core") {
			t.Errorf("held by the first: %v, by the standby: %v", active.Held("core"), standby.Held("core"))
		}
		refusing := eventlog.NewSubscriber(second, eventlog.SubscriberOptions{NoWait: true})
		defer refusing.Close()
		if _, err := refusing.Subscribe(t.Context(), "core"); !errors.Is(err, eventlog.ErrHeld) {
			t.Errorf("error = %v, want ErrHeld", err)
		}
		select {
		case <-standing:
			t.Error("the standby was served")
		default:
		}
		msg.Nack()
		if err := active.Close(); err != nil {
			t.Error(err)
		}
		if _, page := next(t, standing); page.To != 1 || !standby.Held("core") {
			t.Errorf("page to %d, held %v", page.To, standby.Held("core"))
		}
	})

	t.Run("takes over when the other's connection is lost, and the other stops", func(t *testing.T) {
		t.Parallel()
		first, pool := newLog(t, eventlog.Options{PollInterval: 10 * time.Millisecond})
		second := open(t, pool, eventlog.Options{PollInterval: 10 * time.Millisecond})
		effects(t, pool)
		appendAll(t, first, record("a"))
		messages, _ := follow(t, first, "core", eventlog.SubscriberOptions{})
		msg, page := next(t, messages)
		standing, _ := follow(t, second, "core", eventlog.SubscriberOptions{})
		holder := `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
		if _, err := pool.Exec(t.Context(), holder); err != nil {
			t.Fatal(err)
		}
		<-msg.Context().Done() // the first knows
		theirs, same := next(t, standing)
		if same.From != page.From || same.To != page.To {
			t.Errorf("page from %d to %d, want the one that was not finished", same.From, same.To)
		}
		if err := handle(theirs.Context(), pool, same); err != nil {
			t.Error(err)
		}
		theirs.Ack()
		// The first works on, as one would that has not noticed, and cannot do harm.
		if err := handle(context.WithoutCancel(msg.Context()), pool, page); err == nil {
			t.Error("a page was handled twice")
		}
		msg.Nack()
		// One of the two is served from now on.
		appendAll(t, first, record("b"))
		var last eventlog.Page
		select {
		case m := <-messages:
			last, _ = eventlog.PageOf(m)
		case m := <-standing:
			last, _ = eventlog.PageOf(m)
		case <-time.After(30 * time.Second):
			t.Fatal("nobody is served")
		}
		if last.From != 1 || last.To != 2 {
			t.Errorf("page from %d to %d, want 1 to 2", last.From, last.To)
		}
	})

	t.Run("is not needed by one that does not wait", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		appendAll(t, l, record("a"))
		messages, _ := follow(t, l, "core", eventlog.SubscriberOptions{NoWait: true})
		if _, page := next(t, messages); page.To != 1 {
			t.Errorf("page to %d, want 1", page.To)
		}
	})
}

// Append comes from another process here, so that nothing but LISTEN can tell.
func TestListenerIsKilled(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{PollInterval: never})
	other := open(t, pool, eventlog.Options{})
	messages, _ := follow(t, l, "core", eventlog.SubscriberOptions{PageSize: 1, CheckpointOnAck: true})
	for i := range directory.Position(3) {
		eventually(t, "the listener", func(ctx context.Context) (bool, error) {
			n, err := sessions(pool, "log listener")(ctx)
			return n == 1, err
		})
		if n := kill(t, pool, "log listener"); n != 1 {
			t.Fatalf("killed %d listeners, want 1", n)
		}
		appendAll(t, other, record(string(rune('a'+i))))
		msg, page := next(t, messages)
		if page.To != i+1 {
			t.Errorf("page to %d, want %d", page.To, i+1)
		}
		msg.Ack()
	}
}
