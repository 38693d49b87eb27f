package eventlog

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// hold is a session advisory lock for one consumer, on a connection of its own.
// It spares a standby from doing the work twice. It is no guarantee: the server
// may have given the lock to another while we have not noticed yet; the
// checkpoint's compare-and-set is what keeps effects from happening twice.
type hold struct {
	conn *pgx.Conn
	lost chan struct{} // closed: the session, and with it the lock, is gone

	stop    context.CancelFunc
	watcher sync.WaitGroup
}

// tryHold takes the lock, or answers ErrHeld. It keeps the connection of a
// standby for the next attempt: pass it again.
func (l *Log) tryHold(ctx context.Context, conn *pgx.Conn, consumer string) (*hold, *pgx.Conn, error) {
	if conn == nil {
		var err error
		if conn, err = connect(ctx, l.pool, "log consumer"); err != nil {
			return nil, nil, err
		}
	}
	var got bool
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	// Never the waiting form of the lock: its statement would keep a snapshot open
	// for as long as the standby waits, and hold back VACUUM of the whole database.
	err := conn.QueryRow(asking, tryLock, lockKey(consumer)).Scan(&got)
	if err != nil {
		closeConn(ctx, conn)
		return nil, nil, fmt.Errorf("take the lock of %s: %w", consumer, err)
	}
	if !got {
		return nil, conn, fmt.Errorf("%w: %s", ErrHeld, consumer)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &hold{conn: conn, lost: make(chan struct{}), stop: stop}
	h.watcher.Go(func() { h.watch(watching) })
	return h, nil, nil
}

const tryLock = `SELECT pg_try_advisory_lock($1)`

// lockKey maps a consumer's name to the key of its lock. Advisory locks are
// per database, and ours are told from others' by the prefix that is hashed in.
func lockKey(consumer string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("orgmirror consumer " + consumer))
	return int64(hash.Sum64()) // the bits are what counts
}

// watch closes lost when the connection ends. No notification ever comes here;
// waiting for one is how to learn of the end at once.
func (h *hold) watch(ctx context.Context) {
	for {
		if _, err := awaitNotification(ctx, h.conn); err != nil {
			if ctx.Err() == nil {
				close(h.lost)
			}
			return
		}
	}
}

// release gives the lock back.
func (h *hold) release(ctx context.Context) {
	h.stop()
	h.watcher.Wait()
	unlocking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = h.conn.Exec(unlocking, unlockAll) // at once; the end of the session would do it a moment later
	closeConn(ctx, h.conn)
}

const unlockAll = `SELECT pg_advisory_unlock_all()`

// acquire takes the lock, and while another has it asks again at the poll
// interval. It ends with ctx.
func (s *Subscriber) acquire(ctx context.Context, consumer string) (*hold, error) {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			closeConn(ctx, conn)
		}
	}()
	retry := pauses{first: 50 * time.Millisecond, most: 5 * time.Second}
	standby := pauses{first: s.opts.PollInterval, most: s.opts.PollInterval}
	for ctx.Err() == nil {
		var h *hold
		var err error
		switch h, conn, err = s.log.tryHold(ctx, conn, consumer); {
		case err == nil:
			return h, nil
		case errors.Is(err, ErrHeld):
			retry.reset()
			standby.wait(ctx)
		case ctx.Err() == nil:
			s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "consumer's lock not reached, trying again",
				slog.String("consumer", consumer), slog.Any("error", err))
			retry.wait(ctx)
		}
	}
	return nil, context.Cause(ctx)
}
