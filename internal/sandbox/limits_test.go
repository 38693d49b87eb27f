package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const (
	scopesName = "GET /contact/v3/scopes"
	usersName  = "GET /contact/v3/users/find_by_department"
)

func TestRateLimitPerSecond(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{RateLimits: true, Clock: c.now})
	call := func() reply { return k.get("/contact/v3/scopes") }

	for range 25 {
		call().wantCode(t, 200, 0)
	}
	c.add(600 * time.Millisecond)
	for range 25 {
		call().wantCode(t, 200, 0)
	}
	r := call()
	r.wantCode(t, http.StatusTooManyRequests, 99991400)
	if limit, reset := r.header.Get("x-ogw-ratelimit-limit"), r.header.Get("x-ogw-ratelimit-reset"); limit != "50" || reset != "1" {
		t.Errorf("limit %q, reset %q, want 50 and 1", limit, reset)
	}
	// Other endpoints have windows of their own.
	k.get("/contact/v3/departments/0").wantCode(t, 200, 0)

	// The window slides: the first half is over, the second is not.
	c.add(400 * time.Millisecond)
	for range 25 {
		call().wantCode(t, 200, 0)
	}
	call().wantCode(t, http.StatusTooManyRequests, 99991400)

	stats := k.Stats()[scopesName]
	if stats.Calls != 77 || stats.ByStatus[429] != 2 || stats.ByCode[0] != 75 || stats.ByCode[99991400] != 2 {
		t.Errorf("stats %+v", stats)
	}
	// 25 calls and a refused one at 0.6 s, 26 at 1.0 s.
	if stats.MaxPerSecond != 52 || stats.MaxPerMinute != 77 {
		t.Errorf("at most %d in a second and %d in a minute, want 52 and 77", stats.MaxPerSecond, stats.MaxPerMinute)
	}
}

func TestRateLimitPerMinute(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{RateLimits: true, Clock: c.now})
	for i := range 1000 {
		if i%50 == 0 {
			c.add(time.Second)
		}
		k.get("/contact/v3/scopes").wantCode(t, 200, 0)
	}
	c.add(5 * time.Second)
	r := k.get("/contact/v3/scopes")
	r.wantCode(t, http.StatusTooManyRequests, 99991400)
	if limit, reset := r.header.Get("x-ogw-ratelimit-limit"), r.header.Get("x-ogw-ratelimit-reset"); limit != "1000" || reset != "36" {
		t.Errorf("limit %q, reset %q, want 1000 and 36", limit, reset)
	}
	c.add(36 * time.Second)
	k.get("/contact/v3/scopes").wantCode(t, 200, 0)

	k.SetRateLimits(false)
	for range 100 {
		k.get("/contact/v3/scopes").wantCode(t, 200, 0)
	}
}

func TestCallsBeforeReset(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	fault := sandbox.Fault{
		Endpoint: scopesName, Status: http.StatusTooManyRequests,
		Headers: map[string]string{"x-ogw-ratelimit-limit": "50", "x-ogw-ratelimit-reset": "3"},
	}
	if err := k.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	r := k.get("/contact/v3/scopes")
	r.wantCode(t, http.StatusTooManyRequests, 99991400)
	if r.header.Get("X-Ogw-Ratelimit-Reset") != "3" {
		t.Errorf("headers %v", r.header)
	}
	for _, wait := range []time.Duration{100 * time.Millisecond, time.Second, 1899 * time.Millisecond, time.Millisecond} {
		c.add(wait)
		k.get("/contact/v3/scopes").wantCode(t, 200, 0)
	}
	if s := k.Stats()[scopesName]; s.CallsInFlight != 1 || s.CallsBeforeReset != 2 {
		t.Errorf("%d calls in flight and %d before the reset, want 1 and 2", s.CallsInFlight, s.CallsBeforeReset)
	}
	k.ResetStats()
	if s := k.Stats(); len(s) != 0 {
		t.Errorf("after a reset the stats are %v", s)
	}
}

// The largest numbers slide: they do not depend on where a second begins.
func TestBusiestSecond(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	for range 10 { // one call each 100 ms
		k.get("/contact/v3/departments/0")
		c.add(100 * time.Millisecond)
	}
	c.add(time.Hour)
	for range 3 {
		k.get("/contact/v3/departments/0")
	}
	s := k.Stats()["GET /contact/v3/departments/:department_id"]
	if s.Calls != 13 || s.MaxPerSecond != 10 || s.MaxPerMinute != 10 {
		t.Errorf("stats %+v, want at most 10 in a second", s)
	}
}
