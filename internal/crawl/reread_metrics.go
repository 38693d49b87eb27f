package crawl

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// RereadMetrics are the figures of re-reads.
type RereadMetrics struct {
	outcomes *prometheus.CounterVec
	reasons  *prometheus.CounterVec
	failures prometheus.Counter
}

// NewRereadMetrics returns figures that begin at zero. They are kept also where
// nobody registers them. The queue's age is that of one company, or of all where
// tenantKey is empty.
func NewRereadMetrics(registerer prometheus.Registerer, pool *pgxpool.Pool, tenantKey string) (*RereadMetrics, error) {
	m := &RereadMetrics{
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
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.outcomes, m.reasons, m.failures, rereadQueue{pool, tenantKey}} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register the figures of re-reads: %w", err)
		}
	}
	return m, nil
}

func (m *RereadMetrics) done(q queued, o outcome) {
	m.outcomes.WithLabelValues(string(q.kind), string(o)).Inc()
	for _, reason := range q.reasons {
		m.reasons.WithLabelValues(reason).Inc()
	}
}

// rereadQueue reads the queue when it is scraped; its length is told by the
// status. Where the database does not answer the figure is missing, and nothing
// else.
type rereadQueue struct {
	pool      *pgxpool.Pool
	tenantKey string // empty: of all companies
}

func rereadOldest() *prometheus.Desc {
	return prometheus.NewDesc("orgmirror_reread_queue_oldest_seconds",
		"For how long the entity that waits longest to be read again has been due.", nil, nil)
}

// Describe implements prometheus.Collector.
func (rereadQueue) Describe(ch chan<- *prometheus.Desc) { ch <- rereadOldest() }

const selectOldest = `
SELECT greatest(coalesce(extract(epoch FROM now() - min(not_before)), 0), 0)::float8
FROM mirror.reread_queue
WHERE $1 IN ('', tenant_key)`

// Collect implements prometheus.Collector.
func (c rereadQueue) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var oldest float64
	if c.pool.QueryRow(ctx, selectOldest, c.tenantKey).Scan(&oldest) == nil {
		ch <- prometheus.MustNewConstMetric(rereadOldest(), prometheus.GaugeValue, oldest)
	}
}
