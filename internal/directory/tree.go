package directory

import (
	"slices"
	"strings"
)

// Node is a department's link in the tree.
type Node struct {
	ID       string
	ParentID string
	Exists   bool // a gone department holds no one up
}

// Place is where a department sits.
type Place struct {
	// Path is the ids from the top to the department itself: /0/od-a/od-b/.
	Path string
	// Depth counts the departments above it in the path.
	Depth int
}

// maxPath is what an index can hold of a path, in bytes. Feishu's own limit is
// 25 levels, which is a third of it.
const maxPath = 2500

// Tree places every node, and the root. A department whose parent is missing or
// gone, each department on a cycle, and one too far down for its path to be
// indexed heads a tree of its own; the others below it follow. It always ends,
// and does not depend on the order of the nodes.
func Tree(nodes []Node) map[string]Place {
	byID := make(map[string]Node, len(nodes))
	for _, n := range nodes {
		byID[n.ID] = n
	}
	t := tree{nodes: byID, places: make(map[string]Place, len(nodes)), cyclic: map[string]bool{}}
	t.findCycles()
	for id := range byID {
		t.place(id)
	}
	return t.places
}

type tree struct {
	nodes  map[string]Node
	places map[string]Place
	cyclic map[string]bool
}

// above returns the parent that holds a department up, if there is one.
func (t *tree) above(id string) (string, bool) {
	if id == RootDepartmentID {
		return "", false
	}
	parent := t.nodes[id].ParentID
	if parent == RootDepartmentID {
		return parent, true // the root always exists
	}
	n, ok := t.nodes[parent]
	return parent, ok && n.Exists
}

// findCycles marks the departments on cycles: walking up from each unvisited
// one, a department met twice on one walk closes a cycle.
func (t *tree) findCycles() {
	done := make(map[string]bool, len(t.nodes))
	for id := range t.nodes {
		onWalk := map[string]int{}
		var walk []string
		for at, ok := id, true; ok && !done[at]; at, ok = t.above(at) {
			if first, met := onWalk[at]; met {
				for _, c := range walk[first:] {
					t.cyclic[c] = true
				}
				break
			}
			onWalk[at] = len(walk)
			walk = append(walk, at)
		}
		for _, w := range walk {
			done[w] = true
		}
	}
}

// place sets a department's place after its ancestors' places.
func (t *tree) place(id string) {
	var waiting []string
	at := id
	for {
		if _, placed := t.places[at]; placed {
			break
		}
		waiting = append(waiting, at)
		parent, ok := t.above(at)
		if !ok || t.cyclic[at] {
			break
		}
		at = parent
	}
	slices.Reverse(waiting)
	for _, w := range waiting {
		place := Place{Path: "/" + w + "/"}
		if parent, ok := t.above(w); ok && !t.cyclic[w] {
			above := t.places[parent]
			if len(above.Path)+len(w) < maxPath {
				place = Place{Path: above.Path + w + "/", Depth: above.Depth + 1}
			}
		}
		t.places[w] = place
	}
}

// Top returns the id that heads a path.
func Top(path string) string {
	top, _, _ := strings.Cut(strings.Trim(path, "/"), "/")
	return top
}
