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

func (b *bundle) userOf(t *testing.T, id string) directory.User {
	t.Helper()
	return directory.UserOf(b.folded(t)[b.key(directory.KindUser, id)])
}

// with lists the people who have something, sorted.
func with(truth sandbox.Truth, has func(sandbox.User) bool) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(truth.Users)) {
		if has(truth.Users[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func led(u sandbox.User) bool { return u.LeaderUserID != "" }

func hiddenFields(sum crawl.Summary, kind directory.Kind) (names []string) {
	for _, f := range sum.Hidden[kind] {
		names = append(names, f.Field)
	}
	return names
}

// revoke takes every permission from the app that shows a field.
func (b *bundle) revoke(t *testing.T, scopes ...string) {
	t.Helper()
	for _, scope := range append(scopes, "contact:contact:readonly_as_app", "contact:contact:readonly", "contact:contact:access_as_app") {
		must(t, b.sandbox.RevokeScope(b.sandbox.AppID(), scope))
	}
}

func TestWhatIsSeenToBeUnsetIsCleared(t *testing.T) {
	t.Parallel()

	t.Run("what somebody does not have any more who comes back", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		id := with(b.sandbox.Truth(), func(u sandbox.User) bool { return led(u) && !u.IsTenantManager })[0]
		must(t, b.sandbox.ResignUser(id))
		b.backfill(t)
		if got := b.userOf(t, id); got.RemovedAt == nil || got.LeaderUserID == nil {
			t.Fatal("who left is there, or what they had is not")
		}
		must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) {
			u.Status, u.LeaderUserID = sandbox.Status{IsActivated: true}, ""
		}))
		b.backfill(t)
		if got := b.userOf(t, id); got.RemovedAt != nil || got.LeaderUserID != nil {
			t.Errorf("gone: %v; has a leader: %v", got.RemovedAt != nil, got.LeaderUserID != nil)
		}
	})

	t.Run("a leader who is removed, though the event was lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		truth := b.sandbox.Truth()
		id := with(truth, led)[0]
		var department string
		for _, d := range slices.Sorted(maps.Keys(truth.Departments)) {
			if truth.Departments[d].LeaderUserID != "" {
				department = d
			}
		}
		must(t, b.sandbox.SetLeader(id, ""))
		must(t, b.sandbox.ChangeDepartment(department, func(d *sandbox.Department) { d.LeaderUserID, d.Leaders = "", nil }))
		sum := b.backfill(t)
		if got := b.userOf(t, id).LeaderUserID; got != nil {
			t.Error("the person still has a leader")
		}
		d := directory.DepartmentOf(b.folded(t)[b.key(directory.KindDepartment, department)])
		if d.LeaderUserID != nil || len(d.Leaders) > 0 {
			t.Error("the department still has a leader")
		}
		if sum.Appended != 2 || len(sum.Hidden) != 0 {
			t.Errorf("appended %d, hidden %v", sum.Appended, sum.Hidden)
		}
		if next := b.backfill(t); next.Position != sum.Position+2 {
			t.Errorf("the next sweep appended %d records, want its own two", next.Position-sum.Position)
		}
		b.equalsTruth(t)
	})

	t.Run("together with another change", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		b.backfill(t)
		id := with(b.sandbox.Truth(), led)[0]
		must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.LeaderUserID, u.City = "", "月球" }))
		b.backfill(t)
		if u := b.userOf(t, id); u.LeaderUserID != nil || text(u.City) != "月球" {
			t.Errorf("leader %v, city %v", u.LeaderUserID, text(u.City))
		}
	})

	t.Run("a field with a permission of its own, since others show it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		id := with(b.sandbox.Truth(), func(u sandbox.User) bool { return u.Email != "" && u.Mobile != "" })[0]
		must(t, b.sandbox.ChangeUser(id, func(u *sandbox.User) { u.Email, u.Mobile = "", "" }))
		b.backfill(t)
		if u := b.userOf(t, id); u.Email != nil || u.Mobile != nil {
			t.Error("e-mail or mobile are still there")
		}
	})

	t.Run("not where an event came later", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		b.backfill(t)
		id := with(b.sandbox.Truth(), led)[0]
		leader := b.sandbox.Truth().Users[id].LeaderUserID
		must(t, b.sandbox.SetLeader(id, ""))
		_, err := b.log.Append(t.Context(), userEvent(id, `"leader_user_id":"`+leader+`"`))
		must(t, err)
		b.backfill(t)
		if got := text(b.userOf(t, id).LeaderUserID); got != leader {
			t.Errorf("leader = %q: an older page undid an event", got)
		}
	})
}

