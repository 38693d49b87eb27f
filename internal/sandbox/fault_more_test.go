package sandbox_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestFaultsByChance(t *testing.T) {
	t.Parallel()
	statuses := func(seed uint64) (out []int) {
		k := start(t, sandbox.Config{})
		k.fault(sandbox.Fault{Preset: "throttle", Probability: 0.3, Seed: seed})
		for range 60 {
			out = append(out, k.get("/contact/v3/scopes").status)
		}
		if f := k.Faults(); len(f) != 1 || f[0].Hits == 0 || f[0].Hits == 60 {
			t.Errorf("faults %v", f)
		}
		return out
	}
	first, again, other := statuses(1), statuses(1), statuses(2)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Errorf("seed 1: %v and %v, seed 2: %v", first, again, other)
	}
}

func TestFaultsBySelection(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 20, Departments: 3})
	second := sandbox.App{ID: k.AppID() + "b", Secret: "s"}
	if err := k.AddApp(second); err != nil {
		t.Fatal(err)
	}
	token := k.send(http.MethodPost, tokenURL, "", fmt.Sprintf(`{"app_id":%q,"app_secret":"s"}`, second.ID)).Tenant
	k.fault(sandbox.Fault{App: second.ID, Status: 503, Count: -1})
	k.get("/contact/v3/scopes").wantCode(t, 200, 0)
	k.send(http.MethodGet, "/open-apis/contact/v3/scopes", "Bearer "+token, "").wantCode(t, 503, 2200)
	// Of the token endpoints only where they are named.
	k.send(http.MethodPost, tokenURL, "", fmt.Sprintf(`{"app_id":%q,"app_secret":"s"}`, second.ID)).wantCode(t, 200, 0)
	k.fault(sandbox.Fault{App: second.ID, Endpoint: "POST /auth/*", Status: 500, Count: -1})
	k.newToken()
	if r := k.send(http.MethodPost, tokenURL, "", fmt.Sprintf(`{"app_id":%q,"app_secret":"s"}`, second.ID)); r.status != 500 {
		t.Errorf("HTTP %d %s", r.status, r.raw)
	}
	k.ClearFaults()

	k.fault(sandbox.Fault{Endpoint: "GET *departments*", Status: 500, Count: -1})
	k.get("/contact/v3/departments/0").wantCode(t, 500, 2200)
	k.get("/contact/v3/departments/0/children").wantCode(t, 500, 2200)
	k.get(crowdPath, "department_id", "0").wantCode(t, 200, 0)
}

func TestFaultsForATime(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	k.fault(sandbox.Fault{Preset: "unavailable", ForMS: 5000})
	k.get("/contact/v3/scopes").wantCode(t, 503, 2200)
	c.add(4999 * time.Millisecond)
	k.get("/contact/v3/scopes").wantCode(t, 503, 2200)
	c.add(time.Millisecond)
	if len(k.Faults()) != 0 {
		t.Errorf("faults left %v", k.Faults())
	}
	k.get("/contact/v3/scopes").wantCode(t, 200, 0)
}

func TestStaleReads(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now, People: 60, Departments: 6})
	truth := k.Truth()
	u := pick(t, truth.Users, func(u sandbox.User) bool { return u.DepartmentIDs[0] != "0" })
	from := u.DepartmentIDs[0]
	to := pick(t, truth.Departments, func(d sandbox.Department) bool { return !slices.Contains(u.DepartmentIDs, d.OpenDepartmentID) }).OpenDepartmentID
	members := func(dept string) []string { return ids(k.all(crowdPath, "department_id", dept), "open_id") }
	rename := func(name string) {
		if err := k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Name = name }); err != nil {
			t.Fatal(err)
		}
	}
	name := func() any {
		r := k.get("/contact/v3/users/" + u.OpenID)
		r.wantCode(t, 200, 0)
		return decodeAs[map[string]object](t, r.Data)["user"]["name"]
	}

	// By count: what happened before the write does not count.
	k.fault(sandbox.Fault{Preset: "stale", Count: 3})
	wasFrom, wasTo := members(from), members(to)
	if err := k.MoveUser(u.OpenID, to); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{wasFrom, wasTo}, [][]string{members(from), members(to)}); diff != "" {
		t.Errorf("reads after the write (-before +after):\n%s", diff)
	}
	if name() != u.Name || slices.Contains(members(from), u.OpenID) || !slices.Contains(members(to), u.OpenID) {
		t.Error("the fault goes on after its count")
	}

	// For a time, after each write.
	k.fault(sandbox.Fault{Stale: true, Count: -1, ForMS: 1000})
	for i, want := range []string{u.Name, "第0", "第1"} {
		next := fmt.Sprintf("第%d", i)
		rename(next)
		if got := name(); got != want {
			t.Errorf("just after the write the name is %v, want %s", got, want)
		}
		c.add(time.Second)
		if got := name(); got != next {
			t.Errorf("a second after the write the name is %v, want %s", got, next)
		}
	}
}

