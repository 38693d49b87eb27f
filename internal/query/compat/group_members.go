package compat

import (
	"context"
	"net/http"

	"github.com/orgmirror/orgmirror/internal/query"
)

// memberKind reads member_id_type, which for departments calls an open_department_id
// an open_id. mismatch is the answer to one of the other members' kinds.
func (c *call) memberKind(of string, mismatch *refusal) (string, error) {
	kind := c.query.Get("member_id_type")
	switch kind {
	case "":
		kind = openID
	case openID:
	case unionID, userID:
		if of == memberDepartment {
			return "", mismatch
		}
	case departmentID:
		if of == memberUser {
			return "", mismatch
		}
	default:
		return "", refuse(codeMemberIDKind)
	}
	return kind, nil
}

// groupsOfMember serves group/member_belong: the groups that a person is in,
// themselves and not by a department. Both types, where none is asked for.
func groupsOfMember(c *call) error {
	kind, err := c.groupType("group_type", 0, refuse(codeMemberType))
	if err != nil {
		return err
	}
	id := c.query.Get("member_id")
	if id == "" {
		return refuse(codeParam)
	}
	idKind, err := c.memberKind(memberUser, refuse(codeMemberIDKind))
	if err != nil {
		return err
	}
	p, err := c.pages(500, 1000)
	if err != nil {
		return shortTokenText(err)
	}
	if !isID(id) {
		return refuse(codeMemberID)
	}
	var (
		l        listing
		who, why *string
	)
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var in *string
		l, who, why = listing{}, nil, nil
		args := []any{c.service.Company(ctx), idKind, id, kind, p.After(query.Key{}).ID, p.Limit()}
		err := c.rows(ctx, &l.now, selectGroupsOf, args, []any{&who, &why, &in}, func() error {
			if in != nil {
				l.add(marshal(*in), query.Key{ID: *in})
			}
			return nil
		})
		return l.now, err
	})
	switch {
	case err != nil:
		return shortTokenText(err)
	case who == nil, why != nil && *why != goneResigned && *why != goneOutOfRange:
		return refuse(codeMemberID)
	case why != nil && *why == goneOutOfRange:
		r := refuse(codeNoUser)
		r.status = http.StatusForbidden
		return r
	}
	return shortTokenText(c.answerPage("group_list", p, l))
}

const selectGroupsOf = `WITH asked AS (
    SELECT CASE
        WHEN $2 = 'open_id' THEN $3
        WHEN $2 = 'union_id' THEN (
            SELECT r.open_id
            FROM directory.users AS r
            WHERE r.tenant_key = $1 AND r.union_id = $3
            ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
            LIMIT 1)
        ELSE (
            SELECT r.open_id
            FROM directory.users AS r
            WHERE r.tenant_key = $1 AND r.user_id = $3
            ORDER BY r.removed_at IS NOT NULL, r.removed_at DESC, r.open_id
            LIMIT 1)
        END AS id
),
target AS (
    SELECT u.open_id AS id, u.removed_reason AS gone
    FROM asked AS a
    JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = a.id
),
page AS (
    SELECT m.group_id
    FROM target AS t
    JOIN directory.group_members AS m ON m.tenant_key = $1 AND m.member_type = 'user' AND m.member_id = t.id AND m.group_id > $5
    JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = m.group_id
    WHERE m.removed_at IS NULL AND g.removed_at IS NULL AND ($4 = 0 OR g.type = $4)
    ORDER BY m.group_id
    LIMIT $6
)
SELECT ` + query.MomentColumns + `, t.id, t.gone, p.group_id` + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN page AS p ON true
ORDER BY p.group_id`

// listGroupMembers serves group/:group_id/member/simplelist: people, or with
// member_type=department departments.
func listGroupMembers(c *call) error {
	of := c.query.Get("member_type")
	switch of {
	case "":
		of = memberUser
	case memberUser, memberDepartment:
	default:
		return refuse(codeMemberType)
	}
	kind, err := c.memberKind(of, refuse(codeMemberMismatch))
	if err != nil {
		return err
	}
	p, err := c.pages(50, 100)
	if err != nil {
		return err
	}
	id := c.id("group_id")
	if !isID(id) {
		return refuse(codeGroupID)
	}
	var (
		l        listing
		in, gone *string
	)
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var key, member *string
		l, in, gone = listing{}, nil, nil
		args := []any{c.service.Company(ctx), kind, id, of, p.After(query.Key{}).ID, p.Limit()}
		err := c.rows(ctx, &l.now, selectGroupMembers, args, []any{&in, &gone, &key, &member}, func() error {
			if key != nil {
				l.add(object{"member_id": marshal(member), "member_type": marshal(of)}.append(nil), query.Key{ID: *key})
			}
			return nil
		})
		return l.now, err
	})
	if err != nil {
		return err
	}
	if err := foundGroup(in, gone); err != nil {
		return err
	}
	return c.answerPage("memberlist", p, l)
}

const selectGroupMembers = `WITH target AS (
    SELECT g.group_id AS id, g.removed_reason AS gone
    FROM directory.groups AS g
    WHERE g.tenant_key = $1 AND g.group_id = $3
),
page AS (
    SELECT m.member_id,
           CASE WHEN $2 = 'open_id' OR m.member_id = '0' THEN m.member_id
                WHEN $4 = 'department' THEN d.department_id
                WHEN $2 = 'union_id' THEN u.union_id
                ELSE u.user_id
           END AS id
    FROM target AS t
    JOIN directory.group_members AS m ON m.tenant_key = $1 AND m.group_id = t.id AND m.member_type = $4 AND m.member_id > $5
    LEFT JOIN directory.users AS u ON $4 = 'user' AND u.tenant_key = $1 AND u.open_id = m.member_id
    LEFT JOIN directory.departments AS d ON $4 = 'department' AND d.tenant_key = $1 AND d.open_department_id = m.member_id
    WHERE m.removed_at IS NULL
      -- that somebody left, events told; that a group has them no more, only lists tell
      AND coalesce(u.removed_reason, d.removed_reason, 'OUT_OF_RANGE') = 'OUT_OF_RANGE'
    ORDER BY m.member_id
    LIMIT $6
)
SELECT ` + query.MomentColumns + `, t.id, t.gone, p.member_id, coalesce(p.id, '')` + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN page AS p ON true
ORDER BY p.member_id`
