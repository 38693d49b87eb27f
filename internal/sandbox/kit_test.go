package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// apps numbers the app ids: the SDK keeps tokens by app id for the whole
// process.
var apps atomic.Int64

// kit is a running sandbox with a caller that holds a token.
type kit struct {
	*sandbox.Server
	t      testing.TB
	client *http.Client
	token  string
}

// start runs a sandbox; the app id is always a new one.
func start(t testing.TB, cfg sandbox.Config) *kit {
	t.Helper()
	cfg.AppID = fmt.Sprintf("cli_test%d", apps.Add(1))
	cfg.AppSecret = "secret"
	s, err := sandbox.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	k := &kit{Server: s, t: t, client: client}
	k.token = k.newToken()
	return k
}

// sdk is the official SDK's contact service, wired as its root client does it.
func (k *kit) sdk() *larkcontact.V3 {
	cfg := &larkcore.Config{
		BaseUrl: k.URL(), AppId: k.AppID(), AppSecret: k.AppSecret(), AppType: larkcore.AppTypeSelfBuilt,
		EnableTokenCache: true, HttpClient: k.client, LogLevel: larkcore.LogLevelError,
	}
	larkcore.NewLogger(cfg)
	larkcore.NewCache(cfg)
	larkcore.NewSerialization(cfg)
	return larkcontact.New(cfg)
}

// reply is an answer of the contact service.
type reply struct {
	status int
	header http.Header
	raw    string

	Code   int             `json:"code"`
	Msg    string          `json:"msg"`
	Data   json.RawMessage `json:"data"`
	Expire int             `json:"expire"`
	Tenant string          `json:"tenant_access_token"`
	App    string          `json:"app_access_token"`
	Error  struct {
		LogID  string `json:"log_id"`
		Fields []struct {
			Field, Value, Description string
		} `json:"field_violations"`
		Permissions []struct {
			Subject, Type string
		} `json:"permission_violations"`
	} `json:"error"`
}

// send makes one request; auth is the Authorization header.
func (k *kit) send(method, path, auth, body string) reply {
	k.t.Helper()
	r, err := k.trySend(method, path, auth, body)
	if err != nil {
		k.t.Fatal(err)
	}
	return r
}

func (k *kit) trySend(method, path, auth, body string) (reply, error) {
	req, err := http.NewRequestWithContext(k.t.Context(), method, k.URL()+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if strings.Contains(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &out); err != nil {
			return out, fmt.Errorf("body %q: %w", raw, err)
		}
	}
	return out, nil
}

// get calls a contact method: path below /open-apis, parameters as pairs.
func (k *kit) get(path string, params ...string) reply {
	k.t.Helper()
	return k.send(http.MethodGet, "/open-apis"+path+encode(params), "Bearer "+k.token, "")
}

func encode(params []string) string {
	if len(params) == 0 {
		return ""
	}
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		if params[i] == "page_token" {
			q.Del("page_token") // the last one counts
		}
		q.Add(params[i], params[i+1])
	}
	return "?" + q.Encode()
}

func (k *kit) newToken() string {
	k.t.Helper()
	r := k.send(http.MethodPost, "/open-apis/auth/v3/tenant_access_token/internal", "", k.credentials())
	if r.Code != 0 || r.Tenant == "" {
		k.t.Fatalf("token request answers %s", r.raw)
	}
	return r.Tenant
}

func (k *kit) credentials() string {
	return fmt.Sprintf(`{"app_id":%q,"app_secret":%q}`, k.AppID(), k.AppSecret())
}

// object is decoded JSON.
type object = map[string]any

func decodeAs[T any](t testing.TB, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return v
}

// list is a page of a listing.
type list struct {
	Items     []object `json:"items"`
	HasMore   bool     `json:"has_more"`
	PageToken *string  `json:"page_token"`
}

// all walks a listing to its end.
func (k *kit) all(path string, params ...string) []object {
	k.t.Helper()
	var out []object
	token := ""
	for {
		p := params
		if token != "" {
			p = append(slices.Clone(params), "page_token", token)
		}
		r := k.get(path, p...)
		if r.Code != 0 {
			k.t.Fatalf("%s %v: %s", path, p, r.raw)
		}
		page := decodeAs[list](k.t, r.Data)
		out = append(out, page.Items...)
		if page.HasMore != (page.PageToken != nil) {
			k.t.Fatalf("%s: has_more %v with page_token %v", path, page.HasMore, page.PageToken)
		}
		if !page.HasMore {
			return out
		}
		if len(page.Items) == 0 || *page.PageToken == "" {
			k.t.Fatalf("%s: an empty page or token in the middle", path)
		}
		token = *page.PageToken
	}
}

// wantCode checks status and code of a refusal, and that it carries a log id.
func (r reply) wantCode(t testing.TB, status, code int) {
	t.Helper()
	if r.status != status || r.Code != code {
		t.Fatalf("answer is HTTP %d %s, want HTTP %d with code %d", r.status, r.raw, status, code)
	}
	if logID := r.header.Get("X-Tt-Logid"); logID == "" || code != 0 && r.Error.LogID != "" && r.Error.LogID != logID {
		t.Errorf("log id %q in the header, %q in the body", logID, r.Error.LogID)
	}
}

// pick is the first entity, by id, that meets a condition.
func pick[T any](t testing.TB, all map[string]T, meets func(T) bool) (found T) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if meets(all[id]) {
			return all[id]
		}
	}
	t.Fatal("nothing in the company meets the condition")
	return found
}

// clock is a time that only the test moves.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2025, time.May, 6, 7, 8, 9, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time      { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.nanos.Add(int64(d)) }

func ids(items []object, key string) []string {
	var out []string
	for _, item := range items {
		id, _ := item[key].(string)
		out = append(out, id)
	}
	return out
}

// crowdOf is the department with the most people directly in it.
func crowdOf(truth sandbox.Truth) (id string, members int) {
	direct := map[string]int{}
	for _, u := range truth.Users {
		for _, d := range u.DepartmentIDs {
			direct[d]++
		}
	}
	for d, n := range direct {
		if n > members || n == members && d < id {
			id, members = d, n
		}
	}
	return id, members
}
