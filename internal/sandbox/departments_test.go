package sandbox_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func departmentOf(t testing.TB, r reply) object {
	t.Helper()
	r.wantCode(t, 200, 0)
	return decodeAs[struct{ Department object }](t, r.Data).Department
}

func TestGetDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 40, Departments: 10, Seed: 5})
	truth := k.Truth()
	boss := pick(t, truth.Users, func(u sandbox.User) bool { return u.IsTenantManager })
	deputy := pick(t, truth.Users, func(u sandbox.User) bool { return !u.IsTenantManager })
	parent := pick(t, truth.Departments, func(d sandbox.Department) bool { return d.ParentDepartmentID == "0" })
	if _, err := k.AddUnit(sandbox.Unit{UnitID: "BU1", Name: "一", UnitType: "子公司"}); err != nil {
		t.Fatal(err)
	}
	d, err := k.AddDepartment(sandbox.Department{
		Name: "研发", ParentDepartmentID: parent.OpenDepartmentID, DepartmentID: "D077", Order: 7,
		I18nName: sandbox.I18nName{ZhCN: "研发", EnUS: "R&D"}, ChatID: "oc_1", UnitIDs: []string{"BU1"},
		GroupChatEmployeeTypes: []int{1, 2}, HRBPs: []string{deputy.OpenID},
		Leaders: []sandbox.Leader{{LeaderType: 1, LeaderID: boss.OpenID}, {LeaderType: 2, LeaderID: deputy.OpenID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.AddUser(sandbox.User{Name: "王伟", DepartmentIDs: []string{d.OpenDepartmentID}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ params, ids [3]string }{
		{[3]string{"", "", d.OpenDepartmentID}, [3]string{parent.OpenDepartmentID, boss.OpenID, deputy.OpenID}},
		{[3]string{"department_id", "user_id", "D077"}, [3]string{parent.DepartmentID, boss.UserID, deputy.UserID}},
		{[3]string{"department_id", "union_id", "D077"}, [3]string{parent.DepartmentID, boss.UnionID, deputy.UnionID}},
	} {
		want := object{
			"department_id": "D077", "open_department_id": d.OpenDepartmentID, "parent_department_id": c.ids[0], "name": "研发",
			"i18n_name": object{"zh_cn": "研发", "ja_jp": "", "en_us": "R&D"}, "order": "7",
			"leader_user_id": c.ids[1], "chat_id": "oc_1", "unit_ids": []any{"BU1"}, "group_chat_employee_types": []any{1.0, 2.0},
			"department_hrbps": []any{c.ids[2]}, "member_count": 1.0, "primary_member_count": 1.0,
			"leaders": []any{object{"leaderType": 1.0, "leaderID": c.ids[1]}, object{"leaderType": 2.0, "leaderID": c.ids[2]}},
			"status":  object{"is_deleted": false},
		}
		var kinds []string
		if c.params[0] != "" {
			kinds = []string{"department_id_type", c.params[0], "user_id_type", c.params[1]}
		}
		batch := decodeAs[list](t, k.get("/contact/v3/departments/batch", append(kinds, "department_ids", c.params[2])...).Data)
		got := []object{departmentOf(t, k.get("/contact/v3/departments/"+c.params[2], kinds...)), batch.Items[0]}
		if diff := gocmp.Diff([]object{want, want}, got); diff != "" {
			t.Errorf("%v mismatch (-want +got)\n%s", kinds, diff)
		}
	}
}

func TestRootAndBareDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	root := object{"department_id": "0", "open_department_id": "0", "name": "", "member_count": 3.0, "primary_member_count": 3.0}
	for _, kind := range []string{"department_id", "open_department_id"} {
		got := departmentOf(t, k.get("/contact/v3/departments/0", "department_id_type", kind))
		if diff := gocmp.Diff(root, got); diff != "" {
			t.Errorf("root mismatch (-want +got)\n%s", diff)
		}
	}
	d, err := k.AddDepartment(sandbox.Department{Name: "空"})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(departmentOf(t, k.get("/contact/v3/departments/"+d.OpenDepartmentID))))
	want := []string{
		"department_id", "i18n_name", "member_count", "name", "open_department_id", "order", "parent_department_id",
		"primary_member_count", "status", "unit_ids",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("keys of a department without anything mismatch (-want +got)\n%s", diff)
	}
}

func TestUnknownDepartments(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 3})
	for kind, code := range map[string]int{"open_department_id": 99992357, "department_id": 99992380} {
		k.get("/contact/v3/departments/none", "department_id_type", kind).wantCode(t, 400, code)
		k.get("/contact/v3/departments/none/children", "department_id_type", kind).wantCode(t, 400, code)
		k.get("/contact/v3/departments/parent", "department_id", "none", "department_id_type", kind).wantCode(t, 400, code)
	}
	k.get("/contact/v3/departments/0", "department_id_type", "dept").wantCode(t, 400, 99992402)
	k.get("/contact/v3/departments/parent").wantCode(t, 400, 44102)
	k.get("/contact/v3/departments/0/children", "fetch_child", "maybe").wantCode(t, 400, 99992402)
}

