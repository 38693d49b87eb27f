package crawl

import (
	"context"
	"sync"
	"time"
)

// rereadShare is how much of an endpoint's rate re-reads may take beside a walk.
// The rest is for the walk, which proves removals by the same endpoints.
const rereadShare = 0.5

// pace spaces the calls of the one process that re-reads. The budget, which
// binds all processes, comes after it.
type pace struct {
	rates Rates

	mu   sync.Mutex
	next map[string]time.Time
}

func newPace(rates Rates) *pace { return &pace{rates: rates, next: map[string]time.Time{}} }

// take waits until one call to the endpoint is within the share. Without a pace
// the budget alone says when.
func (p *pace) take(ctx context.Context, endpoint string) error {
	if p == nil {
		return ctx.Err()
	}
	rate := p.rates.of(endpoint)
	if rate == (Rate{}) {
		return ctx.Err()
	}
	perSecond := rereadShare * min(float64(rate.PerSecond), float64(rate.PerMinute)/60)
	p.mu.Lock()
	at := p.next[endpoint]
	if now := time.Now(); at.Before(now) {
		at = now
	}
	p.next[endpoint] = at.Add(time.Duration(float64(time.Second) / perSecond))
	p.mu.Unlock()
	return sleepUntil(ctx, at)
}
