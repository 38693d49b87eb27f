package crawl_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func (b *bundle) setRange(t *testing.T, r sandbox.Range) {
	t.Helper()
	must(t, b.sandbox.SetRange(b.sandbox.AppID(), r))
}

// equalsRange compares who exists in the log with whom the app may see.
func (b *bundle) equalsRange(t *testing.T) {
	t.Helper()
	seen, err := b.sandbox.SeenBy(b.sandbox.AppID())
	must(t, err)
	var got []string
	for key, s := range b.folded(t) {
		if s.Exists() && key.ID != directory.RootDepartmentID {
			got = append(got, key.ID)
		}
	}
	slices.Sort(got)
	want := slices.Sorted(maps.Keys(seen.Departments))
	want = append(want, slices.Sorted(maps.Keys(seen.Users))...)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("departments and people in range (-want +got):\n%s", diff)
	}
}

// within counts the people who sit in some departments.
func membersOf(truth sandbox.Truth, in map[string]bool) (n int64) {
	for _, u := range truth.Users {
		if slices.ContainsFunc(u.DepartmentIDs, func(d string) bool { return in[d] }) {
			n++
		}
	}
	return n
}

func TestScopedRange(t *testing.T) {
	t.Parallel()

	t.Run("nodes, nested nodes once, and people without a department", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 600, 120)
		truth := b.sandbox.Truth()
		top, in := branch(t, truth, 60)
		nested := slices.Sorted(maps.Keys(in))
		nested = slices.DeleteFunc(nested, func(id string) bool { return id == top })
		var apart, alone string
		for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
			if below := subtree(truth, id); !in[id] && !below[top] && len(below) == 1 {
				apart = id
			}
		}
		for _, id := range b.people(t, 300) {
			if d := truth.Users[id].DepartmentIDs; len(d) == 1 && !in[d[0]] && d[0] != apart {
				alone = id
			}
		}
		b.setRange(t, sandbox.Range{Departments: []string{nested[0], top, nested[1], apart}, Users: []string{alone}})
		b.sandbox.ResetStats()
		sum := b.backfill(t)
		b.equalsRange(t)
		if sum.Range != "scoped" || sum.Departments != int64(len(in)+1) {
			t.Errorf("range %s, %d departments, want %d", sum.Range, sum.Departments, len(in)+1)
		}
		// The node's own pages, and one for the node apart: nested ones are not read again.
		if calls, want := b.calls(feishu.EndpointDepartmentChildren), (len(in)-1+49)/50+1; calls != want {
			t.Errorf("%d lists of departments, want %d", calls, want)
		}
		if calls := b.calls(feishu.EndpointDepartmentsBatch, feishu.EndpointUsersBatch, feishu.EndpointScopes, feishu.EndpointDepartment); calls != 4 {
			t.Errorf("%d calls for the nodes, want 4", calls)
		}
		u := directory.UserOf(b.folded(t)[b.key(directory.KindUser, alone)])
		if diff := cmp.Diff(truth.Users[alone].DepartmentIDs, u.DepartmentIDs()); diff != "" {
			t.Errorf("departments outside the range (-want +got):\n%s", diff)
		}
		d := directory.DepartmentOf(b.folded(t)[b.key(directory.KindDepartment, top)])
		if text(d.ParentDepartmentID) != truth.Departments[top].ParentDepartmentID {
			t.Errorf("the node's parent is %s", text(d.ParentDepartmentID))
		}
		if next := b.backfill(t); next.Position != sum.Position+2 {
			t.Errorf("a second walk appended %d records", next.Position-sum.Position)
		}
	})

	t.Run("narrowed, and widened again without an event", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		b.backfill(t)
		truth := b.sandbox.Truth()
		top, in := branch(t, truth, 30)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		sum := b.backfill(t)
		outside := 300 - membersOf(truth, in)
		if sum.Held[directory.KindUser] != outside || sum.Held[directory.KindDepartment] != int64(60-len(in)) {
			t.Errorf("held: %v, want %d people and %d departments", sum.Held, outside, 60-len(in))
		}
		b.nobodyIsGone(t)
		r, err := b.crawler.Approve(t.Context(), sum.SweepID)
		must(t, err)
		if set := setOf(t, r, directory.KindUser); set.OutOfRange != outside {
			t.Errorf("approved: %+v", set)
		}
		for id, reason := range b.reasons(t) {
			if reason != directory.ReasonOutOfRange {
				t.Errorf("%s is gone as %s", id, reason)
			}
		}
		b.equalsRange(t)
		b.setRange(t, sandbox.Range{})
		b.backfill(t)
		b.nobodyIsGone(t)
		b.equalsTruth(t)
	})

	t.Run("a little narrower needs no approval", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		truth := b.sandbox.Truth()
		_, in := branch(t, truth, 30)
		var tops []string
		for id, d := range truth.Departments {
			if d.ParentDepartmentID == directory.RootDepartmentID {
				tops = append(tops, id)
			}
		}
		slices.SortFunc(tops, func(a, b string) int {
			return int(membersOf(truth, subtree(truth, a)) - membersOf(truth, subtree(truth, b)))
		})
		_ = in
		alone := b.people(t, 1)[0]
		b.setRange(t, sandbox.Range{Departments: tops, Users: []string{alone}})
		b.backfill(t)
		b.equalsRange(t)
		guard, err := crawl.ParseMaxRemovals("50%")
		must(t, err)
		walker := b.crawlerWith(t, func(c *crawl.Config) { c.MaxRemovals = guard })
		b.setRange(t, sandbox.Range{Departments: tops[1:]})
		sum, err := walker.Backfill(t.Context())
		must(t, err)
		if sum.Held[directory.KindUser]+sum.Held[directory.KindDepartment]+sum.Unproven[directory.KindUser] != 0 {
			t.Errorf("held %v, unproven %v", sum.Held, sum.Unproven)
		}
		b.equalsRange(t)
	})

	t.Run("scope and departments that cannot be told apart prove nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 40)
		b.backfill(t)
		top, _ := branch(t, b.sandbox.Truth(), 20)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		sum := b.backfill(t)
		must(t, b.sandbox.RevokePermission(feishu.EndpointScopes))
		r, err := b.crawler.Approve(t.Context(), sum.SweepID)
		must(t, err)
		for _, set := range r.Sets {
			if set.Removed() != 0 || set.Unproven != set.Candidates {
				t.Errorf("without the scope: %+v", set)
			}
		}
		b.nobodyIsGone(t)
	})

	t.Run("a killed walk of a part goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		top, _ := branch(t, b.sandbox.Truth(), 40)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Skip: 3, Count: -1, Status: 500}))
		if _, err := b.crawler.Backfill(t.Context()); err == nil {
			t.Fatal("no error")
		}
		b.sandbox.ClearFaults()
		b.sandbox.ResetStats()
		if sum := b.backfill(t); !sum.Resumed || sum.Range != "scoped" || b.calls(feishu.EndpointScopes) != 0 {
			t.Errorf("resumed %v, range %s, %d calls for the scope", sum.Resumed, sum.Range, b.calls(feishu.EndpointScopes))
		}
		b.equalsRange(t)
	})
}
