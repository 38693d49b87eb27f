package directory

// groupFields are the fields of a user group that have a type here. Source: the
// pages "list user groups" and "get a user group".
var groupFields = tableOf(
	field{name: "id"}, // the key
	field{name: fieldName, rule: label},
	field{name: "description", rule: text},
	field{name: "type", rule: integer(0, maxInt32)},
	field{name: "member_user_count", rule: integer(0, maxInt32)},
	field{name: "member_department_count", rule: integer(0, maxInt32)},
	field{name: "department_scope_list", rule: textSet},
)

// unitFields are the same for a unit. Source: the page "get a unit".
var unitFields = tableOf(
	field{name: "unit_id"}, // the key
	field{name: fieldName, rule: label},
	field{name: "unit_type", rule: label},
)

// Group is a user group as the read model shows it.
type Group struct {
	GroupID               string
	Name                  *string
	Description           *string
	Type                  *int64 // 1 normal, 2 dynamic
	MemberUserCount       *int64 // as Feishu says
	MemberDepartmentCount *int64
	DepartmentScopeList   []string
	Life
}

// GroupOf shows a group's state.
func GroupOf(s *State) Group {
	return Group{
		GroupID: s.Key.ID,
		Name:    s.text(fieldName), Description: s.text("description"), Type: s.integer("type"),
		MemberUserCount: s.integer("member_user_count"), MemberDepartmentCount: s.integer("member_department_count"),
		DepartmentScopeList: s.texts("department_scope_list"),
		Life:                s.life(),
	}
}

// Unit is a unit, such as a subsidiary, as the read model shows it.
type Unit struct {
	UnitID   string
	Name     *string
	UnitType *string
	Life
}

// UnitOf shows a unit's state.
func UnitOf(s *State) Unit {
	return Unit{UnitID: s.Key.ID, Name: s.text(fieldName), UnitType: s.text("unit_type"), Life: s.life()}
}
