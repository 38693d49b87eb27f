package query

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

const (
	defaultMaxWait       = 5 * time.Second
	defaultTimeout       = 10 * time.Second
	defaultSweepInterval = 24 * time.Hour

	maxRequestBytes = 1 << 20
)

// Log is what the service asks of the event log; [eventlog.Log] is one.
type Log interface {
	// Await returns when the consumer's checkpoint has reached the position, or
	// with an error when ctx ends before.
	Await(ctx context.Context, consumer string, position directory.Position) error
}

// Config says whom the service answers, and from what.
type Config struct {
	// Pool is the database. The service opens sessions of its own, as many as
	// Pool may have, since reading wants other settings than writing; Pool itself
	// is not used and may be closed.
	Pool *pgxpool.Pool
	Log  Log

	TenantKey string // the company that is answered about; that of Owner if empty
	// Owner finds the company whose log it is; nil: that of its first record.
	Owner   func(context.Context) (eventlog.Owner, error)
	Clients []Client // who may read; with none, nobody

	// Tenants are the companies where there are several, and stand for TenantKey,
	// Owner, SweepInterval, MonthlyCalls, Channel and Operator. Then each client must be bound
	// to those that it may ask about.
	Tenants []Tenant

	Logger     *slog.Logger          // slog.Default if nil
	Registerer prometheus.Registerer // no metrics leave if nil

	// SweepInterval is how often Feishu is swept: a sweep older than two of them
	// makes the mirror stale. 24 h if zero; negative if nobody sweeps by the
	// clock, and no sweep is too old.
	SweepInterval time.Duration
	MonthlyCalls  int64          // most calls to Feishu in a month; 0 is no limit
	Channel       func() Channel // how events come into this process; nil where another one receives them
	Operator      Operator       // does what asks Feishu; nil where nobody may
	MaxWait       time.Duration  // for at_least_as_fresh; 5 s if zero
	Timeout       time.Duration  // of a call that comes without a deadline; 10 s if zero
	// Guesses is how many wrong secrets may come at once for a client, or from an
	// address, before there is one a second; 10 if zero.
	Guesses int
}

// Service implements the RPCs. It is made by [New] and ended by [Service.Close].
type Service struct {
	pb.UnimplementedDirectoryServiceServer
	pb.UnimplementedHistoryServiceServer
	pb.UnimplementedSyncServiceServer

	pool          *sessions
	log           Log
	tenants       *tenants
	maxWait       time.Duration
	timeout       time.Duration
	authenticator authenticator
	observer      *observer
	auditor       *slog.Logger
	health        *health.Server
	lastPast      sync.Map // of *past, by tenant
	apps          sync.Map // of string, by tenant; see AppID
}

// New makes a service. It reads nothing yet: an unreachable database is found
// by the first call.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Pool == nil || cfg.Log == nil {
		return nil, errors.New("query: pool and log are needed")
	}
	clients, err := byID(cfg.Clients)
	if err != nil {
		return nil, err
	}
	tenants, err := newTenants(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	observer, err := newObserver(cfg.Logger, cfg.Registerer)
	if err != nil {
		return nil, err
	}
	pool, err := openSessions(ctx, cfg.Pool)
	if err != nil {
		return nil, err
	}
	s := &Service{
		pool: pool, log: cfg.Log,
		tenants:       tenants,
		maxWait:       orDefault(cfg.MaxWait, defaultMaxWait),
		timeout:       orDefault(cfg.Timeout, defaultTimeout),
		authenticator: authenticator{clients: clients, throttle: newThrottle(cfg.Guesses)},
		observer:      observer,
		auditor:       slog.New(unfiltered{cfg.Logger.Handler()}),
		health:        health.NewServer(),
	}
	s.authenticator.tokens = newTokens(clients, s.mayAsk, tokenKey(pool))
	return s, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Close ends the service's sessions. Calls under way must have ended: stop the
// server first.
func (s *Service) Close() { s.pool.Close() }

// Drain tells health checks that the service is about to stop: call it before
// the server's GracefulStop. Watchers of the health stay connected, so a
// graceful stop needs a time limit.
func (s *Service) Drain() { s.health.Shutdown() }

// NewServer makes a gRPC server with the service, grpc.health.v1 and reflection.
//
// Health and reflection answer without credentials: load balancers have none,
// and what reflection shows is the published API, no data. Everything else,
// also what may be registered later, is closed.
func NewServer(s *Service, opts ...grpc.ServerOption) *grpc.Server {
	opts = append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxRequestBytes),
		grpc.ChainUnaryInterceptor(s.observer.unary, s.deadline, s.authenticate),
		grpc.ChainStreamInterceptor(s.observer.stream, s.authenticateStream),
		grpc.UnknownServiceHandler(unknownMethod),
	}, opts...)
	server := grpc.NewServer(opts...)
	pb.RegisterDirectoryServiceServer(server, s)
	pb.RegisterHistoryServiceServer(server, s)
	pb.RegisterSyncServiceServer(server, s)
	healthpb.RegisterHealthServer(server, s.health)
	reflection.Register(server)
	return server
}
