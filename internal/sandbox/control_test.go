package sandbox_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// control calls the control API.
func (k *kit) control(method, path, body string) (int, string) {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.ControlURL()+path, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	resp, err := k.client.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(raw))
}

func (k *kit) wantControl(method, path, body string, status int) string {
	k.t.Helper()
	got, raw := k.control(method, path, body)
	if got != status {
		k.t.Fatalf("%s %s: HTTP %d %s, want %d", method, path, got, raw, status)
	}
	return raw
}

func TestControlEntities(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	top := decodeAs[sandbox.Department](t, []byte(k.wantControl("POST", "/departments", `{"name":"研发","department_id":"D1"}`, 200)))
	sub := decodeAs[sandbox.Department](t, []byte(k.wantControl("POST", "/departments",
		`{"name":"后端","parent_department_id":"`+top.OpenDepartmentID+`","order":"7"}`, 200)))
	u := decodeAs[sandbox.User](t, []byte(k.wantControl("POST", "/users",
		`{"name":"王伟","department_ids":["`+sub.OpenDepartmentID+`"],"orders":null}`, 200)))
	if !u.MobileVisible || !u.Status.IsActivated || u.EmployeeType != 1 || !u.Orders[0].IsPrimaryDept || len(u.UserID) != 8 {
		t.Errorf("a person who was added by name is %+v", u)
	}
	if got, err := k.Department(top.OpenDepartmentID); err != nil || got.MemberCount != 1 || sub.Order != 7 {
		t.Errorf("%+v, %v", got, err)
	}

	raw := k.wantControl("PATCH", "/users/"+u.OpenID, `{"orders":[{"department_id":"0"}],"job_title":"架构师"}`, 200)
	moved := decodeAs[sandbox.User](t, []byte(raw))
	want := u
	want.JobTitle, want.DepartmentIDs = "架构师", []string{"0"}
	want.Orders = []sandbox.Order{{DepartmentID: "0", IsPrimaryDept: true}}
	if diff := cmp.Diff(want, moved); diff != "" {
		t.Errorf("patched user mismatch (-want +got)\n%s", diff)
	}
	raw = k.wantControl("PATCH", "/departments/"+sub.OpenDepartmentID,
		`{"parent_department_id":"0","leaders":[{"leaderType":1,"leaderID":"`+u.OpenID+`"}]}`, 200)
	if d := decodeAs[sandbox.Department](t, []byte(raw)); d.ParentDepartmentID != "0" || d.LeaderUserID != u.OpenID {
		t.Errorf("patched department %s", raw)
	}

	k.wantControl("DELETE", "/users/"+u.OpenID, "", 200)
	if got, err := k.User(u.OpenID); err != nil || !got.Status.IsResigned {
		t.Errorf("after DELETE: %+v, %v", got, err)
	}
	if d, err := k.Department(sub.OpenDepartmentID); err != nil || d.LeaderUserID != "" || len(d.Leaders) != 0 {
		t.Errorf("a department is still led by somebody who left: %+v, %v", d, err)
	}
	k.wantControl("DELETE", "/users/"+u.OpenID+"?erase=true", "", 200)
	k.wantControl("GET", "/users/"+u.OpenID, "", 404)
	k.wantControl("DELETE", "/departments/"+sub.OpenDepartmentID, "", 200)
	k.wantControl("GET", "/departments/"+sub.OpenDepartmentID, "", 404)
}

