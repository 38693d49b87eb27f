package directory

import (
	"encoding/json"
	"time"
)

// User is a user as the read model shows it. Nil is "not set or not readable".
type User struct {
	OpenID                  string
	UnionID                 *string
	UserID                  *string
	Name                    *string
	EnName                  *string
	Nickname                *string
	Email                   *string
	EnterpriseEmail         *string
	Mobile                  *string
	MobileVisible           *bool
	Gender                  *int64
	Avatar                  json.RawMessage // an ornament: current only
	IsFrozen                *bool
	IsResigned              *bool
	IsActivated             *bool
	IsExited                *bool
	IsUnjoin                *bool
	Placements              []Placement // sorted by department
	LeaderUserID            *string
	City                    *string
	Country                 *string
	WorkStation             *string
	JoinTime                *time.Time
	IsTenantManager         *bool
	EmployeeNo              *string
	EmployeeType            *int64
	JobTitle                *string
	JobLevelID              *string
	JobFamilyID             *string
	Geo                     *string
	Description             *string
	DottedLineLeaderUserIDs []string
	CustomAttrs             json.RawMessage
	Life
}

// Department is a department as the read model shows it, but for its place in
// the tree, which is no field of its own; see [Tree].
type Department struct {
	OpenDepartmentID       string
	DepartmentID           *string
	Name                   *string
	I18nName               json.RawMessage
	ParentDepartmentID     *string // nil for the root
	LeaderUserID           *string
	ChatID                 *string
	Order                  *string // a decimal string, as Feishu has it
	UnitIDs                []string
	Leaders                []Leader
	DepartmentHRBPs        []string
	GroupChatEmployeeTypes []int64
	MemberCount            *int64 // an ornament: current only
	PrimaryMemberCount     *int64 // an ornament: current only
	Life
}

// Life is what all kinds have: everything that is set, and whether they are there.
type Life struct {
	// Attributes holds every field that is set, in Feishu's form, ornaments
	// left out.
	Attributes    json.RawMessage
	RemovedAt     *time.Time // nil while it exists
	RemovedReason Reason
}

// LifeOf shows what all kinds have.
func LifeOf(s *State) Life { return s.life() }

// UserOf shows a user's state.
func UserOf(s *State) User {
	u := User{
		OpenID:  s.Key.ID,
		UnionID: s.text("union_id"), UserID: s.text("user_id"),
		Name: s.text(fieldName), EnName: s.text("en_name"), Nickname: s.text("nickname"),
		Email: s.text("email"), EnterpriseEmail: s.text("enterprise_email"), Mobile: s.text("mobile"),
		MobileVisible: s.boolean("mobile_visible"), Gender: s.integer("gender"), Avatar: s.value(fieldAvatar),
		IsFrozen: s.boolean("status.is_frozen"), IsResigned: asFlag(s.goneFlag()),
		IsActivated: s.boolean("status.is_activated"), IsExited: s.boolean("status.is_exited"), IsUnjoin: s.boolean("status.is_unjoin"),
		Placements: s.placements(), LeaderUserID: s.text("leader_user_id"),
		City: s.text("city"), Country: s.text("country"), WorkStation: s.text("work_station"),
		IsTenantManager: s.boolean("is_tenant_manager"),
		EmployeeNo:      s.text("employee_no"), EmployeeType: s.integer("employee_type"), JobTitle: s.text("job_title"),
		JobLevelID: s.text("job_level_id"), JobFamilyID: s.text("job_family_id"),
		Geo: s.text("geo"), Description: s.text("description"),
		DottedLineLeaderUserIDs: s.texts("dotted_line_leader_user_ids"),
		CustomAttrs:             s.customAttrs(),
		Life:                    s.life(),
	}
	if seconds := s.integer("join_time"); seconds != nil {
		t := time.Unix(*seconds, 0).UTC()
		u.JoinTime = &t
	}
	return u
}

// DepartmentOf shows a department's state.
func DepartmentOf(s *State) Department {
	d := Department{
		OpenDepartmentID: s.Key.ID,
		DepartmentID:     s.text("department_id"), Name: s.text(fieldName), I18nName: s.value("i18n_name"),
		ParentDepartmentID: s.text(fieldParent), LeaderUserID: s.text("leader_user_id"), ChatID: s.text("chat_id"),
		Order:   s.text("order"),
		UnitIDs: s.texts("unit_ids"), Leaders: s.leaders(), DepartmentHRBPs: s.texts("department_hrbps"),
		GroupChatEmployeeTypes: s.integers("group_chat_employee_types"),
		MemberCount:            s.integer(fieldMembers), PrimaryMemberCount: s.integer(fieldPrimary),
		Life: s.life(),
	}
	if d.OpenDepartmentID != RootDepartmentID && d.ParentDepartmentID == nil {
		root := RootDepartmentID
		d.ParentDepartmentID = &root
	}
	return d
}

// DepartmentIDs returns the departments of a user, sorted.
func (u User) DepartmentIDs() []string {
	ids := make([]string, len(u.Placements))
	for i, p := range u.Placements {
		ids[i] = p.DepartmentID
	}
	return ids
}
