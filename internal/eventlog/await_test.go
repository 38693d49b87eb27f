package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

const never = 24 * time.Hour // a poll interval that no test lives to see

func TestAwait(t *testing.T) {
	t.Parallel()

	t.Run("returns at once where the position is reached", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: never})
		if err := move(t.Context(), pool, "core", 0, 10); err != nil {
			t.Fatal(err)
		}
		for _, p := range []directory.Position{0, 9, 10} {
			if err := l.Await(t.Context(), "core", p); err != nil {
				t.Error(err)
			}
		}
		if err := l.Await(t.Context(), "never moved", 0); err != nil {
			t.Error(err)
		}
	})

	t.Run("is woken by the notification, each waiter at its own position", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: never})
		const positions, each = 20, 5
		arrived := make(chan directory.Position)
		var waiting sync.WaitGroup
		for p := range directory.Position(positions) {
			for range each {
				waiting.Go(func() {
					if err := l.Await(t.Context(), "core", p+1); err != nil {
						t.Error(err)
					}
					arrived <- p + 1
				})
			}
		}
		eventually(t, "the listener", func(ctx context.Context) (bool, error) {
			n, err := sessions(pool, "log listener")(ctx)
			return n == 1, err
		})
		for p := range directory.Position(positions) {
			if err := move(t.Context(), pool, "core", p, p+1); err != nil {
				t.Fatal(err)
			}
			for range each {
				if got := <-arrived; got != p+1 {
					t.Errorf("checkpoint at %d let go of one who waits for %d", p+1, got)
				}
			}
		}
		waiting.Wait()
	})

	t.Run("polls where no notification comes", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: 10 * time.Millisecond})
		waiting := make(chan error)
		go func() { waiting <- l.Await(t.Context(), "core", 5) }()
		if _, err := pool.Exec(t.Context(), `INSERT INTO mirror.checkpoint (consumer, position) VALUES ('core', 5)`); err != nil {
			t.Fatal(err)
		}
		if err := <-waiting; err != nil {
			t.Error(err)
		}
	})

	t.Run("ends with its context and with the log", func(t *testing.T) {
		t.Parallel()
		l, _ := newLog(t, eventlog.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := l.Await(ctx, "core", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want DeadlineExceeded", err)
		}
		waiting := make(chan error)
		go func() { waiting <- l.Await(t.Context(), "core", 1) }()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waiting; !errors.Is(err, eventlog.ErrClosed) {
			t.Errorf("error = %v, want ErrClosed", err)
		}
	})

	t.Run("asks once for many", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{PollInterval: never})
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for i := range 200 {
			waiting.Go(func() { _ = l.Await(ctx, fmt.Sprint("consumer", i%20), 1) })
		}
		eventually(t, "all to wait", func(context.Context) (bool, error) { return eventlog.Waiters(l) == 200, nil })
		for i := range 20 {
			if err := move(t.Context(), pool, fmt.Sprint("consumer", i), 0, 1); err != nil {
				t.Fatal(err)
			}
		}
		waiting.Wait()
		cancel()
		if n := eventlog.Waiters(l); n != 0 {
			t.Errorf("%d waiters left", n)
		}
	})
}
