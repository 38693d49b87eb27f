package sandbox

import (
	"errors"
	"slices"
	"sync/atomic"
)

// Range is whom an app may see (通讯录权限范围): departments with everything
// below them, people, and the members of groups. Nothing at all stands for
// everybody, and so does the root among the departments. Ids are open ids.
type Range struct {
	Departments []string `json:"department_ids,omitempty"`
	Users       []string `json:"user_ids,omitempty"`
	Groups      []string `json:"group_ids,omitempty"`
	// Nobody makes an empty range: the app sees nobody, not everybody.
	Nobody bool `json:"nobody,omitempty"`
}

func (r Range) clone() Range {
	return Range{slices.Clone(r.Departments), slices.Clone(r.Users), slices.Clone(r.Groups), r.Nobody}
}

// all tells whether the range is the whole company.
func (r Range) all() bool {
	return !r.Nobody && len(r.Departments)+len(r.Users)+len(r.Groups) == 0 || slices.Contains(r.Departments, rootID)
}

// SetRange narrows or widens what an app may see. It is told so by a
// contact.scope.updated_v3 that names the entries added and removed, and by
// nothing else.
func (s *Server) SetRange(appID string, r Range) error {
	return s.mutate(nil, func() error {
		a := s.apps[appID]
		if a == nil {
			return errUnknown("app", appID)
		}
		if err := s.org.checkRange(r); err != nil {
			return err
		}
		before := a.reach
		a.reach = r.clone()
		a.covered.forget()
		s.org.record(change{what: changed, entity: kindRange, reach: &rangeChange{app: a, before: before, after: a.reach}})
		return nil
	})
}

func (o *organisation) checkRange(r Range) error {
	if r.Nobody && len(r.Departments)+len(r.Users)+len(r.Groups) > 0 {
		return errors.New("a range of nobody names neither departments nor users nor groups")
	}
	for _, id := range r.Departments {
		if o.departments[id] == nil {
			return errUnknown("department", id)
		}
	}
	for _, id := range r.Users {
		if o.users[id] == nil {
			return errUnknown("user", id)
		}
	}
	for _, id := range r.Groups {
		if o.groups[id] == nil {
			return errUnknown("group", id)
		}
	}
	return nil
}

// coverage remembers what a range comes to, as long as no group changes. It is
// made by readers that share the lock: hence atomic.
type coverage struct{ made atomic.Pointer[covers] }

type covers struct {
	groups      uint64 // organisation.groupChanges when it was made
	departments map[string]bool
	users       map[string]bool
}

func (c *coverage) forget() { c.made.Store(nil) }

// covers works out the departments and people that the app's range names, those
// that its groups hold among them.
func (a *app) covers(o *organisation) *covers {
	if c := a.covered.made.Load(); c != nil && c.groups == o.groupChanges {
		return c
	}
	c := &covers{groups: o.groupChanges, departments: map[string]bool{}, users: map[string]bool{}}
	add := func(set map[string]bool, ids []string) {
		for _, id := range ids {
			set[id] = true
		}
	}
	add(c.departments, a.reach.Departments)
	add(c.users, a.reach.Users)
	for _, id := range a.reach.Groups {
		if g := o.groups[id]; g != nil {
			add(c.departments, g.Departments)
			add(c.users, g.Users)
		}
	}
	a.covered.made.Store(c)
	return c
}

// seesAll tells whether the caller sees the whole company. Who calls as a
// person does: the sandbox's people may see each other.
func (v *view) seesAll() bool { return v.app == nil || v.person != nil || v.app.reach.all() }

// seesDepartment tells whether a department is within the caller's range. The
// root is only where everything is.
func (v *view) seesDepartment(n *node) bool {
	if v.seesAll() {
		return true
	}
	c := v.app.covers(v.org)
	for ; n != nil; n = n.parent {
		if c.departments[n.OpenDepartmentID] {
			return true
		}
	}
	return false
}

// sees tells whether a person is. Who left is where they were at last.
func (v *view) sees(u *User) bool {
	if v.seesAll() || v.app.covers(v.org).users[u.OpenID] {
		return true
	}
	return slices.ContainsFunc(u.Orders, func(order Order) bool {
		n := v.org.departments[order.DepartmentID]
		return n != nil && v.seesDepartment(n)
	})
}

// seesGroup tells whether a group is one of the range's.
func (v *view) seesGroup(g *Group) bool {
	return v.seesAll() || slices.Contains(v.app.reach.Groups, g.ID)
}
