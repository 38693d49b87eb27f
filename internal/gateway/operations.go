package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout is below the second that probes usually wait.
const readyTimeout = 900 * time.Millisecond

// OperationsHandler serves
//
//	/livez     200 while the process answers at all
//	/readyz    200 while ready returns nil, else 503 with its error
//	/metrics   what the gatherer has, for Prometheus
//
// ready says whether the service can answer from what it has: the database and
// its schema. It must not depend on Feishu, or an outage there would take every
// copy down at once.
func OperationsHandler(ready func(context.Context) error, gatherer prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	return mux
}
