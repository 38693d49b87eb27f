package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Shape is what a made-up company looks like.
type Shape string

// The shapes. Each fits into Feishu's limits: 30 000 departments, 25 levels,
// 1 000 departments directly below one, 10 000 people directly in one.
const (
	// ShapeMixed has something of everything: some long branches, one wide
	// department, one crowd, a few people in several departments.
	ShapeMixed Shape = "mixed"
	// ShapeWide has as many departments side by side as can be, and a crowd of a
	// quarter of all people.
	ShapeWide Shape = "wide"
	// ShapeDeep goes down to the 25th level everywhere.
	ShapeDeep Shape = "deep"
	// ShapeMatrix has product lines and functions. Everybody is in both, and has a
	// leader in one and a dotted line to the other; every department has two leaders.
	ShapeMatrix Shape = "matrix"
)

// Shapes lists them.
func Shapes() []Shape { return []Shape{ShapeMixed, ShapeWide, ShapeDeep, ShapeMatrix} }

// Feishu's limits that a made-up company keeps.
const (
	mostDepartments = 30_000
	mostChildren    = 1000
	mostMembers     = 10_000
)

// check says what is wrong with the wishes for a company.
func (c Config) check() error {
	if c.People < 0 || c.Departments < 0 {
		return errors.New("people and departments must not be negative")
	}
	if c.Departments > mostDepartments {
		return fmt.Errorf("%d departments: a company has at most %d", c.Departments, mostDepartments)
	}
	if !slices.Contains(Shapes(), c.Shape) {
		return fmt.Errorf("shape %q: there are %s", c.Shape, strings.Trim(fmt.Sprint(Shapes()), "[]"))
	}
	return nil
}

// shapeTree makes n departments of the wanted shape.
func (g *generator) shapeTree(n int) {
	switch {
	case g.shape == ShapeWide:
		g.makeWideTree(n)
	case g.shape == ShapeDeep:
		g.makeDeepTree(n)
	case g.isMatrix(n):
		g.makeMatrixTree(n)
	default:
		g.makeTree(n)
	}
}

// isMatrix tells whether there are enough departments for two sides.
func (g *generator) isMatrix(departments int) bool { return g.shape == ShapeMatrix && departments >= 2 }

// makeWideTree fills one department after the other.
func (g *generator) makeWideTree(n int) {
	for at := 0; n > 0; at++ {
		for range min(n, mostChildren) {
			g.makeDepartment(g.nodes[at])
			n--
		}
	}
}

// makeDeepTree lets branches grow down to the last level, from the root and
// then from anywhere.
func (g *generator) makeDeepTree(n int) {
	open := []*node{g.org.root}
	for n > 0 {
		i := g.rng.IntN(len(open))
		at := open[i]
		if len(at.children) >= usualChildren {
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
			continue
		}
		for ; n > 0 && g.depth[at] < maxLevels; n-- {
			at = g.makeDepartment(at)
			if g.depth[at] < maxLevels {
				open = append(open, at)
			}
		}
	}
}

// makeMatrixTree makes the two sides, which grow at random.
func (g *generator) makeMatrixTree(n int) {
	var open [2][]*node
	for i, name := range []phrase{{"产品线", "Product Lines"}, {"职能线", "Functions"}} {
		line := g.makeDepartment(g.org.root)
		line.Name, line.I18nName = name.zh, I18nName{ZhCN: name.zh, EnUS: name.en}
		open[i], g.sides[i] = []*node{line}, []*node{line}
	}
	for n -= 2; n > 0; {
		side := g.rng.IntN(2)
		i := g.rng.IntN(len(open[side]))
		parent := open[side][i]
		if len(parent.children) >= usualChildren || g.depth[parent] >= usualLevels {
			open[side] = slices.Delete(open[side], i, i+1)
			continue
		}
		made := g.makeDepartment(parent)
		open[side] = append(open[side], made)
		g.sides[side] = append(g.sides[side], made)
		n--
	}
}

// placeInMatrix puts a person on both sides, and every fourth into one more
// department. The chiefs are in the root too.
func (g *generator) placeInMatrix(chief bool) []Order {
	draw := func(side int) *node { return g.sides[side][g.rng.IntN(len(g.sides[side]))] }
	in := []*node{draw(0), draw(1)}
	if chief {
		in = []*node{g.org.root, g.sides[0][0], g.sides[1][0]}
	}
	if third := draw(g.rng.IntN(2)); g.rng.IntN(4) == 0 && !slices.Contains(in, third) {
		in = append(in, third)
	}
	return g.ordersIn(in)
}

// chooseDualLeaders gives every department a main leader and, where there is a
// second person for it, a deputy. On the first side the leaders belong to the
// department first of all, so that nobody is led by those whom they lead.
func (g *generator) chooseDualLeaders() {
	for _, n := range g.nodes[1:] {
		anybody := under(n, g.sides[1][0])
		var own []string
		for _, s := range n.members {
			if anybody || s.user.Orders[0].DepartmentID == n.OpenDepartmentID {
				own = append(own, s.user.OpenID)
			}
		}
		above := []string{g.users[0].OpenID}
		for i, l := range n.parent.Leaders {
			above = slices.Insert(above, i, l.LeaderID)
		}
		n.LeaderUserID = above[0]
		if len(own) > 0 {
			n.LeaderUserID = own[g.rng.IntN(len(own))]
		}
		n.Leaders = []Leader{{LeaderType: mainLeader, LeaderID: n.LeaderUserID}}
		for _, id := range append(own, above...) {
			if id != n.LeaderUserID {
				n.Leaders = append(n.Leaders, Leader{LeaderType: deputyLeader, LeaderID: id})
				break
			}
		}
	}
}

// linkDottedLines gives people the leader of their second department, or of the
// next one above it, as a leader beside their own.
func (g *generator) linkDottedLines() {
	for _, u := range g.users {
		u.DottedLine = nil
		for n := g.org.departments[u.Orders[1].DepartmentID]; n != nil && u.DottedLine == nil; n = n.parent {
			if id := n.LeaderUserID; id != "" && id != u.OpenID && id != u.LeaderUserID {
				u.DottedLine = []string{id}
			}
		}
	}
}
