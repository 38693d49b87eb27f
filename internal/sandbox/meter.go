package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// inFlight is how long after a 429 a call may still come that was sent before
// its sender could know.
const inFlight = 250 * time.Millisecond

// EndpointStats is what one endpoint has seen.
type EndpointStats struct {
	Calls    int         `json:"calls"`
	ByStatus map[int]int `json:"by_status"` // HTTP
	ByCode   map[int]int `json:"by_code"`   // Feishu's; 0 is a success, -1 a body without a code
	// The largest number of calls that any sliding second, and any sliding
	// minute, has seen, refused ones included.
	MaxPerSecond int `json:"max_per_second"`
	MaxPerMinute int `json:"max_per_minute"`
	// CallsBeforeReset counts the calls that came although a 429 had asked to
	// wait and its x-ogw-ratelimit-reset had not passed. Those that came within
	// 250 ms of the refusal may have been on their way already, and are counted
	// in CallsInFlight instead.
	CallsBeforeReset int `json:"calls_before_reset"`
	CallsInFlight    int `json:"calls_in_flight"`
}

// meter watches one endpoint.
type meter struct {
	mu       sync.Mutex
	stats    EndpointStats
	arrivals []time.Time // within the last minute
	stale    int         // arrivals at the front that are older

	refusedAt, blockedUntil time.Time // of the last 429
}

// arrive notes a call.
func (m *meter) arrive(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recent := m.arrivals[m.stale:]
	now = notBefore(recent, now)
	m.stats.Calls++
	if now.Before(m.blockedUntil) {
		if now.Sub(m.refusedAt) < inFlight {
			m.stats.CallsInFlight++
		} else {
			m.stats.CallsBeforeReset++
		}
	}
	m.stale += firstAfter(recent, now.Add(-time.Minute))
	if m.stale > len(m.arrivals)/2 {
		m.arrivals = slices.Delete(m.arrivals, 0, m.stale)
		m.stale = 0
	}
	m.arrivals = append(m.arrivals, now)
	recent = m.arrivals[m.stale:]
	m.stats.MaxPerMinute = max(m.stats.MaxPerMinute, len(recent))
	m.stats.MaxPerSecond = max(m.stats.MaxPerSecond, len(recent)-firstAfter(recent, now.Add(-time.Second)))
}

// answered notes what went back.
func (m *meter) answered(a answer, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stats.ByStatus == nil {
		m.stats.ByStatus, m.stats.ByCode = map[int]int{}, map[int]int{}
	}
	m.stats.ByStatus[a.status]++
	m.stats.ByCode[a.code]++
	if a.status != http.StatusTooManyRequests && a.code != codeRateLimit {
		return
	}
	for name, value := range a.headers {
		if seconds, err := strconv.Atoi(value); err == nil && http.CanonicalHeaderKey(name) == resetHeader {
			m.refusedAt, m.blockedUntil = now, now.Add(time.Duration(seconds)*time.Second)
		}
	}
}

func (m *meter) snapshot() EndpointStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.ByStatus, s.ByCode = maps.Clone(s.ByStatus), maps.Clone(s.ByCode)
	return s
}

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats = EndpointStats{}
	m.arrivals, m.stale = nil, 0
	m.refusedAt, m.blockedUntil = time.Time{}, time.Time{}
}
