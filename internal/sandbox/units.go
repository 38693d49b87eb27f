package sandbox

import (
	"maps"
	"slices"
)

const (
	unitCreatePath      = "POST /contact/v3/unit"
	unitPatchPath       = "PATCH /contact/v3/unit/:unit_id"
	unitDeletePath      = "DELETE /contact/v3/unit/:unit_id"
	unitPath            = "GET /contact/v3/unit/:unit_id"
	unitListPath        = "GET /contact/v3/unit"
	unitBindPath        = "POST /contact/v3/unit/bind_department"
	unitUnbindPath      = "POST /contact/v3/unit/unbind_department"
	unitDepartmentsPath = "GET /contact/v3/unit/list_department"
)

func unitEndpoints() []*endpoint {
	read, write := []string{scopeUnitRead}, []string{scopeUnitWrite}
	return []*endpoint{
		{name: unitCreatePath, scopes: write, tier: tier8, handle: createUnit, write: true, selfBuiltOnly: true},
		{name: unitPatchPath, scopes: write, tier: tier8, handle: patchUnit, write: true, selfBuiltOnly: true},
		{name: unitDeletePath, scopes: write, tier: tier8, handle: deleteUnit, write: true, selfBuiltOnly: true},
		{name: unitPath, scopes: read, handle: getUnit, selfBuiltOnly: true},
		{name: unitListPath, scopes: read, handle: listUnits, selfBuiltOnly: true},
		{name: unitBindPath, scopes: write, tier: tier8, handle: bindDepartment, write: true, selfBuiltOnly: true},
		{name: unitUnbindPath, scopes: write, tier: tier8, handle: unbindDepartment, write: true, selfBuiltOnly: true},
		{name: unitDepartmentsPath, scopes: read, handle: listUnitDepartments, selfBuiltOnly: true},
	}
}

// unit finds a unit by its id.
func (v *view) unit(id string) (*Unit, error) {
	if u := v.org.units[id]; u != nil {
		return u, nil
	}
	return nil, refuse(codeUnitID)
}

// createUnit serves POST unit.
func createUnit(c *call) error {
	var b struct {
		UnitID   string `json:"unit_id"`
		Name     string `json:"name"`
		UnitType string `json:"unit_type"`
	}
	if err := c.bodyInto(&b, refuse(codeBadRequest)); err != nil {
		return err
	}
	made, err := c.view.org.addUnit(Unit{UnitID: b.UnitID, Name: b.Name, UnitType: b.UnitType})
	if err != nil {
		return err
	}
	return c.answerField("unit_id", made.UnitID)
}

// patchUnit serves PATCH unit/:unit_id, which changes the name alone.
func patchUnit(c *call) error {
	var b struct {
		Name string `json:"name"`
	}
	if err := c.bodyInto(&b, refuse(codeBadRequest)); err != nil {
		return err
	}
	u, err := c.view.unit(c.params["unit_id"])
	if err != nil {
		return err
	}
	next := u.clone()
	next.Name = b.Name
	if err := c.view.org.changeUnit(u, next); err != nil {
		return err
	}
	return c.answerNothing()
}

// deleteUnit serves DELETE unit/:unit_id.
func deleteUnit(c *call) error {
	u, err := c.view.unit(c.params["unit_id"])
	if err != nil {
		return err
	}
	if c.server.options.KeepBoundUnits && len(u.Departments) > 0 {
		return refuse(codeUnitInUse)
	}
	c.view.org.removeUnit(u)
	return c.answerNothing()
}

// getUnit serves GET unit/:unit_id.
func getUnit(c *call) error {
	u, err := c.view.unit(c.params["unit_id"])
	if err != nil {
		return err
	}
	c.buf = append(c.buf, `{"unit":`...)
	c.buf = append(appendUnit(c.buf, u), '}')
	return nil
}

// listUnits serves GET unit: all units, by id.
func listUnits(c *call) error {
	var units []*Unit
	for _, id := range slices.Sorted(maps.Keys(c.view.org.units)) {
		units = append(units, c.view.org.units[id])
	}
	page, token, err := pageByKey(c, 50, 100, units, func(u *Unit) string { return u.UnitID })
	if err != nil {
		return shortTokenText(err)
	}
	answerPage(c, "unitlist", page, token, appendUnit)
	return nil
}

// listUnitDepartments serves unit/list_department: the departments bound to a
// unit that the app sees, by open_department_id.
func listUnitDepartments(c *call) error {
	u, err := c.view.unit(c.query.Get("unit_id"))
	if err != nil {
		return err
	}
	page, token, err := pageByKey(c, 50, 100, c.view.departmentsOf(u), same)
	if err != nil {
		return shortTokenText(err)
	}
	answerPage(c, "departmentlist", page, token, func(buf []byte, id string) []byte {
		o := begin(buf, nil, nil)
		o.str("department_id", c.view.department(id))
		o.str("unit_id", u.UnitID)
		return o.end()
	})
	return nil
}

// departmentsOf lists the departments of a unit that the caller sees.
func (v *view) departmentsOf(u *Unit) []string {
	return slices.DeleteFunc(slices.Clone(u.Departments), func(id string) bool { return !v.seesDepartment(v.org.departments[id]) })
}

// binding reads the body of bind and unbind, in which department_id_type stands
// too, and finds the two.
func (c *call) binding() (*Unit, *node, error) {
	var b struct {
		UnitID           string `json:"unit_id"`
		DepartmentID     string `json:"department_id"`
		DepartmentIDType string `json:"department_id_type"`
	}
	if err := c.bodyInto(&b, refuse(codeBadRequest)); err != nil {
		return nil, nil, err
	}
	if !c.view.org.features.Units {
		return nil, nil, refuse(codeUnitsOff)
	}
	k, err := parseKinds(map[string][]string{"department_id_type": {b.DepartmentIDType}})
	if err != nil {
		return nil, nil, err
	}
	u, err := c.view.unit(b.UnitID)
	if err != nil {
		return nil, nil, err
	}
	n, err := c.view.org.department(k.department, b.DepartmentID)
	if err != nil {
		return nil, nil, refuse(codeUnitDepartment)
	}
	if !c.view.seesDepartment(n) {
		return nil, nil, refuse(codeNoDepartment)
	}
	return u, n, nil
}

// bindDepartment serves unit/bind_department.
func bindDepartment(c *call) error {
	u, n, err := c.binding()
	if err != nil {
		return err
	}
	if err := c.view.org.bind(u, n); err != nil {
		return err
	}
	return c.answerNothing()
}

// unbindDepartment serves unit/unbind_department.
func unbindDepartment(c *call) error {
	u, n, err := c.binding()
	if err != nil {
		return err
	}
	if !slices.Contains(n.UnitIDs, u.UnitID) {
		return refuse(codeUnitDepartment)
	}
	c.view.org.unbind(u, n)
	return c.answerNothing()
}

func appendUnit(buf []byte, u *Unit) []byte {
	o := begin(buf, nil, nil)
	o.str("name", u.Name)
	o.str("unit_id", u.UnitID)
	o.str("unit_type", u.UnitType)
	return o.end()
}
