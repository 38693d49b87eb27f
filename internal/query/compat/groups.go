package compat

import (
	"context"
	"net/http"
	"strconv"

	"github.com/orgmirror/orgmirror/internal/query"
)

func groupMethods() []method {
	return []method{
		{name: "GET /contact/v3/group/:group_id", handle: getGroup},
		{name: "GET /contact/v3/group/simplelist", handle: listGroups},
		{name: "GET /contact/v3/group/member_belong", people: byMemberIDType, handle: groupsOfMember},
		{name: "GET /contact/v3/group/:group_id/member/simplelist", people: byMemberIDTypeOfUsers, handle: listGroupMembers},
	}
}

// byMemberIDType says that member_id_type is the kind of a method's ids of people.
func byMemberIDType(*call) string { return "member_id_type" }

// byMemberIDTypeOfUsers says so where members are people.
func byMemberIDTypeOfUsers(c *call) string {
	if c.query.Get("member_type") == memberDepartment {
		return ""
	}
	return "member_id_type"
}

const (
	memberUser       = "user"
	memberDepartment = "department"
)

// group is a row of a group.
type group struct {
	id         *string
	attributes []byte
	gone       *string
	scope      []string // department_scope_list in the kind asked for
}

const groupColumns = ` g.group_id, g.attributes, g.removed_reason,
    ARRAY(SELECT CASE WHEN $2 = 'open_department_id' OR x.id = '0' THEN x.id ELSE d.department_id END
          FROM unnest(g.department_scope_list) WITH ORDINALITY AS x (id, n)
          LEFT JOIN directory.departments AS d ON $2 <> 'open_department_id' AND d.tenant_key = $1 AND d.open_department_id = x.id
          WHERE $2 = 'open_department_id' OR x.id = '0' OR d.department_id IS NOT NULL
          ORDER BY x.n)`

func (g *group) targets() []any { return []any{&g.id, &g.attributes, &g.gone, &g.scope} }

// unsetGroup is what Feishu shows of a group though it is not set. A group has no
// fields that need a permission.
var unsetGroup = []unset{
	{"description", "id", emptyText},
	{"name", "id", emptyText},
	{"type", "id", zero},
	{"member_user_count", "id", zero},
	{"member_department_count", "id", zero},
}

// onlyListed are fields that lists of groups show, and GET does not.
var onlyListed = []string{"department_scope_list", "group_id"}

func (g *group) object(listed bool) (object, error) {
	o, err := objectOf(g.attributes)
	if err != nil {
		return nil, err
	}
	o.text("id", *g.id)
	o.fill(unsetGroup)
	if !listed {
		for _, name := range onlyListed {
			delete(o, name)
		}
		return o, nil
	}
	o.text("group_id", *g.id)
	if len(g.scope) > 0 {
		o["department_scope_list"] = marshal(g.scope)
	}
	return o, nil
}

// foundGroup refuses a group that is not there for the app.
func foundGroup(id, gone *string) error {
	switch {
	case id == nil || gone != nil && *gone != goneOutOfRange:
		return refuse(codeGroupID)
	case gone != nil:
		return refuse(codeNoGroup)
	default:
		return nil
	}
}

// getGroup serves group/:group_id.
func getGroup(c *call) error {
	id := c.id("group_id")
	if !isID(id) {
		return refuse(codeGroupID)
	}
	var g group
	err := c.read(func(ctx context.Context) (now query.Moment, err error) {
		g = group{}
		return now, c.rows(ctx, &now, selectGroup, []any{c.service.Company(ctx), c.kinds.department, id}, g.targets(), func() error { return nil })
	})
	if err != nil {
		return err
	}
	if err := foundGroup(g.id, g.gone); err != nil {
		return err
	}
	o, err := g.object(false)
	if err != nil {
		return err
	}
	c.data = object{"group": o.append(nil)}.append(nil)
	return nil
}

const selectGroup = `SELECT ` + query.MomentColumns + `,` + groupColumns + query.FromMoment + `
LEFT JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = $3`

// groupType reads a parameter that picks the type of groups; absent is where it is
// not there.
func (c *call) groupType(name string, absent int, bad *refusal) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return absent, nil
	}
	const normal, dynamic = 1, 2
	kind, err := strconv.Atoi(text)
	if err != nil || kind != normal && kind != dynamic {
		return 0, bad
	}
	return kind, nil
}

// listGroups serves group/simplelist: normal groups, or with type=2 dynamic ones.
func listGroups(c *call) error {
	const normal = 1
	kind, err := c.groupType("type", normal, invalidField("type", c.query.Get("type"), "type is optional, options: [1,2]"))
	if err != nil {
		return err
	}
	p, err := c.pages(50, 100)
	if err != nil {
		return err
	}
	var l listing
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var g group
		l = listing{}
		args := []any{c.service.Company(ctx), c.kinds.department, kind, p.After(query.Key{}).ID, p.Limit()}
		err := c.rows(ctx, &l.now, selectGroups, args, g.targets(), func() error {
			if g.id == nil {
				return nil
			}
			o, err := g.object(true)
			if err == nil {
				l.add(o.append(nil), query.Key{ID: *g.id})
			}
			return err
		})
		return l.now, err
	})
	if err != nil {
		return err
	}
	return c.answerPage("grouplist", p, l)
}

const selectGroups = `WITH page AS (
    SELECT g.group_id
    FROM directory.groups AS g
    WHERE g.tenant_key = $1 AND g.group_id > $4 AND g.removed_at IS NULL AND g.type = $3
    ORDER BY g.group_id
    LIMIT $5
)
SELECT ` + query.MomentColumns + `,` + groupColumns + query.FromMoment + `
LEFT JOIN (page AS p JOIN directory.groups AS g ON g.tenant_key = $1 AND g.group_id = p.group_id) ON true
ORDER BY p.group_id`

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

// shortTokenText words a bad page token as some methods do.
func shortTokenText(err error) error {
	if trouble, _ := query.TroubleOf(err); err != nil && trouble == query.TroublePage {
		return refuse(codePageToken).saying("page token is invalid")
	}
	return err
}
