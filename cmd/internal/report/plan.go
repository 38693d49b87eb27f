package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/orgmirror/orgmirror/internal/crawl"
)

// WritePlan says what a walk would cost.
func WritePlan(w io.Writer, p crawl.Plan) {
	if p.Asked {
		fmt.Fprint(w, "Feishu was asked for its departments only; the people are estimated from member_count.\n\n")
	} else {
		fmt.Fprint(w, "Feishu was not asked: departments and people are those of the mirror.\n\n")
	}
	fmt.Fprintf(w, "  %-54s %8d\n", "departments", p.Departments)
	fmt.Fprintf(w, "  %-54s %8d\n\n", "people", p.People)
	for _, endpoint := range slices.Sorted(maps.Keys(p.Calls)) {
		fmt.Fprintf(w, "  %-54s %8d\n", endpoint, p.Calls[endpoint])
	}
	fmt.Fprintf(w, "  %-54s %8d\n", "calls in all", p.Total())
	fmt.Fprintf(w, "  %-54s %8.1f\n", "minutes, at the configured rate", p.Minutes)
	if p.CountsHidden {
		fmt.Fprint(w, "\nThe departments do not show member_count: people and calls are the least there can be.\n"+
			"The permission contact:department.organize:readonly would show it.\n")
	}
}

// WritePlanJSON says the same to a program.
func WritePlanJSON(w io.Writer, p crawl.Plan) error {
	return WriteJSON(w, struct {
		crawl.Plan
		Total int64 `json:"total_calls"`
	}{p, p.Total()})
}
