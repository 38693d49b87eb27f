package projector

import (
	"maps"
	"slices"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// edge is what joins a user to a department, as a member or as a leader.
type edge struct {
	primary                    bool  // of a membership
	userOrder, departmentOrder int64 // of a membership
	userKnown, departmentKnown bool  // whether the orders are
	leaderType                 int64 // of a leader
}

// edges follows the edges of one entity through a page. The key is the other
// end.
type edges struct {
	open   map[string]edge // now; before the first record those that history has open
	since  map[string]int  // index in spans, for those that began in this page
	spans  []edgeSpan
	closed map[string]ending // how those that history has open end
}

type edgeSpan struct {
	other string
	edge
	span
}

func newEdges(loaded map[string]edge) edges {
	if loaded == nil {
		loaded = map[string]edge{}
	}
	return edges{open: loaded, since: map[string]int{}, closed: map[string]ending{}}
}

// move ends the edges that are not as next has them, and begins those that are
// new.
func (e *edges) move(next map[string]edge, position directory.Position, at time.Time) {
	for _, other := range slices.Sorted(maps.Keys(e.open)) {
		if now, stays := next[other]; stays && now == e.open[other] {
			continue
		}
		delete(e.open, other)
		i, here := e.since[other]
		switch {
		case !here:
			e.closed[other] = ending{position: position, at: at}
		case e.spans[i].from == position: // began by the same record: it never was
			e.spans[i].to = 0
		default:
			e.spans[i].to, e.spans[i].validTo = position, at
		}
	}
	for _, other := range slices.Sorted(maps.Keys(next)) {
		if _, stays := e.open[other]; stays {
			continue
		}
		e.open[other] = next[other]
		e.since[other] = len(e.spans)
		e.spans = append(e.spans, edgeSpan{other: other, edge: next[other], span: span{from: position, to: lasting, validFrom: at}})
	}
}

// memberships are a user's edges to departments; none for one who is gone.
func memberships(u directory.User) map[string]edge {
	next := map[string]edge{}
	if u.RemovedAt != nil {
		return next
	}
	for _, p := range u.Placements {
		e := edge{primary: p.IsPrimaryDept != nil && *p.IsPrimaryDept}
		if p.UserOrder != nil {
			e.userOrder, e.userKnown = *p.UserOrder, true
		}
		if p.DepartmentOrder != nil {
			e.departmentOrder, e.departmentKnown = *p.DepartmentOrder, true
		}
		next[p.DepartmentID] = e
	}
	return next
}

// leaders are a department's edges to people. Who is named twice counts as what
// comes first: main before deputy.
func leaders(d directory.Department) map[string]edge {
	next := map[string]edge{}
	if d.RemovedAt != nil {
		return next
	}
	for _, l := range d.Leaders {
		if _, twice := next[l.OpenID]; !twice {
			next[l.OpenID] = edge{leaderType: l.Type}
		}
	}
	return next
}
