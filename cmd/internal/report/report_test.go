package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
)

func TestProgressInLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	p := &Progress{w: &out, now: func() time.Time { return clock }, spoke: clock}

	p.Update(crawl.Progress{DepartmentsDone: 1, DepartmentsTotal: 50, Listing: true, People: 20, Calls: 3})
	clock = clock.Add(quiet)
	p.Update(crawl.Progress{DepartmentsDone: 9, DepartmentsTotal: 100, Listing: true, People: 90, Calls: 12})
	p.Update(crawl.Progress{DepartmentsDone: 10, DepartmentsTotal: 100, Listing: true, People: 99, Calls: 13})
	clock = clock.Add(quiet)
	p.Update(crawl.Progress{DepartmentsDone: 50, DepartmentsTotal: 100, People: 600, Calls: 60, ETA: 12345 * time.Millisecond})
	p.Done()

	want := "departments 9/100+, people 90, calls 12\n" +
		"departments 50/100, people 600, calls 60, about 12s left\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func summary() crawl.Summary {
	return crawl.Summary{
		SweepID: "s", TenantKey: "t", Resumed: true, Range: "scoped", Departments: 375, Users: 5000, Memberships: 5400, Appended: 12, Unchanged: 5363,
		Candidates: map[directory.Kind]int64{directory.KindUser: 3, directory.KindDepartment: 60},
		Held:       map[directory.Kind]int64{directory.KindUser: 0, directory.KindDepartment: 60},
		Removed:    map[directory.Kind]int64{directory.KindUser: 2, directory.KindDepartment: 0},
		Unproven:   map[directory.Kind]int64{directory.KindUser: 1, directory.KindDepartment: 0},
		Resources: []crawl.Polled{
			{Resource: crawl.ResourceGroups, Complete: true, Listed: 12, Appended: 3, Removed: 1, Missing: 4, Held: 2},
			{Resource: crawl.ResourceUnits, Refusals: []crawl.Refusal{{Endpoint: "GET /contact/v3/unit", Permissions: []string{"contact:unit:readonly", "contact:unit"}, Problem: "code 1: no"}}},
		},
		Calls: 400, Retries: 2, Waited: 1500 * time.Millisecond, Took: 70 * time.Second, Position: 99,
		Absent: map[directory.Kind][]crawl.AbsentField{directory.KindUser: {{Field: "mobile", Permission: "contact:user.phone:readonly"}}},
		Hidden: map[directory.Kind][]crawl.AbsentField{directory.KindUser: {{Field: "gender", Permission: "contact:user.gender:readonly"}}},
	}
}

func TestWriteSummary(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	WriteSummary(&out, summary())
	for _, want := range []string{
		"went on with one that was interrupted", "took 1m10s", "63  were there before and were not seen, 60 departments, 3 users\n", "1.5s",
		"the part of the company", "2  proven to be gone, 2 users\n", "1  kept, since Feishu's answer proves nothing, 1 users\n",
		"60  wait for a decision, 60 departments\n",
		"groups             12 listed, 3 appended, 1 removed, 4 missing", "2 of them held: backfill resources approve groups\n",
		"units              not read\n", "GET /contact/v3/unit may not be called: grant contact:unit:readonly or contact:unit, and publish",
		"user.mobile", "contact:user.phone:readonly", "hidden now", "user.gender",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestWriteSummaryJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := WriteSummaryJSON(&out, summary()); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"sweep_id": "s", "tenant_key": "t", "resumed": true, "range": "scoped", "departments": 375., "users": 5000., "memberships": 5400., "appended": 12.,
		"unchanged": 5363., "unreadable": 0., "calls": 400., "retries": 2., "position": 99., "waited_seconds": 1.5, "took_seconds": 70.,
		"candidates": map[string]any{"user": 3., "department": 60.}, "held": map[string]any{"user": 0., "department": 60.},
		"removed": map[string]any{"user": 2., "department": 0.}, "unproven": map[string]any{"user": 1., "department": 0.},
		"resources": []any{
			map[string]any{"resource": "groups", "complete": true, "listed": 12., "appended": 3., "unchanged": 0., "removed": 1., "missing": 4., "held": 2.},
			map[string]any{
				"resource": "units", "complete": false, "listed": 0., "appended": 0., "unchanged": 0., "removed": 0., "missing": 0., "held": 0.,
				"refusals": []any{map[string]any{"endpoint": "GET /contact/v3/unit", "permissions": []any{"contact:unit:readonly", "contact:unit"}, "problem": "code 1: no"}},
			},
		},
		"hidden": map[string]any{"user": []any{map[string]any{"field": "gender", "permission": "contact:user.gender:readonly"}}},
		"absent": map[string]any{"user": []any{map[string]any{"field": "mobile", "permission": "contact:user.phone:readonly"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func TestWritePlan(t *testing.T) {
	t.Parallel()
	plan := crawl.Plan{Asked: true, Departments: 375, People: 5000, Calls: map[string]int64{"GET /a": 8, "GET /b": 400}, Minutes: 0.5, CountsHidden: true}
	var text, machine bytes.Buffer
	WritePlan(&text, plan)
	if err := WritePlanJSON(&machine, plan); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"departments only", "GET /a", "408", "member_count: people and calls are the least"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
	var got struct {
		Total int64 `json:"total_calls"`
	}
	if err := json.Unmarshal(machine.Bytes(), &got); err != nil || got.Total != 408 {
		t.Errorf("total_calls = %d (%v), want 408", got.Total, err)
	}
}

func TestWriteRemovals(t *testing.T) {
	t.Parallel()
	decided := time.Unix(0, 0)
	var out bytes.Buffer
	WriteRemovals(&out, crawl.Removals{SweepID: "s2", TenantKey: "t", StartedAt: decided, Sets: []crawl.RemovalSet{
		{Kind: directory.KindDepartment, State: "done"},
		{Kind: directory.KindUser, State: "held", Candidates: 120, Live: 300, MaxRemovals: 20},
	}}, crawl.Removals{SweepID: "s1", TenantKey: "t", StartedAt: decided, Sets: []crawl.RemovalSet{
		{Kind: directory.KindUser, State: "done", DecidedAt: &decided, Candidates: 6, Live: 10, Resigned: 1, Deleted: 1, OutOfRange: 1, Unproven: 2, Present: 1},
	}})
	WriteCandidates(&out, []crawl.Candidate{{Kind: directory.KindUser, ID: "ou_1", Name: "王伟"}, {Kind: directory.KindUser, ID: "ou_2", Verdict: "UNPROVEN", Code: 41050}})
	WriteRemovals(&out)
	for _, want := range []string{
		"s2  of 1970-01-01 00:00:00 (UTC), company t\n  users            120 not seen of 300, HELD (20 may go without approval, and never all)\n",
		"6 not seen of 10, approved: 3 removed (1 resigned, 1 deleted, 1 out of range), 2 unproven and kept, 1 there after all\n",
		"not asked yet", "UNPROVEN (code 41050)", "王伟", "No walk has missed anybody.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
