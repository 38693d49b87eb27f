package sandbox

import "fmt"

// SetLimits makes a company smaller than Feishu's limits, so that a test
// reaches them.
func SetLimits(s *Server, departments, children, members int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.org.limits.departments, s.org.limits.children, s.org.limits.members = departments, children, members
}

// DefineUnit makes a unit that has so many departments already.
func DefineUnit(s *Server, id string, departments int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &Unit{UnitID: id, Name: id, UnitType: "子公司"}
	for i := range departments {
		u.Departments = append(u.Departments, fmt.Sprint("od-", i))
	}
	s.org.units[id] = u
}

// DefineFields gives a company custom attributes and employee types.
func DefineFields(s *Server, attrs []CustomAttrDefinition, types []EmployeeType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.org.customAttrs, s.org.employeeTypes = nil, nil
	for _, a := range attrs {
		s.org.customAttrs = append(s.org.customAttrs, &a)
	}
	for _, e := range types {
		s.org.employeeTypes = append(s.org.employeeTypes, &e)
	}
}
