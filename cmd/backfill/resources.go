package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/report"
	"github.com/orgmirror/orgmirror/internal/crawl"
)

func newResources(b *backfill) *cobra.Command {
	resources := &cobra.Command{
		Use:   "resources",
		Short: "Look at what is polled, and approve removals of it that are held",
		Long: "Groups, units, employee types, custom attributes and the app's own range have lists and no events, or too few: each walk\n" +
			"reads them, and mirror serve by the clock. What two complete lists lack, a minute apart or more, is removed. An empty\n" +
			"list where there were entries removes nothing, nor do more groups or units go than --max-removals, before it is approved.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	resources.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List the resources, when each was last read, and what of it may not be read", Args: cobra.NoArgs,
			RunE: b.withDatabase(b.listResources),
		},
		&cobra.Command{
			Use: "approve <resource>", Short: "Let the next reading remove what is held", Args: cobra.ExactArgs(1),
			RunE: b.withDatabase(b.approveResource),
		},
	)
	return resources
}

func (b *backfill) listResources(ctx context.Context) error {
	list, err := crawl.ListPolls(ctx, b.db.Pool)
	if err != nil {
		return err
	}
	if b.format == "json" {
		return report.WriteJSON(b.stdout, list)
	}
	for _, p := range list {
		line := "never read"
		if p.LastPolledAt != nil {
			line = "read " + p.LastPolledAt.UTC().Format(time.DateTime) + " (UTC)"
		}
		switch {
		case p.Held > 0 && p.ApprovedAt != nil:
			line += fmt.Sprintf(", %d held and approved: the next reading removes them", p.Held)
		case p.Held > 0:
			line += fmt.Sprintf(", %d held: backfill resources approve %s", p.Held, p.Resource)
		}
		fmt.Fprintf(b.stdout, "%-18s %s\n", p.Resource, line)
		for _, r := range p.Refusals {
			fmt.Fprintf(b.stdout, "%-18s %s\n", "", report.RefusalText(r.Endpoint, r.Permissions, r.Problem))
		}
	}
	return nil
}

func (b *backfill) approveResource(ctx context.Context) error {
	r, err := crawl.ParseResource(b.args[0])
	if err != nil {
		return cli.Usage(err)
	}
	held, err := crawl.ApprovePoll(ctx, b.db.Pool, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.stdout, "%d of %s are approved: mirror serve removes them within a minute or two, or the next backfill does.\n", held, r)
	return nil
}

// heldResources says what of what is polled is to be decided.
func heldResources(s crawl.Summary) error {
	for _, r := range s.Resources {
		if r.Held > 0 {
			return fmt.Errorf("%w: %d of %s wait for a decision; look with `backfill resources list`, then approve, or leave them", crawl.ErrHeld, r.Held, r.Resource)
		}
	}
	return nil
}
