package probe_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestFeishu(t *testing.T) {
	t.Parallel()

	t.Run("the README's permissions are enough", func(t *testing.T) {
		t.Parallel()
		b := setup(t, sandbox.Config{People: 300, Departments: 30})
		b.app(t, "", sandbox.Range{})
		found := b.examine(t)
		calls, _ := b.counter.Snapshot()
		if calls.Calls > 16 {
			t.Errorf("%d calls, a dozen were promised", calls.Calls)
		}
		for _, check := range []string{"credentials", "tenant", "range", "calls", "clock", "permission contact:user.base:readonly", "permission contact:department.organize:readonly"} {
			if found[check].State != probe.OK {
				t.Errorf("%s: %+v", check, found[check])
			}
		}
		// The sandbox tells nothing of connections, and says so with a 404.
		if got := found["event channel"].State; got != probe.Skip {
			t.Errorf("event channel: %+v", found["event channel"])
		}
		if bad := append(states(maps.Clone(found), probe.Fail), states(found, probe.Warn)...); len(bad) > 0 {
			t.Errorf("troubles: %v", bad)
		}
	})

	// The sandbox has Feishu's table of permissions from Feishu's pages, not from us.
	t.Run("each permission that shows fields is missed when it is gone", func(t *testing.T) {
		t.Parallel()
		for _, p := range probe.Permissions() {
			if p.Kind == "" {
				continue
			}
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, sandbox.Config{People: 60, Departments: 10})
				b.app(t, p.Name, sandbox.Range{})
				want, warnings := probe.Skip, []string(nil)
				if p.Always {
					want, warnings = probe.Warn, []string{"permission " + p.Name}
				}
				found := b.examine(t)
				f := found["permission "+p.Name]
				if f.State != want || !strings.Contains(f.Says, p.Lost) || !strings.Contains(f.Says, p.Gives[0]) {
					t.Errorf("%+v, want %s", f, want)
				}
				if diff := cmp.Diff(warnings, states(found, probe.Warn)); diff != "" {
					t.Errorf("warnings (-want +got):\n%s", diff)
				}
			})
		}
	})

	t.Run("without the first permission nothing can be mirrored", func(t *testing.T) {
		t.Parallel()
		b := setup(t, sandbox.Config{People: 20, Departments: 5})
		b.app(t, "contact:contact.base:readonly", sandbox.Range{})
		if f := b.examine(t)["call "+feishu.EndpointDepartment]; f.State != probe.Fail || !strings.Contains(f.Do, "contact:contact.base:readonly") {
			t.Errorf("%+v", f)
		}
	})

	t.Run("employee_no alone does not prove the permission for job data", func(t *testing.T) {
		t.Parallel()
		b := setup(t, sandbox.Config{People: 60, Departments: 10})
		b.app(t, "contact:user.employee:readonly", sandbox.Range{})
		if err := b.sandbox.GrantScope("cli_probe", "contact:user.employee_number:read"); err != nil {
			t.Fatal(err)
		}
		if f := b.examine(t)["permission contact:user.employee:readonly"]; f.State != probe.Warn {
			t.Errorf("%+v", f)
		}
	})

	t.Run("calls that are refused", func(t *testing.T) {
		t.Parallel()
		for endpoint, want := range map[string]probe.State{
			feishu.EndpointDepartment: probe.Fail, feishu.EndpointDepartmentChildren: probe.Fail, feishu.EndpointUsersByDepartment: probe.Fail,
			feishu.EndpointDepartmentsBatch: probe.Warn, feishu.EndpointUsersBatch: probe.Warn, feishu.EndpointUser: probe.Warn, feishu.EndpointScopes: probe.Warn,
		} {
			b := setup(t, sandbox.Config{People: 20, Departments: 5})
			if err := b.sandbox.RevokePermission(endpoint); err != nil {
				t.Fatal(err)
			}
			f := b.examine(t)["call "+endpoint]
			if f.State != want || !strings.Contains(f.Do, "contact:contact.base:readonly") {
				t.Errorf("%s: %+v, want %s", endpoint, f, want)
			}
			if want == probe.Fail && !errors.Is(f.Err, feishu.ErrPermission) {
				t.Errorf("%s: error %v", endpoint, f.Err)
			}
		}
	})

	t.Run("credentials that are wrong", func(t *testing.T) {
		t.Parallel()
		b := setup(t, sandbox.Config{People: 5, Departments: 2})
		b.as(t, b.AppID, "wrong")
		found := b.examine(t)
		if f := found["credentials"]; f.State != probe.Fail || !errors.Is(f.Err, feishu.ErrCredentials) {
			t.Errorf("%+v", f)
		}
		if skipped := states(found, probe.Skip); len(skipped) != 6 {
			t.Errorf("skipped: %v", skipped)
		}
	})

	t.Run("a machine that is not on the list", func(t *testing.T) {
		t.Parallel()
		b := setup(t, sandbox.Config{People: 5, Departments: 2})
		if err := b.sandbox.AddFault(sandbox.Fault{Count: -1, Status: http.StatusBadRequest, Code: 99991401}); err != nil {
			t.Fatal(err)
		}
		if f := b.examine(t)["credentials"]; f.State != probe.Fail || !strings.Contains(f.Do, "allow-list") {
			t.Errorf("%+v", f)
		}
	})

	t.Run("Feishu stops answering half-way", func(t *testing.T) {
		t.Parallel()
		b := setup(t, sandbox.Config{People: 5, Departments: 2})
		if err := b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointScopes, Count: -1, Status: http.StatusBadGateway}); err != nil {
			t.Fatal(err)
		}
		f := b.examine(t)["range"]
		if f.State != probe.Fail || !errors.Is(f.Err, feishu.ErrUnavailable) || f.Do == "" {
			t.Errorf("%+v", f)
		}
	})

	t.Run("only a part of the company", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			narrow func(sandbox.Truth) sandbox.Range
			says   string
			users  probe.State // whether people were found to look at
		}{
			"departments": {func(t sandbox.Truth) sandbox.Range { return sandbox.Range{Departments: first(t.Departments, 2)} }, "2 departments, 0 people and 0 groups", probe.OK},
			"people":      {func(t sandbox.Truth) sandbox.Range { return sandbox.Range{Users: first(t.Users, 3)} }, "0 departments, 3 people and 0 groups", probe.OK},
			"nobody":      {func(sandbox.Truth) sandbox.Range { return sandbox.Range{Nobody: true} }, "0 departments, 0 people and 0 groups", probe.Skip},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, sandbox.Config{People: 200, Departments: 20})
				b.app(t, "", c.narrow(b.sandbox.Truth()))
				found := b.examine(t)
				if f := found["range"]; f.State != probe.Warn || !strings.HasSuffix(f.Says, c.says) {
					t.Errorf("%+v", f)
				}
				if f := found["permission contact:user.base:readonly"]; f.State != c.users {
					t.Errorf("%+v, want %s", f, c.users)
				}
				if failed := states(found, probe.Fail); len(failed) > 0 {
					t.Errorf("failures: %v", failed)
				}
			})
		}
	})

	t.Run("a clock that is off", func(t *testing.T) {
		t.Parallel()
		for offset, word := range map[time.Duration]string{time.Hour: "behind", -time.Hour: "ahead"} {
			b := setup(t, sandbox.Config{People: 5, Departments: 2, Clock: func() time.Time { return time.Now().Add(offset) }})
			if f := b.examine(t)["clock"]; f.State != probe.Warn || !strings.Contains(f.Says, word) {
				t.Errorf("%s: %+v", offset, f)
			}
		}
	})
}

