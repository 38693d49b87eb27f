package compat_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/query"
)

// Without the role no personal field leaves, by no method, and nobody is found by one.
func TestReaderSeesNoPersonalFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{
		"/contact/v3/users/ou_ann", "/contact/v3/users/batch?user_ids=ou_ann&user_ids=ou_bob",
		"/contact/v3/users/find_by_department?department_id=od-a", "/contact/v3/users?department_id=od-a",
	} {
		sees, reads := b.get("knows", path), b.get("reads", path)
		for _, field := range query.SensitiveFields() {
			if !strings.Contains(sees.Raw, `"`+field+`":`) {
				t.Errorf("%s shows no %s to who may see it: %s", path, field, sees.Raw)
			}
			if strings.Contains(reads.Raw, `"`+field+`"`) {
				t.Errorf("%s shows %s: %s", path, field, reads.Raw)
			}
		}
		for _, secret := range []string{"ann@", "13800000001", "E1"} {
			if strings.Contains(reads.Raw, secret) || !strings.Contains(sees.Raw, secret) {
				t.Errorf("%s: %q in %s, and not in %s?", path, secret, reads.Raw, sees.Raw)
			}
		}
	}
	r := b.as("reads", http.MethodPost, "/contact/v3/users/batch_get_id", `{"mobiles":["13800000001"]}`)
	b.refused(r, http.StatusBadRequest, 99991672)
	if p := r.Error.Permissions; len(p) != 1 || p[0].Subject != "contact:user.id:readonly" || p[0].Type != "action_scope_required" {
		t.Errorf("permission_violations %v", p)
	}
}

// open_ids are those of the mirror's app: who would take them for another's is
// refused, and gets the rest.
func TestOpenIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, q := range []struct{ method, path, body string }{
		{http.MethodGet, "/contact/v3/users/%s", ""},
		{http.MethodGet, "/contact/v3/users/batch?user_ids=%s", ""},
		{http.MethodGet, "/contact/v3/users/find_by_department?department_id=od-a", ""},
		{http.MethodGet, "/contact/v3/users?department_id=od-a", ""},
		{http.MethodPost, "/contact/v3/users/batch_get_id", `{"mobiles":["13800000001"]}`},
		{http.MethodGet, "/contact/v3/departments/od-a", ""},
		{http.MethodGet, "/contact/v3/departments/batch?department_ids=od-a", ""},
		{http.MethodGet, "/contact/v3/departments/0/children", ""},
		{http.MethodGet, "/contact/v3/departments/parent?department_id=od-a1", ""},
		{http.MethodGet, "/contact/v3/departments?parent_department_id=0", ""},
		{http.MethodPost, "/contact/v3/departments/search", `{"query":"Alpha"}`},
	} {
		ask := func(client, id, kind string) reply {
			path := strings.Replace(q.path, "%s", id, 1)
			if kind != "" {
				path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "user_id_type=" + kind
			}
			return b.as(client, q.method, path, q.body)
		}
		for _, kind := range []string{"", "open_id"} {
			r := ask("other", "ou_ann", kind)
			b.refused(r, http.StatusBadRequest, 99992361)
			if len(r.Error.Fields) != 1 || r.Error.Fields[0].Field != "user_id_type" || !strings.Contains(r.Msg, "user_id_type") {
				t.Errorf("%s: the parameter is not named: %s", q.path, r.Raw)
			}
			for _, client := range []string{"app", "knows"} {
				if r := ask(client, "ou_ann", kind); r.Code != 0 || !strings.Contains(r.Raw, "ou_ann") || r.Header.Get("X-Mirror-Open-Id-App") != "app" {
					t.Errorf("%s as %s: %s, %v", q.path, client, r.Raw, r.Header)
				}
			}
		}
		for kind, id := range map[string]string{"union_id": "on_ann", "user_id": "ann"} {
			r := ask("other", id, kind)
			if r.Code != 0 || strings.Contains(r.Raw, "ou_") || strings.Contains(r.Raw, `"open_id"`) || !strings.Contains(r.Raw, `"`+id+`"`) {
				t.Errorf("%s by %s: %s", q.path, kind, r.Raw)
			}
		}
	}
	for _, path := range []string{"/contact/v3/employee_type_enums", "/contact/v3/custom_attrs", "/tenant/v2/tenant/query"} {
		if r := b.get("other", path); r.Code != 0 || r.Header.Get("X-Mirror-Open-Id-App") != "app" {
			t.Errorf("%s: %s", path, r.Raw)
		}
	}
}

// Whatever changes something is refused in our own words, also without a token.
func TestWritesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := url.PathEscape("a/b==")
	for _, write := range []string{
		"POST /contact/v3/users", "DELETE /contact/v3/users/ou_ann", "PATCH /contact/v3/users/ou_ann", "PUT /contact/v3/users/ou_ann",
		"POST /contact/v3/users/ou_ann/resurrect", "PATCH /contact/v3/users/ou_ann/update_user_id",
		"POST /contact/v3/departments", "DELETE /contact/v3/departments/od-a", "PATCH /contact/v3/departments/od-a", "PUT /contact/v3/departments/od-a",
		"POST /contact/v3/departments/unbind_department_chat", "PATCH /contact/v3/departments/od-a/update_department_id",
		"POST /contact/v3/group", "PATCH /contact/v3/group/g", "DELETE /contact/v3/group/g", "POST /contact/v3/group/g/member/add",
		"POST /contact/v3/group/g/member/batch_add", "POST /contact/v3/group/g/member/remove", "POST /contact/v3/group/g/member/batch_remove",
		"POST /contact/v3/unit", "PATCH /contact/v3/unit/u", "DELETE /contact/v3/unit/u", "POST /contact/v3/unit/bind_department", "POST /contact/v3/unit/unbind_department",
		"POST /contact/v3/employee_type_enums", "PUT /contact/v3/employee_type_enums/" + id, "DELETE /contact/v3/employee_type_enums/" + id,
		"POST /im/v1/messages",
	} {
		method, path, _ := strings.Cut(write, " ")
		for _, r := range []reply{b.as("app", method, path, "null"), b.call(method, path, "")} {
			b.refused(r, http.StatusMethodNotAllowed, 1405001)
			if !strings.Contains(r.Msg, "read-only") {
				t.Errorf("%s: %s", write, r.Msg)
			}
		}
	}
	for _, path := range []string{"/contact/v3/nothing", "/contact/v3/users/", "/contact/v3/departments//children", "/contact/v3/users/ou_ann/", "/contact/v3/users/../departments/od-a"} {
		if r := b.get("app", path); r.Status != http.StatusNotFound || r.Raw != "404 page not found" || r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: %d %s", path, r.Status, r.Raw)
		}
	}
}
