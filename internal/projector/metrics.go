package projector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	records prometheus.Counter
	pages   prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orgmirror_projector_records_total",
			Help: "Log records that were projected.",
		}),
		pages: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "orgmirror_projector_page_duration_seconds",
			Help:    "Time to fold and write one page of the log.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	if r != nil {
		r.MustRegister(m.records, m.pages)
	}
	return m
}

func (m *metrics) page(records int, took time.Duration) {
	m.records.Add(float64(records))
	m.pages.Observe(took.Seconds())
}
