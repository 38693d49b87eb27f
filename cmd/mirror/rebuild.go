package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// onProjector is a command that works with the projector's tables.
type onProjector struct {
	format string
	limit  int
	values bool

	out, errOut io.Writer
	projector   *projector.Projector
}

// command makes the command. do runs with the database and the log open.
func (o *onProjector) command(cmd *cobra.Command, do func(ctx context.Context) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	config.Register(cmd.Flags(), config.Database)
	formatFlag(cmd, &o.format)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := app.Settings(cmd)
		if err := joined(err, checkFormat(o.format)); err != nil {
			return err
		}
		o.out, o.errOut = cmd.OutOrStdout(), cmd.ErrOrStderr()
		return o.open(cmd.Context(), cfg, app.Logger(cmd.ErrOrStderr(), cfg, true), do)
	}
	return cmd
}

func (o *onProjector) open(ctx context.Context, cfg config.Config, logger *slog.Logger, do func(ctx context.Context) error) (err error) {
	db, err := app.OpenDatabase(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	log, err := eventlog.Open(ctx, db.Pool, eventlog.Options{Logger: logger})
	if err != nil {
		return cli.Database(err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	o.projector = projector.New(db.Pool, log, projector.Options{Logger: logger})
	return do(ctx)
}

// listing adds the flags of what lists differences.
func (o *onProjector) listing(cmd *cobra.Command) {
	cmd.Flags().IntVar(&o.limit, "limit", 100, "most differences to list; 0 is all")
	cmd.Flags().BoolVar(&o.values, "show-values", false, "show the values that differ too; they are personal data")
}

func newRebuild() *cobra.Command {
	var opts projector.RebuildOptions
	o := &onProjector{}
	cmd := o.command(&cobra.Command{
		Use:   "rebuild",
		Short: "Make the read model anew from the log, prove it equal, and swap it in",
		Long: "rebuild folds the whole log into new tables while the old ones serve and follow the log; compares digests of every department\n" +
			"with all below it, for every kind of row; lets the new tables follow to the head of the log; and exchanges the names in one\n" +
			"transaction. No reader of the mirror sees an error, nor two read models in one answer. Views, comments, grants and indexes\n" +
			"that others made on the tables are carried over; what cannot be (a materialized view, a foreign key) is named, and nothing\n" +
			"is done. Ended at any point before the swap it changes nothing.\n\n" +
			"Where old and new differ nothing is exchanged, the differences are listed, and the exit code is 6: somebody changed the tables,\n" +
			"or this program reads the log otherwise than the one that filled them. Run it as a role that owns the tables. VACUUM of the\n" +
			"whole database waits meanwhile.",
	}, func(ctx context.Context) error { return o.rebuild(ctx, opts) })
	cmd.Flags().BoolVar(&opts.Keep, "keep", false, "keep the old tables, for mirror rebuild rollback")
	cmd.Flags().BoolVar(&opts.VerifyOnly, "verify-only", false, "compare, and change nothing; exit code 6 where they differ")
	cmd.Flags().BoolVar(&opts.AcceptDifferences, "accept-differences", false, "exchange the tables also where they differ")
	o.listing(cmd)
	cmd.AddCommand(newRollback(), newDropKept(), newGenerations())
	return cmd
}

func (o *onProjector) rebuild(ctx context.Context, opts projector.RebuildOptions) error {
	if opts.VerifyOnly && (opts.Keep || opts.AcceptDifferences) {
		return cli.Usage(errors.New("--verify-only changes nothing: leave out --keep and --accept-differences"))
	}
	if o.limit < 0 {
		return cli.Usage(errors.New("--limit must be 0 or more"))
	}
	opts.Limit, opts.Progress = o.limit, stages(o.errOut)
	result, err := o.projector.Rebuild(ctx, opts)
	if err != nil && !errors.Is(err, projector.ErrDifferent) {
		return err
	}
	hide(&result.Report, o.values)
	if o.format == formatJSON {
		return errors.Join(writeJSON(o.out, result), cli.Told(err))
	}
	if result.Compared > 0 {
		fmt.Fprintf(o.out, "compared %d departments, each with all below it, in %d kinds of rows, at position %d: %s\n",
			result.Digests.Subtrees, result.Digests.Kinds, result.Compared, verdict(len(result.Digests.Differing) == 0))
	} else {
		fmt.Fprintln(o.out, "the read model is empty: there was nothing to compare with")
	}
	o.printSubtrees(result)
	o.printReport(result.Report)
	if result.Swapped {
		o.printSwap(result)
	} else {
		fmt.Fprintln(o.out, "nothing was changed")
	}
	return cli.Told(err)
}

func verdict(equal bool) string {
	if equal {
		return "equal"
	}
	return "they differ"
}

// printSubtrees names where the differences are: departments, not those above them.
func (o *onProjector) printSubtrees(result projector.Rebuilt) {
	var rows [][]string
	for _, s := range result.Digests.Differing {
		if s.Itself && (o.limit == 0 || len(rows) < o.limit) {
			rows = append(rows, []string{s.Kind, s.Department, strconv.FormatInt(s.Rows, 10), strconv.FormatInt(s.Want, 10)})
		}
	}
	if len(rows) > 0 {
		printTable(o.out, []string{"kind", "department", "rows", "of the log"}, rows)
	}
}

func (o *onProjector) printSwap(result projector.Rebuilt) {
	fmt.Fprintf(o.out, "generation %d serves, at position %d\n", result.Generation, result.Position)
	if result.Kept > 0 {
		fmt.Fprintf(o.out, "generation %d is kept: mirror rebuild rollback goes back to it, mirror rebuild drop drops it\n", result.Kept)
	}
	if result.Leftover {
		fmt.Fprintln(o.out, "the old tables are in use and could not be dropped yet: the next mirror rebuild does it")
	}
}

func newRollback() *cobra.Command {
	o := &onProjector{}
	return o.command(&cobra.Command{
		Use:   "rollback",
		Short: "Exchange the read model for the one that was kept",
		Long: "rollback lets the tables that rebuild --keep kept follow to the head of the log, and makes them serve again. Those that served\n" +
			"are kept in their place, so that another rollback goes forth again.",
	}, func(ctx context.Context) error {
		result, err := o.projector.Rollback(ctx, stages(o.errOut))
		if err != nil {
			return err
		}
		if o.format == formatJSON {
			return writeJSON(o.out, map[string]any{"generation": result.Generation, "position": result.Position, "kept_generation": result.Kept, "swap_attempts": result.Attempts})
		}
		o.printSwap(result)
		return nil
	})
}

func newDropKept() *cobra.Command {
	o := &onProjector{}
	return o.command(&cobra.Command{
		Use:   "drop",
		Short: "Drop the read models that were kept",
	}, func(ctx context.Context) error {
		dropped, err := o.projector.DropKept(ctx)
		if err != nil {
			return err
		}
		if o.format == formatJSON {
			return writeJSON(o.out, map[string]any{"dropped": dropped})
		}
		for _, number := range dropped {
			fmt.Fprintf(o.out, "generation %d is dropped\n", number)
		}
		return nil
	})
}

func newGenerations() *cobra.Command {
	o := &onProjector{}
	return o.command(&cobra.Command{
		Use:   "list",
		Short: "List the read models that are there",
	}, func(ctx context.Context) error {
		list, err := o.projector.Generations(ctx)
		if err != nil {
			return err
		}
		if o.format == formatJSON {
			return writeJSON(o.out, map[string]any{"generations": list})
		}
		rows := make([][]string, 0, len(list))
		for _, g := range list {
			rows = append(rows, []string{strconv.Itoa(g.Number), g.State, strconv.FormatInt(int64(g.Position), 10)})
		}
		printTable(o.out, []string{"generation", "state", "position"}, rows)
		return nil
	})
}

// stages tells of a rebuild's way: each stage, and every few seconds how far the
// fold is.
func stages(w io.Writer) func(projector.Progress) {
	const quiet = 5 * time.Second
	var last projector.Stage
	spoke := time.Now()
	return func(p projector.Progress) {
		if p.Stage == last && time.Since(spoke) < quiet || p.Stage == projector.StageDone {
			return
		}
		last, spoke = p.Stage, time.Now()
		line := []string{string(p.Stage)}
		if p.Total > 0 {
			line = append(line, fmt.Sprintf("%d of %d records", p.Done, p.Total))
		}
		fmt.Fprintln(w, strings.Join(line, ": "))
	}
}
