package compat

import (
	"context"
	"math"

	"github.com/orgmirror/orgmirror/internal/query"
)

func userMethods() []method {
	return []method{
		{name: "GET /contact/v3/users/:user_id", people: byUserIDType, handle: getUser},
		{name: "GET /contact/v3/users/batch", people: byUserIDType, handle: batchUsers},
	}
}

// maxBatch is how many ids a batch call may name.
const maxBatch = 50

// getUser serves users/:user_id, also for people who resigned.
func getUser(c *call) error {
	id := c.id("user_id")
	if !isID(id) {
		return unknownUser(c.kinds.user, id)
	}
	var p person
	err := c.read(func(ctx context.Context) (now query.Moment, err error) {
		statement, args := selectUsers, []any{c.service.Company(ctx), c.kinds.user, c.kinds.department, []string{id}}
		if c.kinds.user == openID && c.kinds.department == openDepartmentID {
			statement, args = selectUser, []any{c.service.Company(ctx), id}
		}
		p = person{}
		return now, c.rows(ctx, &now, statement, args, p.targets(), func() error { return nil })
	})
	switch {
	case err != nil:
		return err
	case p.openID != nil && p.is(goneOutOfRange):
		return refuse(codeNoUser)
	case !p.answers():
		return unknownUser(c.kinds.user, id)
	}
	user, err := c.user(&p, getFields)
	if err != nil {
		return err
	}
	c.data = object{"user": user.append(nil)}.append(nil)
	return nil
}

const selectUser = `SELECT ` + query.MomentColumns + `,` + nativeUserColumns + query.FromMoment + `
LEFT JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = $2`

