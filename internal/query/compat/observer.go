package compat

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/query"
)

// observer counts calls and logs them: method, client, code and time, and never
// what was asked or answered.
type observer struct {
	logger   *slog.Logger
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newObserver(logger *slog.Logger, registerer prometheus.Registerer) (*observer, error) {
	o := &observer{
		logger: logger,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_compat_requests_total", Help: "Calls answered as Feishu would, by its method and code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orgmirror_compat_request_seconds", Help: "Time to answer a call as Feishu would.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16), // to 8 s
		}, []string{"method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orgmirror_compat_requests_in_flight", Help: "Calls being answered as Feishu would.",
		}),
	}
	if registerer == nil {
		return o, nil
	}
	for _, c := range []prometheus.Collector{o.requests, o.seconds, o.inFlight} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of compat: %w", err)
		}
	}
	return o, nil
}

func (o *observer) note(c *call, a answer, took time.Duration) {
	o.requests.WithLabelValues(c.method.name, strconv.Itoa(a.code)).Inc()
	o.seconds.WithLabelValues(c.method.name).Observe(took.Seconds())
	level := slog.LevelDebug
	switch {
	case a.cause == nil && a.code == 0:
	case a.cause == nil || a.trouble == query.TroubleCancelled:
		level = slog.LevelInfo
	case a.trouble == query.TroubleInternal:
		level = slog.LevelError
	default:
		level = slog.LevelWarn
	}
	ctx := c.request.Context()
	if !o.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", c.method.name), slog.Int("code", a.code), slog.String("client", c.client.ID()),
		slog.String("log_id", c.logID), slog.Duration("duration", took),
	}
	if a.cause != nil {
		attrs = append(attrs, slog.String("error", a.cause.Error()))
	}
	o.logger.LogAttrs(ctx, level, "request answered as by Feishu", attrs...)
}

// newLogID names a call, in its answer and in the log.
func newLogID(now time.Time) string {
	var salt [9]byte
	_, _ = rand.Read(salt[:]) // never fails
	return now.UTC().Format("20060102150405") + hex.EncodeToString(salt[:])
}
