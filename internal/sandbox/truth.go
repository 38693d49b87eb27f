package sandbox

import "encoding/json"

// Truth is the whole company as it is, whatever is hidden or overridden in the
// answers of the contact service.
type Truth struct {
	Tenant      Tenant                `json:"tenant"`
	Root        Department            `json:"root"`
	Departments map[string]Department `json:"departments"` // by open_department_id, without the root
	Users       map[string]User       `json:"users"`       // people who are here, by open_id
	Resigned    map[string]User       `json:"resigned"`    // people who left, as they last were

	Groups        map[string]Group                `json:"groups"`         // by group id
	Units         map[string]Unit                 `json:"units"`          // by unit_id
	EmployeeTypes map[string]EmployeeType         `json:"employee_types"` // by enum_id
	CustomAttrs   map[string]CustomAttrDefinition `json:"custom_attrs"`   // by id
	// AllowOpenQuery is the switch that lets apps see custom attributes.
	AllowOpenQuery bool `json:"allow_open_query"`
}

// Truth copies the whole company.
func (s *Server) Truth() Truth {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.org
	t := Truth{
		Tenant:      o.tenant,
		Root:        o.root.clone(),
		Departments: make(map[string]Department, len(o.departments)),
		Users:       make(map[string]User, len(o.users)),
		Resigned:    map[string]User{},
		Groups:      map[string]Group{}, Units: map[string]Unit{}, EmployeeTypes: map[string]EmployeeType{},
		CustomAttrs: map[string]CustomAttrDefinition{}, AllowOpenQuery: o.allowOpenQuery,
	}
	for id, n := range o.departments {
		if n != o.root {
			t.Departments[id] = n.clone()
		}
	}
	for id, u := range o.users {
		if u.Status.IsResigned {
			t.Resigned[id] = u.clone()
		} else {
			t.Users[id] = u.clone()
		}
	}
	for id, g := range o.groups {
		t.Groups[id] = g.clone()
	}
	for id, u := range o.units {
		t.Units[id] = u.clone()
	}
	for _, e := range o.employeeTypes {
		t.EmployeeTypes[e.EnumID] = e.clone()
	}
	for _, a := range o.customAttrs {
		t.CustomAttrs[a.ID] = a.clone()
	}
	return t
}

// Seen is the company as one app may see it: who and what is within its range,
// each as the contact API shows them to this app with open ids, all fields that
// any of the reading methods shows included. Neither faults nor overrides touch it.
type Seen struct {
	Root        json.RawMessage            `json:"root,omitempty"` // where the app sees everything
	Departments map[string]json.RawMessage `json:"departments"`    // by open_department_id
	Users       map[string]json.RawMessage `json:"users"`          // by the app's own open_id
	Resigned    map[string]json.RawMessage `json:"resigned"`

	// Each of these is nil where the app lacks the permission to list them.
	Groups        map[string]SeenGroup       `json:"groups"`         // by group id
	Units         map[string]SeenUnit        `json:"units"`          // by unit_id
	EmployeeTypes map[string]json.RawMessage `json:"employee_types"` // by enum_id
	CustomAttrs   map[string]json.RawMessage `json:"custom_attrs"`   // by id
}

// SeenBy is the truth as far as one app may see it.
func (s *Server) SeenBy(appID string) (Seen, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.apps[appID]
	if a == nil {
		return Seen{}, errUnknown("app", appID)
	}
	v := view{org: s.org, app: a, hidden: a.hidden}
	seen := Seen{Departments: map[string]json.RawMessage{}, Users: map[string]json.RawMessage{}, Resigned: map[string]json.RawMessage{}}
	if v.seesAll() {
		seen.Root = v.appendDepartment(nil, s.org.root)
	}
	for id, n := range s.org.departments {
		if n != s.org.root && v.seesDepartment(n) {
			seen.Departments[id] = v.appendDepartment(nil, n)
		}
	}
	for _, u := range s.org.users {
		if !v.sees(u) {
			continue
		}
		into := seen.Users
		if u.Status.IsResigned {
			into = seen.Resigned
		}
		into[a.openID(u.OpenID)] = v.appendUser(nil, u, allUserFields)
	}
	s.seeResources(&v, &seen)
	return seen, nil
}
