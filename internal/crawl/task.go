package crawl

import (
	"slices"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// listing is what a task reads.
type listing string

const (
	listRoot     listing = "root"     // GET of the root department
	listSubtree  listing = "subtree"  // all departments below one
	listChildren listing = "children" // the departments right below one
	listUsers    listing = "users"    // the people of one department

	// Where the app may see a part of the company only.
	listScopes           listing = "scopes"            // what it may see
	listIndependent      listing = "independent"       // people authorised without a department
	listGroupUsers       listing = "group_users"       // the people of a group
	listGroupDepartments listing = "group_departments" // the departments of a group
)

// ofPeople reports whether a list leads to no other.
func (l listing) ofPeople() bool {
	return l == listUsers || l == listIndependent || l == listGroupUsers
}

// task is one list of a sweep, and the page of it to ask for next.
type task struct {
	listing      listing
	departmentID string // or the group's id
	pageToken    string

	// Of this run only: what keeps a list from going on for ever.
	stall    stall
	restarts int
}

// String says what is read, for errors.
func (t task) String() string {
	switch t.listing {
	case listScopes:
		return "the app's contact range"
	case listIndependent:
		return "the people authorised without a department"
	case listGroupUsers, listGroupDepartments:
		return "the members of group " + t.departmentID
	case listUsers:
		return "the people of department " + t.departmentID
	default:
		return "the departments below " + t.departmentID
	}
}

// sweep is a walk in progress.
type sweep struct {
	id        string
	appID     string
	source    directory.Source // of its records; that of the crawler where empty
	startedAt time.Time        // on Feishu's clock; zero until the first answer
	scope     scope
	resumed   bool

	rests  []task // lists that were begun: first, so that their tokens do not grow old
	trees  []task // lists that lead to others
	people []task // lists that do not
	flying map[listing]int
	// weights are the member counts of the scope's nodes: who holds another node
	// counts at least as many people.
	weights map[string]int64

	tasksDone   int64                                 // lists of people that were read to the end
	tasksTotal  int64                                 // lists of people known so far
	users       int64                                 // distinct people seen
	departments int64                                 // distinct departments seen, the root included
	memberships int64                                 // counted at the end
	before      map[directory.Kind]map[string]int64   // Fields of the last complete sweep
	explained   map[directory.Kind]map[string]absence // absences that a departure explains
	polled      []Polled
	totals
}

// scope is how much the app may see: the range of SweepStarted.
type scope string

const (
	scopeAll    scope = "all"
	scopeScoped scope = "scoped"
)

// totals are the sweep's own counters; they are written with every page.
type totals struct {
	Appended   int64
	Unchanged  int64
	Unreadable int64
	Fields     map[directory.Kind]map[string]int64
	Absent     map[directory.Kind]map[string]absence
}

func newSweep(id string) *sweep {
	return &sweep{
		id: id, scope: scopeAll, flying: map[listing]int{}, weights: map[string]int64{}, explained: map[directory.Kind]map[string]absence{},
		totals: totals{
			Fields: map[directory.Kind]map[string]int64{},
			Absent: map[directory.Kind]map[string]absence{},
		},
	}
}

// left is how many lists nobody has in hand.
func (s *sweep) left() int { return len(s.rests) + len(s.trees) + len(s.people) }

// queue takes a list in, to be handed out in its turn.
func (s *sweep) queue(t task) {
	switch {
	case t.pageToken != "":
		s.rests = append(s.rests, t)
	case t.listing.ofPeople():
		s.people = append(s.people, t)
	default:
		s.trees = append(s.trees, t)
	}
}

// next tells which task to hand out: departments before people, since they tell
// what there is to do. The queue is nil where what is left has to wait.
//
// Subtrees are read one after the other, and the one with the most people first:
// a node of the scope that lies below another then shows in the other's list,
// and is not read again (see nestedIn).
func (s *sweep) next() (queue *[]task, i int) {
	if len(s.rests) > 0 {
		return &s.rests, 0
	}
	heaviest := -1
	for i, t := range s.trees {
		if t.listing != listSubtree {
			return &s.trees, i
		}
		if heaviest < 0 || s.weights[t.departmentID] > s.weights[s.trees[heaviest].departmentID] {
			heaviest = i
		}
	}
	if heaviest >= 0 && s.flyingTrees() == 0 {
		return &s.trees, heaviest
	}
	if len(s.people) > 0 {
		return &s.people, 0
	}
	return nil, 0
}

func (s *sweep) flyingTrees() (n int) {
	for l, flying := range s.flying {
		if !l.ofPeople() {
			n += flying
		}
	}
	return n
}

// listing reports whether departments are still being listed.
func (s *sweep) listing() bool {
	return len(s.trees) > 0 || s.flyingTrees() > 0 ||
		slices.ContainsFunc(s.rests, func(t task) bool { return !t.listing.ofPeople() })
}

func (s *sweep) has(l listing) bool {
	return slices.ContainsFunc(slices.Concat(s.rests, s.trees, s.people), func(t task) bool { return t.listing == l })
}

// nestedIn are the departments of a list whose own subtrees are still to be read:
// they are part of it.
func (s *sweep) nestedIn(departments []string) (nested []string) {
	for _, t := range s.trees {
		if t.listing == listSubtree && slices.Contains(departments, t.departmentID) {
			nested = append(nested, t.departmentID)
		}
	}
	return nested
}

// advance takes in what follows a batch of pages.
func (s *sweep) advance(p *progress, found []task) {
	s.trees = slices.DeleteFunc(s.trees, func(t task) bool {
		return t.listing == listRoot || t.listing == listSubtree && slices.Contains(p.nested, t.departmentID)
	})
	var rests []task
	for _, t := range p.turns {
		switch {
		case t.done && t.listing.ofPeople():
			s.tasksDone++
		case !t.done && t.restart:
			s.queue(t.task)
		case !t.done:
			rests = append(rests, t.task)
		}
	}
	s.rests = append(rests, s.rests...)
	for _, t := range found {
		if t.listing.ofPeople() {
			s.tasksTotal++
		}
		s.queue(t)
	}
}
