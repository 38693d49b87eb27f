package probe_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a company and a client that asks it.
type bundle struct {
	sandbox *sandbox.Server
	counter *feishu.Counter
	probe.Config
}

func setup(t *testing.T, cfg sandbox.Config) *bundle {
	t.Helper()
	cfg.Seed = 7
	server, err := sandbox.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bundle{sandbox: server, counter: &feishu.Counter{}}
	b.as(t, server.AppID(), server.AppSecret())
	return b
}

// as asks by an app from now on.
func (b *bundle) as(t *testing.T, appID, secret string) {
	t.Helper()
	client, err := feishu.New(feishu.Config{
		BaseURL: b.sandbox.URL(), AppID: appID, AppSecret: secret, Observe: b.counter.Observe,
		Retry: feishu.Retry{Attempts: 1, Pause: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b.AppID, b.Client = appID, client
}

// readme are the permissions that the README asks for, without one of them.
func readme(without string) []string {
	var names []string
	for _, p := range probe.Permissions() {
		if p.Name != without {
			names = append(names, p.Name)
		}
	}
	return names
}

// app asks by an app with the README's permissions but one, and a range.
func (b *bundle) app(t *testing.T, without string, r sandbox.Range) {
	t.Helper()
	if err := b.sandbox.AddApp(sandbox.App{ID: "cli_probe", Secret: "secret", Permissions: readme(without), Range: r}); err != nil {
		t.Fatal(err)
	}
	b.as(t, "cli_probe", "secret")
}

func (b *bundle) examine(t *testing.T) map[string]probe.Finding {
	t.Helper()
	found := map[string]probe.Finding{}
	for _, f := range probe.Feishu(t.Context(), b.Config) {
		if _, twice := found[f.Check]; twice {
			t.Errorf("%s is told twice", f.Check)
		}
		found[f.Check] = f
		if f.State == probe.Fail && f.Err == nil {
			t.Errorf("%s fails without an error", f.Check)
		}
		if strings.Contains(f.Says+f.Do, "ou_") {
			t.Errorf("%s names a person: %s", f.Check, f.Says)
		}
	}
	return found
}

func first[T any](all map[string]T, n int) []string { return slices.Sorted(maps.Keys(all))[:n] }

func states(found map[string]probe.Finding, state probe.State) []string {
	maps.DeleteFunc(found, func(_ string, f probe.Finding) bool { return f.State != state })
	return slices.Sorted(maps.Keys(found))
}
