package query

import (
	"context"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// ListUsers implements the RPC.
func (s *Service) ListUsers(ctx context.Context, req *pb.ListUsersRequest) (*pb.ListUsersResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	filter, err := parseUserFilter(req.GetFilter(), t.sensitive)
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[personKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	way := filter.way(req.GetRecursive(), t.past())
	args := append([]any{
		s.company(ctx), t.userIDType, t.departmentIDType, filter.department, req.GetShowRemoved(), afterPerson(p), p.limit(), way.wide,
	}, filter.args()...)
	var (
		now  moment
		page userPage[personKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readUsers(ctx, s, t, p, (*personKey).targets, way.statement, args...)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	users, next, err := cutUsers(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.ListUsersResponse{
		Users: users, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// filterWay is how the people who fit a filter are found: by the index that leaves
// the fewest to look at.
type filterWay struct {
	statement string
	wide      int // from how many on the people are walked instead; see the statements
}

// manyJoined is from how many people of a time of entry on they are walked.
const manyJoined = 2000

func (f *userFilter) way(recursive, past bool) filterWay {
	for _, way := range []struct{ field, statement string }{
		{byEmail, selectUsersByEmail},
		{byEnterpriseEmail, selectUsersByEnterpriseEmail},
		{byMobile, selectUsersByMobile},
		{byEmployeeNo, selectUsersByEmployeeNo},
	} {
		if f.values[way.field] != nil && f.department == "" {
			return filterWay{statement: way.statement}
		}
	}
	switch {
	case f.department != "" && recursive:
		return filterWay{selectUsersBelow, wideSubtree}
	case f.department != "":
		return filterWay{statement: selectUsersOfDepartment}
	case past: // history has no index on the rest
		return filterWay{statement: selectUsersInOrder}
	case f.values["city"] != nil:
		return filterWay{statement: selectUsersByCity}
	case f.joinFrom != nil || f.joinBefore != nil:
		return filterWay{selectUsersByJoinTime, manyJoined}
	case f.values["employee_type"] != nil:
		return filterWay{statement: selectUsersByEmployeeType}
	default:
		return filterWay{statement: selectUsersInOrder}
	}
}

// The statements have the same parameters, whichever of them they use. Each ends in
// the same conditions: an index leaves some people, and these choose among them.
const (
	usersHead = `WITH ` + askedDepartment + `,
page AS (
    SELECT u.open_id
    FROM directory.users AS u
    WHERE u.tenant_key = $1
      AND u.open_id > $6
      AND $8::bigint IS NOT NULL`

	filterConditions = `
      AND ($5 OR u.removed_at IS NULL)
      AND ($9::text IS NULL OR u.city = $9)
      AND ($10::integer IS NULL OR u.employee_type = $10)
      AND ($11::text IS NULL OR u.country = $11)
      AND ($12::text IS NULL OR u.job_title = $12)
      AND ($13::text IS NULL OR u.job_level_id = $13)
      AND ($14::text IS NULL OR u.job_family_id = $14)
      AND ($15::boolean IS NULL OR u.is_tenant_manager = $15)
      AND ($16::boolean IS NULL OR u.is_frozen = $16)
      AND ($17::boolean IS NULL OR u.is_resigned = $17)
      AND ($18::boolean IS NULL OR u.is_activated = $18)
      AND ($19::boolean IS NULL OR u.is_exited = $19)
      AND ($20::boolean IS NULL OR u.is_unjoin = $20)
      AND ($21::text IS NULL OR lower(u.email) = lower($21))
      AND ($22::text IS NULL OR lower(u.enterprise_email) = lower($22))
      AND ($23::text IS NULL OR u.mobile IN ($23, $28))
      AND ($24::text IS NULL OR u.employee_no = $24)
      AND ($25::integer IS NULL OR u.gender = $25)
      AND ($26::timestamptz IS NULL OR u.join_time >= $26)
      AND ($27::timestamptz IS NULL OR u.join_time < $27)
      AND ($28::text IS NULL OR true)`

	usersTail = `
    ORDER BY u.open_id
    LIMIT $7
)
` + usersFound

	usersFound = `SELECT ` + momentColumns + `, true, coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.open_id`
)

const (
	selectUsersInOrder           = usersHead + filterConditions + usersTail
	selectUsersByCity            = usersHead + ` AND u.city = $9` + filterConditions + usersTail
	selectUsersByEmployeeType    = usersHead + ` AND u.employee_type = $10` + filterConditions + usersTail
	selectUsersByEmail           = usersHead + ` AND lower(u.email) = lower($21)` + filterConditions + usersTail
	selectUsersByEnterpriseEmail = usersHead + ` AND lower(u.enterprise_email) = lower($22)` + filterConditions + usersTail
	selectUsersByMobile          = usersHead + ` AND u.mobile IN ($23, $28)` + filterConditions + usersTail
	selectUsersByEmployeeNo      = usersHead + ` AND u.employee_no = $24` + filterConditions + usersTail
)

const selectUsersOfDepartment = `WITH ` + askedDepartment + `,
page AS (
    SELECT u.open_id
    FROM (
        SELECT m.open_id
        FROM target AS t
        JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = t.id AND m.open_id > $6
        UNION
        SELECT r.open_id
        FROM target AS t
        JOIN directory.users AS r ON r.tenant_key = $1 AND r.open_id > $6 AND r.department_ids @> ARRAY[t.id]
        WHERE $5 AND r.removed_at IS NOT NULL
    ) AS k
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = k.open_id
    WHERE $8::bigint IS NOT NULL` + filterConditions + usersTail

// See selectMembersBelow for the two ways through a subtree.
const selectUsersBelow = `WITH ` + askedDepartment + `,
` + subtreeExtent + `,
page AS (
    (
        SELECT u.open_id
        FROM (
            SELECT m.open_id
            FROM ` + subtreeDepartments + ` AS s
            JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = s.id AND m.open_id > $6
            WHERE NOT (SELECT e.wide FROM extent AS e)
            GROUP BY m.open_id
        ) AS k
        JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = k.open_id
        WHERE true` + filterConditions + `
        ORDER BY u.open_id
        LIMIT $7
    )
    UNION ALL
    (
        SELECT u.open_id
        FROM directory.users AS u
        WHERE (SELECT e.wide FROM extent AS e)
          AND u.tenant_key = $1
          AND u.open_id > $6
          AND ` + inSubtree + filterConditions + `
        ORDER BY u.open_id
        LIMIT $7
    )
)
` + usersFound

// Few who entered in a time are found by the index on it, and sorted; many by a walk.
const selectUsersByJoinTime = `WITH ` + askedDepartment + `,
extent AS (
    SELECT count(*) >= $8 AS wide
    FROM (
        SELECT
        FROM directory.users AS u
        WHERE u.tenant_key = $1
          AND u.join_time >= coalesce($26::timestamptz, '-infinity')
          AND u.join_time < coalesce($27::timestamptz, 'infinity')
        LIMIT $8
    ) AS x
),
page AS (
    (
        SELECT u.open_id
        FROM directory.users AS u
        WHERE NOT (SELECT e.wide FROM extent AS e)
          AND u.tenant_key = $1
          AND u.join_time >= coalesce($26::timestamptz, '-infinity')
          AND u.join_time < coalesce($27::timestamptz, 'infinity')
          AND u.open_id > $6` + filterConditions + `
        ORDER BY u.open_id
        LIMIT $7
    )
    UNION ALL
    (
        SELECT u.open_id
        FROM directory.users AS u
        WHERE (SELECT e.wide FROM extent AS e)
          AND u.tenant_key = $1
          AND u.open_id > $6` + filterConditions + `
        ORDER BY u.open_id
        LIMIT $7
    )
)
` + usersFound
