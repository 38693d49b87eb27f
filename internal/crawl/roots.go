package crawl

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// root asks for the root department, which tells the app's range and begins the
// sweep: its request is the sweep's first. Refused as out of range, the walk
// begins at the nodes of the contact scope instead.
func (c *Crawler) root(ctx context.Context, s *sweep) error {
	if s.resumed {
		return c.started(ctx, s)
	}
	before := c.client.Now()
	object, err := c.client.Department(ctx, directory.RootDepartmentID)
	switch {
	case errors.Is(err, feishu.ErrNoAuthority):
		s.scope = scopeScoped
		if err := c.begin(ctx, s, before, task{listing: listScopes}); err != nil {
			return err
		}
		return c.started(ctx, s)
	case err != nil:
		return fmt.Errorf("read the root department: %w", err)
	}
	root := task{listing: listRoot, departmentID: directory.RootDepartmentID}
	if err := c.begin(ctx, s, object.RequestedAt, root); err != nil {
		return err
	}
	if err := c.started(ctx, s); err != nil {
		return err
	}
	page := feishu.Page{RequestedAt: object.RequestedAt}
	page.Items = append(page.Items, object.Raw)
	return c.record(ctx, s, []result{{task: root, objects: []objects{{kind: directory.KindDepartment, page: page}}}})
}

// started appends the sweep's first record; appended twice it is a duplicate.
func (c *Crawler) started(ctx context.Context, s *sweep) error {
	r, err := directory.NewSweepStarted(c.origin(s), s.startedAt, directory.SweepStarted{Range: string(s.scope)})
	if err != nil {
		return err
	}
	if _, err := c.log.Append(ctx, r); err != nil {
		return fmt.Errorf("append the sweep's start: %w", err)
	}
	return nil
}

// readScopes reads one page of the contact scope: what is on it is asked for at
// once, since lists do not hold the nodes themselves.
func (c *Crawler) readScopes(ctx context.Context, r *result) error {
	page, err := c.client.Scopes(ctx, r.task.pageToken)
	if err != nil {
		return err
	}
	if page.HasMore {
		r.rest = page.PageToken
	}
	// People come first. Where there are none, either nobody is authorised by
	// himself, or the app may not see user ids: the historic list tells.
	if r.task.pageToken == "" && len(page.UserIDs) == 0 {
		r.found = append(r.found, task{listing: listIndependent})
	}
	for _, id := range page.GroupIDs {
		r.found = append(r.found, task{listing: listGroupUsers, departmentID: id}, task{listing: listGroupDepartments, departmentID: id})
	}
	r.stall, err = after(r.task.stall, page.HasMore, slices.Concat(page.UserIDs, page.DepartmentIDs, page.GroupIDs))
	if err != nil {
		return err
	}
	if err := c.ask(ctx, r, directory.KindUser, page.UserIDs); err != nil {
		return err
	}
	return c.ask(ctx, r, directory.KindDepartment, page.DepartmentIDs)
}

// readGroup reads one page of a group that is a node of the scope.
func (c *Crawler) readGroup(ctx context.Context, r *result) error {
	kind, of := directory.KindUser, feishu.MemberUser
	if r.task.listing == listGroupDepartments {
		kind, of = directory.KindDepartment, feishu.MemberDepartment
	}
	page, err := c.client.GroupMembers(ctx, r.task.departmentID, of, r.task.pageToken)
	if err != nil {
		return err
	}
	if page.HasMore {
		r.rest = page.PageToken
	}
	if r.stall, err = after(r.task.stall, page.HasMore, page.IDs); err != nil {
		return err
	}
	return c.ask(ctx, r, kind, page.IDs)
}

// ask gets entities that a list named. Those that Feishu drops are not seen.
func (c *Crawler) ask(ctx context.Context, r *result, kind directory.Kind, ids []string) error {
	for len(ids) > 0 {
		n := min(len(ids), feishu.PageSize)
		page, err := c.batch(ctx, kind, ids[:n])
		if err != nil {
			return err
		}
		r.objects = append(r.objects, objects{kind: kind, page: page})
		ids = ids[n:]
	}
	return nil
}

func (c *Crawler) batch(ctx context.Context, kind directory.Kind, ids []string) (feishu.Page, error) {
	if kind == directory.KindDepartment {
		return c.client.DepartmentsBatch(ctx, ids)
	}
	return c.client.UsersBatch(ctx, ids)
}

func (c *Crawler) get(ctx context.Context, kind directory.Kind, id string) (feishu.Object, error) {
	if kind == directory.KindDepartment {
		return c.client.Department(ctx, id)
	}
	return c.client.User(ctx, id)
}