func TestALostPermissionClearsNothing(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		people int
		scopes []string
		fields []string // of a person, that are hidden
		keeps  func(directory.User) bool
	}{
		{
			"where people sit and whom they report to", 200,
			[]string{"contact:user.department:readonly"},
			[]string{"department_ids", "leader_user_id"},
			func(u directory.User) bool { return len(u.Placements) > 0 && u.LeaderUserID != nil },
		},
		{
			"mobile numbers", 200,
			[]string{"contact:user.phone:readonly"},
			[]string{"mobile"},
			func(u directory.User) bool { return u.Mobile != nil },
		},
		{
			"mobile numbers of a few", 12,
			[]string{"contact:user.phone:readonly"},
			[]string{"mobile"},
			func(u directory.User) bool { return u.Mobile != nil },
		},
		{
			"all but ids of a few", 12,
			[]string{"contact:user.base:readonly", "contact:user.employee:readonly", "contact:user.employee_number:read"},
			[]string{"avatar", "city", "employee_no", "employee_type", "is_tenant_manager", "job_title", "name", "status"},
			func(u directory.User) bool { return u.Name != nil && u.IsActivated != nil },
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.people, 10)
			b.backfill(t)
			id := with(b.sandbox.Truth(), func(u sandbox.User) bool { return led(u) && u.Mobile != "" })[0]
			b.revoke(t, c.scopes...)
			for range 2 {
				sum := b.backfill(t)
				hidden := hiddenFields(sum, directory.KindUser)
				for _, field := range c.fields {
					if !slices.Contains(hidden, field) {
						t.Errorf("%s is not told to be hidden: %v", field, hidden)
					}
				}
				if sum.Appended != 0 || !c.keeps(b.userOf(t, id)) {
					t.Errorf("appended %d; what was known is lost: %v", sum.Appended, !c.keeps(b.userOf(t, id)))
				}
			}
			b.nobodyIsGone(t)
			var state string
			must(t, b.pool.QueryRow(t.Context(), `
				SELECT CASE WHEN hidden = '{}' THEN 'green' ELSE 'yellow' END
				FROM mirror.sweep WHERE state = 'complete' ORDER BY completed_at DESC LIMIT 1`).Scan(&state))
			if state != "yellow" {
				t.Errorf("the sweep says %s", state)
			}
			for _, scope := range c.scopes {
				must(t, b.sandbox.GrantScope(b.sandbox.AppID(), scope))
			}
			for _, field := range hiddenFields(b.backfill(t), directory.KindUser) {
				if slices.Contains(c.fields, field) {
					t.Errorf("%s is back and still told to be hidden", field)
				}
			}
		})
	}

	t.Run("a field that is gone from more than 5 % and 20", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 20)
		b.backfill(t)
		some := with(b.sandbox.Truth(), led)
		lost := max(20, len(some)/20+1)
		for _, id := range some[:lost] {
			must(t, b.sandbox.SetLeader(id, ""))
		}
		sum := b.backfill(t)
		if diff := cmp.Diff([]string{"leader_user_id"}, hiddenFields(sum, directory.KindUser)); diff != "" || sum.Appended != 0 {
			t.Errorf("appended %d, hidden (-want +got):\n%s", sum.Appended, diff)
		}
		must(t, b.sandbox.SetLeader(some[0], some[len(some)-1])) // one less, and it is believed
		sum = b.backfill(t)
		if len(sum.Hidden) != 0 || sum.Appended != int64(lost) {
			t.Errorf("appended %d, hidden %v", sum.Appended, sum.Hidden)
		}
	})
}

// A page that lacks some fields is not a permission lost, and no field unset.
func TestAnAnswerWithoutSomeFieldsClearsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, 200, 40)
	b.backfill(t)
	must(t, b.sandbox.AddFault(sandbox.Fault{
		Preset: "hidden", Endpoint: feishu.EndpointUsersByDepartment, Match: "department_id=" + b.missedOf(t, 15),
	}))
	b.sandbox.ResetStats()
	if sum := b.backfill(t); sum.Appended != 0 || len(sum.Hidden) != 0 {
		t.Errorf("%d appended, %v hidden; want nothing", sum.Appended, sum.Hidden)
	}
	if n := b.calls(feishu.EndpointUsersBatch); n != 1 {
		t.Errorf("%d calls to ask again, want one", n)
	}
	b.equalsTruth(t)
}
