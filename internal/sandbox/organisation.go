package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
)

// organisation is the whole company with the indexes that the contact API
// needs. It is not safe for concurrent use: Server.mu guards it.
type organisation struct {
	tenant Tenant

	users   map[string]*User // by open_id, people who resigned included
	byUnion map[string]*User
	// A user_id, a mobile and an e-mail belong to one person among those who
	// are here, and may have belonged to others before.
	byUserID lookup
	byMobile lookup
	byEmail  lookup
	writes

	departments map[string]*node // by open_department_id; the root is "0"
	byCustom    map[string]*node // by department_id
	root        *node

	groups         map[string]*Group
	units          map[string]*Unit
	employeeTypes  []*EmployeeType         // by enum_value
	enumsMade      int                     // those that the company ever made: deleted ones count
	customAttrs    []*CustomAttrDefinition // by id
	allowOpenQuery bool
	features       Features
	// groupChanges counts the changes of groups: what was worked out from
	// their members for another value is stale.
	groupChanges uint64
	// peopleChanges counts the people who came and who were erased, for those
	// who remember open_ids.
	peopleChanges uint64

	// changes are what the mutation under way has done so far.
	changes []change

	// structure counts the changes of the tree: a list of descendants made
	// for another value is stale.
	structure uint64
	// visits numbers the walks up the tree, so that each walk can mark the
	// departments it has passed.
	visits uint64

	ids idSource
	// resourceIDs makes the ids of everything but people and departments, so
	// that these are the same whatever else there is.
	resourceIDs idSource
}

// node is a department in the tree.
type node struct {
	Department
	parent   *node
	children []*node // by order, then id
	members  []seat  // by user order, greatest first, then id
	visit    uint64

	// below is made when first asked for, by readers that hold the lock
	// shared: hence atomic.
	below atomic.Pointer[descendants]
}

// seat is a person's place in a department.
type seat struct {
	order int
	user  *User
}

// descendants are all departments under one, in listing order.
type descendants struct {
	structure uint64
	nodes     []*node
}

func newOrganisation(tenant Tenant, seed uint64) *organisation {
	o := &organisation{
		tenant:      tenant,
		users:       map[string]*User{},
		byUnion:     map[string]*User{},
		byUserID:    newLookup(),
		byMobile:    newLookup(),
		byEmail:     newLookup(),
		writes:      newWrites(),
		departments: map[string]*node{},
		byCustom:    map[string]*node{},
		groups:      map[string]*Group{},
		units:       map[string]*Unit{},
		ids:         newIDSource(seed),

		allowOpenQuery: true,
		features:       Features{Groups: true, Units: true},
		resourceIDs:    newIDSource(^seed),
	}
	o.employeeTypes = builtInEmployeeTypes(o.resourceIDs)
	o.root = &node{Department: Department{OpenDepartmentID: rootID, DepartmentID: rootID}}
	o.departments[rootID] = o.root
	o.byCustom[rootID] = o.root
	return o
}

// link enters a person into every index. The person must be complete and
// checked.
func (o *organisation) link(u *User) {
	o.index(u)
	if u.Status.IsResigned {
		return
	}
	for _, order := range u.Orders {
		n := o.departments[order.DepartmentID]
		s := seat{order: order.UserOrder, user: u}
		at, _ := slices.BinarySearchFunc(n.members, s, compareSeats)
		n.members = slices.Insert(n.members, at, s)
	}
	o.count(u, 1)
}

// index enters a person into the look-ups, without seating them.
func (o *organisation) index(u *User) {
	o.users[u.OpenID] = u
	o.byUnion[u.UnionID] = u
	left := o.resignedAt[u.OpenID]
	o.byUserID.add(u.UserID, u, left)
	o.byMobile.add(u.Mobile, u, left)
	o.byEmail.add(u.Email, u, left)
}

