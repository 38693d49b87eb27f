package sandbox_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// rangeLists is what contact/v3/scopes answers.
type rangeLists struct {
	Departments []string `json:"department_ids"`
	Users       []string `json:"user_ids"`
	Groups      []string `json:"group_ids"`
	HasMore     bool     `json:"has_more"`
	PageToken   string   `json:"page_token"`
}

// scopesOf walks contact/v3/scopes to its end.
func (k *kit) scopesOf(params ...string) (all rangeLists) {
	k.t.Helper()
	p := params
	for {
		r := k.get("/contact/v3/scopes", p...)
		r.wantCode(k.t, 200, 0)
		page := decodeAs[rangeLists](k.t, r.Data)
		all.Departments = append(all.Departments, page.Departments...)
		all.Users = append(all.Users, page.Users...)
		all.Groups = append(all.Groups, page.Groups...)
		if !page.HasMore {
			return all
		}
		p = append(slices.Clone(params), "page_token", page.PageToken)
	}
}

func TestScopesList(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	chief, err := o.AddUser(sandbox.User{Name: "总", UserID: "chief"})
	if err != nil {
		t.Fatal(err)
	}
	first, second := o.first.OpenDepartmentID, o.second.OpenDepartmentID
	firstLevel := []string{first, second}
	slices.Sort(firstLevel)
	for _, c := range []struct {
		name                       string
		app                        sandbox.App
		params                     []string
		departments, users, groups []string
	}{
		{"everybody", sandbox.App{}, nil, firstLevel, []string{"chief"}, []string{"rule", "staff"}},
		{"everybody, one by one", sandbox.App{}, []string{"page_size", "1"}, firstLevel, []string{"chief"}, []string{"rule", "staff"}},
		{"by the root", sandbox.App{Range: sandbox.Range{Departments: []string{"0"}}}, nil, firstLevel, []string{"chief"}, []string{"rule", "staff"}},
		{
			"some",
			sandbox.App{Range: sandbox.Range{Departments: []string{second}, Users: []string{o.wang.OpenID, o.gone.OpenID}, Groups: []string{"staff"}}},
			[]string{"page_size", "2"},
			[]string{second},
			[]string{"wang"},
			[]string{"staff"},
		},
		{"nobody", sandbox.App{Range: sandbox.Range{Nobody: true}}, nil, nil, nil, nil},
		{"department_ids", sandbox.App{Range: sandbox.Range{Departments: []string{second}}}, []string{"department_id_type", "department_id"}, []string{"D2"}, nil, nil},
	} {
		got := o.asApp(c.app).scopesOf(append(c.params, "user_id_type", "user_id")...)
		slices.Sort(got.Departments)
		if !slices.Equal(got.Departments, c.departments) || !slices.Equal(got.Users, c.users) || !slices.Equal(got.Groups, c.groups) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	// People are for those who may see user_id; open_ids are the app's own.
	if got := o.asApp(sandbox.App{Permissions: []string{readBase}}).scopesOf(); len(got.Users) != 0 || len(got.Groups) != 2 {
		t.Errorf("without the permission for user_id: %+v", got)
	}
	got := o.asApp(sandbox.App{Permissions: []string{readBase, readIDs}}).scopesOf()
	if len(got.Users) != 1 || got.Users[0] == chief.OpenID {
		t.Errorf("people %v are not by the app's own open_ids", got.Users)
	}
}

// What is out of range is refused by itself, and dropped from lists.
func TestRanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	sub, err := o.AddDepartment(sandbox.Department{Name: "后端", DepartmentID: "D11", ParentDepartmentID: o.first.OpenDepartmentID})
	if err != nil {
		t.Fatal(err)
	}
	app := o.narrow()
	for _, c := range []struct {
		path         string
		status, code int
	}{
		{"/departments/" + o.first.OpenDepartmentID, 200, 0},
		{"/departments/" + sub.OpenDepartmentID, 200, 0},
		{"/departments/" + o.second.OpenDepartmentID, 403, 40004},
		{"/departments/0", 403, 40004},
		{"/departments/0/children", 403, 40004},
		{"/departments/" + o.first.OpenDepartmentID + "/children", 200, 0},
		{"/users/find_by_department?department_id=0", 403, 40004},
		{"/users/find_by_department?department_id=" + o.second.OpenDepartmentID, 403, 40004},
		{"/users/wang?user_id_type=user_id", 200, 0},
		{"/users/gone?user_id_type=user_id", 200, 0}, // where they were at last
		{"/users/li?user_id_type=user_id", 400, 41050},
		{"/group/staff", 403, 42009},
		{"/group/staff/member/simplelist", 403, 42009},
		{"/employee_type_enums", 200, 0},
	} {
		if r := app.invoke(http.MethodGet, c.path, ""); r.status != c.status || r.Code != c.code {
			t.Errorf("%s: HTTP %d %s, want HTTP %d with code %d", c.path, r.status, r.raw, c.status, c.code)
		}
	}
	items := func(path string) int {
		return len(decodeAs[list](t, app.invoke(http.MethodGet, path, "").Data).Items)
	}
	if n := items("/users/batch?user_id_type=user_id&user_ids=li&user_ids=wang"); n != 1 {
		t.Errorf("users/batch shows %d people", n)
	}
	if n := items("/departments/batch?department_id_type=department_id&department_ids=D1&department_ids=D2"); n != 1 {
		t.Errorf("departments/batch shows %d departments", n)
	}
	if n := items("/departments/parent?department_id_type=department_id&department_id=D11"); n != 1 {
		t.Errorf("departments/parent shows %d departments", n)
	}
}

