package sandbox

import (
	"slices"
	"strconv"
)

// The bounds of what one change does to others.
const (
	mostFollowers = 30  // who get a new leader with a promotion
	mostRehoused  = 200 // who are moved when a department is closed
)

// leaderFor is who leads somebody in a department: its leader, or the next one
// above, but nobody whom the person leads.
func (l *living) leaderFor(n *node, u *User) string {
	for ; n != nil; n = n.parent {
		if id := n.LeaderUserID; id != "" && id != u.OpenID && !l.isLed(id, u.OpenID) {
			return id
		}
	}
	return ""
}

// isLed tells whether the chain of leaders above a person passes another one.
func (l *living) isLed(id, by string) bool {
	for range 1000 {
		u := l.org.users[id]
		if u == nil || u.LeaderUserID == "" {
			return false
		}
		if id = u.LeaderUserID; id == by {
			return true
		}
	}
	return true // a circle that somebody else has made: keep off
}

// follow gives a person the leader of their department.
func (l *living) follow(u *User) {
	next := u.clone()
	next.LeaderUserID = l.leaderFor(l.org.departments[u.DepartmentIDs[0]], u)
	if next.LeaderUserID != u.LeaderUserID {
		_ = l.org.changeUser(u, next) // who cannot be led stays without a leader
	}
}

// promote makes somebody the leader of the department to which they belong.
func (l *living) promote() bool {
	_, u := l.person()
	if u == nil {
		return false
	}
	n := l.org.departments[u.DepartmentIDs[0]]
	return n != l.org.root && l.appoint(n, u)
}

// appoint makes somebody the leader of a department, and of those whom the last
// one led in it.
func (l *living) appoint(n *node, u *User) bool {
	before := n.LeaderUserID
	next := n.clone()
	next.LeaderUserID = u.OpenID
	if before == u.OpenID || l.org.changeDepartment(n, next) != nil {
		return false
	}
	promoted := u.clone()
	promoted.JobTitle = "负责人"
	promoted.LeaderUserID = l.leaderFor(n.parent, u)
	_ = l.org.changeUser(u, promoted) // the department has its leader in any case
	led := 0
	for _, s := range slices.Clone(n.members) {
		if m := s.user; led < mostFollowers && m != u && m.LeaderUserID == before && m.DepartmentIDs[0] == n.OpenDepartmentID {
			l.follow(m)
			led++
		}
	}
	return true
}

// openDepartment makes a department, and moves some people of the one above
// into it, one of whom leads it.
func (l *living) openDepartment() bool {
	parent := l.department()
	if parent.depth() >= maxLevels || len(parent.children) >= mostChildren || len(l.departments) >= mostDepartments {
		return false
	}
	name, ok := l.freeName(parent)
	if !ok {
		return false
	}
	n, err := l.org.addDepartment(Department{
		Name: name.zh, I18nName: I18nName{ZhCN: name.zh, EnUS: name.en}, ParentDepartmentID: parent.OpenDepartmentID,
	})
	if err != nil {
		return false
	}
	l.departments = append(l.departments, n.OpenDepartmentID)
	var movers []*User
	for _, s := range parent.members {
		if len(movers) < 3 && s.user.DepartmentIDs[0] == parent.OpenDepartmentID && s.user.OpenID != parent.LeaderUserID && !s.user.IsTenantManager {
			movers = append(movers, s.user)
		}
	}
	for i, u := range movers {
		if l.rehouse(u, parent, n) && i == 0 {
			l.appoint(n, u)
		}
	}
	return true
}

// closeDepartment closes a department without departments below it; the people
// go to the one above.
func (l *living) closeDepartment() bool {
	if len(l.departments) < 2 {
		return false
	}
	i := l.rng.IntN(len(l.departments))
	n := l.org.departments[l.departments[i]]
	if len(n.children) > 0 || len(n.members) > mostRehoused || len(n.parent.members)+len(n.members) > mostMembers {
		return false
	}
	above := n.parent
	if above == l.org.root && len(n.members) > 0 {
		above = l.department()
		if above == n || len(above.members)+len(n.members) > mostMembers {
			return false
		}
	}
	for _, s := range slices.Clone(n.members) {
		l.rehouse(s.user, n, above)
	}
	if l.org.removeDepartment(n) != nil {
		return false
	}
	l.departments = swapOut(l.departments, i)
	return true
}

// rehouse moves a person from one department into another, beside the others
// that they are in.
func (l *living) rehouse(u *User, from, to *node) bool {
	next := u.clone()
	next.DepartmentIDs = nil
	for _, id := range u.DepartmentIDs {
		if id == from.OpenDepartmentID {
			id = to.OpenDepartmentID
		}
		if !slices.Contains(next.DepartmentIDs, id) {
			next.DepartmentIDs = append(next.DepartmentIDs, id)
		}
	}
	if next.DepartmentIDs[0] != u.DepartmentIDs[0] {
		next.LeaderUserID = l.leaderFor(to, u)
	}
	return l.org.changeUser(u, next) == nil
}

func (l *living) renameDepartment() bool {
	n := l.department()
	if n == l.org.root {
		return false
	}
	name, ok := l.freeName(n.parent)
	if !ok {
		return false
	}
	next := n.clone()
	next.Name, next.I18nName = name.zh, I18nName{ZhCN: name.zh, EnUS: name.en}
	return l.org.changeDepartment(n, next) == nil
}

func (l *living) moveDepartment() bool {
	n, parent := l.department(), l.department()
	if n == l.org.root || parent == n.parent || under(parent, n) || parent.depth()+n.height() > maxLevels || len(parent.children) >= mostChildren {
		return false
	}
	next := n.clone()
	next.ParentDepartmentID = parent.OpenDepartmentID
	next.Order = orderStep
	if len(parent.children) > 0 {
		next.Order += parent.children[len(parent.children)-1].Order
	}
	if named(parent, n.Name) {
		name, ok := l.freeName(parent)
		if !ok {
			return false
		}
		next.Name, next.I18nName = name.zh, I18nName{ZhCN: name.zh, EnUS: name.en}
	}
	return l.org.changeDepartment(n, next) == nil
}

// freeName is a name that no department directly below parent has.
func (l *living) freeName(parent *node) (phrase, bool) {
	rank := ranks[min(parent.depth()+1, len(ranks))-1]
	for try := range 50 {
		f := functions[l.rng.IntN(len(functions))]
		name := phrase{f.zh + rank.zh, f.en + " " + rank.en}
		if try >= 10 { // a large department has used the plain ones up
			number := strconv.Itoa(2 + l.rng.IntN(98))
			name = phrase{f.zh + number + rank.zh, f.en + " " + rank.en + " " + number}
		}
		if !named(parent, name.zh) {
			return name, true
		}
	}
	return phrase{}, false
}

func named(parent *node, name string) bool {
	return slices.ContainsFunc(parent.children, func(n *node) bool { return n.Name == name })
}
