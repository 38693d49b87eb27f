package query

import (
	"context"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// maxLevels is more than departments can be deep: their paths would not fit.
const maxLevels = 1000

// descendantKey is a department's place below another: the keys of the departments
// on the way to it, itself last. It is a place still when the department is gone.
type descendantKey struct {
	Orders []string `json:"n"`
	IDs    []string `json:"d"`
}

func (k descendantKey) valid() bool {
	if len(k.IDs) != len(k.Orders) || len(k.IDs) > maxLevels {
		return false
	}
	for i, id := range k.IDs {
		if !(childKey{Order: k.Orders[i], ID: id}).valid() {
			return false
		}
	}
	return true
}

func (k *descendantKey) targets() []any { return []any{&k.Orders, &k.IDs} }

// ListDepartmentDescendants implements the RPC.
func (s *Service) ListDepartmentDescendants(ctx context.Context, req *pb.ListDepartmentDescendantsRequest) (*pb.ListDepartmentDescendantsResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	levels := req.GetMaxDepth()
	switch {
	case levels < 0:
		return nil, badField(reasonArgument, "max_depth", "must not be negative")
	case levels == 0:
		levels = maxLevels
	}
	p, err := pagingOf[descendantKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	after := descendantKey{Orders: []string{}, IDs: []string{}}
	if p.after != nil {
		after = *p.after
	}
	var (
		now  moment
		page departmentPage[descendantKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readDepartments(ctx, s, t, p, (*descendantKey).targets, selectDescendants, s.company(ctx), t.userIDType, t.departmentIDType, id,
			req.GetShowRemoved(), after.Orders, after.IDs, p.limit(), min(levels, maxLevels))
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !page.known {
		return nil, departmentNotFound(t)
	}
	departments, next, err := cutDepartments(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.ListDepartmentDescendantsResponse{
		Departments: departments, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// The walk goes from one department to the next: to its first child, or else to the
// next sibling of the nearest on its way that has one. So a page costs what is in it,
// however many there are. A step at level l looks below the department at level l-1
// for the first child after the one at level l; where the way is not that long, for
// the first of all.
//
// Target is asked by sub-selects and not joined, so that the index gives the order.
//
// A child hangs on its parent in path too, as in selectChildren. One that is gone has
// a parent like any other, so who comes upon a cycle of those came from it: hence the
// department asked about is left out.
const selectDescendants = `WITH RECURSIVE ` + askedDepartment + `,
walk AS (
    SELECT 0 AS n, $6::text[]::numeric[] AS orders, $7::text[] COLLATE "C" AS ids, '' COLLATE "C" AS id
    UNION ALL
    SELECT w.n + 1, x.orders, x.ids, x.id
    FROM walk AS w
    CROSS JOIN LATERAL (
        SELECT w.orders[:l.level - 1] || c.place AS orders, w.ids[:l.level - 1] || c.id AS ids, c.id
        FROM (
            SELECT g.level
            FROM generate_series(1, least(cardinality(w.ids) + 1, $9::integer)) AS g (level)
            ORDER BY g.level DESC
        ) AS l
        CROSS JOIN LATERAL (
            SELECT d.open_department_id AS id, coalesce(d.order_number, 'Infinity') AS place
            FROM directory.departments AS d
            WHERE d.tenant_key = $1
              AND d.parent_department_id = coalesce(w.ids[l.level - 1], (SELECT t.id FROM target AS t))
              AND (coalesce(d.order_number, 'Infinity'), d.open_department_id) > (coalesce(w.orders[l.level], '-Infinity'), coalesce(w.ids[l.level], ''))
              AND d.open_department_id <> (SELECT t.id FROM target AS t)
              AND CASE WHEN d.removed_at IS NULL
                       THEN d.path = (SELECT t.path FROM target AS t) || array_to_string(w.ids[:l.level - 1] || d.open_department_id, '/') || '/'
                       ELSE $5 END
            ORDER BY place, d.open_department_id
            LIMIT 1
        ) AS c
        ORDER BY l.level DESC
        LIMIT 1
    ) AS x
    WHERE w.n < $8
),
page AS (
    SELECT w.n, w.orders::text[] AS orders, w.ids, w.id
    FROM walk AS w
    WHERE w.n > 0
    ORDER BY w.n
    LIMIT $8
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.orders, '{}'), coalesce(p.ids, '{}'),` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.id) ON true
ORDER BY p.n`
