package query

import (
	"context"
	"fmt"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// BatchGetDepartments implements the RPC.
func (s *Service) BatchGetDepartments(ctx context.Context, req *pb.BatchGetDepartmentsRequest) (*pb.BatchGetDepartmentsResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	ids := req.GetDepartmentIds()
	if err := texts("department_ids", ids, maxBatch); err != nil {
		return nil, err
	}
	var results []*pb.DepartmentResult
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		now, results, err = s.departmentsByID(ctx, t, ids)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	return &pb.BatchGetDepartmentsResponse{
		Results:  results,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

func (s *Service) departmentsByID(ctx context.Context, t terms, ids []string) (now moment, results []*pb.DepartmentResult, err error) {
	rows, err := s.pool.Query(ctx, selectDepartments, s.company(ctx), t.userIDType, t.departmentIDType, ids)
	if err != nil {
		return moment{}, nil, fmt.Errorf("read departments by id: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		result := &pb.DepartmentResult{}
		row := newDepartmentRow()
		if err := rows.Scan(append(append(now.targets(), &result.Id), row.targets()...)...); err != nil {
			return moment{}, nil, fmt.Errorf("read departments by id: %w", err)
		}
		if result.Department = row.message(t); result.Department == nil && result.Id == rootID {
			result.Department = bareRoot(t)
		}
		result.Missing = result.Department == nil
		results = append(results, result)
	}
	if err := rows.Err(); err != nil {
		return moment{}, nil, fmt.Errorf("read departments by id: %w", err)
	}
	if len(results) != len(ids) {
		return moment{}, nil, fmt.Errorf("read departments by id: %d rows for %d ids", len(results), len(ids))
	}
	return now, results, nil
}

const selectDepartments = `SELECT ` + momentColumns + `, a.id,` + departmentColumns + fromMoment + `
CROSS JOIN unnest($4::text[]) WITH ORDINALITY AS a (id, n)
LEFT JOIN directory.departments AS d
    ON d.tenant_key = $1
   AND d.open_department_id = CASE
       WHEN $3 = 'open_department_id' OR a.id = '0' THEN a.id
       ELSE ( -- see askedDepartment
           SELECT r.open_department_id
           FROM directory.departments AS r
           WHERE r.tenant_key = $1 AND r.department_id = a.id
           ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_department_id
           LIMIT 1)
       END
ORDER BY a.n`

// CountDepartmentUsers implements the RPC.
func (s *Service) CountDepartmentUsers(ctx context.Context, req *pb.CountDepartmentUsersRequest) (*pb.CountDepartmentUsersResponse, error) {
	departmentIDType, err := oneOf("department_id_type", req.GetDepartmentIdType(), openDepartmentID, departmentID)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	w, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	answer := &pb.CountDepartmentUsersResponse{}
	var found bool
	meta, err := s.read(ctx, w, func(ctx context.Context) (now moment, err error) {
		targets := append(now.targets(), &found, &answer.Users, &answer.PrimaryUsers,
			&answer.RecursiveUsers, &answer.RecursivePrimaryUsers, &answer.Descendants)
		if err := s.pool.QueryRow(ctx, selectCounts, s.company(ctx), openID, departmentIDType, id).Scan(targets...); err != nil {
			return moment{}, fmt.Errorf("count the users of a department: %w", err)
		}
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, departmentNotFound(terms{departmentIDType: departmentIDType})
	}
	answer.Position, answer.ConsistencyToken, answer.MirroredAt = meta.position, meta.consistencyToken, meta.mirroredAt
	answer.Staleness, answer.UpstreamConfirmedAt = meta.staleness, meta.upstreamConfirmedAt
	return answer, nil
}

// Who is in several departments is counted once, and by the primary one where that
// is among them.
const selectCounts = `WITH ` + askedDepartment + `,
subtree AS ` + subtreeDepartments + `,
own AS (
    SELECT count(*) AS users, count(*) FILTER (WHERE m.is_primary_dept) AS primary_users
    FROM target AS t
    JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = t.id
),
below AS (
    SELECT count(*) AS users, count(*) FILTER (WHERE p.is_primary) AS primary_users
    FROM (
        SELECT bool_or(m.is_primary_dept) AS is_primary
        FROM subtree AS s
        JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = s.id
        GROUP BY m.open_id
    ) AS p
)
SELECT ` + momentColumns + `, t.id IS NOT NULL AND $2::text IS NOT NULL,
       o.users, o.primary_users, b.users, b.primary_users, greatest((SELECT count(*) FROM subtree) - 1, 0)` + fromMoment + `
CROSS JOIN own AS o
CROSS JOIN below AS b
LEFT JOIN target AS t ON true`
