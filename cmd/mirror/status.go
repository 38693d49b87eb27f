package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how complete and how fresh the mirror is",
		Long: "status reads the database, so it needs no running service. The last line is one word:\n" +
			"  complete    there was a complete walk of Feishu, lately, and the tables hold what the log says\n" +
			"  stale       there was one, but it is older than two days, or the tables are behind the log\n" +
			"  incomplete  there was none yet",
		Args: cobra.NoArgs,
	}
	config.Register(cmd.Flags(), config.Database, config.Tenant)
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
		service, err := query.New(cmd.Context(), query.Config{Pool: db.Pool, Log: noWait{}, TenantKey: cfg.FeishuTenantKey, Logger: logger})
		if err != nil {
			return err
		}
		defer service.Close()
		status, err := service.GetSyncStatus(cmd.Context(), &orgmirrorv1.GetSyncStatusRequest{})
		if err != nil {
			return err
		}
		printStatus(cmd.OutOrStdout(), status)
		return nil
	}
	return cmd
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
		line("last complete walk", "%s to %s (UTC)", sweep.GetStartedAt().AsTime().Format(time.DateTime), sweep.GetCompletedAt().AsTime().Format(time.DateTime))
	} else {
		line("last complete walk", "never")
	}
	if sweep := s.GetRunningSweep(); sweep != nil {
		line("walk under way", "since %s (UTC): %d of %d lists read, %d departments, %d users", sweep.GetStartedAt().AsTime().Format(time.DateTime),
			sweep.GetListsDone(), sweep.GetListsTotal(), sweep.GetDepartmentsSeen(), sweep.GetUsersSeen())
	}
	line("unreadable values", "%d", s.GetParkedRecords())
	line("waiting to be re-read", "%d", s.GetRereadQueueLength())
	line("unresolved departments", "%d", s.GetUnresolvedDepartments())
	fmt.Fprintln(w, s.GetState())
}
