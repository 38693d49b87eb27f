package crawl

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Re-reads and walks share the crawl lock. A pass of re-reads is short, so a
// walk waits for its end; another walk is not, so it is told. The marker tells
// the one from the other: whoever re-reads takes it before the crawl lock.

const tryRereadMarker = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror re-reads ' || $1, 0))`

const rereadUnmark = `SELECT pg_advisory_unlock(hashtextextended('orgmirror re-reads ' || $1, 0))`

const (
	// askForLock is how often a walk looks whether a pass of re-reads has ended.
	askForLock = 100 * time.Millisecond
	// mournFor is how long a walk that has the lock may be one that was killed: the
	// server notices when its session has done what it was at.
	mournFor = 3 * time.Second
)

// takeCrawlLock takes the crawl lock in a session. It waits for a pass of
// re-reads, and answers ErrBusy where somebody walks.
func takeCrawlLock(ctx context.Context, conn *pgxpool.Conn, tenantKey string) error {
	for began := time.Now(); ; {
		got, err := try(ctx, conn, tryCrawlLock, tenantKey)
		if err != nil || got {
			return err
		}
		if got, err = try(ctx, conn, tryRereadMarker, tenantKey); err != nil {
			return err
		}
		if got {
			// Nobody re-reads, so it is a walk; or a pass that has ended since.
			if _, err := try(ctx, conn, rereadUnmark, tenantKey); err != nil {
				return err
			}
			got, err = try(ctx, conn, tryCrawlLock, tenantKey)
			if err != nil || got {
				return err
			}
			if time.Since(began) > mournFor {
				return ErrBusy
			}
		}
		if err := sleepUntil(ctx, time.Now().Add(askForLock)); err != nil {
			return err
		}
	}
}

func try(ctx context.Context, conn *pgxpool.Conn, sql, tenantKey string) (got bool, err error) {
	err = conn.QueryRow(ctx, sql, tenantKey).Scan(&got)
	return got, err
}

// lockedPass is a pass under the crawl lock.
func (r *Rereader) lockedPass(ctx context.Context) error {
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take the crawl lock for re-reads: %w", err)
	}
	defer func() {
		// Without the cancelled context, or the connection would go back locked.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, unlockSession); err != nil {
			_ = conn.Hijack().Close(ctx)
			return
		}
		conn.Release()
	}()
	for _, sql := range []string{tryRereadMarker, tryCrawlLock} {
		got, err := try(ctx, conn, sql, r.cfg.TenantKey)
		if err != nil {
			return fmt.Errorf("take the crawl lock for re-reads: %w", err)
		}
		if !got {
			return ErrBusy
		}
	}
	return r.pass(ctx, nil) // who has the lock has the endpoints to itself; the budget does the rest
}

const unlockSession = `SELECT pg_advisory_unlock_all()`

// beside starts what runs beside a walk. The caller ends it, before it gives
// the lock back, by what is returned.
func (c *Crawler) beside(ctx context.Context) (end func()) {
	if c.cfg.Beside == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.cfg.Beside(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}
