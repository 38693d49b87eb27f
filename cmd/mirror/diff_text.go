package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// diffSection is how the differences of one kind are shown to people.
type diffSection struct {
	kind, title string
	count       func(*orgmirrorv1.OrganizationCounts) int64
	detail      func(*orgmirrorv1.OrganizationChange) string
}

// diffSections come in the order of the answer.
var diffSections = []diffSection{
	{"joined", "Joined", (*orgmirrorv1.OrganizationCounts).GetJoined, placeAfter},
	{"returned", "Came back", (*orgmirrorv1.OrganizationCounts).GetReturned, placeAfter},
	{"left", "Left", (*orgmirrorv1.OrganizationCounts).GetLeft, placeBefore},
	{"moved", "Moved", (*orgmirrorv1.OrganizationCounts).GetMoved, func(c *orgmirrorv1.OrganizationChange) string {
		return references(c.GetBefore().GetDepartments()) + " → " + references(c.GetAfter().GetDepartments())
	}},
	{"renamed", "Renamed", (*orgmirrorv1.OrganizationCounts).GetRenamed, nameBefore},
	{"promoted", "Lead now", (*orgmirrorv1.OrganizationCounts).GetPromoted, func(c *orgmirrorv1.OrganizationChange) string {
		return led(gained(c.GetBefore(), c.GetAfter()))
	}},
	{"demoted", "Lead no more", (*orgmirrorv1.OrganizationCounts).GetDemoted, func(c *orgmirrorv1.OrganizationChange) string {
		return led(gained(c.GetAfter(), c.GetBefore()))
	}},
	{"department_created", "Departments created", (*orgmirrorv1.OrganizationCounts).GetDepartmentsCreated, func(c *orgmirrorv1.OrganizationChange) string {
		return "in " + reference(c.GetAfter().GetParent())
	}},
	{"department_removed", "Departments removed", (*orgmirrorv1.OrganizationCounts).GetDepartmentsRemoved, func(c *orgmirrorv1.OrganizationChange) string {
		return "was in " + reference(c.GetBefore().GetParent()) + why(c)
	}},
	{"department_moved", "Departments moved", (*orgmirrorv1.OrganizationCounts).GetDepartmentsMoved, func(c *orgmirrorv1.OrganizationChange) string {
		return reference(c.GetBefore().GetParent()) + " → " + reference(c.GetAfter().GetParent())
	}},
	{"department_renamed", "Departments renamed", (*orgmirrorv1.OrganizationCounts).GetDepartmentsRenamed, nameBefore},
}

func placeAfter(c *orgmirrorv1.OrganizationChange) string {
	return references(c.GetAfter().GetDepartments())
}

func placeBefore(c *orgmirrorv1.OrganizationChange) string {
	return references(c.GetBefore().GetDepartments()) + why(c)
}

func nameBefore(c *orgmirrorv1.OrganizationChange) string { return "was " + c.GetBefore().GetName() }

// why says so where a departure was not the usual one.
func why(c *orgmirrorv1.OrganizationChange) string {
	if c.RemovedReason == nil {
		return ""
	}
	return " (" + strings.ToLower(strings.ReplaceAll(c.GetRemovedReason(), "_", " ")) + ")"
}

// writeDiffText writes a report for people.
func writeDiffText(w io.Writer, answer pages) error {
	var (
		counts *orgmirrorv1.OrganizationCounts
		last   string // the kind of the line before
	)
	for page, err := range answer {
		if err != nil {
			return err
		}
		if counts == nil {
			counts = page.GetCounts()
			writeDiffSummary(w, page)
		}
		for _, c := range page.GetChanges() {
			for _, s := range diffSections {
				if s.kind != c.GetKind() {
					continue
				}
				if c.GetKind() != last {
					fmt.Fprintf(w, "\n%s (%d)\n", s.title, s.count(counts))
				}
				writeDiffLine(w, c, s.detail(c))
			}
			last = c.GetKind()
		}
	}
	if last == "" {
		fmt.Fprintln(w, "\nNo differences.")
	}
	return nil
}

func writeDiffLine(w io.Writer, c *orgmirrorv1.OrganizationChange, detail string) {
	name, id := c.GetBefore().GetName(), c.GetUser()+c.GetDepartment() // one of the two is empty
	if c.After != nil {
		name = c.GetAfter().GetName()
	}
	if name == "" {
		name = "(no name)"
	}
	fmt.Fprintf(w, "  %s  %s  %s\n", printable(name), printable(id), printable(detail))
}

func writeDiffSummary(w io.Writer, page *orgmirrorv1.DiffOrganizationResponse) {
	fmt.Fprintf(w, "From         %s\n", instantOf(page.GetFrom()))
	fmt.Fprintf(w, "To           %s\n", instantOf(page.GetTo()))
	c := page.GetCounts()
	fmt.Fprintf(w, "People       %d → %d%s\n", c.GetPeopleBefore(), c.GetPeopleAfter(), tally([]signed{
		{"+", c.GetJoined(), "joined"},
		{"+", c.GetReturned(), "came back"},
		{"+", c.GetMovedIn(), "moved in"},
		{"-", c.GetLeft(), "left"},
		{"-", c.GetMovedOut(), "moved out"},
	}))
	fmt.Fprintf(w, "Departments  %d → %d%s\n", c.GetDepartmentsBefore(), c.GetDepartmentsAfter(), tally([]signed{
		{"+", c.GetDepartmentsCreated(), "created"}, {"-", c.GetDepartmentsRemoved(), "removed"}, {"", c.GetDepartmentsMoved(), "moved"},
	}))
}

// instantOf names a moment, on Feishu's clock where it is one of that.
func instantOf(m *orgmirrorv1.OrganizationMoment) string {
	if m.GetAsOf() == nil {
		return fmt.Sprintf("position %d of the log", m.GetPosition())
	}
	return m.GetAsOf().AsTime().Format(time.DateTime) + " (UTC)"
}

// signed is a part of a sum.
type signed struct {
	sign  string
	count int64
	word  string
}

func tally(parts []signed) string {
	var words []string
	for _, p := range parts {
		if p.count != 0 {
			words = append(words, fmt.Sprintf("%s%d %s", p.sign, p.count, p.word))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "  (" + strings.Join(words, ", ") + ")"
}