func TestControlRefusals(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	add := func(d sandbox.Department) string {
		d, err := k.AddDepartment(d)
		if err != nil {
			t.Fatal(err)
		}
		return d.OpenDepartmentID
	}
	top := add(sandbox.Department{Name: "研发", DepartmentID: "D1"})
	sub := add(sandbox.Department{Name: "后端", ParentDepartmentID: top})
	u, err := k.AddUser(sandbox.User{Name: "王伟", DepartmentIDs: []string{sub}, Mobile: "+8613900000001", Email: "w@example.com", UserID: "w"})
	if err != nil {
		t.Fatal(err)
	}
	gone, err := k.AddUser(sandbox.User{Name: "李娜"})
	if err != nil || k.ResignUser(gone.OpenID) != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, body string
		status, code             int
	}{
		{"remove with people", "DELETE", "/departments/" + sub, "", 400, 43011},
		{"remove with departments", "DELETE", "/departments/" + top, "", 400, 43012},
		{"remove the root", "DELETE", "/departments/0", "", 400, 40002},
		{"rename the root", "PATCH", "/departments/0", `{"name":"x"}`, 400, 40002},
		{"move below itself", "PATCH", "/departments/" + top, `{"parent_department_id":"` + sub + `"}`, 400, 40001},
		{"move nowhere", "PATCH", "/departments/" + top, `{"parent_department_id":"od-none"}`, 400, 99992357},
		{"department_id taken", "PATCH", "/departments/" + sub, `{"department_id":"D1"}`, 400, 43007},
		{"department exists", "POST", "/departments", `{"name":"x","open_department_id":"` + top + `"}`, 401, 43000},
		{"a slash in a name", "POST", "/departments", `{"name":"a/b"}`, 400, 40001},
		{"a leader who left", "PATCH", "/departments/" + top, `{"leader_user_id":"` + gone.OpenID + `"}`, 400, 42006},
		{"no such leader", "PATCH", "/departments/" + top, `{"leader_user_id":"ou_none"}`, 400, 44022},
		{"no such hrbp", "PATCH", "/departments/" + top, `{"department_hrbps":["ou_none"]}`, 400, 43028},
		{"no name", "POST", "/users", `{}`, 400, 41006},
		{"mobile taken", "POST", "/users", `{"name":"x","mobile":"+8613900000001"}`, 400, 41001},
		{"e-mail taken", "POST", "/users", `{"name":"x","email":"w@example.com"}`, 400, 41002},
		{"user_id taken", "POST", "/users", `{"name":"x","user_id":"w"}`, 400, 41011},
		{"user exists", "POST", "/users", `{"name":"x","open_id":"` + u.OpenID + `"}`, 409, 41053},
		{"another open_id", "PATCH", "/users/" + u.OpenID, `{"open_id":"ou_x"}`, 400, 40001},
		{"no department", "PATCH", "/users/" + u.OpenID, `{"department_ids":[]}`, 400, 41017},
		{"unknown department", "PATCH", "/users/" + u.OpenID, `{"department_ids":["od-none"]}`, 400, 99992357},
		{"one department twice", "PATCH", "/users/" + u.OpenID, `{"department_ids":["0","0"]}`, 400, 41025},
		{"orders of others", "PATCH", "/users/" + u.OpenID, `{"department_ids":["0"],"orders":[{"department_id":"` + top + `"}]}`, 400, 41025},
		{"one's own leader", "PATCH", "/users/" + u.OpenID, `{"leader_user_id":"` + u.OpenID + `"}`, 400, 41030},
		{"led by who left", "PATCH", "/users/" + u.OpenID, `{"leader_user_id":"` + gone.OpenID + `"}`, 400, 42006},
		{"a misspelt field", "PATCH", "/users/" + u.OpenID, `{"names":"x"}`, 400, 0},
		{"not JSON", "POST", "/users", `x`, 400, 0},
		{"unknown user", "PATCH", "/users/ou_none", `{}`, 404, 0},
		{"unknown control", "GET", "/nothing", "", 404, 0},
		{"unknown endpoint", "POST", "/faults", `{"endpoint":"GET /x"}`, 404, 0},
		{"unknown permission", "POST", "/permissions/revoke", `{"endpoint":"GET /x"}`, 404, 0},
		{"unknown kind", "PUT", "/hidden/people/name", "", 404, 0},
		{"override with no JSON", "PUT", "/overrides/user/" + u.OpenID + "/name", "x", 400, 0},
		{"override of nobody", "PUT", "/overrides/user/ou_none/name", "1", 404, 0},
	} {
		status, raw := k.control(c.method, c.path, c.body)
		got := decodeAs[struct {
			Code  int
			Error string
		}](t, []byte(raw))
		if status != c.status || got.Code != c.code || got.Error == "" {
			t.Errorf("%s: HTTP %d %s, want HTTP %d with code %d", c.name, status, raw, c.status, c.code)
		}
	}
	if now, err := k.User(u.OpenID); err != nil || cmp.Diff(u, now) != "" {
		t.Errorf("a refused change left something behind: %s %v", cmp.Diff(u, now), err)
	}
	var refused *sandbox.Error
	if err := k.RemoveDepartment(sub); !errors.As(err, &refused) || refused.Code != 43011 {
		t.Errorf("in Go: %v", err)
	}
}

