package crawl

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// rereadMetrics are the figures of re-reads. They are kept also where nobody
// registers them.
type rereadMetrics struct {
	registerer prometheus.Registerer
	all        []prometheus.Collector

	outcomes *prometheus.CounterVec
	reasons  *prometheus.CounterVec
	failures prometheus.Counter
}

func newRereadMetrics(registerer prometheus.Registerer, pool *pgxpool.Pool) (*rereadMetrics, error) {
	m := &rereadMetrics{
		registerer: registerer,
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_crawl_rereads_total", Help: "Entities that were read again, by kind and by what came of it.",
		}, []string{"kind", "outcome"}),
		reasons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_crawl_rereads_done_total", Help: "Re-reads that are done, by the reasons for them; one entity may have several.",
		}, []string{"reason"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orgmirror_crawl_reread_failures_total", Help: "Passes over the re-read queue that failed and were tried again.",
		}),
	}
	all := []prometheus.Collector{m.outcomes, m.reasons, m.failures, rereadQueue{pool}}
	if registerer == nil {
		return m, nil
	}
	for _, c := range all {
		if err := registerer.Register(c); err != nil {
			m.unregister()
			return nil, fmt.Errorf("register the figures of re-reads: %w", err)
		}
		m.all = append(m.all, c)
	}
	return m, nil
}

func (m *rereadMetrics) unregister() {
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

func (m *rereadMetrics) done(q queued, o outcome) {
	m.outcomes.WithLabelValues(string(q.kind), string(o)).Inc()
	for _, reason := range q.reasons {
		m.reasons.WithLabelValues(reason).Inc()
	}
}

// rereadQueue reads the queue when it is scraped. Where the database does not
// answer these figures are missing, and nothing else.
type rereadQueue struct{ pool *pgxpool.Pool }

var (
	rereadQueueDesc = prometheus.NewDesc("orgmirror_crawl_reread_queue_entities",
		"Entities that wait to be read again, those that are not due included.", []string{"kind"}, nil)
	rereadOldestDesc = prometheus.NewDesc("orgmirror_crawl_reread_queue_oldest_seconds",
		"For how long the entity that waits longest to be read again has been due.", []string{"kind"}, nil)
)

// Describe implements prometheus.Collector.
func (rereadQueue) Describe(ch chan<- *prometheus.Desc) {
	ch <- rereadQueueDesc
	ch <- rereadOldestDesc
}

const selectQueueFigures = `
SELECT k.kind, count(q.entity_id), greatest(coalesce(extract(epoch FROM now() - min(q.not_before)), 0), 0)::float8
FROM unnest(@kinds::text[]) AS k (kind)
LEFT JOIN mirror.reread_queue q ON q.entity_kind = k.kind
GROUP BY k.kind`

// Collect implements prometheus.Collector.
func (c rereadQueue) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	kinds := make([]string, len(rereadKinds()))
	for i, kind := range rereadKinds() {
		kinds[i] = string(kind)
	}
	rows, err := c.pool.Query(ctx, selectQueueFigures, pgx.NamedArgs{"kinds": kinds})
	if err != nil {
		return
	}
	var kind string
	var entities int64
	var oldest float64
	_, _ = pgx.ForEachRow(rows, []any{&kind, &entities, &oldest}, func() error { // as above
		ch <- prometheus.MustNewConstMetric(rereadQueueDesc, prometheus.GaugeValue, float64(entities), kind)
		ch <- prometheus.MustNewConstMetric(rereadOldestDesc, prometheus.GaugeValue, oldest, kind)
		return nil
	})
}
