package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// ListUserDepartments implements the RPC.
func (s *Service) ListUserDepartments(ctx context.Context, req *pb.ListUserDepartmentsRequest) (*pb.ListUserDepartmentsResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("user", req.GetUser())
	if err != nil {
		return nil, err
	}
	var (
		known       bool
		departments []*pb.UserDepartment
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		now, known, departments, err = s.userDepartments(ctx, t, id, req.GetShowRemoved())
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, userNotFound(t)
	}
	return &pb.ListUserDepartmentsResponse{
		Departments: departments,
		Position:    meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

func (s *Service) userDepartments(ctx context.Context, t terms, user string, showRemoved bool) (now moment, known bool, all []*pb.UserDepartment, err error) {
	rows, err := s.pool.Query(ctx, selectUserDepartments, s.company(ctx), t.userIDType, t.departmentIDType, user, showRemoved)
	if err != nil {
		return moment{}, false, nil, fmt.Errorf("read the departments of a user: %w", err)
	}
	defer rows.Close()
	ids := map[*pb.UserDepartment]string{}
	for rows.Next() {
		var (
			id     *string // NULL where there is no department
			orders []byte
		)
		row := newDepartmentRow()
		if err := rows.Scan(append(append(now.targets(), &known, &id, &orders), row.targets()...)...); err != nil {
			return moment{}, false, nil, fmt.Errorf("read the departments of a user: %w", err)
		}
		if id == nil {
			continue
		}
		if row.id == nil { // never seen, or the root without a row of its own
			row.id = id
		}
		d := &pb.UserDepartment{Department: row.message(t)}
		for _, o := range ordersOf(orders) {
			if o.GetDepartmentId() == *id {
				d.UserOrder, d.DepartmentOrder, d.IsPrimaryDept = o.UserOrder, o.DepartmentOrder, o.GetIsPrimaryDept()
			}
		}
		ids[d] = *id
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return moment{}, false, nil, fmt.Errorf("read the departments of a user: %w", err)
	}
	rank := func(d *pb.UserDepartment) int64 {
		if d.DepartmentOrder == nil {
			return math.MinInt64
		}
		return d.GetDepartmentOrder()
	}
	slices.SortFunc(all, func(a, b *pb.UserDepartment) int {
		if a.GetIsPrimaryDept() != b.GetIsPrimaryDept() {
			if a.GetIsPrimaryDept() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(rank(b), rank(a)), strings.Compare(ids[a], ids[b]))
	})
	return now, known, all, nil
}

// Placements are few, so their order is left to the caller.
const selectUserDepartments = `WITH ` + askedUser + `
SELECT ` + momentColumns + `, t.id IS NOT NULL, x.id, t.orders,` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN LATERAL (
    SELECT x.id
    FROM unnest(t.department_ids) AS x (id)
    WHERE $5 OR (
        SELECT r.removed_at
        FROM directory.departments AS r
        WHERE r.tenant_key = $1 AND r.open_department_id = x.id) IS NULL
) AS x ON true
LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.id`
