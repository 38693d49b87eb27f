package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// A search in the past. Keys have no history: there are those of now, and those that
// somebody had at some time and then not any more. Who had one that fits may have been
// somebody else at the moment. So the version of that time is looked at, and counts if
// what it is found by is just that key. Then the order is that of a search of now.

// pastSearch is a search among the people, or the departments, of a moment. Its
// statement has the columns of the moment, whether there is something to search, the
// candidate's key, and those of the entity; these are NULL where nobody was there then.
type pastSearch[M proto.Message] struct {
	statement string
	// row makes what a row is scanned into, and what makes the entity of it and
	// the names that it had.
	row func(terms) (targets []any, finish func() (entity M, names directory.Names, there bool))
}

// fewestCandidates are read at once, however small the page: few of them may count.
const fewestCandidates = 100

// find fills a page.
func (f pastSearch[M]) find(ctx context.Context, s *Service, t terms, p paging[foundKey], q searchkey.Query, showRemoved bool) (
	first moment, ready bool, entities []M, keys []foundKey, err error,
) {
	chunk := p.limit() + fewestCandidates
	var after foundKey
	if p.after != nil {
		after = *p.after
	}
	for begun := false; ; begun = true {
		now, there, read, err := f.candidates(ctx, s, t,
			s.company(ctx), t.userIDType, t.departmentIDType, q.Prefixes, showRemoved, after.Part, after.Key, after.ID, chunk, q.Written, t.sensitive)
		if err != nil {
			return moment{}, false, nil, nil, err
		}
		if !begun {
			first, ready = now, there
			if err := p.check(now); err != nil {
				return moment{}, false, nil, nil, err
			}
		}
		for _, c := range read {
			if c.there && firstFound(c.names, q, t.sensitive) == (foundKey{Part: c.key.Part, Key: c.key.Key}) {
				entities, keys = append(entities, c.entity), append(keys, c.key)
			}
			if len(keys) == p.limit() {
				return first, ready, entities, keys, nil
			}
		}
		if len(read) < chunk {
			return first, ready, entities, keys, nil
		}
		after = read[len(read)-1].key
	}
}

// candidate is somebody who had a key that fits, at some time.
type candidate[M proto.Message] struct {
	key    foundKey
	entity M
	names  directory.Names // at the moment
	there  bool            // at the moment
}

