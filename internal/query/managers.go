package query

import (
	"context"
	"fmt"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// askedUser is the person that a request names by $4, in the id kind $2: target is
// empty where there is no such person. See selectUsers for ids that were given away.
const askedUser = `asked AS (
    SELECT CASE
        WHEN $2 = 'open_id' THEN $4
        WHEN $2 = 'union_id' THEN (
            SELECT r.open_id
            FROM directory.users AS r
            WHERE r.tenant_key = $1 AND r.union_id = $4
            ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
            LIMIT 1)
        ELSE (
            SELECT r.open_id
            FROM directory.users AS r
            WHERE r.tenant_key = $1 AND r.user_id = $4
            ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
            LIMIT 1)
        END AS id
),
target AS (
    SELECT u.open_id AS id, u.leader_user_id, u.dotted_line_leader_user_ids, u.department_ids, u.attributes -> 'orders' AS orders, u.removed_at
    FROM asked AS a
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = a.id
)`

// structureRequest is a request about one person or department.
type structureRequest interface {
	directoryRequest
	GetShowRemoved() bool
}

// related reads a whole list of people that belong to one person or department. Its
// statement has the columns of the moment, whether what the list is of exists, those
// of each, and the user's.
func (s *Service) related(ctx context.Context, t terms, id string, showRemoved bool, statement string,
	extra []any, each func(*pb.User),
) (now moment, known bool, err error) {
	rows, err := s.pool.Query(ctx, statement, s.company(ctx), t.userIDType, t.departmentIDType, id, showRemoved)
	if err != nil {
		return moment{}, false, fmt.Errorf("read related users: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row := newUserRow()
		if err := rows.Scan(append(append(append(now.targets(), &known), extra...), row.targets()...)...); err != nil {
			return moment{}, false, fmt.Errorf("read related users: %w", err)
		}
		if user := row.message(t); user != nil {
			each(user)
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, false, fmt.Errorf("read related users: %w", err)
	}
	return now, known, nil
}

// structureTerms checks a request about one entity.
func structureTerms(ctx context.Context, req structureRequest, field, value string) (terms, string, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return terms{}, "", err
	}
	id, err := text(field, value)
	return t, id, err
}

// ListUserManagers implements the RPC.
func (s *Service) ListUserManagers(ctx context.Context, req *pb.ListUserManagersRequest) (*pb.ListUserManagersResponse, error) {
	t, id, err := structureTerms(ctx, req, "user", req.GetUser())
	if err != nil {
		return nil, err
	}
	var (
		users []*pb.User
		known bool
		ended string
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		users = nil
		now, known, err = s.related(ctx, t, id, req.GetShowRemoved(), selectManagers, []any{&ended},
			func(u *pb.User) { users = append(users, u) })
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, userNotFound(t)
	}
	return &pb.ListUserManagersResponse{
		Users: users, EndedBy: ended,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// The way up remembers whom it has passed, since people can be each other's
// managers. Why it ends is asked once, of the last one.
const selectManagers = `WITH RECURSIVE ` + askedUser + `,
up AS (
    SELECT 0 AS n, t.id, nullif(t.leader_user_id, '') AS above, ARRAY[t.id] AS passed
    FROM target AS t
    UNION ALL
    SELECT w.n + 1, u.open_id, nullif(u.leader_user_id, ''), w.passed || u.open_id
    FROM up AS w
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = w.above
    WHERE w.n < 200
      AND NOT u.open_id = ANY (w.passed)
      AND ($5 OR u.removed_at IS NULL)
),
ended AS (
    SELECT CASE
        WHEN w.above IS NULL THEN 'TOP'
        WHEN w.above = ANY (w.passed) THEN 'CYCLE'
        WHEN w.n = 200 THEN 'LIMIT'
        WHEN EXISTS (SELECT FROM directory.users AS u WHERE u.tenant_key = $1 AND u.open_id = w.above) THEN 'REMOVED'
        ELSE 'UNKNOWN'
        END AS by
    FROM up AS w
    ORDER BY w.n DESC
    LIMIT 1
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce((SELECT e.by FROM ended AS e), ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (up AS w JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = w.id) ON w.n > 0
ORDER BY w.n`

// ListUserDottedLineLeaders implements the RPC.
func (s *Service) ListUserDottedLineLeaders(ctx context.Context, req *pb.ListUserDottedLineLeadersRequest) (*pb.ListUserDottedLineLeadersResponse, error) {
	t, id, err := structureTerms(ctx, req, "user", req.GetUser())
	if err != nil {
		return nil, err
	}
	var (
		users []*pb.User
		known bool
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		users = nil
		now, known, err = s.related(ctx, t, id, req.GetShowRemoved(), selectDottedLineLeaders, nil,
			func(u *pb.User) { users = append(users, u) })
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, userNotFound(t)
	}
	return &pb.ListUserDottedLineLeadersResponse{
		Users:    users,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectDottedLineLeaders = `WITH ` + askedUser + `
SELECT ` + momentColumns + `, t.id IS NOT NULL,` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN LATERAL unnest(t.dotted_line_leader_user_ids) WITH ORDINALITY AS x (id, n) ON true
LEFT JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = x.id AND ($5 OR u.removed_at IS NULL)
ORDER BY x.n`

// ListDepartmentLeaders implements the RPC.
func (s *Service) ListDepartmentLeaders(ctx context.Context, req *pb.ListDepartmentLeadersRequest) (*pb.ListDepartmentLeadersResponse, error) {
	t, id, err := structureTerms(ctx, req, "department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	var (
		leaders []*pb.DepartmentLeaderUser
		known   bool
		kind    int32
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (now moment, err error) {
		leaders = nil
		now, known, err = s.related(ctx, t, id, req.GetShowRemoved(), selectLeaders, []any{&kind},
			func(u *pb.User) { leaders = append(leaders, &pb.DepartmentLeaderUser{LeaderType: kind, User: u}) })
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, departmentNotFound(t)
	}
	return &pb.ListDepartmentLeadersResponse{
		Leaders:  leaders,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

const selectLeaders = `WITH ` + askedDepartment + `
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(l.leader_type, 0),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN directory.department_leaders AS l ON l.tenant_key = $1 AND l.open_department_id = t.id
LEFT JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = l.open_id AND ($5 OR u.removed_at IS NULL)
ORDER BY l.leader_type, l.open_id`
