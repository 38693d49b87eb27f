package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// result is what one task gave, as a worker hands it to the recorder.
type result struct {
	task    task
	objects []objects
	rest    string // the token of the list's next page; empty where there is none
	stall   stall
	found   []task // lists that it leads to, beside those of its departments
	// tooBig is set where Feishu refuses the list because the department is too
	// big: it is read level by level instead.
	tooBig bool
	// restart is set where the page token had expired: the list begins again.
	restart bool
	// refused is set where Feishu will not show the list. The rest of the walk is
	// worth having, but it proves nobody's absence.
	refused bool
}

// objects are those of one kind in one answer.
type objects struct {
	kind directory.Kind
	page feishu.Page
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
	for inFlight := 0; s.left() > 0 || inFlight > 0; {
		var give chan<- task
		queue, i := s.next()
		var next task
		if queue != nil && inFlight < c.cfg.Workers {
			give, next = tasks, (*queue)[i]
		}
		select {
		case give <- next:
			if i == 0 {
				*queue = (*queue)[1:] // thousands may follow
			} else {
				*queue = slices.Delete(*queue, i, i+1)
			}
			s.flying[next.listing]++
			inFlight++
		case first := <-results:
			batch := gather(first, results, c.cfg.Workers)
			inFlight -= len(batch)
			for _, r := range batch {
				s.flying[r.task.listing]--
			}
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

// fetch does one task, which is mostly one call.
func (c *Crawler) fetch(ctx context.Context, t task) (result, error) {
	r := result{task: t}
	err := c.read(ctx, &r)
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, feishu.ErrPageToken) && t.pageToken != "" && t.restarts < maxRestarts:
		c.logger.WarnContext(ctx, "a page token is refused, the list is read from its start", slog.String("listing", string(t.listing)), slog.Any("error", err))
		return result{task: t, restart: true}, nil
	case errors.Is(err, feishu.ErrTooBig) && t.listing == listSubtree:
		return result{task: t, tooBig: true}, nil
	case errors.Is(err, feishu.ErrNotFound) && t.departmentID != directory.RootDepartmentID:
		// Deleted since it was listed: nothing to read. An event, or the next
		// sweep, tells of it.
		c.logger.InfoContext(ctx, "department gone during the walk", slog.String("open_department_id", t.departmentID))
		return result{task: t}, nil
	case errors.Is(err, feishu.ErrNoAuthority) && t.departmentID != directory.RootDepartmentID:
		c.logger.WarnContext(ctx, "a list is refused", slog.String("listing", string(t.listing)),
			slog.String("open_department_id", t.departmentID), slog.Any("error", err))
		return result{task: t, refused: true}, nil
	case errors.Is(err, feishu.ErrNoAuthority):
		return r, fmt.Errorf("read %s: %w: %w", t, errNarrowed, err)
	}
	return r, fmt.Errorf("read %s: %w", t, err)
}

// errNarrowed says that the app may not see everybody any more, who began to walk as
// if it might. Such a sweep can never be completed.
var errNarrowed = errors.New("the app's range was narrowed")

// read makes the calls of a task.
func (c *Crawler) read(ctx context.Context, r *result) error {
	t := r.task
	kind := directory.KindUser
	var page feishu.Page
	var err error
	switch t.listing {
	case listSubtree, listChildren:
		kind = directory.KindDepartment
		page, err = c.client.DepartmentChildren(ctx, t.departmentID, t.listing == listSubtree, t.pageToken)
	case listUsers:
		page, err = c.client.UsersByDepartment(ctx, t.departmentID, t.pageToken)
	case listIndependent:
		page, err = c.client.IndependentUsers(ctx, t.pageToken)
	case listScopes:
		return c.readScopes(ctx, r)
	case listGroupUsers, listGroupDepartments:
		return c.readGroup(ctx, r)
	default:
		return fmt.Errorf("a sweep's list of kind %q cannot be fetched", t.listing)
	}
	if err != nil {
		return err
	}
	r.objects = []objects{{kind: kind, page: page}}
	if page.HasMore {
		r.rest = page.PageToken
	}
	r.stall, err = after(t.stall, page.HasMore, page.Items)
	return err
}

// follow returns where a result leads: the rest of its list, and the lists of
// the departments on it.
func (r result) follow(departments []string) (rest *task, found []task) {
	switch {
	case r.restart:
		return &task{listing: r.task.listing, departmentID: r.task.departmentID, restarts: r.task.restarts + 1}, nil
	case r.tooBig:
		return nil, []task{{listing: listChildren, departmentID: r.task.departmentID}}
	case r.task.listing == listRoot:
		return nil, both(directory.RootDepartmentID)
	}
	if r.rest != "" {
		rest = &task{
			listing: r.task.listing, departmentID: r.task.departmentID, pageToken: r.rest, stall: r.stall, restarts: r.task.restarts,
		}
	}
	found = r.found
	for _, id := range departments {
		switch r.task.listing {
		case listSubtree:
			found = append(found, task{listing: listUsers, departmentID: id})
		case listChildren:
			found = append(found, task{listing: listChildren, departmentID: id}, task{listing: listUsers, departmentID: id})
		default: // a node of the scope
			found = append(found, both(id)...)
		}
	}
	return rest, found
}

// both are the two lists of a department that is walked.
func both(id string) []task {
	return []task{{listing: listSubtree, departmentID: id}, {listing: listUsers, departmentID: id}}
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
		Listing: s.listing(),
	}
	if done := s.tasksDone - doneBefore; done > 0 {
		p.ETA = time.Duration(float64(time.Since(began)) / float64(done) * float64(s.tasksTotal-s.tasksDone))
	}
	c.cfg.Progress(p)
}
