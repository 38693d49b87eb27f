package feishu

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// Counter adds up calls, for summaries: Config{Observe: counter.Observe}. The
// zero value is ready.
type Counter struct {
	mu         sync.Mutex
	byEndpoint map[string]Stats
}

// Stats are sums over HTTP requests.
type Stats struct {
	Calls       int           // requests sent, failed ones and retries included
	Retries     int           // of these, not the first of their call
	RateLimited int           // answered with a rate limit
	Failed      int           // failed for another reason
	Waited      time.Duration // for the limiter, rate limits and pauses, summed over callers
	InFlight    time.Duration // between sending and the end of the answer, likewise
}

// Observe counts one request.
func (c *Counter) Observe(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byEndpoint == nil {
		c.byEndpoint = make(map[string]Stats)
	}
	one := Stats{Calls: 1, Waited: call.Waited, InFlight: call.Duration}
	if call.Retry {
		one.Retries = 1
	}
	limited := call.HTTPStatus == http.StatusTooManyRequests || codes[call.Code].do == later
	switch {
	case limited:
		one.RateLimited = 1
	case call.Failed:
		one.Failed = 1
	}
	c.byEndpoint[call.Endpoint] = c.byEndpoint[call.Endpoint].plus(one)
}

// Snapshot returns the sum and its parts by endpoint, as of now.
func (c *Counter) Snapshot() (total Stats, byEndpoint map[string]Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.byEndpoint {
		total = total.plus(s)
	}
	if c.byEndpoint == nil {
		return total, map[string]Stats{}
	}
	return total, maps.Clone(c.byEndpoint)
}

func (s Stats) plus(o Stats) Stats {
	s.Calls += o.Calls
	s.Retries += o.Retries
	s.RateLimited += o.RateLimited
	s.Failed += o.Failed
	s.Waited += o.Waited
	s.InFlight += o.InFlight
	return s
}
