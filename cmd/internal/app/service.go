package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/gateway"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/query/compat"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// drainTimeout is how long calls under way have to end when the service stops.
const drainTimeout = 10 * time.Second

// Addresses are where a service answers.
type Addresses struct {
	HTTP, GRPC, Metrics string
	Webhook             string // empty where there is none
}

// Service is the mirror's service: the projector, the queries over gRPC and
// REST, and what operators look at.
type Service struct {
	Addresses Addresses

	cfg     config.Config
	db      *Database
	logger  *slog.Logger
	metrics *prometheus.Registry
	open    listeners
	log     *eventlog.Log
	query   *query.Service
	tenants []*tenant
	webhook http.Handler // nil: Feishu calls for nobody

	project  *projector.Projector
	grpc     *grpc.Server
	loopback net.Listener     // from REST to gRPC
	conn     *grpc.ClientConn // its other end
	http     http.Handler
	restTLS  *tls.Config // nil: in plain text
}

// OpenService makes a service and opens its addresses. Nothing is answered
// until Run. Close it in any case.
func OpenService(ctx context.Context, cfg config.Config, db *Database, logger *slog.Logger) (_ *Service, err error) {
	s := &Service{cfg: cfg, db: db, logger: logger, metrics: newMetrics()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.open, err = listen(ctx, cfg); err != nil {
		return nil, err
	}
	s.Addresses = Addresses{HTTP: s.open.address("http_listen"), GRPC: s.open.address("grpc_listen"), Metrics: s.open.address("metrics_listen")}
	if s.open["webhook_listen"] != nil {
		s.Addresses.Webhook = s.open.address("webhook_listen")
	}
	if err := s.secure(); err != nil {
		return nil, err
	}
	if s.log, err = eventlog.Open(ctx, db.Pool, eventlog.Options{Logger: logger, Registerer: s.metrics}); err != nil {
		return nil, err
	}
	for _, one := range cfg.EachTenant() {
		t, err := openTenant(ctx, s, one)
		if err != nil {
			return nil, err
		}
		s.tenants = append(s.tenants, t)
	}
	if s.webhook, err = s.openWebhook(); err != nil {
		return nil, err
	}
	s.project = projector.New(db.Pool, s.log, projector.Options{
		Logger: logger, Registerer: s.metrics, RereadEvery: cfg.Reread == crawl.RereadAlways,
	})
	asked := query.Config{Pool: db.Pool, Log: s.log, Clients: cfg.APIClients, Logger: logger, Registerer: s.metrics}
	QueryTenants(cfg, db, &asked)
	asked.Channel, asked.Operator = s.tenants[0].channel, s.tenants[0].operator // of the only one
	for i := range asked.Tenants {
		asked.Tenants[i].Channel, asked.Tenants[i].Operator = s.tenants[i].channel, s.tenants[i].operator
	}
	if s.query, err = query.New(ctx, asked); err != nil {
		return nil, err
	}
	if err := s.observeStatus(); err != nil {
		return nil, err
	}
	if len(cfg.APIClients) == 0 {
		logger.LogAttrs(ctx, slog.LevelWarn, "nobody may read, for there are no API clients", slog.String("setting", config.Variable("api_clients")))
	}
	s.grpc = query.NewServer(s.query)
	if s.loopback, s.conn, err = gateway.Loopback(); err != nil {
		return nil, err
	}
	s.http, err = s.face(ctx)
	return s, err
}

// face is what answers over HTTP: REST, and below one path what Feishu answers.
func (s *Service) face(ctx context.Context) (http.Handler, error) {
	rest, err := gateway.Handler(ctx, s.conn)
	if err != nil {
		return nil, err
	}
	feishus, err := compat.Handler(compat.Config{Service: s.query, Tenant: s.company, Logger: s.logger, Registerer: s.metrics})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, compat.Prefix) {
			feishus.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	}), nil
}

