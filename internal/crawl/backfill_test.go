package crawl_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestBackfill(t *testing.T) {
	t.Parallel()

	t.Run("a walk copies the company with the fewest calls", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 600, 60)
		sum := b.backfill(t)
		b.equalsTruth(t)
		truth := b.sandbox.Truth()
		if want := fewestCalls(truth) + 2; sum.Calls != want { // and the token, and the root
			t.Errorf("%d calls, want %d", sum.Calls, want)
		}
		memberships := 0
		for _, u := range truth.Users {
			memberships += len(u.DepartmentIDs)
		}
		got := []int64{sum.Departments, sum.Users, sum.Memberships, sum.Appended}
		want := []int64{60, 600, int64(memberships), 661 + definitions(truth)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("departments, users, memberships, appended (-want +got):\n%s", diff)
		}
	})

	t.Run("a second walk appends its own two records", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		first := b.backfill(t)
		second := b.backfill(t)
		if second.Appended != 0 || second.Position != first.Position+2 {
			t.Errorf("appended %d observations, and %d records in all", second.Appended, second.Position-first.Position)
		}
		if second.Unchanged < 221 {
			t.Errorf("%d unchanged, want at least 221", second.Unchanged)
		}
	})

	t.Run("a second walk appends what changed, and removes who left", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		changed, gone := anyUser(b.sandbox.Truth(), 0), anyUser(b.sandbox.Truth(), 1)
		must(t, b.sandbox.ChangeUser(changed, func(u *sandbox.User) { u.Name = "新名字" }))
		must(t, b.sandbox.ResignUser(gone))
		sum := b.backfill(t)
		if sum.Appended != 1 || sum.Candidates[directory.KindUser] != 1 || sum.Candidates[directory.KindDepartment] != 0 {
			t.Errorf("appended %d, candidates %v; want 1 and one user", sum.Appended, sum.Candidates)
		}
		states := b.folded(t)
		tenant := b.sandbox.Truth().Tenant.TenantKey
		reason, _ := states[directory.Key{TenantKey: tenant, Kind: directory.KindUser, ID: gone}].Gone()
		if reason != directory.ReasonResigned || sum.Removed[directory.KindUser] != 1 {
			t.Errorf("who left is gone as %q, and %d are counted", reason, sum.Removed[directory.KindUser])
		}
		for id, d := range b.sandbox.Truth().Departments { // the counts moved without a record of their own
			s := states[directory.Key{TenantKey: tenant, Kind: directory.KindDepartment, ID: id}]
			if got := *directory.DepartmentOf(s).MemberCount; got != int64(d.MemberCount) {
				t.Errorf("member_count of a department is %d, want %d", got, d.MemberCount)
			}
		}
	})

	t.Run("an event during the walk is not undone by an older page", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 3)
		_, err := b.log.Append(t.Context(), userEvent(id, `"city":"月球"`))
		must(t, err)
		if sum := b.backfill(t); sum.Appended != 0 { // the pages still say the old city, ten seconds too early to count
			t.Errorf("appended %d observations", sum.Appended)
		}
		key := directory.Key{TenantKey: b.sandbox.Truth().Tenant.TenantKey, Kind: directory.KindUser, ID: id}
		if got := text(directory.UserOf(b.folded(t)[key]).City); got != "月球" {
			t.Errorf("city = %q", got)
		}
	})

	t.Run("an expired page token restarts its list only", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 400, 120)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, RefusePageToken: true}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, RefusePageToken: true}))
		sum := b.backfill(t)
		b.equalsTruth(t)
		memberships := int64(0)
		for _, u := range b.sandbox.Truth().Users {
			memberships += int64(len(u.DepartmentIDs))
		}
		if sum.Memberships != memberships {
			t.Errorf("%d memberships, want %d: the restarted list counted twice", sum.Memberships, memberships)
		}
		if extra := sum.Calls - fewestCalls(b.sandbox.Truth()) - 2; extra < 2 || extra > 14 {
			t.Errorf("%d calls more than without", extra)
		}
	})

	t.Run("a tree too big to list at once is walked level by level", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 40)
		b.sandbox.SetBigDepartment(10)
		b.backfill(t)
		b.equalsTruth(t)
	})

	t.Run("an interrupted walk goes on where it was", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 600, 60)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Skip: 40, Count: -1, Status: 500}))
		cut, err := b.crawler.Backfill(t.Context())
		if !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("error = %v, want ErrUnavailable", err)
		}
		b.sandbox.ClearFaults()
		before, _ := b.counter.Snapshot()
		sum := b.backfill(t)
		if !sum.Resumed || sum.SweepID != cut.SweepID {
			t.Errorf("resumed = %v, sweep %s after %s", sum.Resumed, sum.SweepID, cut.SweepID)
		}
		needed := fewestCalls(b.sandbox.Truth()) - 42
		if made := sum.Calls - before.Calls; made > needed+25 {
			t.Errorf("%d calls after the interruption, at most %d would do", made, needed+25)
		}
		b.equalsTruth(t)
	})

	t.Run("an interrupted walk of yesterday is given up", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Skip: 3, Count: -1, Status: 500}))
		cut, err := b.crawler.Backfill(t.Context())
		if !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("error = %v, want ErrUnavailable", err)
		}
		b.sandbox.ClearFaults()
		_, err = b.pool.Exec(t.Context(), `UPDATE mirror.sweep SET started_at = started_at - interval '25 hours'`)
		must(t, err)
		sum := b.backfill(t)
		if sum.Resumed || sum.SweepID == cut.SweepID {
			t.Errorf("resumed = %v, sweep %s after %s", sum.Resumed, sum.SweepID, cut.SweepID)
		}
		var state string
		must(t, b.pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, cut.SweepID).Scan(&state))
		if state != "abandoned" {
			t.Errorf("yesterday's walk is %s", state)
		}
		b.equalsTruth(t)
	})

	t.Run("an empty company is complete", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 0, 0)
		sum := b.backfill(t)
		if sum.Users != 0 || sum.Departments != 0 || sum.Position != 3+directory.Position(definitions(b.sandbox.Truth())) || len(sum.Absent) != 0 {
			t.Errorf("summary of an empty company: %+v", sum)
		}
	})

	t.Run("a field of the wrong type spoils neither its person nor the page", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "employee_type", json.RawMessage(`{"no":"number"}`)))
		first := b.backfill(t)
		b.equalsTruth(t)
		if second := b.backfill(t); second.Position != first.Position+2 {
			t.Errorf("the second walk appended %d records", second.Position-first.Position)
		}
	})

	t.Run("a field that becomes unreadable is told to the log, once", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		first := b.backfill(t)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "employee_type", json.RawMessage(`{"no":"number"}`)))
		second := b.backfill(t)
		if second.Appended != 1 || second.Position != first.Position+3 {
			t.Errorf("appended %d observations in %d records, want 1 in 3", second.Appended, second.Position-first.Position)
		}
		records, err := b.log.Read(t.Context(), first.Position, 10)
		must(t, err)
		var problems []directory.Problem
		for _, r := range records {
			problems = append(problems, directory.Decode(r).Problems...)
		}
		if len(problems) != 1 || problems[0].Key.ID != id || problems[0].Field != "employee_type" {
			t.Errorf("the log tells of %d problems, want the one field", len(problems))
		}
		if third := b.backfill(t); third.Position != second.Position+2 {
			t.Errorf("the third walk appended %d records, want its own two", third.Position-second.Position)
		}
		// The projector parks what the log tells; from then on the table knows.
		_, err = b.pool.Exec(t.Context(), `
			INSERT INTO mirror.event_log_parked (position, tenant_key, entity_kind, entity_id, field, error)
			VALUES ($1, $2, 'user', $3, 'name', 'wrong type')`, first.Position, b.sandbox.Truth().Tenant.TenantKey, id)
		must(t, err)
		must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "name", json.RawMessage(`{"no":"text"}`)))
		if sum := b.backfill(t); sum.Appended != 0 {
			t.Errorf("appended %d observations for a field that is parked already", sum.Appended)
		}
	})

	t.Run("an item without an id is left out and counted", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		id := anyUser(b.sandbox.Truth(), 0)
		must(t, b.sandbox.OverrideField(sandbox.KindUser, id, "open_id", json.RawMessage(`[]`)))
		sum := b.backfill(t)
		if sum.Unreadable != int64(len(b.sandbox.Truth().Users[id].DepartmentIDs)) || sum.Users != 99 {
			t.Errorf("%d unreadable, %d users", sum.Unreadable, sum.Users)
		}
	})

	t.Run("fields that nobody shows are named with their permission", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 5)
		must(t, b.sandbox.HideField(sandbox.KindUser, "mobile"))
		sum := b.backfill(t)
		want := crawl.AbsentField{Field: "mobile", Permission: "contact:user.phone:readonly"}
		found := false
		for _, a := range sum.Absent[directory.KindUser] {
			found = found || a == want
			if a.Field == "name" {
				t.Error("name was there, and is called absent")
			}
		}
		if !found {
			t.Errorf("absent = %v, want %v in it", sum.Absent, want)
		}
	})
}
