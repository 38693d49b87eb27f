package feishu_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

// cut sends the beginning of an answer and closes the connection.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"code":0,"data":{"items":[`))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func page(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

var faults = map[string]http.HandlerFunc{
	"500":                status(500, `{"code":1,"msg":"x"}`),
	"500 without code":   status(500, `{}`),
	"502 as html":        page(502, "text/html", "<html>bad gateway</html>"),
	"503 empty":          page(503, "text/plain", ""),
	"504":                page(504, "text/plain", "gateway time-out"),
	"504 with code":      status(504, `{"code":41031,"msg":"position feature not enable error"}`),
	"408":                status(408, `{"code":0}`),
	"40003 on 400":       status(400, `{"code":40003,"msg":"internal error"}`),
	"40003 on 500":       status(500, `{"code":40003,"msg":"internal error"}`),
	"2200":               status(400, `{"code":2200,"msg":"internal error"}`),
	"1500":               status(400, `{"code":1500,"msg":"internal error"}`),
	"5000":               status(200, `{"code":5000,"msg":"internal error"}`),
	"cut":                cut,
	"cut json":           json200(`{"code":0,"data":{"items":[{"open_id":"ou_1"`),
	"text on 200":        page(200, "text/plain", "hello"),
	"text on 404":        page(404, "text/plain", "404 page not found"),
	"empty":              json200(""),
	"array":              json200("[]"),
	"null":               json200("null"),
	"no code":            json200(`{"msg":"hello"}`),
	"code is a word":     json200(`{"code":"zero","data":{"items":[]}}`),
	"code out of range":  json200(`{"code":99999999999999999999,"data":{"items":[]}}`),
	"no data":            json200(`{"code":0,"msg":"success"}`),
	"closed connection":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"two values":         json200(emptyPage + "{}"),
	"429 without any":    page(429, "text/plain", ""),
	"99991400 on 200":    json200(`{"code":99991400,"msg":"request trigger frequency limit"}`),
	"99991400 on 400":    status(400, `{"code":99991400,"msg":"request trigger frequency limit"}`),
	"code text on error": status(400, `{"code":"40003","msg":["?"],"error":"?"}`),
}

