package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/cmd/internal/report"
	"github.com/orgmirror/orgmirror/internal/crawl"
)

func newRoot() *cobra.Command {
	b := &backfill{}
	root := &cobra.Command{
		Use:   "backfill",
		Short: "Walk a Feishu company once and mirror what it shows",
		Long: "backfill walks everything that the app may see and mirrors it into the database. Killed, it goes on where it was at\n" +
			"the next run (within a day). What did not change is not written. It runs beside `mirror serve`, or without.\n\n" +
			"Whom a complete walk did not see is asked for, and removed when Feishu proves that they are gone. Are they more than\n" +
			"--max-removals, or all there are, then they are held until somebody decides: backfill removals. The exit code is 4.\n\n" +
			"Where the configuration file lists several companies it walks one after the other, or the one that --tenant names.\n\n" +
			cli.Help(),
		Args:    cobra.NoArgs,
		Version: cli.Version(version),
		RunE:    b.withDatabase(b.walk, credentials...),
	}
	root.AddCommand(&cobra.Command{
		Use:   "plan",
		Short: "Say what a walk would cost: calls and minutes",
		Long: "plan estimates a walk. Before the first one it asks Feishu for the departments, and for nothing else; after a complete\n" +
			"one it asks for nothing.",
		Args: cobra.NoArgs,
		RunE: b.withDatabase(b.plan, credentials...),
	})
	root.AddCommand(newRemovals(b), newResources(b))
	config.Register(root.PersistentFlags(), config.Database, config.Feishu, config.Tenant)
	root.PersistentFlags().StringVar(&b.format, "format", "text", "text or json")
	return root
}

// credentials are the settings without which Feishu cannot be asked.
var credentials = []string{"feishu_app_id", "feishu_app_secret"}

// backfill is what all commands work with.
type backfill struct {
	format string

	args []string

	cfg            config.Config
	db             *app.Database
	logger         *slog.Logger
	stdout, stderr io.Writer
}

// withDatabase opens the database for a command and closes it again.
func (b *backfill) withDatabase(run func(context.Context) error, required ...string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		ctx := cmd.Context()
		b.args, b.stdout, b.stderr = args, cmd.OutOrStdout(), cmd.ErrOrStderr()
		b.cfg, err = app.Settings(cmd, required...)
		if b.format != "text" && b.format != "json" {
			err = errors.Join(err, cli.Usage(fmt.Errorf("--format: %q: must be text or json", b.format)))
		}
		if err != nil {
			return err
		}
		b.logger = app.Logger(b.stderr, b.cfg, report.IsTerminal(b.stderr))
		b.logger.LogAttrs(ctx, slog.LevelInfo, "backfill starts", slog.String("version", cli.Version(version)), slog.Any("configuration", b.cfg))
		if b.db, err = app.OpenDatabase(ctx, b.cfg, b.logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.db.Close()) }()
		return run(ctx)
	}
}

// each does something for each company that the settings name. One that fails
// keeps it from no other.
func (b *backfill) each(ctx context.Context, do func(context.Context, config.Config) error) error {
	var failed, held []error
	for _, cfg := range b.cfg.EachTenant() {
		if cfg.Several && b.format == "text" {
			fmt.Fprintf(b.stdout, "Company %s\n\n", cfg.FeishuTenantKey)
		}
		err := do(ctx, cfg)
		if err != nil && cfg.Several {
			err = fmt.Errorf("company %s: %w", cfg.FeishuTenantKey, err)
		}
		switch {
		case errors.Is(err, crawl.ErrHeld):
			held = append(held, err)
		case err != nil:
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(failed) == 0 {
		return errors.Join(held...)
	}
	for _, err := range held { // that something waits for a decision is not the exit code where something failed
		failed = append(failed, errors.New(err.Error()))
	}
	return errors.Join(failed...)
}

// loggerOf says with each line of which company it is, where there are several.
func (b *backfill) loggerOf(cfg config.Config) *slog.Logger {
	if !cfg.Several {
		return b.logger
	}
	return b.logger.With(slog.String("tenant", cfg.FeishuTenantKey))
}

func (b *backfill) plan(ctx context.Context) error { return b.each(ctx, b.planOne) }

func (b *backfill) planOne(ctx context.Context, cfg config.Config) (err error) {
	c, err := app.OpenPlan(ctx, cfg, b.db, b.loggerOf(cfg))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	plan, err := c.Plan(ctx, cfg.FeishuRates)
	if err != nil {
		return err
	}
	if b.format == "json" {
		return report.WritePlanJSON(b.stdout, plan)
	}
	report.WritePlan(b.stdout, plan)
	return nil
}

func (b *backfill) walk(ctx context.Context) error { return b.each(ctx, b.walkOne) }

func (b *backfill) walkOne(ctx context.Context, cfg config.Config) (err error) {
	progress := report.NewProgress(b.stderr)
	c, err := app.OpenCrawl(ctx, cfg, b.db, b.loggerOf(cfg), progress.Update)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	summary, err := c.Backfill(ctx)
	progress.Done()
	switch {
	case err != nil:
		if ctx.Err() != nil && summary.SweepID != "" {
			fmt.Fprintf(b.stderr, "Stopped after %d people in %d departments, %d calls. The next run goes on from here.\n",
				summary.Users, summary.Departments, summary.Calls)
		}
		return err
	case b.format == "json":
		err = report.WriteSummaryJSON(b.stdout, summary)
	default:
		report.WriteSummary(b.stdout, summary)
	}
	return errors.Join(err, held(summary))
}

// held says what is to be decided, where something is.
func held(s crawl.Summary) error {
	var n int64
	for _, held := range s.Held {
		n += held
	}
	if n == 0 {
		return heldResources(s)
	}
	return fmt.Errorf("%w: %d wait for a decision; look with `backfill removals show %s`, then approve or reject instead of show", crawl.ErrHeld, n, s.SweepID)
}
