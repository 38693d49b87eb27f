package sandbox

import "slices"

// change is something that happened to the company, for events to tell. Before
// and after are copies; before is nil for what is new, after for what is gone.
type change struct {
	what   changeKind
	entity Kind
	by     *app // whose call did it; nil for the controls

	// followUp marks what the platform did by itself because of another change,
	// such as taking a leader away who left. Whether Feishu tells of it is
	// unconfirmed.
	followUp bool

	userBefore, userAfter *User
	groups                []string // that a person was in who is gone
	deptBefore, deptAfter *Department
	enumBefore, enumAfter *EmployeeType
	attrs                 *attrsChange
	reach                 *rangeChange
}

type changeKind int

const (
	created changeKind = iota
	changed
	deleted
	returned // a person who had left
)

// rangeChange is a new range of an app, which alone is told of it.
type rangeChange struct {
	app           *app
	before, after Range
}

// attrsChange is a change of which custom attributes there are, or of the
// switch that lets apps see them.
type attrsChange struct {
	before, after []string
	open          [2]bool // before, after
}

// record notes a change; Server.mutate takes the notes.
func (o *organisation) record(c change) { o.changes = append(o.changes, c) }

func (o *organisation) recordUser(what changeKind, before, after *User, followUp bool) {
	c := change{what: what, entity: KindUser, followUp: followUp, userBefore: before, userAfter: after}
	if what == deleted {
		c.groups = o.groupsOf(before.OpenID)
	}
	o.record(c)
}

// groupsOf are the groups that name a person as a member.
func (o *organisation) groupsOf(openID string) []string {
	var ids []string
	for id, g := range o.groups {
		if slices.Contains(g.Users, openID) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (o *organisation) recordDepartment(what changeKind, before, after *Department, followUp bool) {
	o.record(change{what: what, entity: KindDepartment, followUp: followUp, deptBefore: before, deptAfter: after})
}

// mutate is the one way to change the company: it runs f with the lock held,
// and tells of what f changed. An f that fails has changed nothing.
func (s *Server) mutate(by *app, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.org.now = s.now()
	past := s.pastForReads()
	err := f()
	if err == nil {
		s.faults.remember(past, s.cfg.Clock())
	}
	s.announce(by)
	return err
}

// announce takes the notes of a mutation and tells of them. The lock is held.
func (s *Server) announce(by *app) {
	changes := s.org.changes
	s.org.changes = nil
	if len(changes) > 0 {
		s.mutations++
	}
	for i := range changes {
		changes[i].by = by
	}
	if s.silent {
		return
	}
	s.tell(changes)
}