func TestBatchDepartments(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 60})
	known := slices.Sorted(maps.Keys(k.Truth().Departments))
	r := k.get("/contact/v3/departments/batch", "department_ids", known[2], "department_ids", "od-none", "department_ids", known[0])
	if got, want := ids(decodeAs[list](t, r.Data).Items, "open_department_id"), []string{known[2], known[0]}; !slices.Equal(got, want) {
		t.Errorf("batch answers %v, want %v", got, want)
	}
	k.get("/contact/v3/departments/batch").wantCode(t, 400, 99992402)
	var many []string
	for _, id := range known[:51] {
		many = append(many, "department_ids", id)
	}
	k.get("/contact/v3/departments/batch", many...).wantCode(t, 400, 40011)
	if got := decodeAs[list](t, k.get("/contact/v3/departments/batch", many[2:]...).Data).Items; len(got) != 50 {
		t.Errorf("fifty ids answer %d departments", len(got))
	}
}

// byOrder is the order in which departments are listed.
func byOrder(a, b sandbox.Department) int {
	return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.OpenDepartmentID, b.OpenDepartmentID))
}

func openIDs(departments []sandbox.Department) []string {
	var out []string
	for _, d := range departments {
		out = append(out, d.OpenDepartmentID)
	}
	return out
}

func TestChildren(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 130, Seed: 9})
	truth := k.Truth()
	under := func(d sandbox.Department, top string) bool {
		for ; d.ParentDepartmentID != ""; d = truth.Departments[d.ParentDepartmentID] {
			if d.ParentDepartmentID == top {
				return true
			}
		}
		return false
	}
	for _, top := range append(slices.Sorted(maps.Keys(truth.Departments))[:10], "0") {
		var direct, all []sandbox.Department
		for _, d := range truth.Departments {
			if d.ParentDepartmentID == top {
				direct = append(direct, d)
			}
			if under(d, top) {
				all = append(all, d)
			}
		}
		slices.SortFunc(direct, byOrder)
		slices.SortFunc(all, byOrder)
		path := "/contact/v3/departments/" + top + "/children"
		for _, size := range []int{1, 7, 50} {
			if got, want := ids(k.all(path, "page_size", fmt.Sprint(size)), "open_department_id"), openIDs(direct); !slices.Equal(got, want) {
				t.Errorf("children of %s in pages of %d: %v, want %v", top, size, got, want)
			}
			got := ids(k.all(path, "page_size", fmt.Sprint(size), "fetch_child", "true"), "open_department_id")
			if want := openIDs(all); !slices.Equal(got, want) {
				t.Errorf("all below %s in pages of %d: %d, want %d", top, size, len(got), len(want))
			}
		}
	}
	r := k.get("/contact/v3/departments/0/children", "fetch_child", "true")
	if got := decodeAs[list](t, r.Data).Items; len(got) != 10 {
		t.Errorf("a page without page_size has %d departments, want 10", len(got))
	}
}

func TestChildrenOfABigDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 30, BigDepartment: 29})
	k.get("/contact/v3/departments/0/children", "fetch_child", "true").wantCode(t, 400, 43010)
	k.get("/contact/v3/departments/0/children").wantCode(t, 200, 0)
	k.SetBigDepartment(30)
	k.get("/contact/v3/departments/0/children", "fetch_child", "true").wantCode(t, 200, 0)
}

func TestParents(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 40, Seed: 4})
	truth := k.Truth()
	var deepest []string // from the nearest parent up
	leaf := ""
	for id, d := range truth.Departments {
		var chain []string
		for d.ParentDepartmentID != "0" {
			chain = append(chain, d.ParentDepartmentID)
			d = truth.Departments[d.ParentDepartmentID]
		}
		if len(chain) > len(deepest) || len(chain) == len(deepest) && id < leaf {
			deepest, leaf = chain, id
		}
	}
	if len(deepest) < 9 {
		t.Fatalf("the deepest department has %d ancestors only", len(deepest))
	}
	for _, size := range []string{"1", "3", "20", "50"} {
		got := ids(k.all("/contact/v3/departments/parent", "department_id", leaf, "page_size", size), "open_department_id")
		if !slices.Equal(got, deepest) {
			t.Errorf("ancestors in pages of %s: %v, want %v", size, got, deepest)
		}
	}
	for _, id := range []string{"0", deepest[len(deepest)-1]} {
		if got := k.all("/contact/v3/departments/parent", "department_id", id); len(got) != 0 {
			t.Errorf("%s has %d ancestors, want none", id, len(got))
		}
	}
}
