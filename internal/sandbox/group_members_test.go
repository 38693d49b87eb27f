package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestMembersOfAGroup(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const path = "/group/staff/member/simplelist"
	people := func(params ...string) []string { return texts(o.walk("memberlist", path, params...), "member_id") }
	for _, c := range []struct {
		params []string
		want   []object
	}{
		{nil, []object{{"member_id": o.wang.OpenID, "member_type": "user"}}},
		{[]string{"member_id_type", "user_id"}, []object{{"member_id": "wang", "member_type": "user"}}},
		{[]string{"member_type", "user", "member_id_type", "union_id"}, []object{{"member_id": o.wang.UnionID, "member_type": "user"}}},
		{[]string{"member_type", "department"}, []object{{"member_id": o.second.OpenDepartmentID, "member_type": "department"}}},
		{[]string{"member_type", "department", "member_id_type", "department_id"}, []object{{"member_id": "D2", "member_type": "department"}}},
	} {
		if diff := cmp.Diff(c.want, o.walk("memberlist", path, c.params...)); diff != "" {
			t.Errorf("%v mismatch (-want +got)\n%s", c.params, diff)
		}
	}

	want := []string{o.wang.OpenID}
	for i := range 230 {
		u, err := o.AddUser(sandbox.User{Name: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, u.OpenID)
	}
	for chunk := range slices.Chunk(want[1:], 100) {
		r := o.invoke(http.MethodPost, "/group/staff/member/batch_add", members(chunk...))
		r.wantCode(t, 200, 0)
		for _, result := range decodeAs[struct{ Results []object }](t, r.Data).Results {
			if result["code"] != 0.0 || !slices.Contains(chunk, result["member_id"].(string)) {
				t.Errorf("result %v", result)
			}
		}
	}
	slices.Sort(want)
	if got := people("page_size", "100"); !slices.Equal(got, want) {
		t.Errorf("%d members, want %d", len(got), len(want))
	}
}

func TestWritingMembers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	users := func() []string {
		g, err := o.Group("staff")
		if err != nil {
			t.Fatal(err)
		}
		return g.Users
	}
	both := []string{o.wang.OpenID, o.li.OpenID}
	slices.Sort(both)
	post := func(path, body string) reply { return o.invoke(http.MethodPost, "/group/staff/member/"+path, body) }

	if r := post("add", `{"member_type":"user","member_id_type":"user_id","member_id":"li"}`); string(r.Data) != "{}" || !slices.Equal(users(), both) {
		t.Errorf("add answers %s", r.raw)
	}
	if r := post("remove", member(o.li.OpenID)); string(r.Data) != "{}" || slices.Contains(users(), o.li.OpenID) {
		t.Errorf("remove answers %s", r.raw)
	}
	post("remove", member(o.li.OpenID)).wantCode(t, 200, 0) // no member, and none afterwards
	r := post("batch_add", members(o.wang.OpenID, o.li.OpenID, o.li.OpenID))
	want := fmt.Sprintf(`{"results":[{"code":42005,"member_id":%q},{"code":0,"member_id":%q},{"code":42005,"member_id":%q}]}`,
		o.wang.OpenID, o.li.OpenID, o.li.OpenID)
	if string(r.Data) != want || !slices.Equal(users(), both) {
		t.Errorf("batch_add answers %s, want %s", r.raw, want)
	}
	if r := post("batch_remove", members(o.li.OpenID)); string(r.Data) != "{}" || slices.Contains(users(), o.li.OpenID) {
		t.Errorf("batch_remove answers %s", r.raw)
	}
	// Some are no members: the others go.
	post("batch_remove", members(o.wang.OpenID, o.li.OpenID)).wantCode(t, 400, 40022)
	if got := users(); len(got) != 0 {
		t.Errorf("after a removal that partly failed: %v", got)
	}
	// The department keeps the group from being empty.
	o.invoke(http.MethodDelete, "/group/staff", "").wantCode(t, 400, 42017)
}

func TestMembersFollowThePeople(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.ResignUser(o.wang.OpenID); err != nil {
		t.Fatal(err)
	}
	if err := o.EraseUser(o.li.OpenID); err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveDepartment(o.second.OpenDepartmentID); err != nil {
		t.Fatal(err)
	}
	for id, g := range o.Truth().Groups {
		if len(g.Users)+len(g.Departments) > 0 {
			t.Errorf("group %s still has %v and %v", id, g.Users, g.Departments)
		}
	}
	o.invoke(http.MethodDelete, "/group/staff", "").wantCode(t, 200, 0)
}

// A range that names a group is as wide as the group is now.
func TestRangesFollowGroups(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.ChangeGroup("staff", func(g *sandbox.Group) { g.Departments = nil }); err != nil {
		t.Fatal(err)
	}
	app := o.asApp(sandbox.App{Range: sandbox.Range{Groups: []string{"staff"}}})
	sees := func(user string) bool {
		return app.invoke(http.MethodGet, "/users/"+user+"?user_id_type=user_id", "").Code == 0
	}
	check := func(what string, wang, li bool) {
		t.Helper()
		if sees("wang") != wang || sees("li") != li {
			t.Errorf("%s: the app sees wang %v and li %v", what, sees("wang"), sees("li"))
		}
	}
	check("at first", true, false)
	o.invoke(http.MethodPost, "/group/staff/member/add", member(o.li.OpenID)).wantCode(t, 200, 0)
	check("after an add", true, true)
	o.invoke(http.MethodPost, "/group/staff/member/batch_remove", members(o.wang.OpenID)).wantCode(t, 200, 0)
	check("after a removal", false, true)
	o.invoke(http.MethodPost, "/group/staff/member/remove", member(o.li.OpenID)).wantCode(t, 200, 0)
	check("with nobody in it", false, false)
	if err := o.ChangeGroup("staff", func(g *sandbox.Group) { g.Departments = []string{o.second.OpenDepartmentID} }); err != nil {
		t.Fatal(err)
	}
	check("with a department", false, true)
	app.invoke(http.MethodGet, "/departments/"+o.second.OpenDepartmentID, "").wantCode(t, 200, 0)
	if err := o.RemoveGroup("staff"); err != nil {
		t.Fatal(err)
	}
	check("without the group", false, false)
}
