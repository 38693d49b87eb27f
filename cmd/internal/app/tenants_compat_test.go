package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/query"
)

// feishuReads are the reads in Feishu's form, where %s is a word of some company; a
// body makes it a POST. Those of people are asked in the ids that all apps share.
var feishuReads = []struct{ path, body string }{
	{"/contact/v3/users/%s", ""},
	{"/contact/v3/users/batch?user_ids=%s", ""},
	{"/contact/v3/users/find_by_department?department_id=%s", ""},
	{"/contact/v3/users?department_id=%s", ""},
	{"/contact/v3/users/batch_get_id", `{"mobiles":[%q],"include_resigned":true}`},
	{"/contact/v3/users/batch_get_id", `{"emails":[%q],"include_resigned":true}`},
	{"/contact/v3/departments/%s", ""},
	{"/contact/v3/departments/batch?department_ids=%s", ""},
	{"/contact/v3/departments/%s/children?fetch_child=true", ""},
	{"/contact/v3/departments/parent?department_id=%s", ""},
	{"/contact/v3/departments?parent_department_id=%s&fetch_child=true", ""},
	{"/contact/v3/departments/search", `{"query":%q}`},
	{"/contact/v3/group/%s", ""},
	{"/contact/v3/group/simplelist", ""},
	{"/contact/v3/group/member_belong?member_id=%s", ""},
	{"/contact/v3/group/%s/member/simplelist", ""},
	{"/contact/v3/group/%s/member/simplelist?member_type=department&member_id_type=open_id", ""},
	{"/contact/v3/unit/%s", ""},
	{"/contact/v3/unit", ""},
	{"/contact/v3/unit/list_department?unit_id=%s", ""},
	{"/contact/v3/scopes", ""},
	{"/contact/v3/employee_type_enums", ""},
	{"/contact/v3/custom_attrs", ""},
	{"/tenant/v2/tenant/query", ""},
}

// feishuAnswer is an answer in Feishu's form.
type feishuAnswer struct {
	Code int
	Data struct {
		PageToken string `json:"page_token"`
	}
	Token string `json:"tenant_access_token"`
	raw   string
}

// askFeishu asks in Feishu's form, as the client of a token about a company; of none
// where about is empty.
func (p *pair) askFeishu(t *testing.T, path, body, token, about string) (a feishuAnswer) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.service.Addresses.HTTP+"/open-apis"+path, bytes.NewReader([]byte(body)))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if about != "" {
		req.Header.Set(query.TenantHeader, about)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, json.Unmarshal(raw, &a))
	a.raw = string(raw)
	return a
}

// feishuToken is a client's token, got as SDKs get it.
func (p *pair) feishuToken(t *testing.T, client string) string {
	t.Helper()
	a := p.askFeishu(t, "/auth/v3/tenant_access_token/internal", fmt.Sprintf(`{"app_id":%q,"app_secret":%q}`, client, pairSecret), "", "")
	if a.Token == "" {
		t.Fatalf("no token for %s: %s", client, a.raw)
	}
	return a.Token
}

// toldIn are the texts of a company that an answer tells although the request did not.
func (p *pair) toldIn(key, request, answer string) (of []string) {
	for text := range p.texts[key] {
		if strings.Contains(answer, text) && !strings.Contains(request, text) {
			of = append(of, text)
		}
	}
	return of
}

// No token that the token endpoint gives to a client of one company reads anything of
// another one; and each read tells the company's own client something.
func TestNoFeishuReadCrossesTenants(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	tokens := map[string]string{}
	for _, client := range append([]string{"both"}, companies...) {
		tokens[client] = p.feishuToken(t, client)
	}
	for i, victim := range companies {
		stranger := companies[1-i]
		for _, read := range feishuReads {
			tells := 0
			for _, word := range append(p.words(t, victim), furnished("g", victim, 0), furnished("unit", victim, 0)) {
				for _, ids := range []string{"user_id_type=union_id&member_id_type=union_id", "user_id_type=user_id&member_id_type=user_id&department_id_type=department_id"} {
					path, body := read.path, read.body
					if strings.Contains(body, "%") {
						body = fmt.Sprintf(body, word)
					} else if strings.Contains(path, "%s") {
						path = fmt.Sprintf(path, url.PathEscape(word))
					}
					path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + ids
					request := path + body + word
					own := p.askFeishu(t, path, body, tokens[victim], "")
					if own.Code == 0 {
						tells += len(p.toldIn(victim, request, own.raw))
					}
					if of := p.toldIn(stranger, request, own.raw); len(of) > 0 {
						t.Errorf("%s %s tells %q of %s", path, body, of, stranger)
					}
					for _, as := range [][2]string{{stranger, ""}, {"both", stranger}} {
						if of := p.toldIn(victim, request, p.askFeishu(t, path, body, tokens[as[0]], as[1]).raw); len(of) > 0 {
							t.Errorf("%s %s as %s tells %q of %s", path, body, as[0], of, victim)
						}
					}
					if a := p.askFeishu(t, path, body, tokens[stranger], victim); a.Code != 99992402 {
						t.Errorf("%s %s about a company that is not the client's: %s", path, body, a.raw)
					}
				}
			}
			if tells == 0 {
				t.Errorf("%s %s tells nothing of %s: nothing is tested", read.path, read.body, victim)
			}
		}
		const list = "/contact/v3/departments/0/children?fetch_child=true&page_size=1&user_id_type=union_id"
		token := p.askFeishu(t, list, "", tokens[victim], "").Data.PageToken
		next := list + "&page_token=" + url.QueryEscape(token)
		if a := p.askFeishu(t, next, "", tokens[victim], ""); a.Code != 0 {
			t.Errorf("the company's own page token: %s", a.raw)
		}
		if a := p.askFeishu(t, next, "", tokens[stranger], ""); a.Code != 40012 {
			t.Errorf("%s's page token in %s: %s", victim, stranger, a.raw)
		}
	}
}
