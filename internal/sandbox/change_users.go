package sandbox

import (
	"cmp"
	"slices"
)

// addUser completes, checks and enters a new person.
func (o *organisation) addUser(u User) (*User, error) {
	u.OpenID = cmp.Or(u.OpenID, o.ids.openID())
	u.UnionID = cmp.Or(u.UnionID, o.ids.unionID())
	if u.UserID == "" {
		u.UserID = o.freshUserID()
	}
	u.EmployeeType = cmp.Or(u.EmployeeType, 1)
	if u.Status == (Status{}) {
		u.Status.IsActivated = true
	}
	if len(u.DepartmentIDs) == 0 && len(u.Orders) == 0 {
		u.DepartmentIDs = []string{rootID}
	}
	if o.users[u.OpenID] != nil || o.byUnion[u.UnionID] != nil {
		return nil, refuse(codeUserExists)
	}
	if err := o.settle(&u, nil); err != nil {
		return nil, err
	}
	o.link(&u)
	o.peopleChanges++
	after := u.clone()
	o.recordUser(created, nil, &after, false)
	return &u, nil
}

// changeUser replaces a person by next, which must keep open_id and union_id.
func (o *organisation) changeUser(u *User, next User) error {
	if next.OpenID != u.OpenID || next.UnionID != u.UnionID {
		return refuseWith(codeParam, "open_id and union_id never change")
	}
	if err := o.settle(&next, u); err != nil {
		return err
	}
	before, what := u.clone(), changed
	o.unlink(u)
	if next.Status.IsResigned && !before.Status.IsResigned {
		o.resignedAt[u.OpenID] = o.now
	}
	*u = next
	o.link(u)
	switch {
	case u.Status.IsResigned && !before.Status.IsResigned:
		what = deleted
	case before.Status.IsResigned && !u.Status.IsResigned:
		what = returned
	}
	after := u.clone()
	o.recordUser(what, &before, &after, false)
	if what == deleted {
		o.forget(u)
	}
	return nil
}

// settle brings the placement of u into its normal form and checks everything
// that must hold. before is the same person as they are now, nil for a new one.
func (o *organisation) settle(u, before *User) error {
	if u.Name == "" {
		return refuse(codeUserName)
	}
	for _, c := range []struct {
		index lookup
		key   string
		code  int
	}{
		{o.byUserID, u.UserID, codeUserIDTaken},
		{o.byMobile, u.Mobile, codeMobileTaken},
		{o.byEmail, u.Email, codeEmailTaken},
	} {
		if other := c.index.current[c.key]; other != nil && other != before && !u.Status.IsResigned {
			return refuse(c.code)
		}
	}
	if u.UserID == "" {
		return refuse(codeUserIDInvalid)
	}
	for _, leader := range append([]string{u.LeaderUserID}, u.DottedLine...) {
		if err := o.mayLead(leader, u, before); err != nil {
			return err
		}
	}
	return o.settlePlacement(u, before)
}

// mayLead checks a reference to a leader: somebody who is here, and not
// oneself. What was there before is left alone.
func (o *organisation) mayLead(leader string, u, before *User) error {
	switch l := o.users[leader]; {
	case leader == "", before != nil && leader == before.LeaderUserID:
		return nil
	case leader == u.OpenID:
		return refuse(codeOwnLeader)
	case l == nil:
		return refuse(codeLeaderInvalid)
	case l.Status.IsResigned:
		return refuse(codeResigned)
	}
	return nil
}

