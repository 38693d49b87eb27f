package crawl

import (
	"context"
	"time"
)

// Pass is one pass over the queue, under the crawl lock.
func (r *Rereader) Pass(ctx context.Context) error { return r.lockedPass(ctx) }

// Sample queues the next entities of the sample, if it is time.
func (d *Drift) Sample(ctx context.Context, now time.Time) error { return d.sample(ctx, now) }

// SweepUnlessWanted is a sweep of the service.
func (c *Crawler) SweepUnlessWanted(ctx context.Context) (Summary, error) {
	return c.sweepUnlessWanted(ctx, nil)
}

// Due tells why the service would sweep now.
func (s *Sweeper) Due(ctx context.Context, c *Crawler) ([]string, error) {
	reasons, _, err := s.due(ctx, c)
	return reasons, err
}

// ErrGaveWay ends a sweep of the service that somebody else goes on with.
var ErrGaveWay = errGaveWay

// The spans by which the service decides.
const (
	LongestGap  = longestGap
	DriftGrace  = driftGrace
	SampleEvery = sampleEvery
	SampleSize  = sampleSize
)