// batchUsers serves users/batch. Ids of nobody, and of whom the app does not see,
// are dropped.
func batchUsers(c *call) error {
	ids := c.query["user_ids"]
	switch {
	case len(ids) == 0:
		return invalidField("user_ids", "", "user_ids is required")
	case len(ids) > maxBatch:
		return refuse(codeParam).saying("invalid parameter")
	}
	known := make([]string, 0, len(ids))
	for _, id := range ids {
		if isID(id) {
			known = append(known, id)
		}
	}
	var entries [][]byte
	err := c.read(func(ctx context.Context) (now query.Moment, err error) {
		var p person
		entries = nil
		seen := map[string]bool{}
		return now, c.rows(ctx, &now, selectUsers, []any{c.service.Company(ctx), c.kinds.user, c.kinds.department, known}, p.targets(), func() error {
			if !p.answers() || seen[*p.openID] {
				return nil
			}
			seen[*p.openID] = true
			user, err := c.user(&p, listFields)
			if err == nil {
				entries = append(entries, user.append(nil))
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	c.data = object{"items": join(entries)}.append(nil)
	return nil
}

// Of the people who had a user_id one after the other the one who is here counts,
// else who left last.
const selectUsers = `SELECT ` + query.MomentColumns + `,` + userColumns + query.FromMoment + `
LEFT JOIN unnest($4::text[]) WITH ORDINALITY AS a (id, n) ON true
LEFT JOIN directory.users AS u
    ON u.tenant_key = $1
   AND u.open_id = CASE
       WHEN $2 = 'open_id' THEN a.id
       WHEN $2 = 'union_id' THEN (
           SELECT r.open_id
           FROM directory.users AS r
           WHERE r.tenant_key = $1 AND r.union_id = a.id
           ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
           LIMIT 1)
       ELSE (
           SELECT r.open_id
           FROM directory.users AS r
           WHERE r.tenant_key = $1 AND r.user_id = a.id
           ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
           LIMIT 1)
       END
ORDER BY a.n`

func userListMethods() []method {
	return []method{
		{name: "GET /contact/v3/users/find_by_department", people: byUserIDType, handle: listMembers},
		{name: "GET /contact/v3/users", people: byUserIDType, handle: listUsers},
	}
}

// listMembers serves users/find_by_department: the people directly in a department,
// by user_order from the greatest and then by open_id.
func listMembers(c *call) error {
	id := c.query.Get("department_id")
	if id == "" {
		return invalidField("department_id", "", "department_id is required")
	}
	return c.members(id, 10, 50, listFields)
}

// listUsers serves the historic list: the people of a department, or without one
// those whom the app sees although it sees none of their departments.
func listUsers(c *call) error {
	const usual, most = 10, 100
	if id := c.query.Get("department_id"); id != "" {
		return c.members(id, usual, most, historicFields)
	}
	p, err := c.pages(usual, most)
	if err != nil {
		return err
	}
	after := p.After(query.Key{})
	l, err := c.people(selectIndependent, []any{after.ID, p.Limit()}, historicFields, nil)
	if err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

func (c *call) members(department string, usual, most int, shown userFields) error {
	p, err := c.pages(usual, most)
	if err != nil {
		return c.orUnknown(err, department)
	}
	if !isID(department) {
		return unknownDepartment(c.kinds.department, department)
	}
	after := p.After(query.Key{Rank: math.MaxInt64})
	var t target
	l, err := c.people(selectMembers, []any{department, after.Rank, after.ID, p.Limit()}, shown, &t)
	if err != nil {
		return err
	}
	if err := c.found(t, department); err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

// people reads a list of people. The statement's columns are the moment's, those of
// the department that is asked about where there is a target, the key's, and the
// person's; without people it has one row. $1 to $3 are the tenant and the id kinds.
func (c *call) people(statement string, args []any, shown userFields, t *target) (l listing, err error) {
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var (
			p       person
			key     query.Key
			targets []any
		)
		l = listing{}
		if t != nil {
			*t = target{}
			targets = t.targets()
		}
		targets = append(append(targets, &key.Rank, &key.ID), p.targets()...)
		args := append([]any{c.service.Company(ctx), c.kinds.user, c.kinds.department}, args...)
		err := c.rows(ctx, &l.now, statement, args, targets, func() error {
			if p.openID == nil {
				return nil
			}
			user, err := c.user(&p, shown)
			if err == nil {
				l.add(user.append(nil), key)
			}
			return err
		})
		return l.now, err
	})
	return l, err
}

const selectMembers = `WITH ` + askedDepartment + `,
page AS (
    SELECT k.open_id, k.rank
    FROM (
        SELECT m.open_id, coalesce(m.user_order, -9223372036854775808) AS rank
        FROM target AS t
        JOIN directory.memberships AS m ON m.tenant_key = $1 AND m.open_department_id = t.id
    ) AS k
    WHERE k.rank < $5 OR (k.rank = $5 AND k.open_id > $6)
    ORDER BY k.rank DESC, k.open_id
    LIMIT $7
)
SELECT ` + query.MomentColumns + `,` + targetColumns + `, coalesce(p.rank, 0), coalesce(p.open_id, ''),` + userColumns + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.rank DESC, p.open_id`

// An app that sees the root sees everybody by their departments.
const selectIndependent = `WITH page AS (
    SELECT u.open_id
    FROM directory.users AS u
    WHERE NOT (` + seesAll + ` AND EXISTS (SELECT FROM directory.departments AS d WHERE d.tenant_key = $1 AND d.open_department_id = '0'))
      AND u.tenant_key = $1
      AND u.open_id > $4
      AND u.removed_at IS NULL
      AND NOT EXISTS (
          SELECT
          FROM directory.departments AS d
          WHERE d.tenant_key = $1 AND d.open_department_id = ANY (u.department_ids) AND d.open_department_id <> '0' AND d.removed_at IS NULL)
    ORDER BY u.open_id
    LIMIT $5
)
SELECT ` + query.MomentColumns + `, 0::bigint, coalesce(p.open_id, ''),` + userColumns + query.FromMoment + `
LEFT JOIN (page AS p JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = p.open_id) ON true
ORDER BY p.open_id`
