package intake

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// reason says why a request got its answer.
type reason string

const (
	reasonChallenge      reason = "challenge"
	reasonPlainChallenge reason = "plain_challenge" // right, but the console has no Encrypt Key
	reasonBadToken       reason = "bad_token"
	reasonBadSignature   reason = "bad_signature"
	reasonNoSignature    reason = "no_signature"
	reasonBadTimestamp   reason = "bad_timestamp"
	reasonTooOld         reason = "too_old"
	reasonAhead          reason = "ahead"
	reasonPlaintext      reason = "plaintext"
	reasonNotJSON        reason = "not_json"
	reasonNoEvent        reason = "no_event"
	reasonUndecryptable  reason = "undecryptable"
	reasonUnreadable     reason = "unreadable"
	reasonTooLarge       reason = "too_large"
	reasonPath           reason = "path"
	reasonMethod         reason = "method"
	reasonForeignApp     reason = "foreign_app"
	reasonForeignTenant  reason = "foreign_tenant"
	reasonOwnerUnknown   reason = "owner_unknown"
	reasonQueueFull      reason = "queue_full"
	reasonStopping       reason = "stopping"
	reasonDatabase       reason = "database"
)

// metrics are the intake's figures. They are kept also where nobody registers
// them.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	events   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	late     *prometheus.CounterVec
	repeated *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer, known map[string]subject) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_intake_webhook_requests_total", Help: "Requests to the webhook by status and reason.",
		}, []string{"code", "reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orgmirror_intake_webhook_seconds", Help: "Time from a request's head to its answer. Feishu waits 3 s.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_intake_events_total", Help: "Events acknowledged, by way, type and outcome (stored, duplicate, app_ticket).",
		}, []string{"source", "event_type", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_intake_websocket_refused_total", Help: "Messages of the long connection that were answered with an error, by reason.",
		}, []string{"reason"}),
		late: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_intake_late_total", Help: "Events received over 60 s after they were created.",
		}, []string{"source"}),
		repeated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_intake_duplicate_total", Help: "Events that were in the log already.",
		}, []string{"source"}),
	}
	for _, source := range []directory.Source{directory.SourceWebhook, directory.SourceWebsocket} {
		m.late.WithLabelValues(string(source))
		m.repeated.WithLabelValues(string(source))
	}
	for name := range known {
		m.events.WithLabelValues(string(directory.SourceWebhook), name, string(stored))
		m.events.WithLabelValues(string(directory.SourceWebsocket), name, string(stored))
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.events, m.refused, m.late, m.repeated} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of the intake: %w", err)
		}
	}
	return m, nil
}

// took counts an event that was acknowledged.
func (m *metrics) took(source directory.Source, eventType string, o outcome) {
	m.events.WithLabelValues(string(source), eventType, string(o)).Inc()
	if o == duplicate {
		m.repeated.WithLabelValues(string(source)).Inc()
	}
}

// answered counts an answer of the webhook.
func (m *metrics) answered(status int, r reason, took time.Duration) {
	m.requests.WithLabelValues(strconv.Itoa(status), string(r)).Inc()
	m.seconds.Observe(took.Seconds())
}
