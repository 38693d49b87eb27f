package feishu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
)

const endpointToken = "POST /auth/v3/tenant_access_token/internal"

// tokenMargin is how long before its end a token is replaced. Feishu hands out a
// new one from 30 minutes before the end on, and both stay valid, so that calls
// in flight keep theirs.
const tokenMargin = 3 * time.Minute

// token is a tenant access token. Renewals are counted because Feishu may give
// the same text again: it does while more than 30 minutes of it remain.
type token struct {
	value   string
	renewal int // 0 is no token
}

// tokens is the client's own token cache. The SDK's is one per process and keyed
// by app id alone (larkcore.NewCache replaces it for all clients), so that two
// clients with one app id at two installations would send each other's tokens;
// and it is not emptied when Feishu rejects a token: the SDK tries once more
// with the same one, and so would every call until the token's planned end.
type tokens struct {
	mu      sync.Mutex
	current token
	renewAt time.Time
	flight  *flight
}

// maxRenewals is how often one call may replace a token that was rejected. One
// is enough where the token died; another leaves room for a second death while
// the call waited for its turn. After that the app itself is not accepted.
const maxRenewals = 2

// flight is a renewal under way. Its fields may be read once done is closed.
type flight struct {
	done  chan struct{}
	token token
	err   error
}

// get returns a token that is not the rejected one and is not about to expire.
// However many callers need a new one, one of them asks for it and the others
// wait; where that one's context ends, another takes over.
func (t *tokens) get(ctx context.Context, c *Client, rejected token) (token, error) {
	for {
		t.mu.Lock()
		if t.current.renewal > rejected.renewal && c.clock.Now().Before(t.renewAt) {
			defer t.mu.Unlock()
			return t.current, nil
		}
		f := t.flight
		mine := f == nil
		if mine {
			f = &flight{done: make(chan struct{})}
			t.flight = f
		}
		t.mu.Unlock()

		if mine {
			t.renew(ctx, c, f)
			return f.token, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return token{}, fmt.Errorf("feishu %s: wait for it: %w", endpointToken, ctx.Err())
		}
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
			return f.token, f.err
		}
	}
}

// renew makes the flight: it asks Feishu and shares what came back.
func (t *tokens) renew(ctx context.Context, c *Client, f *flight) {
	value, lifetime, asked, err := c.fetchToken(ctx)

	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.current = token{value: value, renewal: t.current.renewal + 1}
		t.renewAt = asked.Add(lifetime - min(tokenMargin, lifetime/2))
	}
	f.token, f.err = t.current, err
	t.flight = nil
	close(f.done)
}

// fetchToken asks for a tenant token. Wrong credentials come back as an *Error
// with Feishu's code. Its answer is flat, without a data member.
func (c *Client) fetchToken(ctx context.Context) (value string, lifetime time.Duration, asked time.Time, err error) {
	asked = c.clock.Now()
	_, err = c.do(ctx, request{
		endpoint: endpointToken,
		body:     larkcore.SelfBuiltTenantAccessTokenReq{AppID: c.core.AppId, AppSecret: c.core.AppSecret},
		forToken: true,
		decode: func(env envelope) error {
			var wire struct {
				Token  string      `json:"tenant_access_token"`
				Expire json.Number `json:"expire"`
			}
			if json.Unmarshal(env.body, &wire) != nil || wire.Token == "" {
				return errNoData
			}
			seconds, err := wire.Expire.Int64()
			if err != nil || seconds < 0 {
				return errNoData
			}
			value, lifetime = wire.Token, time.Duration(seconds)*time.Second
			return nil
		},
	})
	return value, lifetime, asked, err
}
