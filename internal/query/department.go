package query

import (
	"context"
	"fmt"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

var departmentDescriptor = (&pb.Department{}).ProtoReflect().Descriptor()

// GetDepartment implements the RPC.
func (s *Service) GetDepartment(ctx context.Context, req *pb.GetDepartmentRequest) (*pb.GetDepartmentResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	var department *pb.Department
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		var asked *string
		row := newDepartmentRow()
		err = s.pool.QueryRow(ctx, selectDepartment, s.company(ctx), t.userIDType, t.departmentIDType, id).
			Scan(append(append(now.targets(), &asked), row.targets()...)...)
		if err != nil {
			return moment{}, fmt.Errorf("read a department: %w", err)
		}
		department = row.message(t)
		if department == nil && asked != nil {
			department = bareRoot(t)
		}
		return now, nil
	})
	if err != nil {
		return nil, err
	}
	if department == nil {
		return nil, departmentNotFound(t)
	}
	return &pb.GetDepartmentResponse{
		Department: department,
		Position:   meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectDepartment = `WITH ` + askedDepartment + `
SELECT ` + momentColumns + `, t.id,` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = t.id`

// ListDepartmentAncestors implements the RPC.
func (s *Service) ListDepartmentAncestors(ctx context.Context, req *pb.ListDepartmentAncestorsRequest) (*pb.ListDepartmentAncestorsResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	var (
		found       bool
		departments []*pb.Department
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		now, found, departments, err = s.ancestors(ctx, t, id)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, departmentNotFound(t)
	}
	return &pb.ListDepartmentAncestorsResponse{
		Departments: departments,
		Position:    meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

func (s *Service) ancestors(ctx context.Context, t terms, id string) (now moment, found bool, departments []*pb.Department, err error) {
	rows, err := s.pool.Query(ctx, selectAncestors, s.company(ctx), t.userIDType, t.departmentIDType, id)
	if err != nil {
		return moment{}, false, nil, fmt.Errorf("read ancestors: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var step *string // NULL where there is no ancestor
		row := newDepartmentRow()
		if err := rows.Scan(append(append(now.targets(), &found, &step), row.targets()...)...); err != nil {
			return moment{}, false, nil, fmt.Errorf("read ancestors: %w", err)
		}
		department := row.message(t)
		if department == nil && step != nil && *step == rootID {
			department = bareRoot(t)
		}
		if department != nil {
			departments = append(departments, department)
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, false, nil, fmt.Errorf("read ancestors: %w", err)
	}
	return now, found, departments, nil
}

// The path names the ancestors, and only those that really hold the department
// up: it ends where a parent is missing, gone, or on a cycle.
const selectAncestors = `WITH ` + askedDepartment + `
SELECT ` + momentColumns + `, t.id IS NOT NULL, p.id,` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM t.path), '/')) WITH ORDINALITY AS p (id, n) ON p.id <> t.id
LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.id
ORDER BY p.n DESC`
