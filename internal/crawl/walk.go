package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// result is one page, as a worker hands it to the recorder.
type result struct {
	task task
	page feishu.Page
	// tooBig is set where Feishu refuses the list because the department is too
	// big: it is read level by level instead.
	tooBig bool
	// restart is set where the page token had expired: the list begins again.
	restart bool
}

// walk reads all open lists of the sweep, and those they lead to. Workers fetch,
// one recorder records: it takes what is there, at most a page of each worker,
// so that pages of the same people are judged in one go and in order.
//
// A kill loses what was fetched and not recorded: a page in each worker's hands
// and as many at the recorder, 2 x 12 at the most.
func (c *Crawler) walk(ctx context.Context, s *sweep) error {
	group, ctx := errgroup.WithContext(ctx)
	tasks := make(chan task)
	results := make(chan result)
	for range c.cfg.Workers {
		group.Go(func() error {
			for t := range tasks {
				r, err := c.fetch(ctx, t)
				if err != nil {
					return err
				}
				select {
				case results <- r:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(tasks)
		return c.conduct(ctx, s, tasks, results)
	})
	return group.Wait()
}

// conduct hands out tasks and records results until nothing is left to do.
func (c *Crawler) conduct(ctx context.Context, s *sweep, tasks chan<- task, results <-chan result) error {
	began, doneBefore := time.Now(), s.tasksDone
	for inFlight := 0; len(s.open) > 0 || inFlight > 0; {
		var give chan<- task
		var next task
		if len(s.open) > 0 && inFlight < c.cfg.Workers {
			give, next = tasks, s.open[0]
		}
		select {
		case give <- next:
			s.open = s.open[1:]
			inFlight++
		case first := <-results:
			batch := gather(first, results, c.cfg.Workers)
			inFlight -= len(batch)
			if err := c.record(ctx, s, batch); err != nil {
				return err
			}
			c.progress(s, began, doneBefore)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// gather takes what other workers have ready, without waiting.
func gather(first result, results <-chan result, limit int) []result {
	batch := []result{first}
	for len(batch) < limit {
		select {
		case r := <-results:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// fetch asks for one page.
func (c *Crawler) fetch(ctx context.Context, t task) (result, error) {
	r := result{task: t}
	var err error
	switch t.listing {
	case listSubtree, listChildren:
		r.page, err = c.client.DepartmentChildren(ctx, t.departmentID, t.listing == listSubtree, t.pageToken)
	case listUsers:
		r.page, err = c.client.UsersByDepartment(ctx, t.departmentID, t.pageToken)
	default:
		return r, fmt.Errorf("a sweep's list of kind %q cannot be fetched", t.listing)
	}
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, feishu.ErrPageToken) && t.pageToken != "":
		r.restart = true
		return r, nil
	case errors.Is(err, feishu.ErrTooBig) && t.listing == listSubtree:
		r.tooBig = true
		return r, nil
	case errors.Is(err, feishu.ErrNotFound) && t.departmentID != directory.RootDepartmentID:
		// Deleted since it was listed: nothing to read. An event, or the next
		// sweep, tells of it.
		c.logger.InfoContext(ctx, "department gone during the walk", slog.String("open_department_id", t.departmentID))
		return r, nil
	}
	return r, fmt.Errorf("list the %s of department %s: %w", t.listing, t.departmentID, err)
}

// follow returns where a page leads: the rest of its list first, so that tokens
// do not grow old, then the lists of the departments on it.
func (r result) follow(ids []string) (rest *task, found []task) {
	switch {
	case r.restart:
		return &task{listing: r.task.listing, departmentID: r.task.departmentID}, nil
	case r.tooBig:
		return nil, []task{{listing: listChildren, departmentID: r.task.departmentID}}
	case r.task.listing == listRoot:
		return nil, []task{
			{listing: listSubtree, departmentID: directory.RootDepartmentID},
			{listing: listUsers, departmentID: directory.RootDepartmentID},
		}
	}
	if r.page.HasMore {
		rest = &task{listing: r.task.listing, departmentID: r.task.departmentID, pageToken: r.page.PageToken}
	}
	if r.task.listing == listUsers {
		return rest, nil // the page holds people
	}
	for _, id := range ids {
		if r.task.listing == listChildren {
			found = append(found, task{listing: listChildren, departmentID: id})
		}
		found = append(found, task{listing: listUsers, departmentID: id})
	}
	return rest, found
}

// progress tells how far the walk is. The rest is estimated from the lists of
// people done so far, which are most of the calls.
func (c *Crawler) progress(s *sweep, began time.Time, doneBefore int64) {
	if c.cfg.Progress == nil {
		return
	}
	stats, _ := c.cfg.Counter.Snapshot()
	p := Progress{
		DepartmentsDone: s.tasksDone, DepartmentsTotal: s.tasksTotal, People: s.users, Calls: int64(stats.Calls),
		Listing: s.has(listSubtree) || s.has(listChildren),
	}
	if done := s.tasksDone - doneBefore; done > 0 {
		p.ETA = time.Duration(float64(time.Since(began)) / float64(done) * float64(s.tasksTotal-s.tasksDone))
	}
	c.cfg.Progress(p)
}
