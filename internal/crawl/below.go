package crawl

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// belowPrefix begins the correlation of what was read below a department: an
// event of that department told of it, and it is no drift.
const belowPrefix = "below:"

// WalkBelow reads everything in and below some departments, and appends what is
// news. It is for apps that may not see everybody: a department that is new
// there, back, or under another parent brings with it whom no event announces.
//
// It keeps no progress: stopped, it is called again. The crawl lock must be held
// by the caller. It returns how many observations were appended.
func (c *Crawler) WalkBelow(ctx context.Context, departmentIDs ...string) (appended int, err error) {
	s := newSweep(belowPrefix + uuid.NewString()) // never stored: it lends its id to the records
	s.source = directory.SourceReread
	s.startedAt = c.client.Now()
	known := map[task]bool{}
	for _, id := range departmentIDs {
		for _, t := range both(id) {
			if !known[t] {
				known[t] = true
				s.queue(t)
			}
		}
	}
	for s.left() > 0 {
		queue, i := s.next()
		t := (*queue)[i]
		*queue = append((*queue)[:i:i], (*queue)[i+1:]...)
		r, err := c.fetch(ctx, t)
		switch {
		case err != nil:
			return appended, err
		case r.refused: // out of range again
			continue
		}
		p := s.progressOf([]result{r})
		records, err := c.news(ctx, s, p, true)
		if err != nil {
			return appended, err
		}
		if len(records) > 0 {
			if _, err := c.log.Append(ctx, records...); err != nil {
				return appended, fmt.Errorf("append %d observations: %w", len(records), err)
			}
			appended += len(records)
		}
		var fresh []task
		for _, t := range p.found {
			if !known[t] {
				known[t] = true
				fresh = append(fresh, t)
			}
		}
		s.advance(p, fresh)
	}
	return appended, nil
}
