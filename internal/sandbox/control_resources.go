package sandbox

// resource finds something by its id, under the lock, and copies it.
func resource[T any](s *Server, what, id string, find func(*organisation) *T, clone func(*T) T) (T, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := find(s.org)
	if found == nil {
		var none T
		return none, errUnknown(what, id)
	}
	return clone(found), nil
}

// added copies what was added, unless it was refused.
func added[T any](s *Server, add func() (*T, error), clone func(*T) T) (T, error) {
	var out T
	err := s.mutate(nil, func() error {
		made, err := add()
		if err == nil {
			out = clone(made)
		}
		return err
	})
	return out, err
}

// amend lets work run on something that is there, with the lock held alone.
func amend[T any](s *Server, what, id string, find func(*organisation) *T, work func(*organisation, *T) error) error {
	return s.mutate(nil, func() error {
		found := find(s.org)
		if found == nil {
			return errUnknown(what, id)
		}
		return work(s.org, found)
	})
}

// replace is amend by a change to a copy, which take takes over or refuses.
func replace[T any](s *Server, what, id string, find func(*organisation) *T, clone func(*T) T, change func(*T) error, take func(*organisation, *T, T) error) error {
	return amend(s, what, id, find, func(o *organisation, now *T) error {
		next := clone(now)
		if err := change(&next); err != nil {
			return err
		}
		return take(o, now, next)
	})
}

func groupBy(id string) func(*organisation) *Group {
	return func(o *organisation) *Group { return o.groups[id] }
}

func unitBy(id string) func(*organisation) *Unit {
	return func(o *organisation) *Unit { return o.units[id] }
}

func employeeTypeBy(id string) func(*organisation) *EmployeeType {
	return func(o *organisation) *EmployeeType { return o.employeeType(id) }
}

func customAttrBy(id string) func(*organisation) *CustomAttrDefinition {
	return func(o *organisation) *CustomAttrDefinition { return o.customAttr(id) }
}

// Group finds a group by its id.
func (s *Server) Group(id string) (Group, error) {
	return resource(s, "group", id, groupBy(id), (*Group).clone)
}

// AddGroup makes a group and returns it as it came out. Only a name is needed:
// the id is made, no type means a normal group. Unlike the API it makes dynamic
// groups too, and takes departments as members.
func (s *Server) AddGroup(g Group) (Group, error) {
	return added(s, func() (*Group, error) { return s.org.addGroup(g.clone()) }, (*Group).clone)
}

// ChangeGroup lets change work on a copy of a group, members and all, and takes
// the result over, or refuses it whole with an *Error. Id and type stay.
func (s *Server) ChangeGroup(id string, change func(*Group)) error {
	return s.changeGroup(id, func(g *Group) error { change(g); return nil })
}

func (s *Server) changeGroup(id string, change func(*Group) error) error {
	return replace(s, "group", id, groupBy(id), (*Group).clone, change, (*organisation).changeGroup)
}

// RemoveGroup removes a group, also one with members.
func (s *Server) RemoveGroup(id string) error {
	return amend(s, "group", id, groupBy(id), func(o *organisation, g *Group) error {
		o.removeGroup(g)
		return nil
	})
}

// Unit finds a unit by unit_id.
func (s *Server) Unit(id string) (Unit, error) {
	return resource(s, "unit", id, unitBy(id), (*Unit).clone)
}

// AddUnit makes a unit and returns it as it came out. Name and unit_type are
// needed. Departments that it names are bound to it.
func (s *Server) AddUnit(u Unit) (Unit, error) {
	return added(s, func() (*Unit, error) { return s.org.addUnit(u.clone()) }, (*Unit).clone)
}

// ChangeUnit lets change work on a copy of a unit, and takes the result over or
// refuses it whole with an *Error. Departments are bound and unbound by it.
// unit_id and unit_type stay.
func (s *Server) ChangeUnit(id string, change func(*Unit)) error {
	return s.changeUnit(id, func(u *Unit) error { change(u); return nil })
}

func (s *Server) changeUnit(id string, change func(*Unit) error) error {
	return replace(s, "unit", id, unitBy(id), (*Unit).clone, change, (*organisation).changeUnit)
}

