package directory

import "strings"

// Field names that the code itself asks for; all are Feishu's, but for
// placement and the generic users, which split or join Feishu's fields.
const (
	fieldStatus       = "status"
	fieldAvatar       = "avatar"
	fieldDeptIDs      = "department_ids"
	fieldOrders       = "orders"
	fieldPlacement    = "placement" // department_ids with orders: one field, or they could disagree
	fieldCustomAttrs  = "custom_attrs"
	fieldGenericUsers = "custom_attrs.generic_user" // events name the user by another id kind than we ask for
	fieldParent       = "parent_department_id"
	fieldMembers      = "member_count"
	fieldPrimary      = "primary_member_count"
	fieldName         = "name"
)

// ours reports whether a name is one that we made: what Feishu might send under
// it is not that.
func ours(name string) bool {
	return name == fieldPlacement || name == fieldGenericUsers || strings.HasPrefix(name, fieldStatus+".")
}

// ornament reports whether a field is shown in the current row only and makes
// no version: its value moves without anything having happened to the entity.
func ornament(name string) bool {
	return name == fieldAvatar || name == fieldMembers || name == fieldPrimary
}

// origin says who speaks: Feishu's events and its API differ in form.
type origin int

const (
	fromEvent origin = iota
	fromObservation
)

// canonical turns a value that is not null into the one form that we keep. ok
// is false where it says nothing (the field stays untouched); a nil value with
// ok clears the field. The value may share memory with raw.
type canonical func(raw []byte, from origin) (value []byte, ok bool, err error)

// field is a field that has a type here.
type field struct {
	name string
	rule canonical // nil: never read
	// observedOnly is set where events have another form that cannot be
	// translated: they only tell that the field changed.
	observedOnly bool
}

type fieldTable map[string]field

func tableOf(fields ...field) fieldTable {
	t := make(fieldTable, len(fields))
	for _, f := range fields {
		t[f.name] = f
	}
	return t
}

// name returns a quoted name's text, without making a new one for those that
// are common.
func (t fieldTable) name(quoted []byte) string {
	text := quoted[1 : len(quoted)-1]
	if f, known := t[string(text)]; known {
		return f.name
	}
	if f, known := innerNames[string(text)]; known {
		return f.name
	}
	return unquote(quoted)
}

// innerNames are those of envelopes, of what is inside a field, and of stored
// states. It only lends its names.
var innerNames = tableOf(
	field{name: "schema"}, field{name: "header"}, field{name: "event"}, field{name: "object"}, field{name: "old_object"},
	field{name: "empty"}, field{name: "listed"}, field{name: "skew_margin_ms"},
	field{name: "department_id"}, field{name: "user_order"}, field{name: "department_order"}, field{name: "is_primary_dept"},
	field{name: "is_activated"}, field{name: "is_exited"}, field{name: "is_frozen"}, field{name: "is_resigned"}, field{name: "is_unjoin"},
	field{name: "avatar_72"}, field{name: "avatar_240"}, field{name: "avatar_640"}, field{name: "avatar_origin"},
	field{name: "id"}, field{name: "type"}, field{name: "value"}, field{name: "text"}, field{name: "url"}, field{name: "pc_url"},
	field{name: "leaderID"}, field{name: "leaderType"}, field{name: "is_deleted"},
	field{name: "s"}, field{name: "f"}, field{name: "e"}, field{name: "v"}, field{name: "t"}, field{name: "c"}, field{name: "i"}, field{name: "r"},
)

// of returns how to read a field; those without a type are kept as they are.
func (t fieldTable) of(name string) field {
	if f, typed := t[name]; typed {
		return f
	}
	return field{name: name, rule: anything}
}

