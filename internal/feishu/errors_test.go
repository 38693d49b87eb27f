package feishu_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

var sentinels = map[string]error{
	"credentials": feishu.ErrCredentials, "permission": feishu.ErrPermission, "quota": feishu.ErrQuota,
	"page token": feishu.ErrPageToken, "too big": feishu.ErrTooBig, "no authority": feishu.ErrNoAuthority,
	"not found": feishu.ErrNotFound, "unavailable": feishu.ErrUnavailable, "paging": feishu.ErrPaging,
}

// matching names the sentinels that an error is.
func matching(err error) string {
	var names []string
	for name, s := range sentinels {
		if errors.Is(err, s) {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status, code int
		want         string
	}{
		{400, 40012, "page token"},
		{400, 43010, "too big"},
		{403, 40004, "no authority"},
		{404, 40004, "no authority"},
		{403, 40014, "no authority"},
		{400, 41050, "no authority"},
		{403, 41050, "no authority"},
		{400, 40015, "not found"},
		{400, 99992351, "not found"},
		{400, 99992352, "not found"},
		{400, 99992353, "not found"},
		{400, 99992357, "not found"},
		{400, 99992358, "not found"},
		{400, 99991403, "quota"},
		{429, 99991403, "quota"},
		{200, 99991403, "quota"},
		{400, 99991672, "permission"},
		{400, 99991679, "permission"},
		{400, 99991401, "permission"},
		{400, 99991673, "credentials"},
		{400, 99992361, ""}, // of another app: no proof that nobody has it
		{400, 99992364, ""},
		{400, 41012, ""},
		{400, 40001, ""},
		{400, 40011, ""},
		{404, 99991201, ""},
		{401, 42008, ""},
		{403, 0, ""},
		{302, 0, ""},
	} {
		t.Run(fmt.Sprint(tt.status, " ", tt.code), func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Tt-Logid", "L-header")
				w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
				reply(w, tt.status, fmt.Sprintf(`{"code":%d,"msg":"Feishu's words"}`, tt.code))
			})
			c, clock, calls := newClient(t, u.URL)
			_, err := c.Department(t.Context(), "od-1")
			if got := matching(err); got != tt.want {
				t.Errorf("%v is %q, want %q", err, got, tt.want)
			}
			got, ok := errors.AsType[*feishu.Error](err)
			if !ok {
				t.Fatalf("%v is no *feishu.Error", err)
			}
			if n := len(calls.of(feishu.EndpointDepartment)); n != 1 || len(clock.sleeps()) > 0 {
				t.Errorf("%d requests, pauses %v; want one and none", n, clock.sleeps())
			}
			want := &feishu.Error{
				Endpoint: feishu.EndpointDepartment, HTTPStatus: tt.status, Code: tt.code,
				Msg: "Feishu's words", LogID: "L-header", Attempts: 1,
			}
			if tt.want == "permission" {
				want.Violations = feishu.EndpointPermissions(feishu.EndpointDepartment)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			// Others build these errors too, and must get the same meaning.
			if got := matching(&feishu.Error{HTTPStatus: tt.status, Code: tt.code}); got != tt.want {
				t.Errorf("a literal with the same code is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{
			"a code", status(403, `{"code":40004,"msg":"no dept authority error","error":{"log_id":"2021X"}}`),
			"feishu GET /contact/v3/departments/:department_id: code 40004 (HTTP 403): no dept authority error [log id 2021X]",
		},
		{
			"the older shape of the error object", status(403, `{"code":40004,"msg":"no dept authority error","error":{"logid":"2021Y"}}`),
			"feishu GET /contact/v3/departments/:department_id: code 40004 (HTTP 403): no dept authority error [log id 2021Y]",
		},
		{
			"no words", status(400, `{"code":40015}`),
			"feishu GET /contact/v3/departments/:department_id: code 40015 (HTTP 400): the department does not exist",
		},
		{
			"a missing permission",
			status(400, `{"code":99991672,"msg":"Access denied.","error":{"log_id":"Z","permission_violations":[{"type":"action_scope_required","subject":"contact:a"},7,{"scope":"contact:b"}]}}`),
			"feishu GET /contact/v3/departments/:department_id: code 99991672 (HTTP 400): Access denied. [any of these permissions is enough: contact:a, contact:b; log id Z]",
		},
		{
			"a missing permission without names", status(400, `{"code":99991672,"msg":"Access denied.","error":7}`),
			"feishu GET /contact/v3/departments/:department_id: code 99991672 (HTTP 400): Access denied. [any of these permissions is enough: contact:contact.base:readonly, contact:contact:readonly_as_app, contact:contact:readonly, contact:contact:access_as_app]",
		},
		{
			"a proxy's JSON", status(403, `{"code":0}`),
			"feishu GET /contact/v3/departments/:department_id: HTTP 403 forbidden",
		},
		{
			"a proxy's page", page(407, "text/html; charset=utf-8", "<html>"),
			`feishu GET /contact/v3/departments/:department_id: HTTP 407 proxy authentication required: the answer is not JSON, or was cut (content type "text/html; charset=utf-8", 6 bytes) [2 attempts]`,
		},
		{
			"a time-out of the gateway", page(504, "text/html", ""),
			"feishu GET /contact/v3/departments/:department_id: HTTP 504 gateway timeout [2 attempts]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, tt.answer)
			c, _, _ := newClient(t, u.URL, func(cfg *feishu.Config) { cfg.Retry.Attempts = 2 })
			_, err := c.Department(t.Context(), "od-1")
			if err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v, want\n%s", err, tt.want)
			}
		})
	}
}

func TestErrorsAndLogsKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"refused", "failed", "not JSON", "broken header"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			// An upstream that repeats all it was sent, where it can.
			u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				echo := strings.Join([]string{
					r.Header.Get("Authorization"), r.URL.Path, r.URL.RawQuery, appSecret,
					"Invalid ids: [ou_0123456789abcdef, on_fedcba9876543210]",
				}, " ")
				w.Header().Set("X-Tt-Logid", echo)
				body, _ := json.Marshal(map[string]any{"code": 40001, "msg": echo + "\nsecond line\x00"})
				switch answer {
				case "refused":
					reply(w, 400, string(body))
				case "failed":
					reply(w, 500, string(body))
				case "not JSON":
					page(200, echo, echo)(w, r)
				case "broken header":
					w.Header().Set("X-Echo", echo+"\x00")
				}
			})
			var logs bytes.Buffer
			c, _, _ := newClient(t, u.URL, func(cfg *feishu.Config) {
				cfg.Logger = slog.New(slog.NewJSONHandler(&logs, nil))
				cfg.Retry.Attempts = 2
			})
			var shown strings.Builder
			for _, call := range []func() error{
				func() error { _, err := c.User(t.Context(), "custom-user-id"); return err },
				func() error { _, err := c.UsersBatch(t.Context(), []string{"custom-user-id"}); return err },
				func() error { _, err := c.UsersByDepartment(t.Context(), "od-1", "page-token-x"); return err },
			} {
				err := call()
				if err == nil {
					t.Fatal("no error")
				}
				if strings.ContainsAny(err.Error(), "\n\x00") {
					t.Errorf("%q is not on one line", err)
				}
				shown.WriteString(err.Error() + "\n")
			}
			if answer != "refused" && logs.Len() == 0 {
				t.Error("the retries were not logged")
			}
			texts := shown.String() + logs.String()
			for _, secret := range []string{appSecret, "t-token-number", "custom-user-id", "page-token-x", "ou_0", "on_f"} {
				if strings.Contains(texts, secret) {
					t.Errorf("%q is shown in\n%s", secret, texts)
				}
			}
			if !strings.Contains(texts, "Invalid ids") {
				t.Errorf("Feishu's words are lost in\n%s", texts)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newUpstream(t, json200(emptyPage))
	u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+tokenPath, http.StatusTemporaryRedirect)
	})
	c, _, _ := newClient(t, u.URL)
	if _, err := c.UsersByDepartment(t.Context(), "0", ""); !errors.Is(err, feishu.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if fetches, requests := elsewhere.counts(); fetches+requests != 0 {
		t.Errorf("%d requests were sent elsewhere", fetches+requests)
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	for code, msg := range map[int]string{
		10003: "invalid param", 10013: "get tenant access token fail", 10014: "app id not exists",
		10015: "wrong app secret", 99991543: "app_id and app_secret do not match", 99991662: "app not in use",
	} {
		t.Run(msg, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Value
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				sent.Store(r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + string(body))
				reply(w, http.StatusOK, fmt.Sprintf(`{"code":%d,"data":{},"msg":%q}`, code, msg+" "+appSecret))
			}))
			t.Cleanup(srv.Close)
			limits := &limiter{}
			c, _, calls := newClient(t, srv.URL, func(cfg *feishu.Config) { cfg.Limiter = limits })

			_, err := c.Tenant(t.Context())
			if got := matching(err); got != "credentials" {
				t.Errorf("%v is %q, want credentials", err, got)
			}
			want := fmt.Sprintf("feishu POST /auth/v3/tenant_access_token/internal: code %d (HTTP 200): %s ***", code, msg)
			if err == nil || err.Error() != want {
				t.Errorf("got\n%v, want\n%s", err, want)
			}
			wantSent := "POST " + tokenPath + ` {"app_id":"` + appID + `","app_secret":"` + appSecret + `"}`
			if got := sent.Load(); got != wantSent {
				t.Errorf("sent %s, want %s", got, wantSent)
			}
			if calls.total() != 1 || len(limits.taken) != 0 {
				t.Errorf("%d requests observed and %d turns taken, want 1 and 0", calls.total(), len(limits.taken))
			}
		})
	}
}
