package sandbox

import (
	"maps"
	"slices"
	"strings"
)

const scopesPath = "GET /contact/v3/scopes"

func scopeEndpoints() []*endpoint {
	return []*endpoint{{name: scopesPath, scopes: []string{scopeBase, scopeLegacy, scopeAccess}, handle: listScopes}}
}

// The parts of a scopes listing, in the order in which its pages fill.
const (
	scopeUsers byte = iota
	scopeDepartments
	scopeGroups
)

// listScopes serves contact/v3/scopes. An app that may see everybody gets the
// first-level departments, the people directly in the root and all groups;
// another one the entries of its range, not what is below them. One page holds
// page_size entries of all three together.
func listScopes(c *call) error {
	page, err := c.page(50, 100)
	if err != nil {
		return err
	}
	entries, token := cutPage(c, c.view.scopeEntries(), page, func(e cursor) cursor { return e }, compareScope)
	lists := [...][]string{scopeUsers: {}, scopeDepartments: {}, scopeGroups: {}}
	for _, e := range entries {
		switch e.part {
		case scopeUsers:
			lists[e.part] = append(lists[e.part], c.view.own(c.view.org.users[e.id]))
		case scopeDepartments:
			lists[e.part] = append(lists[e.part], c.view.department(e.id))
		case scopeGroups:
			lists[e.part] = append(lists[e.part], e.id)
		}
	}
	o := begin(c.buf, nil, nil)
	o.strs("department_ids", lists[scopeDepartments], same)
	o.strs("group_ids", lists[scopeGroups], same)
	o.bool("has_more", token != "")
	o.strIf("page_token", token)
	o.strs("user_ids", lists[scopeUsers], same)
	c.buf = o.end()
	return nil
}

// scopeEntries are all entries of the listing, as the cursors that stand for
// them, in the order of compareScope.
func (v *view) scopeEntries() []cursor {
	var users, departments, groups []string
	if v.seesAll() {
		for _, s := range v.org.root.members {
			users = append(users, s.user.OpenID)
		}
		for _, n := range v.org.root.children {
			departments = append(departments, n.OpenDepartmentID)
		}
		groups = slices.Collect(maps.Keys(v.org.groups))
	} else {
		users, departments, groups = v.app.reach.Users, v.app.reach.Departments, v.app.reach.Groups
	}
	if v.hidden[KindUser]["user_id"] {
		users = nil // Feishu shows people here only to whom may see user_id
	}
	var entries []cursor
	for _, id := range users {
		if u := v.org.users[id]; u != nil && !u.Status.IsResigned {
			entries = append(entries, cursor{part: scopeUsers, id: id})
		}
	}
	for _, id := range departments {
		if v.org.departments[id] != nil {
			entries = append(entries, cursor{part: scopeDepartments, id: id})
		}
	}
	for _, id := range groups {
		if v.org.groups[id] != nil {
			entries = append(entries, cursor{part: scopeGroups, id: id})
		}
	}
	slices.SortFunc(entries, compareScope)
	return slices.CompactFunc(entries, func(a, b cursor) bool { return compareScope(a, b) == 0 })
}

func compareScope(a, b cursor) int {
	if a.part != b.part {
		return int(a.part) - int(b.part)
	}
	return strings.Compare(a.id, b.id)
}
