package compat_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const path, right = "/auth/v3/tenant_access_token/internal", `{"app_id":"app","app_secret":"s"}`

	first := b.call(http.MethodPost, path, right)
	if first.Status != http.StatusOK || first.Code != 0 || first.Msg != "ok" || !strings.HasPrefix(first.Token, "t-") || first.Expire < 7190 || first.Expire > 7200 || first.Data != nil {
		t.Fatalf("a token: %+v", first)
	}
	for _, again := range []reply{
		b.call(http.MethodPost, path+"/", right),
		b.call(http.MethodPost, "/auth/v3/app_access_token/internal", right),
		b.call(http.MethodPost, "/auth/v3/app_access_token/internal/", right),
	} {
		if again.Token != first.Token || again.Expire > first.Expire || again.App != "" && again.App != again.Token {
			t.Errorf("asked again: %+v, want the same token", again)
		}
	}
	for body, code := range map[string]int{
		``: 10003, `{`: 10003, `{"app_id":"app"}`: 10003, `{"app_id":7,"app_secret":"s"}`: 10003,
		`{"app_id":"nobody","app_secret":"s"}`: 10014, `{"app_id":"app","app_secret":"wrong"}`: 10015,
	} {
		r := b.call(http.MethodPost, path, body)
		var flat struct{ Data *struct{} }
		if err := json.Unmarshal([]byte(r.Raw), &flat); err != nil || r.Status != http.StatusOK || r.Code != code || r.Msg == "" || flat.Data == nil || r.Token != "" {
			t.Errorf("%s: %d %s, want 200 with code %d", body, r.Status, r.Raw, code)
		}
	}
	const tenant = "/tenant/v2/tenant/query"
	for authorization, code := range map[string]int{
		"": 99991661, "Bearer ": 99991661, "Basic YXBwOnM=": 99991661,
		"Bearer t-wrong": 99991663, "Bearer " + first.Token + "x": 99991663, "Bearer a-token": 99991663,
		"Bearer u-token": 99991668, "Bearer eyJ": 99991668, "Bearer app:s": 99991671, "Bearer x": 99991671,
	} {
		b.refused(b.call(http.MethodGet, tenant, "", "Authorization", authorization), http.StatusBadRequest, code)
	}
	b.is(b.call(http.MethodGet, tenant, "", "Authorization", "Bearer "+first.Token), `{"tenant":{"tenant_key":"t"}}`)

	// After a restart, and on another replica, it is as good; with another secret, or
	// without a client, it is not.
	for clients, code := range map[string]int{"app:s:sensitive": 0, "app:changed:sensitive": 99991663, "x:s:reader": 99991663} {
		again := &bundle{t: t, pool: b.pool, logged: b.logged, tokens: b.tokens}
		again.start(clients)
		if r := again.call(http.MethodGet, tenant, "", "Authorization", "Bearer "+first.Token); r.Code != code {
			t.Errorf("of the clients %s: %s, want code %d", clients, r.Raw, code)
		}
	}
	if strings.Contains(b.logged.String(), first.Token) {
		t.Error("the token is in the log")
	}
}

// A client that has lost a role has lost it with its old tokens too.
func TestTokenHasNoMoreRolesThanItsClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.token("app")
	again := &bundle{t: t, pool: b.pool, logged: b.logged, tokens: b.tokens}
	again.start("app:s:reader")
	if got := again.get("app", "/contact/v3/users/ou_ann").Data["user"].(object); got["mobile"] != nil || got["name"] != "Ann" {
		t.Errorf("with the token of a sensitive client that is a reader now: %v", got)
	}
	again.refused(again.as("app", http.MethodPost, "/contact/v3/users/batch_get_id", `{}`), http.StatusBadRequest, 99991672)
}
