package feishu_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func rateLimit(httpStatus int, reset string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if reset != "" {
			w.Header().Set("x-ogw-ratelimit-limit", "1000")
			w.Header().Set("x-ogw-ratelimit-reset", reset)
		}
		reply(w, httpStatus, `{"code":99991400,"msg":"request trigger frequency limit"}`)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	const endpoint = feishu.EndpointUsersByDepartment

	for _, tt := range []struct {
		name string
		hit  http.HandlerFunc
		want time.Duration
	}{
		{"429", rateLimit(429, "52"), 52 * time.Second},
		{"400", rateLimit(400, "7"), 7 * time.Second},
		{"a fraction", rateLimit(429, "0.25"), 250 * time.Millisecond},
		{"429 without Feishu's envelope", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-ogw-ratelimit-reset", "9")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 9 * time.Second},
		{"an epoch by mistake", rateLimit(429, "1774000000"), 5 * time.Minute},
	} {
		t.Run("reset is obeyed: "+tt.name, func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, steps(tt.hit, json200(emptyPage)))
			limits := &limiter{}
			c, clock, calls := newClient(t, u.URL, func(cfg *feishu.Config) { cfg.Limiter = limits })
			if _, err := c.UsersByDepartment(t.Context(), "0", ""); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]time.Duration{tt.want}, clock.sleeps()); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{endpoint + " " + tt.want.String()}, limits.blocked); diff != "" {
				t.Errorf("reported to the limiter (-want +got):\n%s", diff)
			}
			if got := calls.of(endpoint)[1].Waited; got != tt.want {
				t.Errorf("the second request reports a wait of %s, want %s", got, tt.want)
			}
		})
	}

	for _, reset := range []string{"", "0", "-3", "soon", "NaN"} {
		t.Run("without a usable reset: "+reset, func(t *testing.T) {
			t.Parallel()
			hit := rateLimit(429, reset)
			u := newUpstream(t, steps(hit, hit, hit, json200(emptyPage)))
			c, clock, _ := newClient(t, u.URL)
			if _, err := c.UsersByDepartment(t.Context(), "0", ""); err != nil {
				t.Fatal(err)
			}
			for i, d := range clock.sleeps() {
				if middle := time.Second << i; d < middle/2 || d > middle*3/2 {
					t.Errorf("wait %d is %s, want %s give or take a half", i, d, middle)
				}
			}
		})
	}

	t.Run("other calls to the endpoint wait too, and other endpoints do not", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, steps(rateLimit(429, "30"), json200(`{"code":0,"data":{"items":[],"user":{}}}`)))
		gate := &hookedLimiter{}
		c, clock, _ := newClient(t, u.URL, func(cfg *feishu.Config) { cfg.Limiter = gate })
		var other, same time.Duration
		gate.blocked = func() { // while the call that met the limit has not begun to wait
			start := clock.Now()
			if _, err := c.User(t.Context(), "ou_1"); err != nil {
				t.Error(err)
			}
			other = clock.Now().Sub(start)
			if _, err := c.UsersByDepartment(t.Context(), "od-2", ""); err != nil {
				t.Error(err)
			}
			same = clock.Now().Sub(start)
		}
		if _, err := c.UsersByDepartment(t.Context(), "od-1", ""); err != nil {
			t.Fatal(err)
		}
		if other != 0 || same != 30*time.Second {
			t.Errorf("another endpoint waited %s, the same one %s; want 0s and 30s", other, same)
		}
		if diff := cmp.Diff([]time.Duration{30 * time.Second}, clock.sleeps()); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
	})

	t.Run("a turn that passed while the endpoint was shut is not used", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, steps(rateLimit(429, "30"), json200(emptyPage)))
		turns := &hookedLimiter{}
		c, clock, _ := newClient(t, u.URL, func(cfg *feishu.Config) { cfg.Limiter = turns })
		start := clock.Now()
		var granted []time.Duration
		turns.take = func() {
			granted = append(granted, clock.Now().Sub(start))
			if len(granted) != 1 {
				return
			}
			// Another call is refused while this one holds its turn.
			if _, err := c.UsersByDepartment(context.WithoutCancel(t.Context()), "od-2", ""); err != nil {
				t.Error(err)
			}
			clock.advance(-30 * time.Second) // which that one waited for
		}
		if _, err := c.UsersByDepartment(t.Context(), "od-1", ""); err != nil {
			t.Fatal(err)
		}
		// This one's, the other call's two, this one's second.
		if want := []time.Duration{0, 0, 30 * time.Second, 30 * time.Second}; !cmp.Equal(want, granted) {
			t.Errorf("turns granted after %v, want %v", granted, want)
		}
	})

	t.Run("a call that meets nothing else gives up after ten minutes", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t, rateLimit(429, "60"))
		c, clock, calls := newClient(t, u.URL)
		start := clock.Now()
		_, err := c.UsersByDepartment(t.Context(), "0", "")
		if !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
		if took := clock.Now().Sub(start); took != 10*time.Minute {
			t.Errorf("gave up after %s, want 10m", took)
		}
		if n := len(calls.of(endpoint)); n != 11 {
			t.Errorf("%d requests, want 11", n)
		}
		for _, want := range []string{"99991400", "HTTP 429", "nothing but rate limits for 10m0s"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
	})
}

// Ten minutes are meant without anything else in between: an upstream that
// answers, badly or slowly, is a reason to stay.
func TestRateLimitRunIsBroken(t *testing.T) {
	t.Parallel()
	var answers []http.HandlerFunc
	for _, run := range []int{9, 9} {
		for range run {
			answers = append(answers, rateLimit(429, "60"))
		}
		answers = append(answers, status(500, `{}`))
	}
	u := newUpstream(t, steps(append(answers, json200(emptyPage))...))
	c, clock, _ := newClient(t, u.URL)
	start := clock.Now()
	if _, err := c.UsersByDepartment(t.Context(), "0", ""); err != nil {
		t.Fatal(err)
	}
	if took := clock.Now().Sub(start); took < 18*time.Minute {
		t.Errorf("took %s, want the 18 minutes that Feishu asked for", took)
	}
}

// hookedLimiter runs something at the moment a turn is granted, and a rate limit
// reported.
type hookedLimiter struct{ take, blocked func() }

func (h *hookedLimiter) Take(ctx context.Context, _ string) error {
	if h.take != nil {
		h.take()
	}
	return ctx.Err()
}

func (h *hookedLimiter) Blocked(context.Context, string, time.Duration) error {
	if h.blocked != nil {
		h.blocked()
	}
	return nil
}
