package compat

import (
	"context"
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

// shortTokenText words a bad page token as some methods do.
func shortTokenText(err error) error {
	if trouble, _ := query.TroubleOf(err); err != nil && trouble == query.TroublePage {
		return refuse(codePageToken).saying("page token is invalid")
	}
	return err
}
