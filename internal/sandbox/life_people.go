package sandbox

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// act is a kind of change. do reports false where it was not possible.
type act struct {
	name   string
	weight int
	do     func(*living) bool
}

// acts are the kinds of changes with how often they are drawn. What joins and
// what leaves share a weight; see living.draw.
func acts() []act {
	return []act{
		{"move", 20, (*living).move},
		{"promote", 8, (*living).promote},
		{"retitle", 8, (*living).retitle},
		{"edit", 10, (*living).edit},
		{"rename", 5, (*living).rename},
		{"freeze", 2, (*living).freeze},
		{"rename_department", 4, (*living).renameDepartment},
		{"move_department", 3, (*living).moveDepartment},
	}
}

const (
	peopleWeight = 34 // of joining and leaving together
	treeWeight   = 8  // of making and closing departments
)

// draw chooses what to try. The further the company is from the size that it
// began with, the more it is drawn back.
func (l *living) draw() act {
	all := acts()
	total := peopleWeight + treeWeight
	for _, a := range all {
		total += a.weight
	}
	at := l.rng.IntN(total)
	for _, a := range all {
		if at < a.weight {
			return a
		}
		at -= a.weight
	}
	if at < treeWeight {
		if l.grows(len(l.departments), l.treeSize) {
			return act{"open_department", 0, (*living).openDepartment}
		}
		return act{"close_department", 0, (*living).closeDepartment}
	}
	if !l.grows(len(l.people), l.size) {
		return act{"leave", 0, (*living).leave}
	}
	if n := len(l.left); n > 0 && (l.rng.IntN(6) == 0 || n > max(50, l.size/10)) {
		return act{"return", 0, (*living).comeBack}
	}
	return act{"hire", 0, (*living).hire}
}

func (l *living) grows(now, began int) bool {
	chance := 0.5 + 4*float64(began-now)/float64(max(began, 1))
	return l.rng.Float64() < min(0.95, max(0.05, chance))
}

func (l *living) hire() bool { return l.hireInto(l.department()) }

// hireInto brings somebody new into a department.
func (l *living) hireInto(n *node) bool {
	if n == nil || len(n.members) >= mostMembers {
		return false
	}
	u := l.gen.makePerson(0, map[string]int{})
	delete(l.org.byUserID.current, u.UserID) // the generator enters it before there is a person
	u.EnterpriseEmail = ""
	if u.Email != "" {
		u.Email = l.freeEmail(u.Email)
	}
	if u.Mobile != "" {
		u.Mobile = l.freeMobile()
	}
	u.EmployeeNo = strconv.Itoa(90000001 + l.hired)
	u.IsTenantManager = false
	u.JoinTime = l.today
	u.DepartmentIDs = []string{n.OpenDepartmentID}
	if second := l.department(); l.rng.IntN(16) == 0 && second != nil && second != n {
		u.DepartmentIDs = append(u.DepartmentIDs, second.OpenDepartmentID)
	}
	u.LeaderUserID = l.leaderFor(n, u)
	added, err := l.org.addUser(*u)
	if err != nil {
		return false
	}
	l.hired++
	l.people = append(l.people, added.OpenID)
	return true
}

func (l *living) leave() bool {
	i, u := l.person()
	if u == nil || u.IsTenantManager {
		return false
	}
	var led []*node
	for _, id := range l.departments {
		if n := l.org.departments[id]; n.LeaderUserID == u.OpenID {
			led = append(led, n)
		}
	}
	var reports []string
	for id, other := range l.org.users {
		if other.LeaderUserID == u.OpenID {
			reports = append(reports, id)
		}
	}
	slices.Sort(reports)
	next := u.clone()
	next.Status = Status{IsResigned: true, IsActivated: u.Status.IsActivated}
	if l.org.changeUser(u, next) != nil {
		return false
	}
	l.people = swapOut(l.people, i)
	l.left = append(l.left, u.OpenID)
	for _, n := range led {
		if len(n.members) > 0 && l.rng.IntN(5) > 0 {
			l.appoint(n, n.members[l.rng.IntN(len(n.members))].user)
		}
	}
	for _, id := range reports {
		l.follow(l.org.users[id])
	}
	return true
}

