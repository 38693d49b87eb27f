package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/query"
)

// operator does what operators ask of one company by the API, with the crawl that
// the service has of it. It is query's [query.Operator].
type operator struct {
	cfg    config.Config
	db     *Database
	sweeps *crawl.Sweeper

	open atomic.Pointer[Crawl]                    // nil while Feishu cannot be asked
	jobs chan func(ctx context.Context, c *Crawl) // taken at once while it can
}

func newOperator(cfg config.Config, db *Database, sweeps *crawl.Sweeper) *operator {
	return &operator{cfg: cfg, db: db, sweeps: sweeps, jobs: make(chan func(context.Context, *Crawl))}
}

// run does what comes in, until the context ends and all of it has.
func (o *operator) run(ctx context.Context, c *Crawl) {
	o.open.Store(c)
	defer o.open.Store(nil)
	var group errgroup.Group
	for {
		select {
		case job := <-o.jobs:
			group.Go(func() error { job(ctx, c); return nil })
		case <-ctx.Done():
			_ = group.Wait() // none of them fails
			return
		}
	}
}

// ready refuses what would ask Feishu while it cannot be asked. A sweep that was
// interrupted would go on, and get nowhere, without any call left.
func (o *operator) ready(ctx context.Context, tenantKey string) error {
	if o.cfg.FeishuAppID == "" || o.cfg.FeishuAppSecret == "" {
		return query.ErrNoFeishu
	}
	open := o.open.Load()
	if open == nil {
		return query.ErrFeishuAway
	}
	if tenantKey != "" && tenantKey != open.tenant {
		return fmt.Errorf("%w: the app is another company's", query.ErrFeishuAway)
	}
	return answer(ctx, open.budget.Spent(ctx))
}

// StartSweep has the sweeper begin one.
func (o *operator) StartSweep(ctx context.Context, tenantKey string) (query.StartedSweep, error) {
	if err := o.ready(ctx, tenantKey); err != nil {
		return query.StartedSweep{}, err
	}
	begun, err := o.sweeps.Start(ctx)
	if err != nil {
		return query.StartedSweep{}, answer(ctx, err)
	}
	return query.StartedSweep{ID: begun.SweepID, StartedAt: begun.StartedAt, Resumed: begun.Resumed}, nil
}

// ApproveRemovals does what `backfill removals approve` does, and does not wait
// until all are asked for.
func (o *operator) ApproveRemovals(ctx context.Context, tenantKey, sweepID string) error {
	if err := o.ready(ctx, tenantKey); err != nil {
		return err
	}
	stored := make(chan error, 1)
	approve := func(ctx context.Context, c *Crawl) {
		decided := false
		removals, err := c.ApproveThen(ctx, sweepID, func() {
			decided = true
			stored <- nil
		})
		switch {
		case !decided:
			stored <- err
		case err != nil && ctx.Err() == nil:
			c.logger.LogAttrs(ctx, slog.LevelWarn, "approved removals are not all proven, the next sweep goes on with them",
				slog.String("sweep_id", sweepID), slog.Any("error", err))
		case err == nil:
			for _, set := range removals.Sets {
				c.logger.LogAttrs(ctx, slog.LevelInfo, "approved removals are done", slog.String("sweep_id", sweepID),
					slog.String("kind", string(set.Kind)), slog.Int64("removed", set.Removed()), slog.Int64("unproven", set.Unproven))
			}
		}
	}
	select {
	case o.jobs <- approve:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-stored:
		return answer(ctx, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// RejectRemovals does what `backfill removals reject` does.
func (o *operator) RejectRemovals(ctx context.Context, tenantKey, sweepID string) error {
	_, err := crawl.RejectRemovals(ctx, o.db.Pool, tenantKey, sweepID)
	return answer(ctx, err)
}

// answer turns the crawl's errors into those that query knows, and leaves the
// others to it.
func answer(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []struct{ is, means error }{
		{crawl.ErrBusy, query.ErrSweepRunning},
		{crawl.ErrMonthlyBudget, query.ErrCallsSpent},
		{feishu.ErrQuota, query.ErrCallsSpent},
		{crawl.ErrUnknownSweep, query.ErrSweepUnknown},
		{crawl.ErrSuperseded, query.ErrSuperseded},
		{crawl.ErrNothingHeld, query.ErrNothingHeld},
		{context.Canceled, query.ErrFeishuAway}, // the service stops
	} {
		if ctx.Err() == nil && errors.Is(err, known.is) {
			return fmt.Errorf("%w: %w", known.means, err)
		}
	}
	var upstream *feishu.Error
	if errors.As(err, &upstream) {
		return fmt.Errorf("%w: %w", query.ErrFeishuAway, err)
	}
	return err
}
