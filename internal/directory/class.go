package directory

// Feishu's event types that the fold reads.
const (
	EventUserCreated       = "contact.user.created_v3"
	EventUserUpdated       = "contact.user.updated_v3"
	EventUserDeleted       = "contact.user.deleted_v3"
	EventDepartmentCreated = "contact.department.created_v3"
	EventDepartmentUpdated = "contact.department.updated_v3"
	EventDepartmentDeleted = "contact.department.deleted_v3"

	EventEmployeeTypeCreated     = "contact.employee_type_enum.created_v3"
	EventEmployeeTypeActived     = "contact.employee_type_enum.actived_v3" // sic
	EventEmployeeTypeDeactivated = "contact.employee_type_enum.deactivated_v3"
	EventEmployeeTypeUpdated     = "contact.employee_type_enum.updated_v3"
	EventEmployeeTypeDeleted     = "contact.employee_type_enum.deleted_v3"

	EventCustomAttrsUpdated = "contact.custom_attr_event.updated_v3"
	EventScopeUpdated       = "contact.scope.updated_v3"
)

// ownType is what a type of ours says: that an entity was observed or is missing.
type ownType struct {
	kind Kind
	verb string
}

// ownTypes are those that the fold reads, by [EventType].
var ownTypes = func() map[string]ownType {
	types := map[string]ownType{}
	for _, kind := range []Kind{
		KindUser, KindDepartment, KindEmployeeType, KindCustomAttribute,
		KindGroup, KindGroupMember, KindUnit, KindUnitDepartment, KindScopeNode,
	} {
		for _, verb := range []string{verbObserved, verbMissing} {
			types[EventType(kind, verb)] = ownType{kind, verb}
		}
	}
	return types
}()

// Class says in one word what sort of record a type makes: for figures, since
// the types that Feishu may send have no end.
type Class string

// The classes.
const (
	ClassUser         Class = "user"
	ClassDepartment   Class = "department"
	ClassEmployeeType Class = "employee_type"
	ClassCustomAttrs  Class = "custom_attrs"
	ClassScope        Class = "scope"
	ClassObservation  Class = "observation"
	ClassSweep        Class = "sweep"
	// ClassLegacy are the events of Feishu's first contact API. They say who
	// changed and not what, and an app that gets them should get the others too.
	ClassLegacy Class = "legacy"
	// ClassUnknown is everything else: it is in the log, and says nothing.
	ClassUnknown Class = "unknown"
)

// Classes are all classes.
func Classes() []Class {
	return []Class{
		ClassUser, ClassDepartment, ClassEmployeeType, ClassCustomAttrs, ClassScope,
		ClassObservation, ClassSweep, ClassLegacy, ClassUnknown,
	}
}

// ClassOf returns a type's class.
func ClassOf(eventType string) Class {
	switch eventType {
	case EventUserCreated, EventUserUpdated, EventUserDeleted:
		return ClassUser
	case EventDepartmentCreated, EventDepartmentUpdated, EventDepartmentDeleted:
		return ClassDepartment
	case EventEmployeeTypeCreated, EventEmployeeTypeActived, EventEmployeeTypeDeactivated, EventEmployeeTypeUpdated, EventEmployeeTypeDeleted:
		return ClassEmployeeType
	case EventCustomAttrsUpdated:
		return ClassCustomAttrs
	case EventScopeUpdated:
		return ClassScope
	case EventSweepStarted, EventSweepCompleted:
		return ClassSweep
	case "user_add", "user_update", "user_leave", "user_status_change",
		"dept_add", "dept_update", "dept_delete", "contact_scope_change":
		return ClassLegacy
	}
	if _, ours := ownTypes[eventType]; ours {
		return ClassObservation
	}
	return ClassUnknown
}
