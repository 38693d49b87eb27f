package sandbox

import (
	"slices"
	"strconv"
)

const (
	departmentPath = "GET /contact/v3/departments/:department_id"
	childrenPath   = "GET /contact/v3/departments/:department_id/children"
	parentPath     = "GET /contact/v3/departments/parent"
	deptBatchPath  = "GET /contact/v3/departments/batch"
)

func departmentEndpoints() []*endpoint {
	return []*endpoint{
		{name: departmentPath, scopes: readBase, handle: getDepartment, userToken: true},
		{name: childrenPath, scopes: readTree, handle: listChildren, userToken: true},
		{name: parentPath, scopes: readTree, handle: listParents, userToken: true},
		{name: deptBatchPath, scopes: []string{scopeBase}, handle: batchDepartments, userToken: true},
	}
}

// maxBatch is how many ids a batch call may name.
const maxBatch = 50

// getDepartment serves departments/:department_id.
func getDepartment(c *call) error {
	n, err := c.view.findDepartment(c.params["department_id"])
	if err != nil {
		return err
	}
	if !c.view.seesDepartment(n) {
		return refuse(codeNoDepartment)
	}
	c.buf = append(c.buf, `{"department":`...)
	c.buf = append(c.view.appendDepartment(c.buf, n), '}')
	return nil
}

// listChildren serves departments/:department_id/children: the departments
// directly below, or with fetch_child all of them, by order and then id.
func listChildren(c *call) error {
	n, err := c.view.findDepartment(c.params["department_id"])
	if err != nil {
		return err
	}
	if !c.view.seesDepartment(n) {
		return refuse(codeNoDepartment)
	}
	page, err := c.page(10, 50)
	if err != nil {
		return err
	}
	recursive, err := boolParam(c, "fetch_child")
	if err != nil {
		return err
	}
	list := n.children
	if recursive {
		list = c.view.org.descendantsOf(n)
		if big := c.server.bigDepartment; big > 0 && len(list) > big {
			return refuse(codeTooBig)
		}
	}
	list, token := cutPage(c, list, page, func(n *node) cursor { return cursor{rank: n.Order, id: n.OpenDepartmentID} }, compareNodeCursor)
	c.departmentPage(list, token)
	return nil
}

// listParents serves departments/parent: the departments above one, the
// nearest first, without itself and without the root.
func listParents(c *call) error {
	id := c.query.Get("department_id")
	if id == "" {
		return refuse(codeNoDepartmentID)
	}
	n, err := c.view.findDepartment(id)
	if err != nil {
		return err
	}
	if !c.view.seesDepartment(n) {
		return refuse(codeNoDepartment)
	}
	page, err := c.page(20, 50)
	if err != nil {
		return err
	}
	if page.resumed {
		// The walk goes on above the last one shown, wherever that is now.
		if n = c.view.org.departments[page.after.id]; n == nil {
			return refuse(codePageToken)
		}
	}
	var list []*node
	for n = n.parent; n != nil && n.parent != nil; n = n.parent {
		if c.view.seesDepartment(n) {
			list = append(list, n)
		}
	}
	token := ""
	if len(list) > page.size {
		list = list[:page.size]
		token = c.next(cursor{id: list[page.size-1].OpenDepartmentID})
	}
	c.departmentPage(list, token)
	return nil
}

// batchDepartments serves departments/batch. Ids that do not exist, or that the
// app may not see, are dropped.
func batchDepartments(c *call) error {
	ids := c.query["department_ids"]
	switch {
	case len(ids) == 0:
		return invalidField("department_ids", "", "department_ids is required")
	case len(ids) > maxBatch:
		return refuseWith(codePageSize, "page size is more than 50 error")
	}
	var list []*node
	for _, id := range ids {
		if n, err := c.view.findDepartment(id); err == nil && c.view.seesDepartment(n) && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	c.buf = append(c.buf, `{"items":`...)
	c.departments(list)
	c.buf = append(c.buf, '}')
	return nil
}

func (c *call) departmentPage(list []*node, token string) {
	c.buf = append(c.buf, '{')
	c.buf = append(appendHasMore(c.buf, token != ""), `,"items":`...)
	c.departments(list)
	c.buf = append(appendPageToken(c.buf, token), '}')
}

func (c *call) departments(list []*node) {
	c.buf = append(c.buf, '[')
	for i, n := range list {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		c.buf = c.view.appendDepartment(c.buf, n)
	}
	c.buf = append(c.buf, ']')
}

func boolParam(c *call, name string) (bool, error) {
	text := c.query.Get(name)
	if text == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalidField(name, text, name+" should be a boolean")
	}
	return v, nil
}