func (f pastSearch[M]) candidates(ctx context.Context, s *Service, t terms, args ...any) (now moment, ready bool, read []candidate[M], err error) {
	rows, err := s.pool.Query(ctx, f.statement, args...)
	if err != nil {
		return moment{}, false, nil, fmt.Errorf("search the past: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c candidate[M]
		targets, finish := f.row(t)
		if err := rows.Scan(append(append(append(now.targets(), &ready), c.key.targets()...), targets...)...); err != nil {
			return moment{}, false, nil, fmt.Errorf("search the past: %w", err)
		}
		if c.key.ID == "" {
			continue // there is no candidate at all
		}
		c.entity, c.names, c.there = finish()
		read = append(read, c)
	}
	if err := rows.Err(); err != nil {
		return moment{}, false, nil, fmt.Errorf("search the past: %w", err)
	}
	return now, ready, read, nil
}

// firstFound is the first of the keys of names that a query fits, without an id; the
// zero one, which no candidate has, where it fits none.
func firstFound(names directory.Names, q searchkey.Query, sensitive bool) (found foundKey) {
	for _, k := range searchkey.Of(names) {
		fits := slices.ContainsFunc(q.Prefixes, func(prefix string) bool { return strings.HasPrefix(k.Text, prefix) })
		if !fits || k.Sensitive && !sensitive {
			continue
		}
		this := foundKey{Key: k.Text}
		if k.Part {
			this.Part = 1
		}
		if found.Key == "" || cmp.Or(cmp.Compare(this.Part, found.Part), strings.Compare(this.Key, found.Key)) < 0 {
			found = this
		}
	}
	return found
}

// The candidates of each step are those of now and those of before, in the order of
// their keys. What the caller may not see is not among them, or he would wait for
// everybody who has such a key.
const (
	pastSteps = searchAsked + `,
page AS (
    SELECT f.part, f.key, f.entity_id
    FROM steps AS s
    CROSS JOIN LATERAL (
        (
            SELECT k.part::integer AS part, k.key, k.entity_id
            FROM directory.search_keys AS k
            WHERE ($11 OR NOT k.sensitive)` + pastRange

	pastBefore = pastOrder + `
        )
        UNION
        (
            SELECT k.part::integer, k.key, k.entity_id
            FROM history.search_keys AS k
            WHERE NOT k.sensitive` + pastRange

	pastSensitive = pastOrder + `
        )
        UNION
        (
            SELECT k.part::integer, k.key, k.entity_id
            FROM history.search_keys AS k
            WHERE $11 AND k.sensitive` + pastRange

	pastRange = `
              AND k.tenant_key = $1
              AND k.part = s.part
              AND (k.key, k.entity_id) > (s.key, s.id)
              AND k.key < s.beyond
              AND k.entity_kind = `

	pastOrder = `
            ORDER BY k.key, k.entity_id
            LIMIT $9`

	pastPage = pastOrder + `
        )
    ) AS f
    GROUP BY f.part, f.key, f.entity_id -- by several prefixes somebody is found twice
    ORDER BY f.part, f.key, f.entity_id
    LIMIT $9
)
SELECT ` + momentColumns + `, ` + pastSearchReady + `, coalesce(p.part, 0), coalesce(p.key, ''), coalesce(p.entity_id, ''),`

	// Since this version there are the keys that somebody had before.
	pastSearchReady = `coalesce((SELECT g.search_version >= 2 FROM mirror.generation AS g WHERE g.state = 'serving'), false)`
)

const selectPastUsers = `WITH ` + pastSteps + `'user'` + pastBefore + `'user'` + pastSensitive + `'user'` + pastPage + userColumns + `,` + userReferencesAsked + fromMoment + `
LEFT JOIN page AS p ON true
LEFT JOIN directory.users AS u
    ON u.tenant_key = $1
   AND u.open_id = p.entity_id
   AND ($5 OR u.removed_at IS NULL)
   AND NOT EXISTS (
       SELECT
       FROM unnest($10::text[]) AS w (run)
       WHERE position(w.run IN concat_ws(' ', u.name, u.en_name, u.nickname)) = 0)
ORDER BY p.part, p.key, p.entity_id`

const selectPastDepartments = `WITH ` + pastSteps + `'department'` + pastBefore + `'department'` + pastSensitive + `'department'` + pastPage + ` d.i18n_name::text,` + departmentColumns + fromMoment + `
LEFT JOIN page AS p ON true
LEFT JOIN directory.departments AS d
    ON d.tenant_key = $1
   AND d.open_department_id = p.entity_id
   AND ($5 OR d.removed_at IS NULL)
   AND NOT EXISTS (
       SELECT
       FROM unnest($10::text[]) AS w (run)
       WHERE position(w.run IN concat_ws(' ', d.name, d.i18n_name ->> 'zh_cn', d.i18n_name ->> 'ja_jp', d.i18n_name ->> 'en_us')) = 0)
ORDER BY p.part, p.key, p.entity_id`

var pastUsers = pastSearch[*pb.User]{
	statement: selectPastUsers,
	row: func(t terms) ([]any, func() (*pb.User, directory.Names, bool)) {
		row := newUserRow()
		return row.targets(), func() (*pb.User, directory.Names, bool) {
			u := row.user
			names := directory.Names{
				Name: u.GetName(), EnName: u.GetEnName(), Nickname: u.GetNickname(),
				Email: u.GetEmail(), EnterpriseEmail: u.GetEnterpriseEmail(), EmployeeNo: u.GetEmployeeNo(),
				Person: true,
			}
			user := row.message(t)
			return user, names, user != nil
		}
	},
}

var pastDepartments = pastSearch[*pb.Department]{
	statement: selectPastDepartments,
	row: func(t terms) ([]any, func() (*pb.Department, directory.Names, bool)) {
		row := newDepartmentRow()
		var i18n *string
		return append([]any{&i18n}, row.targets()...), func() (*pb.Department, directory.Names, bool) {
			names := directory.Names{Name: row.department.GetName()}
			if i18n != nil {
				names.I18nName = *i18n
			}
			department := row.message(t)
			return department, names, department != nil
		}
	},
}