// unlink is the opposite of link; it must see the person as link saw them.
func (o *organisation) unlink(u *User) {
	delete(o.users, u.OpenID)
	delete(o.byUnion, u.UnionID)
	o.byUserID.remove(u.UserID, u)
	o.byMobile.remove(u.Mobile, u)
	o.byEmail.remove(u.Email, u)
	if u.Status.IsResigned {
		return
	}
	for _, order := range u.Orders {
		n := o.departments[order.DepartmentID]
		s := seat{order: order.UserOrder, user: u}
		if at, found := slices.BinarySearchFunc(n.members, s, compareSeats); found {
			n.members = slices.Delete(n.members, at, at+1)
		}
	}
	o.count(u, -1)
}

// count adds by to the member counts of every department above the person,
// once each even where the person sits in two departments of one branch.
func (o *organisation) count(u *User, by int) {
	o.visits++
	for i, order := range u.Orders {
		for n := o.departments[order.DepartmentID]; n != nil; n = n.parent {
			if n.visit != o.visits {
				n.visit = o.visits
				n.MemberCount += by
			}
			if i == 0 {
				n.PrimaryMemberCount += by
			}
		}
	}
}

// recount makes all member counts anew, after the tree has changed.
func (o *organisation) recount() {
	for _, n := range o.departments {
		n.MemberCount, n.PrimaryMemberCount = 0, 0
	}
	for _, u := range o.users {
		if !u.Status.IsResigned {
			o.count(u, 1)
		}
	}
}

// attach puts a department under the parent that it names.
func (o *organisation) attach(n *node) {
	n.parent = o.departments[n.ParentDepartmentID]
	at, _ := slices.BinarySearchFunc(n.parent.children, n, compareNodes)
	n.parent.children = slices.Insert(n.parent.children, at, n)
	o.departments[n.OpenDepartmentID] = n
	o.byCustom[n.DepartmentID] = n
	o.structure++
}

// detach is the opposite of attach; it must see the department as attach saw
// it.
func (o *organisation) detach(n *node) {
	if at, found := slices.BinarySearchFunc(n.parent.children, n, compareNodes); found {
		n.parent.children = slices.Delete(n.parent.children, at, at+1)
	}
	delete(o.departments, n.OpenDepartmentID)
	delete(o.byCustom, n.DepartmentID)
	n.parent = nil
	o.structure++
}

// descendantsOf lists all departments under n by order, then id.
func (o *organisation) descendantsOf(n *node) []*node {
	if d := n.below.Load(); d != nil && d.structure == o.structure {
		return d.nodes
	}
	var all []*node
	var walk func(*node)
	walk = func(n *node) {
		all = append(all, n.children...)
		for _, child := range n.children {
			walk(child)
		}
	}
	walk(n)
	slices.SortFunc(all, compareNodes)
	n.below.Store(&descendants{structure: o.structure, nodes: all})
	return all
}

// under tells whether n is top or somewhere below it.
func under(n, top *node) bool {
	for ; n != nil; n = n.parent {
		if n == top {
			return true
		}
	}
	return false
}

func compareNodes(a, b *node) int {
	return compareNodeKey(a, b.Order, b.OpenDepartmentID)
}

func compareNodeKey(n *node, order int64, id string) int {
	return cmp.Or(cmp.Compare(n.Order, order), strings.Compare(n.OpenDepartmentID, id))
}

// compareNodeCursor and compareSeatCursor are the orders of listings, for pages.
func compareNodeCursor(n *node, c cursor) int { return compareNodeKey(n, c.rank, c.id) }

func compareSeatCursor(s seat, c cursor) int { return compareSeatKey(s, int(c.rank), c.id) }

func compareSeats(a, b seat) int {
	return compareSeatKey(a, b.order, b.user.OpenID)
}

func compareSeatKey(s seat, order int, id string) int {
	return cmp.Or(cmp.Compare(order, s.order), strings.Compare(s.user.OpenID, id))
}
