package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the log's figures. They are kept also where nobody registers them.
type metrics struct {
	registerer prometheus.Registerer
	all        []prometheus.Collector

	batchRecords  prometheus.Histogram
	commitSeconds prometheus.Histogram
	appended      *prometheus.CounterVec
	duplicates    *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer, pool *pgxpool.Pool, q *queue) (*metrics, error) {
	m := &metrics{
		batchRecords: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orgmirror_eventlog_batch_records", Help: "Records written by one append.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 6),
		}),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orgmirror_eventlog_commit_seconds", Help: "Time of one append, from the call to the commit.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		appended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_eventlog_appended_total", Help: "Records appended by this process.",
		}, []string{"source"}),
		duplicates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_eventlog_duplicates_total", Help: "Records of this process that were in the log already.",
		}, []string{"source"}),
	}
	depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orgmirror_eventlog_queue_records", Help: "Records that wait for the writer.",
	}, func() float64 { return float64(q.depth()) })
	m.all = []prometheus.Collector{m.batchRecords, m.commitSeconds, m.appended, m.duplicates, depth, positions{pool}}
	if registerer == nil {
		return m, nil
	}
	for i, c := range m.all {
		if err := registerer.Register(c); err != nil {
			m.all = m.all[:i]
			m.registerer = registerer
			m.unregister()
			return nil, fmt.Errorf("register the log's metrics: %w", err)
		}
	}
	m.registerer = registerer
	return m, nil
}

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

// committed counts one append.
func (m *metrics) committed(records int, took time.Duration) {
	m.batchRecords.Observe(float64(records))
	m.commitSeconds.Observe(took.Seconds())
}

// answered counts one record by its final answer.
func (m *metrics) answered(r *row) {
	counter := m.appended
	if r.answer.Duplicate {
		counter = m.duplicates
	}
	counter.WithLabelValues(string(r.record.Source)).Inc()
}

// positions reads the head and all checkpoints when it is scraped, so that the
// lag is true whoever appends and whoever consumes. Where the database does not
// answer these figures are missing, and nothing else.
type positions struct {
	pool *pgxpool.Pool
}

var (
	headDesc = prometheus.NewDesc("orgmirror_eventlog_head_position", "Position of the last record.", nil, nil)
	lagDesc  = prometheus.NewDesc("orgmirror_eventlog_checkpoint_lag_positions",
		"Records that the consumer has still to handle.", []string{"consumer"}, nil)
)

// Describe implements prometheus.Collector.
func (positions) Describe(ch chan<- *prometheus.Desc) {
	ch <- headDesc
	ch <- lagDesc
}

// Collect implements prometheus.Collector.
func (p positions) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	rows, err := p.pool.Query(ctx, selectLags)
	if err != nil {
		return
	}
	lags, err := pgx.CollectRows(rows, pgx.RowToStructByName[lag])
	if err != nil {
		return
	}
	for i, l := range lags {
		if i == 0 {
			ch <- prometheus.MustNewConstMetric(headDesc, prometheus.GaugeValue, float64(l.Head))
		}
		if l.Consumer != "" {
			ch <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(l.Lag), l.Consumer)
		}
	}
}

type lag struct {
	Head, Lag int64
	Consumer  string // "" where nobody consumes yet
}

const selectLags = `
SELECT h.position AS head, coalesce(c.consumer, '') AS consumer, coalesce(h.position - c.position, 0) AS lag
FROM mirror.event_log_head AS h
LEFT JOIN mirror.checkpoint AS c ON true
ORDER BY c.consumer`
