package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/projector"
)

func newParked() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "parked",
		Short: "List, show and try again what of the log could not be read",
		Long: "A part of a record that cannot be read is left out, noted as parked, and its entity is asked from Feishu again; the rest of\n" +
			"the record counts. What is still parked after that waits for a newer program, or for another answer.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return cli.Usage(errors.New("parked list, show or retry")) },
	}
	cmd.AddCommand(newParkedList(), newParkedShow(), newParkedRetry())
	return cmd
}

// parked is what the three commands work with.
type parked struct {
	cmd    *cobra.Command
	format string

	db     *app.Database
	logger *slog.Logger
}

// withDatabase opens the database for a command and closes it again.
func (p *parked) withDatabase(run func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		p.cmd = cmd
		cfg, err := app.Settings(cmd)
		if err := joined(err, checkFormat(p.format)); err != nil {
			return err
		}
		p.logger = app.Logger(cmd.ErrOrStderr(), cfg, true)
		if p.db, err = app.OpenDatabase(cmd.Context(), cfg, p.logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.db.Close()) }()
		return run(cmd.Context(), args)
	}
}

// withProjector does so for one that reads the log.
func (p *parked) withProjector(run func(ctx context.Context, projector *projector.Projector) error) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		log, err := eventlog.Open(ctx, p.db.Pool, eventlog.Options{Logger: p.logger})
		if err != nil {
			return cli.Database(err)
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		return run(ctx, projector.New(p.db.Pool, log, projector.Options{Logger: p.logger}))
	}
}

func newParkedCommand(use, short, long string, args cobra.PositionalArgs) (*parked, *cobra.Command) {
	p := &parked{}
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args}
	config.Register(cmd.Flags(), config.Database)
	formatFlag(cmd, &p.format)
	return p, cmd
}

func newParkedList() *cobra.Command {
	var limit int
	var after int64
	p, cmd := newParkedCommand("list", "List what is parked, oldest first",
		"list shows where, when, of what kind, and why. It shows nobody's data and nobody's id.", cobra.NoArgs)
	cmd.Flags().IntVar(&limit, "limit", 1000, "most rows to print; 0 is all")
	cmd.Flags().Int64Var(&after, "after", 0, "only what is behind this position")
	cmd.RunE = p.withDatabase(func(ctx context.Context, _ []string) error {
		if limit < 0 || after < 0 {
			return cli.Usage(errors.New("--limit and --after must be 0 or more"))
		}
		list, err := projector.ListParked(ctx, p.db.Pool, directory.Position(after), limit)
		if err != nil {
			return err
		}
		return p.printList(list, limit)
	})
	return cmd
}

func (p *parked) printList(list []projector.Parked, limit int) error {
	if p.format == formatJSON {
		return writeJSON(p.cmd.OutOrStdout(), map[string]any{"parked": append([]projector.Parked{}, list...)})
	}
	rows := make([][]string, 0, len(list))
	for _, row := range list {
		rows = append(rows, []string{
			strconv.FormatInt(int64(row.Position), 10), row.RecordedAt.Format(time.DateTime), row.EventType,
			string(row.EntityKind), whole(row.Field), row.Class(),
		})
	}
	printTable(p.cmd.OutOrStdout(), []string{"position", "recorded (UTC)", "record", "kind", "field", "error"}, rows)
	switch {
	case len(list) == 0:
		fmt.Fprintln(p.cmd.OutOrStdout(), "(none)")
	case limit > 0 && len(list) == limit:
		fmt.Fprintf(p.cmd.OutOrStdout(), "(the first %d; --limit or --after %d shows more)\n", limit, list[limit-1].Position)
	}
	return nil
}

func whole(field string) string {
	if field == "" {
		return "(whole record)"
	}
	return field
}

func newParkedShow() *cobra.Command {
	var withPayload bool
	p, cmd := newParkedCommand("show POSITION", "Show what is parked of one record",
		"show prints what could not be read, why, and whose it is. --payload prints the record too: it holds personal data.", cobra.ExactArgs(1))
	cmd.Flags().BoolVar(&withPayload, "payload", false, "print the record too; it holds personal data")
	cmd.RunE = p.withDatabase(func(ctx context.Context, args []string) error {
		positions, err := parsePositions(args)
		if err != nil {
			return err
		}
		list, err := projector.ParkedAt(ctx, p.db.Pool, positions[0])
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return cli.Usage(fmt.Errorf("nothing is parked of record %d: mirror parked list shows what is", positions[0]))
		}
		var payload json.RawMessage
		if withPayload {
			read := p.withProjector(func(ctx context.Context, r *projector.Projector) (err error) {
				payload, err = r.Payload(ctx, positions[0])
				return err
			})
			if err := read(ctx); err != nil {
				return err
			}
		}
		return p.printRecord(list, payload)
	})
	return cmd
}

