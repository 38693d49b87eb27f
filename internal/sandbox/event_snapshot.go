package sandbox

import "encoding/json"

// asPushed makes the payload of an event anew for each push, with the entity as
// it is then; old_object stays what it was. An entity that is gone is shown as
// the event found it.
func (s *Server) asPushed(appID string, c *change, e told) func() json.RawMessage {
	if c.what != created && c.what != changed {
		return nil
	}
	return func() json.RawMessage {
		s.mu.RLock()
		defer s.mu.RUnlock()
		a := s.apps[appID]
		t := &teller{view: view{org: s.org, app: a, hidden: a.hiddenInEvents}, options: &s.options}
		var object []byte
		switch e.eventType {
		case userCreated, userUpdated:
			if u := s.org.users[c.userAfter.OpenID]; u != nil && !u.Status.IsResigned {
				object = t.userObject(t.userFields(u))
			}
		case departmentCreated, departmentUpdated:
			if n := s.org.departments[c.deptAfter.OpenDepartmentID]; n != nil {
				object = t.object(KindDepartment, t.departmentFields(&n.Department))
			}
		}
		var parts struct {
			Old json.RawMessage `json:"old_object"`
		}
		if object == nil || json.Unmarshal(e.payload, &parts) != nil {
			return e.payload
		}
		return payload(object, parts.Old)
	}
}