// RemoveUnit removes a unit; its departments are bound to none then.
func (s *Server) RemoveUnit(id string) error {
	return amend(s, "unit", id, unitBy(id), func(o *organisation, u *Unit) error {
		o.removeUnit(u)
		return nil
	})
}

// EmployeeType finds an employee type by enum_id.
func (s *Server) EmployeeType(enumID string) (EmployeeType, error) {
	return resource(s, "employee type", enumID, employeeTypeBy(enumID), (*EmployeeType).clone)
}

// AddEmployeeType makes an employee type and returns it as it came out. Only
// content is needed: enum_id is made, and enum_value always; no status means an
// active one.
func (s *Server) AddEmployeeType(e EmployeeType) (EmployeeType, error) {
	if e.EnumType == 0 {
		e.EnumType = customType
	}
	if e.EnumStatus == 0 {
		e.EnumStatus = activeType
	}
	return added(s, func() (*EmployeeType, error) { return s.org.addEmployeeType(e.clone()) }, (*EmployeeType).clone)
}

// ChangeEmployeeType lets change work on a copy of an employee type, and takes
// the result over or refuses it whole with an *Error. Content, status and
// i18n_content can be changed, of types that are not built in.
func (s *Server) ChangeEmployeeType(enumID string, change func(*EmployeeType)) error {
	return s.changeEmployeeType(enumID, func(e *EmployeeType) error { change(e); return nil })
}

func (s *Server) changeEmployeeType(enumID string, change func(*EmployeeType) error) error {
	return replace(s, "employee type", enumID, employeeTypeBy(enumID), (*EmployeeType).clone, change, (*organisation).changeEmployeeType)
}

// RemoveEmployeeType removes an employee type that is not built in. Whoever has
// it keeps its value.
func (s *Server) RemoveEmployeeType(enumID string) error {
	return amend(s, "employee type", enumID, employeeTypeBy(enumID), (*organisation).removeEmployeeType)
}

// CustomAttr finds the definition of a custom attribute.
func (s *Server) CustomAttr(id string) (CustomAttrDefinition, error) {
	return resource(s, "custom attribute", id, customAttrBy(id), (*CustomAttrDefinition).clone)
}

// AddCustomAttr defines a custom attribute and returns the definition as it came
// out. Type and i18n_name are needed, and options where the type has them.
func (s *Server) AddCustomAttr(d CustomAttrDefinition) (CustomAttrDefinition, error) {
	return added(s, func() (*CustomAttrDefinition, error) { return s.org.addCustomAttr(d.clone()) }, (*CustomAttrDefinition).clone)
}

// ChangeCustomAttr lets change work on a copy of a definition, and takes the
// result over or refuses it whole with an *Error. Id and type stay.
func (s *Server) ChangeCustomAttr(id string, change func(*CustomAttrDefinition)) error {
	return s.changeCustomAttr(id, func(d *CustomAttrDefinition) error { change(d); return nil })
}

func (s *Server) changeCustomAttr(id string, change func(*CustomAttrDefinition) error) error {
	return replace(s, "custom attribute", id, customAttrBy(id), (*CustomAttrDefinition).clone, change, (*organisation).changeCustomAttr)
}

// RemoveCustomAttr removes a definition, and what people have of it.
func (s *Server) RemoveCustomAttr(id string) error {
	return amend(s, "custom attribute", id, customAttrBy(id), func(o *organisation, d *CustomAttrDefinition) error {
		o.removeCustomAttr(d)
		return nil
	})
}

// AllowOpenQuery turns the company's switch that lets apps see custom
// attributes: definitions, and people's values.
func (s *Server) AllowOpenQuery(allowed bool) {
	_ = s.mutate(nil, func() error { // it cannot fail
		s.org.openQuery(allowed)
		return nil
	})
}

// SetFeatures sets which parts of Feishu the tenant has; at first, all. What
// exists of a part stays readable when the part is turned off.
func (s *Server) SetFeatures(f Features) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.org.features = f
}

// Features tells which parts of Feishu the tenant has.
func (s *Server) Features() Features {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.org.features
}
