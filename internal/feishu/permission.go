package feishu

import "slices"

// legacy are the permissions that open most of the contact API at once. The
// last two are not given to new apps any more.
var legacy = []string{
	"contact:contact:readonly_as_app",
	"contact:contact:readonly",
	"contact:contact:access_as_app",
}

const (
	contactBase = "contact:contact.base:readonly"
	groupRead   = "contact:group:readonly"
	unitRead    = "contact:unit:readonly"
)

// endpointPermissions are the permissions of which any one lets the app call the
// method, the narrowest first. Source: each method's page, "permission
// requirements".
var endpointPermissions = map[string][]string{
	EndpointTenant:             {"tenant:tenant:readonly"},
	EndpointDepartment:         append([]string{contactBase}, legacy...),
	EndpointDepartmentChildren: append([]string{contactBase, "contact:department.organize:readonly"}, legacy...),
	EndpointDepartmentsBatch:   {contactBase},
	EndpointUser:               append([]string{contactBase}, legacy...),
	EndpointUsersByDepartment:  append([]string{contactBase, "contact:department.organize:readonly"}, legacy...),
	EndpointUsersBatch:         {contactBase},
	EndpointUsers:              append([]string{contactBase, "contact:department.organize:readonly"}, legacy...),
	EndpointGroups:             {groupRead, "contact:group"},
	EndpointGroup:              {groupRead, "contact:group"},
	EndpointGroupMembers:       {groupRead, "contact:group"},
	EndpointUnits:              {unitRead, "contact:unit"},
	EndpointUnit:               {unitRead, "contact:unit"},
	EndpointUnitDepartments:    {unitRead, "contact:unit"},
	EndpointScopes:             {contactBase, "contact:contact:readonly_as_app", "contact:contact:access_as_app"},
	EndpointEmployeeTypes:      {contactBase, "contact:contact:readonly_as_app", "contact:contact:access_as_app"},
	EndpointCustomAttrs:        {contactBase, "contact:contact:readonly_as_app"},
}

// EndpointPermissions names the permissions of which any one lets an app call
// the endpoint, the narrowest first; nil for an endpoint it does not know.
func EndpointPermissions(endpoint string) []string {
	return slices.Clone(endpointPermissions[endpoint])
}

// group is a permission and the response fields that it shows.
type group struct {
	permission string
	fields     []string
}

// userFields and departmentFields say which permission shows which field of a
// response; without it the field is absent, without an error. Source: the field
// permission rows of the user and department pages.
//
// Not here are fields that every app sees (open_id, union_id, mobile_visible,
// avatar_key, is_frozen; open_department_id, leaders, group_chat_employee_types)
// and fields whose absence no permission can mend: department_path wants a user
// token, subscription_ids is never filled, assign_info only when a single person
// is asked for, and of description, positions, idp_type and time_zone nothing is
// documented.
//
// Groups of more than one field are shown by the legacy permissions too, and so
// is gender. employee_no is also shown by contact:user.employee_number:read, so
// that it alone does not prove the group it is in.
var (
	userFields = []group{
		{"contact:user.base:readonly", []string{"name", "en_name", "nickname", "avatar"}},
		{"contact:user.department:readonly", []string{"department_ids", "leader_user_id", "orders"}},
		{"contact:user.employee:readonly", []string{
			"status", "city", "country", "work_station", "join_time", "is_tenant_manager", "employee_type",
			"custom_attrs", "enterprise_email", "job_title", "employee_no",
		}},
		{"contact:user.gender:readonly", []string{"gender"}},
		{"contact:user.email:readonly", []string{"email"}},
		{"contact:user.phone:readonly", []string{"mobile"}},
		{"contact:user.employee_id:readonly", []string{"user_id"}},
		{"contact:user.user_geo", []string{"geo"}},
		{"contact:user.job_level:readonly", []string{"job_level_id"}},
		{"contact:user.job_family:readonly", []string{"job_family_id"}},
		{"contact:user.dotted_line_leader_info.read", []string{"dotted_line_leader_user_ids"}},
	}
	departmentFields = []group{
		{"contact:department.base:readonly", []string{"name", "i18n_name", "department_id", "chat_id", "status"}},
		{"contact:department.organize:readonly", []string{
			"parent_department_id", "leader_user_id", "order", "unit_ids", "member_count", "primary_member_count",
		}},
		{"contact:department.hrbp:readonly", []string{"department_hrbps"}},
	}
)

// FieldPermissions maps each field of a "user" or a "department" that needs a
// permission to be shown to the narrowest one that shows it. Fields with the
// same permission are shown and hidden together. The map is nil for any other
// kind, and the caller's own.
func FieldPermissions(kind string) map[string]string {
	var groups []group
	switch kind {
	case "user":
		groups = userFields
	case "department":
		groups = departmentFields
	default:
		return nil
	}
	fields := make(map[string]string)
	for _, g := range groups {
		for _, field := range g.fields {
			fields[field] = g.permission
		}
	}
	return fields
}
