package sandbox

import (
	"cmp"
	"maps"
	"slices"
)

// rangeUpdated is the type of the event about an app's own range.
const rangeUpdated = "contact.scope.updated_v3"

// nodes are the entries of a range, as contact/v3/scopes lists them: those that
// were set, and where the range is everybody, what stands directly below the
// root and every group.
func (t *teller) nodes(r Range) Range {
	if !r.all() {
		return r
	}
	n := Range{Groups: slices.Sorted(maps.Keys(t.org.groups))}
	for _, child := range t.org.root.children {
		n.Departments = append(n.Departments, child.OpenDepartmentID)
	}
	for _, s := range t.org.root.members {
		n.Users = append(n.Users, s.user.OpenID)
	}
	return n
}

// rangeEvents tell the app of its new range: by the entries that came and went,
// not by the people and departments that it shows or hides.
func (t *teller) rangeEvents(c *rangeChange) []told {
	before, after := t.nodes(c.before), t.nodes(c.after)
	added, some := t.entries(after, before)
	removed, others := t.entries(before, after)
	var all []told
	if some || others {
		out := append([]byte(`{"added":`), added...)
		out = append(append(out, `,"removed":`...), removed...)
		all = append(all, told{rangeUpdated, append(out, '}')})
	}
	if t.options.RangeEvents {
		all = append(all, t.shownAndHidden(c)...)
	}
	return all
}

// entries writes the entries of a range that are not in another, and tells
// whether there are any. They look as in answers, not as in other events; people
// have no departments there.
func (t *teller) entries(of, but Range) (raw []byte, some bool) {
	v := t.view
	v.hidden = maps.Clone(t.app.hidden)
	v.hidden[KindUser] = withKeys(v.hidden[KindUser], "department_ids", "orders", "description", "geo", "avatar_key")
	v.hidden[KindDepartment] = withKeys(v.hidden[KindDepartment], "department_hrbps")
	if t.options.CustomParentInScope {
		v.kinds.department = customDepartmentID
	}
	var departments, users, groups [][]byte
	for _, id := range missingIn(of.Departments, but.Departments) {
		if n := t.org.departments[id]; n != nil {
			departments = append(departments, v.appendDepartment(nil, n))
		}
	}
	for _, id := range missingIn(of.Users, but.Users) {
		if u := t.org.users[id]; u != nil {
			users = append(users, v.appendUser(nil, u, listFields))
		}
	}
	for _, id := range missingIn(of.Groups, but.Groups) {
		if g := t.org.groups[id]; g != nil {
			groups = append(groups, appendScopeGroup(g))
		}
	}
	out := append([]byte(`{"departments":`), jsonList(departments)...)
	out = append(append(out, `,"user_groups":`...), jsonList(groups)...)
	out = append(append(out, `,"users":`...), jsonList(users)...)
	return append(out, '}'), len(departments)+len(users)+len(groups) > 0
}

func withKeys(set map[string]bool, keys ...string) map[string]bool {
	out := map[string]bool{}
	maps.Copy(out, set)
	for _, key := range keys {
		out[key] = true
	}
	return out
}

func jsonList(items [][]byte) []byte {
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return append(out, ']')
}

// computed is the status of a group whose members are known.
const computed = 1

func appendScopeGroup(g *Group) []byte {
	o := begin(nil, nil, nil)
	o.int("member_count", int64(len(g.Users)))
	o.str("name", g.Name)
	o.int("status", computed)
	o.int("type", int64(g.Type))
	o.str("user_group_id", g.ID)
	return o.end()
}

// shownAndHidden are created and deleted events for whom a new range shows and
// hides. No document promises them.
func (t *teller) shownAndHidden(c *rangeChange) []told {
	was, is := t.view, t.view
	was.app, is.app = &app{reach: c.before}, &app{reach: c.after}
	var all []told
	departments := slices.SortedFunc(maps.Values(t.org.departments), func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.depth(), b.depth()), cmp.Compare(a.OpenDepartmentID, b.OpenDepartmentID))
	})
	for _, n := range departments {
		switch saw, sees := was.seesDepartment(n), is.seesDepartment(n); {
		case n == t.org.root, saw == sees:
		case sees:
			all = append(all, t.departmentCame(&n.Department)...)
		default:
			all = append(all, t.departmentLeft(&n.Department))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.org.users)) {
		u := t.org.users[id]
		switch saw, sees := was.sees(u), is.sees(u); {
		case u.Status.IsResigned, saw == sees:
		case sees:
			all = append(all, t.userCame(u)...)
		default:
			all = append(all, t.userLeft(u))
		}
	}
	return all
}
