package sandbox

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// window is one sliding limit: at most calls in any stretch of per.
type window struct {
	calls int
	per   time.Duration
}

// Tiers of rates, by Feishu's numbers for them. tier4 binds most methods of the
// contact directory, and here also those whose rate Feishu does not publish.
var (
	tier1 = []window{{10, time.Minute}}
	tier3 = []window{{100, time.Minute}}
	tier4 = []window{{50, time.Second}, {1000, time.Minute}}
	tier5 = []window{{1, time.Second}}
	tier6 = []window{{5, time.Second}}
	tier8 = []window{{20, time.Second}}
)

// limiter holds one endpoint of one app to its windows. Calls that it refuses
// do not count.
type limiter struct {
	windows []window // shortest first

	mu    sync.Mutex
	taken []time.Time // within the longest window, oldest first
}

// rateLimited is a refusal: which limit, and how long until it lets one
// through.
type rateLimited struct {
	limit int
	wait  time.Duration
}

func (*rateLimited) Error() string { return "rate limit" }

// take lets a call pass, or says why not.
func (l *limiter) take(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.windows) == 0 {
		return nil
	}
	now = notBefore(l.taken, now)
	longest := l.windows[len(l.windows)-1].per
	l.taken = slices.Delete(l.taken, 0, firstAfter(l.taken, now.Add(-longest)))

	var worst *rateLimited
	for _, w := range l.windows {
		inside := l.taken[firstAfter(l.taken, now.Add(-w.per)):]
		if len(inside) < w.calls {
			continue
		}
		wait := inside[len(inside)-w.calls].Add(w.per).Sub(now)
		if worst == nil || wait > worst.wait {
			worst = &rateLimited{limit: w.calls, wait: wait}
		}
	}
	if worst != nil {
		return worst
	}
	l.taken = append(l.taken, now)
	return nil
}

// seconds is the wait in whole seconds, as the header says it.
func (r *rateLimited) seconds() int {
	return max(1, int((r.wait+time.Second-1)/time.Second))
}

const (
	limitHeader = "X-Ogw-Ratelimit-Limit"
	resetHeader = "X-Ogw-Ratelimit-Reset"
)

func (r *rateLimited) headers() map[string]string {
	return map[string]string{
		limitHeader: strconv.Itoa(r.limit),
		resetHeader: strconv.Itoa(r.seconds()),
	}
}

func (r *rateLimited) refusal() *Error { return refuse(codeRateLimit) }

// notBefore keeps instants in order: two calls that read the clock one after
// the other may come here the other way round.
func notBefore(sorted []time.Time, now time.Time) time.Time {
	if n := len(sorted); n > 0 && now.Before(sorted[n-1]) {
		return sorted[n-1]
	}
	return now
}

// firstAfter is the index of the first instant after t.
func firstAfter(sorted []time.Time, t time.Time) int {
	at, _ := slices.BinarySearchFunc(sorted, t, func(a, b time.Time) int {
		if a.After(b) {
			return 1
		}
		return -1 // an instant that equals t is outside
	})
	return at
}
