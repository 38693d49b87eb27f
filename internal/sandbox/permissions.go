package sandbox

import (
	"maps"
	"slices"
)

// Permissions of an app, by the names of Feishu's permission list.
const (
	scopeBase         = "contact:contact.base:readonly"
	scopeLegacy       = "contact:contact:readonly_as_app"
	scopeHistoric     = "contact:contact:readonly"
	scopeAccess       = "contact:contact:access_as_app"
	scopeWrite        = "contact:contact"
	scopeUserBase     = "contact:user.base:readonly"
	scopeUserWrite    = "contact:user.base"
	scopeUserDept     = "contact:user.department:readonly"
	scopeEmployee     = "contact:user.employee:readonly"
	scopeEmployeeNo   = "contact:user.employee_number:read"
	scopeGender       = "contact:user.gender:readonly"
	scopeEmail        = "contact:user.email:readonly"
	scopePhone        = "contact:user.phone:readonly"
	scopeEmployeeID   = "contact:user.employee_id:readonly"
	scopeGeo          = "contact:user.user_geo"
	scopeJobLevel     = "contact:user.job_level:readonly"
	scopeJobFamily    = "contact:user.job_family:readonly"
	scopeDotted       = "contact:user.dotted_line_leader_info.read"
	scopePath         = "contact:user.department_path:readonly"
	scopeAssign       = "contact:user.assign_info:read"
	scopeSeats        = "contact:user.subscription_ids:write"
	scopeUserID       = "contact:user.id:readonly"
	scopeUpdateUserID = "contact:contact:update_user_id"
	scopeUpdateDeptID = "contact:contact:update_department_id"
	scopeDeptBase     = "contact:department.base:readonly"
	scopeOrganize     = "contact:department.organize:readonly"
	scopeHRBP         = "contact:department.hrbp:readonly"
	scopeGroupRead    = "contact:group:readonly"
	scopeGroupWrite   = "contact:group"
	scopeUnitRead     = "contact:unit:readonly"
	scopeUnitWrite    = "contact:unit"
	scopeSearch       = "search:department:read"
	scopeTenant       = "tenant:tenant:readonly"
	scopeBasicBatch   = "contact:user.basic_profile:readonly"
	scopeUserSearch   = "contact:user:search"
)

// Permissions that come together in Feishu's tables.
var (
	legacy     = []string{scopeLegacy, scopeHistoric, scopeAccess}
	readBase   = append([]string{scopeBase}, legacy...)
	readTree   = append([]string{scopeBase, scopeOrganize}, legacy...)
	writeScope = []string{scopeWrite}
)

// FieldPermission says what shows one field of the contact API's answers and of
// the events. A field without the permission is absent; there is no error.
type FieldPermission struct {
	Kind  Kind   `json:"kind"`
	Field string `json:"field"`
	// Any are the permissions, one of which is enough for answers; none means
	// that everybody sees it.
	Any []string `json:"any,omitempty"`
	// InEvents tells whether events carry the field at all, and EventAny which
	// permissions show it there: they are not always those of answers.
	InEvents bool     `json:"in_events"`
	EventAny []string `json:"event_any,omitempty"`
	// SelfBuiltOnly keeps the field from apps of the marketplace.
	SelfBuiltOnly bool `json:"self_built_only,omitempty"`
	// UserToken asks for a call in a person's name besides.
	UserToken bool `json:"user_token,omitempty"`
}

// with are the permissions that show a field beside the historic ones.
func with(scopes ...string) []string { return append(scopes, legacy...) }

