package sandbox

import "slices"

// The parts of a scopes listing, in the order in which its pages fill.
const (
	scopeUsers byte = iota
	scopeDepartments
)

// listScopes serves contact/v3/scopes. The app may see everybody, which Feishu
// shows as the first-level departments, the people directly in the root and
// all groups; one page holds page_size entries of all three together.
func listScopes(c *call) error {
	size, after, resumed, err := c.page(50, 100)
	if err != nil {
		return err
	}
	root := c.view.org.root
	users, departments := root.members, root.children
	if c.view.hidden[KindUser]["user_id"] {
		users = nil // Feishu shows people here only to whom may see user_id
	}
	if resumed {
		users, departments = scopesAfter(users, departments, after)
	}
	more := len(users)+len(departments) > size
	users = users[:min(size, len(users))]
	departments = departments[:min(size-len(users), len(departments))]

	c.buf = append(c.buf, `{"department_ids":[`...)
	for i, n := range departments {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		c.buf = appendString(c.buf, c.view.department(n.OpenDepartmentID))
	}
	c.buf = append(c.buf, `],"group_ids":[],`...)
	c.buf = appendHasMore(c.buf, more)
	if more {
		c.buf = appendPageToken(c.buf, c.next(lastScope(users, departments)))
	}
	c.buf = append(c.buf, `,"user_ids":[`...)
	for i, s := range users {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		c.buf = appendString(c.buf, s.user.own(c.view.kinds.user))
	}
	c.buf = append(c.buf, `]}`...)
	return nil
}

func scopesAfter(users []seat, departments []*node, after cursor) ([]seat, []*node) {
	if after.part == scopeUsers {
		at, found := slices.BinarySearchFunc(users, after, func(s seat, c cursor) int {
			return compareSeatKey(s, int(c.rank), c.id)
		})
		if found {
			at++
		}
		return users[at:], departments
	}
	at, found := slices.BinarySearchFunc(departments, after, func(n *node, c cursor) int {
		return compareNodeKey(n, c.rank, c.id)
	})
	if found {
		at++
	}
	return nil, departments[at:]
}

// lastScope is the cursor of a page's last entry.
func lastScope(users []seat, departments []*node) cursor {
	if n := len(departments); n > 0 {
		last := departments[n-1]
		return cursor{part: scopeDepartments, rank: last.Order, id: last.OpenDepartmentID}
	}
	last := users[len(users)-1]
	return cursor{part: scopeUsers, rank: int64(last.order), id: last.user.OpenID}
}
