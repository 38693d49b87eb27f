package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox/push"
)

// Config says what company the sandbox plays, and where. The zero value is an
// empty company without rate limits; DefaultConfig is what people want.
type Config struct {
	Listen        string // of the contact service; 127.0.0.1:0 where empty
	ControlListen string // of the controls; 127.0.0.1:0 where empty

	People      int
	Departments int    // the root not counted
	Seed        uint64 // the same seed, people, departments and shape make the same company
	Shape       Shape  // ShapeMixed where empty

	// AppID is cli_0123456789abcdef where empty. Official SDKs of some languages take
	// no app id but cli_ and sixteen hex digits.
	AppID      string
	AppSecret  string // sandbox-secret where empty
	TenantKey  string // made from the seed where empty
	TenantName string

	// RateLimits turns the limits of 50 calls a second and 1 000 a minute on,
	// for each endpoint.
	RateLimits bool
	// TokenLife is how long an access token is good; two hours where zero.
	TokenLife time.Duration
	// BigDepartment refuses recursive listings (43010) of departments with more
	// descendants than that; zero refuses none.
	BigDepartment int

	Options  Options  // behaviours that no document confirms
	Delivery Delivery // of events

	// Scenario makes the company, where it is set, and lets things happen to it.
	Scenario *Scenario

	Clock  func() time.Time // time.Now where nil; it also sets the Date header
	Logger *slog.Logger     // silent where nil
}

// DefaultConfig is a company of 5 000 people with Feishu's rate limits on.
func DefaultConfig() Config {
	return Config{People: 5000, Departments: 375, Seed: 1, RateLimits: true}
}

func (c Config) withDefaults() Config {
	c = c.Scenario.configure(c)
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.ControlListen = cmp.Or(c.ControlListen, "127.0.0.1:0")
	c.AppID = cmp.Or(c.AppID, "cli_0123456789abcdef")
	c.AppSecret = cmp.Or(c.AppSecret, "sandbox-secret")
	c.TenantName = cmp.Or(c.TenantName, "沙盒科技有限公司")
	c.Shape = cmp.Or(c.Shape, ShapeMixed)
	c.TokenLife = cmp.Or(c.TokenLife, 2*time.Hour)
	if c.TenantKey == "" {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("tenant"), c.Seed))
		c.TenantKey = fmt.Sprintf("%x", sum[:8])
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server is a running sandbox. All methods may be called at any time and from
// any goroutine.
type Server struct {
	cfg       Config
	log       *slog.Logger
	endpoints []*endpoint
	routes    *routes
	other     meter // calls to nothing that is here
	tokens    *tokens
	skew      atomic.Int64 // nanoseconds by which the service's clock is wrong
	pager     pager
	faults    faults
	hub       *push.Hub // delivers events
	history   history
	pulse     pulse
	director  director
	rehearsal bool // nobody sees this one; see rehearse
	logIDs    logIDs
	buffers   sync.Pool // of *[]byte, in which answers are made

	mu            sync.RWMutex // guards what follows
	org           *organisation
	apps          map[string]*app
	options       Options
	hidden        map[Kind]map[string]bool // from every app
	overrides     map[entityKey]map[string]rawJSON
	revoked       map[string]bool // endpoint names
	rateLimits    bool
	bigDepartment int
	clientTokens  clientTokens
	living        *living // nil until life begins
	mutations     uint64  // that have changed something
	silent        bool    // changes are told to nobody

	api, control  *http.Server
	url, ctlURL   string
	inflight      gate
	serving       sync.WaitGroup
	stop          func() bool // forgets the context
	closeOnce     sync.Once
	closeErr      error
	cancelHandler context.CancelFunc
}

// Start makes the company, opens both listeners and serves until Close is
// called or ctx ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	s, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.listen(ctx); err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	people, departments := s.size()
	s.beginScenario()
	s.stop = context.AfterFunc(ctx, s.shutdown)
	s.log.LogAttrs(ctx, slog.LevelInfo, "sandbox is serving",
		slog.String("url", s.url), slog.String("control_url", s.ctlURL),
		slog.Int("people", people), slog.Int("departments", departments))
	return s, nil
}

