package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/callback/callbacktest"
	"github.com/orgmirror/orgmirror/internal/intake"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// app is one of two, with what it shares with Feishu.
type app struct {
	owner   eventlog.Owner
	secrets callback.Secrets
}

// event is one that says to be of an app and a company, with an app's token.
func (a app) event(id, token string) []byte {
	text, err := json.Marshal(map[string]any{
		"schema": "2.0",
		"header": map[string]any{
			"event_id": id, "event_type": directory.EventUserUpdated, "create_time": time.Now().UnixMilli(),
			"token": token, "app_id": a.owner.AppID, "tenant_key": a.owner.TenantKey,
		},
		"event": map[string]any{"object": map[string]any{"open_id": "ou_same"}},
	})
	if err != nil {
		panic(err)
	}
	return text
}

// Two apps' events come to one address. Who has one app's secrets, and nothing of
// the other's, gets nothing of the other into the log.
func TestWebhooksOfSeveralApps(t *testing.T) {
	t.Parallel()
	one := app{eventlog.Owner{TenantKey: "t1", AppID: "cli_1"}, callback.Secrets{VerificationToken: "token1", EncryptKey: "key1"}}
	two := app{eventlog.Owner{TenantKey: "t2", AppID: "cli_2"}, callback.Secrets{VerificationToken: "token2", EncryptKey: "key2"}}
	pool := pgtest.DB(t)
	log, err := eventlog.Open(t.Context(), pool, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	metrics := prometheus.NewRegistry()
	of := func(tenant string) prometheus.Registerer {
		return prometheus.WrapRegistererWith(prometheus.Labels{"tenant": tenant}, metrics)
	}
	var hooks []*intake.Webhook
	for _, a := range []app{one, two} {
		in, err := intake.New(t.Context(), intake.Config{
			Log: log, AppID: a.owner.AppID, TenantKey: a.owner.TenantKey, Registerer: of(a.owner.TenantKey),
			Owner: func(ctx context.Context) (eventlog.Owner, error) {
				return eventlog.OwnerOf(ctx, pool, a.owner.TenantKey)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		hooks = append(hooks, in.Webhook(intake.WebhookConfig{Secrets: a.secrets}))
	}
	all, err := intake.NewWebhooks(hooks, nil, of(""))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(all)
	t.Cleanup(server.Close)
	url := server.URL + intake.WebhookPath

	signedBy := func(s callback.Secrets, plain []byte) int {
		t.Helper()
		req, err := callbacktest.Request(t.Context(), url, s, plain, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		status, _ := send(t, req)
		return status
	}
	unsigned := func(body []byte) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return send(t, req)
	}
	stranger := callback.Secrets{VerificationToken: "token2", EncryptKey: "stranger's"}
	mixed := app{eventlog.Owner{TenantKey: "t2", AppID: "cli_1"}, one.secrets}
	for name, test := range map[string]struct {
		got, want int
	}{
		"the one's":                                   {signedBy(one.secrets, one.event("e1", "token1")), 200},
		"the other's, with the same id":               {signedBy(two.secrets, two.event("e1", "token2")), 200},
		"the other's, signed by the one":              {signedBy(one.secrets, two.event("e2", "token1")), 403},
		"the same, with the other's token":            {signedBy(one.secrets, two.event("e3", "token2")), 403},
		"the other company's, by the one's app":       {signedBy(one.secrets, mixed.event("e4", "token1")), 403},
		"the one's, with the other's token":           {signedBy(one.secrets, one.event("e5", "token2")), 403},
		"a stranger's with a token that was found":    {signedBy(stranger, two.event("e6", "token2")), 403},
		"one that names neither, of whom signed it":   {signedBy(two.secrets, app{}.event("e7", "token2")), 200},
		"one that names another company than its own": {signedBy(two.secrets, app{owner: eventlog.Owner{TenantKey: "t9", AppID: "cli_2"}}.event("e8", "token2")), 403},
	} {
		if test.got != test.want {
			t.Errorf("%s: status %d, want %d", name, test.got, test.want)
		}
	}
	if status, _ := unsigned(one.event("e9", "token1")); status != http.StatusForbidden {
		t.Errorf("plain text: status %d", status)
	}
	for _, a := range []app{one, two} {
		challenge := []byte(`{"type":"url_verification","challenge":"word","token":"` + a.secrets.VerificationToken + `"}`)
		if status, body := unsigned(callbacktest.Body(a.secrets.EncryptKey, challenge)); status != 200 || body != `{"challenge":"word"}` {
			t.Errorf("challenge of %s: %d %s", a.owner.AppID, status, body)
		}
		if status, _ := unsigned(callbacktest.Body(stranger.EncryptKey, challenge)); status != http.StatusForbidden {
			t.Errorf("challenge of a stranger: %d", status)
		}
	}

	var stored []string
	rows, err := pool.Query(t.Context(), `SELECT tenant_key || ' ' || app_id || ' ' || event_id FROM mirror.event_log ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		stored = append(stored, text)
	}
	if diff := cmp.Diff([]string{"t1 cli_1 e1", "t2 cli_2 e1", "t2 cli_2 e7"}, stored); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	// What is nobody's is counted for nobody.
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if family.GetName() == "orgmirror_intake_webhook_requests_total" {
				counted[labels["tenant"]+" "+labels["reason"]] += m.GetCounter().GetValue()
			}
		}
	}
	want := map[string]float64{
		"t1 stored": 1, "t2 stored": 2, "t1 bad_token": 2, "t1 foreign_app": 1, "t1 foreign_tenant": 1, "t2 foreign_tenant": 1,
		"t1 plaintext": 1, "t1 challenge": 1, "t2 challenge": 1, " bad_signature": 1, " no_signature": 2,
	}
	if diff := cmp.Diff(want, counted); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
