package query

import (
	"context"
	"strings"

	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// foundKey orders what a search found: by the first of its keys that fits.
type foundKey struct {
	Part int64  `json:"p"` // 0 for the beginning of a name, 1 for a part of one
	Key  string `json:"k"`
	ID   string `json:"i"`
}

func (k foundKey) valid() bool {
	return !strings.ContainsRune(k.Key, 0) && !strings.ContainsRune(k.ID, 0)
}

func (k *foundKey) targets() []any { return []any{&k.Part, &k.Key, &k.ID} }

// searched reads the query of a search.
func searched(query string) (searchkey.Query, error) {
	trimmed, err := text("query", strings.TrimSpace(query))
	if err != nil {
		return searchkey.Query{}, err
	}
	q := searchkey.Parse(trimmed)
	if len(q.Prefixes) == 0 {
		return searchkey.Query{}, badField(reasonArgument, "query", "must hold a letter, a digit or a sign that is no punctuation")
	}
	return q, nil
}

func searchNotReady() error {
	return &failure{reason: reasonSearchNotReady, message: "what is searched is being made, after an upgrade: try again in some seconds"}
}

// searchArgs are the parameters of a search.
func (s *Service) searchArgs(ctx context.Context, t terms, p paging[foundKey], q searchkey.Query, showRemoved bool) []any {
	after := foundKey{Part: -1}
	if p.after != nil {
		after = *p.after
	}
	return []any{
		s.company(ctx), t.userIDType, t.departmentIDType, q.Prefixes, showRemoved,
		after.Part, after.Key, after.ID, p.limit(), t.sensitive, q.Written,
	}
}

// SearchUsers implements the RPC.
func (s *Service) SearchUsers(ctx context.Context, req *pb.SearchUsersRequest) (*pb.SearchUsersResponse, error) {
	t, err := termsOf(ctx, req, userDescriptor)
	if err != nil {
		return nil, err
	}
	q, err := searched(req.GetQuery())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[foundKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	var (
		now  moment
		page userPage[foundKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		if t.past() {
			now, page.known, page.users, page.keys, err = pastUsers.find(ctx, s, t, p, q, req.GetShowRemoved())
			return now, err
		}
		now, page, err = readUsers(ctx, s, t, p, (*foundKey).targets, selectFoundUsers, s.searchArgs(ctx, t, p, q, req.GetShowRemoved())...)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !page.known {
		return nil, searchNotReady()
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

// SearchDepartments implements the RPC.
func (s *Service) SearchDepartments(ctx context.Context, req *pb.SearchDepartmentsRequest) (*pb.SearchDepartmentsResponse, error) {
	t, err := termsOf(ctx, req, departmentDescriptor)
	if err != nil {
		return nil, err
	}
	q, err := searched(req.GetQuery())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[foundKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	var (
		now  moment
		page departmentPage[foundKey]
	)
	meta, err := s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		if t.past() {
			now, page.known, page.departments, page.keys, err = pastDepartments.find(ctx, s, t, p, q, req.GetShowRemoved())
			return now, err
		}
		now, page, err = readDepartments(ctx, s, t, p, (*foundKey).targets, selectFoundDepartments, s.searchArgs(ctx, t, p, q, req.GetShowRemoved())...)
		return now, err
	})
	if err != nil {
		return nil, err
	}
	if !page.known {
		return nil, searchNotReady()
	}
	departments, next, err := cutDepartments(now, p, page)
	if err != nil {
		return nil, err
	}
	return &pb.SearchDepartmentsResponse{
		Departments: departments, NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// A search walks the index on keys from the prefix on, first through the beginnings
// of names and then through parts of them, and stops when the page is full: it does
// not matter how many fit. Who has several keys that fit is found by the first, so
// every other is asked whether there is one before it. Keys are compared byte by
// byte, so that exact matches come first, and nothing in them has a meaning of its
// own, as % would in LIKE. The range has one beginning, the prefix or where the page
// before ended: of two, the index may take the lower one. It ends before the prefix
// followed by the last code point, which no name has. Keys that the caller may not see
// are not there for him.
const (
	searchAsked = `asked AS (
    SELECT a.prefix, a.prefix || chr(1114111) AS beyond
    FROM unnest($4::text[]) AS a (prefix)
),
steps AS (
    SELECT s.part, a.prefix, a.beyond,
           CASE WHEN s.part::integer = $6 AND $7 COLLATE "C" >= a.prefix COLLATE "C" THEN $7 ELSE a.prefix END AS key,
           CASE WHEN s.part::integer = $6 AND $7 COLLATE "C" >= a.prefix COLLATE "C" THEN $8 ELSE '' END AS id
    FROM (VALUES (false), (true)) AS s (part)
    CROSS JOIN asked AS a
    WHERE s.part::integer >= $6
)`

	searchRange = `
        WHERE k.tenant_key = $1
          AND k.part = s.part
          AND (k.key, k.entity_id) > (s.key, s.id)
          AND k.key < s.beyond
          AND ($10 OR NOT k.sensitive)
          AND NOT EXISTS (
              SELECT
              FROM asked AS b
              JOIN directory.search_keys AS e
                  ON e.tenant_key = $1 AND e.entity_id = k.entity_id AND e.key >= b.prefix AND e.key < b.beyond
              WHERE ($10 OR NOT e.sensitive)
                AND CASE WHEN e.entity_kind = k.entity_kind THEN (e.part, e.key) < (k.part, k.key) END) -- CASE keeps it off the other index`

	searchReady = `coalesce((SELECT g.search_version > 0 FROM mirror.generation AS g WHERE g.state = 'serving'), false)`
)

// foundUsers and foundDepartments are the next keys of a step s that fit.
const (
	foundUsers = `
    CROSS JOIN LATERAL (
        SELECT k.part::integer AS part, k.key, k.entity_id
        FROM directory.search_keys AS k
        JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = k.entity_id` + searchRange + `
          AND k.entity_kind = 'user'
          AND ($5 OR u.removed_at IS NULL)
          AND NOT EXISTS (
              SELECT
              FROM unnest($11::text[]) AS w (run)
              WHERE position(w.run IN concat_ws(' ', u.name, u.en_name, u.nickname)) = 0)
        ORDER BY k.key, k.entity_id
        LIMIT $9
    ) AS f`

	foundDepartments = `
    CROSS JOIN LATERAL (
        SELECT k.part::integer AS part, k.key, k.entity_id
        FROM directory.search_keys AS k
        JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = k.entity_id` + searchRange + `
          AND k.entity_kind = 'department'
          AND ($5 OR d.removed_at IS NULL)
          AND NOT EXISTS (
              SELECT
              FROM unnest($11::text[]) AS w (run)
              WHERE position(w.run IN concat_ws(' ', d.name, d.i18n_name ->> 'zh_cn', d.i18n_name ->> 'ja_jp', d.i18n_name ->> 'en_us')) = 0)
        ORDER BY k.key, k.entity_id
        LIMIT $9
    ) AS f`

	// Parts of names are looked through only where the beginnings do not fill the page:
	// most who are found there were found before, and finding that out takes time.
	foundWhole = `,
whole AS (
    SELECT f.part, f.key, f.entity_id
    FROM steps AS s`

	foundParts = `
    WHERE NOT s.part
),
parts AS (
    SELECT f.part, f.key, f.entity_id
    FROM steps AS s`

	foundPage = `
    WHERE s.part AND (SELECT count(*) FROM whole) < $9
),
page AS (
    SELECT w.part, w.key, w.entity_id
    FROM whole AS w
    UNION -- by several prefixes somebody is found twice
    SELECT p.part, p.key, p.entity_id
    FROM parts AS p
    ORDER BY part, key, entity_id
    LIMIT $9
)
SELECT ` + momentColumns + `, ` + searchReady + `, coalesce(p.part, 0), coalesce(p.key, ''), coalesce(p.entity_id, ''),`
)

const selectFoundUsers = `WITH ` + searchAsked + foundWhole + foundUsers + foundParts + foundUsers + foundPage +
	userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.entity_id) ON true
ORDER BY p.part, p.key, p.entity_id`

const selectFoundDepartments = `WITH ` + searchAsked + foundWhole + foundDepartments + foundParts + foundDepartments + foundPage +
	departmentColumns + fromMoment + `
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.entity_id) ON true
ORDER BY p.part, p.key, p.entity_id`
