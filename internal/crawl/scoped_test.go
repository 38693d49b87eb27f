package crawl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
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
		if s.Exists() && slices.Contains([]directory.Kind{directory.KindUser, directory.KindDepartment}, key.Kind) && key.ID != directory.RootDepartmentID {
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

// A walk of everybody that was interrupted cannot go on when the app may not see
// everybody any more: another one begins.
func TestRangeNarrowsWhileAWalkIsInterrupted(t *testing.T) {
	t.Parallel()
	b := setup(t, 100, 10)
	must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, Count: -1, Status: 500}))
	cut, err := b.crawler.Backfill(t.Context())
	if !errors.Is(err, feishu.ErrUnavailable) {
		t.Fatalf("error = %v, want ErrUnavailable", err)
	}
	b.sandbox.ClearFaults()
	b.setRange(t, sandbox.Range{Users: []string{anyUser(b.sandbox.Truth(), 0)}})
	sum := b.backfill(t)
	if sum.Resumed || sum.SweepID == cut.SweepID || sum.Range != "scoped" {
		t.Errorf("resumed = %v, sweep %s after %s, range %s", sum.Resumed, sum.SweepID, cut.SweepID, sum.Range)
	}
	var state string
	must(t, b.pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, cut.SweepID).Scan(&state))
	if state != "abandoned" {
		t.Errorf("the walk of everybody is %s", state)
	}
}

// membersOf counts the people who sit in some departments.
func membersOf(truth sandbox.Truth, in map[string]bool) (n int64) {
	for _, u := range truth.Users {
		if slices.ContainsFunc(u.DepartmentIDs, func(d string) bool { return in[d] }) {
			n++
		}
	}
	return n
}

// outsiders are people who sit in none of some departments.
func (b *bundle) outsiders(t *testing.T, in map[string]bool, n int) (ids []string) {
	t.Helper()
	truth := b.sandbox.Truth()
	for _, id := range slices.Sorted(maps.Keys(truth.Users)) {
		if len(ids) < n && !slices.ContainsFunc(truth.Users[id].DepartmentIDs, func(d string) bool { return in[d] }) {
			ids = append(ids, id)
		}
	}
	if len(ids) < n {
		t.Fatalf("only %d people elsewhere", len(ids))
	}
	return ids
}

