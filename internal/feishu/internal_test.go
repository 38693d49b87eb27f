package feishu

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 FeishuBaseURL,
		"https://open.larksuite.com":       LarkBaseURL,
		"https://open.feishu.cn/":          FeishuBaseURL,
		"http://127.0.0.1:8090":            "http://127.0.0.1:8090",
		"http://[::1]:8090/":               "http://[::1]:8090",
		"https://open.feishu.cn/open-apis": "",
		"open.feishu.cn":                   "",
		"ftp://open.feishu.cn":             "",
		"https://":                         "",
		"https://:443":                     "",
		"https://u:hidden@open.feishu.cn":  "",
		"https://open.feishu.cn?a=hidden":  "",
		"https://open.feishu.cn/#hidden":   "",
		"http://a b:hidden":                "",
	} {
		c, err := New(Config{BaseURL: in, AppID: "a", AppSecret: "s"})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q was accepted as %q", in, c.core.BaseUrl)
		case want == "" && strings.Contains(err.Error(), "hidden"):
			t.Errorf("%q: the error repeats what may be secret: %v", in, err)
		case want != "" && (err != nil || c.core.BaseUrl != want):
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	for _, cfg := range []Config{{AppID: "a"}, {AppSecret: "s"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) without all credentials: no error", cfg)
		}
	}
	for in, want := range map[string]bool{
		"http://open.feishu.cn": true, "https://open.feishu.cn": false, "http://localhost:1": false,
		"http://127.0.0.9:1": false, "http://[::1]:1": false, "http://10.0.0.1": true,
	} {
		if got := sendsSecretInClear(in); got != want {
			t.Errorf("sendsSecretInClear(%q) = %v", in, got)
		}
	}
}

func TestAnswerTooLarge(t *testing.T) {
	t.Parallel()
	requests := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/open-apis/auth") {
			_, _ = w.Write([]byte(`{"code":0,"tenant_access_token":"t-1","expire":7200}`))
			return
		}
		requests++
		_, _ = w.Write([]byte(`{"code":0,"data":{"user":"` + strings.Repeat("x", 2000) + `"}}`))
	}))
	t.Cleanup(srv.Close)
	c, err := New(Config{BaseURL: srv.URL, AppID: "a", AppSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.maxBytes = 1000
	_, err = c.User(t.Context(), "ou_1")
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errAnswerTooLarge) {
		t.Errorf("got %v, want an answer too large", err)
	}
	if requests != 1 {
		t.Errorf("%d requests, want 1: it would be as large again", requests)
	}
}

// Feishu speaks HTTP/2, where net/http takes other ways than for HTTP/1.1.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusHTTPVersionNotSupported)
		}
		_, _ = w.Write([]byte(`{"code":0,"tenant_access_token":"t-1","expire":7200,"data":{"user":{}}}`))
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c, err := New(Config{BaseURL: srv.URL, AppID: "a", AppSecret: "s", Retry: Retry{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	transport, ok := c.http.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("transport is a %T", c.http.Transport)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}

	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 5 {
				if _, err := c.User(t.Context(), "ou_1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCodesHaveAMeaning(t *testing.T) {
	t.Parallel()
	for code, class := range codes {
		if class.meaning == "" || class.is == nil {
			t.Errorf("%d has no meaning", code)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{
		EndpointTenant, EndpointDepartment, EndpointDepartmentChildren, EndpointDepartmentsBatch,
		EndpointUser, EndpointUsersByDepartment, EndpointUsersBatch, EndpointScopes,
	} {
		if len(EndpointPermissions(endpoint)) == 0 {
			t.Errorf("no permission is known for %s", endpoint)
		}
	}
	user, department := FieldPermissions("user"), FieldPermissions("department")
	for field, want := range map[string]string{
		"name": "contact:user.base:readonly", "mobile": "contact:user.phone:readonly", "orders": "contact:user.department:readonly",
		"open_id": "", "department_path": "", "employee_no": "contact:user.employee:readonly",
	} {
		if got := user[field]; got != want {
			t.Errorf("user %s: %q, want %q", field, got, want)
		}
	}
	if got := department["parent_department_id"]; got != "contact:department.organize:readonly" {
		t.Errorf("department parent_department_id: %q", got)
	}
	if len(user) != 26 || len(department) != 12 || FieldPermissions("group") != nil {
		t.Errorf("%d user and %d department fields, want 26 and 12", len(user), len(department))
	}
	delete(user, "name")
	if FieldPermissions("user")["name"] == "" {
		t.Error("a caller can change the table")
	}
}

func TestCounter(t *testing.T) {
	t.Parallel()
	var c Counter
	if total, by := c.Snapshot(); total != (Stats{}) || by == nil || len(by) != 0 {
		t.Errorf("empty counter: %+v, %v", total, by)
	}
	for _, call := range []Call{
		{Endpoint: "a", Attempt: 1, HTTPStatus: 429, Code: 99991400, Failed: true, Duration: time.Second},
		{Endpoint: "a", Attempt: 2, HTTPStatus: 400, Code: 99991400, Failed: true, Retry: true, Waited: time.Minute},
		{Endpoint: "a", Attempt: 3, HTTPStatus: 200, Retry: true, Waited: time.Minute},
		{Endpoint: "b", Attempt: 1, Failed: true},
	} {
		c.Observe(call)
	}
	total, by := c.Snapshot()
	want := map[string]Stats{
		"a": {Calls: 3, Retries: 2, RateLimited: 2, Waited: 2 * time.Minute, InFlight: time.Second},
		"b": {Calls: 1, Failed: 1},
	}
	if diff := cmp.Diff(want, by); diff != "" {
		t.Errorf("by endpoint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Stats{Calls: 4, Retries: 2, RateLimited: 2, Failed: 1, Waited: 2 * time.Minute, InFlight: time.Second}, total); diff != "" {
		t.Errorf("total (-want +got):\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"code":0,"msg":"success","data":{"has_more":true,"page_token":"x","items":[{"open_id":"ou_1"}, 1 ]}}`,
		`{"code":"40004","msg":["x"],"error":{"log_id":7,"permission_violations":[{"subject":"a"},{"scope":"b"},3]}}`,
		`{"code":0,"data":{"user_ids":["a"],"department_ids":null,"user":{"name":"\ud800\u0000"}}}`,
		`{"code":1e2}`, `{"CODE":0,"code":1,"data":[]}`, `[]`, `null`, `"`, ``, "{\"code\":0,\"data\":{\"items\":[\"\xff\"]}}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		env, err := decodeEnvelope(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		if page, err := decodePage(env, "items", "asked"); err == nil {
			if page.HasMore != (page.PageToken != "") {
				t.Fatalf("has_more %v with token %q", page.HasMore, page.PageToken)
			}
			rest := body
			for _, item := range page.Items { // each is a piece of the answer, in order
				i := bytes.Index(rest, item)
				if i < 0 {
					t.Fatalf("item %q is not what came in", item)
				}
				rest = rest[i+len(item):]
			}
		}
		if o, err := decodeObject(env, "user"); err == nil && !bytes.Contains(body, o) {
			t.Fatalf("object %q is not what came in", o)
		}
		_, _ = decodeScopes(env)
		e := Error{Endpoint: "GET /x", HTTPStatus: 200, Code: env.code, Msg: cleanText(env.msg, []string{"secret"}), LogID: env.logID, Violations: env.violations}
		if s := e.Error(); strings.ContainsAny(e.Msg, "\n\r\x00") || s == "" {
			t.Fatalf("error text %q", s)
		}
	})
}
