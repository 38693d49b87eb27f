package crawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// One process at a time asks Feishu about a company: the one that has the crawl
// lock. A pass of re-reads is short, so whoever else wants the lock waits for its
// end; a sweep of the service can go on later, so it gives way to somebody who
// wants to walk or to decide; a walk that somebody began does not, so the second
// one is told. Markers tell them apart: re-reads and the service's sweeps take
// theirs before the crawl lock. Sessions hold all of these locks, so that a kill
// gives them back.
const (
	tryCrawlLock = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror crawl ' || $1, 0))`

	tryRereadMarker = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror re-reads ' || $1, 0))`
	rereadUnmark    = `SELECT pg_advisory_unlock(hashtextextended('orgmirror re-reads ' || $1, 0))`

	trySweepMarker = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror sweep ' || $1, 0))`
	sweepUnmark    = `SELECT pg_advisory_unlock(hashtextextended('orgmirror sweep ' || $1, 0))`

	// Who waits for a sweep of the service shares this one; the sweep tries to
	// have it alone.
	tryWanted      = `SELECT pg_try_advisory_lock_shared(hashtextextended('orgmirror crawl wanted ' || $1, 0))`
	wantedUnshare  = `SELECT pg_advisory_unlock_shared(hashtextextended('orgmirror crawl wanted ' || $1, 0))`
	tryNobodyWants = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror crawl wanted ' || $1, 0))`
	wantedUnlock   = `SELECT pg_advisory_unlock(hashtextextended('orgmirror crawl wanted ' || $1, 0))`

	unlockSession = `SELECT pg_advisory_unlock_all()`
)

const (
	// askForLock is how often it is looked whether the lock is free.
	askForLock = 100 * time.Millisecond
	// askWhoWants is how often a sweep of the service looks whether to give way.
	askWhoWants = 500 * time.Millisecond
	// mournFor is how long a walk that has the lock may be one that was killed: the
	// server notices when its session has done what it was at.
	mournFor = 3 * time.Second
)

// errGaveWay ends a sweep of the service that somebody else wants to go on with.
var errGaveWay = errors.New("the sweep gave way to somebody who wants to walk")

func try(ctx context.Context, conn *pgxpool.Conn, sql, tenantKey string) (got bool, err error) {
	err = conn.QueryRow(ctx, sql, tenantKey).Scan(&got)
	return got, err
}

// giveBack gives a session back without the locks that it holds.
func giveBack(ctx context.Context, conn *pgxpool.Conn) {
	// Without the cancelled context, or it would go back locked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, unlockSession); err != nil {
		_ = conn.Hijack().Close(ctx)
		return
	}
	conn.Release()
}

// lock makes this process the only one that walks the company.
func (c *Crawler) lock(ctx context.Context) (release func(), err error) {
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("take the crawl lock: %w", err)
	}
	if err := takeCrawlLock(ctx, conn, c.cfg.TenantKey); err != nil {
		giveBack(ctx, conn)
		return nil, fmt.Errorf("take the crawl lock: %w", err)
	}
	return func() { giveBack(ctx, conn) }, nil
}

// takeCrawlLock takes the crawl lock in a session. It waits for a pass of
// re-reads and for a sweep of the service to end, and answers ErrBusy where
// somebody walks.
func takeCrawlLock(ctx context.Context, conn *pgxpool.Conn, tenantKey string) error {
	wanted := false
	for began := time.Now(); ; {
		got, err := try(ctx, conn, tryCrawlLock, tenantKey)
		if err == nil && got && wanted {
			_, err = try(ctx, conn, wantedUnshare, tenantKey)
		}
		if err != nil || got {
			return err
		}
		waits, err := givesWay(ctx, conn, tenantKey)
		switch {
		case err != nil:
			return err
		case waits && !wanted:
			wanted, err = try(ctx, conn, tryWanted, tenantKey)
		case !waits && time.Since(began) > mournFor:
			// It is a walk, and one that goes on.
			err = ErrBusy
		}
		if err != nil {
			return err
		}
		if err := sleepUntil(ctx, time.Now().Add(askForLock)); err != nil {
			return err
		}
	}
}

// givesWay reports whether the lock is held by re-reads or by a sweep of the
// service.
func givesWay(ctx context.Context, conn *pgxpool.Conn, tenantKey string) (bool, error) {
	for _, marker := range [][2]string{{tryRereadMarker, rereadUnmark}, {trySweepMarker, sweepUnmark}} {
		free, err := try(ctx, conn, marker[0], tenantKey)
		if err != nil || !free {
			return !free, err
		}
		if _, err := try(ctx, conn, marker[1], tenantKey); err != nil {
			return false, err
		}
	}
	return false, nil
}

// lockedPass is a pass under the crawl lock.
func (r *Rereader) lockedPass(ctx context.Context) error {
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take the crawl lock for re-reads: %w", err)
	}
	defer giveBack(ctx, conn)
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

// sweepUnlessWanted is Backfill for the service: it goes on with the sweep that
// was interrupted, or begins one, and gives way where somebody wants to walk.
func (c *Crawler) sweepUnlessWanted(ctx context.Context, begun func(context.Context, Begun) error) (Summary, error) {
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("take the crawl lock for a sweep: %w", err)
	}
	defer giveBack(ctx, conn)
	got, err := try(ctx, conn, trySweepMarker, c.cfg.TenantKey)
	if err == nil && !got {
		err = ErrBusy
	}
	if err == nil {
		err = takeCrawlLock(ctx, conn, c.cfg.TenantKey)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("take the crawl lock for a sweep: %w", err)
	}
	sweeping, stop := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		stop(c.whenWanted(sweeping, conn))
	}()
	sum, err := c.sweep(sweeping, begun)
	if cause := context.Cause(sweeping); err != nil && ctx.Err() == nil && cause != nil {
		err = cause
	}
	stop(nil)
	<-watched
	return sum, err
}

// whenWanted returns errGaveWay when somebody wants the crawl lock, and nil when
// the context has ended.
func (c *Crawler) whenWanted(ctx context.Context, conn *pgxpool.Conn) error {
	for sleepUntil(ctx, time.Now().Add(askWhoWants)) == nil {
		nobody, err := c.nobodyWants(ctx, conn)
		switch {
		case err != nil:
			return fmt.Errorf("look who wants the crawl lock: %w", err) // the lock is gone with the session
		case !nobody:
			return errGaveWay
		}
	}
	return nil
}

func (c *Crawler) nobodyWants(ctx context.Context, conn *pgxpool.Conn) (bool, error) {
	// Cancelled in the middle of a statement the session would end, and the lock with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	nobody, err := try(ctx, conn, tryNobodyWants, c.cfg.TenantKey)
	if err == nil && nobody {
		_, err = try(ctx, conn, wantedUnlock, c.cfg.TenantKey)
	}
	return nobody, err
}

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