func newServer(cfg Config) *Server {
	secret := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("page token "+cfg.AppID), cfg.Seed))
	s := &Server{
		cfg:           cfg,
		log:           cfg.Logger,
		endpoints:     endpoints(),
		tokens:        newTokens(cfg.TokenLife),
		pager:         pager{secret: secret[:]},
		org:           generate(cfg),
		apps:          map[string]*app{},
		hidden:        map[Kind]map[string]bool{},
		overrides:     map[entityKey]map[string]rawJSON{},
		revoked:       map[string]bool{},
		options:       cfg.Options,
		rateLimits:    cfg.RateLimits,
		bigDepartment: cfg.BigDepartment,
	}
	s.routes = newRoutes(s.endpoints)
	s.hub = push.New(push.Config{
		Settings: cfg.Delivery, Behaviour: cfg.Options.DeliveryBehaviour, App: s.pushApp, Now: s.now,
	})
	first := newApp(App{ID: cfg.AppID, Secret: cfg.AppSecret}, s.endpoints)
	first.primary = true
	first.hideFields(s.hidden)
	s.apps[cfg.AppID] = first
	return s
}

func (s *Server) listen(ctx context.Context) error {
	var lc net.ListenConfig
	api, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for the contact service: %w", err)
	}
	control, err := lc.Listen(ctx, "tcp", s.cfg.ControlListen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for the controls: %w", err), api.Close())
	}
	s.url, s.ctlURL = "http://"+api.Addr().String(), "http://"+control.Addr().String()

	handlers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancelHandler = cancel
	s.serving.Go(func() { s.hub.Run(handlers) })
	s.serving.Go(func() { s.sendTickets(handlers, ticketEvery) })
	s.api = s.serve(handlers, api, http.HandlerFunc(s.serveAPI))
	s.control = s.serve(handlers, control, s.controls())
	return nil
}

// serve starts one HTTP server; serving counts it until it has ended.
func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) *http.Server {
	server := &http.Server{
		Handler:           s.inflight.guard(h),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.LogAttrs(ctx, slog.LevelError, "sandbox listener ended", slog.Any("error", err))
		}
	})
	return server
}

// size is how many people and departments there are, those who left and the root
// not counted.
func (s *Server) size() (people, departments int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.org.root.MemberCount, len(s.org.departments) - 1
}

// now is the time as the service has it.
func (s *Server) now() time.Time { return s.cfg.Clock().Add(time.Duration(s.skew.Load())) }

// URL is the base URL of the contact service, for an SDK's base URL option.
func (s *Server) URL() string { return s.url }

// ControlURL is the base URL of the controls.
func (s *Server) ControlURL() string { return s.ctlURL }

// AppID and AppSecret are the credentials of the first app, whose open_ids are
// those of the controls.
func (s *Server) AppID() string { return s.cfg.AppID }

// AppSecret is the secret that goes with AppID.
func (s *Server) AppSecret() string { return s.cfg.AppSecret }

// Close ends the service at once, cutting the answers that are on their way,
// and returns when everything it started has ended.
func (s *Server) Close() error {
	s.stop()
	s.shutdown()
	return s.closeErr
}

func (s *Server) shutdown() {
	s.closeOnce.Do(func() {
		s.director.close() // before the life that it may have started
		s.pulse.close()
		s.cancelHandler()
		s.inflight.shut()
		s.closeErr = errors.Join(s.api.Close(), s.control.Close())
		s.serving.Wait()
		s.inflight.running.Wait()
	})
}

// gate counts the requests being handled, which http.Server.Close does not
// wait for.
type gate struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.running.Add(1)
	}
	return !g.closed
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.enter() {
			panic(http.ErrAbortHandler)
		}
		defer g.running.Done()
		h.ServeHTTP(w, r)
	})
}
