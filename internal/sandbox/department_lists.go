package sandbox

import (
	"maps"
	"slices"
	"strings"
)

func departmentListEndpoints() []*endpoint {
	return []*endpoint{
		{name: "POST /contact/v3/departments/search", scopes: []string{scopeBase, scopeSearch, scopeLegacy, scopeAccess}, handle: searchDepartments, userToken: true, userTokenOnly: true},
		{name: "GET /contact/v3/departments", scopes: readTree, handle: listDepartments, userToken: true},
	}
}

// searchDepartments finds departments by a part of their default names, by
// order and then id.
func searchDepartments(c *call) error {
	var body struct {
		Query *string `json:"query"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	size, err := pageSize(c.query, 20, 50)
	if err != nil || missing(body.Query) {
		return refuse(codeSearchParam)
	}
	// A page token belongs to what was searched for, too.
	query := maps.Clone(c.query)
	query.Set("body.query", *body.Query)
	after, resumed, err := c.server.pager.open(c.endpoint.name, c.params, query)
	if err != nil {
		return refuse(codeSearchParam)
	}
	var found []*node
	for _, n := range c.view.org.descendantsOf(c.view.org.root) {
		past := !resumed || compareNodeKey(n, after.rank, after.id) > 0
		if past && c.view.seesDepartment(n) && containsFold(n.Name, strings.TrimSpace(*body.Query)) {
			found = append(found, n)
		}
	}
	token := ""
	if len(found) > size {
		found = found[:size]
		last := found[size-1]
		token = c.server.pager.seal(c.endpoint.name, c.params, query, cursor{rank: last.Order, id: last.OpenDepartmentID})
	}
	c.departmentPage(found, token)
	return nil
}

// containsFold tells whether a text holds a part, whatever the case. It makes no
// copies: a search looks at everybody.
func containsFold(text, part string) bool {
	for at := 0; at+len(part) <= len(text); at++ {
		if strings.EqualFold(text[at:at+len(part)], part) {
			return true
		}
	}
	return false
}

// listDepartments serves the historic list: below a department as children does,
// and without one the root, or the entries of a narrower range.
func listDepartments(c *call) error {
	page, err := c.page(10, 50)
	if err != nil {
		return err
	}
	recursive, err := boolParam(c, "fetch_child")
	if err != nil {
		return err
	}
	list, err := c.listedDepartments(c.query.Get("parent_department_id"), recursive)
	if err != nil {
		return err
	}
	list, token := cutPage(c, list, page, func(n *node) cursor { return cursor{rank: n.Order, id: n.OpenDepartmentID} }, compareNodeCursor)
	c.departmentPage(list, token)
	return nil
}

// listedDepartments is all of a historic list, in its order.
func (c *call) listedDepartments(parent string, recursive bool) ([]*node, error) {
	if parent == "" {
		return c.view.topDepartments(recursive), nil
	}
	n, err := c.view.findDepartment(parent)
	switch {
	case err != nil:
		return nil, err
	case !c.view.seesDepartment(n):
		return nil, refuse(codeNoDepartment)
	case !recursive:
		return n.children, nil
	}
	list := c.view.org.descendantsOf(n)
	if big := c.server.bigDepartment; big > 0 && len(list) > big {
		return nil, refuse(codeTooBig)
	}
	return list, nil
}

// topDepartments are the departments from which a caller's range begins, and
// with deep those below them.
func (v *view) topDepartments(deep bool) []*node {
	if v.seesAll() {
		return []*node{v.org.root}
	}
	var list []*node
	for id := range v.app.covers(v.org).departments {
		n := v.org.departments[id]
		if n == nil {
			continue
		}
		list = append(list, n)
		if deep {
			list = append(list, v.org.descendantsOf(n)...)
		}
	}
	slices.SortFunc(list, compareNodes)
	return slices.Compact(list)
}
