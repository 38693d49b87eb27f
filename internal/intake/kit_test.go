package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
	"github.com/orgmirror/orgmirror/internal/intake"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The samples' app and company, and what they share with Feishu.
const (
	appID     = "cli_1"
	tenantKey = "2ca1d211f64f6438"
)

var secrets = callback.Secrets{VerificationToken: "tok", EncryptKey: "test key"}

// kit is an intake on a log of its own, behind a real server.
type kit struct {
	pool    *pgxpool.Pool
	log     *eventlog.Log
	in      *intake.Intake
	metrics *prometheus.Registry
	url     string
}

func newKit(t testing.TB, change ...func(*eventlog.Options, *intake.Config, *intake.WebhookConfig)) kit {
	t.Helper()
	return kitOn(t, pgtest.DB(t), change...)
}

func kitOn(t testing.TB, pool *pgxpool.Pool, change ...func(*eventlog.Options, *intake.Config, *intake.WebhookConfig)) kit {
	t.Helper()
	k := kit{pool: pool, metrics: prometheus.NewRegistry()}
	opts := eventlog.Options{}
	cfg := intake.Config{
		Owner:      func(ctx context.Context) (eventlog.Owner, error) { return eventlog.ReadOwner(ctx, pool) },
		Registerer: k.metrics,
	}
	webhook := intake.WebhookConfig{Secrets: secrets}
	for _, f := range change {
		f(&opts, &cfg, &webhook)
	}
	var err error
	if k.log, err = eventlog.Open(t.Context(), pool, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.log.Close() })
	cfg.Log = k.log
	if k.in, err = intake.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k.in.Webhook(webhook))
	t.Cleanup(server.Close)
	k.url = server.URL + intake.WebhookPath
	return k
}

// sample reads one of callback's messages.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "feishu", "callback", "testdata", "messages", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sampleNames(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../feishu/callback/testdata/messages/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d samples (%v)", len(files), err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// event is a small event with an id and an instant of its own.
func event(id string, created time.Time) []byte {
	text, err := json.Marshal(map[string]any{
		"schema": "2.0",
		"header": map[string]any{
			"event_id": id, "event_type": directory.EventUserUpdated, "create_time": created.UnixMilli(),
			"token": "tok", "app_id": appID, "tenant_key": tenantKey,
		},
		"event": map[string]any{"object": map[string]any{"open_id": "ou_" + id}},
	})
	if err != nil {
		panic(err) // there is nothing in it that cannot be marshalled
	}
	return text
}

// signed sends a message as Feishu would.
func (k kit) signed(t testing.TB, plain []byte) (status int, body string) {
	t.Helper()
	req, err := callbacktest.Request(t.Context(), k.url, secrets, plain, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return send(t, req)
}

// raw sends a body as it is.
func (k kit) raw(t testing.TB, body []byte, change ...func(*http.Request)) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	return send(t, req)
}

// client keeps no connections, so that none is left for goleak to find.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func send(t testing.TB, req *http.Request) (status int, body string) {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// records reads the whole log.
func (k kit) records(t testing.TB) []directory.Record {
	t.Helper()
	records, err := k.log.Read(t.Context(), 0, 10000)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// count reads a counter with its labels: "code", "200", ...
func (k kit) count(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := k.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matches := true
			for i := 0; i < len(labels); i += 2 {
				found := false
				for _, l := range m.GetLabel() {
					found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
				}
				matches = matches && found
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}
