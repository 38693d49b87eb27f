package eventlog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// figures are the values of all metrics, by name and label.
func figures(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			switch {
			case m.GetHistogram() != nil:
				found[name] = float64(m.GetHistogram().GetSampleCount())
			case m.GetCounter() != nil:
				found[name] = m.GetCounter().GetValue()
			default:
				found[name] = m.GetGauge().GetValue()
			}
		}
	}
	return found
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	l, pool := newLog(t, eventlog.Options{Registerer: registry})
	observed := record("observed")
	observed.Source = directory.SourceBackfill
	appendAll(t, l, record("a"), record("b"), observed)
	appendAll(t, l, record("a"))
	if err := move(t.Context(), pool, "core", 0, 2); err != nil {
		t.Fatal(err)
	}
	if err := move(t.Context(), pool, "feed", 0, 3); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"orgmirror_eventlog_queue_records":                 0,
		"orgmirror_eventlog_batch_records":                 2,
		"orgmirror_eventlog_commit_seconds":                2,
		"orgmirror_eventlog_appended_total webhook":        2,
		"orgmirror_eventlog_appended_total backfill":       1,
		"orgmirror_eventlog_duplicates_total webhook":      1,
		"orgmirror_eventlog_head_position":                 3,
		"orgmirror_eventlog_checkpoint_lag_positions core": 1,
		"orgmirror_eventlog_checkpoint_lag_positions feed": 0,
	}
	if diff := cmp.Diff(want, figures(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}

	if _, err := eventlog.Open(t.Context(), pool, eventlog.Options{Registerer: registry}); err == nil {
		t.Error("two logs registered the same metrics")
	}
	if diff := cmp.Diff(want, figures(t, registry)); diff != "" {
		t.Errorf("metrics after a second log was refused (-want +got):\n%s", diff)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left := figures(t, registry); len(left) != 0 {
		t.Errorf("metrics of a closed log: %v", left)
	}
	open(t, pool, eventlog.Options{Registerer: registry})
}

// Without a database the figures of this process are still there.
func TestMetricsWithoutDatabase(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	plain := pgtest.DB(t)
	pool, cut := cuttable(t, plain)
	open(t, pool, eventlog.Options{Registerer: registry})
	cut.refuse.Store(true)
	pool.Reset()
	got := figures(t, registry)
	if _, ok := got["orgmirror_eventlog_queue_records"]; !ok {
		t.Error("no queue depth without a database")
	}
	if _, ok := got["orgmirror_eventlog_head_position"]; ok {
		t.Error("a head position without a database")
	}
}
