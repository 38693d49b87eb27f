package sandbox

import (
	"math/rand/v2"
	"slices"
	"strconv"
)

// orderStep is the distance between departments in their parent's order.
const orderStep = 2000

// What a company has whose numbers allow it.
const (
	deepLevels    = 12 // the longest branch, from 30 departments on
	wideChildren  = 40 // the fewest in the widest department, from 80 on
	usualChildren = 12 // the most in any other
	usualLevels   = 8
)

// generator makes a company from a seed: the same one every time. It draws
// from no map and reads no clock.
type generator struct {
	rng   *rand.Rand
	org   *organisation
	nodes []*node       // in the order in which they were made, the root first
	depth map[*node]int // for look-up only
	crowd *node         // the department with the most direct members
	users []*User
	names *namer
	shape Shape
	sides [2][]*node // of a matrix: product lines and functions, the tops first
}

func generate(cfg Config) *organisation {
	tenant := Tenant{
		Name: cfg.TenantName, DisplayID: "F" + strconv.FormatUint(86031120000+cfg.Seed%1000, 10),
		TenantKey: cfg.TenantKey, Domain: "sandbox.feishu.cn",
	}
	g := &generator{
		rng:   rand.New(rand.NewPCG(cfg.Seed, 0x6f72676d6972726f)),
		org:   newOrganisation(tenant, cfg.Seed),
		depth: map[*node]int{},
		shape: cfg.Shape,
	}
	g.names = newNamer(g.rng)
	g.nodes = []*node{g.org.root}
	g.shapeTree(cfg.Departments)
	g.makePeople(cfg.People)
	g.seatPeople()
	if g.isMatrix(cfg.Departments) && cfg.People > 0 {
		g.chooseDualLeaders()
		g.linkLeaders()
		g.linkDottedLines()
	} else {
		g.chooseLeaders()
		g.linkLeaders()
	}
	g.makeResources(cfg.Seed)
	return g.org
}

// makeTree makes n departments: the first level, one long branch, one wide
// department, and the rest at random.
func (g *generator) makeTree(n int) {
	left := n
	take := func(parent *node) *node {
		left--
		return g.makeDepartment(parent)
	}
	var first []*node
	for range min(left, max(3, min(12, n/40))) {
		first = append(first, take(g.org.root))
	}
	if n >= 30 {
		at := first[0]
		for range deepLevels - 1 {
			at = take(at)
		}
	}
	var wide *node
	if n >= 80 {
		wide = take(first[1])
		for range wideChildren + min(20, (n-80)/20) {
			take(wide)
		}
	}
	open := slices.Clone(g.nodes[1:])
	for left > 0 {
		i := g.rng.IntN(len(open))
		parent := open[i]
		full := len(parent.children) >= usualChildren || g.depth[parent] >= usualLevels
		if parent == wide || full {
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
			continue
		}
		open = append(open, take(parent))
	}
}

func (g *generator) makeDepartment(parent *node) *node {
	level := g.depth[parent] + 1
	d := Department{
		OpenDepartmentID:   g.org.ids.openDepartmentID(),
		DepartmentID:       g.org.ids.departmentID(),
		ParentDepartmentID: parent.OpenDepartmentID,
		Order:              int64(len(parent.children)+1) * orderStep,
	}
	if g.rng.IntN(3) == 0 { // somebody chose this one
		d.DepartmentID = "D" + strconv.Itoa(1000+len(g.nodes))
	}
	name := g.departmentName(parent, level)
	d.Name = name.zh
	if g.rng.IntN(4) > 0 {
		d.I18nName = I18nName{ZhCN: name.zh, EnUS: name.en}
	}
	if g.rng.IntN(3) == 0 {
		d.ChatID = g.org.ids.chatID()
		d.GroupChatEmployeeTypes = []int{1, 2}
	}
	n := &node{Department: d}
	g.org.attach(n)
	g.nodes = append(g.nodes, n)
	g.depth[n] = level
	return n
}

// departmentName is a name that no sibling has.
func (g *generator) departmentName(parent *node, level int) phrase {
	at := len(parent.children)
	if at >= usualChildren { // in a wide department: branches, city by city
		city := cities[(at-usualChildren)%len(cities)]
		if round := (at - usualChildren) / len(cities); round > 0 {
			number := strconv.Itoa(round + 1)
			return phrase{city.zh + "第" + number + "分公司", city.en + " Branch " + number}
		}
		return phrase{city.zh + "分公司", city.en + " Branch"}
	}
	rank := ranks[min(level, len(ranks))-1]
	for i := g.rng.IntN(len(functions)); ; i = (i + 1) % len(functions) {
		name := phrase{functions[i].zh + rank.zh, functions[i].en + " " + rank.en}
		if !slices.ContainsFunc(parent.children, func(n *node) bool { return n.Name == name.zh }) {
			return name
		}
	}
}

// chooseLeaders gives most departments a main leader, and some deputies and
// HRBPs. A leader belongs to the department first of all, or leads the one
// above: so nobody is led by those whom they lead.
func (g *generator) chooseLeaders() {
	for _, n := range g.nodes[1:] {
		var own []*User
		for _, s := range n.members {
			if s.user.Orders[0].DepartmentID == n.OpenDepartmentID {
				own = append(own, s.user)
			}
		}
		switch draw := g.rng.IntN(10); {
		case len(own) > 0 && draw < 9:
			leader := own[g.rng.IntN(len(own))]
			n.LeaderUserID = leader.OpenID
			leader.JobTitle = "负责人"
		case len(own) == 0 && draw < 5:
			n.LeaderUserID = n.parent.LeaderUserID
		}
		if n.LeaderUserID != "" {
			n.Leaders = []Leader{{LeaderType: mainLeader, LeaderID: n.LeaderUserID}}
		}
		if len(own) > 3 && g.rng.IntN(4) == 0 {
			if deputy := own[g.rng.IntN(len(own))]; deputy.OpenID != n.LeaderUserID {
				n.Leaders = append(n.Leaders, Leader{LeaderType: deputyLeader, LeaderID: deputy.OpenID})
			}
		}
		if len(own) > 0 && g.rng.IntN(10) == 0 {
			n.HRBPs = []string{own[g.rng.IntN(len(own))].OpenID}
		}
	}
}

// linkLeaders gives people their direct leaders: the first leader other than
// themselves on the way up from their primary department, at last the chief.
func (g *generator) linkLeaders() {
	for _, u := range g.users {
		if g.rng.IntN(50) == 0 {
			continue // some have none
		}
		for n := g.org.departments[u.Orders[0].DepartmentID]; n != nil && u.LeaderUserID == ""; n = n.parent {
			leader := n.LeaderUserID
			if n == g.org.root {
				leader = g.users[0].OpenID
			}
			if leader != u.OpenID {
				u.LeaderUserID = leader
			}
		}
		if g.rng.IntN(50) == 0 {
			if other := g.users[g.rng.IntN(len(g.users))]; other != u && other.OpenID != u.LeaderUserID {
				u.DottedLine = []string{other.OpenID}
			}
		}
	}
}
