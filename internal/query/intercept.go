package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// call is what interceptors and handlers know about the call they serve.
type call struct {
	client   Client
	tenant   string // that it is about; empty while nothing is known of it
	resolved bool   // tenant is set
}

type callKey struct{}

// callOf returns the call's own; outside of a call that of nobody.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// openServices answer without credentials.
var openServices = []string{"/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"}

func open(method string) bool {
	for _, service := range openServices {
		if strings.HasPrefix(method, service) {
			return true
		}
	}
	return false
}

// admit finds out who calls, and which company the call is about.
func (s *Service) admit(ctx context.Context) (err error) {
	c := callOf(ctx)
	if c.client, err = s.authenticator.check(ctx); err != nil {
		return err
	}
	if c.tenant, err = s.resolve(ctx, c.client); err != nil {
		return err
	}
	c.resolved = true
	return nil
}

func (s *Service) authenticate(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if open(info.FullMethod) {
		return handler(ctx, req)
	}
	if err := s.admit(ctx); err != nil {
		return nil, err
	}
	answer, err := handler(ctx, req)
	if err == nil {
		s.nameTenant(ctx, answer)
		s.audit(ctx, info.FullMethod, answer)
	}
	return answer, err
}

func (s *Service) authenticateStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !open(info.FullMethod) {
		if err := s.admit(stream.Context()); err != nil {
			return err
		}
	}
	return handler(server, stream)
}

// deadline gives one to calls without: nobody waits for ever for a database.
func (s *Service) deadline(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if _, ok := ctx.Deadline(); ok {
		return handler(ctx, req)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return handler(ctx, req)
}

// unknownMethod answers what no service implements.
func unknownMethod(any, grpc.ServerStream) error {
	return &failure{reason: reasonMethodUnknown, message: "there is no such method"}
}

// observer is the outermost interceptor. It turns errors and panics into what
// callers may see, counts calls, and logs them: method, client, outcome and time,
// and never what was asked or answered.
type observer struct {
	logger   *slog.Logger
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	waited   prometheus.Histogram
}

func newObserver(logger *slog.Logger, registerer prometheus.Registerer) (*observer, error) {
	o := &observer{
		logger: logger,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgmirror_query_requests_total", Help: "Calls answered, by method and gRPC code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orgmirror_query_request_seconds", Help: "Time to answer a call.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16), // to 8 s
		}, []string{"method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orgmirror_query_requests_in_flight", Help: "Calls being answered.",
		}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "orgmirror_query_consistency_wait_seconds", Help: "Time that calls waited for the projector to be as fresh as they asked.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), // to 8 s
		}),
	}
	if registerer == nil {
		return o, nil
	}
	for _, c := range []prometheus.Collector{o.requests, o.seconds, o.inFlight, o.waited} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of query: %w", err)
		}
	}
	return o, nil
}

func (o *observer) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	c := &call{}
	ctx = context.WithValue(ctx, callKey{}, c)
	o.inFlight.Inc()
	defer o.observe(ctx, info.FullMethod, c, time.Now(), &err)
	return handler(ctx, req)
}

// observedStream carries the call's own context.
type observedStream struct {
	grpc.ServerStream

	ctx context.Context
}

func (s observedStream) Context() context.Context { return s.ctx }

func (o *observer) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	c := &call{}
	ctx := context.WithValue(stream.Context(), callKey{}, c)
	o.inFlight.Inc()
	defer o.observe(ctx, info.FullMethod, c, time.Now(), &err)
	return handler(server, observedStream{ServerStream: stream, ctx: ctx})
}

// observe ends a call. It is deferred, to see panics too.
func (o *observer) observe(ctx context.Context, method string, c *call, began time.Time, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
	elapsed := time.Since(began)
	o.inFlight.Dec()
	code, level, attrs := codes.OK, slog.LevelDebug, []slog.Attr(nil)
	if *err != nil {
		code, level, attrs, *err = conclude(*err)
	}
	if code == codes.Unimplemented {
		method = "unknown" // callers make names up, and each would be a series of its own
	}
	o.requests.WithLabelValues(method, code.String()).Inc()
	o.seconds.WithLabelValues(method).Observe(elapsed.Seconds())
	if !o.logger.Enabled(ctx, level) {
		return
	}
	attrs = append(attrs, slog.String("method", method), slog.String("code", code.String()),
		slog.String("client", c.client.id), slog.String("tenant", c.tenant), slog.Duration("duration", elapsed))
	o.logger.LogAttrs(ctx, level, "request answered", attrs...)
}

// conclude turns an error into what the caller sees and what the log says. The
// cause is logged here and nowhere else.
func conclude(err error) (codes.Code, slog.Level, []slog.Attr, error) {
	var f *failure
	if st, ok := status.FromError(err); ok && !errors.As(err, &f) {
		return st.Code(), slog.LevelInfo, nil, err // of gRPC's own services
	}
	f = failureOf(err)
	attrs := []slog.Attr{slog.String("reason", string(f.reason))}
	level := slog.LevelInfo
	switch f.reason {
	case reasonInternal:
		level = slog.LevelError
	case reasonDatabaseUnavailable, reasonNotFreshEnough:
		level = slog.LevelWarn
	}
	if f.cause != nil {
		attrs = append(attrs, slog.String("error", f.cause.Error()))
	}
	st := f.status()
	return st.Code(), level, attrs, st.Err()
}
