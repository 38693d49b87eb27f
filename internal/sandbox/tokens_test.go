package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const (
	tokenURL = "/open-apis/auth/v3/tenant_access_token/internal"
	appURL   = "/open-apis/auth/v3/app_access_token/internal"
)

func TestTokenLife(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	first := k.token

	ask := func() reply { return k.send(http.MethodPost, tokenURL, "", k.credentials()) }
	good := func(token string) bool {
		return k.send(http.MethodGet, "/open-apis/contact/v3/departments/0", "Bearer "+token, "").Code == 0
	}

	c.add(90 * time.Minute)
	if r := ask(); r.Tenant != first || r.Expire != 1800 {
		t.Errorf("with half an hour left: the same token %v, expire %d, want the same and 1800", r.Tenant == first, r.Expire)
	}
	c.add(time.Second)
	second := ask()
	if second.Tenant == first || second.Expire != 7200 {
		t.Errorf("with less than half an hour left: the same token %v, expire %d, want a new one and 7200", second.Tenant == first, second.Expire)
	}
	if !good(first) || !good(second.Tenant) {
		t.Error("both tokens are good until each expires")
	}
	c.add(30*time.Minute - time.Second)
	if good(first) || !good(second.Tenant) {
		t.Error("two hours on, the first token is over and the second is not")
	}
	r := k.send(http.MethodGet, "/open-apis/contact/v3/departments/0", "Bearer "+first, "")
	r.wantCode(t, 400, 99991663)

	k.ExpireTokens()
	if good(second.Tenant) {
		t.Error("a token outlives ExpireTokens")
	}
	if third := ask().Tenant; third == second.Tenant || !good(third) {
		t.Error("after ExpireTokens the next request makes a good new token")
	}
}

func TestTokenAnswersAreFlat(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for _, path := range []string{tokenURL, tokenURL + "/", appURL, appURL + "/"} {
		r := k.send(http.MethodPost, path, "", k.credentials())
		r.wantCode(t, 200, 0)
		if r.Msg != "ok" || r.Data != nil || r.Tenant != k.token || r.Expire <= 0 || !strings.HasPrefix(r.Tenant, "t-") {
			t.Errorf("%s answers %s", path, r.raw)
		}
		if strings.Contains(path, "app_access") && r.App != r.Tenant {
			t.Errorf("the app's token %q is not the tenant's %q", r.App, r.Tenant)
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for _, c := range []struct {
		name, body string
		code       int
	}{
		{"no body", "", 10003},
		{"not JSON", "app_id=cli", 10003},
		{"wrong type", `{"app_id":1,"app_secret":"secret"}`, 10003},
		{"no id", `{"app_id":"","app_secret":"secret"}`, 10003},
		{"no secret", fmt.Sprintf(`{"app_id":%q}`, k.AppID()), 10003},
		{"unknown app", `{"app_id":"cli_nobody","app_secret":"secret"}`, 10014},
		{"wrong secret", fmt.Sprintf(`{"app_id":%q,"app_secret":"other"}`, k.AppID()), 10015},
	} {
		r := k.send(http.MethodPost, tokenURL, "", c.body)
		if r.status != http.StatusOK || r.Code != c.code || r.Tenant != "" {
			t.Errorf("%s: HTTP %d %s, want HTTP 200 with code %d", c.name, r.status, r.raw, c.code)
		}
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	for _, c := range []struct {
		name, header string
		code         int
	}{
		{"none", "", 99991661},
		{"empty", "Bearer ", 99991661},
		{"another scheme", "Basic Zm9v", 99991661},
		{"no prefix", "Bearer abcdef", 99991671},
		{"unknown", "Bearer t-g1deadbeef", 99991663},
		{"an app's", "Bearer a-deadbeef", 99991663},
		{"a user's", "Bearer u-deadbeef", 99991668},
		{"good", "Bearer " + k.token, 0},
	} {
		for _, path := range []string{"/contact/v3/scopes", "/tenant/v2/tenant/query", "/contact/v3/users/no-such-user"} {
			if c.code == 0 && strings.Contains(path, "no-such") {
				continue
			}
			r := k.send(http.MethodGet, "/open-apis"+path, c.header, "")
			want := http.StatusOK
			if c.code != 0 {
				want = http.StatusBadRequest
			}
			if r.status != want || r.Code != c.code {
				t.Errorf("%s, %s: HTTP %d %s, want code %d", c.name, path, r.status, r.raw, c.code)
			}
		}
	}
}
