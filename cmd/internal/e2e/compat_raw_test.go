package e2e_test

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// rawQuestion is a request that no SDK sends.
type rawQuestion struct{ method, path, authorization, body string }

// byHand asks what SDKs cannot be made to ask, and compares the answers as they are:
// status, type, envelope and text.
func (c *compatRun) byHand(t *testing.T) {
	app, secret := c.server.AppID(), c.server.AppSecret()
	tokens := map[string]string{
		c.server.URL(): "Bearer " + mirrorToken(t, c.server.URL(), app, secret),
		c.service.rest: "Bearer " + mirrorToken(t, c.service.rest, app, secret),
	}
	place := c.company.departments[0]
	credentials := text(map[string]string{"app_id": app, "app_secret": secret})
	const token, people, departments = "/auth/v3/tenant_access_token/internal", "/contact/v3/users", "/contact/v3/departments"
	var all []rawQuestion
	for _, path := range []string{token, "/auth/v3/app_access_token/internal"} {
		for _, body := range []string{
			"", "{", "null", "[]", `{"app_id":"x"}`, `{"app_secret":"x"}`, `{"app_id":7,"app_secret":"x"}`, `{"app_id":"none","app_secret":"x"}`,
			text(map[string]string{"app_id": app, "app_secret": "wrong"}), credentials,
		} {
			all = append(all, rawQuestion{http.MethodPost, path, "", body}, rawQuestion{http.MethodPost, path + "/", "", body})
		}
	}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Basic x", "bearer x", "Bearer x", "Bearer t-x", "Bearer a-x", "Bearer u-x", "Bearer eyJx", "Bearer T-x"} {
		all = append(all, rawQuestion{http.MethodGet, people + "/x", authorization, ""}, rawQuestion{http.MethodGet, "/tenant/v2/tenant/query", authorization, ""})
	}
	for _, path := range []string{
		people + "/find_by_department?page_size=x&department_id=0", people + "/find_by_department?page_size=1.5&department_id=0", people + "/find_by_department?page_size=&department_id=0",
		people + "/find_by_department?department_id=", people + "/find_by_department?department_id=0&page_token=", people + "?page_size=x", people + "/batch", people + "/batch?user_ids=",
		departments + "/" + place + "/children?fetch_child=x", departments + "/" + place + "/children?fetch_child=1", departments + "/" + place + "/children?fetch_child=T",
		departments + "?fetch_child=x", departments + "?page_size=x", departments + "/parent", departments + "/batch", departments + "/0", departments + "/0?department_id_type=department_id",
		people + "/x?user_id_type=OPEN_ID", people + "/x?user_id_type=", people + "/x?department_id_type=x", "/contact/v3/employee_type_enums?page_size=x", "/contact/v3/custom_attrs?page_size=101",
		people + "/", people + "/a/b", people + "/%2Fx", people + "/%E7%8E%8B", "/contact/v3/none", "/none", "/", departments + "/0/children/", departments + "/" + url.PathEscape(place+"/") + "/children",
	} {
		all = append(all, rawQuestion{http.MethodGet, path, "good", ""})
	}
	for _, body := range []string{"", "{", "[]", "null", `{"emails":"x"}`, `{"emails":[7]}`, `{"mobiles":{}}`, `{"include_resigned":"x"}`, `{"emails":[]}`, `{"emails":["",""],"mobiles":[""]}`} {
		all = append(all, rawQuestion{http.MethodPost, people + "/batch_get_id", "good", body})
	}
	for _, q := range all {
		ask := func(base string) any {
			authorization := q.authorization
			if authorization == "good" {
				authorization = tokens[base]
			}
			return rawAnswer(t, base, q, authorization)
		}
		if d := gocmp.Diff(ask(c.server.URL()), ask(c.service.rest)); d != "" {
			t.Errorf("%+v (-Feishu +mirror):\n%s", q, d)
		}
	}
	t.Logf("%d requests by hand compared", len(all))
}

// rawAnswer is an answer without what is another one each time.
func rawAnswer(t *testing.T, base string, q rawQuestion, authorization string) any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), q.method, base+"/open-apis"+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("X-Tt-Logid") == "" {
		t.Errorf("%s %+v has no X-Tt-Logid", base, q)
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	answer := map[string]any{"status": resp.StatusCode, "type": kind}
	var body map[string]any
	if json.Unmarshal(raw, &body) != nil {
		answer["text"] = string(raw)
		return answer
	}
	answer["body"] = (&comparison{swept: true}).normal("", body)
	if data, is := answer["body"].(map[string]any)["data"].(map[string]any); is {
		if items, is := data["items"].([]any); is {
			slices.SortFunc(items, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
		}
	}
	if e, is := answer["body"].(map[string]any)["error"].(map[string]any); is {
		if e["log_id"] != resp.Header.Get("X-Tt-Logid") {
			t.Errorf("%s %+v: log_id %v", base, q, e["log_id"])
		}
		delete(e, "log_id")
		delete(e, "troubleshooter")
	}
	for _, name := range []string{"tenant_access_token", "app_access_token", "expire"} {
		if _, has := body[name]; has {
			answer["body"].(map[string]any)[name] = "one"
		}
	}
	return answer
}
