package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Await returns when the consumer's checkpoint has reached p: who appended at p
// now reads their own write. It waits as long as ctx allows, also for a position
// that the log does not have yet.
func (l *Log) Await(ctx context.Context, consumer string, p directory.Position) error {
	l.ears.need()
	w := &waiter{consumer: consumer, position: p, reached: make(chan struct{})}
	l.awaits.join(w)
	defer l.awaits.leave(w)
	var err error
	select {
	case <-w.reached:
		return nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-l.closed:
		err = ErrClosed
	}
	return fmt.Errorf("wait for %s to reach position %d: %w", consumer, p, err)
}

// waiter is one Await.
type waiter struct {
	consumer string
	position directory.Position
	reached  chan struct{}
}

// awaits is the one loop that asks for all waiters: at once when one joins, when
// a checkpoint is heard to have moved, and now and then. While nobody waits it
// asks nothing.
type awaits struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
	poll   time.Duration
	ears   *ears
	joined bell

	mu      sync.Mutex
	waiting map[*waiter]struct{}
}

func newAwaits(pool *pgxpool.Pool, logger *slog.Logger, poll time.Duration, ears *ears) *awaits {
	return &awaits{pool: pool, logger: logger, poll: poll, ears: ears, waiting: map[*waiter]struct{}{}}
}

func (a *awaits) join(w *waiter) {
	a.mu.Lock()
	a.waiting[w] = struct{}{}
	a.mu.Unlock()
	a.joined.ring()
}

func (a *awaits) leave(w *waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, w)
}

func (a *awaits) run(ctx context.Context) {
	poll := time.NewTimer(a.poll)
	defer poll.Stop()
	for {
		joined, moved := a.joined.heard(), a.ears.moved.heard()
		var tick <-chan time.Time
		if consumers := a.consumers(); len(consumers) > 0 {
			if err := a.release(ctx, consumers); err != nil && ctx.Err() == nil {
				a.logger.LogAttrs(ctx, slog.LevelWarn, "checkpoints not read, waiters go on waiting", slog.Any("error", err))
			}
			poll.Reset(a.poll)
			tick = poll.C
		}
		select {
		case <-joined:
		case <-moved:
		case <-tick:
		case <-ctx.Done():
			return
		}
	}
}

// consumers are those waited for.
func (a *awaits) consumers() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := map[string]bool{}
	var names []string
	for w := range a.waiting {
		if !seen[w.consumer] {
			seen[w.consumer] = true
			names = append(names, w.consumer)
		}
	}
	return names
}

// release asks once for all and lets go those whose position is reached.
func (a *awaits) release(ctx context.Context, consumers []string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	rows, err := a.pool.Query(ctx, selectCheckpoints, pgx.NamedArgs{"consumers": consumers})
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[checkpoint])
	if err != nil {
		return err
	}
	reached := map[string]directory.Position{}
	for _, c := range found {
		reached[c.Consumer] = c.Position
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.waiting {
		if w.position <= reached[w.consumer] { // 0 for a consumer that never moved
			close(w.reached)
			delete(a.waiting, w)
		}
	}
	return nil
}

type checkpoint struct {
	Consumer string
	Position directory.Position
}

const selectCheckpoints = `
SELECT consumer, position
FROM mirror.checkpoint
WHERE consumer = ANY (@consumers)
ORDER BY consumer`
