package query

import (
	"context"
	"time"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

var unitDescriptor = (&pb.Unit{}).ProtoReflect().Descriptor()

const unitColumns = ` n.unit_id, n.name, n.unit_type, n.removed_at, n.removed_reason`

func newUnitRow() *resourceRow[*pb.Unit] {
	u := &pb.Unit{}
	var removedAt *time.Time
	return &resourceRow[*pb.Unit]{
		columns: []any{&u.Name, &u.UnitType, &removedAt, &u.RemovedReason},
		finish: func(id string) *pb.Unit {
			u.UnitId, u.RemovedAt = id, timestamp(removedAt)
			return u
		},
	}
}

func unitNotFound() error {
	return &failure{reason: reasonUnitNotFound, message: "no unit has this id"}
}

// GetUnit implements the RPC.
func (s *Service) GetUnit(ctx context.Context, req *pb.GetUnitRequest) (*pb.GetUnitResponse, error) {
	t, err := termsOf(ctx, req, unitDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("unit", req.GetUnit())
	if err != nil {
		return nil, err
	}
	unit, meta, err := readResource(ctx, s, t, newUnitRow, selectUnit, s.company(ctx), id)
	switch {
	case err != nil:
		return nil, err
	case unit == nil:
		return nil, unitNotFound()
	}
	return &pb.GetUnitResponse{
		Unit:     unit,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectUnit = `SELECT ` + momentColumns + `, true, '', '',` + unitColumns + fromMoment + `
LEFT JOIN directory.units AS n ON n.tenant_key = $1 AND n.unit_id = $2`

// ListUnits implements the RPC.
func (s *Service) ListUnits(ctx context.Context, req *pb.ListUnitsRequest) (*pb.ListUnitsResponse, error) {
	t, err := termsOf(ctx, req, unitDescriptor)
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	units, next, _, meta, err := readResources(ctx, s, t, p, newUnitRow, selectUnits, s.company(ctx), req.GetShowRemoved(), afterKey(p).First, p.limit())
	if err != nil {
		return nil, err
	}
	return &pb.ListUnitsResponse{
		Units: units, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectUnits = `WITH page AS (
    SELECT n.unit_id
    FROM directory.units AS n
    WHERE n.tenant_key = $1 AND n.unit_id > $3 AND ($2 OR n.removed_at IS NULL)
    ORDER BY n.unit_id
    LIMIT $4
)
SELECT ` + momentColumns + `, true, coalesce(p.unit_id, ''), '',` + unitColumns + fromMoment + `
LEFT JOIN (page AS p JOIN directory.units AS n ON n.tenant_key = $1 AND n.unit_id = p.unit_id) ON true
ORDER BY p.unit_id`

// ListUnitDepartments implements the RPC.
func (s *Service) ListUnitDepartments(ctx context.Context, req *pb.ListUnitDepartmentsRequest) (*pb.ListUnitDepartmentsResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("unit", req.GetUnit())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	newRow := func() *resourceRow[*pb.Department] {
		row := newDepartmentRow()
		return &resourceRow[*pb.Department]{columns: row.targets()[1:], finish: func(id string) *pb.Department {
			row.id = &id
			return row.message(t)
		}}
	}
	departments, next, found, meta, err := readResources(ctx, s, t, p, newRow, selectUnitDepartments,
		s.company(ctx), t.userIDType, t.departmentIDType, id, req.GetShowRemoved(), afterKey(p).First, p.limit())
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, unitNotFound()
	}
	return &pb.ListUnitDepartmentsResponse{
		Departments: departments, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectUnitDepartments = `WITH target AS (
    SELECT n.unit_id AS id
    FROM directory.units AS n
    WHERE n.tenant_key = $1 AND n.unit_id = $4
),
page AS (
    SELECT b.open_department_id
    FROM directory.unit_departments AS b
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = b.open_department_id
    WHERE b.tenant_key = $1 AND b.unit_id = $4 AND b.open_department_id > $6
      AND ($5 OR (b.removed_at IS NULL AND d.removed_at IS NULL))
    ORDER BY b.open_department_id
    LIMIT $7
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.open_department_id, ''), '',` + departmentColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.open_department_id) ON true
ORDER BY p.open_department_id`
