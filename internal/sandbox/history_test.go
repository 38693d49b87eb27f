package sandbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	k, dept, members := crowded(t)
	k.ClearHistory()
	k.newToken()
	first := k.page(crowdPath, "department_id", dept)
	k.page(crowdPath, "department_id", dept, "page_token", *first.PageToken)
	k.fault(sandbox.Fault{ID: "down", Preset: "unavailable"})
	k.get("/contact/v3/users/" + members[0])
	k.send(http.MethodGet, "/open-apis/contact/v3/user/x", "", "")

	all := k.History(sandbox.HistoryFilter{})
	if len(all) != 5 {
		t.Fatalf("%d requests: %+v", len(all), all)
	}
	paged, down, lost := all[2], all[3], all[4]
	if paged.Endpoint != usersName || paged.App != k.AppID() || paged.Query["department_id"][0] != dept || paged.Code != 0 || paged.Number != 3 || paged.Time.IsZero() {
		t.Errorf("a page: %+v", paged)
	}
	if token := paged.Query["page_token"][0]; len(token) > 15 || !strings.HasPrefix(*first.PageToken, strings.TrimSuffix(token, "…")) {
		t.Errorf("page token %q", token)
	}
	if down.Fault != "down" || down.Status != 503 || down.Code != 2200 || down.Params["user_id"] != members[0] {
		t.Errorf("under a fault: %+v", down)
	}
	if lost.Endpoint != "other" || lost.Path != "GET /open-apis/contact/v3/user/x" || lost.Status != 404 {
		t.Errorf("a call to nothing: %+v", lost)
	}
	if all[0].App != k.AppID() || all[0].Endpoint != "POST /auth/v3/tenant_access_token/internal" {
		t.Errorf("a token request: %+v", all[0])
	}
	raw := k.wantControl("GET", "/history", "", 200)
	if strings.Contains(raw, k.token) || strings.Contains(raw, k.AppSecret()) {
		t.Error("the history tells a token or the secret")
	}
	for query, want := range map[string]int{
		"": 5, "?last=2": 2, "?code=2200": 1, "?code=0": 3, "?endpoint=GET+/contact/v3/users*": 3, "?endpoint=other": 1,
		"?app_id=" + k.AppID(): 4, "?app_id=nobody": 0, "?code=0&endpoint=GET+*": 2,
	} {
		if got := decodeAs[[]sandbox.Request](t, []byte(k.wantControl("GET", "/history"+query, "", 200))); len(got) != want {
			t.Errorf("%s picks %d requests, want %d", query, len(got), want)
		}
	}
	k.wantControl("GET", "/history?last=0", "", 400)
	k.wantControl("GET", "/history?code=none", "", 400)
	k.wantControl("DELETE", "/history", "", 200)
	if raw := k.wantControl("GET", "/history", "", 200); raw != "[]" {
		t.Errorf("after DELETE: %s", raw)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	k.ClearHistory()
	long := strings.Repeat("部", 1000)
	for range 1005 {
		k.get("/contact/v3/scopes", "page_size", "5", "x", long)
	}
	all := k.History(sandbox.HistoryFilter{})
	numbers := make([]int, len(all))
	for i, r := range all {
		numbers[i] = r.Number
	}
	if len(all) != 1000 || numbers[0] != 6 || numbers[999] != 1005 || !slices.IsSorted(numbers) {
		t.Errorf("%d requests from %d to %d", len(all), numbers[0], numbers[len(all)-1])
	}
	if got := all[0].Query["x"][0]; len(got) > 140 {
		t.Errorf("a value of %d bytes is kept", len(got))
	}
}