// FieldPermissions is the table of which permission shows which field, after
// Feishu's pages on field permissions and on events. Answers, events and SeenBy
// follow it, and nothing else decides what an app may see.
func FieldPermissions() []FieldPermission {
	base, placement, employee := with(scopeUserBase), with(scopeUserDept), with(scopeEmployee)
	number, gender := with(scopeEmployee, scopeEmployeeNo), with(scopeGender)
	dept, organize := with(scopeDeptBase), with(scopeOrganize)
	// In events these are shown by readonly_as_app and its elders, or a scope of their own.
	user := func(field string, shows []string, event ...string) FieldPermission {
		return FieldPermission{Kind: KindUser, Field: field, Any: shows, InEvents: len(event) > 0, EventAny: event}
	}
	open := func(kind Kind, field string, inEvents bool) FieldPermission {
		return FieldPermission{Kind: kind, Field: field, InEvents: inEvents}
	}
	selfBuilt := func(field, scope string, inEvents bool) FieldPermission {
		f := FieldPermission{Kind: KindUser, Field: field, Any: []string{scope}, InEvents: inEvents, SelfBuiltOnly: true}
		if inEvents {
			f.EventAny = f.Any
		}
		return f
	}
	department := func(field string, shows, event []string) FieldPermission {
		return FieldPermission{Kind: KindDepartment, Field: field, Any: shows, InEvents: event != nil, EventAny: event}
	}
	return []FieldPermission{
		open(KindUser, "open_id", true), open(KindUser, "union_id", true),
		open(KindUser, "mobile_visible", true), open(KindUser, "avatar_key", false), open(KindUser, "is_frozen", false),
		open(KindUser, "description", false), // in real answers without any field permission's name
		selfBuilt("user_id", scopeEmployeeID, true),
		user("name", base, base...), user("en_name", base, base...), user("nickname", base, base...), user("avatar", base, base...),
		selfBuilt("email", scopeEmail, true), selfBuilt("mobile", scopePhone, true),
		user("gender", gender, gender...),
		user("department_ids", placement, placement...), user("orders", placement, placement...),
		user("leader_user_id", placement, employee...),
		user("status", employee, employee...), user("city", employee, employee...), user("country", employee, employee...),
		user("work_station", employee, employee...), user("join_time", employee, employee...),
		user("is_tenant_manager", employee, employee...), user("employee_type", employee, employee...),
		user("custom_attrs", employee, employee...), user("enterprise_email", employee, base...),
		{Kind: KindUser, Field: "job_title", Any: employee, InEvents: true}, // events show it to everybody
		user("employee_no", number, number...),
		{Kind: KindUser, Field: "geo", Any: []string{scopeGeo}},
		selfBuilt("job_level_id", scopeJobLevel, true), selfBuilt("job_family_id", scopeJobFamily, true),
		user("dotted_line_leader_user_ids", []string{scopeDotted}, scopeDotted),
		{Kind: KindUser, Field: "department_path", Any: []string{scopePath}, UserToken: true},
		{Kind: KindUser, Field: "assign_info", Any: []string{scopeAssign}},
		{Kind: KindUser, Field: "subscription_ids", Any: []string{scopeSeats}},

		open(KindDepartment, "open_department_id", true), open(KindDepartment, "leaders", true),
		open(KindDepartment, "group_chat_employee_types", false),
		department("name", dept, dept), department("i18n_name", dept, nil), department("department_id", dept, dept),
		department("chat_id", dept, organize), department("status", dept, dept),
		department("parent_department_id", organize, organize), department("leader_user_id", organize, dept),
		department("order", organize, organize), department("unit_ids", organize, organize), // in events by an option only
		department("member_count", organize, nil), department("primary_member_count", organize, nil),
		department("leaders.leaderID", organize, organize),
		{Kind: KindDepartment, Field: "department_hrbps", Any: []string{scopeHRBP}, InEvents: true, EventAny: []string{scopeHRBP}, SelfBuiltOnly: true},
	}
}

// Permissions lists every permission that endpoints and fields ask for.
func Permissions() []string {
	set := map[string]bool{}
	for _, e := range endpoints() {
		for _, scope := range e.scopes {
			set[scope] = true
		}
	}
	for _, f := range FieldPermissions() {
		for _, scope := range slices.Concat(f.Any, f.EventAny) {
			set[scope] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// hideFields works out which fields the app does not see: those for which it
// has no permission, and those that the controls have hidden from everybody.
func (a *app) hideFields(everywhere map[Kind]map[string]bool) {
	a.hidden, a.hiddenInEvents = map[Kind]map[string]bool{}, map[Kind]map[string]bool{}
	hide := func(in map[Kind]map[string]bool, kind Kind, field string) {
		if in[kind] == nil {
			in[kind] = map[string]bool{}
		}
		in[kind][field] = true
	}
	for _, f := range FieldPermissions() {
		forbidden := f.SelfBuiltOnly && a.store
		if forbidden || len(f.Any) > 0 && !a.may(f.Any) {
			hide(a.hidden, f.Kind, f.Field)
		}
		if forbidden || !f.InEvents || len(f.EventAny) > 0 && !a.may(f.EventAny) {
			hide(a.hiddenInEvents, f.Kind, f.Field)
		}
	}
	for kind, fields := range everywhere {
		for field := range fields {
			hide(a.hidden, kind, field)
			hide(a.hiddenInEvents, kind, field)
		}
	}
}