// comeBack takes somebody back who had left, into the departments that are still
// there.
func (l *living) comeBack() bool {
	if len(l.left) == 0 {
		return false
	}
	i := l.rng.IntN(len(l.left))
	u := l.org.users[l.left[i]]
	if u == nil {
		return false
	}
	next := u.clone()
	next.Status = Status{IsActivated: true}
	ids := slices.DeleteFunc(slices.Clone(u.DepartmentIDs), func(id string) bool { return l.org.departments[id] == nil })
	if n := l.department(); len(ids) == 0 && n != nil {
		ids = []string{n.OpenDepartmentID}
	}
	if len(ids) == 0 {
		ids = []string{rootID}
	}
	next.DepartmentIDs, next.Orders = ids, ordersFor(ids, u.Orders)
	next.DottedLine = nil
	next.LeaderUserID = l.leaderFor(l.org.departments[ids[0]], u)
	if l.org.changeUser(u, next) != nil {
		return false // somebody else has the mobile, the e-mail or the user_id by now
	}
	l.left = swapOut(l.left, i)
	l.people = append(l.people, u.OpenID)
	return true
}

// move puts a person into another department. Half of those who are in several
// keep the others.
func (l *living) move() bool {
	_, u := l.person()
	n := l.department()
	if u == nil || n == nil || slices.Contains(u.DepartmentIDs, n.OpenDepartmentID) || len(n.members) >= mostMembers {
		return false
	}
	next := u.clone()
	next.DepartmentIDs = []string{n.OpenDepartmentID}
	if l.rng.IntN(2) == 0 {
		next.DepartmentIDs = append(next.DepartmentIDs, u.DepartmentIDs[1:]...)
	}
	next.LeaderUserID = l.leaderFor(n, u)
	return l.org.changeUser(u, next) == nil
}

func (l *living) retitle() bool {
	return l.edited(func(u *User) { u.JobTitle = jobTitles[l.rng.IntN(len(jobTitles))] })
}

// rename gives a person another given name.
func (l *living) rename() bool {
	return l.edited(func(u *User) { u.Name, u.EnName, _ = l.gen.names.name(u.Gender) })
}

// edit changes one of the small things.
func (l *living) edit() bool {
	return l.edited(func(u *User) {
		switch l.rng.IntN(6) {
		case 0:
			u.Mobile = l.freeMobile()
		case 1:
			u.Email = l.freeEmail(u.Email)
		case 2:
			u.City, u.Country = cities[l.rng.IntN(len(cities))].zh, "CN"
		case 3:
			u.WorkStation = string(rune('A'+l.rng.IntN(4))) + "座" + strconv.Itoa(1+l.rng.IntN(30)) + "层"
		case 4:
			u.Description = signatures[l.rng.IntN(len(signatures))]
		default:
			u.EmployeeType = [...]int{1, 2, 3, 5}[l.rng.IntN(4)]
		}
	})
}

// freeze freezes an account, thaws a frozen one, and lets people join who had
// not yet.
func (l *living) freeze() bool {
	return l.edited(func(u *User) {
		frozen := u.Status.IsActivated && !u.Status.IsFrozen
		u.Status = Status{IsActivated: true, IsFrozen: frozen}
	})
}

// edited changes somebody, or reports that it was no change.
func (l *living) edited(change func(*User)) bool {
	_, u := l.person()
	if u == nil {
		return false
	}
	next := u.clone()
	change(&next)
	same := next.Name == u.Name && next.EnName == u.EnName && next.JobTitle == u.JobTitle && next.Mobile == u.Mobile &&
		next.Email == u.Email && next.City == u.City && next.WorkStation == u.WorkStation && next.Description == u.Description &&
		next.EmployeeType == u.EmployeeType && next.Status == u.Status
	return !same && l.org.changeUser(u, next) == nil
}

// freeMobile is a number that nobody has or had.
func (l *living) freeMobile() string {
	for {
		mobile := mobileOf(l.number)
		l.number++
		if l.org.byMobile.any(mobile) == nil {
			return mobile
		}
	}
}

// freeEmail is an address like another one, that nobody has or had.
func (l *living) freeEmail(like string) string {
	account, _, _ := strings.Cut(like, "@")
	account = cmp.Or(strings.TrimRight(account, "0123456789"), "user")
	for i := 1; ; i++ {
		address := account + "@sandbox.example.com"
		if i > 1 {
			address = account + strconv.Itoa(i) + "@sandbox.example.com"
		}
		if l.org.byEmail.any(address) == nil {
			return address
		}
	}
}

func (l *living) person() (int, *User) {
	if len(l.people) == 0 {
		return 0, nil
	}
	i := l.rng.IntN(len(l.people))
	return i, l.org.users[l.people[i]]
}

// department is one of all; rarely, and where there is none, the root.
func (l *living) department() *node {
	if len(l.departments) == 0 || l.rng.IntN(100) == 0 {
		return l.org.root
	}
	return l.org.departments[l.departments[l.rng.IntN(len(l.departments))]]
}

func swapOut(list []string, i int) []string {
	list[i] = list[len(list)-1]
	return list[:len(list)-1]
}
