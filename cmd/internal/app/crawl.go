package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/projector"
)

const (
	// closeTimeout is for giving unused calls back, on the way out.
	closeTimeout = 5 * time.Second
	// stillness is how long the read model may stand still, with records of the
	// log not in it, before nobody seems to be projecting.
	stillness = 30 * time.Second
)

// Crawl is a crawler with what it works with: the client, the budget of calls
// and the log.
type Crawl struct {
	*crawl.Crawler
	db     *Database
	cfg    config.Config
	tenant string
	log    *eventlog.Log
	mine   bool // the log was opened for this, and is closed with it
	client *feishu.Client
	reread *crawl.Rereader
	polls  *crawl.Poller
	budget *crawl.Budget
	logger *slog.Logger
}

// OpenCrawl asks Feishu which company the settings lead to, and makes what is
// needed to walk it.
func OpenCrawl(ctx context.Context, cfg config.Config, db *Database, logger *slog.Logger, progress func(crawl.Progress)) (*Crawl, error) {
	counter := &feishu.Counter{}
	tenant, err := askTenant(ctx, cfg, db, logger, counter)
	if err != nil {
		return nil, err
	}
	owner, err := owner(ctx, cfg, db)
	if err != nil {
		return nil, err
	}
	if owner.TenantKey != "" && owner.TenantKey != tenant.Key {
		return nil, cli.Usage(fmt.Errorf("%w: use another database, or list the companies under tenants in the configuration file", probe.ErrOtherCompany))
	}
	return openCrawl(ctx, opening{cfg: cfg, db: db, logger: logger, tenant: tenant.Key, counter: counter, progress: progress})
}

// openCrawlInto is OpenCrawl for a service, which has a log and figures already.
func openCrawlInto(ctx context.Context, t *tenant) (*Crawl, error) {
	counter := &feishu.Counter{}
	told, err := askTenant(ctx, t.cfg, t.db, t.logger, counter)
	if err != nil {
		return nil, err
	}
	owner, err := t.owner(ctx)
	if err != nil {
		return nil, err
	}
	if owner != (eventlog.Owner{}) && owner != (eventlog.Owner{TenantKey: told.Key, AppID: t.cfg.FeishuAppID}) {
		return nil, eventlog.ErrForeignApp
	}
	t.told.Store(&told)
	return openCrawl(ctx, opening{
		cfg: t.cfg, db: t.db, logger: t.logger, tenant: told.Key, counter: counter, log: t.log, rereads: t.rereads, figures: t.polls,
	})
}

// OpenPlan makes what is needed to plan a walk. Where the log already is that of
// the app, it says which company that is, and Feishu is not asked.
func OpenPlan(ctx context.Context, cfg config.Config, db *Database, logger *slog.Logger) (*Crawl, error) {
	counter := &feishu.Counter{}
	owner, err := owner(ctx, cfg, db)
	if err != nil {
		return nil, err
	}
	tenant := owner.TenantKey
	if owner.AppID != cfg.FeishuAppID {
		asked, err := askTenant(ctx, cfg, db, logger, counter)
		if err != nil {
			return nil, err
		}
		tenant = asked.Key
	}
	return openCrawl(ctx, opening{cfg: cfg, db: db, logger: logger, tenant: tenant, counter: counter})
}

// askTenant asks Feishu who the company is. Its one call is reserved for no
// company: which one's budget it belongs to is what it asks.
func askTenant(ctx context.Context, cfg config.Config, db *Database, logger *slog.Logger, counter *feishu.Counter) (_ feishu.Tenant, err error) {
	asking := &Crawl{db: db, logger: logger, cfg: cfg}
	if err := asking.connect("", counter); err != nil {
		return feishu.Tenant{}, err
	}
	defer func() { err = errors.Join(err, asking.Close()) }()
	return crawl.ResolveTenant(ctx, asking.client, cfg.FeishuTenantKey)
}

// opening is what a crawl is made of.
type opening struct {
	cfg      config.Config
	db       *Database
	logger   *slog.Logger
	tenant   string
	counter  *feishu.Counter
	progress func(crawl.Progress) // may be nil
	log      *eventlog.Log        // nil: it is opened
	rereads  *crawl.RereadMetrics // may be nil
	figures  *crawl.PollMetrics   // may be nil
}

