package app

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/orgmirror/orgmirror/internal/postgres"
)

var errStopping = errors.New("stopping")

// readiness says whether a service can answer: it is not stopping, the database
// is there and has the right schema.
func readiness(db *Database, stopping <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-stopping:
			return errStopping
		default:
			return postgres.CheckSchema(ctx, db.Pool)
		}
	}
}

// newMetrics returns a registry with what every Go program can tell of itself.
func newMetrics() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}
