package compat_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/query/compat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The clients: the mirror's own app, one without personal data, one of another app
// that takes the mirror's open_ids, and one that does not.
const clients = "app:s:sensitive,reads:s:reader+allow_open_id,knows:s:sensitive+allow_open_id,other:s:sensitive"

// bundle is a running service and what a test needs around it.
type bundle struct {
	t       testing.TB
	pool    *pgxpool.Pool
	service *query.Service
	url     string
	client  *http.Client
	metrics *prometheus.Registry
	logged  *logged
	tokens  map[string]string
	maxWait time.Duration // for X-Mirror-At-Least
}

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: pgtest.DB(t), maxWait: 100 * time.Millisecond, logged: &logged{}, tokens: map[string]string{}}
	company, err := os.ReadFile("testdata/company.sql")
	must(t, err)
	b.exec(string(company))
	b.start(clients)
	return b
}

// start makes a service on the bundle's database; a second one takes the place of
// the first, as after a restart.
func (b *bundle) start(clients string, configure ...func(*query.Config)) {
	b.t.Helper()
	log, err := eventlog.Open(b.t.Context(), b.pool, eventlog.Options{})
	must(b.t, err)
	b.t.Cleanup(func() { must(b.t, log.Close()) })
	known, err := query.ParseClients(clients)
	must(b.t, err)
	cfg := query.Config{
		Pool: b.pool, Log: log, Clients: known, MaxWait: b.maxWait, Timeout: time.Minute,
		Logger: slog.New(slog.NewJSONHandler(b.logged, &slog.HandlerOptions{Level: slog.LevelError})), // the audit is there nonetheless
	}
	for _, change := range configure {
		change(&cfg)
	}
	b.service, err = query.New(b.t.Context(), cfg)
	must(b.t, err)
	b.t.Cleanup(b.service.Close)
	b.metrics = prometheus.NewRegistry()
	handler, err := compat.Handler(compat.Config{
		Service: b.service, Registerer: b.metrics, Logger: slog.New(slog.NewJSONHandler(b.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	must(b.t, err)
	server := httptest.NewServer(handler)
	b.t.Cleanup(server.Close)
	b.url, b.client = server.URL, server.Client()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%v\nin %.200s", err, sql)
	}
}

type object = map[string]any

// reply is an answer.
type reply struct {
	Status int
	Header http.Header
	Raw    string

	Code   int
	Msg    string
	Data   object
	Expire int
	Token  string `json:"tenant_access_token"`
	App    string `json:"app_access_token"`
	Error  struct {
		LogID  string `json:"log_id"`
		Fields []struct {
			Field, Value, Description string
		} `json:"field_violations"`
		Permissions []struct{ Subject, Type string } `json:"permission_violations"`
	}
}

// call sends a request; authorization and others are headers, by name and value.
func (b *bundle) call(method, path, body string, headers ...string) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+"/open-apis"+path, strings.NewReader(body))
	must(b.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.client.Do(req)
	must(b.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	must(b.t, err)
	r := reply{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw)}
	if strings.Contains(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(raw, &r); err != nil {
			b.t.Fatalf("%v in %s", err, raw)
		}
	}
	return r
}

// token asks for a client's token, once.
func (b *bundle) token(client string) string {
	b.t.Helper()
	if b.tokens[client] == "" {
		r := b.call(http.MethodPost, "/auth/v3/tenant_access_token/internal", `{"app_id":"`+client+`","app_secret":"s"}`)
		if r.Code != 0 || r.Token == "" {
			b.t.Fatalf("no token for %s: %+v", client, r)
		}
		b.tokens[client] = r.Token
	}
	return b.tokens[client]
}

// as calls as a client.
func (b *bundle) as(client, method, path, body string, headers ...string) reply {
	b.t.Helper()
	return b.call(method, path, body, append([]string{"Authorization", "Bearer " + b.token(client)}, headers...)...)
}

func (b *bundle) get(client, path string, headers ...string) reply {
	b.t.Helper()
	return b.as(client, http.MethodGet, path, "", headers...)
}

// refused checks a refusal.
func (b *bundle) refused(r reply, status, code int) {
	b.t.Helper()
	if r.Status != status || r.Code != code || r.Msg == "" || len(r.Data) > 0 {
		b.t.Errorf("%d %s, want %d with code %d", r.Status, r.Raw, status, code)
	}
	if id := r.Header.Get("X-Tt-Logid"); id == "" || r.Status != http.StatusOK && r.Error.LogID != id {
		b.t.Errorf("log_id %q, X-Tt-Logid %q", r.Error.LogID, id)
	}
}

// is checks data.
func (b *bundle) is(r reply, want string) {
	b.t.Helper()
	var data any
	must(b.t, json.Unmarshal([]byte(want), &data))
	if d := cmp.Diff(data, any(r.Data)); d != "" || r.Status != http.StatusOK || r.Code != 0 || r.Msg != "success" {
		b.t.Errorf("status %d, %s (-want +got):\n%s", r.Status, r.Raw, d)
	}
}
