package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
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
	if b.format == "json" {
		return report.WriteJSON(b.stdout, list)
	}
	report.WriteRemovals(b.stdout, list...)
	return nil
}

func (b *backfill) showRemovals(ctx context.Context) error {
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
	c, err := app.OpenCrawl(ctx, b.cfg, b.db, b.logger, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	removals, err := c.Approve(ctx, b.args[0])
	return b.decided(removals, err)
}

func (b *backfill) reject(ctx context.Context) error {
	return b.decided(crawl.RejectRemovals(ctx, b.db.Pool, b.cfg.FeishuTenantKey, b.args[0]))
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
