package feishu_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestTokenDiesMidRun(t *testing.T) {
	t.Parallel()
	for _, code := range []int{99991661, 99991663, 99991664, 99991665, 99991668, 99991671, 99991677} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			const callers = 16
			var dead atomic.Value
			dead.Store("")
			// All the callers are answered once all have sent the dead token.
			var arrived sync.WaitGroup
			arrived.Add(callers)
			u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == dead.Load() {
					arrived.Done()
					arrived.Wait()
					reply(w, 400, fmt.Sprintf(`{"code":%d,"msg":"Invalid access token"}`, code))
					return
				}
				w.Header().Set("X-Token", r.Header.Get("Authorization"))
				reply(w, 200, `{"code":0,"data":{"user":{}}}`)
			})
			c, _, calls := newClient(t, u.URL)
			if _, err := c.User(t.Context(), "ou_0"); err != nil {
				t.Fatal(err)
			}
			dead.Store("Bearer " + u.valid)

			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					if _, err := c.User(t.Context(), fmt.Sprint("ou_", i)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if fetches, _ := u.counts(); fetches != 2 {
				t.Errorf("%d tokens were asked for, want 2: the first, and one for all %d callers", fetches, callers)
			}
			if n := len(calls.of(feishu.EndpointUser)); n != 1+2*callers {
				t.Errorf("%d requests, want %d", n, 1+2*callers)
			}
		})
	}

	t.Run("and again while the call waits", func(t *testing.T) {
		t.Parallel()
		rejected := status(400, `{"code":99991663,"msg":"Invalid access token"}`)
		u := newUpstream(t, steps(rejected, status(500, `{}`), rejected, status(500, `{}`), json200(`{"code":0,"data":{"user":{}}}`)))
		c, _, _ := newClient(t, u.URL)
		if _, err := c.User(t.Context(), "ou_1"); err != nil {
			t.Fatal(err)
		}
		if fetches, _ := u.counts(); fetches != 3 {
			t.Errorf("%d tokens were asked for, want 3: a token that met a server error is still good", fetches)
		}
	})

	t.Run("and no new one is taken", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, status(400, `{"code":99991663,"msg":"Invalid access token"}`))
		c, clock, calls := newClient(t, u.URL)
		_, err := c.User(t.Context(), "ou_1")
		if got := matching(err); got != "credentials" {
			t.Errorf("%v is %q, want credentials", err, got)
		}
		if fetches, _ := u.counts(); fetches != 3 || len(calls.of(feishu.EndpointUser)) != 3 || len(clock.sleeps()) > 0 {
			t.Errorf("%d tokens, %d requests, pauses %v; want 3, 3 and none", fetches, len(calls.of(feishu.EndpointUser)), clock.sleeps())
		}
	})
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, json200(`{"code":0,"data":{"user":{}}}`))
	c, clock, _ := newClient(t, u.URL)
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Hour, 1}, {56 * time.Minute, 1}, {2 * time.Minute, 2}, {time.Hour, 2}} {
		clock.advance(step.after)
		if _, err := c.User(t.Context(), "ou_1"); err != nil {
			t.Fatal(err)
		}
		if fetches, _ := u.counts(); fetches != step.want {
			t.Errorf("after another %s: %d tokens asked for, want %d", step.after, fetches, step.want)
		}
	}
}

func TestTokensAreNotShared(t *testing.T) {
	t.Parallel()
	one := newUpstream(t, json200(`{"code":0,"data":{"user":{"at":"one"}}}`))
	two := newUpstream(t, json200(`{"code":0,"data":{"user":{"at":"two"}}}`))
	a, _, _ := newClient(t, one.URL)
	b, _, _ := newClient(t, two.URL)
	for range 3 {
		for client, want := range map[*feishu.Client]string{a: `{"at":"one"}`, b: `{"at":"two"}`} {
			o, err := client.User(t.Context(), "ou_1")
			if err != nil {
				t.Fatal(err)
			}
			if got := string(o.Raw); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	for _, u := range []*upstream{one, two} {
		if fetches, requests := u.counts(); fetches != 1 || requests != 3 {
			t.Errorf("%d tokens and %d requests, want 1 and 3", fetches, requests)
		}
	}
}

// A caller that fetches the token for all and is cancelled must not take the
// others with it.
func TestTokenFetcherLeaves(t *testing.T) {
	t.Parallel()
	var fetches atomic.Int32
	first := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != tokenPath {
			reply(w, 200, `{"code":0,"data":{"user":{}}}`)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the client leave
		if fetches.Add(1) == 1 {
			close(first)
			<-r.Context().Done()
			return
		}
		reply(w, 200, `{"code":0,"tenant_access_token":"t-1","expire":7200}`)
	}))
	t.Cleanup(srv.Close)
	c, _, _ := newClient(t, srv.URL)

	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.User(ctx, "ou_1"); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that left got %v", err)
		}
	})
	<-first
	for range 4 {
		wg.Go(func() {
			if _, err := c.User(t.Context(), "ou_2"); err != nil {
				t.Errorf("a caller that stayed got %v", err)
			}
		})
	}
	leave()
	wg.Wait()
	if n := fetches.Load(); n != 2 {
		t.Errorf("%d tokens asked for, want 2", n)
	}
}

