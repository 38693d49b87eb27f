package sandbox

import "encoding/json"

// SeenGroup is a group as its listing shows it, and its members by the app's
// open ids.
type SeenGroup struct {
	Group       json.RawMessage `json:"group"`
	Users       []string        `json:"users"`
	Departments []string        `json:"departments"`
}

// SeenUnit is a unit, and the departments bound to it that the app sees.
type SeenUnit struct {
	Unit        json.RawMessage `json:"unit"`
	Departments []string        `json:"departments"`
}

// seeResources adds to what an app sees all that is neither a person nor a
// department.
func (s *Server) seeResources(v *view, seen *Seen) {
	if s.opens(v.app, groupListPath) {
		seen.Groups = map[string]SeenGroup{}
		for _, g := range v.groups(anyGroup) {
			sg := SeenGroup{Group: appendGroup(nil, g, true), Users: []string{}, Departments: append([]string{}, g.Departments...)}
			for _, id := range g.Users {
				sg.Users = append(sg.Users, v.user(id))
			}
			seen.Groups[g.ID] = sg
		}
	}
	if s.opens(v.app, unitListPath) {
		seen.Units = map[string]SeenUnit{}
		for id, u := range s.org.units {
			seen.Units[id] = SeenUnit{Unit: appendUnit(nil, u), Departments: append([]string{}, v.departmentsOf(u)...)}
		}
	}
	if s.opens(v.app, enumListPath) {
		seen.EmployeeTypes = map[string]json.RawMessage{}
		for _, e := range s.org.employeeTypes {
			seen.EmployeeTypes[e.EnumID] = appendEmployeeType(nil, e)
		}
	}
	if s.opens(v.app, attrListPath) {
		seen.CustomAttrs = map[string]json.RawMessage{}
		for _, d := range v.customAttrs() {
			seen.CustomAttrs[d.ID] = appendCustomAttr(nil, d)
		}
	}
}

// opens tells whether an app may call an endpoint.
func (s *Server) opens(a *app, endpoint string) bool {
	e := s.endpoint(endpoint)
	return !s.revoked[e.name] && a.may(e.scopes) && (!e.selfBuiltOnly || !a.store)
}
