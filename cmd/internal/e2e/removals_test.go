package e2e_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// runs runs backfill, checks its exit code and returns what it wrote.
func runs(t *testing.T, code int, env []string, args ...string) (stdout, stderr string) {
	t.Helper()
	r := run(t, env, binary("backfill"), args...)
	if r.code != code {
		t.Errorf("backfill %s: exit code %d, want %d; stderr:\n%s", strings.Join(args, " "), r.code, code, r.stderr)
	}
	return r.stdout, r.stderr
}

// held walks, and returns the id of the sweep, which must hold so many people.
func held(t *testing.T, env []string, people int) string {
	t.Helper()
	out, stderr := runs(t, 4, env, "--format", "json")
	var sum struct {
		SweepID                 string `json:"sweep_id"`
		Held, Removed, Unproven map[string]int
	}
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	if sum.Held["user"] != people || sum.Removed["user"] != 0 || sum.Unproven["user"] != 0 {
		t.Errorf("summary: %+v, want %d people held", sum, people)
	}
	if !strings.Contains(stderr, "backfill removals show "+sum.SweepID) {
		t.Errorf("stderr does not say what to do:\n%s", stderr)
	}
	return sum.SweepID
}

func TestRemovalsWaitForADecision(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 100, 10)
	database := "MIRROR_DATABASE_URL=" + pgtest.URL(t)
	env := environment(append(settings, database)...)
	without := environment(database) // looking and rejecting need no Feishu
	live := func() int { return count(t, env, "SELECT count(*) FROM directory.users WHERE removed_at IS NULL") }
	runs(t, 0, env)

	for _, id := range slices.Sorted(maps.Keys(server.Truth().Users))[:30] {
		if err := server.ResignUser(id); err != nil {
			t.Fatal(err)
		}
	}
	first := held(t, env, 30)
	if out, _ := runs(t, 0, without, "removals", "list"); !strings.Contains(out, first) || !strings.Contains(out, "HELD") {
		t.Errorf("list:\n%s", out)
	}
	someone := slices.Sorted(maps.Keys(server.Truth().Resigned))[0]
	if out, _ := runs(t, 0, without, "removals", "show", first); !strings.Contains(out, someone) || !strings.Contains(out, server.Truth().Resigned[someone].Name) {
		t.Errorf("show does not name %s:\n%s", someone, out)
	}
	runs(t, 0, without, "removals", "reject", first)
	if n := live(); n != 100 {
		t.Errorf("%d people after the rejection, want 100", n)
	}
	second := held(t, env, 30)
	third := held(t, env, 30)
	for _, verb := range []string{"show", "approve", "reject"} {
		if _, stderr := runs(t, 2, env, "removals", verb, second); !strings.Contains(stderr, "later walk") {
			t.Errorf("%s of a superseded set says:\n%s", verb, stderr)
		}
	}
	if out, _ := runs(t, 0, env, "removals", "approve", third); !strings.Contains(out, "30 removed (30 resigned") {
		t.Errorf("approve:\n%s", out)
	}
	if n := live(); n != 70 {
		t.Errorf("%d people after the approval, want 70", n)
	}
	runs(t, 0, env, "removals", "approve", third, "--format", "json")
	runs(t, 0, env)
}

func TestRemovalsWithinTheGuard(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 100, 10)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	runs(t, 0, env)
	for _, id := range slices.Sorted(maps.Keys(server.Truth().Users))[:3] {
		if err := server.EraseUser(id); err != nil {
			t.Fatal(err)
		}
	}
	runs(t, 4, env, "--max-removals", "2")
	if out, _ := runs(t, 0, env, "--max-removals", "3%"); !strings.Contains(out, "3  proven to be gone, 3 users") {
		t.Errorf("summary:\n%s", out)
	}
	if n := count(t, env, "SELECT count(*) FROM directory.users WHERE removed_reason = 'DELETED'"); n != 3 {
		t.Errorf("%d people are gone as DELETED, want 3", n)
	}
	if n := count(t, env, "SELECT count(*) FROM directory.memberships JOIN directory.users USING (tenant_key, open_id) WHERE removed_at IS NOT NULL"); n != 0 {
		t.Errorf("%d memberships of people who are gone", n)
	}
}

// The app sees a part of the company: the walk, the plan after it, and a range
// that grows narrower.
func TestBackfillOfAPartOfTheCompany(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 400, 60)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	truth := server.Truth()
	var tops []string
	for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
		if truth.Departments[id].ParentDepartmentID == "0" {
			tops = append(tops, id)
		}
	}
	apart, err := server.AddUser(sandbox.User{Name: "独行侠"}) // in none of them
	if err != nil {
		t.Fatal(err)
	}
	narrow := func(departments ...string) (departmentsSeen, people int) {
		if err := server.SetRange(server.AppID(), sandbox.Range{Departments: departments, Users: []string{apart.OpenID}}); err != nil {
			t.Fatal(err)
		}
		seen, err := server.SeenBy(server.AppID())
		if err != nil {
			t.Fatal(err)
		}
		return len(seen.Departments), len(seen.Users)
	}
	live := func() []int {
		return []int{
			count(t, env, "SELECT count(*) FROM directory.departments WHERE removed_at IS NULL AND open_department_id <> '0'"),
			count(t, env, "SELECT count(*) FROM directory.users WHERE removed_at IS NULL"),
		}
	}
	departments, people := narrow(tops...)
	w := backfill(t, env)
	if diff := cmp.Diff([]int{departments, people}, live()); diff != "" {
		t.Errorf("departments and people in range (-want +got):\n%s", diff)
	}

	server.ResetStats()
	var plan struct {
		Departments, People int
		Total               int `json:"total_calls"`
	}
	out, _ := runs(t, 0, env, "plan", "--format", "json")
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	if len(server.Stats()) > 0 {
		t.Errorf("the plan asked Feishu: %v", server.Stats())
	}
	if off := plan.Total - w.Calls; plan.Departments != departments || off*20 > w.Calls || -off*20 > w.Calls {
		t.Errorf("plan: %+v; the walk of %d departments took %d calls", plan, departments, w.Calls)
	}

	departments, people = narrow(tops[1:]...)
	runs(t, 0, env, "--max-removals", "99%")
	if diff := cmp.Diff([]int{departments, people}, live()); diff != "" {
		t.Errorf("departments and people in the narrowed range (-want +got):\n%s", diff)
	}
	if n := count(t, env, "SELECT count(*) FROM directory.users WHERE removed_reason <> 'OUT_OF_RANGE'"); n != 0 {
		t.Errorf("%d people are gone for another reason", n)
	}
}
