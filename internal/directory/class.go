package directory

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
	case eventUserObserved, eventDepartmentObserved, eventEmployeeTypeObserved, eventCustomAttributeObserved,
		eventUserMissing, eventDepartmentMissing, eventEmployeeTypeMissing, eventCustomAttributeMissing:
		return ClassObservation
	case EventSweepStarted, EventSweepCompleted:
		return ClassSweep
	case "user_add", "user_update", "user_leave", "user_status_change",
		"dept_add", "dept_update", "dept_delete", "contact_scope_change":
		return ClassLegacy
	default:
		return ClassUnknown
	}
}
