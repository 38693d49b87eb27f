package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestTokensOfStoreApps(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{TenantKey: "736588c9260f175d"})
	if err := k.AddApp(sandbox.App{ID: "cli_store", Secret: "s", Store: true}); err != nil {
		t.Fatal(err)
	}
	post := func(path, body string) reply { return k.send(http.MethodPost, path, "", body) }
	const credentials = `{"app_id":"cli_store","app_secret":"s"}`
	app := func(ticket string) reply {
		return post(storeAppURL, fmt.Sprintf(`{"app_id":"cli_store","app_secret":"s","app_ticket":%q}`, ticket))
	}
	tenant := func(token, key string) reply {
		return post(storeTenantURL, fmt.Sprintf(`{"app_access_token":%q,"tenant_key":%q}`, token, key))
	}

	app("").wantCode(t, 200, 10012) // nobody has sent a ticket yet
	r := post(resendURL, credentials)
	r.wantCode(t, 200, 0)
	if r.raw != `{"code":0,"msg":"ok"}` {
		t.Errorf("resend answers %s", r.raw)
	}
	old := sandbox.Ticket(k.Server, "cli_store")
	post(resendURL, credentials).wantCode(t, 200, 0)
	app(old).wantCode(t, 200, 10012)
	app("g10wrong").wantCode(t, 200, 10012)
	r = app(sandbox.Ticket(k.Server, "cli_store"))
	r.wantCode(t, 200, 0)
	if !strings.HasPrefix(r.App, "a-") || r.Tenant != "" || r.Expire != 7200 || r.Msg != "success" {
		t.Errorf("the app's token: %s", r.raw)
	}
	mine := r.App
	r = tenant(mine, "736588c9260f175d")
	r.wantCode(t, 200, 0)
	if !strings.HasPrefix(r.Tenant, "t-") || r.App != "" {
		t.Errorf("the tenant's token: %s", r.raw)
	}
	token := r.Tenant

	tenant(mine, "another tenant").wantCode(t, 200, 10013)
	tenant("a-nobody", "736588c9260f175d").wantCode(t, 200, 10013)
	tenant(token, "736588c9260f175d").wantCode(t, 200, 10013) // not an app's token
	tenant("", "736588c9260f175d").wantCode(t, 200, 10003)
	post(storeTenantURL, "x").wantCode(t, 200, 10003)
	// Each kind of app has its own way.
	post(tokenURL, credentials).wantCode(t, 200, 10014)
	post(appURL, credentials).wantCode(t, 200, 10014)
	post(resendURL, k.credentials()).wantCode(t, 200, 10016)
	post(resendURL, `{"app_id":"cli_none","app_secret":"s"}`).wantCode(t, 200, 10014)
	post(resendURL, `{"app_id":"cli_store","app_secret":"x"}`).wantCode(t, 200, 10015)
	post(storeAppURL, fmt.Sprintf(`{"app_id":%q,"app_secret":"secret","app_ticket":"x"}`, k.AppID())).wantCode(t, 200, 10012)

	k.send(http.MethodGet, "/open-apis/contact/v3/scopes", "Bearer "+mine, "").wantCode(t, 400, 99991663)
	k.send(http.MethodGet, "/open-apis/contact/v3/scopes", "Bearer "+token, "").wantCode(t, 200, 0)
	k.ExpireTokens()
	tenant(mine, "736588c9260f175d").wantCode(t, 200, 10013)
}

// An app of the marketplace reads what a self-built one does, but for some
// fields and units, and writes nothing.
func TestWhatStoreAppsMayDo(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.ChangeUser(o.wang.OpenID, func(u *sandbox.User) { u.Email, u.Mobile, u.JobLevelID = "w@example.com", "+8613900000001", "level" }); err != nil {
		t.Fatal(err)
	}
	store := o.asApp(sandbox.App{Store: true})
	u := userOf(t, store.invoke(http.MethodGet, "/users/"+o.wang.UnionID+"?user_id_type=union_id", ""))
	for _, field := range []string{"email", "mobile", "user_id", "job_level_id"} {
		if _, shown := u[field]; shown {
			t.Errorf("%s is shown to an app of the marketplace", field)
		}
	}
	if u["name"] != "王伟" || u["status"] == nil {
		t.Errorf("user %v", u)
	}
	for _, path := range []string{"/scopes", "/group/simplelist", "/group/staff", "/group/staff/member/simplelist", "/employee_type_enums", "/custom_attrs"} {
		store.invoke(http.MethodGet, path, "").wantCode(t, 200, 0)
	}
	store.invoke(http.MethodGet, "/users/wang?user_id_type=user_id", "").wantCode(t, 400, 99991672)
	store.invoke(http.MethodGet, "/group/staff/member/simplelist?member_id_type=user_id", "").wantCode(t, 400, 99991672)
	for _, c := range [][2]string{
		{http.MethodPost, "/group"},
		{http.MethodPatch, "/group/staff"},
		{http.MethodDelete, "/group/staff"},
		{http.MethodPost, "/group/staff/member/add"},
		{http.MethodPost, "/group/staff/member/batch_remove"},
		{http.MethodGet, "/unit"},
		{http.MethodGet, "/unit/BU1"},
		{http.MethodPost, "/unit/bind_department"},
		{http.MethodPost, "/employee_type_enums"},
		{http.MethodDelete, "/employee_type_enums/a/b+c/d=="},
	} {
		if r := store.invoke(c[0], c[1], "{}"); r.status != 400 || r.Code != 99991663 {
			t.Errorf("%s %s: HTTP %d %s", c[0], c[1], r.status, r.raw)
		}
	}
}

func TestUserTokens(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mint := func(body string) string {
		t.Helper()
		return decodeAs[map[string]string](t, []byte(o.wantControl("POST", "/tokens/user", body, 200)))["user_access_token"]
	}
	as := func(token, path string) reply {
		return o.send(http.MethodGet, "/open-apis/contact/v3"+path, "Bearer "+token, "")
	}
	who := fmt.Sprintf(`"app_id":%q,"open_id":%q`, o.AppID(), o.wang.OpenID)
	all := mint(`{` + who + `}`)
	if !strings.HasPrefix(all, "u-") {
		t.Errorf("the token is %q", all)
	}
	as(all, "/users/"+o.li.OpenID).wantCode(t, 200, 0)
	as(all, "/group/simplelist").wantCode(t, 400, 99991668) // a method for apps alone
	as(mint(`{`+who+`,"scopes":["`+readBase+`"]}`), "/users/"+o.li.OpenID).wantCode(t, 200, 0)
	as(mint(`{`+who+`,"scopes":["contact:group:readonly"]}`), "/users/"+o.li.OpenID).wantCode(t, 400, 99991679)
	as(mint(`{`+who+`,"scopes":[]}`), "/users/"+o.li.OpenID).wantCode(t, 400, 99991679)

	// Who calls as a person sees as far as the person, not as far as the app.
	if err := o.SetRange(o.AppID(), sandbox.Range{Nobody: true}); err != nil {
		t.Fatal(err)
	}
	as(all, "/users/"+o.li.OpenID).wantCode(t, 200, 0)
	as(o.token, "/users/"+o.li.OpenID).wantCode(t, 400, 41050)
	if err := o.ResignUser(o.wang.OpenID); err != nil {
		t.Fatal(err)
	}
	as(all, "/users/"+o.li.OpenID).wantCode(t, 400, 99991668)
	o.ExpireTokens()
	as(all, "/users/"+o.li.OpenID).wantCode(t, 400, 99991668)
}
