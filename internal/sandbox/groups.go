package sandbox

import (
	"maps"
	"slices"
	"strconv"
)

const (
	groupCreatePath = "POST /contact/v3/group"
	groupPatchPath  = "PATCH /contact/v3/group/:group_id"
	groupDeletePath = "DELETE /contact/v3/group/:group_id"
	groupPath       = "GET /contact/v3/group/:group_id"
	groupListPath   = "GET /contact/v3/group/simplelist"
	groupBelongPath = "GET /contact/v3/group/member_belong"

	groupMembersPath     = "GET /contact/v3/group/:group_id/member/simplelist"
	groupAddPath         = "POST /contact/v3/group/:group_id/member/add"
	groupBatchAddPath    = "POST /contact/v3/group/:group_id/member/batch_add"
	groupRemovePath      = "POST /contact/v3/group/:group_id/member/remove"
	groupBatchRemovePath = "POST /contact/v3/group/:group_id/member/batch_remove"
)

func groupEndpoints() []*endpoint {
	read, write := []string{scopeGroupRead}, []string{scopeGroupWrite}
	return []*endpoint{
		{name: groupCreatePath, scopes: write, tier: tier3, handle: createGroup, write: true, selfBuiltOnly: true},
		{name: groupPatchPath, scopes: write, tier: tier3, handle: patchGroup, write: true, selfBuiltOnly: true},
		{name: groupDeletePath, scopes: write, tier: tier3, handle: deleteGroup, write: true, selfBuiltOnly: true},
		{name: groupPath, scopes: read, handle: getGroup},
		{name: groupListPath, scopes: read, handle: listGroups},
		{name: groupBelongPath, scopes: read, handle: groupsOfMember},
		{name: groupMembersPath, scopes: read, handle: listGroupMembers},
		{name: groupAddPath, scopes: write, handle: addGroupMember, write: true, selfBuiltOnly: true},
		{name: groupBatchAddPath, scopes: write, tier: tier3, handle: addGroupMembers, write: true, selfBuiltOnly: true},
		{name: groupRemovePath, scopes: write, handle: removeGroupMember, write: true, selfBuiltOnly: true},
		{name: groupBatchRemovePath, scopes: write, tier: tier3, handle: removeGroupMembers, write: true, selfBuiltOnly: true},
	}
}

// group finds the group of the path, within the range of the app.
func (c *call) group() (*Group, error) {
	g := c.view.org.groups[c.params["group_id"]]
	switch {
	case g == nil:
		return nil, refuse(codeGroupID)
	case !c.view.seesGroup(g):
		return nil, refuse(codeNoGroup)
	}
	return g, nil
}

// getGroup serves group/:group_id.
func getGroup(c *call) error {
	g, err := c.group()
	if err != nil {
		return err
	}
	if g.AdminOnly {
		return refuse(codeGroupAdminOnly)
	}
	c.buf = append(c.buf, `{"group":`...)
	c.buf = append(appendGroup(c.buf, g, false), '}')
	return nil
}

// listGroups serves group/simplelist: normal groups, or with type=2 dynamic
// ones, by id. An app that does not see everybody sees the groups of its range.
func listGroups(c *call) error {
	kind, err := c.groupType("type", normalGroup)
	if err != nil {
		return err
	}
	page, token, err := pageByKey(c, 50, 100, c.view.groups(kind), groupID)
	if err != nil {
		return err
	}
	answerPage(c, "grouplist", page, token, func(buf []byte, g *Group) []byte { return appendGroup(buf, g, true) })
	return nil
}

// groupsOfMember serves group/member_belong: the groups that a person is in,
// themselves and not by a department. Both types, where none is asked for.
func groupsOfMember(c *call) error {
	kind, err := c.groupType("group_type", anyGroup)
	if err != nil {
		return err
	}
	id := c.query.Get("member_id")
	if id == "" {
		return refuse(codeParam)
	}
	k, err := c.memberKinds(memberUser, c.query.Get("member_id_type"), codeMemberIDKind, codeMemberIDKind)
	if err != nil {
		return err
	}
	u, err := c.member(k, id)
	if err != nil {
		return err
	}
	groups := slices.DeleteFunc(c.view.groups(kind), func(g *Group) bool { return !g.holds(u.OpenID) })
	page, token, err := pageByKey(c, 500, 1000, groups, groupID)
	if err != nil {
		return shortTokenText(err)
	}
	answerPage(c, "group_list", page, token, func(buf []byte, g *Group) []byte { return appendString(buf, g.ID) })
	return nil
}

// anyGroup stands for both types.
const anyGroup = 0

func groupID(g *Group) string { return g.ID }

// groupType reads a parameter that picks the type of groups.
func (c *call) groupType(param string, usual int) (int, error) {
	text := c.query.Get(param)
	if text == "" {
		return usual, nil
	}
	kind, err := strconv.Atoi(text)
	switch {
	case err == nil && (kind == normalGroup || kind == dynamicGroup):
		return kind, nil
	case param == "group_type":
		return 0, refuse(codeMemberType)
	}
	return 0, invalidField(param, text, param+" is optional, options: [1,2]")
}

// groups lists the groups of a type that the caller sees, by id.
func (v *view) groups(kind int) []*Group {
	var list []*Group
	for _, id := range slices.Sorted(maps.Keys(v.org.groups)) {
		if g := v.org.groups[id]; (kind == anyGroup || g.Type == kind) && v.seesGroup(g) {
			list = append(list, g)
		}
	}
	return list
}

// appendGroup appends a group as the method shows it. A dynamic group has no
// departments.
func appendGroup(buf []byte, g *Group, listed bool) []byte {
	o := begin(buf, nil, nil)
	o.str("description", g.Description)
	if listed {
		o.str("group_id", g.ID)
	}
	o.str("id", g.ID)
	o.int("member_department_count", int64(len(g.Departments)))
	o.int("member_user_count", int64(len(g.Users)))
	o.str("name", g.Name)
	o.int("type", int64(g.Type))
	return o.end()
}