func TestCompany(t *testing.T) {
	t.Parallel()
	b := setup(t, sandbox.Config{People: 5, Departments: 2, TenantKey: "t1"})
	may := setup(t, sandbox.Config{People: 5, Departments: 2, TenantKey: "t1"})
	if err := may.sandbox.RevokePermission(feishu.EndpointTenant); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name       string
		on         *bundle
		configured string
		owner      eventlog.Owner
		want       probe.State
		is         error
	}{
		{"a new log", b, "", eventlog.Owner{}, probe.OK, nil},
		{"its own log", b, "t1", eventlog.Owner{TenantKey: "t1", AppID: b.AppID}, probe.OK, nil},
		{"another company's log", b, "", eventlog.Owner{TenantKey: "t2", AppID: b.AppID}, probe.Fail, probe.ErrOtherCompany},
		{"another app's log", b, "", eventlog.Owner{TenantKey: "t1", AppID: "cli_other"}, probe.Fail, eventlog.ErrForeignApp},
		{"another company is configured", b, "t2", eventlog.Owner{}, probe.Fail, crawl.ErrNoTenant},
		{"may not be asked, and is configured", may, "t1", eventlog.Owner{}, probe.OK, nil},
		{"may not be asked, and is not configured", may, "", eventlog.Owner{}, probe.Fail, crawl.ErrNoTenant},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			one := *c.on
			one.TenantKey, one.Owner = c.configured, c.owner
			found := one.examine(t)
			if f := found["tenant"]; f.State != c.want || !errors.Is(f.Err, c.is) {
				t.Errorf("%+v, want %s", f, c.want)
			}
			if f := found["credentials"]; f.State != probe.OK {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A Feishu that tells how many clients are connected, in front of a sandbox,
// which does not.
func TestEventChannel(t *testing.T) {
	t.Parallel()
	b := setup(t, sandbox.Config{People: 5, Departments: 2})
	upstream, err := url.Parse(b.sandbox.URL())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(upstream))
	mux.HandleFunc("GET /open-apis/event/v1/connection", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"code":0,"msg":"","data":{"online_instance_cnt":2}}`))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections() // the reverse proxy's
	})
	b.Client, err = feishu.New(feishu.Config{BaseURL: server.URL, AppID: b.AppID, AppSecret: b.sandbox.AppSecret()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Client.Close)
	for own, want := range map[int]probe.State{0: probe.Warn, 2: probe.OK} {
		b.Connections = own
		if f := b.examine(t)["event channel"]; f.State != want || !strings.HasPrefix(f.Says, "2 ") {
			t.Errorf("%d of our own: %+v", own, f)
		}
	}
}
