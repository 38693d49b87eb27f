package query

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// GetDepartmentPath implements the RPC.
func (s *Service) GetDepartmentPath(ctx context.Context, req *pb.GetDepartmentPathRequest) (*pb.GetDepartmentPathResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	var (
		found bool
		way   departmentWay
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		now, found, way, err = s.departmentWay(ctx, t, id)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, departmentNotFound(t)
	}
	return &pb.GetDepartmentPathResponse{
		Departments: way.departments, Names: way.names.joined(), Complete: way.complete,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// departmentWay is the way to a department.
type departmentWay struct {
	departments []*pb.Department
	names       pathNames
	complete    bool
}

func (s *Service) departmentWay(ctx context.Context, t terms, id string) (now moment, found bool, way departmentWay, err error) {
	rows, err := s.pool.Query(ctx, selectWay, s.company(ctx), t.userIDType, t.departmentIDType, id)
	if err != nil {
		return moment{}, false, way, fmt.Errorf("read a path: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var step *string // NULL where there is no such department
		row := newDepartmentRow()
		if err := rows.Scan(append(append(now.targets(), &found, &step), row.targets()...)...); err != nil {
			return moment{}, false, way, fmt.Errorf("read a path: %w", err)
		}
		if step == nil {
			continue
		}
		if row.id == nil {
			row.id = step // the root, which has no row of its own
		}
		way.complete = way.complete || *step == rootID
		if *step != rootID {
			way.names = append(way.names, [4]*string{row.department.Name, row.department.I18NName.ZhCn, row.department.I18NName.JaJp, row.department.I18NName.EnUs})
		}
		way.departments = append(way.departments, row.message(t))
	}
	if err := rows.Err(); err != nil {
		return moment{}, false, way, fmt.Errorf("read a path: %w", err)
	}
	return now, found, way, nil
}

// pathNames are, for each department on a path, its name and that in each locale.
type pathNames [][4]*string

func (n pathNames) joined() *pb.DepartmentPathNames {
	joined := &pb.DepartmentPathNames{Name: *n.in(0, true)}
	names := &pb.I18NName{ZhCn: n.in(1, false), JaJp: n.in(2, false), EnUs: n.in(3, false)}
	if names.ZhCn != nil || names.JaJp != nil || names.EnUs != nil {
		joined.I18NName = names
	}
	return joined
}

// in joins the names in one locale; nil where there are none in it.
func (n pathNames) in(locale int, always bool) *string {
	steps := make([]string, len(n))
	some := always
	for i, names := range n {
		name := names[locale]
		if name == nil || *name == "" {
			name = names[0]
		} else {
			some = true
		}
		if name != nil {
			steps[i] = *name
		}
	}
	if !some {
		return nil
	}
	return proto.String(strings.Join(steps, "/"))
}

// See selectAncestors for what the path says.
const selectWay = `WITH ` + askedDepartment + `
SELECT ` + momentColumns + `, t.id IS NOT NULL, p.id,` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM t.path), '/')) WITH ORDINALITY AS p (id, n) ON true
LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.id
ORDER BY p.n`
