package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestUnroutedIsPlain404(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3, Departments: 3})
	for _, c := range [][2]string{
		{http.MethodGet, "/"},
		{http.MethodGet, "/open-apis/contact/v3/nothing"},
		{http.MethodDelete, "/open-apis/contact/v3/users"},
		{http.MethodGet, "/open-apis/contact/v3/users/"},
		{http.MethodPost, "/open-apis/contact/v3/users/ou_1"},
		{http.MethodPost, "/open-apis/contact/v3/departments/0"},
		{http.MethodGet, "/open-apis/contact/v3/departments/search/x"},
		{http.MethodGet, "/open-apis/contact/v3/departments/0/"},
		{http.MethodGet, "/open-apis/contact/v3/departments/0/children/x"},
		{http.MethodGet, tokenURL},
		{http.MethodGet, "/contact/v3/departments/0"},
	} {
		r := k.send(c[0], c[1], "Bearer "+k.token, "")
		if r.status != http.StatusNotFound || r.raw != "404 page not found" || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s %s: HTTP %d %s %q", c[0], c[1], r.status, r.header.Get("Content-Type"), r.raw)
		}
		if r.header.Get("X-Tt-Logid") == "" {
			t.Errorf("%s %s has no log id", c[0], c[1])
		}
	}
	if got := k.Stats()["other"]; got.Calls != 11 || got.ByStatus[404] != 11 {
		t.Errorf("calls to nothing are counted as %+v", got)
	}
}

func TestLiteralRoutesWin(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for _, id := range []string{"batch", "find_by_department"} {
		if _, err := k.AddUser(sandbox.User{Name: "王伟", UserID: id}); err != nil {
			t.Fatal(err)
		}
		// Without its parameters the method refuses; a user would be found.
		k.get("/contact/v3/users/"+id, "user_id_type", "user_id").wantCode(t, 400, 99992402)
	}
}

// Routing happens on the escaped path, and each segment is unescaped once.
func TestEscapedPath(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for id, escaped := range map[string]string{
		"a/b+c==": "a%2Fb+c==", "100%25": "100%2525", "王 伟": "%E7%8E%8B%20%E4%BC%9F", "..": "%2E%2E",
	} {
		u, err := k.AddUser(sandbox.User{Name: "王伟", UserID: id})
		if err != nil {
			t.Fatal(err)
		}
		got := userOf(t, k.get("/contact/v3/users/"+escaped, "user_id_type", "user_id"))
		if got["open_id"] != u.OpenID {
			t.Errorf("%s finds %v", escaped, got["open_id"])
		}
	}
	r := k.send(http.MethodGet, "/open-apis/contact/v3/users/a/b", "Bearer "+k.token, "")
	if r.status != http.StatusNotFound {
		t.Errorf("a real slash is part of an id: HTTP %d", r.status)
	}
}

func TestTenantAndEnvelope(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{TenantKey: "736588c9260f175d", TenantName: "某公司", Clock: c.now})
	r := k.get("/tenant/v2/tenant/query")
	r.wantCode(t, 200, 0)
	tenant := decodeAs[struct{ Tenant object }](t, r.Data).Tenant
	if tenant["tenant_key"] != "736588c9260f175d" || tenant["name"] != "某公司" || tenant["tenant_tag"] != 0.0 || tenant["display_id"] == "" ||
		tenant["domain"] == "" || tenant["avatar"] == nil {
		t.Errorf("tenant %v", tenant)
	}
	if r.Msg != "success" || r.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("msg %q, content type %q", r.Msg, r.header.Get("Content-Type"))
	}
	if got := r.header.Get("Date"); got != "Tue, 06 May 2025 07:08:09 GMT" {
		t.Errorf("the Date header is %q, not the service's clock", got)
	}
	if limit := r.header.Get("X-Ogw-Ratelimit-Limit"); limit != "" {
		t.Errorf("an answer within the rate has a limit header %q", limit)
	}
	if a, b := k.get("/contact/v3/scopes").header.Get("X-Tt-Logid"), k.get("/contact/v3/scopes").header.Get("X-Tt-Logid"); a == b || !strings.HasPrefix(a, "20250506070809") {
		t.Errorf("log ids %q and %q", a, b)
	}
}
