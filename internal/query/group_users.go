package query

import (
	"context"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// ListGroupUsers implements the RPC.
func (s *Service) ListGroupUsers(ctx context.Context, req *pb.ListGroupUsersRequest) (*pb.ListGroupUsersResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("group", req.GetGroup())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	var (
		now  moment
		page userPage[listKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readUsers(ctx, s, t, p, func(k *listKey) []any { return []any{&k.First} }, selectGroupUsers,
			s.company(ctx), t.userIDType, t.departmentIDType, id, req.GetShowRemoved(), afterKey(p).First, p.limit(), req.GetRecursive(), wideSubtree)
		return now, err
	})
	switch {
	case err != nil:
		return nil, err
	case !page.known:
		return nil, groupNotFound()
	}
	users, next, err := cutUsers(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.ListGroupUsersResponse{
		Users: users, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// The people of a group's departments are found in the two ways of
// selectMembersBelow: department by department where these are few, person by person
// where they are many. Paths end where they would go in circles. LIMIT and OFFSET
// keep the planner to a look into the index for each root.
const selectGroupUsers = `WITH ` + askedGroup + `,
` + groupRoots + `,
` + groupExtent + `,
page AS (
    SELECT k.open_id
    FROM (
        (
            SELECT m.member_id AS open_id
            FROM directory.group_members AS m
            JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = m.member_id
            WHERE m.tenant_key = $1 AND m.group_id = $4 AND m.member_type = 'user' AND m.member_id > $6
              AND ($5 OR (m.removed_at IS NULL AND u.removed_at IS NULL))
            ORDER BY m.member_id
            LIMIT $7
        )
        UNION
        (
            SELECT m.open_id
            FROM ` + groupDepartments + ` AS s
            JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = s.id AND m.open_id > $6
            WHERE NOT (SELECT e.wide FROM extent AS e)
            GROUP BY m.open_id
            ORDER BY m.open_id
            LIMIT $7
        )
        UNION
        (
            SELECT u.open_id
            FROM directory.users AS u
            WHERE (SELECT e.wide FROM extent AS e)
              AND u.tenant_key = $1
              AND u.open_id > $6
              AND ($5 OR u.removed_at IS NULL)
              AND ` + inGroupRoots + `
            ORDER BY u.open_id
            LIMIT $7
        )
    ) AS k
    ORDER BY k.open_id
    LIMIT $7
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.open_id`

// The parts of it that are about departments.
const (
	groupRoots = `roots AS (
    SELECT d.path, left(d.path, -1) || '0' AS beyond
    FROM directory.group_members AS m
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = m.member_id
    WHERE $8 AND m.tenant_key = $1 AND m.group_id = $4 AND m.member_type = 'department' AND ($5 OR (m.removed_at IS NULL AND d.removed_at IS NULL))
)`

	groupExtent = `extent AS (
    SELECT $8 AND ($5 OR count(*) >= $9) AS wide
    FROM (
        SELECT
        FROM roots AS r
        CROSS JOIN LATERAL (
            SELECT
            FROM directory.departments AS d
            WHERE d.tenant_key = $1 AND d.path >= r.path AND d.path < r.beyond
            LIMIT $9
        ) AS d
        LIMIT $9
    ) AS x
)`

	groupDepartments = `(
                SELECT DISTINCT d.id
                FROM roots AS r
                CROSS JOIN LATERAL (
                    SELECT d.open_department_id AS id
                    FROM directory.departments AS d
                    WHERE d.tenant_key = $1 AND d.path >= r.path AND d.path < r.beyond AND d.removed_at IS NULL
                    OFFSET 0
                ) AS d
            )`

	inGroupRoots = `EXISTS (
                  SELECT
                  FROM unnest(u.department_ids) AS x (id)
                  JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.id AND ($5 OR d.removed_at IS NULL)
                  JOIN roots AS r ON d.path >= r.path AND d.path < r.beyond)`
)

// ListUserGroups implements the RPC.
func (s *Service) ListUserGroups(ctx context.Context, req *pb.ListUserGroupsRequest) (*pb.ListUserGroupsResponse, error) {
	t, err := termsOf(ctx, req, groupDescriptor)
	if err != nil {
		return nil, err
	}
	id, err := text("user", req.GetUser())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[listKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	groups, next, found, meta, err := readResources(ctx, s, t, p, newGroupRow, selectUserGroups,
		s.company(ctx), t.userIDType, t.departmentIDType, id, req.GetShowRemoved(), req.GetRecursive(), afterKey(p).First, p.limit())
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, &failure{
			reason: reasonUserNotFound, message: "no user has this " + t.userIDType,
			metadata: map[string]string{"user_id_type": t.userIDType},
		}
	}
	return &pb.ListUserGroupsResponse{
		Groups: groups, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// Who left is in no department any more; their last ones stay with them. A path names
// the departments above.
const selectUserGroups = `WITH ` + askedUser + `,
holders AS (
    SELECT 'user' AS kind, t.id
    FROM target AS t
    UNION
    SELECT 'department', p.id
    FROM target AS t
    CROSS JOIN unnest(t.department_ids) AS x (id)
    LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.id
    CROSS JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM coalesce(d.path, x.id)), '/')) AS p (id)
    WHERE $6 AND ($5 OR t.removed_at IS NULL)
),
page AS (
    SELECT g.group_id
    FROM holders AS h
    CROSS JOIN LATERAL (
        SELECT m.group_id
        FROM directory.group_members AS m
        WHERE m.tenant_key = $1 AND m.member_id = h.id AND m.group_id > $7 AND m.member_type = h.kind AND ($5 OR m.removed_at IS NULL)
        OFFSET 0
    ) AS m
    JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = m.group_id AND ($5 OR g.removed_at IS NULL)
    GROUP BY g.group_id
    ORDER BY g.group_id
    LIMIT $8
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.group_id, ''), '',` + groupColumns + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = p.group_id) ON true
ORDER BY p.group_id`
