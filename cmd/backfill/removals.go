package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/cmd/internal/report"
	"github.com/orgmirror/orgmirror/internal/crawl"
)

func newRemovals(b *backfill) *cobra.Command {
	removals := &cobra.Command{
		Use:   "removals",
		Short: "Look at, approve or reject removals that wait for a decision",
		Long: "A complete walk removes whom it did not see, once Feishu proves that they are gone. Larger sets wait for a decision; the\n" +
			"next complete walk replaces them, and holds who is still missing again. Approving asks Feishu for each, and keeps\n" +
			"whoever is not proven to be gone.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	add := func(use, short string, args cobra.PositionalArgs, run func(context.Context) error, required ...string) {
		removals.AddCommand(&cobra.Command{Use: use, Short: short, Args: args, RunE: b.withDatabase(run, required...)})
	}
	sweep := cobra.ExactArgs(1)
	add("list", "List the last walks that missed somebody", cobra.NoArgs, b.listRemovals)
	add("show <sweep>", "Show whom a walk did not see, and what Feishu said of them", sweep, b.showRemovals)
	add("approve <sweep>", "Ask Feishu for all that a walk holds, and remove who is proven to be gone", sweep, b.approve, credentials...)
	add("reject <sweep>", "Keep all that a walk holds, until the next walk", sweep, b.reject)
	return removals
}

func (b *backfill) listRemovals(ctx context.Context) error {
	list, err := crawl.ListRemovals(ctx, b.db.Pool)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(r crawl.Removals) bool { return !b.concerned(r.TenantKey) })
	if b.format == "json" {
		return report.WriteJSON(b.stdout, list)
	}
	report.WriteRemovals(b.stdout, list...)
	return nil
}

// concerned reports whether a company is one of those that the settings name; all
// are, where they name none.
func (b *backfill) concerned(tenantKey string) bool {
	return slices.ContainsFunc(b.cfg.EachTenant(), func(c config.Config) bool {
		return c.FeishuTenantKey == "" || c.FeishuTenantKey == tenantKey
	})
}

// ofSweep are the settings of the company that a walk was of.
func (b *backfill) ofSweep(ctx context.Context) (config.Config, error) {
	tenantKey, err := crawl.TenantOf(ctx, b.db.Pool, b.args[0])
	if err != nil {
		return config.Config{}, err
	}
	for _, cfg := range b.cfg.EachTenant() {
		if cfg.FeishuTenantKey == "" || cfg.FeishuTenantKey == tenantKey {
			return cfg, nil
		}
	}
	return config.Config{}, fmt.Errorf("%q: %w; this one is of a company that the settings do not name", b.args[0], crawl.ErrUnknownSweep)
}

func (b *backfill) showRemovals(ctx context.Context) error {
	if _, err := b.ofSweep(ctx); err != nil {
		return err
	}
	removals, candidates, err := crawl.ShowRemovals(ctx, b.db.Pool, b.args[0])
	if err != nil {
		return err
	}
	if b.format == "json" {
		return report.WriteJSON(b.stdout, struct {
			crawl.Removals
			Entities []crawl.Candidate `json:"entities"`
		}{removals, candidates})
	}
	report.WriteRemovals(b.stdout, removals)
	report.WriteCandidates(b.stdout, candidates)
	return nil
}

func (b *backfill) approve(ctx context.Context) (err error) {
	cfg, err := b.ofSweep(ctx)
	if err != nil {
		return err
	}
	c, err := app.OpenCrawl(ctx, cfg, b.db, b.logger, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	removals, err := c.Approve(ctx, b.args[0])
	return b.decided(removals, err)
}

func (b *backfill) reject(ctx context.Context) error {
	cfg, err := b.ofSweep(ctx)
	if err != nil {
		return err
	}
	return b.decided(crawl.RejectRemovals(ctx, b.db.Pool, cfg.FeishuTenantKey, b.args[0]))
}

// decided says what has become of a set.
func (b *backfill) decided(removals crawl.Removals, err error) error {
	switch {
	case err != nil:
		return err
	case b.format == "json":
		return report.WriteJSON(b.stdout, removals)
	}
	report.WriteRemovals(b.stdout, removals)
	return nil
}
