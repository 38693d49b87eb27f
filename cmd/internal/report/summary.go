package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/orgmirror/orgmirror/internal/crawl"
)

// WriteSummary says what a walk came to.
func WriteSummary(w io.Writer, s crawl.Summary) {
	how := ""
	if s.Resumed {
		how = " (went on with one that was interrupted)"
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
	var candidates int64
	for _, n := range s.Candidates {
		candidates += n
	}
	count("candidates", candidates, candidatesRemark(s))
	count("calls", int64(s.Calls), "")
	count("retries", int64(s.Retries), "")
	fmt.Fprintf(w, "  %-14s %10s  for the rate limit, summed over parallel calls\n", "waited", duration(s.Waited))
	fmt.Fprintf(w, "  %-14s %10d  of the log's end\n", "position", s.Position)
	writeAbsent(w, s)
}

func candidatesRemark(s crawl.Summary) string {
	remark := "  were there before and were not seen"
	for _, kind := range slices.Sorted(maps.Keys(s.Candidates)) {
		if n := s.Candidates[kind]; n > 0 {
			remark += fmt.Sprintf(", %d %ss", n, kind)
		}
	}
	return remark
}

// writeAbsent lists what Feishu shows of nobody, which is more often a missing
// permission than a company that fills nothing in.
func writeAbsent(w io.Writer, s crawl.Summary) {
	first := true
	for _, kind := range slices.Sorted(maps.Keys(s.Absent)) {
		for _, field := range s.Absent[kind] {
			if first {
				fmt.Fprint(w, "\nFields that no object had, and the permission that would show each:\n\n")
				first = false
			}
			fmt.Fprintf(w, "  %-34s %s\n", string(kind)+"."+field.Field, field.Permission)
		}
	}
}

// WriteSummaryJSON says the same to a program, with durations in seconds.
func WriteSummaryJSON(w io.Writer, s crawl.Summary) error {
	return writeJSON(w, struct {
		crawl.Summary
		WaitedSeconds float64 `json:"waited_seconds"`
		TookSeconds   float64 `json:"took_seconds"`
	}{s, s.Waited.Seconds(), s.Took.Seconds()})
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
