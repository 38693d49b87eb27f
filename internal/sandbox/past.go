package sandbox

import (
	"maps"
	"time"
)

// pastForReads is a copy of the company for the stale faults that wait for a
// write, nil where none does. The lock is held.
func (s *Server) pastForReads() *organisation {
	if !s.faults.wantPast(s.cfg.Clock()) {
		return nil
	}
	return s.org.copy()
}

func (fs *faults) wantPast(now time.Time) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.endThoseOver(now)
	for _, f := range fs.list {
		if f.Stale && f.past == nil {
			return true
		}
	}
	return false
}

// remember gives the stale faults what they show, once the write has happened.
func (fs *faults) remember(past *organisation, now time.Time) {
	if past == nil {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.list {
		if !f.Stale || f.past != nil {
			continue
		}
		f.past = past
		if f.ForMS > 0 {
			f.until = now.Add(time.Duration(f.ForMS) * time.Millisecond)
		}
	}
}

// copy makes a company that later changes of this one do not touch. It is for
// reading only: it would make the same ids again.
func (o *organisation) copy() *organisation {
	all := *o
	c := &all
	c.changes, c.employeeTypes, c.customAttrs = nil, nil, nil
	c.users, c.byUnion = make(map[string]*User, len(o.users)), make(map[string]*User, len(o.users))
	c.departments, c.byCustom = make(map[string]*node, len(o.departments)), make(map[string]*node, len(o.departments))
	c.resignedAt = maps.Clone(o.resignedAt)
	c.groups, c.units = map[string]*Group{}, map[string]*Unit{}
	for id, u := range o.users {
		copied := u.clone()
		c.users[id] = &copied
		c.byUnion[u.UnionID] = &copied
	}
	c.byUserID, c.byMobile, c.byEmail = o.byUserID.copy(c.users), o.byMobile.copy(c.users), o.byEmail.copy(c.users)
	c.root = c.copyNode(o.root, nil)
	for id, g := range o.groups {
		copied := g.clone()
		c.groups[id] = &copied
	}
	for id, u := range o.units {
		copied := u.clone()
		c.units[id] = &copied
	}
	for _, e := range o.employeeTypes {
		copied := e.clone()
		c.employeeTypes = append(c.employeeTypes, &copied)
	}
	for _, a := range o.customAttrs {
		copied := a.clone()
		c.customAttrs = append(c.customAttrs, &copied)
	}
	return c
}

// copyNode copies a department with everything below it and enters it.
func (o *organisation) copyNode(n, parent *node) *node {
	c := &node{Department: n.clone(), parent: parent}
	for _, s := range n.members {
		c.members = append(c.members, seat{order: s.order, user: o.users[s.user.OpenID]})
	}
	for _, child := range n.children {
		c.children = append(c.children, o.copyNode(child, c))
	}
	o.departments[c.OpenDepartmentID] = c
	o.byCustom[c.DepartmentID] = c
	return c
}