// userFields are the fields of a user that have a type here. Sources: the pages
// "get user" and "user updated" of Feishu's contact v3 reference. Names and ids
// are label and not text because they are indexed.
var userFields = tableOf(
	field{name: "open_id"}, // the key
	field{name: "union_id", rule: label},
	field{name: "user_id", rule: label},
	field{name: fieldName, rule: label},
	field{name: "en_name", rule: label},
	field{name: "nickname", rule: label},
	field{name: "email", rule: sensitiveText},
	field{name: "mobile", rule: sensitiveText},
	field{name: "enterprise_email", rule: text},
	field{name: "mobile_visible", rule: boolean},
	field{name: "gender", rule: integer(0, maxInt32)},
	field{name: fieldAvatar, rule: openObject},
	field{name: "avatar_key"}, // input of writes, never filled in lists
	field{name: "is_frozen"},  // derived from status
	field{name: fieldStatus},  // see decoder.status
	field{name: fieldDeptIDs}, // see decoder.placement
	field{name: fieldOrders},  // see decoder.placement
	field{name: "leader_user_id", rule: label},
	field{name: "city", rule: text},
	field{name: "country", rule: text, observedOnly: true}, // a name in events, a code in the API
	field{name: "work_station", rule: text},
	field{name: "join_time", rule: unsetAtZero(integer(firstSecond, lastSecond))},
	field{name: "is_tenant_manager", rule: boolean},
	field{name: "employee_no", rule: text},
	field{name: "employee_type", rule: unsetAtZero(integer(0, maxInt32))},
	field{name: "job_title", rule: text},
	field{name: "job_level_id", rule: text},
	field{name: "job_family_id", rule: text},
	field{name: "geo", rule: text},
	field{name: "description", rule: text},
	field{name: "time_zone", rule: text},
	field{name: "dotted_line_leader_user_ids", rule: openIDs},
	field{name: fieldCustomAttrs, rule: anything}, // see decoder.customAttrs
	field{name: "subscription_ids"},               // input of writes
	field{name: "need_send_notification"},
	field{name: "notification_option"},
)

// departmentFields are the same for a department.
var departmentFields = tableOf(
	field{name: "open_department_id"}, // the key
	field{name: "department_id", rule: label},
	field{name: fieldName, rule: label},
	field{name: "i18n_name", rule: filledObject},
	field{name: fieldParent, rule: parent},
	field{name: "leader_user_id", rule: label},
	field{name: "chat_id", rule: text},
	field{name: "order", rule: decimal}, // an int in events, a string in the API
	field{name: "unit_ids", rule: textSet},
	field{name: fieldStatus}, // see decoder.status
	field{name: fieldMembers, rule: integer(0, maxInt64)},
	field{name: fieldPrimary, rule: integer(0, maxInt64)},
	field{name: "create_group_chat"}, // input of writes
	field{name: "leaders", rule: leaders},
	field{name: "group_chat_employee_types", rule: integerSet},
	field{name: "department_hrbps", rule: hrbps}, // objects in events, strings in the API
)

func fieldsOf(kind Kind) fieldTable {
	switch kind {
	case KindUser:
		return userFields
	case KindDepartment:
		return departmentFields
	case KindEmployeeType:
		return employeeTypeFields
	case KindCustomAttribute:
		return customAttributeFields
	case KindCustomAttrSetting:
		return customAttrSettingFields
	case KindGroup:
		return groupFields
	case KindUnit:
		return unitFields
	case KindGroupMember, KindUnitDepartment, KindScopeNode:
		return linkFields
	default:
		return nil
	}
}

// flags are the members of status, each a field of its own: old_object may
// carry only part of them.
func flags(kind Kind) []flag {
	switch kind {
	case KindUser:
		return userFlags
	case KindDepartment:
		return departmentFlags
	default:
		return nil
	}
}

type flag struct{ name, field string }

var (
	userFlags = []flag{
		{"is_activated", "status.is_activated"},
		{"is_exited", "status.is_exited"},
		{"is_frozen", "status.is_frozen"},
		{"is_resigned", flagResigned},
		{"is_unjoin", "status.is_unjoin"},
	}
	departmentFlags = []flag{{"is_deleted", flagDeleted}}
)

const (
	flagResigned = "status.is_resigned"
	flagDeleted  = "status.is_deleted"
	flagExited   = "is_exited"
)

// goneFlag is the flag that says that an entity is gone, and why. Kinds without
// a status have none.
func goneFlag(kind Kind) (field string, reason Reason) {
	switch kind {
	case KindUser:
		return flagResigned, ReasonResigned
	case KindDepartment:
		return flagDeleted, ReasonDeleted
	default:
		return "", ReasonNone
	}
}
