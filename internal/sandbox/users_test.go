package sandbox_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func userOf(t testing.TB, r reply) object {
	t.Helper()
	r.wantCode(t, 200, 0)
	return decodeAs[struct{ User object }](t, r.Data).User
}

// full is a person who has everything that can be set.
func full(t testing.TB, k *kit) sandbox.User {
	t.Helper()
	truth := k.Truth()
	boss := pick(t, truth.Users, func(u sandbox.User) bool { return u.IsTenantManager })
	d := pick(t, truth.Departments, func(d sandbox.Department) bool { return d.ParentDepartmentID != "0" })
	u, err := k.AddUser(sandbox.User{
		Name: "欧阳\"娜\"\u0000", EnName: "Na Ouyang", Nickname: "小欧", Email: "na@example.com", EnterpriseEmail: "na@corp.example.com",
		Mobile: "+8613900001111", MobileVisible: true, Gender: 2, AvatarKey: "v3_key", Description: "<在路上>",
		Orders: []sandbox.Order{
			{DepartmentID: "0", UserOrder: 3, DepartmentOrder: 1},
			{DepartmentID: d.OpenDepartmentID, UserOrder: 7, DepartmentOrder: 2},
		},
		LeaderUserID: boss.OpenID, DottedLine: []string{boss.OpenID},
		City: "上海", Country: "CN", Geo: "cn", WorkStation: "A座1层-001", JoinTime: 1600000000, EmployeeNo: "E1", EmployeeType: 2,
		JobTitle: "架构师", JobLevelID: "level", JobFamilyID: "family",
		CustomAttrs: []sandbox.CustomAttr{
			{Type: "TEXT", ID: "C-1", Value: sandbox.CustomAttrValue{Text: "x"}},
			{Type: "GENERIC_USER", ID: "C-2", Value: sandbox.CustomAttrValue{GenericUser: boss.OpenID}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 50, Departments: 10, Seed: 1})
	u := full(t, k)
	boss, dept := u.LeaderUserID, u.DepartmentIDs[0]
	avatar := func(size string) string {
		return "https://s1-imfile.feishucdn.com/static-resource/v1/v3_key~?image_size=" + size
	}

	want := object{
		"avatar": object{
			"avatar_72": avatar("72x72"), "avatar_240": avatar("240x240"), "avatar_640": avatar("640x640"), "avatar_origin": avatar("noop"),
		},
		"city": "上海", "country": "CN",
		"custom_attrs": []any{
			object{"type": "TEXT", "id": "C-1", "value": object{"text": "x"}},
			object{"type": "GENERIC_USER", "id": "C-2", "value": object{"generic_user": object{"id": boss, "type": 1.0}}},
		},
		"department_ids": []any{dept, "0"}, "description": "<在路上>", "dotted_line_leader_user_ids": []any{boss},
		"email": "na@example.com", "employee_no": "E1", "employee_type": 2.0, "en_name": "Na Ouyang",
		"enterprise_email": "na@corp.example.com", "gender": 2.0, "geo": "cn", "is_tenant_manager": false,
		"job_family_id": "family", "job_level_id": "level", "job_title": "架构师", "join_time": 1600000000.0, "leader_user_id": boss,
		"mobile": "+8613900001111", "mobile_visible": true, "name": "欧阳\"娜\"\u0000", "nickname": "小欧", "open_id": u.OpenID,
		"orders": []any{
			object{"department_id": dept, "department_order": 2.0, "is_primary_dept": true, "user_order": 7.0},
			object{"department_id": "0", "department_order": 1.0, "is_primary_dept": false, "user_order": 3.0},
		},
		"status":   object{"is_activated": true, "is_exited": false, "is_frozen": false, "is_resigned": false, "is_unjoin": false},
		"union_id": u.UnionID, "user_id": u.UserID, "work_station": "A座1层-001",
	}
	got := userOf(t, k.get("/contact/v3/users/"+u.OpenID))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users/:user_id mismatch (-want +got)\n%s", diff)
	}

	// The lists show is_frozen at the top too, the batch avatar_key as well.
	want["is_frozen"] = false
	listed := k.all("/contact/v3/users/find_by_department", "department_id", dept)
	at := slices.Index(ids(listed, "open_id"), u.OpenID)
	if diff := cmp.Diff(want, listed[at]); diff != "" {
		t.Errorf("find_by_department mismatch (-want +got)\n%s", diff)
	}
	want["avatar_key"] = "v3_key"
	batch := decodeAs[list](t, k.get("/contact/v3/users/batch", "user_ids", u.OpenID).Data)
	if diff := cmp.Diff([]object{want}, batch.Items); diff != "" {
		t.Errorf("users/batch mismatch (-want +got)\n%s", diff)
	}
}

func TestUnsetFields(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	u, err := k.AddUser(sandbox.User{Name: "王伟"})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(userOf(t, k.get("/contact/v3/users/"+u.OpenID))))
	want := []string{
		"avatar", "city", "country", "department_ids", "description", "employee_no", "employee_type", "en_name", "gender",
		"is_tenant_manager", "job_title", "join_time", "mobile", "mobile_visible", "name", "open_id", "orders", "status",
		"union_id", "user_id", "work_station",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys mismatch (-want +got)\n%s", diff)
	}
	r := k.get("/contact/v3/users/" + u.OpenID)
	if !strings.Contains(r.raw, `"city":""`) || !strings.Contains(r.raw, `"join_time":0`) || !strings.Contains(r.raw, `"department_ids":["0"]`) {
		t.Errorf("an unset string is \"\", an unset number 0, no department the root: %s", r.raw)
	}
}