// addGroup makes a group of people and departments.
func (b *bundle) addGroup(t *testing.T, users []string, departments ...string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": "项目组", "users": users, "departments": departments})
	must(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.sandbox.ControlURL()+"/groups", bytes.NewReader(body))
	must(t, err)
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	var group struct{ ID, Error string }
	must(t, json.NewDecoder(answer.Body).Decode(&group))
	if group.ID == "" {
		t.Fatalf("no group: %s", group.Error)
	}
	return group.ID
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

	t.Run("people whose ids the app may not see", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 500, 60)
		top, in := branch(t, b.sandbox.Truth(), 10)
		alone := b.outsiders(t, in, 120) // two pages
		for _, id := range alone {
			must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.Nickname = "小王" }))
		}
		b.setRange(t, sandbox.Range{Departments: []string{top}, Users: alone})
		must(t, b.sandbox.RevokeScope(b.sandbox.AppID(), "contact:user.employee_id:readonly"))
		b.backfill(t)
		b.equalsRange(t)
		if calls := b.calls(feishu.EndpointUsers); calls != 2 {
			t.Errorf("%d pages of people without a department, want 2", calls)
		}
		left := alone[:2]
		must(t, b.sandbox.ResignUser(left[0]))
		b.setRange(t, sandbox.Range{Departments: []string{top}, Users: alone[2:]}) // the second one is out of range
		sum := b.backfill(t)
		b.equalsRange(t)
		wantCounts(t, sum, directory.KindUser, 2, 0, 2, 0)
		if reason := b.reasons(t)[left[1]]; reason != directory.ReasonOutOfRange {
			t.Errorf("who is out of range is gone as %s", reason)
		}
	})

	t.Run("groups", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 400, 60)
		top, in := branch(t, b.sandbox.Truth(), 20)
		apart, below := "", map[string]bool{}
		for _, id := range slices.Sorted(maps.Keys(b.sandbox.Truth().Departments)) {
			if s := subtree(b.sandbox.Truth(), id); !in[id] && !s[top] && len(s) > 1 && len(s) < 10 {
				apart, below = id, s
			}
		}
		maps.Copy(below, in)
		members := b.outsiders(t, below, 130)
		group := b.addGroup(t, members, apart)
		b.setRange(t, sandbox.Range{Departments: []string{top}, Groups: []string{group}})
		sum := b.backfill(t)
		b.equalsRange(t)
		if next := b.backfill(t); next.Position != sum.Position+2 {
			t.Errorf("a second walk appended %d records", next.Position-sum.Position)
		}
		must(t, b.sandbox.EraseUser(members[0]))
		wantCounts(t, b.backfill(t), directory.KindUser, 1, 0, 1, 0)
		b.equalsRange(t)

		// Out of sight, and in a group of the scope: not out of range.
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUser, Count: -1, Code: 41050}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersBatch, Count: -1, Body: emptyList}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsers, Count: -1, Body: emptyList}))
		guard, err := crawl.ParseMaxRemovals("90%")
		must(t, err)
		sum, err = b.crawlerWith(t, func(c *crawl.Config) { c.MaxRemovals = guard }).Backfill(t.Context())
		must(t, err)
		wantCounts(t, sum, directory.KindUser, 129, 0, 0, 129)
		b.sandbox.ClearFaults()

		b.setRange(t, sandbox.Range{Departments: []string{top}})
		sum, err = b.crawlerWith(t, func(c *crawl.Config) { c.MaxRemovals = guard }).Backfill(t.Context())
		must(t, err)
		b.equalsRange(t)
		if sum.Unproven[directory.KindUser] != 0 {
			t.Errorf("unproven: %v", sum.Unproven)
		}
	})

	t.Run("groups that the app may not read end the walk", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 20)
		top, _ := branch(t, b.sandbox.Truth(), 15)
		b.setRange(t, sandbox.Range{Departments: []string{top}, Groups: []string{b.addGroup(t, b.people(t, 3))}})
		for _, scope := range []string{"contact:group:readonly", "contact:group"} {
			must(t, b.sandbox.RevokeScope(b.sandbox.AppID(), scope))
		}
		if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, feishu.ErrPermission) || !strings.Contains(err.Error(), "contact:group:readonly") {
			t.Errorf("error = %v, want ErrPermission", err)
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
		var tops []string
		for id, d := range truth.Departments {
			if d.ParentDepartmentID == directory.RootDepartmentID {
				tops = append(tops, id)
			}
		}
		slices.SortFunc(tops, func(a, b string) int {
			return int(membersOf(truth, subtree(truth, a)) - membersOf(truth, subtree(truth, b)))
		})
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

	t.Run("a department that came into range is read with all below it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		truth := b.sandbox.Truth()
		top, in := branch(t, truth, 30)
		inner := slices.Sorted(maps.Keys(in))
		inner = slices.DeleteFunc(inner, func(id string) bool { return id == top })
		outside := b.outsiders(t, in, 1)[0]
		b.setRange(t, sandbox.Range{Departments: []string{inner[0]}, Users: []string{outside}})
		b.backfill(t)
		b.setRange(t, sandbox.Range{Departments: []string{top, inner[0]}, Users: []string{outside}})
		appended, err := b.crawler.WalkBelow(t.Context(), top, inner[0], top)
		must(t, err)
		for id := range truth.Departments {
			if !in[id] && !subtree(truth, id)[top] {
				_, err = b.crawler.WalkBelow(t.Context(), id) // refused, and no error
				must(t, err)
				break
			}
		}
		if again, err := b.crawler.WalkBelow(t.Context(), top); err != nil || again != 0 || appended == 0 {
			t.Errorf("appended %d, then %d (%v)", appended, again, err)
		}
		b.backfill(t) // the node itself was on no list
		b.equalsRange(t)
	})

	t.Run("the plan of a part", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		truth := b.sandbox.Truth()
		top, in := branch(t, truth, 30)
		b.setRange(t, sandbox.Range{Departments: []string{top}, Users: b.outsiders(t, in, 60)})
		plan, err := b.crawler.Plan(t.Context(), crawl.Rates{})
		must(t, err)
		b.sandbox.ResetStats()
		b.backfill(t)
		var calls int64
		for endpoint, stats := range b.sandbox.Stats() {
			if !strings.HasPrefix(endpoint, "POST /auth/") {
				calls += int64(stats.Calls)
			}
		}
		within(t, "the first plan", plan.Total(), calls+1, 10) // the tenant was not asked here
		if plan.Departments != int64(len(in)) || !plan.Asked {
			t.Errorf("%d departments, want %d", plan.Departments, len(in))
		}
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
