package feishu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

// The two public installations of the platform. They share no data.
const (
	FeishuBaseURL = "https://open.feishu.cn"
	LarkBaseURL   = "https://open.larksuite.com"
)

const (
	defaultTimeout = 20 * time.Second
	// maxAnswer is far above any page of 50 objects; it keeps a runaway answer
	// from taking the process's memory.
	maxAnswer = 32 << 20
	// idleConns covers the calls in flight of one crawl (about 16) with room for
	// re-reads beside it, so that connections are reused instead of reopened.
	idleConns = 32
)

// Config says whom to call, as whom, and how. BaseURL, AppID and AppSecret are
// values of the operator; the rest may be left zero.
type Config struct {
	BaseURL   string // empty means FeishuBaseURL
	AppID     string
	AppSecret string

	Limiter Limiter       // nil means no limit
	Logger  *slog.Logger  // nil means no logging
	Timeout time.Duration // of one HTTP request, body included; 0 means 20 s
	Observe func(Call)    // called after each HTTP request, by several goroutines at once
	Retry   Retry
	Clock   Clock // nil means the machine's
}

// Limiter paces the calls. Endpoints are templates such as
// "GET /contact/v3/users/:user_id", never with ids in them.
type Limiter interface {
	// Take blocks until one call to the endpoint may be sent now.
	Take(ctx context.Context, endpoint string) error
	// Blocked is told of a rate-limit answer: nobody may call this endpoint
	// before the duration has passed.
	Blocked(ctx context.Context, endpoint string, until time.Duration) error
}

// Call describes one HTTP request, for metrics and counters.
type Call struct {
	Endpoint   string
	Attempt    int           // 1 for the first request of a call
	HTTPStatus int           // 0 when no answer came
	Code       int           // Feishu's code; 0 for success and for answers without one
	Failed     bool          // not a success, for whatever reason
	Duration   time.Duration // from sending to the last byte of the answer
	Retry      bool          // Attempt > 1
	Waited     time.Duration // for the limiter, a rate limit or a pause before this request
}

// Client calls one Feishu installation as one app. Its methods may be called by
// any number of goroutines. Close it after the last call.
type Client struct {
	core     larkcore.Config // a template: each request sends with its own copy
	http     *http.Client
	limiter  Limiter
	log      *slog.Logger
	observe  func(Call)
	retry    Retry
	clock    Clock
	upstream *upstreamClock
	tokens   tokens
	gate     gate
	maxBytes int64
}

// New checks the configuration and returns a client. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := cleanBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.AppID == "" || cfg.AppSecret == "" {
		return nil, errors.New("feishu: app id and app secret are both needed")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Call) {}
	}
	if cfg.Clock == nil {
		cfg.Clock = systemClock{}
	}
	if sendsSecretInClear(base) {
		cfg.Logger.Warn("the app secret is sent over plain http", slog.String("base_url", base))
	}
	return &Client{
		core:     coreConfig(base, cfg.AppID, cfg.AppSecret),
		http:     newHTTPClient(cfg.Timeout),
		limiter:  cfg.Limiter,
		log:      cfg.Logger,
		observe:  cfg.Observe,
		retry:    cfg.Retry.withDefaults(),
		clock:    cfg.Clock,
		upstream: newUpstreamClock(cfg.Clock.Now()),
		gate:     gate{until: make(map[string]time.Time)},
		maxBytes: maxAnswer,
	}, nil
}

// Now is the upstream's clock, as far as its answers so far tell.
func (c *Client) Now() time.Time { return c.upstream.at(c.clock.Now()) }

// Close drops idle connections. Calls still in flight end as they would.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func newHTTPClient(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:               proxyOnce,
			DialContext:         dialer.DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        idleConns,
			MaxIdleConnsPerHost: idleConns,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		},
		// The API never redirects. Following one would send the secret or a
		// token where nobody configured it, and be a call that nobody counted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// cleanBaseURL accepts scheme and host (with or without a trailing slash) and
// nothing else: the SDK only joins strings, so that a path or a query left in
// here would silently change every address.
func cleanBaseURL(raw string) (string, error) {
	if raw == "" {
		return FeishuBaseURL, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		// url.Parse repeats its input, which may hold a password.
		return "", errors.New("feishu: the base URL cannot be parsed")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("feishu: the base URL must begin with http:// or https://, not %q", u.Scheme)
	case u.Hostname() == "":
		return "", errors.New("feishu: the base URL has no host")
	case u.User != nil:
		return "", errors.New("feishu: the base URL must not hold a user or a password")
	case u.Path != "" && u.Path != "/":
		return "", fmt.Errorf("feishu: the base URL must end after the host, without %q", u.Path)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("feishu: the base URL must not have a query or a fragment")
	}
	return u.Scheme + "://" + u.Host, nil
}

func sendsSecretInClear(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