// A caller that waits for another's token request can leave before it.
func TestTokenWaiterLeaves(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			close(asked)
			<-answer
			reply(w, 200, `{"code":0,"tenant_access_token":"t-1","expire":7200}`)
			return
		}
		reply(w, 200, `{"code":0,"data":{"user":{}}}`)
	}))
	t.Cleanup(srv.Close)
	c, _, _ := newClient(t, srv.URL)

	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.User(t.Context(), "ou_1"); err != nil {
			t.Error(err)
		}
	})
	<-asked
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := c.User(ctx, "ou_2"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(answer)
	wg.Wait()
}

func TestTokenEndpointInTrouble(t *testing.T) {
	t.Parallel()
	good := `{"code":0,"msg":"ok","tenant_access_token":"t-1","expire":7200}`
	for name, answer := range map[string]http.HandlerFunc{
		"500": status(500, `{"code":1}`), "2200": json200(`{"code":2200,"msg":"Internal Error"}`), "cut": json200(good[:30]),
		"no token": json200(`{"code":0,"expire":7200}`), "no expire": json200(`{"code":0,"tenant_access_token":"t-1"}`),
		"negative expire": json200(`{"code":0,"tenant_access_token":"t-1","expire":-1}`),
		"rate limit":      rateLimit(429, "3"), "html": page(200, "text/html", "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens := steps(answer, json200(good))
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == tokenPath {
					tokens(w, r)
					return
				}
				reply(w, 200, `{"code":0,"data":{"user":{}}}`)
			}))
			t.Cleanup(srv.Close)
			c, clock, calls := newClient(t, srv.URL)
			if _, err := c.User(t.Context(), "ou_1"); err != nil {
				t.Fatal(err)
			}
			if calls.total() != 3 || len(clock.sleeps()) != 1 {
				t.Errorf("%d requests and pauses %v, want 3 and one", calls.total(), clock.sleeps())
			}
		})
	}

	t.Run("failing for all who wait, once", func(t *testing.T) {
		t.Parallel()
		var fetches atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fetches.Add(1)
			reply(w, 200, `{"code":10015,"msg":"wrong app secret"}`)
		}))
		t.Cleanup(srv.Close)
		c, _, _ := newClient(t, srv.URL)
		for range 2 { // a failure is not remembered: the next call asks again
			if _, err := c.User(t.Context(), "ou_1"); !errors.Is(err, feishu.ErrCredentials) {
				t.Errorf("got %v, want ErrCredentials", err)
			}
		}
		if n := fetches.Load(); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})

	t.Run("a short life", func(t *testing.T) {
		t.Parallel()
		var fetches atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, tokenPath) {
				fetches.Add(1)
				_ = json.NewEncoder(w).Encode(map[string]any{"code": 0, "tenant_access_token": "t-1", "expire": "100"})
				return
			}
			reply(w, 200, `{"code":0,"data":{"user":{}}}`)
		}))
		t.Cleanup(srv.Close)
		c, clock, _ := newClient(t, srv.URL)
		for _, want := range []int32{1, 1, 2} {
			if _, err := c.User(t.Context(), "ou_1"); err != nil {
				t.Fatal(err)
			}
			if n := fetches.Load(); n != want {
				t.Errorf("%d tokens asked for, want %d", n, want)
			}
			clock.advance(30 * time.Second)
		}
	})
}
