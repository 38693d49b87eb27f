package longconn

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	defaultParallel = 256

	// What holds until Feishu says otherwise, and what it can say at most.
	defaultPing     = 2 * time.Minute
	defaultInterval = 2 * time.Minute
	defaultNonce    = 30 * time.Second
	maxPing         = 10 * time.Minute

	// settled is how old a connection must be not to count as a failure itself:
	// one that is taken and closed at once would be made without a pause.
	settled = 10 * time.Second
)

// Config says whom to connect to, as whom, and what to do with events. What has a
// default may be left zero.
type Config struct {
	BaseURL   string
	AppID     string
	AppSecret string

	// Handle takes one event, as plain JSON. It is called by several goroutines
	// at once, and MUST come back within Feishu's 3 s. Its context does not end
	// with that of Run: what was begun is brought to its end.
	Handle func(ctx context.Context, payload []byte) error

	Logger   *slog.Logger // nil: nothing is logged
	Parallel int          // events handled at once; 256 by default

	// Retry are the pauses after a failure: 1 s and up, as far as the interval
	// that Feishu asks for. Refused are those after a refusal: 30 s and up to
	// 10 min.
	Retry, Refused Pauses
}

// Pauses double from the first to the greatest.
type Pauses struct {
	First, Most time.Duration
}

func (p Pauses) orElse(first, most time.Duration) Pauses {
	if p.First <= 0 {
		p.First = first
	}
	if p.Most <= 0 {
		p.Most = most
	}
	return p
}

// after is the pause after so many failures in a row, half of it by chance.
func (p Pauses) after(failures int) time.Duration {
	d := p.First
	for range min(failures-1, 30) {
		if d *= 2; d >= p.Most {
			break
		}
	}
	d = min(d, p.Most)
	return d/2 + rand.N(d/2+1)
}

// Client is a long connection that is always there, or on its way.
type Client struct {
	cfg  Config
	http *http.Client

	mu       sync.Mutex
	status   Status
	ping     time.Duration
	interval time.Duration
	nonce    time.Duration
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("long connection: the base URL must be one such as https://open.feishu.cn")
	case cfg.AppID == "" || cfg.AppSecret == "":
		return nil, errors.New("long connection: app id and app secret are both needed")
	case cfg.Handle == nil:
		return nil, errors.New("long connection: nobody to handle events")
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	cfg.Retry = cfg.Retry.orElse(time.Second, defaultInterval)
	cfg.Refused = cfg.Refused.orElse(30*time.Second, 10*time.Minute)
	return &Client{
		cfg: cfg,
		http: &http.Client{
			Timeout: endpointTimeout,
			// One request now and then: a kept connection would only be found dead.
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: endpointTimeout},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the secret goes nowhere else
		},
		status: Status{State: Connecting, Since: time.Now()},
		ping:   defaultPing, interval: defaultInterval, nonce: defaultNonce,
	}, nil
}

// Run keeps the connection until the context ends. Then it waits for the events
// under way. It returns nothing but nil; call it once.
func (c *Client) Run(ctx context.Context) error {
	defer c.set(Stopped, nil)
	failures := 0
	for ctx.Err() == nil {
		lived, err := c.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		if lived >= settled {
			failures = 0
		}
		failures++
		pause := c.lost(ctx, err, lived, failures)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil
}

// connect makes one connection and keeps it until it breaks. It says how long
// that was; 0 if there never was one.
func (c *Client) connect(ctx context.Context) (lived time.Duration, err error) {
	e, err := c.discover(ctx)
	if err != nil {
		return 0, err
	}
	conn, err := c.dial(ctx, e)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	c.set(Connected, nil)
	c.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "long connection open", slog.String("host", e.url.Host))
	err = newSession(c, conn, e.service).run(ctx)
	return max(time.Since(start), 1), err
}

// lost notes why there is no connection, and says how long to wait. After one
// that was lost it is by chance, as far as Feishu asks for: all of its clients
// lost theirs together.
func (c *Client) lost(ctx context.Context, err error, lived time.Duration, failures int) time.Duration {
	interval, nonce := c.manners()
	state, level := Connecting, slog.LevelWarn
	pause := min(c.cfg.Retry.after(failures), interval)
	switch {
	case errors.Is(err, ErrRefused):
		state, level = Refused, slog.LevelError
		pause = c.cfg.Refused.after(failures)
	case lived > 0 && failures == 1:
		pause = rand.N(nonce + 1)
	}
	c.set(state, err)
	c.cfg.Logger.LogAttrs(ctx, level, "no long connection, trying again",
		slog.String("error", err.Error()), slog.Int("attempt", failures), slog.Duration("pause", pause))
	return pause
}

// behave takes over what Feishu asks for. It sends all values together; what is
// missing, or cannot be meant, is ours. How often to try it may not say: we
// never stop.
func (c *Client) behave(asked clientConfig) {
	seconds := func(n int, otherwise, most time.Duration) time.Duration {
		if n <= 0 {
			return otherwise
		}
		return min(time.Duration(min(n, 1<<20))*time.Second, most)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ping = seconds(asked.PingInterval, defaultPing, maxPing)
	c.interval = seconds(asked.ReconnectInterval, defaultInterval, defaultInterval)
	c.nonce = seconds(asked.ReconnectNonce, 0, defaultNonce)
}

func (c *Client) manners() (interval, nonce time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.interval, c.nonce
}

func (c *Client) pingInterval() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ping
}
