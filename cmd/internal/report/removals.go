package report

import (
	"fmt"
	"io"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
)

// WriteRemovals lists what walks did not see, a line for each set.
func WriteRemovals(w io.Writer, all ...crawl.Removals) {
	if len(all) == 0 {
		fmt.Fprintln(w, "No walk has missed anybody.")
		return
	}
	for _, r := range all {
		fmt.Fprintf(w, "%s  of %s (UTC), company %s\n", r.SweepID, r.StartedAt.UTC().Format(time.DateTime), r.TenantKey)
		for _, set := range r.Sets {
			if set.Candidates == 0 {
				continue
			}
			fmt.Fprintf(w, "  %-11s %8d not seen of %d, %s", string(set.Kind)+"s", set.Candidates, set.Live, meaning(set))
			if n := set.Removed(); n > 0 {
				fmt.Fprintf(w, ": %d removed (%d resigned, %d deleted, %d out of range)", n, set.Resigned, set.Deleted, set.OutOfRange)
			}
			if set.Unproven > 0 {
				fmt.Fprintf(w, ", %d unproven and kept", set.Unproven)
			}
			if set.Present > 0 {
				fmt.Fprintf(w, ", %d there after all", set.Present)
			}
			fmt.Fprintln(w)
		}
	}
}

func meaning(set crawl.RemovalSet) string {
	switch {
	case set.State == "held":
		return fmt.Sprintf("HELD (%d may go without approval, and never all)", set.MaxRemovals)
	case set.State == "proving":
		return "being asked for"
	case set.State == "done" && set.DecidedAt != nil:
		return "approved"
	case set.State == "done":
		return "within the guard"
	default:
		return set.State
	}
}

// WriteCandidates lists whom a walk did not see.
func WriteCandidates(w io.Writer, candidates []crawl.Candidate) {
	fmt.Fprintln(w)
	for _, c := range candidates {
		verdict := c.Verdict
		if verdict == "" {
			verdict = "not asked yet"
		}
		if c.Code != 0 {
			verdict += fmt.Sprintf(" (code %d)", c.Code)
		}
		fmt.Fprintf(w, "  %-11s %-38s %-28s %s\n", c.Kind, c.ID, verdict, c.Name)
	}
}
