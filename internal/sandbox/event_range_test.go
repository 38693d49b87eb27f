package sandbox_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestEventsWithinTheRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as                      sandbox.MovesAcrossRange
		userLeaves, userComes   string
		deptLeaves, deptReturns string
	}{
		{sandbox.MovesAreUpdates, "user.updated", "user.updated", "department.updated", "department.updated"},
		{sandbox.MovesAreSilent, "", "", "", ""},
		{sandbox.MovesComeAndLeave, "user.deleted", "user.created", "department.deleted", "department.created"},
	} {
		t.Run("moves are "+string(c.as), func(t *testing.T) {
			t.Parallel()
			k := start(t, sandbox.Config{})
			inside, outside := k.addDepartment("研发", "0"), k.addDepartment("市场", "0")
			below := k.addDepartment("后端", inside)
			other := k.addUser(sandbox.User{Name: "孙丽", DepartmentIDs: []string{outside}})
			u := k.addUser(sandbox.User{Name: "王伟", DepartmentIDs: []string{below}})
			named := k.addUser(sandbox.User{Name: "李娜"})
			narrow := k.app(sandbox.App{ID: "cli_narrow", Range: sandbox.Range{Departments: []string{inside}, Users: []string{named.OpenID}}})
			k.options(func(o *sandbox.Options) { o.MovesAcrossRange = c.as })
			for _, step := range []struct {
				name string
				do   func() error
				want string
			}{
				{"a change inside", func() error { return k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.City = "x" }) }, "user.updated"},
				{"a change outside", func() error { return k.ChangeUser(other.OpenID, func(u *sandbox.User) { u.City = "x" }) }, ""},
				{"somebody who is named", func() error { return k.ChangeUser(named.OpenID, func(u *sandbox.User) { u.City = "x" }) }, "user.updated"},
				{"somebody leaves the range", func() error { return k.MoveUser(u.OpenID, outside) }, c.userLeaves},
				{"somebody comes into it", func() error { return k.MoveUser(u.OpenID, inside) }, c.userComes},
				{"a department outside", func() error { return rename(k, outside) }, ""},
				{"a department inside", func() error { return rename(k, below) }, "department.updated"},
				{"a department leaves", func() error { return k.MoveDepartment(below, outside) }, c.deptLeaves},
				{"a department comes", func() error { return k.MoveDepartment(below, inside) }, c.deptReturns},
				{"a new one inside", func() error { k.addDepartment("前端", inside); return nil }, "department.created"},
				{"a new one outside", func() error { k.addDepartment("前端", outside); return nil }, ""},
				{"one goes inside", func() error { return k.RemoveDepartment(below) }, "department.deleted"},
				{"somebody new outside", func() error { k.addUser(sandbox.User{Name: "x"}); return nil }, ""},
				{"somebody new inside", func() error { k.addUser(sandbox.User{Name: "x", DepartmentIDs: []string{inside}}); return nil }, "user.created"},
				{"somebody inside resigns", func() error { return k.ResignUser(u.OpenID) }, "user.deleted"},
				{"somebody outside resigns", func() error { return k.ResignUser(other.OpenID) }, ""},
				{"somebody who is named resigns", func() error { return k.ResignUser(named.OpenID) }, "user.deleted"},
			} {
				must(t, step.do())
				if got := k.types(narrow); got != step.want {
					t.Errorf("%s: %q, want %q", step.name, got, step.want)
				}
			}
			if n := len(k.news(k.AppID())); n < 20 {
				t.Errorf("the app that sees everything got %d events", n)
			}
		})
	}
}

func TestFieldsOfEventsByPermission(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	d := k.addDepartment("研发", "0")
	boss := k.addUser(sandbox.User{Name: "李娜", UserID: "ub"})
	apps := map[string]string{
		k.app(sandbox.App{ID: "cli_base", Permissions: []string{"contact:contact.base:readonly"}}):                                 "job_title open_id union_id | leaders open_department_id",
		k.app(sandbox.App{ID: "cli_legacy", Store: true}):                                                                          "avatar city country custom_attrs dotted_line_leader_user_ids employee_no employee_type en_name enterprise_email gender job_title join_time leader_user_id name nickname open_id orders status union_id work_station | department_id leader_user_id leaders name open_department_id order parent_department_id status",
		k.app(sandbox.App{ID: "cli_id", Permissions: []string{"contact:contact.base:readonly", "contact:user.employee:readonly"}}): "city country custom_attrs employee_no employee_type job_title join_time leader_user_id open_id status union_id work_station | leaders open_department_id",
		k.app(sandbox.App{ID: "cli_fields_only", Permissions: []string{"contact:user.base:readonly"}}):                             "",
	}
	k.addUser(person(boss.OpenID, d))
	must(t, k.SetDepartmentLeader(d, boss.OpenID))
	for app, want := range apps {
		var got []string
		for _, n := range k.news(app) {
			got = append(got, strings.Join(slices.Sorted(maps.Keys(n.Object)), " "))
			if leaders, ok := n.Object["leaders"].([]any); ok && app == "cli_base" {
				if diff := cmp.Diff([]any{object{"leaderType": 1.0}}, leaders); diff != "" {
					t.Errorf("leaders mismatch (-want +got)\n%s", diff)
				}
			}
			if strings.Contains(rawOf(n.Object["custom_attrs"]), "ub") {
				t.Errorf("%s may not see user_id, and gets %s", app, rawOf(n.Object))
			}
		}
		if app == "cli_base" { // name and leader are not for it, but leaders are
			want = "job_title open_id union_id | leaders open_department_id"
		}
		if app != "cli_fields_only" && len(got) == 1 {
			got = append(got, "leaders open_department_id") // nothing readable changed
		}
		if diff := cmp.Diff(want, strings.Join(got, " | ")); diff != "" {
			t.Errorf("%s: fields mismatch (-want +got)\n%s", app, diff)
		}
	}
	// A change of what an app may not see is no news, or empty news.
	for on, want := range map[bool]string{false: "", true: "user.updated"} {
		k.options(func(o *sandbox.Options) { o.UnreadableChanges = on })
		must(t, k.ChangeUser("ou_a", func(u *sandbox.User) { u.Mobile += "1" }))
		if got := k.types("cli_base"); got != want {
			t.Errorf("with the option %v: %q", on, got)
		}
	}
}

