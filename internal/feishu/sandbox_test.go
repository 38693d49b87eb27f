package feishu_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const tokenEndpoint = "POST /auth/v3/tenant_access_token/internal"

func startSandbox(t *testing.T) (*sandbox.Server, *feishu.Client, *feishu.Counter) {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{People: 400, Departments: 40, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	counter := &feishu.Counter{}
	c, _, _ := newClient(t, s.URL(), func(cfg *feishu.Config) {
		cfg.AppID, cfg.AppSecret = s.AppID(), s.AppSecret()
		cfg.Observe = counter.Observe
	})
	t.Cleanup(func() {
		c.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c, counter
}

func fault(t *testing.T, s *sandbox.Server, faults ...sandbox.Fault) {
	t.Helper()
	for _, f := range faults {
		if err := s.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
}

// walk reads the company as a crawl does, 16 departments at a time, and returns
// the ids it met.
func walk(t *testing.T, c *feishu.Client) (departments, users []string) {
	t.Helper()
	id := func(raw json.RawMessage, key string) string {
		var object map[string]any
		if err := json.Unmarshal(raw, &object); err != nil {
			t.Error(err)
		}
		s, _ := object[key].(string)
		return s
	}
	for token, more := "", true; more; {
		page, err := c.DepartmentChildren(t.Context(), "0", true, token)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range page.Items {
			departments = append(departments, id(raw, "open_department_id"))
		}
		token, more = page.PageToken, page.HasMore
	}
	var (
		mu   sync.Mutex
		seen = map[string]bool{}
		todo = make(chan string)
		wg   sync.WaitGroup
	)
	for range 16 {
		wg.Go(func() {
			for department := range todo {
				for token, more := "", true; more; {
					page, err := c.UsersByDepartment(t.Context(), department, token)
					if err != nil {
						t.Error(err)
						break
					}
					mu.Lock()
					for _, raw := range page.Items {
						seen[id(raw, "open_id")] = true
					}
					mu.Unlock()
					token, more = page.PageToken, page.HasMore
				}
			}
		})
	}
	for _, d := range append([]string{"0"}, departments...) {
		todo <- d
	}
	close(todo)
	wg.Wait()
	return slices.Sorted(slices.Values(departments)), slices.Sorted(maps.Keys(seen))
}

func TestWalkOfABadUpstream(t *testing.T) {
	t.Parallel()
	s, c, counter := startSandbox(t)
	members := feishu.EndpointUsersByDepartment
	fault(t, s,
		sandbox.Fault{Endpoint: tokenEndpoint, Status: 503, Count: 1},
		sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, Cut: true, Count: 2},
		sandbox.Fault{Endpoint: members, Skip: 3, ExpireTokens: true},
		sandbox.Fault{Endpoint: members, Skip: 9, Cut: true, Count: 4},
		sandbox.Fault{Endpoint: members, Skip: 9, Status: 429, Code: 99991400, Headers: map[string]string{"x-ogw-ratelimit-reset": "2"}, Count: 3},
		sandbox.Fault{Endpoint: members, Skip: 9, Status: 400, Code: 99991400, Count: 2},
		sandbox.Fault{Endpoint: members, Skip: 12, Status: 200, Body: "hello", ContentType: "text/plain", Count: 2},
		sandbox.Fault{Endpoint: members, Skip: 12, Status: 504, Body: "time-out", ContentType: "text/plain", Count: 2},
		sandbox.Fault{Endpoint: members, Skip: 20, Code: 40003, Count: 2},
		sandbox.Fault{Endpoint: members, Skip: 20, ExpireTokens: true},
	)
	departments, users := walk(t, c)

	truth := s.Truth()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(truth.Departments)), departments); diff != "" {
		t.Errorf("departments (-truth +met):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(truth.Users)), users); diff != "" {
		t.Errorf("users (-truth +met):\n%s", diff)
	}
	if left := s.Faults(); len(left) > 0 {
		t.Errorf("faults that never happened: %+v", left)
	}

	// Both sides count the same requests: none went out that nobody knows of.
	_, ours := counter.Snapshot()
	theirs := map[string]int{}
	for endpoint, stats := range s.Stats() {
		theirs[endpoint] = stats.Calls
	}
	got := map[string]int{}
	for endpoint, stats := range ours {
		got[endpoint] = stats.Calls
	}
	if diff := cmp.Diff(theirs, got); diff != "" {
		t.Errorf("requests (-sandbox +client):\n%s", diff)
	}
	if n := got[tokenEndpoint]; n != 1+1+2 {
		t.Errorf("%d token requests, want 4: one failed, one at first, one for each end of all tokens", n)
	}
	if stats := ours[members]; stats.RateLimited != 5 || stats.Failed < 10 {
		t.Errorf("counted %+v, want 5 rate limits and at least 10 failures", stats)
	}
}

func TestSandboxRefusals(t *testing.T) {
	t.Parallel()
	s, c, _ := startSandbox(t)
	ctx := t.Context()

	tenant, err := c.Tenant(ctx)
	if err != nil || tenant.Key != s.Truth().Tenant.TenantKey {
		t.Errorf("tenant %+v, %v; want key %s", tenant, err, s.Truth().Tenant.TenantKey)
	}
	scopes, err := c.Scopes(ctx, "")
	if err != nil || len(scopes.DepartmentIDs) == 0 {
		t.Errorf("scopes %+v, %v; want some departments", scopes, err)
	}
	if _, err := c.Department(ctx, "0"); err != nil {
		t.Errorf("root: %v", err)
	}
	ids := slices.Sorted(maps.Keys(s.Truth().Users))[:50]
	batch, err := c.UsersBatch(ctx, append(slices.Clone(ids[:49]), "ou_0123456789abcdef0123456789abcdef"))
	if err != nil || len(batch.Items) != 49 {
		t.Errorf("batch of 49 known people: %d items, %v", len(batch.Items), err)
	}

	for name, tt := range map[string]struct {
		call func() error
		want error
		text string
	}{
		"an unknown person": {
			func() error { _, err := c.User(ctx, "ou_0123456789abcdef0123456789abcdef"); return err },
			feishu.ErrNotFound, "code 9999235",
		},
		"an unknown department": {
			func() error {
				_, err := c.UsersByDepartment(ctx, "od-0123456789abcdef0123456789abcdef", "")
				return err
			},
			feishu.ErrNotFound, "code 9999235",
		},
		"a foreign page token": {
			func() error { _, err := c.UsersByDepartment(ctx, "0", "bm90IG9uZSBvZiB5b3Vycw=="); return err },
			feishu.ErrPageToken, "code 40012 (HTTP 400)",
		},
	} {
		err := tt.call()
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), "log id") {
			t.Errorf("%s: got %v; want %v with %q and a log id", name, err, tt.want, tt.text)
		}
		if strings.Contains(err.Error(), "ou_0") {
			t.Errorf("%s: %v shows the id", name, err)
		}
	}

	s.SetBigDepartment(1)
	if _, err := c.DepartmentChildren(ctx, "0", true, ""); !errors.Is(err, feishu.ErrTooBig) {
		t.Errorf("a recursive listing of a big department: %v, want ErrTooBig", err)
	}
	if err := s.RevokePermission(feishu.EndpointUser); err != nil {
		t.Fatal(err)
	}
	_, err = c.User(ctx, ids[0])
	if !errors.Is(err, feishu.ErrPermission) || !strings.Contains(err.Error(), "contact:contact.base:readonly") {
		t.Errorf("without the permission: %v, want ErrPermission with the permission", err)
	}
}

func TestSandboxCredentials(t *testing.T) {
	t.Parallel()
	s, _, _ := startSandbox(t)
	for _, tt := range []struct{ id, secret, want string }{
		{s.AppID(), "not-the-secret", "code 10015 (HTTP 200)"},
		{"cli_nobody", s.AppSecret(), "code 10014 (HTTP 200)"},
	} {
		c, _, _ := newClient(t, s.URL(), func(cfg *feishu.Config) { cfg.AppID, cfg.AppSecret = tt.id, tt.secret })
		_, err := c.Tenant(t.Context())
		if !errors.Is(err, feishu.ErrCredentials) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want ErrCredentials with %q", err, tt.want)
		}
		if strings.Contains(err.Error(), tt.secret) {
			t.Errorf("%v shows the secret", err)
		}
	}
}
