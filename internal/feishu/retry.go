package feishu

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Retry bounds how long one call is tried. Zero fields take the default.
type Retry struct {
	// Attempts (6) and Elapsed (60 s) bound the requests that failed for a fault
	// of the moment. Elapsed counts those requests and the pauses between them,
	// not the waits for the limiter or a rate limit.
	Attempts int
	Elapsed  time.Duration
	// Pause (1 s) is the first pause, give or take a half; each next one is
	// twice as long.
	Pause time.Duration
	// RateLimited (10 min) is how long a call may meet nothing but rate limits.
	RateLimited time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Attempts == 0 {
		r.Attempts = 6
	}
	if r.Elapsed == 0 {
		r.Elapsed = time.Minute
	}
	if r.Pause == 0 {
		r.Pause = time.Second
	}
	if r.RateLimited == 0 {
		r.RateLimited = 10 * time.Minute
	}
	return r
}

const (
	// The documented header of rate-limit answers: whole seconds to wait.
	rateLimitReset = "x-ogw-ratelimit-reset"
	// The longest documented window is a minute. A header that asks for more
	// than this is a mistake (an epoch, say), and would stop the crawl for good.
	longestReset = 5 * time.Minute
	longestPause = time.Minute
)

// transient counts the faults of the moment in one call.
type transient struct {
	count  int
	spent  time.Duration
	pauses *backoff.ExponentialBackOff
}

// limited is a run of rate-limit answers in one call.
type limited struct {
	since time.Time
	holds *backoff.ExponentialBackOff // where the answer does not say how long
}

func (c *Client) newTry(r request) *try {
	pauses := backoff.ExponentialBackOff{
		InitialInterval: c.retry.Pause, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longestPause,
	}
	holds := pauses
	return &try{c: c, r: r, faults: transient{pauses: &pauses}, limits: limited{holds: &holds}}
}

// pause waits after a fault of the moment, or gives up with the failure.
func (t *try) pause(ctx context.Context, ex *exchange, failure *Error) error {
	t.limits.since = time.Time{}
	t.faults.count++
	t.faults.spent += ex.received.Sub(ex.sent)
	d := t.faults.pauses.NextBackOff()
	if t.faults.count >= t.c.retry.Attempts || t.faults.spent+d > t.c.retry.Elapsed {
		return failure
	}
	t.faults.spent += d
	t.c.log.LogAttrs(ctx, slog.LevelWarn, "feishu call failed, trying again",
		slog.String("endpoint", t.r.endpoint), slog.Int("attempt", t.attempts), slog.Duration("pause", d),
		slog.Int("http_status", failure.HTTPStatus), slog.Int("code", failure.Code), slog.String("error", failure.Error()))
	return t.sleep(ctx, d, failure)
}

// holdOff closes the endpoint until the rate limit is over, for this client and
// through the limiter for all. The next attempt then waits in ready.
func (t *try) holdOff(ctx context.Context, ex *exchange, failure *Error) error {
	if t.limits.since.IsZero() {
		t.limits.since = ex.received
	}
	hold, announced := resetAfter(ex.header)
	if !announced {
		hold = t.limits.holds.NextBackOff()
	}
	if met := ex.received.Sub(t.limits.since); met+hold > t.c.retry.RateLimited {
		failure.Err = fmt.Errorf("nothing but rate limits for %s, and the next wait is %s", met.Round(time.Second), hold.Round(time.Second))
		return failure
	}
	t.c.log.LogAttrs(ctx, slog.LevelWarn, "feishu rate limit reached, waiting",
		slog.String("endpoint", t.r.endpoint), slog.Duration("wait", hold), slog.Bool("announced", announced))
	if t.r.forToken {
		return t.sleep(ctx, hold, failure) // sent without limiter and gate
	}
	t.c.gate.shut(t.r.endpoint, ex.received.Add(hold))
	if t.c.limiter == nil {
		return nil
	}
	if err := t.c.limiter.Blocked(ctx, t.r.endpoint, hold); err != nil {
		return fmt.Errorf("feishu %s: report a rate limit: %w", t.r.endpoint, err)
	}
	return nil
}

func (t *try) sleep(ctx context.Context, d time.Duration, failure *Error) error {
	t.waited += d
	if err := t.c.clock.Sleep(ctx, d); err != nil {
		return t.ended(ctx, failure)
	}
	return nil
}

// resetAfter reads how long a rate-limit answer wants us to wait. Zero is no
// answer: the window's end is rounded down, and asking again at once would only
// meet the same limit.
func resetAfter(header http.Header) (time.Duration, bool) {
	seconds, err := strconv.ParseFloat(header.Get(rateLimitReset), 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 {
		return 0, false
	}
	if seconds > longestReset.Seconds() {
		return longestReset, true
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// gate holds back all calls of this client to an endpoint that is rate limited.
type gate struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (g *gate) shut(endpoint string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until[endpoint]) {
		g.until[endpoint] = until
	}
}

// open reports whether the endpoint may be called.
func (g *gate) open(clock Clock, endpoint string) bool { return g.left(clock, endpoint) <= 0 }

func (g *gate) left(clock Clock, endpoint string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until[endpoint].Sub(clock.Now())
}

// wait returns when the endpoint is open. Another call may shut it again
// meanwhile, hence the loop.
func (g *gate) wait(ctx context.Context, clock Clock, endpoint string) error {
	for {
		left := g.left(clock, endpoint)
		if left <= 0 {
			return ctx.Err()
		}
		if err := clock.Sleep(ctx, left); err != nil {
			return err
		}
	}
}
