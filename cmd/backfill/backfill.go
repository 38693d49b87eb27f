package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/cmd/internal/report"
	"github.com/orgmirror/orgmirror/internal/crawl"
)

func newRoot() *cobra.Command {
	var format string
	root := &cobra.Command{
		Use:   "backfill",
		Short: "Walk a Feishu company once and mirror what it shows",
		Long: "backfill walks everything that the app may see and mirrors it into the database. Killed, it goes on where it was at\n" +
			"the next run (within a day). What did not change is not written. It runs beside `mirror serve`, or without.\n\n" + cli.Help(),
		Args:    cobra.NoArgs,
		Version: cli.Version(version),
		RunE: withCrawl(&format, func(ctx context.Context, cmd *cobra.Command, w walk) error {
			summary, err := w.backfill(ctx, cmd)
			if err != nil {
				return err
			}
			if format == "json" {
				return report.WriteSummaryJSON(cmd.OutOrStdout(), summary)
			}
			report.WriteSummary(cmd.OutOrStdout(), summary)
			return nil
		}),
	}
	plan := &cobra.Command{
		Use:   "plan",
		Short: "Say what a walk would cost: calls and minutes",
		Long: "plan estimates a walk. Before the first one it asks Feishu for the departments, and for nothing else; after a complete\n" +
			"one it knows them.",
		Args: cobra.NoArgs,
		RunE: withCrawl(&format, func(ctx context.Context, cmd *cobra.Command, w walk) error {
			plan, err := w.Plan(ctx, w.cfg.FeishuRates)
			if err != nil {
				return err
			}
			if format == "json" {
				return report.WritePlanJSON(cmd.OutOrStdout(), plan)
			}
			report.WritePlan(cmd.OutOrStdout(), plan)
			return nil
		}),
	}
	root.AddCommand(plan)
	config.Register(root.PersistentFlags(), config.Database, config.Feishu, config.Tenant)
	root.PersistentFlags().StringVar(&format, "format", "text", "text or json")
	return root
}

// walk is an open crawl with what shows its progress.
type walk struct {
	*app.Crawl
	cfg      config.Config
	progress *report.Progress
}

// withCrawl opens everything for a command and closes it again.
func withCrawl(format *string, run func(context.Context, *cobra.Command, walk) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := app.Settings(cmd, "feishu_app_id", "feishu_app_secret")
		if *format != "text" && *format != "json" {
			err = errors.Join(err, cli.Usage(fmt.Errorf("--format: %q: must be text or json", *format)))
		}
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		logger := app.Logger(cmd.ErrOrStderr(), cfg, report.IsTerminal(cmd.ErrOrStderr()))
		logger.LogAttrs(ctx, slog.LevelInfo, "backfill starts", slog.Any("configuration", cfg))
		db, err := app.OpenDatabase(ctx, cfg, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		w := walk{cfg: cfg, progress: report.NewProgress(cmd.ErrOrStderr())}
		if w.Crawl, err = app.OpenCrawl(ctx, cfg, db, logger, w.progress.Update); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
		return run(ctx, cmd, w)
	}
}

func (w walk) backfill(ctx context.Context, cmd *cobra.Command) (crawl.Summary, error) {
	summary, err := w.Backfill(ctx)
	w.progress.Done()
	if err != nil && ctx.Err() != nil && summary.SweepID != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "Stopped after %d people in %d departments, %d calls. The next run goes on from here.\n",
			summary.Users, summary.Departments, summary.Calls)
	}
	return summary, err
}