// company is what Feishu told of a company when the service began to ask.
func (s *Service) company(key string) json.RawMessage {
	for _, t := range s.tenants {
		if told := t.told.Load(); told != nil && told.Key == key {
			return told.Raw
		}
	}
	return nil
}

// secure lets gRPC and REST speak TLS where there is a certificate. The way from
// REST to gRPC leaves the process for nobody, and stays as it is.
func (s *Service) secure() (err error) {
	grpcTLS, err := serverTLS(s.cfg, s.logger, "h2")
	if err != nil || grpcTLS == nil {
		return err
	}
	s.open["grpc_listen"] = tls.NewListener(s.open["grpc_listen"], grpcTLS)
	s.restTLS, err = serverTLS(s.cfg, s.logger, "h2", "http/1.1")
	return err
}

// SweepInterval is how often there is a sweep, as queries want to know it:
// negative where the service never sweeps by the clock, and no sweep is too old.
func SweepInterval(cfg config.Config) time.Duration {
	if cfg.SweepInterval == 0 {
		return -1
	}
	return cfg.SweepInterval
}

// Close ends what OpenService began. Run must have returned.
func (s *Service) Close() error {
	s.open.close()
	var err error
	if s.conn != nil {
		err = errors.Join(s.conn.Close(), s.loopback.Close())
	}
	if s.query != nil {
		s.query.Close()
	}
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	return err
}

// Status is what the service says of the mirror's state.
func (s *Service) Status(ctx context.Context) (*orgmirrorv1.GetSyncStatusResponse, error) {
	return s.query.GetSyncStatus(ctx, &orgmirrorv1.GetSyncStatusRequest{})
}

// Run serves until the context ends or a part of the service fails. Then no more
// events are taken, Feishu is asked no more, the projector finishes the page that
// it is at, calls under way are answered, and what operators look at goes last.
func (s *Service) Run(ctx context.Context) error {
	s.logger.LogAttrs(ctx, slog.LevelInfo, "serving",
		slog.String("http", s.Addresses.HTTP), slog.String("grpc", s.Addresses.GRPC), slog.String("metrics", s.Addresses.Metrics),
		slog.Bool("tls", s.restTLS != nil), slog.String("events", s.ways()), slog.String("webhook", s.Addresses.Webhook))
	operations := gateway.OperationsHandler(readiness(s.db, ctx.Done()), s.metrics)
	return chain(ctx,
		s.receiving,
		s.eachTenant((*tenant).attending),
		s.eachTenant((*tenant).crawling),
		s.projecting,
		func(stop <-chan struct{}) error {
			return serveHTTP(stop, s.open["http_listen"], s.restTLS, s.http, s.logger)
		},
		s.answering,
		func(stop <-chan struct{}) error {
			return serveHTTP(stop, s.open["metrics_listen"], nil, operations, s.logger)
		},
	)
}

// ways are those by which events come, of each company.
func (s *Service) ways() string {
	var ways []string
	for _, t := range s.tenants {
		ways = append(ways, string(t.receive.way))
	}
	return strings.Join(ways, ",")
}

func (s *Service) projecting(stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	return serveUntil(stop, func() error { return s.project.Run(ctx) }, cancel)
}

// answering serves gRPC, on the network and to REST. Watchers of health checks
// stay connected for as long as they like, so a graceful stop has a limit.
func (s *Service) answering(stop <-chan struct{}) error {
	serve := func() error {
		var group errgroup.Group
		for _, l := range []net.Listener{s.open["grpc_listen"], s.loopback} {
			group.Go(func() error {
				err := s.grpc.Serve(l)
				if errors.Is(err, grpc.ErrServerStopped) {
					return nil
				}
				s.grpc.Stop() // half a server is none; does nothing to one that was stopped
				return err
			})
		}
		return group.Wait()
	}
	return serveUntil(stop, serve, func() {
		s.query.Drain()
		kill := time.AfterFunc(drainTimeout, s.grpc.Stop)
		defer kill.Stop()
		s.grpc.GracefulStop()
	})
}
