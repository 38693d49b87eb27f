package sandbox

import "slices"

// What Feishu allows of units.
const (
	maxUnits           = 1000
	maxUnitText        = 100 // name and unit_type
	maxUnitDepartments = 1000
)

// Codes of units.
const (
	codeUnitIllegal    = 43004
	codeUnitFull       = 43017
	codeUnitsOff       = 43050
	codeUnitID         = 43051
	codeUnitName       = 43052
	codeUnitType       = 43053
	codeBoundElsewhere = 43054
	codeUnitNameTaken  = 43055
	codeUnitIDTaken    = 43056
	codeUnitInUse      = 43057
	codeUnitDepartment = 43058
	codeTooManyUnits   = 43059
)

// addUnit completes, checks and enters a new unit. Units make no events.
func (o *organisation) addUnit(u Unit) (*Unit, error) {
	switch {
	case !o.features.Units:
		return nil, refuse(codeUnitsOff)
	case len(o.units) >= maxUnits:
		return nil, refuse(codeTooManyUnits)
	case u.UnitID == "":
		u.UnitID = o.freshUnitID()
	case !validResourceID(u.UnitID):
		return nil, refuse(codeUnitID)
	case o.units[u.UnitID] != nil:
		return nil, refuse(codeUnitIDTaken)
	}
	if err := o.settleUnit(&u, nil); err != nil {
		return nil, err
	}
	o.units[u.UnitID] = &u
	o.followDepartments(&u, nil)
	return &u, nil
}

func (o *organisation) freshUnitID() string {
	for {
		if id := o.resourceIDs.hex32("U")[:17]; o.units[id] == nil {
			return id
		}
	}
}

// changeUnit replaces a unit by next, which must keep unit_id and unit_type.
func (o *organisation) changeUnit(u *Unit, next Unit) error {
	if next.UnitID != u.UnitID || next.UnitType != u.UnitType {
		return refuseWith(codeParam, "unit_id and unit_type never change")
	}
	if err := o.settleUnit(&next, u); err != nil {
		return err
	}
	before := u.Departments
	*u = next
	o.followDepartments(u, before)
	return nil
}

// removeUnit takes a unit away; departments bound to it are bound to none then.
func (o *organisation) removeUnit(u *Unit) {
	delete(o.units, u.UnitID)
	before := u.Departments
	u.Departments = nil
	o.followDepartments(u, before)
}

// settleUnit brings a unit into its normal form and checks everything that must
// hold. before is the unit as it is now, nil for a new one.
func (o *organisation) settleUnit(u, before *Unit) error {
	switch {
	case !lengthWithin(u.Name, 1, maxUnitText):
		return refuse(codeUnitName)
	case !lengthWithin(u.UnitType, 1, maxUnitText):
		return refuse(codeUnitType)
	}
	for _, other := range o.units {
		if other != before && other.Name == u.Name && other.UnitType == u.UnitType {
			return refuse(codeUnitNameTaken)
		}
	}
	u.Departments = sortedSet(u.Departments)
	if len(u.Departments) > maxUnitDepartments {
		return refuse(codeUnitFull)
	}
	for _, id := range u.Departments {
		n := o.departments[id]
		if n == nil || n == o.root {
			return refuse(codeUnitDepartment)
		}
		if slices.ContainsFunc(n.UnitIDs, func(bound string) bool { return bound != u.UnitID }) {
			return refuse(codeBoundElsewhere)
		}
	}
	return nil
}

// followDepartments makes unit_ids of departments agree with a unit that has
// changed.
func (o *organisation) followDepartments(u *Unit, before []string) {
	for _, id := range before {
		if n := o.departments[id]; n != nil && !slices.Contains(u.Departments, id) {
			o.setUnits(n, nil)
		}
	}
	for _, id := range u.Departments {
		o.setUnits(o.departments[id], []string{u.UnitID})
	}
}

// setUnits changes nothing but the units of a department.
func (o *organisation) setUnits(n *node, ids []string) {
	if slices.Equal(n.UnitIDs, ids) {
		return
	}
	before := n.clone()
	n.UnitIDs = ids
	after := n.clone()
	o.recordDepartment(changed, &before, &after, false)
}

// bind binds a department to a unit.
func (o *organisation) bind(u *Unit, n *node) error {
	switch {
	case n == o.root:
		return refuse(codeUnitDepartment)
	case slices.Contains(n.UnitIDs, u.UnitID):
		return nil
	case len(n.UnitIDs) > 0:
		return refuse(codeBoundElsewhere)
	case len(u.Departments) >= maxUnitDepartments:
		return refuse(codeUnitFull)
	}
	o.setUnits(n, []string{u.UnitID})
	u.Departments = insertSorted(u.Departments, n.OpenDepartmentID)
	return nil
}

// unbind is the opposite of bind.
func (o *organisation) unbind(u *Unit, n *node) {
	o.setUnits(n, nil)
	u.Departments = removeSorted(u.Departments, n.OpenDepartmentID)
}

// settleUnits checks the unit_ids of a department that changes: there is room
// for one, since a department belongs to one unit at most.
func (o *organisation) settleUnits(d *Department, before *node) error {
	var was []string
	if before != nil {
		was = before.UnitIDs
	}
	if slices.Equal(d.UnitIDs, was) {
		return nil
	}
	switch ids := d.UnitIDs; {
	case len(ids) == 0:
		d.UnitIDs = nil
	case len(ids) > 1 || o.units[ids[0]] == nil:
		return refuse(codeUnitIllegal)
	case len(o.units[ids[0]].Departments) >= maxUnitDepartments:
		return refuse(codeUnitFull)
	}
	return nil
}

// followUnits makes the units agree with a department that has changed.
func (o *organisation) followUnits(n *node, before []string) {
	for _, id := range before {
		u := o.units[id]
		u.Departments = removeSorted(u.Departments, n.OpenDepartmentID)
	}
	for _, id := range n.UnitIDs {
		u := o.units[id]
		u.Departments = insertSorted(u.Departments, n.OpenDepartmentID)
	}
}