func TestFaultsOfTheMoment(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name+", then success", func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, steps(fault, fault, json200(`{"code":0,"data":{"items":[1]}}`)))
			limits := &limiter{}
			c, _, calls := newClient(t, u.URL, func(cfg *feishu.Config) { cfg.Limiter = limits })
			p, err := c.UsersByDepartment(t.Context(), "0", "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"1"}, raws(p.Items)); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			var got []string
			for _, call := range calls.of(feishu.EndpointUsersByDepartment) {
				got = append(got, fmt.Sprintf("%d %v %v", call.Attempt, call.Retry, call.Failed))
			}
			if diff := cmp.Diff([]string{"1 false true", "2 true true", "3 true false"}, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if len(limits.taken) != 3 {
				t.Errorf("%d turns taken, want one for each of 3 requests", len(limits.taken))
			}
		})

		t.Run(name+", for ever", func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t, fault)
			c, clock, calls := newClient(t, u.URL)
			_, err := c.UsersByDepartment(t.Context(), "0", "")
			if !errors.Is(err, feishu.ErrUnavailable) {
				t.Fatalf("got %v, want ErrUnavailable", err)
			}
			if strings.Contains(name, "429") || strings.Contains(name, "99991400") {
				return // bounded by time, see TestRateLimit
			}
			if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 6 {
				t.Errorf("%d requests, want 6", n)
			}
			pauses := clock.sleeps()
			if len(pauses) != 5 {
				t.Fatalf("pauses %v, want 5", pauses)
			}
			for i, d := range pauses {
				middle := time.Second << i
				if d < middle/2 || d > middle*3/2 {
					t.Errorf("pause %d is %s, want %s give or take a half", i, d, middle)
				}
			}
			if !strings.Contains(err.Error(), "6 attempts") {
				t.Errorf("%q does not say how often it was tried", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	// A port that was free a moment ago and that nobody listens on.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, _, calls := newClient(t, "http://"+addr, func(cfg *feishu.Config) { cfg.Retry.Attempts = 3 })
	_, err = c.User(t.Context(), "ou_secret")
	if !errors.Is(err, feishu.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%q does not say what could not be reached", err)
	}
	if n := calls.total(); n != 3 {
		t.Errorf("%d requests observed, want 3", n)
	}
	if _, ok := errors.AsType[*net.OpError](err); !ok {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c, _, calls := newClient(t, u.URL, func(cfg *feishu.Config) {
		cfg.Timeout = 300 * time.Millisecond
		cfg.Retry.Attempts = 2
	})
	_, err := c.UsersByDepartment(t.Context(), "0", "")
	if !errors.Is(err, feishu.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("a slow upstream must not look like the end of the caller's context")
	}
	if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestElapsedBoundsTheTries(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, status(500, `{"code":1}`))
	c, clock, calls := newClient(t, u.URL, func(cfg *feishu.Config) {
		cfg.Retry.Attempts = 1000
		cfg.Retry.Elapsed = 20 * time.Second
	})
	if _, err := c.UsersByDepartment(t.Context(), "0", ""); !errors.Is(err, feishu.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	var sum time.Duration
	for _, d := range clock.sleeps() {
		sum += d
	}
	if sum > 20*time.Second || calls.total() > 10 {
		t.Errorf("%d requests with pauses of %s, want it to end before 20 s", calls.total(), sum)
	}
}

func TestSlowFailuresCount(t *testing.T) {
	t.Parallel()
	var clock *fakeClock
	u := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		clock.advance(25 * time.Second)
		reply(w, 500, `{"code":1}`)
	})
	c, fake, calls := newClient(t, u.URL)
	clock = fake
	if _, err := c.UsersByDepartment(t.Context(), "0", ""); !errors.Is(err, feishu.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 3 {
		t.Errorf("%d requests of 25 s, want 3: the fourth would begin after the minute", n)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()

	for _, name := range []string{"500", "cut", "text on 200", "closed connection", "99991400 on 400"} {
		t.Run("during an answer that would be retried: "+name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			fault := faults[name]
			u := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				cancel()
				fault(w, r)
			})
			c, clock, calls := newClient(t, u.URL)
			_, err := c.UsersByDepartment(ctx, "0", "")
			if !errors.Is(err, context.Canceled) || errors.Is(err, feishu.ErrUnavailable) {
				t.Errorf("got %v, want context.Canceled alone", err)
			}
			if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 1 || len(clock.sleeps()) != 0 {
				t.Errorf("%d requests and pauses %v, want 1 and none", n, clock.sleeps())
			}
		})
	}

	for _, name := range []string{"500", "99991400 on 400"} {
		t.Run("in the pause after: "+name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			u := newUpstream(t, faults[name])
			c, clock, calls := newClient(t, u.URL)
			clock.fall = cancel
			_, err := c.UsersByDepartment(ctx, "0", "")
			if !errors.Is(err, context.Canceled) || errors.Is(err, feishu.ErrUnavailable) {
				t.Errorf("got %v, want context.Canceled alone", err)
			}
			if name == "500" && !strings.Contains(err.Error(), "the last answer: feishu GET") {
				t.Errorf("%q does not tell why there was a pause", err)
			}
			if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}

	t.Run("while nobody answers", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		u := newUpstream(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		c, _, calls := newClient(t, u.URL)
		if _, err := c.UsersByDepartment(ctx, "0", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})

	t.Run("before the call", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		u := newUpstream(t, json200(emptyPage))
		c, _, calls := newClient(t, u.URL)
		if _, err := c.UsersByDepartment(ctx, "0", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if n := calls.total(); n != 0 {
			t.Errorf("%d requests, want none", n)
		}
	})

	t.Run("in the limiter", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("database is gone")
		u := newUpstream(t, json200(emptyPage))
		c, _, calls := newClient(t, u.URL, func(cfg *feishu.Config) {
			cfg.Limiter = &limiter{take: func(context.Context) error { return broken }}
		})
		if _, err := c.UsersByDepartment(t.Context(), "0", ""); !errors.Is(err, broken) {
			t.Errorf("got %v, want the limiter's error", err)
		}
		if n := len(calls.of(feishu.EndpointUsersByDepartment)); n != 0 {
			t.Errorf("%d requests, want none", n)
		}
	})
}
