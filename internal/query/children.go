package query

import (
	"context"
	"regexp"
	"strings"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// childKey orders the departments below one.
type childKey struct {
	Order string `json:"n"` // a number; Infinity where there is none
	ID    string `json:"d"`
}

var orderNumber = regexp.MustCompile(`^(-?[0-9]{1,60}(\.[0-9]{1,60})?|-?Infinity)$`)

func (k childKey) valid() bool {
	return orderNumber.MatchString(k.Order) && !strings.ContainsRune(k.ID, 0)
}

func (k *childKey) targets() []any { return []any{&k.Order, &k.ID} }

// ListDepartmentChildren implements the RPC.
func (s *Service) ListDepartmentChildren(ctx context.Context, req *pb.ListDepartmentChildrenRequest) (*pb.ListDepartmentChildrenResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[childKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	after := childKey{Order: "-Infinity"}
	if p.after != nil {
		after = *p.after
	}
	var (
		now  moment
		page departmentPage[childKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readDepartments(ctx, s, t, p, (*childKey).targets, selectChildren, s.company(ctx), t.userIDType, t.departmentIDType, id,
			req.GetShowRemoved(), after.Order, after.ID, p.limit())
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
	return &pb.ListDepartmentChildrenResponse{
		Departments: departments, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// A child is one that hangs on the department in path too: on a cycle everybody
// has a parent, and who followed these would never come to an end. The path of a
// department that is gone says nothing of the kind, but it holds nobody up.
const selectChildren = `WITH ` + askedDepartment + `,
page AS (
    SELECT d.open_department_id, coalesce(d.order_number, 'Infinity') AS place
    FROM target AS t
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.parent_department_id = t.id
    WHERE (d.path = t.path || d.open_department_id || '/' OR d.removed_at IS NOT NULL)
      AND ($5 OR d.removed_at IS NULL)
      AND (coalesce(d.order_number, 'Infinity'), d.open_department_id) > ($6::text::numeric, $7)
    ORDER BY place, d.open_department_id
    LIMIT $8
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.place, 0)::text, coalesce(p.open_department_id, ''),` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.open_department_id) ON true
ORDER BY p.place, p.open_department_id`
