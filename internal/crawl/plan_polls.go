package crawl

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// What the lists of what has no events take: pages of 50 of the definitions, of 100 of
// the others.
const selectPollCalls = `
SELECT (SELECT count(*) FROM directory.employee_types WHERE tenant_key = @tenant_key AND removed_at IS NULL),
       (SELECT count(*) FROM directory.custom_attributes WHERE tenant_key = @tenant_key AND removed_at IS NULL),
       (SELECT count(*) FROM directory.scopes WHERE tenant_key = @tenant_key AND removed_at IS NULL),
       (SELECT count(*) FROM directory.groups WHERE tenant_key = @tenant_key AND removed_at IS NULL AND type IS DISTINCT FROM 2),
       (SELECT count(*) FROM directory.groups WHERE tenant_key = @tenant_key AND removed_at IS NULL AND type = 2),
       (SELECT coalesce(sum(greatest(1, ceil(m.users / 100.0)) + greatest(1, ceil(m.departments / 100.0))), 0)::bigint
        FROM directory.groups g
        CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE member_type = 'user') AS users, count(*) FILTER (WHERE member_type = 'department') AS departments
                            FROM directory.group_members
                            WHERE tenant_key = g.tenant_key AND group_id = g.group_id AND removed_at IS NULL) m
        WHERE g.tenant_key = @tenant_key AND g.removed_at IS NULL),
       (SELECT count(*) FROM directory.units WHERE tenant_key = @tenant_key AND removed_at IS NULL),
       (SELECT coalesce(sum(greatest(1, ceil(d.departments / 100.0))), 0)::bigint
        FROM directory.units u
        CROSS JOIN LATERAL (SELECT count(*) AS departments
                            FROM directory.unit_departments
                            WHERE tenant_key = u.tenant_key AND unit_id = u.unit_id AND removed_at IS NULL) d
        WHERE u.tenant_key = @tenant_key AND u.removed_at IS NULL)`

// pollCalls adds the calls of the polls at a walk's end, as far as the mirror knows
// what there is: before the first walk, one for each list that every company has.
func (c *Crawler) pollCalls(ctx context.Context, p *Plan) error {
	if c.cfg.Polls == nil {
		return nil
	}
	var types, attributes, nodes, normal, dynamic, members, units, departments int64
	args := pgx.NamedArgs{"tenant_key": c.cfg.TenantKey}
	err := c.pool.QueryRow(ctx, postgres.InOneGeneration(selectPollCalls), args).
		Scan(&types, &attributes, &nodes, &normal, &dynamic, &members, &units, &departments)
	if err != nil {
		return fmt.Errorf("read what is polled: %w", err)
	}
	wide := func(items int64) int64 { return max(1, (items+feishu.WidePageSize-1)/feishu.WidePageSize) }
	for r, calls := range map[Resource]map[string]int64{
		ResourceEmployeeTypes:    {feishu.EndpointEmployeeTypes: max(1, pages(types))},
		ResourceCustomAttributes: {feishu.EndpointCustomAttrs: max(1, pages(attributes))},
		ResourceScope:            {feishu.EndpointScopes: wide(nodes)},
		ResourceGroups:           {feishu.EndpointGroups: wide(normal) + wide(dynamic), feishu.EndpointGroupMembers: members},
		ResourceUnits:            {feishu.EndpointUnits: wide(units), feishu.EndpointUnitDepartments: departments},
	} {
		if !slices.Contains(c.cfg.Polls.cfg.Resources, r) {
			continue
		}
		for endpoint, n := range calls {
			if n > 0 {
				p.Calls[endpoint] += n
			}
		}
	}
	return nil
}