// A new range holds from the next call on.
func TestARangeChanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	sees := func() int {
		return len(decodeAs[list](t, o.invoke(http.MethodGet, "/users/batch?user_id_type=user_id&user_ids=li&user_ids=wang", "").Data).Items)
	}
	for _, c := range []struct {
		r    sandbox.Range
		want int
	}{
		{sandbox.Range{}, 2},
		{sandbox.Range{Nobody: true}, 0},
		{sandbox.Range{Users: []string{o.li.OpenID}}, 1},
		{sandbox.Range{Departments: []string{o.first.OpenDepartmentID, o.second.OpenDepartmentID}}, 2},
		{sandbox.Range{Groups: []string{"staff"}}, 2},
		{sandbox.Range{Groups: []string{"rule"}}, 1},
		{sandbox.Range{Departments: []string{"0"}}, 2},
	} {
		if err := o.SetRange(o.AppID(), c.r); err != nil {
			t.Fatal(err)
		}
		if got := sees(); got != c.want {
			t.Errorf("in the range %+v the app sees %d of two people, want %d", c.r, got, c.want)
		}
	}
}

// The truth as an app may see it is what the app is answered.
func TestSeenByIsWhatTheAppIsAnswered(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 120, Departments: 20, Seed: 2})
	truth := k.Truth()
	group := pick(t, truth.Groups, func(g sandbox.Group) bool { return len(g.Users) > 0 })
	top := pick(t, truth.Departments, func(d sandbox.Department) bool { return d.ParentDepartmentID == "0" && d.MemberCount > 0 })
	if err := k.ResignUser(group.Users[0]); err != nil {
		t.Fatal(err)
	}
	for name, app := range map[string]sandbox.App{
		"everything":     {},
		"a department":   {Range: sandbox.Range{Departments: []string{top.OpenDepartmentID}}},
		"a group":        {Range: sandbox.Range{Groups: []string{group.ID}}},
		"few fields":     {Permissions: []string{readBase, "contact:group:readonly"}},
		"nobody":         {Range: sandbox.Range{Nobody: true}},
		"no permissions": {Permissions: []string{}},
		"a store app":    {Store: true},
	} {
		caller := k.asApp(app)
		seen, err := k.SeenBy(lastApp(k))
		if err != nil {
			t.Fatal(err)
		}
		compareSeen(t, name, caller, seen, truth)
	}
}

