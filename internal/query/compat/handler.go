package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/query"
)

// Prefix is the path below which everything here is.
const Prefix = "/open-apis/"

// Config says out of what is answered.
type Config struct {
	Service *query.Service
	// Tenant is the company as Feishu told it, nil while it did not; the read model
	// has no more of it than its key.
	Tenant     func(key string) json.RawMessage
	Logger     *slog.Logger          // slog.Default if nil
	Registerer prometheus.Registerer // no metrics leave if nil
}

type handler struct {
	service *query.Service
	tenant  func(key string) json.RawMessage
	shown   shown
	observe *observer
	mux     *http.ServeMux
}

// method is one of Feishu's methods.
type method struct {
	name   string // verb and path, as Feishu writes it; the label of metrics
	handle func(*call) error

	open bool // needs no token, and answers flat
	// people tells whether a call takes or gives ids of people, by which
	// parameter says of what kind they are; nil where it never does.
	people func(*call) (parameter string)
}

// Handler serves the methods below [Prefix].
func Handler(cfg Config) (http.Handler, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	o, err := newObserver(cfg.Logger, cfg.Registerer)
	if err != nil {
		return nil, err
	}
	h := &handler{service: cfg.Service, tenant: cfg.Tenant, observe: o, mux: http.NewServeMux()}
	for _, m := range methods() {
		h.mux.Handle(m.pattern(), h.serving(m))
		if m.open { // Feishu's own examples end in a slash
			h.mux.Handle(m.pattern()+"/{$}", h.serving(m))
		}
	}
	h.mux.Handle("/", h.serving(other))
	return h, nil
}

// pattern is the method as a pattern of the mux, where a literal segment wins over
// an id.
func (m method) pattern() string {
	verb, route, _ := strings.Cut(m.name, " ")
	segments := strings.Split(route, "/")
	for i, s := range segments {
		if id, ok := strings.CutPrefix(s, ":"); ok {
			segments[i] = "{" + id + "}"
		}
	}
	return verb + " " + strings.TrimSuffix(Prefix, "/") + strings.Join(segments, "/")
}

// other answers what no method does: reads as Feishu does, writes in our own words.
var other = method{name: "other", handle: func(c *call) error {
	if c.request.Method != http.MethodGet && c.request.Method != http.MethodHead {
		return refuse(codeReadOnly)
	}
	return errNoRoute
}}

var errNoRoute = errors.New("no such path")

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.EscapedPath(); path.Clean(p) != strings.TrimSuffix(p, "/") { // the mux would redirect
		h.serving(other).ServeHTTP(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// serving answers calls of one method.
func (h *handler) serving(m method) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), h.service.Timeout())
		defer cancel()
		c := &call{handler: h, service: h.service, method: m, request: r, ctx: ctx, logID: newLogID(began), query: r.URL.Query()}
		h.observe.inFlight.Inc()
		err := c.run()
		a := c.answer(err)
		c.headers(w.Header())
		w.Header().Set("Content-Type", a.contentType)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body) // who has gone away needs no answer
		h.observe.inFlight.Dec()
		h.observe.note(c, a, time.Since(began))
	})
}

// run takes the call through the gateway and the method.
func (c *call) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if c.method.open || c.method.name == other.name {
		return c.method.handle(c)
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	if c.ctx, err = c.service.Enter(c.ctx, c.client, c.request.Header.Get(query.TenantHeader)); err != nil {
		c.ctx = c.request.Context()
		return err
	}
	if err := c.readKinds(); err != nil {
		return err
	}
	if err := c.checkOpenID(); err != nil {
		return err
	}
	if c.method.people != nil && c.client.Sees(query.RoleSensitive) {
		c.mobiles = c.handler.shown.mobiles(c)
	}
	return c.method.handle(c)
}

// answer is what goes back.
type answer struct {
	status      int
	code        int
	contentType string
	body        []byte
	trouble     query.Trouble
	cause       error // what the caller is not told
}

const jsonType = "application/json; charset=utf-8"

func (c *call) answer(err error) answer {
	if err == nil {
		if c.withheld > 0 && c.age != nil {
			c.service.Audit(c.ctx, c.client, c.method.name, c.withheld, c.age.Position)
		}
		return answer{status: http.StatusOK, contentType: jsonType, body: c.body()}
	}
	if errors.Is(err, errNoRoute) {
		return answer{status: http.StatusNotFound, code: http.StatusNotFound, contentType: "text/plain", body: []byte("404 page not found")}
	}
	var refused *refusal
	a := answer{contentType: jsonType}
	if !errors.As(err, &refused) {
		refused = c.troubled(err, &a)
	}
	a.status, a.code, a.body = refused.status, refused.code, refused.envelope(c.logID, c.method.open)
	return a
}

// troubled is what a call is told whose reading failed.
func (c *call) troubled(err error, a *answer) *refusal {
	trouble, msg := query.TroubleOf(err)
	a.trouble, a.cause = trouble, err
	switch trouble {
	case query.TroublePage:
		a.cause = nil
		return refuse(codePageToken)
	case query.TroubleStale:
		return refuse(codeNotFresh).saying(msg)
	case query.TroubleFreshness:
		a.cause = nil
		return invalidField(headerAtLeast, c.request.Header.Get(headerAtLeast), msg)
	case query.TroubleTenant:
		a.cause = nil
		return invalidField(query.TenantHeader, c.request.Header.Get(query.TenantHeader), msg)
	case query.TroubleGuesses:
		return refuse(codeRateLimit)
	case query.TroubleUnavailable, query.TroubleCancelled:
		r := refuse(codeInternal).saying("Internal Error: " + msg)
		r.status = http.StatusServiceUnavailable
		return r
	default:
		return refuse(codeInternal)
	}
}