func TestRangeEvents(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	a, b := k.addDepartment("研发", "0"), k.addDepartment("市场", "0")
	below := k.addDepartment("后端", a)
	u := k.addUser(sandbox.User{Name: "王伟", DepartmentIDs: []string{below}})
	chief := k.addUser(sandbox.User{Name: "李娜"})
	app := k.app(sandbox.App{ID: "cli_x"})
	type entries struct{ Departments, Users, Groups []string }
	type scopeNews struct{ Added, Removed entries }
	told := func(event sandbox.EventRecord) scopeNews {
		type side struct {
			Departments []object
			Users       []object
			Groups      []object `json:"user_groups"`
		}
		body := decodeAs[struct{ Added, Removed side }](t, event.Event)
		pick := func(s side) entries {
			if s.Departments == nil || s.Users == nil || s.Groups == nil {
				t.Errorf("a list is missing in %s", event.Event)
			}
			for _, d := range s.Departments {
				if _, ok := d["order"].(string); !ok || d["member_count"] == nil {
					t.Errorf("a department is not as in answers: %v", d)
				}
			}
			for _, u := range s.Users {
				if u["department_ids"] != nil || u["orders"] != nil || u["is_frozen"] == nil || u["name"] == nil {
					t.Errorf("a person is %v", u)
				}
			}
			return entries{ids(s.Departments, "open_department_id"), ids(s.Users, "open_id"), ids(s.Groups, "user_group_id")}
		}
		return scopeNews{pick(body.Added), pick(body.Removed)}
	}
	own := func(canonical string) string { // by which this app knows somebody
		seen, err := k.SeenBy(app)
		must(t, err)
		for id, raw := range seen.Users {
			if strings.Contains(string(raw), canonical) {
				return id
			}
		}
		return canonical
	}
	chiefID := own(chief.UserID)
	for _, c := range []struct {
		name string
		to   sandbox.Range
		want *scopeNews
	}{
		{"the same", sandbox.Range{}, nil},
		{"from everybody to a department", sandbox.Range{Departments: []string{a}}, &scopeNews{Removed: entries{Departments: []string{b}, Users: []string{chiefID}}}},
		{"another one", sandbox.Range{Departments: []string{b, below}}, &scopeNews{entries{Departments: []string{b, below}}, entries{Departments: []string{a}}}},
		{"nobody", sandbox.Range{Nobody: true}, &scopeNews{Removed: entries{Departments: []string{b, below}}}},
		{"everybody", sandbox.Range{Departments: []string{"0"}}, &scopeNews{Added: entries{Departments: []string{a, b}, Users: []string{chiefID}}}},
	} {
		must(t, k.SetRange(app, c.to))
		all := k.Events(app)
		k.ForgetEvents(app)
		if c.want == nil && len(all) != 0 || c.want != nil && (len(all) != 1 || all[0].Type != "contact.scope.updated_v3") {
			t.Fatalf("%s: %d events", c.name, len(all))
		}
		if c.want != nil {
			if diff := cmp.Diff(*c.want, told(all[0])); diff != "" {
				t.Errorf("%s: mismatch (-want +got)\n%s", c.name, diff)
			}
		}
	}
	if others := k.types(k.AppID()); strings.Contains(others, "scope") {
		t.Errorf("the other app got %s", others)
	}

	k.options(func(o *sandbox.Options) { o.RangeEvents, o.CustomParentInScope = true, true })
	must(t, k.SetRange(app, sandbox.Range{Departments: []string{below}}))
	if got := k.types(app); got != "scope.updated department.deleted department.deleted user.deleted" {
		t.Errorf("narrowed: %s", got)
	}
	must(t, k.SetRange(app, sandbox.Range{Departments: []string{a, below}}))
	all := k.Events(app)
	parent, err := k.Department(a)
	must(t, err)
	if got := k.types(app); got != "scope.updated department.created" {
		t.Errorf("widened: %s", got)
	}
	must(t, k.SetRange(app, sandbox.Range{Departments: []string{a}}))
	all = k.Events(app)
	if raw := string(all[0].Event); !strings.Contains(raw, `"parent_department_id":"`+parent.DepartmentID+`"`) || len(all) != 1 {
		t.Errorf("a custom parent: %s", raw)
	}
	if u.OpenID == own(u.UserID) {
		t.Error("another app has the open_ids of the first")
	}
}
