package feishu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

// request is one call: what is sent in each attempt, and what must come back.
type request struct {
	endpoint string // method and template; path parameters are :named
	path     larkcore.PathParams
	query    larkcore.QueryParams
	body     any
	hide     []string // what was sent and must not show in an error: user ids, page tokens, secrets
	forToken bool     // a token endpoint: sent without a token and without the limiter
	items    string   // what the answer's list is called; empty for "items"

	// decode takes what the caller wants out of a success. Its error makes the
	// answer a bad one, which is asked for again.
	decode func(envelope) error
}

// do makes the call, as often as it takes and is allowed, and returns the
// instant at which the successful request was sent, on the upstream's clock.
func (c *Client) do(ctx context.Context, r request) (time.Time, error) {
	for _, id := range r.path {
		if id == "" {
			return time.Time{}, fmt.Errorf("feishu %s: %w", r.endpoint, errNoID)
		}
	}
	try := c.newTry(r)
	for {
		ex, failure, err := try.once(ctx)
		switch {
		case err != nil:
			return time.Time{}, err
		case failure == nil:
			return c.upstream.at(ex.sent), nil
		}
		if err := try.afterFailure(ctx, ex, failure); err != nil {
			return time.Time{}, err
		}
	}
}

// try is the state of one call over its attempts.
type try struct {
	c *Client
	r request

	attempts int
	waited   time.Duration // before the next request
	token    token         // sent with the last attempt
	rejected token         // the last one that Feishu did not take
	renewals int           // how many were got in the place of rejected ones
	faults   transient
	limits   limited
}

// once waits for its turn, sends one request and judges the answer. A failure
// is Feishu's or the network's and may be tried again; err ends the call.
func (t *try) once(ctx context.Context) (*exchange, *Error, error) {
	if err := t.ready(ctx); err != nil {
		return nil, nil, err
	}
	t.attempts++
	ex := t.c.send(ctx, t.r, t.token.value)
	if ex.sent.IsZero() {
		return nil, nil, fmt.Errorf("feishu %s: build the request: %w", t.r.endpoint, ex.err)
	}
	failure := t.judge(ex)
	call := Call{
		Endpoint: t.r.endpoint, Attempt: t.attempts, Retry: t.attempts > 1, Failed: failure != nil,
		HTTPStatus: ex.status, Duration: ex.received.Sub(ex.sent), Waited: t.waited,
	}
	if failure != nil {
		call.Code = failure.Code
	}
	t.waited = 0
	t.c.observe(call)
	if failure != nil && ctx.Err() != nil {
		return nil, nil, t.ended(ctx, failure)
	}
	return ex, failure, nil
}

// ready gets a token, then permission to send. In this order, because a turn
// granted by the limiter is for now, and fetching a token takes a while.
func (t *try) ready(ctx context.Context) error {
	if t.r.forToken {
		if ctx.Err() != nil {
			return t.ended(ctx, nil)
		}
		return nil
	}
	fresh, err := t.c.tokens.get(ctx, t.c, t.rejected)
	if err != nil {
		return err
	}
	t.token = fresh
	start := t.c.clock.Now()
	// The limiter may know that the endpoint is shut; one that is off does not.
	for open := false; !open; open = t.c.gate.open(t.c.clock, t.r.endpoint) {
		if err := t.c.gate.wait(ctx, t.c.clock, t.r.endpoint); err != nil {
			return t.ended(ctx, nil)
		}
		if t.c.limiter == nil {
			continue
		}
		// A turn is for now. Those who got one before the endpoint was shut would
		// all go at once when it opens, among those whose turn it is then.
		if err := t.c.limiter.Take(ctx, t.r.endpoint); err != nil {
			return fmt.Errorf("feishu %s: wait for a turn: %w", t.r.endpoint, err)
		}
	}
	t.waited += t.c.clock.Now().Sub(start)
	return nil
}

// judge tells a success (nil) from the failures.
func (t *try) judge(ex *exchange) *Error {
	failure := &Error{
		Endpoint: t.r.endpoint, HTTPStatus: ex.status, Attempts: t.attempts, LogID: t.clean(logID(ex.header)),
	}
	if ex.err != nil {
		// net/http quotes what it could not make sense of.
		failure.Err = quietError{text: t.clean(ex.err.Error()), cause: ex.err}
		return failure
	}
	if ex.status == http.StatusGatewayTimeout {
		return failure
	}
	env, err := decodeEnvelope(ex.body)
	if err != nil {
		failure.Err = fmt.Errorf("%w (content type %q, %d bytes)", err, t.clean(ex.header.Get("Content-Type")), len(ex.body))
		return failure
	}
	t.c.upstream.observe(ex.sent, ex.received, ex.header.Get("Date"))
	failure.Code = env.code
	if env.logID != "" {
		failure.LogID = t.clean(env.logID)
	}
	if env.code != 0 || ex.status < 200 || ex.status > 299 {
		failure.Msg = t.clean(env.msg)
		failure.Violations = env.violations
		if len(env.violations) == 0 && errors.Is(failure, ErrPermission) {
			failure.Violations = EndpointPermissions(t.r.endpoint)
		}
		return failure
	}
	if err := t.r.decode(env); err != nil {
		failure.Err = err
		return failure
	}
	return nil
}

// clean removes from a text of the answer what the call sent in confidence.
func (t *try) clean(s string) string {
	return cleanText(s, append([]string{t.c.core.AppSecret, t.token.value}, t.r.hide...))
}

// afterFailure returns nil when the next attempt may begin.
func (t *try) afterFailure(ctx context.Context, ex *exchange, failure *Error) error {
	switch failure.class().do {
	case again:
		return t.pause(ctx, ex, failure)
	case later:
		return t.holdOff(ctx, ex, failure)
	case renew:
		if t.r.forToken || t.renewals == maxRenewals {
			return failure
		}
		t.rejected = t.token
		t.renewals++
		t.c.log.LogAttrs(ctx, slog.LevelWarn, "feishu rejected the token, getting another",
			slog.String("endpoint", t.r.endpoint), slog.Int("code", failure.Code))
		return nil
	default:
		return failure
	}
}

// ended is the error for a context that is over. What went wrong before is told,
// not wrapped: the call did not fail for it.
func (t *try) ended(ctx context.Context, last *Error) error {
	if last == nil || last.HTTPStatus == 0 {
		return fmt.Errorf("feishu %s: %w", t.r.endpoint, ctx.Err())
	}
	return fmt.Errorf("feishu %s: %w (the last answer: %s)", t.r.endpoint, ctx.Err(), last.Error())
}

// logID is the request's id on Feishu's side; the second name is the older one.
func logID(header http.Header) string {
	if id := header.Get(larkcore.HttpHeaderKeyLogId); id != "" {
		return id
	}
	return header.Get(larkcore.HttpHeaderKeyRequestId)
}
