package sandbox_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestPageSize(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 200, Departments: 0})
	for _, c := range []struct {
		path   string
		params []string
		most   int
	}{
		{path: "/contact/v3/departments/0/children", most: 50},
		{path: "/contact/v3/departments/parent", params: []string{"department_id", "0"}, most: 50},
		{path: "/contact/v3/users/find_by_department", params: []string{"department_id", "0"}, most: 50},
		{path: "/contact/v3/scopes", most: 100},
	} {
		for size, want := range map[string][2]int{
			"0": {400, 40011}, "-1": {400, 40011}, "51": {400, 40011}, "101": {400, 40011}, "ten": {400, 99992402},
			"1": {200, 0}, "50": {200, 0},
		} {
			if size == "51" && c.most > 50 {
				want = [2]int{200, 0}
			}
			k.get(c.path, append(slices.Clone(c.params), "page_size", size)...).wantCode(t, want[0], want[1])
		}
	}
	if got := decodeAs[list](t, k.get("/contact/v3/users/find_by_department", "department_id", "0").Data); len(got.Items) != 10 || !got.HasMore {
		t.Errorf("a page without page_size has %d people, want 10 and more to come", len(got.Items))
	}
}

func TestPageTokensAreBound(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 300, Departments: 100, Seed: 2})
	crowd, _ := crowdOf(k.Truth())
	const users, children = "/contact/v3/users/find_by_department", "/contact/v3/departments/0/children"
	token := *decodeAs[list](t, k.get(users, "department_id", crowd, "page_size", "2").Data).PageToken

	with := func(path string, params ...string) reply {
		return k.get(path, append(params, "page_token", token)...)
	}
	with(users, "department_id", crowd).wantCode(t, 200, 0)
	with(users, "department_id", crowd, "page_size", "50").wantCode(t, 200, 0)
	for name, r := range map[string]reply{
		"another department": with(users, "department_id", "0"),
		"another id kind":    with(users, "department_id", crowd, "user_id_type", "union_id"),
		"another method":     with(children, "fetch_child", "true"),
		"changed":            k.get(users, "department_id", crowd, "page_token", otherFirst(token)),
		"shorter":            k.get(users, "department_id", crowd, "page_token", token[:len(token)-4]),
		"not base64":         k.get(users, "department_id", crowd, "page_token", "?"),
		"short":              k.get(users, "department_id", crowd, "page_token", "AAAA"),
	} {
		if r.status != http.StatusBadRequest || r.Code != 40012 {
			t.Errorf("%s: HTTP %d %s, want code 40012", name, r.status, r.raw)
		}
	}
	token = *decodeAs[list](t, k.get(children, "fetch_child", "true").Data).PageToken
	with(children, "fetch_child", "false").wantCode(t, 400, 40012)
	with("/contact/v3/departments/"+crowd+"/children", "fetch_child", "true").wantCode(t, 400, 40012)
}

// otherFirst is the token with another first character.
func otherFirst(token string) string {
	if token[0] == 'A' {
		return "B" + token[1:]
	}
	return "A" + token[1:]
}

// A page token is a place in the list, not a piece of a snapshot.
func TestListsChangeUnderAWalk(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 1})
	dept := slices.Sorted(maps.Keys(k.Truth().Departments))[0]
	for _, id := range []string{"ou_b", "ou_d", "ou_f", "ou_h"} {
		if _, err := k.AddUser(sandbox.User{Name: "王伟", OpenID: id, DepartmentIDs: []string{dept}}); err != nil {
			t.Fatal(err)
		}
	}
	params := []string{"department_id", dept, "page_size", "2"}
	first := decodeAs[list](t, k.get("/contact/v3/users/find_by_department", params...).Data)

	// The last one shown leaves; one comes before the place, one after.
	if err := k.ResignUser("ou_d"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ou_a", "ou_e"} {
		if _, err := k.AddUser(sandbox.User{Name: "李娜", OpenID: id, DepartmentIDs: []string{dept}}); err != nil {
			t.Fatal(err)
		}
	}
	rest := k.all("/contact/v3/users/find_by_department", append(params, "page_token", *first.PageToken)...)
	if got, want := ids(rest, "open_id"), []string{"ou_e", "ou_f", "ou_h"}; !slices.Equal(got, want) {
		t.Errorf("the walk goes on with %v, want %v", got, want)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 2600, Departments: 60, Seed: 8})
	type scopes struct {
		DepartmentIDs []string `json:"department_ids"`
		UserIDs       []string `json:"user_ids"`
		GroupIDs      []string `json:"group_ids"`
		HasMore       bool     `json:"has_more"`
		PageToken     string   `json:"page_token"`
	}
	walk := func(size string, params ...string) (all scopes) {
		t.Helper()
		for token := ""; ; {
			p := append(slices.Clone(params), "page_size", size)
			if token != "" {
				p = append(p, "page_token", token)
			}
			r := k.get("/contact/v3/scopes", p...)
			r.wantCode(t, 200, 0)
			page := decodeAs[scopes](t, r.Data)
			if page.DepartmentIDs == nil || page.UserIDs == nil || page.GroupIDs == nil {
				t.Fatalf("a list is missing in %s", r.Data)
			}
			all.DepartmentIDs = append(all.DepartmentIDs, page.DepartmentIDs...)
			all.UserIDs = append(all.UserIDs, page.UserIDs...)
			if token = page.PageToken; !page.HasMore {
				return all
			}
		}
	}
	var departments, people []string
	truth := k.Truth()
	for id, d := range truth.Departments {
		if d.ParentDepartmentID == "0" {
			departments = append(departments, id)
		}
	}
	for _, u := range truth.Users {
		if slices.Contains(u.DepartmentIDs, "0") {
			people = append(people, u.UnionID)
		}
	}
	slices.Sort(departments)
	slices.Sort(people)
	for _, size := range []string{"1", "2", "5", "100"} {
		got := walk(size, "user_id_type", "union_id")
		slices.Sort(got.DepartmentIDs)
		slices.Sort(got.UserIDs)
		if !slices.Equal(got.DepartmentIDs, departments) || !slices.Equal(got.UserIDs, people) {
			t.Errorf("in pages of %s: %d departments and %d people, want %d and %d",
				size, len(got.DepartmentIDs), len(got.UserIDs), len(departments), len(people))
		}
	}
	if err := k.HideField(sandbox.KindUser, "user_id"); err != nil {
		t.Fatal(err)
	}
	if got := walk("2"); len(got.UserIDs) != 0 || len(got.DepartmentIDs) != len(departments) {
		t.Errorf("without the permission for user_id: %d departments and %d people", len(got.DepartmentIDs), len(got.UserIDs))
	}
}
