package sandbox

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func departmentWriteEndpoints() []*endpoint {
	return []*endpoint{
		{name: "POST /contact/v3/departments", scopes: writeScope, handle: createDepartment, write: true, selfBuiltOnly: true},
		{name: "DELETE /contact/v3/departments/:department_id", scopes: writeScope, handle: deleteDepartment, write: true, selfBuiltOnly: true},
		{name: "PATCH /contact/v3/departments/:department_id", scopes: writeScope, handle: patchDepartment, write: true, selfBuiltOnly: true},
		{name: "PUT /contact/v3/departments/:department_id", scopes: writeScope, handle: replaceDepartment, write: true, selfBuiltOnly: true},
		{name: "PATCH /contact/v3/departments/:department_id/update_department_id", scopes: []string{scopeUpdateDeptID}, handle: updateDepartmentID, write: true, selfBuiltOnly: true},
		{name: "POST /contact/v3/departments/unbind_department_chat", scopes: writeScope, tier: tier8, handle: unbindChat, write: true, selfBuiltOnly: true},
	}
}

// createDepartment makes a department.
func createDepartment(c *call) error {
	return c.once(func() error {
		w := departmentWrite{c: c, how: creating}
		if err := c.input(&w.body); err != nil {
			return err
		}
		if err := w.settle(); err != nil {
			return err
		}
		o := c.server.org
		n, err := o.enterDepartment(w.next)
		if err != nil {
			return err
		}
		for _, id := range n.UnitIDs {
			if unit := o.units[id]; !slices.Contains(unit.Departments, n.OpenDepartmentID) {
				unit.Departments = append(unit.Departments, n.OpenDepartmentID)
			}
		}
		c.departmentResult(n)
		return nil
	})
}

// patchDepartment changes what was sent and leaves the rest as it is.
func patchDepartment(c *call) error {
	w := departmentWrite{c: c, how: patching}
	if err := w.read(); err != nil {
		return err
	}
	w.next = w.before.clone()
	w.body.DepartmentID, w.body.UnitIDs = nil, nil
	return w.change()
}

// replaceDepartment clears what was not sent, but for the order, and the people
// that the chat is for.
func replaceDepartment(c *call) error {
	w := departmentWrite{c: c, how: replacing}
	if err := w.read(); err != nil {
		return err
	}
	w.next = w.before.clone()
	b := &w.body
	b.DepartmentID, b.UnitIDs, b.HRBPs = nil, nil, nil
	orElse(&b.I18nName, I18nName{})
	if b.Leaders == nil && b.Leader == nil {
		orElse(&b.Leaders, nil)
	}
	if b.Leader != nil && b.Leaders == nil {
		w.next.Leaders = nil // deputies do not stay
		w.next.LeaderUserID = ""
	}
	if w.before.ChatID == "" {
		orElse(&b.GroupChatTypes, nil)
	}
	return w.change()
}

// read reads the body and finds the department that it is about.
func (w *departmentWrite) read() error {
	if err := w.c.input(&w.body); err != nil {
		return err
	}
	n, err := w.c.writable(w.c.params["department_id"])
	if err != nil {
		return err
	}
	if len(given(w.body)) == 0 {
		return refuse(codeDeptInfo)
	}
	w.before = n
	return nil
}

func (w *departmentWrite) change() error {
	if err := w.settle(); err != nil {
		return err
	}
	if err := w.c.server.org.changeDepartment(w.before, w.next); err != nil {
		return err
	}
	w.c.departmentResult(w.before)
	return nil
}

// writable finds a department that is to change or go. The caller has to see
// its parent too.
func (c *call) writable(id string) (*node, error) {
	n, err := c.view.findDepartment(id)
	switch {
	case err != nil:
		return nil, err
	case n.parent == nil:
		return nil, refuse(codeRootDepartment)
	case !c.view.seesDepartment(n):
		return nil, refuse(codeNoDepartment)
	case !c.view.seesDepartment(n.parent):
		return nil, refuse(codeNoParent)
	}
	return n, nil
}

func (c *call) departmentResult(n *node) {
	c.buf = append(c.buf, `{"department":`...)
	c.buf = append(c.view.appendDepartment(c.buf, n), '}')
}

// deleteDepartment removes a department that is empty.
func deleteDepartment(c *call) error {
	n, err := c.writable(c.params["department_id"])
	if err != nil {
		return err
	}
	if err := c.server.org.removeDepartment(n); err != nil {
		return err
	}
	delete(c.server.overrides, entityKey{KindDepartment, n.OpenDepartmentID})
	c.nothing()
	return nil
}

// unbindChat turns the chat of a department into one like any other.
func unbindChat(c *call) error {
	var body struct {
		DepartmentID *string `json:"department_id"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	if missing(body.DepartmentID) {
		return invalidField("department_id", "", "department_id is required")
	}
	n, err := c.view.findDepartment(*body.DepartmentID)
	switch {
	case err != nil:
		return err
	case n.parent == nil:
		return refuse(codeRootDepartment)
	case !c.view.seesDepartment(n):
		return refuse(codeNoDepartment)
	case n.ChatID == "":
		return refuse(codeNoChat)
	}
	next := n.clone()
	next.ChatID = ""
	if err := c.server.org.changeDepartment(n, next); err != nil {
		return err
	}
	c.nothing()
	return nil
}

var (
	// customIDs is Feishu's rule for a department_id chosen at the creation, and
	// newCustomIDs the one for a later change.
	customIDs    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_\-@.]{0,63}$`)
	newCustomIDs = regexp.MustCompile(`^0|[^od][A-Za-z0-9]*`)
)

func validCustomID(id string) bool {
	return customIDs.MatchString(id) && !strings.HasPrefix(id, "od-") && id != "0" && id != "1"
}

// updateDepartmentID gives a department another department_id.
func updateDepartmentID(c *call) error {
	var body struct {
		NewID *string `json:"new_department_id"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	n, err := c.view.findDepartment(c.params["department_id"])
	if err != nil {
		return err
	}
	const longest = 128
	id := ""
	set(&id, body.NewID)
	valid := newCustomIDs.MatchString(id) && len(id) <= longest && !strings.ContainsAny(id, " \t\r\n") && id != rootID && !strings.HasPrefix(id, "od-")
	switch other := c.server.org.byCustom[id]; {
	case n.parent == nil || !valid, other != nil && other != n:
		return refuseWith(codeParam, "invalid param")
	case !c.view.seesDepartment(n):
		return refuse(codeUpdateDeptID)
	}
	next := n.clone()
	next.DepartmentID = id
	if err := c.server.org.changeDepartment(n, next); err != nil {
		return err
	}
	c.nothing()
	return nil
}

// noName is the answer to a name that says nothing, which each method has its
// own code for.
func (w *departmentWrite) noName() error {
	switch w.how {
	case creating:
		return refuse(codeDeptName).at(http.StatusUnauthorized)
	case replacing:
		return refuse(codeDeptName)
	default:
		return refuse(codeDeptInfo)
	}
}

// lastOrder is the order that puts a department last below a parent.
func lastOrder(parent *node) int64 {
	if len(parent.children) == 0 {
		return orderStep
	}
	return parent.children[len(parent.children)-1].Order + orderStep
}
