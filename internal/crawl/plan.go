package crawl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// Plan is what a walk would cost.
type Plan struct {
	TenantKey string `json:"tenant_key"`
	// Asked is set where Feishu was asked for the departments; after a first
	// complete sweep the read model knows, and nothing is sent.
	Asked       bool             `json:"asked"`
	Departments int64            `json:"departments"` // without the root
	People      int64            `json:"people"`
	Calls       map[string]int64 `json:"calls"` // by endpoint
	Minutes     float64          `json:"minutes"`
	// CountsHidden is set where the departments do not show member_count: then
	// one call a department is a lower bound.
	CountsHidden bool `json:"counts_hidden"`
}

// Total is the number of calls.
func (p Plan) Total() int64 {
	var n int64
	for _, calls := range p.Calls {
		n += calls
	}
	return n
}

// Plan estimates a walk. Before the first complete sweep it asks Feishu for all
// departments, and for nothing else.
func (c *Crawler) Plan(ctx context.Context, rates Rates) (Plan, error) {
	members, people, err := c.knownMembers(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("read what the last sweep saw: %w", err)
	}
	p := Plan{TenantKey: c.cfg.TenantKey, People: people, Calls: map[string]int64{
		feishu.EndpointTenant: 1, feishu.EndpointDepartment: 1,
	}}
	if err := c.pollCalls(ctx, &p); err != nil {
		return Plan{}, err
	}
	if members != nil {
		err = c.rootCalls(ctx, &p, members)
	} else {
		members, err = c.askMembers(ctx, &p)
	}
	if err != nil {
		return Plan{}, err
	}
	p.Departments = int64(len(members))
	if _, all := members[directory.RootDepartmentID]; all {
		p.Departments--
		p.Calls[feishu.EndpointDepartmentChildren] = max(1, pages(p.Departments))
	}
	var lists int64
	for _, n := range members {
		lists += max(1, pages(n))
	}
	p.Calls[feishu.EndpointUsersByDepartment] = lists
	for endpoint, calls := range p.Calls {
		p.Minutes = max(p.Minutes, rates.of(endpoint).duration(calls).Minutes())
	}
	return p, nil
}

func pages(items int64) int64 { return (items + feishu.PageSize - 1) / feishu.PageSize }

// duration is how long so many calls take at this rate.
func (r Rate) duration(calls int64) time.Duration {
	if r == (Rate{}) {
		return 0
	}
	minutes := (max(calls, 1) - 1) / int64(r.PerMinute)
	return time.Duration(minutes)*time.Minute + time.Duration(calls-minutes*int64(r.PerMinute))*r.spacing()
}

// Direct members of each department, the root among them. NULL where no sweep
// was ever complete.
const selectMembers = `
SELECT d.id, coalesce(m.people, 0)
FROM (SELECT open_department_id AS id
      FROM directory.departments
      WHERE tenant_key = @tenant_key AND removed_at IS NULL AND open_department_id <> @root
      UNION ALL SELECT @root) d
LEFT JOIN (SELECT open_department_id AS id, count(*) AS people
           FROM directory.memberships
           WHERE tenant_key = @tenant_key
           GROUP BY open_department_id) m USING (id)
WHERE EXISTS (SELECT FROM directory.sweeps WHERE tenant_key = @tenant_key AND completed_at IS NOT NULL)`

const countPeople = `
SELECT count(*)
FROM directory.users
WHERE tenant_key = @tenant_key AND removed_at IS NULL`

// knownMembers returns the direct members by department as the read model has
// them; nil before the first complete sweep.
func (c *Crawler) knownMembers(ctx context.Context) (map[string]int64, int64, error) {
	args := pgx.NamedArgs{"tenant_key": c.cfg.TenantKey, "root": directory.RootDepartmentID}
	rows, err := c.pool.Query(ctx, postgres.InOneGeneration(selectMembers), args)
	if err != nil {
		return nil, 0, err
	}
	var members map[string]int64
	var id string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		if members == nil {
			members = map[string]int64{}
		}
		members[id] = n
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	var people int64
	err = c.pool.QueryRow(ctx, postgres.InOneGeneration(countPeople), args).Scan(&people)
	return members, people, err
}

// counted is what a plan needs of a department.
type counted struct {
	ID          string `json:"open_department_id"`
	ParentID    string `json:"parent_department_id"`
	MemberCount *int64 `json:"member_count"`
}

// askMembers reads all departments that the app may see. member_count includes
// those below, so a department's own people are its count less its children's.
func (c *Crawler) askMembers(ctx context.Context, p *Plan) (map[string]int64, error) {
	p.Asked = true
	all := departments{}
	members := map[string]int64{}
	root, err := c.client.Department(ctx, directory.RootDepartmentID)
	switch {
	case errors.Is(err, feishu.ErrNoAuthority):
		if err := c.askScope(ctx, p, all); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("read the root department: %w", err)
	default:
		members[directory.RootDepartmentID] = 0
		all.add(root.Raw)
		if _, err := c.askSubtree(ctx, all, directory.RootDepartmentID); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(all), strings.Compare) {
		d := all[id]
		if d.MemberCount == nil {
			p.CountsHidden = p.CountsHidden || id != directory.RootDepartmentID
			members[id] += 0
			continue
		}
		members[id] += *d.MemberCount
		if id != directory.RootDepartmentID {
			members[d.ParentID] -= *d.MemberCount
		}
	}
	for id, n := range members {
		if _, listed := all[id]; !listed && id != directory.RootDepartmentID {
			delete(members, id) // a parent that the app may not see
			continue
		}
		members[id] = max(n, 0) // people in two departments below count once in the count above
		p.People += members[id]
	}
	if _, whole := all[directory.RootDepartmentID]; !whole {
		delete(members, directory.RootDepartmentID) // it is the parent of a node at the most
	} else if n := all[directory.RootDepartmentID].MemberCount; n != nil {
		p.People = *n
	}
	return members, nil
}
