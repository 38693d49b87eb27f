package feishu

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Clock is the time as this package sees it. Tests pass one that does not wait.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or the context's error if that ends first.
	// Now MUST have moved by at least d when Sleep returns nil.
	Sleep(ctx context.Context, d time.Duration) error
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sampleWindow is how long a sample of the upstream's clock is believed, at
// least once and at most twice over. A quartz drifts by some 30 ms in it.
const sampleWindow = 5 * time.Minute

// upstreamClock translates local instants to the upstream's clock.
//
// An answer sent at local time s and received at r with "Date: D" was written
// between s and r while the upstream's clock showed D to D+1 s (the header is
// cut to whole seconds). Hence offset = upstream - local lies between
//
//	low = D - r    and    high = D + 1s - s
//
// The estimate is the greatest low of the last minutes. An instant translated
// with it is never later than it truly was upstream, and early by less than 1 s
// plus an answer's travel time; by much less once some answers were written just
// after a whole second. Early is the safe side: an observation that claims to be
// older than it is loses against an event and is read again, one that claims to
// be newer hides a change.
//
// A high below the estimate proves that the upstream's clock went back (or that
// another of its servers answered): the old samples are then dropped. Several
// servers that disagree make the result late by at most their disagreement.
//
// Local time is counted by the monotonic clock from the start of the client, so
// that setting the machine's clock changes nothing. Without any Date header the
// machine's clock is all there is, and is used.
type upstreamClock struct {
	base time.Time

	mu            sync.Mutex
	windowStart   time.Time
	now, previous bound // the greatest low of this window and of the one before
}

type bound struct {
	known bool
	low   time.Duration
}

func (b *bound) raise(low time.Duration) {
	if !b.known || low > b.low {
		*b = bound{known: true, low: low}
	}
}

func newUpstreamClock(now time.Time) *upstreamClock {
	return &upstreamClock{base: now, windowStart: now}
}

// observe learns from one answer.
func (u *upstreamClock) observe(sent, received time.Time, dateHeader string) {
	date, err := http.ParseTime(dateHeader)
	if err != nil {
		return
	}
	low := date.Sub(u.local(received))
	high := date.Add(time.Second).Sub(u.local(sent))

	u.mu.Lock()
	defer u.mu.Unlock()
	switch age := received.Sub(u.windowStart); {
	case age > 2*sampleWindow:
		u.previous, u.now, u.windowStart = bound{}, bound{}, received
	case age > sampleWindow:
		u.previous, u.now, u.windowStart = u.now, bound{}, received
	}
	if best := u.best(); best.known && high < best.low {
		u.previous, u.now = bound{}, bound{}
	}
	u.now.raise(low)
}

// at returns the local instant t as the upstream's clock showed it, or a little
// earlier.
func (u *upstreamClock) at(t time.Time) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.local(t).Add(u.best().low)
}

// best needs the lock.
func (u *upstreamClock) best() bound {
	b := u.now
	if u.previous.known {
		b.raise(u.previous.low)
	}
	return b
}

// local is t with its wall clock replaced by the monotonic time since base.
func (u *upstreamClock) local(t time.Time) time.Time {
	return u.base.Round(0).Add(t.Sub(u.base)).UTC()
}