func openCrawl(ctx context.Context, o opening) (_ *Crawl, err error) {
	c := &Crawl{db: o.db, logger: o.logger, cfg: o.cfg, tenant: o.tenant, log: o.log}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.connect(o.tenant, o.counter); err != nil {
		return nil, err
	}
	if c.log == nil {
		c.log, err = eventlog.Open(ctx, o.db.Pool, eventlog.Options{Logger: o.logger, AppID: o.cfg.FeishuAppID, TenantKey: o.tenant})
		if err != nil {
			return nil, err
		}
		c.mine = true
	}
	c.reread, err = crawl.NewRereader(crawl.RereadConfig{
		Client: c.client, Pool: o.db.Pool, Log: c.log, TenantKey: o.tenant, AppID: o.cfg.FeishuAppID,
		Rates: o.cfg.FeishuRates, Logger: o.logger, Metrics: o.rereads,
		Below: func(ctx context.Context, ids ...string) (int, error) { return c.WalkBelow(ctx, ids...) },
	})
	if err != nil {
		return nil, err
	}
	c.polls, err = crawl.NewPoller(crawl.PollerConfig{
		Client: c.client, Pool: o.db.Pool, Log: c.log, TenantKey: o.tenant, AppID: o.cfg.FeishuAppID,
		Intervals: o.cfg.PollIntervals, MonthlyCalls: o.cfg.FeishuMonthlyCalls, MaxRemovals: o.cfg.MaxRemovals, Logger: o.logger, Metrics: o.figures,
	})
	if err != nil {
		return nil, err
	}
	walk := crawl.Config{
		Client: c.client, Counter: o.counter, Pool: o.db.Pool, Log: c.log,
		TenantKey: o.tenant, AppID: o.cfg.FeishuAppID, Logger: o.logger, Progress: o.progress,
		MaxRemovals: o.cfg.MaxRemovals, Polls: c.polls,
	}
	if o.cfg.Reread != crawl.RereadNever {
		walk.Beside = c.reread.Beside // the lock of a walk keeps everybody else from it
	}
	c.Crawler, err = crawl.New(walk)
	return c, err
}

// connect makes the client and its budget of calls.
func (c *Crawl) connect(tenant string, counter *feishu.Counter) (err error) {
	cfg := c.cfg
	c.budget = crawl.NewBudget(c.db.Pool, crawl.BudgetConfig{
		AppID: cfg.FeishuAppID, TenantKey: tenant,
		Rates: cfg.FeishuRates, MonthlyCalls: cfg.FeishuMonthlyCalls, Logger: c.logger,
	})
	c.client, err = feishu.New(feishu.Config{
		BaseURL: cfg.FeishuBaseURL, AppID: cfg.FeishuAppID, AppSecret: cfg.FeishuAppSecret,
		Limiter: c.budget, Logger: c.logger, Observe: counter.Observe,
	})
	return cli.Usage(err)
}

// Close gives back what calls were reserved and not made, and closes the log.
func (c *Crawl) Close() error {
	var err error
	if c.mine {
		err = c.log.Close()
	}
	if c.client != nil {
		c.client.Close()
	}
	if c.budget != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		err = errors.Join(err, c.budget.Close(ctx))
	}
	return err
}

// Backfill walks the company once, with the core projector beside it while no
// other process has that job, and returns when the read model holds what was
// seen.
func (c *Crawl) Backfill(ctx context.Context) (summary crawl.Summary, err error) {
	err = c.beside(ctx, func(ctx context.Context) (directory.Position, error) {
		summary, err = c.Crawler.Backfill(ctx)
		return summary.Position, err
	})
	return summary, err
}

// Approve removes whom a walk holds, as far as Feishu proves it, in the same way.
func (c *Crawl) Approve(ctx context.Context, sweepID string) (removals crawl.Removals, err error) {
	err = c.beside(ctx, func(ctx context.Context) (directory.Position, error) {
		removals, err = c.Crawler.Approve(ctx, sweepID)
		return removals.Position, err
	})
	return removals, err
}

// beside does something that appends to the log while the core projector runs,
// and waits until the read model has come to the position where it ended.
func (c *Crawl) beside(ctx context.Context, work func(context.Context) (directory.Position, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	projecting, stop := context.WithCancel(ctx)
	group.Go(func() error {
		return projector.New(c.db.Pool, c.log, projector.Options{
			Logger: c.logger, RereadEvery: c.cfg.Reread == crawl.RereadAlways,
		}).Run(projecting)
	})
	group.Go(func() error {
		defer stop()
		position, err := work(ctx)
		if err != nil {
			return err
		}
		return c.projected(ctx, position)
	})
	return group.Wait()
}

// projected waits until the read model has come to a position. Another process
// may be projecting, and may be stopped: it is waited for as long as it moves.
func (c *Crawl) projected(ctx context.Context, position directory.Position) error {
	was := directory.Position(-1)
	for {
		waiting, cancel := context.WithTimeout(ctx, stillness)
		err := c.log.Await(waiting, projector.Consumer, position)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		at, err := c.log.Checkpoint(ctx, projector.Consumer)
		if err != nil {
			return err
		}
		if at == was {
			return cli.Database(fmt.Errorf("everything is in the log, but the read model has been standing at position %d of %d: "+
				"see what the process that keeps it (mirror serve) says", at, position))
		}
		was = at
	}
}
