package sandbox

import (
	"cmp"
	"slices"
	"strings"
)

// maxLevels is how deep Feishu lets the tree grow below the root.
const maxLevels = 25

// addDepartment completes, checks and enters a new department. No order means
// the last place.
func (o *organisation) addDepartment(d Department) (*node, error) {
	parent := o.departments[cmp.Or(d.ParentDepartmentID, rootID)]
	if d.Order == 0 && parent != nil && len(parent.children) > 0 {
		d.Order = parent.children[len(parent.children)-1].Order + orderStep // last, as Feishu does
	}
	return o.enterDepartment(d)
}

// enterDepartment does so with the order as it is.
func (o *organisation) enterDepartment(d Department) (*node, error) {
	d.OpenDepartmentID = cmp.Or(d.OpenDepartmentID, o.ids.openDepartmentID())
	d.DepartmentID = cmp.Or(d.DepartmentID, o.ids.departmentID())
	d.ParentDepartmentID = cmp.Or(d.ParentDepartmentID, rootID)
	d.MemberCount, d.PrimaryMemberCount = 0, 0
	if o.departments[d.OpenDepartmentID] != nil {
		return nil, refuse(codeDepartmentExists)
	}
	n := &node{Department: d}
	if err := o.settleDepartment(&n.Department, nil); err != nil {
		return nil, err
	}
	o.attach(n)
	o.followUnits(n, nil)
	after := n.clone()
	o.recordDepartment(created, nil, &after, false)
	return n, nil
}

// changeDepartment replaces a department by next, which must keep its
// open_department_id.
func (o *organisation) changeDepartment(n *node, next Department) error {
	if n == o.root {
		return refuse(codeRootDepartment)
	}
	if next.OpenDepartmentID != n.OpenDepartmentID {
		return refuseWith(codeParam, "open_department_id never changes")
	}
	if err := o.settleDepartment(&next, n); err != nil {
		return err
	}
	moved := next.ParentDepartmentID != n.ParentDepartmentID
	next.MemberCount, next.PrimaryMemberCount = n.MemberCount, n.PrimaryMemberCount
	before := n.clone()
	o.detach(n)
	n.Department = next
	o.attach(n)
	o.followUnits(n, before.UnitIDs)
	if moved {
		o.recount()
	}
	after := n.clone()
	o.recordDepartment(changed, &before, &after, false)
	return nil
}

// removeDepartment takes away a department that is empty.
func (o *organisation) removeDepartment(n *node) error {
	switch {
	case n == o.root:
		return refuse(codeRootDepartment)
	case len(n.members) > 0:
		return refuse(codeHasMembers)
	case len(n.children) > 0:
		return refuse(codeHasChildren)
	}
	before := n.clone()
	o.detach(n)
	o.forgetDepartment(n)
	o.recordDepartment(deleted, &before, nil, false)
	return nil
}

// settleDepartment brings d into its normal form and checks everything that
// must hold. before is the department as it is now, nil for a new one.
func (o *organisation) settleDepartment(d *Department, before *node) error {
	if d.Name == "" || strings.Contains(d.Name, "/") || d.DepartmentID == "" {
		return refuse(codeParam)
	}
	if other := o.byCustom[d.DepartmentID]; other != nil && other != before {
		return refuse(codeCustomIDTaken)
	}
	parent := o.departments[d.ParentDepartmentID]
	if parent == nil {
		return unknownDepartment(openDepartmentID, d.ParentDepartmentID)
	}
	if before != nil && under(parent, before) {
		return refuseWith(codeParam, "a department cannot be moved below itself")
	}
	height := 1
	if before != nil {
		height = before.height()
	}
	if parent.depth()+height > maxLevels {
		return refuse(codeTooDeep)
	}
	for _, id := range d.HRBPs {
		if u := o.users[id]; u == nil || u.Status.IsResigned {
			return refuse(codeHRBP)
		}
	}
	if err := o.settleUnits(d, before); err != nil {
		return err
	}
	return o.settleLeaders(d, before)
}

// settleLeaders keeps leader_user_id and the main one of leaders equal,
// whichever of the two was changed.
func (o *organisation) settleLeaders(d *Department, before *node) error {
	leaders := slices.Clone(d.Leaders)
	isMain := func(l Leader) bool { return l.LeaderType == mainLeader }
	if before == nil && len(leaders) == 0 || before != nil && d.LeaderUserID != before.LeaderUserID {
		leaders = slices.DeleteFunc(leaders, func(l Leader) bool { return isMain(l) || l.LeaderID == d.LeaderUserID })
		if d.LeaderUserID != "" {
			leaders = slices.Insert(leaders, 0, Leader{LeaderType: mainLeader, LeaderID: d.LeaderUserID})
		}
	}
	d.LeaderUserID = ""
	seen := map[string]bool{}
	for _, l := range leaders {
		u := o.users[l.LeaderID]
		switch {
		case u == nil || l.LeaderType != mainLeader && l.LeaderType != deputyLeader:
			return refuse(codeLeaderInvalid)
		case u.Status.IsResigned:
			return refuse(codeResigned)
		case seen[l.LeaderID] || isMain(l) && d.LeaderUserID != "":
			return refuse(codeLeaderTwice)
		}
		seen[l.LeaderID] = true
		if isMain(l) {
			d.LeaderUserID = l.LeaderID
		}
	}
	d.Leaders = leaders
	return nil
}

// depth is 0 for the root and 1 for a first-level department.
func (n *node) depth() int {
	depth := 0
	for ; n.parent != nil; n = n.parent {
		depth++
	}
	return depth
}

// height is the number of levels from n to the deepest department below it,
// n's own included.
func (n *node) height() int {
	deepest := 0
	for _, child := range n.children {
		deepest = max(deepest, child.height())
	}
	return deepest + 1
}

// clone copies a department deeply.
func (d *Department) clone() Department {
	c := *d
	c.Leaders = slices.Clone(d.Leaders)
	c.UnitIDs = slices.Clone(d.UnitIDs)
	c.GroupChatEmployeeTypes = slices.Clone(d.GroupChatEmployeeTypes)
	c.HRBPs = slices.Clone(d.HRBPs)
	return c
}
