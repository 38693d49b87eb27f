package query

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// ListUserChanges implements the RPC.
func (s *Service) ListUserChanges(ctx context.Context, req *pb.ListUserChangesRequest) (*pb.ListUserChangesResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("user", req.GetUser())
	if err != nil {
		return nil, err
	}
	line, err := s.timeline(ctx, req, t, userVersions, id)
	if err != nil {
		return nil, err
	}
	if !line.known {
		return nil, userNotFound(t)
	}
	changes := make([]*pb.UserChange, len(line.changes))
	for i, c := range line.changes {
		changes[i] = &pb.UserChange{Kind: c.kind, Paths: c.paths, After: c.after.(*pb.User), Cause: c.cause}
		if c.before != nil {
			changes[i].Before = c.before.(*pb.User)
		}
	}
	meta := line.meta
	return &pb.ListUserChangesResponse{
		Changes: changes, NextPageToken: line.next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// ListDepartmentChanges implements the RPC.
func (s *Service) ListDepartmentChanges(ctx context.Context, req *pb.ListDepartmentChangesRequest) (*pb.ListDepartmentChangesResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	line, err := s.timeline(ctx, req, t, departmentVersions, id)
	if err != nil {
		return nil, err
	}
	if !line.known {
		return nil, departmentNotFound(t)
	}
	changes := make([]*pb.DepartmentChange, len(line.changes))
	for i, c := range line.changes {
		changes[i] = &pb.DepartmentChange{Kind: c.kind, Paths: c.paths, After: c.after.(*pb.Department), Cause: c.cause}
		if c.before != nil {
			changes[i].Before = c.before.(*pb.Department)
		}
	}
	meta := line.meta
	return &pb.ListDepartmentChangesResponse{
		Changes: changes, NextPageToken: line.next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

var userVersions = versionReader{
	statement: selectUserVersions,
	row: func(t terms) ([]any, func() (proto.Message, bool)) {
		row := newUserRow()
		return row.targets(), func() (proto.Message, bool) {
			gone := row.removedAt != nil
			user := row.message(t)
			if user == nil {
				return nil, false // and not an interface that holds nil
			}
			return user, gone
		}
	},
}

var departmentVersions = versionReader{
	statement: selectDepartmentVersions,
	row: func(t terms) ([]any, func() (proto.Message, bool)) {
		row := newDepartmentRow()
		return row.targets(), func() (proto.Message, bool) {
			gone := row.removedAt != nil
			department := row.message(t)
			if department == nil {
				return nil, false
			}
			return department, gone
		}
	},
}

// History has no pictures. The versions are picked before anything is looked up
// for them.
const selectUserVersions = `WITH ` + askedUser + `,
picked AS (
    SELECT v.open_id, v.from_position
    FROM history.users AS v
    WHERE v.tenant_key = $1 AND v.open_id = (SELECT t.id FROM target AS t) AND v.from_position <= $5
    ORDER BY v.from_position DESC
    LIMIT $6
)
SELECT ` + momentColumns + `, t.id IS NOT NULL,` + versionColumns + `,` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN picked AS v ON true
LEFT JOIN mirror.event_log AS l ON l.position = v.from_position
LEFT JOIN (SELECT w.*, NULL::jsonb AS avatar FROM history.users AS w) AS u
    ON u.tenant_key = $1 AND u.open_id = v.open_id AND u.from_position = v.from_position
ORDER BY v.from_position DESC`

// Nor does it have member counts.
const selectDepartmentVersions = `WITH ` + askedDepartment + `,
picked AS (
    SELECT v.open_department_id, v.from_position
    FROM history.departments AS v
    WHERE v.tenant_key = $1 AND v.open_department_id = (SELECT t.id FROM target AS t) AND v.from_position <= $5
    ORDER BY v.from_position DESC
    LIMIT $6
)
SELECT ` + momentColumns + `, t.id IS NOT NULL,` + versionColumns + `,` + departmentColumnsThen + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN picked AS v ON true
LEFT JOIN mirror.event_log AS l ON l.position = v.from_position
LEFT JOIN (SELECT w.*, NULL::bigint AS member_count, NULL::bigint AS primary_member_count FROM history.departments AS w) AS d
    ON d.tenant_key = $1 AND d.open_department_id = v.open_department_id AND d.from_position = v.from_position
ORDER BY v.from_position DESC`
