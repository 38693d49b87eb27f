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
func (s *Service) crawling(stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	return serveUntil(stop, func() error { s.crawl(ctx); return nil }, cancel)
}

// longestCrawlPause is the longest wait before Feishu is tried again.
const longestCrawlPause = 5 * time.Minute

func (s *Service) crawl(ctx context.Context) {
	if s.cfg.FeishuAppID == "" || s.cfg.FeishuAppSecret == "" {
		s.logger.LogAttrs(ctx, slog.LevelInfo, "nothing is read again from feishu, for there are no credentials",
			slog.String("hint", "set "+config.Variable("feishu_app_id")+" and "+config.Variable("feishu_app_secret")))
		<-ctx.Done()
		return
	}
	pauses := backoff.ExponentialBackOff{
		InitialInterval: time.Second, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longestCrawlPause,
	}
	pauses.Reset()
	for ctx.Err() == nil {
		c, err := openCrawlInto(ctx, s)
		if err == nil {
			s.crawlWith(ctx, c)
			return
		}
		pause := pauses.NextBackOff()
		if ctx.Err() == nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "feishu cannot be asked yet, trying again", slog.Duration("pause", pause), slog.Any("error", err))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// crawlWith runs what asks Feishu, until the context ends. Each takes the crawl
// lock for itself, and for no longer than it works.
func (s *Service) crawlWith(ctx context.Context, c *Crawl) {
	defer func() {
		if err := c.Close(); err != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "reserved calls were not given back", slog.Any("error", err))
		}
	}()
	var group errgroup.Group
	if s.cfg.Reread != crawl.RereadNever {
		group.Go(func() error { c.reread.Run(ctx); return nil })
	}
	group.Go(func() error { c.polls.Run(ctx); return nil })
	group.Go(func() error { s.sweeps.Run(ctx, c.Crawler); return nil })
	group.Go(func() error { s.operator.run(ctx, c); return nil })
	drift := crawl.NewDrift(crawl.DriftConfig{
		Pool: s.db.Pool, TenantKey: c.tenant, Now: c.client.Now, Sample: s.cfg.Reread != crawl.RereadNever, Logger: s.logger,
	})
	group.Go(func() error { drift.Run(ctx); return nil })
	<-ctx.Done()
	_ = group.Wait() // none of them fails
}
