package query

import (
	"context"
	"strings"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// personKey orders people by who they are.
type personKey struct {
	OpenID string `json:"o"`
}

func (k personKey) valid() bool { return !strings.ContainsRune(k.OpenID, 0) }

func (k *personKey) targets() []any { return []any{&k.OpenID} }

// afterPerson is where a list of people by open_id goes on.
func afterPerson(p paging[personKey]) string {
	if p.after == nil {
		return ""
	}
	return p.after.OpenID
}

// ListUserReports implements the RPC.
func (s *Service) ListUserReports(ctx context.Context, req *pb.ListUserReportsRequest) (*pb.ListUserReportsResponse, error) {
	t, id, err := structureTerms(ctx, req, "user", req.GetUser())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[personKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	statement := selectReports
	args := []any{s.company(ctx), t.userIDType, t.departmentIDType, id, req.GetShowRemoved(), afterPerson(p), p.limit()}
	if req.GetRecursive() {
		statement, args = selectReportsBelow, append(args, manyReports)
	}
	var (
		now  moment
		page userPage[personKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readUsers(ctx, s, t, p, (*personKey).targets, statement, args...)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !page.known {
		return nil, userNotFound(t)
	}
	users, next, err := cutUsers(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.ListUserReportsResponse{
		Users: users, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// The index on managers compares as the database does, open_ids compare byte by
// byte: hence COLLATE "default".
const selectReports = `WITH ` + askedUser + `,
page AS (
    SELECT u.open_id
    FROM target AS t
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.leader_user_id = t.id COLLATE "default"
    WHERE u.open_id > $6
      AND u.open_id <> t.id
      AND ($5 OR u.removed_at IS NULL)
    ORDER BY u.open_id
    LIMIT $7
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.open_id`

// manyReports is from how many reports on a page is found by walking the company.
const manyReports = 5000

// There are two ways to the next people below a manager in order of open_id, as
// there are for departments (selectMembersBelow). Few: walk down, and sort. Many:
// walk the people in order and keep those whose way up comes to the manager, until
// the page is full. The one-time filters on many run only one of them; below is
// walked no further than somebody looks.
//
// A person has one manager, so the ways down from somebody meet again in nobody but
// himself: a walk down that leaves him out comes to an end. A walk up may come upon a
// cycle that he is not on: there UNION ends it.
const selectReportsBelow = `WITH RECURSIVE ` + askedUser + `,
below AS (
    SELECT t.id
    FROM target AS t
    UNION ALL
    SELECT u.open_id
    FROM below AS b
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.leader_user_id = b.id COLLATE "default"
    WHERE u.open_id <> (SELECT t.id FROM target AS t)
      AND ($5 OR u.removed_at IS NULL)
),
extent AS (
    SELECT count(*) > $8 AS many
    FROM (SELECT FROM below AS b LIMIT $8 + 1) AS x
),
page AS (
    (
        SELECT b.id AS open_id
        FROM below AS b
        WHERE NOT (SELECT e.many FROM extent AS e)
          AND b.id > $6
          AND b.id <> (SELECT t.id FROM target AS t)
        ORDER BY b.id
        LIMIT $7
    )
    UNION ALL
    (
        SELECT u.open_id
        FROM directory.users AS u
        WHERE (SELECT e.many FROM extent AS e)
          AND u.tenant_key = $1
          AND u.open_id > $6
          AND u.open_id <> (SELECT t.id FROM target AS t)
          AND ($5 OR u.removed_at IS NULL)
          AND EXISTS (
              WITH RECURSIVE up AS (
                  SELECT u.leader_user_id AS id
                  UNION
                  SELECT m.leader_user_id
                  FROM up AS w
                  JOIN directory.users AS m ON m.tenant_key = $1 AND m.open_id = w.id
                  WHERE m.open_id <> (SELECT t.id FROM target AS t)
                    AND ($5 OR m.removed_at IS NULL)
              )
              SELECT FROM up AS w WHERE w.id = (SELECT t.id FROM target AS t))
        ORDER BY u.open_id
        LIMIT $7
    )
)
SELECT ` + momentColumns + `, t.id IS NOT NULL, coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.open_id`
