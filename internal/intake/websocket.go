package intake

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/feishu/longconn"
)

// Websocket is the long connection that brings events into the log.
type Websocket struct {
	in     *Intake
	client *longconn.Client
}

// WebsocketConfig says whom to connect to, and as whom.
type WebsocketConfig struct {
	BaseURL, AppID, AppSecret string

	Registerer prometheus.Registerer // nil: no metrics
	// Retry and Refused are the pauses between attempts; zero: those of longconn.
	Retry, Refused longconn.Pauses
}

// Websocket makes the long connection. It is opened by Run.
func (in *Intake) Websocket(cfg WebsocketConfig) (*Websocket, error) {
	w := &Websocket{in: in}
	var err error
	w.client, err = longconn.New(longconn.Config{
		BaseURL: cfg.BaseURL, AppID: cfg.AppID, AppSecret: cfg.AppSecret,
		Handle: w.handle, Logger: in.logger, Retry: cfg.Retry, Refused: cfg.Refused,
	})
	if err != nil {
		return nil, err
	}
	return w, w.register(cfg.Registerer)
}

// Run receives until the context ends. Events under way are still stored and
// acknowledged.
func (w *Websocket) Run(ctx context.Context) error { return w.client.Run(ctx) }

// handle is asked for each event. An error makes Feishu send it again.
func (w *Websocket) handle(ctx context.Context, payload []byte) error {
	m, err := callback.Parse(payload)
	if err == nil {
		_, err = w.in.take(ctx, m, directory.SourceWebsocket)
	}
	if err == nil {
		return nil
	}
	why := reasonOf(err)
	w.in.metrics.refused.WithLabelValues(string(why)).Inc()
	if w.in.sieve.lets(why, time.Now()) {
		w.in.logger.LogAttrs(ctx, slog.LevelWarn, "event of the long connection refused",
			slog.String("reason", string(why)), slog.String("error", err.Error()))
	}
	return err
}

// Health is how it stands with the way by which events come.
type Health struct {
	Connected bool
	// Red says that events do not come, and will not until somebody has looked.
	Red       bool
	Since     time.Time // of this state
	LastFrame time.Time // when Feishu was heard last; zero: not yet
	Problem   string    // why there is no connection
}

// Health tells how it stands with the long connection.
func (w *Websocket) Health() Health {
	s := w.client.Status()
	h := Health{
		Connected: s.State == longconn.Connected, Red: s.State == longconn.Refused,
		Since: s.Since, LastFrame: s.LastFrame,
	}
	if s.Err != nil {
		h.Problem = s.Err.Error()
	}
	return h
}

// register makes the figures of the connection, which are read when they are
// asked for.
func (w *Websocket) register(registerer prometheus.Registerer) error {
	if registerer == nil {
		return nil
	}
	started := time.Now()
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orgmirror_intake_websocket_connected", Help: "1 while the long connection is open.",
		}, func() float64 { return flag(w.Health().Connected) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orgmirror_intake_websocket_red", Help: "1 while Feishu refuses the long connection: somebody has to look.",
		}, func() float64 { return flag(w.Health().Red) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orgmirror_intake_websocket_last_frame_seconds",
			Help: "Seconds since the last frame of the long connection, or since the start where there was none.",
		}, func() float64 {
			last := w.client.Status().LastFrame
			if last.IsZero() {
				last = started
			}
			return time.Since(last).Seconds()
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "orgmirror_intake_websocket_connects_total", Help: "Long connections made.",
		}, func() float64 { return float64(w.client.Status().Connects) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "orgmirror_intake_websocket_breaks_total", Help: "Long connections lost, and attempts that failed.",
		}, func() float64 { return float64(w.client.Status().Breaks) }),
	} {
		if err := registerer.Register(c); err != nil {
			return fmt.Errorf("register the metrics of the long connection: %w", err)
		}
	}
	return nil
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
