package query

import (
	"context"
	"strings"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// foundKey orders the people found.
type foundKey struct {
	Rank   int64  `json:"r"` // 0 for an exact match, 1 for a prefix
	Name   string `json:"n"`
	OpenID string `json:"o"`
}

func (k foundKey) valid() bool {
	return !strings.ContainsRune(k.Name, 0) && !strings.ContainsRune(k.OpenID, 0)
}

func (k *foundKey) targets() []any {
	return []any{&k.Rank, &k.Name, &k.OpenID}
}

// SearchUsers implements the RPC.
func (s *Service) SearchUsers(ctx context.Context, req *pb.SearchUsersRequest) (*pb.SearchUsersResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	query, err := text("query", strings.TrimSpace(req.GetQuery()))
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[foundKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	after := foundKey{Rank: -1}
	if p.after != nil {
		after = *p.after
	}
	var (
		now  moment
		page userPage[foundKey]
	)
	meta, err := s.read(ctx, t.fresh, func(ctx context.Context) (_ moment, err error) {
		now, page, err = readUsers(ctx, s, t, p, (*foundKey).targets, selectFound,
			s.company(ctx), t.userIDType, t.departmentIDType, query, req.GetShowRemoved(),
			after.Rank, after.Name, after.OpenID, p.limit())
		return now, err
	})
	if err != nil {
		return nil, err
	}
	users, next, err := cutUsers(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.SearchUsersResponse{
		Users: users, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// The prefix is a range over the indexes on lower(name) and its like, compared
// byte by byte: nothing in it has a meaning of its own, as % would in LIKE. The
// range ends before the prefix followed by the last code point, which no name
// has.
const selectFound = `
WITH asked AS (
    SELECT lower($4) AS prefix, lower($4) || chr(1114111) AS beyond
),
found AS (
    SELECT u.open_id
    FROM asked AS a
    JOIN directory.users AS u ON u.tenant_key = $1 AND lower(u.name) ~>=~ a.prefix AND lower(u.name) ~<~ a.beyond
    UNION
    SELECT u.open_id
    FROM asked AS a
    JOIN directory.users AS u ON u.tenant_key = $1 AND lower(u.en_name) ~>=~ a.prefix AND lower(u.en_name) ~<~ a.beyond
    UNION
    SELECT u.open_id
    FROM asked AS a
    JOIN directory.users AS u ON u.tenant_key = $1 AND lower(u.nickname) ~>=~ a.prefix AND lower(u.nickname) ~<~ a.beyond
),
ranked AS (
    SELECT f.open_id,
           coalesce(u.name, '') COLLATE "C" AS name,
           CASE WHEN a.prefix IN (lower(u.name), lower(u.en_name), lower(u.nickname)) THEN 0::bigint ELSE 1 END AS rank
    FROM asked AS a
    CROSS JOIN found AS f
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = f.open_id
    WHERE $5 OR u.removed_at IS NULL
),
page AS (
    SELECT r.rank, r.name, r.open_id
    FROM ranked AS r
    WHERE (r.rank, r.name, r.open_id) > ($6, $7, $8)
    ORDER BY r.rank, r.name, r.open_id
    LIMIT $9
)
SELECT ` + momentColumns + `, true, coalesce(p.rank, 0), coalesce(p.name, ''), coalesce(p.open_id, ''),` + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.rank, p.name, p.open_id`