func TestUserIDKinds(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 50, Departments: 10, Seed: 2})
	u := full(t, k)
	boss, err := k.User(u.LeaderUserID)
	if err != nil {
		t.Fatal(err)
	}
	dept, err := k.Department(u.DepartmentIDs[0])
	if err != nil {
		t.Fatal(err)
	}
	own := map[string][2]string{
		"open_id": {u.OpenID, boss.OpenID}, "union_id": {u.UnionID, boss.UnionID}, "user_id": {u.UserID, boss.UserID},
	}
	depts := map[string]string{"open_department_id": dept.OpenDepartmentID, "department_id": dept.DepartmentID}
	for userKind, id := range own {
		for deptKind, deptID := range depts {
			params := []string{"user_id_type", userKind, "department_id_type", deptKind}
			listed := k.all("/contact/v3/users/find_by_department", append(params, "department_id", deptID)...)
			batch := decodeAs[list](t, k.get("/contact/v3/users/batch", append(params, "user_ids", id[0])...).Data)
			for name, got := range map[string]object{
				"get":   userOf(t, k.get("/contact/v3/users/"+id[0], params...)),
				"list":  listed[slices.Index(ids(listed, "open_id"), u.OpenID)],
				"batch": batch.Items[0],
			} {
				refs := object{
					"leader": got["leader_user_id"], "dotted": got["dotted_line_leader_user_ids"], "departments": got["department_ids"],
					"order":  got["orders"].([]any)[0].(object)["department_id"],
					"person": got["custom_attrs"].([]any)[1].(object)["value"].(object)["generic_user"].(object)["id"],
					"own":    []any{got["open_id"], got["union_id"], got["user_id"]},
				}
				want := object{
					"leader": id[1], "dotted": []any{id[1]}, "departments": []any{deptID, "0"},
					"order": deptID, "person": id[1], "own": []any{u.OpenID, u.UnionID, u.UserID},
				}
				if diff := cmp.Diff(want, refs); diff != "" {
					t.Errorf("%s with %s and %s mismatch (-want +got)\n%s", name, userKind, deptKind, diff)
				}
			}
		}
	}
}

func TestUnknownUserIDs(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 5})
	for kind, code := range map[string]int{"": 99992351, "open_id": 99992351, "union_id": 99992363, "user_id": 99992360} {
		var params []string
		if kind != "" {
			params = []string{"user_id_type", kind}
		}
		r := k.get("/contact/v3/users/ou_nobody", params...)
		r.wantCode(t, 400, code)
		if r.Error.LogID == "" || !strings.Contains(r.Msg, "[ou_nobody]") {
			t.Errorf("%q: %s", kind, r.raw)
		}
	}
	r := k.get("/contact/v3/users/ou_nobody", "user_id_type", "chat_id")
	r.wantCode(t, 400, 99992402)
	if len(r.Error.Fields) != 1 || r.Error.Fields[0].Field != "user_id_type" || r.Error.Fields[0].Value != "chat_id" {
		t.Errorf("field violations %+v", r.Error.Fields)
	}
}

func TestResignedUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 5})
	u := full(t, k)
	if err := k.ResignUser(u.OpenID); err != nil {
		t.Fatal(err)
	}
	want := object{
		"name": u.Name, "open_id": u.OpenID, "union_id": u.UnionID, "user_id": u.UserID,
		"status": object{"is_activated": true, "is_exited": false, "is_frozen": false, "is_resigned": true, "is_unjoin": false},
	}
	got := []object{userOf(t, k.get("/contact/v3/users/"+u.OpenID))}
	got = append(got, decodeAs[list](t, k.get("/contact/v3/users/batch", "user_ids", u.OpenID).Data).Items...)
	if diff := cmp.Diff([]object{want, want}, got); diff != "" {
		t.Errorf("resigned user mismatch (-want +got)\n%s", diff)
	}
	for _, id := range u.DepartmentIDs {
		if slices.Contains(ids(k.all("/contact/v3/users/find_by_department", "department_id", id), "open_id"), u.OpenID) {
			t.Errorf("department %s still lists a person who resigned", id)
		}
	}
	if strings.Contains(string(k.get("/contact/v3/scopes").Data), u.OpenID) {
		t.Error("scopes still list a person who resigned")
	}

	// The user_id is free again, and then means the new person.
	heir, err := k.AddUser(sandbox.User{Name: "李娜", UserID: u.UserID})
	if err != nil {
		t.Fatal(err)
	}
	if got := userOf(t, k.get("/contact/v3/users/"+u.UserID, "user_id_type", "user_id")); got["open_id"] != heir.OpenID {
		t.Errorf("the user_id names %v, want the new person", got["open_id"])
	}
	if err := k.EraseUser(u.OpenID); err != nil {
		t.Fatal(err)
	}
	k.get("/contact/v3/users/"+u.OpenID).wantCode(t, 400, 99992351)
	k.get("/contact/v3/users/"+u.UnionID, "user_id_type", "union_id").wantCode(t, 400, 99992363)
}
