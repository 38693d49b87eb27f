package directory

import (
	"encoding/json"
	"fmt"
)

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

// origin says who speaks: Feishu's events and its API differ in form.
type origin int

const (
	fromEvent origin = iota
	fromObservation
)

// canonical turns what was received into the one form that we keep. ok is
// false where the value says nothing (the field stays untouched); a nil value
// with ok clears the field.
type canonical func(raw json.RawMessage, from origin) (value json.RawMessage, ok bool, err error)

// ornament reports whether a field is shown in the current row only and makes
// no version: its value moves without anything having happened to the entity.
func ornament(field string) bool {
	return field == fieldAvatar || field == fieldMembers || field == fieldPrimary
}

// userFields are the fields of a user that have a type here. Other fields are
// kept as they are. Sources: the pages "get user" and "user updated" of
// Feishu's contact v3 reference.
var userFields = map[string]canonical{
	"open_id":                     ignored, // the key
	"union_id":                    text,
	"user_id":                     text,
	"name":                        text,
	"en_name":                     text,
	"nickname":                    text,
	"email":                       sensitiveText,
	"mobile":                      sensitiveText,
	"enterprise_email":            text,
	"mobile_visible":              boolean,
	"gender":                      integer,
	"avatar":                      object,
	"avatar_key":                  ignored, // input of writes, never filled in lists
	"is_frozen":                   ignored, // derived from status
	"leader_user_id":              text,
	"city":                        text,
	"country":                     observedOnly(text), // a name in events, a code in the API
	"work_station":                text,
	"join_time":                   unsetAtZero(integer),
	"is_tenant_manager":           boolean,
	"employee_no":                 text,
	"employee_type":               unsetAtZero(integer),
	"job_title":                   text,
	"job_level_id":                text,
	"job_family_id":               text,
	"geo":                         text,
	"description":                 text,
	"time_zone":                   text,
	"dotted_line_leader_user_ids": openIDs,
	"subscription_ids":            ignored, // input of writes
	"need_send_notification":      ignored,
	"notification_option":         ignored,
}

// departmentFields are the same for a department.
var departmentFields = map[string]canonical{
	"open_department_id":        ignored, // the key
	"department_id":             text,
	"name":                      text,
	"i18n_name":                 filledObject,
	"parent_department_id":      parent,
	"leader_user_id":            text,
	"chat_id":                   text,
	"order":                     decimalText, // an int in events, a string in the API
	"unit_ids":                  textSet,
	"member_count":              integer,
	"primary_member_count":      integer,
	"create_group_chat":         ignored, // input of writes
	"leaders":                   leaders,
	"group_chat_employee_types": integerSet,
	"department_hrbps":          hrbps, // objects in events, strings in the API
}

// flags are the members of status, each a field of its own: old_object may
// carry only part of them.
var flags = map[Kind][]string{
	KindUser:       {"is_frozen", "is_resigned", "is_activated", "is_exited", "is_unjoin"},
	KindDepartment: {"is_deleted"},
}

// goneFlag is the flag that says that the entity is gone, and why.
var goneFlag = map[Kind]struct {
	field  string
	reason Reason
}{
	KindUser:       {"status.is_resigned", ReasonResigned},
	KindDepartment: {"status.is_deleted", ReasonDeleted},
}

func fieldsOf(kind Kind) map[string]canonical {
	if kind == KindUser {
		return userFields
	}
	return departmentFields
}

// canonicalField applies a field's own rule, or the general one.
func canonicalField(kind Kind, name string, raw json.RawMessage, from origin) (json.RawMessage, bool, error) {
	rule, typed := fieldsOf(kind)[name]
	if !typed {
		rule = anything
	}
	value, ok, err := rule(raw, from)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	return value, ok, nil
}
