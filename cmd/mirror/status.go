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
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/cmd/internal/report"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how complete and how fresh the mirror is",
		Long: "status reads the database, so it needs no running service. The last line is one word, the first that is true:\n" +
			"  red         Feishu refuses the long connection: no events come until somebody has looked\n" +
			"  incomplete  there was no complete walk of Feishu yet\n" +
			"  held        removals wait for a decision: backfill removals list, backfill resources list\n" +
			"  stale       the last walk is older than two sweep intervals, the tables are behind the log, or no events could come in\n" +
			"              for 15 minutes\n" +
			"  complete    none of these\n" +
			"Where there are several companies it says so of each, or of the one that --tenant names.",
		Args: cobra.NoArgs,
	}
	config.Register(cmd.Flags(), config.Database, config.Tenant)
	config.RegisterOnly(cmd.Flags(), "sweep_interval", "feishu_monthly_calls")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := app.Settings(cmd)
		if err != nil {
			return err
		}
		logger := app.Logger(cmd.ErrOrStderr(), cfg, true)
		db, err := app.OpenDatabase(cmd.Context(), cfg, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return printStatuses(cmd, cfg, db, logger)
	}
	return cmd
}

// printStatuses prints the status of each company that the settings name; where
// they name none, of each that the log is of.
func printStatuses(cmd *cobra.Command, cfg config.Config, db *app.Database, logger *slog.Logger) error {
	ctx := cmd.Context()
	asked := query.Config{Pool: db.Pool, Log: noWait{}, Logger: logger}
	app.QueryTenants(cfg, db, &asked)
	if cfg.Tenants == nil && cfg.FeishuTenantKey == "" && cfg.FeishuAppID == "" {
		owners, err := eventlog.ReadOwners(ctx, db.Pool)
		if err != nil {
			return err
		}
		for _, owner := range owners {
			asked.Tenants = append(asked.Tenants, query.Tenant{Key: owner.TenantKey, SweepInterval: asked.SweepInterval, MonthlyCalls: asked.MonthlyCalls})
		}
	}
	service, err := query.New(ctx, asked)
	if err != nil {
		return err
	}
	defer service.Close()
	of := []string{""} // the only one
	if len(asked.Tenants) > 0 {
		of = nil
		for _, tenant := range asked.Tenants {
			of = append(of, tenant.Key)
		}
	}
	for i, key := range of {
		about := ctx
		if key != "" {
			about = query.OfTenant(ctx, key)
		}
		status, err := service.GetSyncStatus(about, &orgmirrorv1.GetSyncStatusRequest{})
		if err != nil {
			return err
		}
		if len(of) > 1 || cfg.Tenants != nil {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%-24s %s\n", "company", printable(key))
		}
		printStatus(cmd.OutOrStdout(), status)
	}
	return nil
}

// noWait stands in for the log, which is needed to wait for fresher data only;
// status takes what is there.
type noWait struct{}

func (noWait) Await(context.Context, string, directory.Position) error {
	return errors.New("nothing to wait for")
}

func printStatus(w io.Writer, s *orgmirrorv1.GetSyncStatusResponse) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%-24s "+format+"\n", append([]any{label}, args...)...)
	}
	counts := s.GetCounts()
	line("departments", "%d", counts.GetDepartments())
	line("users", "%d", counts.GetUsers())
	line("memberships", "%d", counts.GetMemberships())
	line("position", "%d of %d", s.GetPosition(), s.GetHeadPosition())
	line("staleness", "%s", s.GetStaleness().AsDuration().Round(time.Millisecond))
	if sweep := s.GetLastCompleteSweep(); sweep != nil {
		line("last complete walk", "%s to %s (UTC)", moment(sweep.GetStartedAt()), moment(sweep.GetCompletedAt()))
	} else {
		line("last complete walk", "never")
	}
	if sweep := s.GetRunningSweep(); sweep != nil {
		line("walk under way", "since %s (UTC): %d of %d lists read, %d departments, %d users", moment(sweep.GetStartedAt()),
			sweep.GetListsDone(), sweep.GetListsTotal(), sweep.GetDepartmentsSeen(), sweep.GetUsersSeen())
	}
	if s.GetNextSweepAt() != nil {
		text := moment(s.GetNextSweepAt()) + " (UTC)"
		if asked := s.GetSweepRequests(); len(asked) > 0 {
			text += ", asked for by: " + strings.Join(asked, ", ")
		}
		line("next walk of serve", "%s", text)
	}
	printChannel(line, s.GetEventChannel())
	line("unreadable values", "%d", s.GetParkedRecords())
	line("waiting to be re-read", "%d", s.GetRereadQueueLength())
	line("unresolved departments", "%d", s.GetUnresolvedDepartments())
	for _, d := range s.GetDrift() {
		line("drift", "%d of kind %s, found by %s, the last %s (UTC)", d.GetEntities(), d.GetEntityKind(), d.GetFoundBy(), moment(d.GetLastFoundAt()))
	}
	line("sampled for drift", "%d", s.GetSampledEntities())
	calls := strconv.FormatInt(s.GetCallsThisMonth(), 10)
	if limit := s.GetCallsThisMonthLimit(); limit > 0 {
		calls += fmt.Sprintf(" of %d", limit)
	}
	line("calls this month", "%s", calls)
	for _, r := range s.GetResources() {
		printResource(line, r)
	}
	for _, f := range s.GetHiddenFields() {
		line("hidden field", "%s of a %s: give the permission %s back", f.GetField(), f.GetEntityKind(), f.GetPermission())
	}
	for _, h := range s.GetHeldRemovals() {
		line("held removals", "%d of %d of kind %s: backfill removals show %s", h.GetEntities(), h.GetLive(), h.GetEntityKind(), h.GetSweepId())
	}
	fmt.Fprintln(w, s.GetState())
}

func printResource(line func(label, format string, args ...any), r *orgmirrorv1.Resource) {
	text := "never"
	if r.GetLastPolledAt() != nil {
		text = moment(r.GetLastPolledAt()) + " (UTC)"
	}
	text += fmt.Sprintf(": %d of them", r.GetEntities())
	if n := r.GetMissing(); n > 0 {
		text += fmt.Sprintf(", %d missing until a second list lacks them, too", n)
	}
	if n := r.GetHeld(); n > 0 {
		text += fmt.Sprintf(", %d held: backfill resources approve %s", n, r.GetResource())
	}
	line("polled "+r.GetResource(), "%s", text)
	for _, f := range r.GetRefusals() {
		line("  refused", "%s", printable(oneLine(report.RefusalText(f.GetEndpoint(), f.GetPermissions(), f.GetProblem()))))
	}
}

func printChannel(line func(label, format string, args ...any), c *orgmirrorv1.EventChannel) {
	if c == nil {
		return
	}
	text := c.GetEvents()
	switch {
	case c.GetEvents() != "websocket":
	case c.GetRed():
		text += ", refused by Feishu: " + oneLine(c.GetProblem())
	case c.GetConnected():
		text += ", connected"
	default:
		text += ", not connected"
		if c.GetProblem() != "" {
			text += ": " + oneLine(c.GetProblem())
		}
	}
	if c.GetHeardAt() != nil {
		text += fmt.Sprintf(", last heard %s ago", c.GetSinceHeard().AsDuration().Round(time.Second))
	}
	line("events", "%s", printable(text))
}

func moment(t *timestamppb.Timestamp) string { return t.AsTime().Format(time.DateTime) }
