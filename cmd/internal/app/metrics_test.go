package app

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/query"
)

var update = flag.Bool("update", false, "write the table of metrics into deploy/README.md")

const tableFile = "../../../deploy/README.md"

// Every metric of the service has a name and a unit as Prometheus asks for, and
// stands in the table that alerts and dashboards are checked against.
func TestMetrics(t *testing.T) {
	t.Parallel()
	families := busyService(t)

	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	content, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- metrics -->\n", "<!-- /metrics -->"
	before, rest, ok := strings.Cut(string(content), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("deploy/README.md has no place for the metrics")
	}
	want := before + begin + table(families) + end + after
	if *update {
		if err := os.WriteFile(tableFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("run make generate (-want +got):\n%s", diff)
	}
}

// busyService returns what a service tells that has appended, projected and
// answered, and what it may come to tell.
func busyService(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	clients, err := query.ParseClients("a:b:reader")
	if err != nil {
		t.Fatal(err)
	}
	const anyPort = "127.0.0.1:0"
	cfg := config.Config{
		SweepInterval: 24 * time.Hour,
		HTTPListen:    anyPort, GRPCListen: anyPort, MetricsListen: anyPort, APIClients: clients,
		// The long connection has all figures of the intake. Nobody answers it.
		Events: config.EventsWebsocket, FeishuBaseURL: "http://127.0.0.1:1", FeishuAppID: "cli_1", FeishuAppSecret: "s",
	}
	pool := pgtest.DB(t)
	_, err = pool.Exec(t.Context(), `
		INSERT INTO mirror.poll (tenant_key, resource, poll_id, last_polled_at) VALUES ('t1', 'groups', gen_random_uuid(), now())`)
	must(t, err)
	s, err := OpenService(t.Context(), cfg, &Database{Pool: pool}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()

	origin := directory.Origin{TenantKey: "t1", AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"}
	now := time.Now()
	user, err := directory.NewObservation(origin, directory.KindUser, "ou_1", now, directory.Observation{Object: json.RawMessage(`{"open_id":"ou_1","name":"a"}`), Listed: true})
	if err != nil {
		t.Fatal(err)
	}
	completed, err := directory.NewSweepCompleted(origin, now, directory.SweepCompleted{StartedAt: now.Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	appended, err := s.log.Append(ctx, user, user, completed)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.log.Await(ctx, projector.Consumer, appended[2].Position); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/sync/status", nil)
	r.SetBasicAuth("a", "b")
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("the service answers %d: %s", w.Code, w.Body)
	}
	s.http.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/open-apis/contact/v3/scopes", nil))
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range described(t, s.metrics) {
		if !slices.ContainsFunc(families, func(g *dto.MetricFamily) bool { return g.GetName() == f.GetName() }) {
			families = append(families, f)
		}
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return families
}

var descText = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "(.*?)", (?:unit: ".*?", )?constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

// described are the metrics that a registry may come to tell. Those with labels
// are told once something happened; until then only their names can be checked.
func described(t *testing.T, r *prometheus.Registry) []*dto.MetricFamily {
	t.Helper()
	ch := make(chan *prometheus.Desc)
	go func() {
		defer close(ch)
		r.Describe(ch)
	}()
	var families []*dto.MetricFamily
	for d := range ch {
		m := descText.FindStringSubmatch(d.String())
		switch {
		case m == nil:
			t.Errorf("a description that cannot be read: %s", d)
			continue
		case !strings.HasPrefix(m[1], "orgmirror_"): // the Go collector describes more than this machine tells
			continue
		}
		metric := &dto.Metric{Untyped: &dto.Untyped{}}
		kind := dto.MetricType_UNTYPED
		if strings.HasSuffix(m[1], "_total") {
			kind, metric = dto.MetricType_COUNTER, &dto.Metric{Counter: &dto.Counter{}}
		}
		for name := range strings.SplitSeq(m[3], ",") {
			if name != "" {
				metric.Label = append(metric.Label, &dto.LabelPair{Name: &name, Value: new(string)})
			}
		}
		families = append(families, &dto.MetricFamily{Name: &m[1], Help: &m[2], Type: &kind, Metric: []*dto.Metric{metric}})
	}
	return families
}

func table(families []*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "orgmirror_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	return b.String()
}