// settlePlacement makes department_ids and orders agree. Orders rule unless
// only department_ids were given or changed.
func (o *organisation) settlePlacement(u, before *User) error {
	idsChanged := before == nil && len(u.DepartmentIDs) > 0 || before != nil && !slices.Equal(u.DepartmentIDs, before.DepartmentIDs)
	ordersChanged := before == nil && len(u.Orders) > 0 || before != nil && !slices.Equal(u.Orders, before.Orders)
	if idsChanged && !ordersChanged {
		u.Orders = ordersFor(u.DepartmentIDs, u.Orders)
	}
	if len(u.Orders) == 0 {
		return refuse(codeDepartmentNeeded)
	}
	orders := slices.Clone(u.Orders)
	slices.SortStableFunc(orders, func(a, b Order) int { return cmp.Compare(b.DepartmentOrder, a.DepartmentOrder) })
	ids := make([]string, len(orders))
	for i := range orders {
		ids[i] = orders[i].DepartmentID
		orders[i].IsPrimaryDept = i == 0
		// A person who left keeps the departments they had, and those may go.
		if o.departments[ids[i]] == nil && !u.Status.IsResigned {
			return unknownDepartment(openDepartmentID, ids[i])
		}
		if slices.Contains(ids[:i], ids[i]) {
			return refuse(codeOrderDepartment)
		}
	}
	if idsChanged && ordersChanged && !sameSet(ids, u.DepartmentIDs) {
		return refuse(codeOrderDepartment)
	}
	u.Orders, u.DepartmentIDs = orders, ids
	return nil
}

// ordersFor ranks departments in the order given, the first one primary, and
// keeps the person's rank within those that stay.
func ordersFor(ids []string, old []Order) []Order {
	orders := make([]Order, len(ids))
	for i, id := range ids {
		orders[i] = Order{DepartmentID: id, DepartmentOrder: len(ids) - i, IsPrimaryDept: i == 0}
		for _, was := range old {
			if was.DepartmentID == id {
				orders[i].UserOrder = was.UserOrder
			}
		}
	}
	return orders
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// eraseUser removes a person as if they had never been here.
func (o *organisation) eraseUser(u *User) {
	before := u.clone()
	o.unlink(u)
	o.peopleChanges++
	o.recordUser(deleted, &before, nil, false)
	o.forget(u)
	delete(o.resignedAt, u.OpenID)
	names := func(a CustomAttr) bool { return a.Value.GenericUser == u.OpenID }
	for _, other := range o.users {
		if slices.ContainsFunc(other.CustomAttrs, names) {
			was := other.clone()
			other.CustomAttrs = slices.DeleteFunc(slices.Clone(other.CustomAttrs), names)
			is := other.clone()
			o.recordUser(changed, &was, &is, true)
		}
	}
}

// forget clears every reference to a person who is gone, but for attributes
// of others that name them.
func (o *organisation) forget(gone *User) {
	id := gone.OpenID
	is := func(other string) bool { return other == id }
	for _, u := range o.users {
		if u.LeaderUserID != id && !slices.ContainsFunc(u.DottedLine, is) {
			continue
		}
		before := u.clone()
		if u.LeaderUserID == id {
			u.LeaderUserID = ""
		}
		u.DottedLine = slices.DeleteFunc(slices.Clone(u.DottedLine), is)
		after := u.clone()
		o.recordUser(changed, &before, &after, true)
	}
	leads := func(l Leader) bool { return l.LeaderID == id }
	for _, n := range o.departments {
		if !slices.ContainsFunc(n.Leaders, leads) && !slices.ContainsFunc(n.HRBPs, is) {
			continue
		}
		before := n.clone()
		if n.LeaderUserID == id {
			n.LeaderUserID = ""
		}
		n.Leaders = slices.DeleteFunc(slices.Clone(n.Leaders), leads)
		n.HRBPs = slices.DeleteFunc(slices.Clone(n.HRBPs), is)
		after := n.clone()
		o.recordDepartment(changed, &before, &after, true)
	}
	for _, g := range o.groups {
		o.leaveGroup(g, id)
	}
}

// clone copies a person deeply, so that neither sees changes of the other.
func (u *User) clone() User {
	c := *u
	c.DepartmentIDs = slices.Clone(u.DepartmentIDs)
	c.Orders = slices.Clone(u.Orders)
	c.DottedLine = slices.Clone(u.DottedLine)
	c.CustomAttrs = slices.Clone(u.CustomAttrs)
	c.AssignInfo = slices.Clone(u.AssignInfo)
	return c
}
