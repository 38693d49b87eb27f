package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
)

// WriteSummary says what a walk came to.
func WriteSummary(w io.Writer, s crawl.Summary) {
	how := ""
	if s.Resumed {
		how = " (went on with one that was interrupted)"
	}
	if s.Range == "scoped" {
		how += ", of the part of the company that the app may see,"
	}
	fmt.Fprintf(w, "The walk is complete%s and took %s.\n\n", how, duration(s.Took))
	count := func(label string, n int64, remark string) {
		fmt.Fprintf(w, "  %-14s %10d%s\n", label, n, remark)
	}
	count("departments", s.Departments, "")
	count("users", s.Users, "")
	count("memberships", s.Memberships, "")
	count("appended", s.Appended, "  observations that changed something")
	count("unchanged", s.Unchanged, "  observations that changed nothing")
	if s.Unreadable > 0 {
		count("unreadable", s.Unreadable, "  list entries without a usable id, left out")
	}
	count("candidates", sum(s.Candidates), "  were there before and were not seen"+byKind(s.Candidates))
	count("removed", sum(s.Removed), "  proven to be gone"+byKind(s.Removed))
	if n := sum(s.Unproven); n > 0 {
		count("unproven", n, "  kept, since Feishu's answer proves nothing"+byKind(s.Unproven))
	}
	if n := sum(s.Held); n > 0 {
		count("held", n, "  wait for a decision"+byKind(s.Held))
	}
	count("calls", int64(s.Calls), "")
	count("retries", int64(s.Retries), "")
	fmt.Fprintf(w, "  %-14s %10s  for the rate limit, summed over parallel calls\n", "waited", duration(s.Waited))
	fmt.Fprintf(w, "  %-14s %10d  of the log's end\n", "position", s.Position)
	writeResources(w, s.Resources)
	writeFields(w, "Fields that objects had before and that are hidden now; nothing was cleared. The permission of each:", s.Hidden)
	writeFields(w, "Fields that no object had, and the permission that would show each:", s.Absent)
}

// writeResources says what came of the lists of what has no events, and what could not
// be read of it.
func writeResources(w io.Writer, resources []crawl.Polled) {
	if len(resources) > 0 {
		fmt.Fprint(w, "\nAnd what is polled:\n\n")
	}
	for _, r := range resources {
		line := fmt.Sprintf("%d listed, %d appended, %d removed", r.Listed, r.Appended, r.Removed)
		if !r.Complete {
			line = "not read"
		}
		if r.Missing > 0 {
			line += fmt.Sprintf(", %d missing: there until a second list, a minute later or more, lacks them too", r.Missing)
		}
		if r.Held > 0 {
			line += fmt.Sprintf(", %d of them held: backfill resources approve %s", r.Held, r.Resource)
		}
		fmt.Fprintf(w, "  %-18s %s\n", r.Resource, line)
		for _, refusal := range r.Refusals {
			fmt.Fprintf(w, "  %-18s %s\n", "", RefusalText(refusal.Endpoint, refusal.Permissions, refusal.Problem))
		}
	}
}

// RefusalText says what an endpoint that was refused wants.
func RefusalText(endpoint string, permissions []string, problem string) string {
	if len(permissions) == 0 {
		return endpoint + " is refused: " + problem
	}
	return endpoint + " may not be called: grant " + strings.Join(permissions, " or ") + ", and publish a version"
}

func sum(byKind map[directory.Kind]int64) (n int64) {
	for _, one := range byKind {
		n += one
	}
	return n
}

func byKind(counts map[directory.Kind]int64) (remark string) {
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[kind]; n > 0 {
			remark += fmt.Sprintf(", %d %ss", n, kind)
		}
	}
	return remark
}

// writeFields lists fields that Feishu does not show. What it shows of nobody is
// more often a missing permission than a company that fills nothing in.
func writeFields(w io.Writer, title string, fields map[directory.Kind][]crawl.AbsentField) {
	first := true
	for _, kind := range slices.Sorted(maps.Keys(fields)) {
		for _, field := range fields[kind] {
			if first {
				fmt.Fprintf(w, "\n%s\n\n", title)
				first = false
			}
			fmt.Fprintf(w, "  %-34s %s\n", string(kind)+"."+field.Field, field.Permission)
		}
	}
}

// WriteSummaryJSON says the same to a program, with durations in seconds.
func WriteSummaryJSON(w io.Writer, s crawl.Summary) error {
	return WriteJSON(w, struct {
		crawl.Summary
		WaitedSeconds float64 `json:"waited_seconds"`
		TookSeconds   float64 `json:"took_seconds"`
	}{s, s.Waited.Seconds(), s.Took.Seconds()})
}

// WriteJSON writes for a program what has no form of its own.
func WriteJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
