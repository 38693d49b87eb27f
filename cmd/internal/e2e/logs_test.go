package e2e_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// Logs are JSON and show nothing of people, not even at their most talkative.
func TestLogsShowNothingOfPeople(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 60, 8)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t), "MIRROR_LOG_LEVEL=debug")...)
	truth := server.Truth()
	for _, u := range truth.Users { // one of them is odd enough to be spoken of
		if err := server.OverrideField("user", u.OpenID, "join_time", json.RawMessage(`"soon"`)); err != nil {
			t.Fatal(err)
		}
		break
	}

	s := serve(t, env)
	walk := start(t, env, binary("backfill"))
	if code := walk.code(t); code != 0 {
		t.Fatalf("backfill: exit code %d", code)
	}
	for _, u := range truth.Users {
		get(t, s.rest+"/v1/users/"+u.OpenID+"x")
		get(t, s.rest+"/v1/users/"+u.OpenID+"?read_mask=mobile")
		get(t, s.rest+"/v1/users:search?page_token=x&query="+url.QueryEscape(u.Name))
	}
	for _, logged := range []*lines{s.stderr, walk.stderr} {
		text := logged.String()
		if strings.Count(text, "\n") < 10 {
			t.Errorf("hardly anything is logged:\n%s", text)
		}
		for line := range strings.Lines(text) {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
		for _, u := range truth.Users {
			for _, personal := range []string{u.OpenID, u.UnionID, u.UserID, u.Name, u.EnName, u.Mobile, u.Email, u.EnterpriseEmail, u.EmployeeNo} {
				if personal != "" && strings.Contains(text, personal) {
					t.Errorf("%q is in the log", personal)
				}
			}
		}
		for _, secret := range []string{server.AppSecret(), "s3cret"} {
			if strings.Contains(text, secret) {
				t.Errorf("the secret %q is in the log", secret)
			}
		}
	}
}