// lastApp is the id of the app that came last.
func lastApp(k *kit) string {
	last := ""
	for _, a := range k.Apps() {
		if len(a.ID) > len(last) || len(a.ID) == len(last) && a.ID > last {
			last = a.ID
		}
	}
	return last
}

// compareSeen asks for everybody and everything there is, and compares.
func compareSeen(t *testing.T, name string, caller *kit, seen sandbox.Seen, truth sandbox.Truth) {
	t.Helper()
	batch := func(path, param string, ids []string, key string) map[string]object {
		found := map[string]object{}
		for chunk := range slices.Chunk(ids, 50) {
			var params []string
			for _, id := range chunk {
				params = append(params, param, id)
			}
			r := caller.get(path, append(params, "user_id_type", "union_id")...)
			if r.Code == 99991672 {
				return found
			}
			for _, item := range decodeAs[list](t, r.Data).Items {
				found[item[key].(string)] = item
			}
		}
		return found
	}
	var unions []string
	for _, u := range truth.Users {
		unions = append(unions, u.UnionID)
	}
	people := batch("/contact/v3/users/batch", "user_ids", unions, "open_id")
	departments := batch("/contact/v3/departments/batch", "department_ids", slices.Sorted(maps.Keys(truth.Departments)), "open_department_id")
	if name == "no permissions" {
		// The truth is about whom and what; that no method tells it is another matter.
		if seen.Groups != nil || seen.Units != nil || seen.EmployeeTypes != nil || seen.CustomAttrs != nil {
			t.Errorf("%s: %+v", name, seen)
		}
		return
	}
	ids := slices.Sorted(maps.Keys(people))
	want := slices.Sorted(maps.Keys(seen.Users))
	want = append(want, slices.Sorted(maps.Keys(seen.Resigned))...)
	slices.Sort(want)
	if !slices.Equal(ids, want) || !slices.Equal(slices.Sorted(maps.Keys(departments)), slices.Sorted(maps.Keys(seen.Departments))) {
		t.Errorf("%s: %d people and %d departments are answered, want %d and %d", name, len(people), len(departments), len(want), len(seen.Departments))
	}
	groups := []object{}
	if seen.Groups != nil {
		groups = append(caller.walk("grouplist", "/group/simplelist"), caller.walk("grouplist", "/group/simplelist", "type", "2")...)
	}
	if len(groups) != len(seen.Groups) {
		t.Errorf("%s: %d groups are answered, want %d", name, len(groups), len(seen.Groups))
	}
	for _, g := range groups {
		sg := seen.Groups[g["id"].(string)]
		members := texts(caller.walk("memberlist", "/group/"+g["id"].(string)+"/member/simplelist", "page_size", "100"), "member_id")
		slices.Sort(members)
		slices.Sort(sg.Users)
		if cmp.Diff(g, decodeAs[object](t, sg.Group)) != "" || !slices.Equal(members, sg.Users) {
			t.Errorf("%s: group %v with %v, want %+v", name, g, members, sg)
		}
	}
	if seen.Units != nil {
		for _, u := range caller.walk("unitlist", "/unit") {
			su := seen.Units[u["unit_id"].(string)]
			bound := texts(caller.walk("departmentlist", "/unit/list_department", "unit_id", u["unit_id"].(string)), "department_id")
			if cmp.Diff(u, decodeAs[object](t, su.Unit)) != "" || !slices.Equal(bound, su.Departments) {
				t.Errorf("%s: unit %v with %v, want %+v", name, u, bound, su)
			}
		}
	} else if r := caller.invoke(http.MethodGet, "/unit", ""); r.Code == 0 {
		t.Errorf("%s: units are answered: %s", name, r.raw)
	}
	if got := caller.walk("items", "/custom_attrs"); len(got) != len(seen.CustomAttrs) {
		t.Errorf("%s: %d custom attributes, want %d", name, len(got), len(seen.CustomAttrs))
	}
	if got := caller.walk("items", "/employee_type_enums"); len(got) != len(seen.EmployeeTypes) {
		t.Errorf("%s: %d employee types, want %d", name, len(got), len(seen.EmployeeTypes))
	}
}
