package query

import (
	"errors"
	"fmt"
	"testing"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// What one would write by hand for the same answers, without the position, the order
// of pages and whatever else the service sees to.
const (
	plainTranslated = `
SELECT u.user_id, u.open_id, u.union_id
FROM directory.users AS u
WHERE u.tenant_key = $1 AND u.user_id = ANY ($2)`

	plainFound = `
SELECT` + userColumns + `,` + userReferences + `
FROM (
    SELECT k.entity_id, min(k.part::integer) AS part, min(k.key) AS key
    FROM directory.search_keys AS k
    WHERE k.tenant_key = $1 AND k.entity_kind = 'user' AND k.key >= $2 AND k.key < $2 || chr(1114111)
    GROUP BY k.entity_id
    ORDER BY 2, 3, 1
    LIMIT $3
) AS f
JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = f.entity_id
ORDER BY f.part, f.key, f.entity_id`

	plainDescendants = `
WITH RECURSIVE below AS (
    SELECT d.open_department_id, ARRAY[(d.order_number, d.open_department_id)] AS place
    FROM directory.departments AS d
    WHERE d.tenant_key = $1 AND d.parent_department_id = $2 AND d.removed_at IS NULL
    UNION ALL
    SELECT d.open_department_id, b.place || (d.order_number, d.open_department_id)
    FROM below AS b
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.parent_department_id = b.open_department_id AND d.removed_at IS NULL
)
SELECT d.open_department_id, d.name, d.i18n_name, d.parent_department_id, d.leader_user_id
FROM below AS b
JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = b.open_department_id
ORDER BY b.place
LIMIT $3`

	plainReports = `
WITH RECURSIVE below AS (
    SELECT u.open_id FROM directory.users AS u WHERE u.tenant_key = $1 AND u.leader_user_id = $2 AND u.removed_at IS NULL
    UNION
    SELECT u.open_id
    FROM below AS b
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.leader_user_id = b.open_id COLLATE "default" AND u.removed_at IS NULL
)
SELECT` + userColumns + `,` + userReferences + `
FROM below AS b
JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = b.open_id
ORDER BY u.open_id
LIMIT $3`
)

// plainRows runs a statement and reads its rows.
func (c *contest) plainRows(scan bool, sql string, args ...any) error {
	rows, err := c.pool.Query(c.ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		if scan {
			err = rows.Scan(newUserRow().targets()...)
		} else {
			_, err = rows.Values()
		}
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return errors.New("no rows")
	}
	return rows.Err()
}

func some(n int, err error) error {
	if err == nil && n == 0 {
		return errors.New("nothing found")
	}
	return err
}

func BenchmarkDirectory(b *testing.B) {
	c := newContest(b)
	ids := c.ids(b, `SELECT array_agg(user_id ORDER BY open_id) FROM directory.users WHERE tenant_key = 't'`)
	top := c.ids(b, `SELECT array_agg(open_id) FROM directory.users WHERE tenant_key = 't' AND leader_user_id IS NULL`)[0]
	largest := c.ids(b, `
		SELECT ARRAY[d.open_department_id]
		FROM directory.departments AS d
		WHERE d.depth = 1
		ORDER BY (SELECT count(*) FROM directory.departments AS x WHERE x.path ^@ d.path) DESC, d.open_department_id
		LIMIT 1`)[0]

	b.Run("translate-100-ids", func(b *testing.B) {
		hundred := func(i int) []string { return ids[i*37%(len(ids)-100):][:100] }
		c.run(b,
			contestant{"TranslateUserIds", func(i int) error {
				got, err := c.service.TranslateUserIds(c.ctx, &pb.TranslateUserIdsRequest{Ids: hundred(i), IdType: userID})
				return some(len(got.GetResults()), err)
			}},
			contestant{"plain-pgx", func(i int) error { return c.plainRows(false, plainTranslated, "t", hundred(i)) }},
		)
	})
	for _, query := range []string{"王", "z", "li", "zhangwei", "zw", "明"} {
		b.Run("search-"+query, func(b *testing.B) {
			c.run(b,
				contestant{"SearchUsers", func(int) error {
					got, err := c.service.SearchUsers(c.ctx, &pb.SearchUsersRequest{Query: query})
					return some(len(got.GetUsers()), err)
				}},
				contestant{"plain-pgx", func(int) error { return c.plainRows(true, plainFound, "t", query, 50) }},
			)
		})
	}
	for _, size := range []int32{50, 1000} {
		b.Run(fmt.Sprintf("descendants-of-root/page-%d", size), func(b *testing.B) {
			c.run(b,
				contestant{"ListDepartmentDescendants", func(int) error {
					got, err := c.service.ListDepartmentDescendants(c.ctx, &pb.ListDepartmentDescendantsRequest{Department: rootID, PageSize: size})
					return some(len(got.GetDepartments()), err)
				}},
				contestant{"plain-pgx", func(int) error { return c.plainRows(false, plainDescendants, "t", rootID, size) }},
			)
		})
		b.Run(fmt.Sprintf("all-reports-of-top/page-%d", size), func(b *testing.B) {
			c.run(b,
				contestant{"ListUserReports", func(int) error {
					got, err := c.service.ListUserReports(c.ctx, &pb.ListUserReportsRequest{User: top, Recursive: true, PageSize: size})
					return some(len(got.GetUsers()), err)
				}},
				contestant{"plain-pgx", func(int) error { return c.plainRows(true, plainReports, "t", top, size) }},
			)
		})
		b.Run(fmt.Sprintf("users-below-largest/page-%d", size), func(b *testing.B) {
			c.run(b,
				contestant{"ListDepartmentUsers", func(int) error {
					got, err := c.service.ListDepartmentUsers(c.ctx, &pb.ListDepartmentUsersRequest{Department: largest, Recursive: true, PageSize: size})
					return some(len(got.GetUsers()), err)
				}},
				contestant{"plain-pgx", func(int) error { return c.plainRows(true, plainMembers, "t", largest, size) }},
			)
		})
	}
}
