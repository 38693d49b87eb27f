package query

import (
	"context"
	"math"
	"strings"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// memberKey orders the people of a department. In recursive lists the rank is
// the same for all.
type memberKey struct {
	Rank   int64  `json:"r"` // user_order; the smallest number where it is not known
	OpenID string `json:"o"`
}

func (k memberKey) valid() bool { return !strings.ContainsRune(k.OpenID, 0) }

func (k *memberKey) targets() []any { return []any{&k.Rank, &k.OpenID} }

// ListDepartmentUsers implements the RPC.
func (s *Service) ListDepartmentUsers(ctx context.Context, req *pb.ListDepartmentUsersRequest) (*pb.ListDepartmentUsersResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	department, err := text("department", req.GetDepartment())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[memberKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	after := memberKey{Rank: math.MaxInt64}
	if p.after != nil {
		after = *p.after
	}
	statement := selectMembers
	args := []any{s.company(ctx), t.userIDType, t.departmentIDType, department, req.GetShowRemoved(), after.OpenID, p.limit(), after.Rank}
	if req.GetRecursive() {
		statement, args[len(args)-1] = selectMembersBelow, wideSubtree
	}
	var (
		now  moment
		page userPage[memberKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readUsers(ctx, s, t, p, (*memberKey).targets, statement, args...)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !page.known {
		return nil, departmentNotFound(t)
	}
	users, next, err := cutUsers(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.ListDepartmentUsersResponse{
		Users: users, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// Those who left have no membership any more; their last departments stay with
// them.
const selectMembers = `WITH ` + askedDepartment + `,
page AS (
    SELECT k.open_id, k.rank
    FROM (
        SELECT m.open_id, coalesce(m.user_order, -9223372036854775808) AS rank
        FROM target AS t
        JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = t.id
        UNION ALL
        SELECT u.open_id, -9223372036854775808
        FROM target AS t
        JOIN directory.users AS u ON u.tenant_key = $1 AND u.department_ids @> ARRAY[t.id]
        WHERE $5 AND u.removed_at IS NOT NULL
    ) AS k
    WHERE k.rank < $8 OR (k.rank = $8 AND k.open_id > $6)
    ORDER BY k.rank DESC, k.open_id
    LIMIT $7
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.rank, 0), coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.rank DESC, p.open_id`

// wideSubtree is from how many departments on a subtree is walked person by
// person instead of department by department.
const wideSubtree = 100

// The parts that a list of the people of a subtree is made of.
const (
	subtreeExtent = `extent AS (
    SELECT $5 OR count(*) >= $8 AS wide
    FROM (
        SELECT
        FROM directory.departments AS d
        WHERE d.tenant_key = $1
          AND d.path >= (SELECT t.path FROM target AS t)
          AND d.path < (SELECT t.beyond FROM target AS t)
        LIMIT $8
    ) AS x
)`

	subtreeDepartments = `(
            SELECT t.id
            FROM target AS t
            UNION
            SELECT d.open_department_id
            FROM directory.departments AS d
            WHERE d.tenant_key = $1
              AND d.path >= (SELECT t.path FROM target AS t)
              AND d.path < (SELECT t.beyond FROM target AS t)
              AND d.removed_at IS NULL
        )`

	inSubtree = `EXISTS (
              SELECT
              FROM target AS t
              CROSS JOIN unnest(u.department_ids) AS x (id)
              LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = x.id
              WHERE x.id = t.id
                 OR (d.path >= t.path AND d.path < t.beyond AND ($5 OR d.removed_at IS NULL)))`
)

// There are two ways to the next people of a subtree in order of open_id. A small
// one: collect the people of all its departments, and sort. A wide one: walk the
// people in order and keep those with a department in it, until the page is full;
// the wider the subtree, the sooner. The one-time filters on wide run only one of
// them. People who left are in no department any more, so they are found by the
// walk. The bounds of the path are sub-selects and not joined columns: that is how
// the planner sees a range, and a small one.
const selectMembersBelow = `WITH ` + askedDepartment + `,
` + subtreeExtent + `,
page AS (
    (
        SELECT m.open_id
        FROM ` + subtreeDepartments + ` AS s
        JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = s.id AND m.open_id > $6
        WHERE NOT (SELECT e.wide FROM extent AS e)
        GROUP BY m.open_id
        ORDER BY m.open_id
        LIMIT $7
    )
    UNION ALL
    (
        SELECT u.open_id
        FROM directory.users AS u
        WHERE (SELECT e.wide FROM extent AS e)
          AND u.tenant_key = $1
          AND u.open_id > $6
          AND ($5 OR u.removed_at IS NULL)
          AND ` + inSubtree + `
        ORDER BY u.open_id
        LIMIT $7
    )
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, 0::bigint, coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.open_id`