func TestPresetsAndTheirNotation(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 5})
	for _, p := range sandbox.Presets() {
		f, err := sandbox.ParseFault(strings.ReplaceAll(p.Name, "_", "-") + ":1")
		if err != nil || f.Preset != p.Name || f.Count != 1 || p.Text == "" {
			t.Errorf("%s: %+v, %v", p.Name, f, err)
		}
		if err := k.AddFault(f); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if n := len(k.Faults()); n != len(sandbox.Presets()) || n < 20 {
		t.Errorf("%d faults", n)
	}
	k.ClearFaults()

	for text, want := range map[string]sandbox.Fault{
		"throttle-400":                          {Count: -1},
		"throttle_400:0.25":                     {Count: -1, Probability: 0.25},
		"throttle_400:3@GET /contact/v3/users*": {Count: 3, Endpoint: "GET /contact/v3/users*"},
		`{"preset":"throttle_400","count":2,"headers":{"x-ogw-ratelimit-reset":"9"}}`: {Count: 2, Headers: map[string]string{"x-ogw-ratelimit-reset": "9"}},
	} {
		want.Preset, want.Status, want.Code = "throttle_400", 400, 99991400
		if want.Headers == nil {
			want.Headers = map[string]string{"X-Ogw-Ratelimit-Limit": "50", "X-Ogw-Ratelimit-Reset": "1"}
		}
		got, err := sandbox.ParseFault(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"", "throtle", "throttle:0", "throttle:-1", "throttle:1.5", "throttle:often", `{"preset":"x"}`, `{"stauts":500}`} {
		if f, err := sandbox.ParseFault(text); err == nil {
			t.Errorf("%q is read as %+v", text, f)
		}
	}
	if _, err := sandbox.ParseFault("throtle"); !strings.Contains(err.Error(), "throttle_400") {
		t.Errorf("a misspelt preset: %v", err)
	}

	k.fault(sandbox.Fault{Preset: "throttle_400"})
	r := k.get("/contact/v3/scopes")
	r.wantCode(t, 400, 99991400)
	if r.header.Get("x-ogw-ratelimit-limit") != "50" || r.header.Get("x-ogw-ratelimit-reset") != "1" {
		t.Errorf("headers %v", r.header)
	}
	k.fault(sandbox.Fault{Preset: "quota"})
	k.get("/contact/v3/scopes").wantCode(t, 400, 99991403)
	k.fault(sandbox.Fault{Preset: "truncated"})
	if _, err := k.trySend(http.MethodGet, "/open-apis/contact/v3/scopes", "Bearer "+k.token, ""); err == nil || errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("half of the JSON is read with %v", err)
	}
}

func TestFaultsThatAreRefused(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	k.fault(sandbox.Fault{ID: "mine", Count: -1, DelayMaxMS: 1})
	for _, f := range []sandbox.Fault{
		{ID: "mine"},
		{Preset: "none"},
		{Endpoint: "GET /nothing*"},
		{App: "cli_none"},
		{Below: "od-none"},
		{Probability: 1.1},
		{Probability: -1},
		{Skip: -1},
		{DelayMS: 5, DelayMaxMS: 4},
		{DelayMS: -1},
		{Status: 99},
		{Hide: map[sandbox.Kind][]string{"group": {"name"}}},
		{Range: &sandbox.Range{Departments: []string{"od-none"}}},
		{PageLimit: -1},
		{ForMS: -1},
	} {
		if err := k.AddFault(f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
	if err := k.RemoveFault("yours"); !errors.Is(err, sandbox.ErrUnknown) {
		t.Errorf("removing an unknown fault: %v", err)
	}
	if err := k.RemoveFault("mine"); err != nil || len(k.Faults()) != 0 {
		t.Errorf("%v, faults left %v", err, k.Faults())
	}
}

func TestFaultControls(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	set := decodeAs[sandbox.Fault](t, []byte(k.wantControl("POST", "/faults", `{"preset":"throttle","probability":0.1}`, 200)))
	if set.ID == "" || set.Count != -1 || set.Status != 429 {
		t.Errorf("the fault is %+v", set)
	}
	k.wantControl("POST", "/faults", `{"preset":"throtle"}`, 404)
	k.wantControl("POST", "/faults", `{"probability":2}`, 400)
	if all := decodeAs[[]sandbox.Fault](t, []byte(k.wantControl("GET", "/faults", "", 200))); len(all) != 1 || !cmp.Equal(all[0], set) {
		t.Errorf("faults %v", all)
	}
	k.wantControl("DELETE", "/faults/"+set.ID, "", 200)
	k.wantControl("DELETE", "/faults/"+set.ID, "", 404)
	if raw := k.wantControl("GET", "/faults", "", 200); raw != "[]" {
		t.Errorf("no faults are %s", raw)
	}
	if presets := decodeAs[[]sandbox.Preset](t, []byte(k.wantControl("GET", "/faults/presets", "", 200))); len(presets) != len(sandbox.Presets()) {
		t.Errorf("presets %v", presets)
	}
}
