package intake

import (
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
)

// maxEntityID is the longest id that is taken for one, in bytes; Feishu's have 35.
const maxEntityID = 200

// subject says where an event names the entity that it is about.
type subject struct {
	kind  directory.Kind
	id    string     // where it is always the same
	paths [][]string // else: below the event's body, the first that is there counts
}

// subjects are the types that the mirror knows: the 13 of contact v3, and those
// of the generation before, which an old app can get unasked.
func subjects() map[string]subject {
	user := subject{kind: directory.KindUser, paths: [][]string{{"object", "open_id"}, {"old_object", "open_id"}}}
	department := subject{kind: directory.KindDepartment, paths: [][]string{{"object", "open_department_id"}, {"old_object", "open_department_id"}}}
	employeeType := subject{kind: directory.KindEmployeeType, paths: [][]string{{"new_enum", "enum_id"}, {"old_enum", "enum_id"}}}
	oldUser := subject{kind: directory.KindUser, paths: [][]string{{"open_id"}}}
	oldDepartment := subject{kind: directory.KindDepartment, paths: [][]string{{"open_department_id"}}}
	return map[string]subject{
		directory.EventUserCreated:             user,
		directory.EventUserUpdated:             user,
		directory.EventUserDeleted:             user,
		directory.EventDepartmentCreated:       department,
		directory.EventDepartmentUpdated:       department,
		directory.EventDepartmentDeleted:       department,
		directory.EventEmployeeTypeCreated:     employeeType,
		directory.EventEmployeeTypeActived:     employeeType,
		directory.EventEmployeeTypeDeactivated: employeeType,
		directory.EventEmployeeTypeUpdated:     employeeType,
		directory.EventEmployeeTypeDeleted:     employeeType,
		directory.EventCustomAttrsUpdated:      {kind: directory.KindCustomAttrSetting, id: directory.CustomAttrSettingID},
		directory.EventScopeUpdated:            {kind: directory.KindScope},
		"user_add":                             oldUser,
		"user_update":                          oldUser,
		"user_leave":                           oldUser,
		"user_status_change":                   oldUser,
		"dept_add":                             oldDepartment,
		"dept_update":                          oldDepartment,
		"dept_delete":                          oldDepartment,
		"contact_scope_change":                 {kind: directory.KindScope},
	}
}

// record is an event as the log keeps it. An event whose entity cannot be told
// is kept like any other.
func (in *Intake) record(e callback.Event, source directory.Source) directory.Record {
	r := directory.Record{
		OccurredAt: e.CreatedAt, TenantKey: e.TenantKey, AppID: e.AppID,
		EventID: e.ID, EventType: e.Type, SchemaVersion: directory.SchemaVersion1,
		Source: source, Payload: e.Payload,
	}
	s := in.subjects[e.Type]
	r.EntityKind, r.EntityID = s.kind, s.id
	for _, path := range s.paths {
		if id := e.Find(path...); id != "" && len(id) <= maxEntityID {
			r.EntityID = id
			break
		}
	}
	return r
}

// typeLabel is the event's type as the metrics name it. What the mirror does not
// know is one label: who sends events must not be able to make more of them.
func (in *Intake) typeLabel(e callback.Event) string {
	if _, known := in.subjects[e.Type]; known || e.Type == callback.TypeAppTicket {
		return e.Type
	}
	return "unknown"
}
