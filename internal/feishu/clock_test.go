package feishu

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The upstream's clock is off by any amount, answers take any time on both ways,
// and the machine's clock is set at will: a translated instant is never later
// than the truth, and early by less than a second and a travel time.
func TestUpstreamClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		travel := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "travel"))
		})
		offset := time.Duration(rapid.Int64Range(-int64(1000*time.Hour), int64(1000*time.Hour)).Draw(t, "offset"))
		// Go's monotonic reading cannot be made by hand; without one, Sub uses
		// the wall clock, which stands for it here.
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		u := newUpstreamClock(now)
		for range rapid.IntRange(1, 40).Draw(t, "answers") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(4*time.Minute)).Draw(t, "idle")))
			if rapid.IntRange(0, 9).Draw(t, "step") == 0 {
				offset -= time.Duration(rapid.Int64Range(int64(10*time.Second), int64(time.Hour)).Draw(t, "back"))
			}
			there, back := travel.Draw(t, "there"), travel.Draw(t, "back")
			sent := now
			written := sent.Add(there)
			received := written.Add(back)
			date := written.Add(offset).Truncate(time.Second)
			now = received

			u.observe(sent, received, date.Format(http.TimeFormat))
			truth := sent.Add(offset)
			got := u.at(sent)
			if got.After(truth) {
				t.Fatalf("sent at %s upstream, estimated %s later", truth, got.Sub(truth))
			}
			if early := truth.Sub(got); early >= time.Second+there+back {
				t.Fatalf("estimated %s too early for a travel time of %s", early, there+back)
			}
		}
	})
}

func TestUpstreamClockLearns(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	u := newUpstreamClock(start)
	if got := u.at(start); !got.Equal(start) {
		t.Errorf("without any answer: %s, want the machine's clock", got)
	}
	for _, bad := range []string{"", "yesterday", "0"} {
		u.observe(start, start, bad)
	}
	if got := u.at(start); !got.Equal(start) {
		t.Errorf("after answers without a date: %s, want the machine's clock", got)
	}
	const offset = time.Hour
	for ms := 900; ms >= 50; ms -= 50 { // written ever closer to a whole second
		at := start.Add(time.Duration(ms) * time.Millisecond)
		u.observe(at, at.Add(10*time.Millisecond), at.Add(offset).Truncate(time.Second).Format(http.TimeFormat))
	}
	if early := start.Add(offset).Sub(u.at(start)); early != 60*time.Millisecond {
		t.Errorf("early by %s, want 60ms: the best sample was written 50ms after the second and took 10ms", early)
	}
	u.observe(start.Add(time.Hour), start.Add(time.Hour+time.Millisecond), start.Add(time.Hour+offset).Format(http.TimeFormat))
	if early := start.Add(offset).Sub(u.at(start)); early != time.Millisecond {
		t.Errorf("early by %s, want 1ms: old samples are forgotten", early)
	}
}

func TestRequestedAt(t *testing.T) {
	t.Parallel()
	upstreamNow := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", upstreamNow.Format(http.TimeFormat))
		_, _ = w.Write([]byte(`{"code":0,"tenant_access_token":"t-1","expire":7200,"data":{"items":[],"user":{}}}`))
	}))
	t.Cleanup(srv.Close)
	clock := &ticking{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	c, err := New(Config{BaseURL: srv.URL, AppID: "a", AppSecret: "s", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	o, err := c.User(t.Context(), "ou_1")
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Scopes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []time.Time{o.RequestedAt, page.RequestedAt, c.Now()} {
		// The stub's clock stands still at a time that means "up to a second later".
		if late := got.Sub(upstreamNow); late < -time.Second || late > time.Second {
			t.Errorf("RequestedAt is %s after the upstream's %s", late, upstreamNow)
		}
		if got.Location() != time.UTC {
			t.Errorf("RequestedAt is in %s", got.Location())
		}
	}
}

// ticking moves a little with each look at it.
type ticking struct{ now time.Time }

func (c *ticking) Now() time.Time {
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *ticking) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

func TestSystemClock(t *testing.T) {
	t.Parallel()
	var c systemClock
	start := c.Now()
	if err := c.Sleep(t.Context(), time.Millisecond); err != nil || c.Now().Sub(start) < time.Millisecond {
		t.Errorf("slept %s, %v", c.Now().Sub(start), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, d := range []time.Duration{-1, 0, time.Hour} {
		if err := c.Sleep(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("Sleep(%s) after the end = %v", d, err)
		}
	}
}
