package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// departments are what a plan knows of those that it asked for, by id.
type departments map[string]counted

func (all departments) add(raw json.RawMessage) {
	var d counted
	if json.Unmarshal(raw, &d) == nil && d.ID != "" {
		all[d.ID] = d
	}
}

// askSubtree adds the departments below one, and returns how many they are.
func (c *Crawler) askSubtree(ctx context.Context, all departments, id string) (below int64, err error) {
	var still stall
	for token, more := "", true; more; {
		page, err := c.client.DepartmentChildren(ctx, id, true, token)
		if err == nil {
			still, err = after(still, page.HasMore, page.Items)
		}
		if err != nil {
			return 0, fmt.Errorf("list the departments: %w", err)
		}
		for _, item := range page.Items {
			all.add(item)
		}
		if still.pages == 0 {
			below += int64(len(page.Items))
		}
		token, more = page.PageToken, page.HasMore
	}
	return below, nil
}

// askScope adds the departments of the scope's nodes, and counts the calls that
// only a walk of a part of the company makes. Who is in a group is not asked.
func (c *Crawler) askScope(ctx context.Context, p *Plan, all departments) error {
	var nodes []string
	var still stall
	for token, more := "", true; more; {
		page, err := c.client.Scopes(ctx, token)
		if err == nil {
			still, err = after(still, page.HasMore, slices.Concat(page.UserIDs, page.DepartmentIDs, page.GroupIDs))
		}
		if err != nil {
			return fmt.Errorf("read the contact scope: %w", err)
		}
		p.Calls[feishu.EndpointScopes]++
		p.Calls[feishu.EndpointUsersBatch] += pages(int64(len(page.UserIDs)))
		p.Calls[feishu.EndpointGroupMembers] += 2 * int64(len(page.GroupIDs))
		p.People += int64(len(page.UserIDs))
		if token == "" && len(page.UserIDs) == 0 {
			p.Calls[feishu.EndpointUsers] = 1
		}
		nodes = append(nodes, page.DepartmentIDs...)
		token, more = page.PageToken, page.HasMore
	}
	counts := map[string]int64{}
	for chunk := range slices.Chunk(nodes, feishu.PageSize) {
		page, err := c.client.DepartmentsBatch(ctx, chunk)
		if err != nil {
			return fmt.Errorf("read the nodes of the contact scope: %w", err)
		}
		p.Calls[feishu.EndpointDepartmentsBatch]++
		for _, item := range page.Items {
			var d counted
			if json.Unmarshal(item, &d) == nil && d.MemberCount != nil {
				counts[d.ID] = *d.MemberCount
			}
			all.add(item)
		}
	}
	slices.SortStableFunc(nodes, func(a, b string) int { return int(counts[b] - counts[a]) })
	below := departments{}
	for _, id := range nodes {
		if _, nested := below[id]; nested {
			continue
		}
		n, err := c.askSubtree(ctx, below, id)
		if err != nil {
			return err
		}
		p.Calls[feishu.EndpointDepartmentChildren] += max(1, pages(n))
	}
	for id, d := range below {
		all[id] = d
	}
	return nil
}

const selectLastScope = `
SELECT coalesce((SELECT range FROM mirror.sweep
                 WHERE tenant_key = @tenant_key AND state = 'complete'
                 ORDER BY completed_at DESC LIMIT 1), 'all')`

// lastScope is how much the app saw at the last complete sweep. Another range
// comes with an event that asks for a sweep.
func lastScope(ctx context.Context, pool *pgxpool.Pool, tenantKey string) (last scope, err error) {
	if err := pool.QueryRow(ctx, selectLastScope, pgx.NamedArgs{"tenant_key": tenantKey}).Scan(&last); err != nil {
		return "", fmt.Errorf("read the range of the last sweep: %w", err)
	}
	return last, nil
}

// A department whose parent is not in the mirror heads a tree of its own: that
// is what a node of the scope looks like.
const selectRoots = `
SELECT count(*) - 1
FROM directory.departments
WHERE tenant_key = @tenant_key AND removed_at IS NULL AND open_department_id <> @root
GROUP BY split_part(path, '/', 2)`

const countOutsiders = `
SELECT count(*)
FROM directory.users u
WHERE tenant_key = @tenant_key AND removed_at IS NULL
  AND NOT EXISTS (SELECT FROM directory.memberships m
                  JOIN directory.departments d USING (tenant_key, open_department_id)
                  WHERE m.tenant_key = u.tenant_key AND m.open_id = u.open_id AND d.removed_at IS NULL)`

// rootCalls counts the calls that only a walk of a part of the company makes, as
// far as the mirror tells: nodes without another above them, and people in none.
func (c *Crawler) rootCalls(ctx context.Context, p *Plan, members map[string]int64) error {
	args := pgx.NamedArgs{"tenant_key": c.cfg.TenantKey, "root": directory.RootDepartmentID}
	last, err := lastScope(ctx, c.pool, c.cfg.TenantKey)
	if err != nil || last == scopeAll {
		return err
	}
	delete(members, directory.RootDepartmentID)
	rows, err := c.pool.Query(ctx, postgres.InOneGeneration(selectRoots), args)
	if err != nil {
		return fmt.Errorf("count the trees of the mirror: %w", err)
	}
	roots, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("count the trees of the mirror: %w", err)
	}
	for _, below := range roots {
		p.Calls[feishu.EndpointDepartmentChildren] += max(1, pages(below))
	}
	var outsiders int64
	if err := c.pool.QueryRow(ctx, postgres.InOneGeneration(countOutsiders), args).Scan(&outsiders); err != nil {
		return fmt.Errorf("count the people without a department: %w", err)
	}
	nodes := int64(len(roots))
	p.Calls[feishu.EndpointScopes] += max(1, (nodes+outsiders+feishu.WidePageSize-1)/feishu.WidePageSize)
	p.Calls[feishu.EndpointDepartmentsBatch] = pages(nodes)
	p.Calls[feishu.EndpointUsersBatch] = pages(outsiders)
	return nil
}
