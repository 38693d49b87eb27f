package sandbox

import (
	"cmp"
	"slices"
)

// What Feishu allows of groups.
const (
	maxGroups           = 500 // in the tenant, of both types
	maxGroupName        = 100
	maxGroupDescription = 500
	maxGroupUsers       = 100_000
	maxGroupDepartments = 20
	maxMemberships      = 10 // of all normal groups together, for each person of the company
)

// Codes of groups.
const (
	codeMemberIDKind         = 41071
	codeMemberTypeMismatch   = 41072
	codeMemberID             = 41073
	codeMemberType           = 41074
	codeGroupNameMissing     = 42001
	codeGroupID              = 42002
	codeGroupType            = 42003
	codeGroupMemberAlready   = 42005
	codeNoGroup              = 42009 // outside of the app's range
	codeNotFullRange         = 42010
	codeTooManyGroupDepts    = 42011
	codeTooManyGroupUsers    = 42012
	codeGroupNameLong        = 42013
	codeGroupDescriptionLong = 42014
	codeGroupsOff            = 42015
	codeTooManyGroups        = 42016
	codeGroupNotEmpty        = 42017
	codeGroupIDTaken         = 47005
	codeGroupNameTaken       = 47009
)

// addGroup completes, checks and enters a new group. Groups make no events.
func (o *organisation) addGroup(g Group) (*Group, error) {
	g.Type = cmp.Or(g.Type, normalGroup)
	switch {
	case !o.features.Groups:
		return nil, refuse(codeGroupsOff)
	case g.Type != normalGroup && g.Type != dynamicGroup:
		return nil, refuse(codeGroupType)
	case len(o.groups) >= maxGroups:
		return nil, refuse(codeTooManyGroups)
	case g.ID == "":
		g.ID = o.freshGroupID()
	case !validResourceID(g.ID):
		return nil, refuse(codeGroupID).saying("group_id invalid")
	case o.groups[g.ID] != nil:
		return nil, refuse(codeGroupIDTaken)
	}
	if err := o.settleGroup(&g, nil); err != nil {
		return nil, err
	}
	o.groups[g.ID] = &g
	o.groupChanges++
	return &g, nil
}

func (o *organisation) freshGroupID() string {
	for {
		if id := o.resourceIDs.hex32("g")[:17]; o.groups[id] == nil {
			return id
		}
	}
}

// changeGroup replaces a group by next, which must keep its id and type.
func (o *organisation) changeGroup(g *Group, next Group) error {
	if next.ID != g.ID || next.Type != g.Type {
		return refuseWith(codeParam, "id and type of a group never change")
	}
	if err := o.settleGroup(&next, g); err != nil {
		return err
	}
	if !slices.Equal(g.Users, next.Users) || !slices.Equal(g.Departments, next.Departments) {
		o.groupChanges++
	}
	*g = next
	return nil
}

// removeGroup takes a group away, with its members in it: the admin console may
// do that, the API may not.
func (o *organisation) removeGroup(g *Group) {
	delete(o.groups, g.ID)
	o.groupChanges++
}

// settleGroup brings a group into its normal form and checks everything that
// must hold. before is the group as it is now, nil for a new one.
func (o *organisation) settleGroup(g, before *Group) error {
	switch {
	case g.Name == "":
		return refuse(codeGroupNameMissing)
	case !lengthWithin(g.Name, 1, maxGroupName):
		return refuse(codeGroupNameLong)
	case !lengthWithin(g.Description, 0, maxGroupDescription):
		return refuse(codeGroupDescriptionLong)
	}
	for _, other := range o.groups {
		if other != before && other.Name == g.Name {
			return refuse(codeGroupNameTaken)
		}
	}
	g.Users, g.Departments = sortedSet(g.Users), sortedSet(g.Departments)
	for _, id := range g.Users {
		if u := o.users[id]; u == nil {
			return refuse(codeMemberID)
		} else if u.Status.IsResigned {
			return refuse(codeResigned)
		}
	}
	for _, id := range g.Departments {
		if o.departments[id] == nil {
			return refuse(codeMemberID)
		}
	}
	switch {
	case g.Type == dynamicGroup && len(g.Departments) > 0:
		return refuseWith(codeMemberType, "a dynamic group has no departments")
	case len(g.Departments) > maxGroupDepartments:
		return refuse(codeTooManyGroupDepts)
	case before == nil || len(g.Users) > len(before.Users):
		return o.roomInGroup(g, before, len(g.Users))
	}
	return nil
}

// roomInGroup checks that a group may have so many people. before is the group
// as it is now, nil for a new one.
func (o *organisation) roomInGroup(g, before *Group, users int) error {
	if users > maxGroupUsers {
		return refuse(codeTooManyGroupUsers)
	}
	if g.Type == dynamicGroup || users == 0 {
		return nil
	}
	for _, other := range o.groups {
		if other != before && other.Type == normalGroup {
			users += len(other.Users)
		}
	}
	if users > maxMemberships*o.root.MemberCount {
		return refuse(codeTooManyGroupUsers)
	}
	return nil
}

// joinGroup adds people who are here and checked to a group, all or none of
// them.
func (o *organisation) joinGroup(g *Group, people ...string) error {
	var others []string
	for _, id := range sortedSet(people) {
		if !g.holds(id) {
			others = append(others, id)
		}
	}
	if len(others) == 0 {
		return nil
	}
	if err := o.roomInGroup(g, g, len(g.Users)+len(others)); err != nil {
		return err
	}
	for _, id := range others {
		g.Users = insertSorted(g.Users, id)
	}
	o.groupChanges++
	return nil
}

// leaveGroup takes a person out of a group, where they are in it.
func (o *organisation) leaveGroup(g *Group, openID string) {
	if g.holds(openID) {
		g.Users = removeSorted(g.Users, openID)
		o.groupChanges++
	}
}

// holds tells whether a person is a member, themselves and not by a department.
func (g *Group) holds(openID string) bool {
	_, found := slices.BinarySearch(g.Users, openID)
	return found
}

// forgetDepartment clears what refers to a department that is gone.
func (o *organisation) forgetDepartment(n *node) {
	for _, g := range o.groups {
		if slices.Contains(g.Departments, n.OpenDepartmentID) {
			g.Departments = removeSorted(g.Departments, n.OpenDepartmentID)
			o.groupChanges++
		}
	}
	for _, id := range n.UnitIDs {
		o.unbind(o.units[id], n)
	}
}
