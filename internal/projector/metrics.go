package projector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
)

type metrics struct {
	records *prometheus.CounterVec
	pages   prometheus.Histogram
	rereads *prometheus.CounterVec
	sweeps  *prometheus.CounterVec
	parked  prometheus.Counter
	behind  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_projector_records_total",
			Help: "Log records that were projected, by what they are about. legacy and unknown ones change nothing.",
		}, []string{"class"}),
		pages: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "orgmirror_projector_page_duration_seconds",
			Help:    "Time to fold and write one page of the log.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		rereads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_projector_rereads_queued_total",
			Help: "Entities put into the re-read queue, by reason; one that a page gives several reasons counts for each.",
		}, []string{"reason"}),
		sweeps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_projector_sweeps_asked_total",
			Help: "Times that events asked for a sweep, by reason.",
		}, []string{"reason"}),
		parked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "orgmirror_projector_parked_total",
			Help: "Parts of log records that could not be decoded and were parked.",
		}),
	}
	m.behind = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orgmirror_projector_reordered_total",
		Help: "Events that were older than the newest record of their entity that had been applied before.",
	}, []string{"source"})
	for _, source := range []directory.Source{directory.SourceWebhook, directory.SourceWebsocket} {
		m.behind.WithLabelValues(string(source))
	}
	for _, class := range directory.Classes() {
		m.records.WithLabelValues(string(class)) // shows 0 before the first
	}
	if r != nil {
		r.MustRegister(m.records, m.pages, m.rereads, m.sweeps, m.parked, m.behind)
	}
	return m
}

func (m *metrics) page(f *folded, took time.Duration) {
	m.count(f)
	m.pages.Observe(took.Seconds())
}

// count counts what was written.
func (m *metrics) count(f *folded) {
	for _, r := range f.page.Records {
		m.records.WithLabelValues(string(directory.ClassOf(r.EventType))).Inc()
	}
	for _, row := range f.rereads {
		for _, reason := range row.Reasons {
			m.rereads.WithLabelValues(string(reason)).Inc()
		}
	}
	for _, row := range f.asks {
		m.sweeps.WithLabelValues(string(row.Reason)).Inc()
	}
	for _, source := range f.behind {
		m.behind.WithLabelValues(string(source)).Inc()
	}
	m.parked.Add(float64(len(f.parked)))
}
