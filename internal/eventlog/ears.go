package eventlog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// bell wakes whoever waits at the moment. To miss nothing a waiter takes the
// channel first, looks second, and waits third.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// heard returns a channel that the next ring closes.
func (b *bell) heard() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// ears listen for the database's notifications, on a connection of their own
// and from the first who needs them on. They only save time: all who wait also
// poll, and nothing that the ears miss is lost.
type ears struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
	pause  pauses

	appended bell // records were appended
	moved    bell // a checkpoint has moved

	once   sync.Once
	needed chan struct{}
}

func newEars(pool *pgxpool.Pool, logger *slog.Logger) *ears {
	return &ears{
		pool:   pool,
		logger: logger,
		pause:  pauses{first: 50 * time.Millisecond, most: 5 * time.Second},
		needed: make(chan struct{}),
	}
}

// need starts the listening.
func (e *ears) need() {
	e.once.Do(func() { close(e.needed) })
}

// run listens until ctx ends. An error never ends it.
func (e *ears) run(ctx context.Context) {
	select {
	case <-e.needed:
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		err := e.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		e.logger.LogAttrs(ctx, slog.LevelWarn, "not listening for notifications, polling until the next attempt",
			slog.Any("error", err))
		e.pause.wait(ctx)
	}
}

func (e *ears) listen(ctx context.Context) error {
	conn, err := connect(ctx, e.pool, "log listener")
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, listen); err != nil {
		return err
	}
	e.pause.reset()
	e.appended.ring() // whatever came while nobody listened
	e.moved.ring()
	for {
		n, err := awaitNotification(ctx, conn)
		if err != nil {
			return err
		}
		switch n.Channel {
		case "mirror_event_log":
			e.appended.ring()
		case "mirror_checkpoint":
			e.moved.ring()
		}
	}
}

const listen = `LISTEN mirror_event_log; LISTEN mirror_checkpoint`
