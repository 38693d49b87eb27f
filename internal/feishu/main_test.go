package feishu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID     = "cli_test"
	appSecret = "s3cr3t-of-the-app"
	tokenPath = "/open-apis/auth/v3/tenant_access_token/internal"

	emptyPage = `{"code":0,"msg":"success","data":{"has_more":false,"items":[]}}`
)

// upstream is Feishu at the level of single answers: it hands out tokens, lets
// only the last one through, and gives every other request to the test.
type upstream struct {
	*httptest.Server

	mu       sync.Mutex
	fetches  int
	valid    string
	requests int
}

func newUpstream(t *testing.T, answer http.HandlerFunc) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			reply(w, http.StatusOK, u.token())
			return
		}
		u.mu.Lock()
		valid := u.valid
		u.requests++
		u.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+valid {
			reply(w, http.StatusBadRequest, `{"code":99991663,"msg":"Invalid access token for authorization"}`)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) token() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fetches++
	u.valid = fmt.Sprintf("t-token-number-%d-of-%p", u.fetches, u)
	return fmt.Sprintf(`{"code":0,"msg":"ok","tenant_access_token":%q,"expire":7200}`, u.valid)
}

// counts returns the tokens asked for and the other requests.
func (u *upstream) counts() (fetches, requests int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.fetches, u.requests
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// steps answers each request with the next of them, and the last one for ever.
func steps(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[0]
		if len(handlers) > 1 {
			handlers = handlers[1:]
		}
		mu.Unlock()
		h(w, r)
	}
}

func json200(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, body) }
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, code, body) }
}

// newClient is a client that never really waits. The test may change the rest
// of its configuration.
func newClient(t *testing.T, url string, change ...func(*feishu.Config)) (*feishu.Client, *fakeClock, *callLog) {
	t.Helper()
	clock := &fakeClock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	calls := &callLog{}
	cfg := feishu.Config{BaseURL: url, AppID: appID, AppSecret: appSecret, Clock: clock, Observe: calls.observe}
	for _, f := range change {
		f(&cfg)
	}
	c, err := feishu.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, clock, calls
}

// fakeClock moves only when somebody sleeps, and then at once.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	fall  func() // what happens as somebody falls asleep
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.fall != nil {
		c.fall()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return nil
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *fakeClock) sleeps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

type callLog struct {
	mu    sync.Mutex
	calls []feishu.Call
}

func (l *callLog) observe(c feishu.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
}

// of returns the requests to one endpoint.
func (l *callLog) of(endpoint string) []feishu.Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var some []feishu.Call
	for _, c := range l.calls {
		if c.Endpoint == endpoint {
			some = append(some, c)
		}
	}
	return some
}

func (l *callLog) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls)
}

// limiter lets everything through and remembers what it was told.
type limiter struct {
	mu      sync.Mutex
	taken   []string
	blocked []string
	take    func(ctx context.Context) error
}

func (l *limiter) Take(ctx context.Context, endpoint string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, endpoint)
	if l.take != nil {
		return l.take(ctx)
	}
	return ctx.Err()
}

func (l *limiter) Blocked(_ context.Context, endpoint string, until time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocked = append(l.blocked, fmt.Sprint(endpoint, " ", until))
	return nil
}

func raws(items []json.RawMessage) []string {
	var s []string
	for _, i := range items {
		s = append(s, string(i))
	}
	return s
}
