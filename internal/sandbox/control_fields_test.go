package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestHiddenFields(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 6, Seed: 1})
	u := full(t, k)
	if err := k.SetDepartmentLeader(u.DepartmentIDs[0], u.OpenID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/hidden/user/email", "/hidden/user/status", "/hidden/user/user_id", "/hidden/department/order",
		"/hidden/department/leaders.leaderID", "/hidden/tenant/domain",
	} {
		k.wantControl("PUT", path, "", 200)
	}
	user := userOf(t, k.get("/contact/v3/users/"+u.OpenID))
	listed := k.all("/contact/v3/users/find_by_department", "department_id", u.DepartmentIDs[0])
	for _, field := range []string{"email", "status", "user_id"} {
		for _, o := range append(listed, user) {
			if _, shown := o[field]; shown {
				t.Errorf("%s is shown", field)
			}
		}
	}
	d := departmentOf(t, k.get("/contact/v3/departments/"+u.DepartmentIDs[0]))
	if _, shown := d["order"]; shown {
		t.Error("order is shown")
	}
	if diff := cmp.Diff([]any{object{"leaderType": 1.0}}, d["leaders"]); diff != "" {
		t.Errorf("leaders mismatch (-want +got)\n%s", diff)
	}
	if strings.Contains(k.get("/tenant/v2/tenant/query").raw, "domain") {
		t.Error("the domain is shown")
	}
	k.get("/contact/v3/users/"+u.UserID, "user_id_type", "user_id").wantCode(t, 400, 99991672)
	id := k.send(http.MethodPost, "/open-apis/contact/v3/users/batch_get_id", "Bearer "+k.token, `{"emails":["na@example.com"]}`)
	if strings.Contains(id.raw, "status") {
		t.Errorf("batch_get_id shows the status: %s", id.raw)
	}

	if got := k.wantControl("GET", "/hidden", "", 200); got != `{"department":["leaders.leaderID","order"],"tenant":["domain"],"user":["email","status","user_id"]}` {
		t.Errorf("hidden fields %s", got)
	}
	k.wantControl("DELETE", "/hidden/user/email", "", 200)
	if got := userOf(t, k.get("/contact/v3/users/"+u.OpenID))["email"]; got != "na@example.com" {
		t.Errorf("a field that is shown again is %v", got)
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	u, err := k.AddUser(sandbox.User{Name: "王伟"})
	if err != nil {
		t.Fatal(err)
	}
	for field, raw := range map[string]string{
		"join_time": `"yesterday"`, "name": `"\ud800"`, "orders": `{"a":[1]}`, "leader_user_id": `7`, "zzz": `null`, "employee_type": `1e400`,
	} {
		k.wantControl("PUT", "/overrides/user/"+u.OpenID+"/"+field, raw, 200)
	}
	raw := k.send(http.MethodGet, "/open-apis/contact/v3/users/batch?user_ids="+u.OpenID, "Bearer "+k.token, "").raw
	for _, want := range []string{
		`"join_time":"yesterday"`, `"name":"\ud800"`, `"orders":{"a":[1]}`, `"leader_user_id":7`, `"zzz":null}`, `"employee_type":1e400`,
	} {
		if !strings.Contains(raw, want) {
			t.Errorf("%s is missing in %s", want, raw)
		}
	}
	if got, err := k.User(u.OpenID); err != nil || got.Name != "王伟" {
		t.Errorf("the truth has changed: %+v %v", got, err)
	}
	k.wantControl("PUT", "/overrides/tenant/-/tenant_key", `["x"]`, 200)
	k.wantControl("PUT", "/overrides/department/0/member_count", `"many"`, 200)
	if raw := k.get("/tenant/v2/tenant/query").raw + k.get("/contact/v3/departments/0").raw; !strings.Contains(raw, `"tenant_key":["x"]`) || !strings.Contains(raw, `"member_count":"many"`) {
		t.Errorf("%s", raw)
	}
	k.wantControl("DELETE", "/overrides", "", 200)
	if got := userOf(t, k.get("/contact/v3/users/"+u.OpenID))["name"]; got != "王伟" {
		t.Errorf("after clearing, the name is %v", got)
	}
}

func TestRevokedPermission(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	k.wantControl("POST", "/permissions/revoke", `{"endpoint":"`+usersName+`"}`, 200)
	r := k.get("/contact/v3/users/find_by_department", "department_id", "0")
	r.wantCode(t, 400, 99991672)
	var scopes []string
	for _, v := range r.Error.Permissions {
		scopes = append(scopes, v.Type+" "+v.Subject)
	}
	want := []string{
		"action_scope_required contact:contact.base:readonly", "action_scope_required contact:department.organize:readonly",
		"action_scope_required contact:contact:readonly_as_app", "action_scope_required contact:contact:readonly",
		"action_scope_required contact:contact:access_as_app",
	}
	if diff := cmp.Diff(want, scopes); diff != "" || !strings.Contains(r.Msg, "contact:contact.base:readonly") {
		t.Errorf("permissions of %q mismatch (-want +got)\n%s", r.Msg, diff)
	}
	k.get("/contact/v3/departments/0").wantCode(t, 200, 0)
	k.wantControl("POST", "/permissions/grant", `{"endpoint":"`+usersName+`"}`, 200)
	k.get("/contact/v3/users/find_by_department", "department_id", "0").wantCode(t, 200, 0)
}