func TestControlSwitches(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 12, Departments: 5, RateLimits: true})
	overview := decodeAs[object](t, []byte(k.wantControl("GET", "/", "", 200)))
	if overview["url"] != k.URL() || overview["users"] != 12.0 || overview["departments"] != 5.0 || !slices.Contains(overview["endpoints"].([]any), any(scopesName)) ||
		!slices.Contains(overview["controls"].([]any), any("POST /faults")) {
		t.Errorf("overview %v", overview)
	}
	k.wantControl("PATCH", "/settings", `{"rate_limits":false,"big_department":4}`, 200)
	for range 60 {
		k.get("/contact/v3/scopes").wantCode(t, 200, 0)
	}
	k.get("/contact/v3/departments/0/children", "fetch_child", "true").wantCode(t, 400, 43010)
	k.wantControl("POST", "/tokens/expire", "", 200)
	k.get("/contact/v3/scopes").wantCode(t, 400, 99991663)
	k.token = k.newToken()

	k.wantControl("POST", "/faults", `{"endpoint":"`+scopesName+`","count":3,"status":503,"headers":{"Retry-After":"1"}}`, 200)
	if r := k.get("/contact/v3/scopes"); r.status != 503 || r.header.Get("Retry-After") != "1" {
		t.Errorf("HTTP %d %v", r.status, r.header)
	}
	left := decodeAs[[]sandbox.Fault](t, []byte(k.wantControl("GET", "/faults", "", 200)))
	if len(left) != 1 || left[0].Count != 2 {
		t.Errorf("faults left: %+v", left)
	}
	k.wantControl("DELETE", "/faults", "", 200)

	stats := decodeAs[map[string]sandbox.EndpointStats](t, []byte(k.wantControl("GET", "/stats", "", 200)))
	if s := stats[scopesName]; s.Calls != 62 || s.ByStatus[503] != 1 || s.ByCode[99991663] != 1 || s.ByCode[0] != 60 {
		t.Errorf("stats %+v", s)
	}
	k.wantControl("DELETE", "/stats", "", 200)
	if got := k.wantControl("GET", "/stats", "", 200); got != "{}" {
		t.Errorf("stats after a reset: %s", got)
	}
}

func TestTruth(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 20, Departments: 5, Seed: 3})
	u := full(t, k)
	if err := k.ResignUser(u.OpenID); err != nil {
		t.Fatal(err)
	}
	want := k.Truth()
	if got := decodeAs[sandbox.Truth](t, []byte(k.wantControl("GET", "/truth", "", 200))); cmp.Diff(want, got) != "" {
		t.Errorf("truth over HTTP mismatch (-want +got)\n%s", cmp.Diff(want, got))
	}
	if len(want.Users) != 20 || len(want.Departments) != 5 || len(want.Resigned) != 1 || want.Root.MemberCount != 20 {
		t.Errorf("%d users, %d departments, %d resigned, root %+v", len(want.Users), len(want.Departments), len(want.Resigned), want.Root)
	}
	// The truth is a copy.
	for id, person := range want.Users {
		person.DepartmentIDs[0] = "od-elsewhere"
		if now, err := k.User(id); err != nil || now.DepartmentIDs[0] == "od-elsewhere" {
			t.Error("a change of the truth changes the company")
		}
	}
}

func TestEmptyCompany(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for _, path := range []string{"/contact/v3/departments/0/children?fetch_child=true", "/contact/v3/users/find_by_department?department_id=0"} {
		r := k.send(http.MethodGet, "/open-apis"+path, "Bearer "+k.token, "")
		if string(r.Data) != `{"has_more":false,"items":[]}` {
			t.Errorf("%s answers %s", path, r.raw)
		}
	}
	if r := k.get("/contact/v3/scopes"); string(r.Data) != `{"department_ids":[],"group_ids":[],"has_more":false,"user_ids":[]}` {
		t.Errorf("scopes answer %s", r.raw)
	}
	if d := departmentOf(t, k.get("/contact/v3/departments/0")); d["member_count"] != 0.0 {
		t.Errorf("root %v", d)
	}
}
