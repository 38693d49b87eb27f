package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
)

// crawling asks Feishu what the service wants to know by itself. It keeps the
// service from nothing: without credentials it does nothing, and while Feishu or
// its answers are bad it tries again, and says so.
func (t *tenant) crawling(stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	return serveUntil(stop, func() error { t.crawl(ctx); return nil }, cancel)
}

// longestCrawlPause is the longest wait before Feishu is tried again.
const longestCrawlPause = 5 * time.Minute

func (t *tenant) crawl(ctx context.Context) {
	if t.cfg.FeishuAppID == "" || t.cfg.FeishuAppSecret == "" {
		t.logger.LogAttrs(ctx, slog.LevelInfo, "nothing is read again from feishu, for there are no credentials",
			slog.String("hint", "set "+config.Variable("feishu_app_id")+" and "+config.Variable("feishu_app_secret")))
		<-ctx.Done()
		return
	}
	pauses := backoff.ExponentialBackOff{
		InitialInterval: time.Second, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longestCrawlPause,
	}
	pauses.Reset()
	for ctx.Err() == nil {
		c, err := openCrawlInto(ctx, t)
		if err == nil {
			t.crawlWith(ctx, c)
			return
		}
		pause := pauses.NextBackOff()
		if ctx.Err() == nil {
			t.logger.LogAttrs(ctx, slog.LevelWarn, "feishu cannot be asked yet, trying again", slog.Duration("pause", pause), slog.Any("error", err))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// crawlWith runs what asks Feishu, until the context ends. Each takes the crawl
// lock for itself, and for no longer than it works.
func (t *tenant) crawlWith(ctx context.Context, c *Crawl) {
	defer func() {
		if err := c.Close(); err != nil {
			t.logger.LogAttrs(ctx, slog.LevelWarn, "reserved calls were not given back", slog.Any("error", err))
		}
	}()
	var group errgroup.Group
	if t.cfg.Reread != crawl.RereadNever {
		group.Go(func() error { c.reread.Run(ctx); return nil })
	}
	group.Go(func() error { c.polls.Run(ctx); return nil })
	group.Go(func() error { t.sweeps.Run(ctx, c.Crawler); return nil })
	group.Go(func() error { t.operator.run(ctx, c); return nil })
	drift := crawl.NewDrift(crawl.DriftConfig{
		Pool: t.db.Pool, TenantKey: c.tenant, Now: c.client.Now, Sample: t.cfg.Reread != crawl.RereadNever, Logger: t.logger,
	})
	group.Go(func() error { drift.Run(ctx); return nil })
	<-ctx.Done()
	_ = group.Wait() // none of them fails
}