// shown is a parked part with the id that lists leave out.
type shown struct {
	projector.Parked
	EntityID string `json:"entity_id"`
}

func (p *parked) printRecord(list []projector.Parked, payload json.RawMessage) error {
	w := p.cmd.OutOrStdout()
	if p.format == formatJSON {
		var parts []shown
		for _, row := range list {
			parts = append(parts, shown{row, row.EntityID})
		}
		out := map[string]any{"parked": parts}
		if payload != nil {
			out["payload"] = payload
		}
		return writeJSON(w, out)
	}
	first := list[0]
	for _, line := range [][2]string{
		{"position", strconv.FormatInt(int64(first.Position), 10)},
		{"record", first.EventType},
		{"tenant", first.TenantKey},
		{"occurred (UTC)", first.OccurredAt.Format(time.DateTime)},
		{"recorded (UTC)", first.RecordedAt.Format(time.DateTime)},
	} {
		fmt.Fprintf(w, "%-15s %s\n", line[0], printable(line[1]))
	}
	rows := make([][]string, 0, len(list))
	for _, row := range list {
		rows = append(rows, []string{string(row.EntityKind), row.EntityID, whole(row.Field), row.Error})
	}
	printTable(w, []string{"kind", "id", "field", "error"}, rows)
	if payload != nil {
		fmt.Fprintln(w, printable(string(payload)))
	}
	return nil
}

func newParkedRetry() *cobra.Command {
	var all bool
	p, cmd := newParkedCommand("retry [POSITION...]", "Try again what is parked",
		"retry reads each record with this program. A part that can be read by now is \"folded\": the record is appended to the log once\n"+
			"more, and `mirror serve` or the next backfill folds it. One that cannot is \"reread\": its entity is queued to be asked from\n"+
			"Feishu, and if that answer cannot be read either, it is parked anew. Neither is parked any more. A part that names nobody is\n"+
			"\"unreadable\" and stays. Done again, retry does nothing more.", cobra.ArbitraryArgs)
	cmd.Flags().BoolVar(&all, "all", false, "everything that is parked")
	cmd.RunE = p.withDatabase(func(ctx context.Context, args []string) error {
		positions, err := parsePositions(args)
		switch {
		case err != nil:
			return err
		case all == (len(positions) > 0):
			return cli.Usage(errors.New("name positions (mirror parked list shows them), or --all"))
		case all:
			if positions, err = p.every(ctx); err != nil {
				return err
			}
		}
		return p.withProjector(func(ctx context.Context, projector *projector.Projector) error {
			return p.retry(ctx, projector, positions)
		})(ctx)
	})
	return cmd
}

// every returns the position of each record that has something parked.
func (p *parked) every(ctx context.Context) ([]directory.Position, error) {
	list, err := projector.ListParked(ctx, p.db.Pool, 0, 0)
	var positions []directory.Position
	for i, row := range list {
		if i == 0 || row.Position != list[i-1].Position {
			positions = append(positions, row.Position)
		}
	}
	return positions, err
}

// retry tries each position, and prints what came of those that were tried also
// where one fails.
func (p *parked) retry(ctx context.Context, r *projector.Projector, positions []directory.Position) error {
	retried := []projector.Retried{}
	var failure error
	for _, position := range positions {
		parts, err := r.Retry(ctx, position)
		if err != nil {
			failure = err
			break
		}
		retried = append(retried, parts...)
	}
	return errors.Join(p.printRetried(retried), failure)
}

func (p *parked) printRetried(retried []projector.Retried) error {
	if p.format == formatJSON {
		return writeJSON(p.cmd.OutOrStdout(), map[string]any{"retried": retried})
	}
	rows := make([][]string, 0, len(retried))
	for _, row := range retried {
		outcome := string(row.Outcome)
		if row.AppendedAt > 0 {
			outcome += fmt.Sprintf(" (position %d)", row.AppendedAt)
		}
		rows = append(rows, []string{strconv.FormatInt(int64(row.Position), 10), string(row.EntityKind), whole(row.Field), outcome})
	}
	printTable(p.cmd.OutOrStdout(), []string{"position", "kind", "field", "outcome"}, rows)
	return nil
}

func parsePositions(args []string) ([]directory.Position, error) {
	var positions []directory.Position
	var problems []error
	for _, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || n < 1 {
			problems = append(problems, fmt.Errorf("%q: a position is a number from 1 on", arg))
			continue
		}
		positions = append(positions, directory.Position(n))
	}
	return positions, joined(problems...)
}
