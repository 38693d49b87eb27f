package sandbox_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const (
	readBase = "contact:contact.base:readonly"
	readIDs  = "contact:user.employee_id:readonly"
)

// What no permission opens answers 99991672 and names those that would.
func TestEveryEndpointAsksForItsPermissions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	bare := o.asApp(sandbox.App{Permissions: []string{}})
	table := decodeAs[struct{ Endpoints map[string][]string }](t, []byte(o.wantControl("GET", "/permissions", "", 200))).Endpoints
	refused := 0
	for name, scopes := range table {
		method, path, _ := strings.Cut(name, " ")
		r := bare.send(method, "/open-apis"+path, "Bearer "+bare.token, "{}")
		if r.Code == 99991663 || r.Code == 99991668 {
			continue // it takes a person's token only
		}
		r.wantCode(t, 400, 99991672)
		refused++
		var named []string
		for _, p := range r.Error.Permissions {
			named = append(named, p.Subject)
		}
		if !slices.Equal(named, scopes) {
			t.Errorf("%s names %v, want %v", name, named, scopes)
		}
	}
	if refused < 30 {
		t.Errorf("%d endpoints refuse", refused)
	}
}

// Each permission of the table shows its field, and nothing else does.
func TestEveryFieldAsksForItsPermissions(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 40, Departments: 10, Seed: 5})
	u := full(t, k)
	unit, err := k.AddUnit(sandbox.Unit{Name: "一", UnitType: "二"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := k.AddDepartment(sandbox.Department{
		Name: "研发", ChatID: "oc_1", UnitIDs: []string{unit.UnitID}, GroupChatEmployeeTypes: []int{1}, HRBPs: []string{u.OpenID}, LeaderUserID: u.OpenID,
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := func(app *kit) map[string]bool {
		fields := map[string]bool{}
		r := app.get("/contact/v3/users/batch", "user_ids", u.UnionID, "user_id_type", "union_id")
		for field := range decodeAs[list](t, r.Data).Items[0] {
			fields["user "+field] = true
		}
		department := departmentOf(t, app.get("/contact/v3/departments/"+d.OpenDepartmentID))
		for field := range department {
			fields["department "+field] = true
		}
		leaders, _ := department["leaders"].([]any)
		_, named := leaders[0].(object)["leaderID"]
		fields["department leaders.leaderID"] = named
		return fields
	}
	everything, base := shown(k), shown(k.asApp(sandbox.App{Permissions: []string{readBase}}))
	tried := 0
	for _, f := range sandbox.FieldPermissions() {
		name := string(f.Kind) + " " + f.Field
		if !everything[name] {
			continue // not shown in these answers to anybody
		}
		tried++
		if base[name] != (len(f.Any) == 0) {
			t.Errorf("%s is shown without a permission: %v", name, base[name])
		}
		for _, scope := range f.Any {
			if got := shown(k.asApp(sandbox.App{Permissions: []string{readBase, scope}})); !got[name] {
				t.Errorf("%s is not shown with %s", name, scope)
			}
		}
	}
	for name := range everything {
		field := func(f sandbox.FieldPermission) bool { return string(f.Kind)+" "+f.Field == name }
		if !slices.ContainsFunc(sandbox.FieldPermissions(), field) {
			t.Errorf("the table does not know %s", name)
		}
	}
	if tried < 40 {
		t.Errorf("%d fields were tried", tried)
	}
}

func TestGrantingAndRevoking(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	app := k.asApp(sandbox.App{Permissions: []string{readBase}})
	appID := lastApp(k)
	person := slices.Sorted(maps.Keys(k.Truth().Users))[0]
	path := "/users/" + k.Truth().Users[person].UnionID + "?user_id_type=union_id"
	name := func() any { return userOf(t, app.invoke(http.MethodGet, path, ""))["name"] }
	if name() != nil {
		t.Error("the name is shown without its permission")
	}
	scope := "/apps/" + appID + "/permissions/contact:user.base:readonly"
	k.wantControl("PUT", scope, "", 200)
	if name() == nil {
		t.Error("the name is hidden with its permission")
	}
	k.wantControl("DELETE", scope, "", 200)
	if name() != nil {
		t.Error("the name is shown after the permission is gone")
	}
	k.wantControl("DELETE", "/apps/"+appID+"/permissions/"+readBase, "", 200)
	app.invoke(http.MethodGet, path, "").wantCode(t, 400, 99991672)
	for _, bad := range [][2]string{{"/apps/cli_none/permissions/" + readBase, ""}, {"/apps/" + appID + "/permissions/contact:nothing", ""}} {
		k.wantControl("PUT", bad[0], bad[1], 404)
		k.wantControl("DELETE", bad[0], bad[1], 404)
	}
}

func TestAppControls(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.first.OpenDepartmentID
	o.wantControl("POST", "/apps", `{"app_id":"cli_b","app_secret":"s","permissions":["`+readBase+`"],"range":{"department_ids":["`+first+`"]},"monthly_calls":9}`, 200)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"taken", "POST", "/apps", `{"app_id":"cli_b","app_secret":"s"}`, 400},
		{"no secret", "POST", "/apps", `{"app_id":"cli_c"}`, 400},
		{"no id", "POST", "/apps", `{"app_secret":"s"}`, 400},
		{"misspelt", "POST", "/apps", `{"app_id":"cli_c","app_secret":"s","scopes":[]}`, 400},
		{"unknown permission", "POST", "/apps", `{"app_id":"cli_c","app_secret":"s","permissions":["contact:nothing"]}`, 404},
		{"unknown department", "POST", "/apps", `{"app_id":"cli_c","app_secret":"s","range":{"department_ids":["od-none"]}}`, 404},
		{"range of nothing known", "PUT", "/apps/cli_b/range", `{"user_ids":["ou_none"]}`, 404},
		{"range of no group", "PUT", "/apps/cli_b/range", `{"group_ids":["none"]}`, 404},
		{"nobody and somebody", "PUT", "/apps/cli_b/range", `{"nobody":true,"group_ids":["staff"]}`, 400},
		{"range of no app", "PUT", "/apps/cli_none/range", `{}`, 404},
		{"range that is none", "PUT", "/apps/cli_b/range", `[]`, 400},
		{"quota of no app", "PUT", "/apps/cli_none/monthly_calls", `{"monthly_calls":1}`, 404},
		{"quota that is none", "PUT", "/apps/cli_b/monthly_calls", `{"monthly_calls":"x"}`, 400},
		{"token of no app", "POST", "/tokens/user", `{"app_id":"cli_none","open_id":"` + o.wang.OpenID + `"}`, 404},
		{"token of nobody", "POST", "/tokens/user", `{"app_id":"cli_b","open_id":"ou_none"}`, 404},
		{"token of nothing", "POST", "/tokens/user", `7`, 400},
	} {
		if status, raw := o.control(c.method, c.path, c.body); status != c.status {
			t.Errorf("%s: HTTP %d %s, want %d", c.name, status, raw, c.status)
		}
	}
	want := sandbox.App{
		ID: "cli_b", Secret: "s", Permissions: []string{readBase}, MonthlyCalls: 9, Range: sandbox.Range{Departments: []string{first}},
	}
	listed := decodeAs[[]sandbox.App](t, []byte(o.wantControl("GET", "/apps", "", 200)))
	if diff := cmp.Diff(want, listed[0]); diff != "" || len(listed) != 2 {
		t.Errorf("apps %v mismatch (-want +got)\n%s", listed, diff)
	}
	o.wantControl("PUT", "/apps/cli_b/range", `{"group_ids":["staff"]}`, 200)
	o.wantControl("PUT", "/apps/cli_b/monthly_calls", `{"monthly_calls":0}`, 200)
	if a := o.Apps()[0]; a.MonthlyCalls != 0 || cmp.Diff(a.Range, sandbox.Range{Groups: []string{"staff"}}) != "" {
		t.Errorf("after the changes: %+v", a)
	}
	o.wantControl("GET", "/truth?app_id=cli_none", "", 404)
}

func TestMonthlyQuota(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now, TokenLife: 60 * 24 * time.Hour})
	app := k.asApp(sandbox.App{MonthlyCalls: 3})
	ask := func(k *kit) reply { return k.invoke(http.MethodGet, "/departments/0", "") }
	for range 3 {
		ask(app).wantCode(t, 200, 0)
	}
	ask(app).wantCode(t, 400, 99991403)
	ask(k).wantCode(t, 200, 0) // another app has its own
	c.add(31 * 24 * time.Hour)
	ask(app).wantCode(t, 200, 0)
	for _, a := range k.Apps() {
		if a.ID != k.AppID() {
			k.wantControl("PUT", "/apps/"+a.ID+"/monthly_calls", `{"monthly_calls":1}`, 200)
			ask(app).wantCode(t, 400, 99991403)
			k.wantControl("PUT", "/apps/"+a.ID+"/monthly_calls", `{"monthly_calls":0}`, 200)
		}
	}
	ask(app).wantCode(t, 200, 0)
}

