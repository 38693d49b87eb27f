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
		SweepID: "s", Resumed: true, Departments: 375, Users: 5000, Memberships: 5400, Appended: 12, Unchanged: 5363,
		Candidates: map[directory.Kind]int64{directory.KindUser: 3, directory.KindDepartment: 0},
		Calls:      400, Retries: 2, Waited: 1500 * time.Millisecond, Took: 70 * time.Second, Position: 99,
		Absent: map[directory.Kind][]crawl.AbsentField{directory.KindUser: {{Field: "mobile", Permission: "contact:user.phone:readonly"}}},
	}
}

func TestWriteSummary(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	WriteSummary(&out, summary())
	for _, want := range []string{
		"went on with one that was interrupted", "took 1m10s", "3  were there before and were not seen, 3 users\n", "1.5s",
		"user.mobile", "contact:user.phone:readonly",
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
		"sweep_id": "s", "resumed": true, "departments": 375., "users": 5000., "memberships": 5400., "appended": 12.,
		"unchanged": 5363., "unreadable": 0., "calls": 400., "retries": 2., "position": 99., "waited_seconds": 1.5, "took_seconds": 70.,
		"candidates": map[string]any{"user": 3., "department": 0.},
		"absent":     map[string]any{"user": []any{map[string]any{"field": "mobile", "permission": "contact:user.phone:readonly"}}},
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
