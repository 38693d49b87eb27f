package crawl_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// part is a company of which the app sees one branch, with a department outside
// of it.
type part struct {
	*bundle
	top     string
	in      map[string]bool
	outside string
}

func partOf(t *testing.T) part {
	t.Helper()
	p := part{bundle: setup(t, 300, 60)}
	truth := p.sandbox.Truth()
	p.top, p.in = branch(t, truth, 30)
	for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
		if !p.in[id] && !subtree(truth, id)[p.top] {
			p.outside = id
		}
	}
	p.setRange(t, sandbox.Range{Departments: []string{p.top}})
	return p
}

// inside is somebody who sits in one of some departments and nowhere else.
func (p part) inside(in map[string]bool) string {
	return with(p.sandbox.Truth(), func(u sandbox.User) bool { return len(u.DepartmentIDs) == 1 && in[u.DepartmentIDs[0]] })[0]
}

// The mirror knows of who left a narrow range without an event only where they
// were, which is in it. That they are there no more, the lists of the walk say.
func TestWhoMovedOutOfTheRange(t *testing.T) {
	t.Parallel()

	t.Run("a person, there and back", func(t *testing.T) {
		t.Parallel()
		p := partOf(t)
		p.backfill(t)
		id := p.inside(p.in)
		home := p.sandbox.Truth().Users[id].DepartmentIDs
		must(t, p.sandbox.MoveUser(id, p.outside))
		wantCounts(t, p.backfill(t), directory.KindUser, 1, 0, 1, 0)
		if reason := p.reasons(t)[id]; reason != directory.ReasonOutOfRange {
			t.Errorf("who moved is gone as %q", reason)
		}
		p.equalsRange(t)
		must(t, p.sandbox.MoveUser(id, home...))
		p.backfill(t)
		p.equalsRange(t)
	})

	t.Run("a person whose departments may not be read", func(t *testing.T) {
		t.Parallel()
		p := partOf(t)
		p.revoke(t, "contact:user.department:readonly")
		p.backfill(t)
		must(t, p.sandbox.MoveUser(p.inside(p.in), p.outside))
		wantCounts(t, p.backfill(t), directory.KindUser, 1, 0, 1, 0)
		p.equalsRange(t)
	})

	t.Run("a department with all below it", func(t *testing.T) {
		t.Parallel()
		p := partOf(t)
		guard, err := crawl.ParseMaxRemovals("90%")
		must(t, err)
		p.crawler = p.crawlerWith(t, func(c *crawl.Config) { c.MaxRemovals = guard })
		p.backfill(t)
		truth := p.sandbox.Truth()
		var moved string
		below := map[string]bool{}
		for _, id := range slices.Sorted(maps.Keys(p.in)) {
			if s := subtree(truth, id); id != p.top && len(s) > len(below) {
				moved, below = id, s
			}
		}
		must(t, p.sandbox.MoveDepartment(moved, p.outside))
		n := int64(len(below))
		if sum := p.backfill(t); n < 2 || sum.Removed[directory.KindDepartment] != n || sum.Unproven[directory.KindUser] != 0 {
			t.Errorf("removed %v, unproven %v; %d departments moved", sum.Removed, sum.Unproven, n)
		}
		p.equalsRange(t)
	})

	t.Run("not where the range has grown since the walk", func(t *testing.T) {
		t.Parallel()
		p := partOf(t)
		truth := p.sandbox.Truth()
		inner := slices.Sorted(maps.Keys(p.in))
		inner = slices.DeleteFunc(inner, func(id string) bool { return truth.Departments[id].ParentDepartmentID != p.top })[:1]
		p.setRange(t, sandbox.Range{Departments: inner})
		p.backfill(t)
		must(t, p.sandbox.MoveUser(p.inside(map[string]bool{inner[0]: true}), p.outside))
		p.sandbox.ResetStats()
		p.onCall(func() {
			if p.calls(feishu.EndpointUsersBatch) == 1 { // the first proof
				p.setRange(t, sandbox.Range{Departments: []string{p.top}})
			}
		})
		wantCounts(t, p.backfill(t), directory.KindUser, 1, 0, 0, 1)
		p.nobodyIsGone(t)
	})
}