// Each app has rates of its own, and each method that of its tier.
func TestRatesOfGroupsAndUnits(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now, RateLimits: true})
	other := k.asApp(sandbox.App{})
	for _, tier := range []struct {
		method, path string
		limit        int
		header       string
	}{
		{http.MethodPost, "/group", 100, "100"},
		{http.MethodDelete, "/group/x", 100, "100"},
		{http.MethodPost, "/group/x/member/batch_add", 100, "100"},
		{http.MethodPost, "/group/x/member/add", 50, "50"},
		{http.MethodGet, "/group/simplelist", 50, "50"},
		{http.MethodPost, "/unit", 20, "20"},
		{http.MethodPost, "/unit/bind_department", 20, "20"},
		{http.MethodPost, "/employee_type_enums", 20, "20"},
		{http.MethodGet, "/unit", 50, "50"},
	} {
		passed := 0
		var r reply
		for range tier.limit + 1 {
			if r = k.invoke(tier.method, tier.path, "{}"); r.Code != 99991400 {
				passed++
			}
		}
		if passed != tier.limit || r.status != 429 || r.header.Get("X-Ogw-Ratelimit-Limit") != tier.header {
			t.Errorf("%s %s: %d calls pass, then HTTP %d with the limit %q, want %d", tier.method, tier.path, passed, r.status, r.header.Get("X-Ogw-Ratelimit-Limit"), tier.limit)
		}
		if r := other.invoke(tier.method, tier.path, "{}"); r.Code == 99991400 {
			t.Errorf("%s %s: one app's calls count against another", tier.method, tier.path)
		}
	}
}

// Apps come while others call and write: for the race detector.
func TestAppsComeWhileOthersWrite(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 20 {
			if err := o.AddApp(sandbox.App{ID: fmt.Sprint("cli_more", i), Secret: "s"}); err != nil {
				t.Error(err)
			}
		}
	})
	all.Go(func() {
		for range 20 {
			if r, err := o.trySend(http.MethodPost, "/open-apis/contact/v3/group/staff/member/add", "Bearer "+o.token, member(o.wang.OpenID)); err != nil || r.Code != 42005 {
				t.Errorf("%s, %v", r.raw, err)
			}
		}
	})
	all.Go(func() {
		for range 20 {
			if r, err := o.trySend(http.MethodGet, "/open-apis/contact/v3/users/ou_nobody", "Bearer "+o.token, ""); err != nil || r.Code != 99992351 {
				t.Errorf("%s, %v", r.raw, err)
			}
		}
	})
	all.Wait()
}
