package crawl

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// coverage is what the app may see: the nodes of its contact scope with the
// members of those that are groups.
type coverage struct {
	departments map[string]bool
	users       map[string]bool
}

func (k *coverage) add(kind directory.Kind, ids []string) {
	into := k.users
	if kind == directory.KindDepartment {
		into = k.departments
	}
	for _, id := range ids {
		into[id] = true
	}
}

// readCoverage asks for all of it. Whatever is refused makes it an error: what
// is not known to be outside is not outside.
func (c *Crawler) readCoverage(ctx context.Context) (*coverage, error) {
	k := &coverage{departments: map[string]bool{}, users: map[string]bool{}}
	var groups []string
	var still stall
	for token, more := "", true; more; {
		page, err := c.client.Scopes(ctx, token)
		if err == nil {
			still, err = after(still, page.HasMore, slices.Concat(page.UserIDs, page.DepartmentIDs, page.GroupIDs))
		}
		if err != nil {
			return nil, fmt.Errorf("read the contact scope: %w", err)
		}
		k.add(directory.KindDepartment, page.DepartmentIDs)
		k.add(directory.KindUser, page.UserIDs)
		groups = append(groups, page.GroupIDs...)
		token, more = page.PageToken, page.HasMore
	}
	if len(k.users) == 0 { // or the app may not see who they are
		if err := c.addIndependent(ctx, k); err != nil {
			return nil, fmt.Errorf("read who is authorised without a department: %w", err)
		}
	}
	for _, group := range groups {
		for kind, of := range map[directory.Kind]feishu.MemberType{
			directory.KindUser: feishu.MemberUser, directory.KindDepartment: feishu.MemberDepartment,
		} {
			var still stall
			for token, more := "", true; more; {
				page, err := c.client.GroupMembers(ctx, group, of, token)
				if err == nil {
					still, err = after(still, page.HasMore, page.IDs)
				}
				if err != nil {
					return nil, fmt.Errorf("read the members of a group: %w", err)
				}
				k.add(kind, page.IDs)
				token, more = page.PageToken, page.HasMore
			}
		}
	}
	return k, nil
}

func (c *Crawler) addIndependent(ctx context.Context, k *coverage) error {
	var still stall
	for token, more := "", true; more; {
		page, err := c.client.IndependentUsers(ctx, token)
		if err == nil {
			still, err = after(still, page.HasMore, page.Items)
		}
		if err != nil {
			return err
		}
		for _, object := range page.Items {
			id, err := directory.ObjectID(directory.KindUser, object)
			if err != nil {
				return err
			}
			k.users[id] = true
		}
		token, more = page.PageToken, page.HasMore
	}
	return nil
}

const selectWalked = `
SELECT department_id
FROM mirror.sweep_task
WHERE sweep_id = @sweep_id AND listing = 'users' AND done AND NOT refused AND department_id = ANY (@nodes)`

// unwalked leaves out the departments that a complete sweep has walked: whom it
// did not see is not below them, wherever the mirror knew them last. It knows no
// better of who left without an event. Only where the app sees a part of the
// company does the walk prove that: whoever is out of sight in an app that sees
// everybody is no more outside than before.
func (c *Crawler) unwalked(ctx context.Context, s *sweep, k *coverage) error {
	if s.scope != scopeScoped {
		return nil
	}
	rows, err := c.pool.Query(ctx, selectWalked, pgx.NamedArgs{"sweep_id": s.id, "nodes": slices.Collect(maps.Keys(k.departments))})
	if err != nil {
		return fmt.Errorf("read what was walked: %w", err)
	}
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error {
		delete(k.departments, id)
		return nil
	}); err != nil {
		return fmt.Errorf("read what was walked: %w", err)
	}
	return nil
}

// covers reports whether the app may see an entity as the mirror last knew it:
// itself, a department above it, or a group that holds either. Somebody whose
// departments the mirror does not know may be in any.
func (c *Crawler) covers(ctx context.Context, k *coverage, kind directory.Kind, entity *directory.State) (bool, error) {
	var above []string
	if kind == directory.KindDepartment {
		above = []string{entity.Key.ID}
	} else {
		if k.users[entity.Key.ID] {
			return true, nil
		}
		if above = directory.UserOf(entity).DepartmentIDs(); len(above) == 0 {
			return len(k.departments) > 0, nil
		}
	}
	visited := map[string]bool{}
	for len(above) > 0 {
		for _, id := range above {
			visited[id] = true
			if k.departments[id] {
				return true, nil
			}
		}
		states, err := truth(ctx, c.pool, c.cfg.TenantKey, directory.KindDepartment, above)
		if err != nil {
			return false, err
		}
		var next []string
		for _, id := range above {
			parent := directory.DepartmentOf(states[id].State).ParentDepartmentID
			if states[id].Known() && parent != nil && !visited[*parent] {
				visited[*parent] = true
				next = append(next, *parent)
			}
		}
		above = next
	}
	return false, nil
}
