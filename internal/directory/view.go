package directory

import (
	"encoding/json"
	"slices"
	"strings"
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

// Life is what both have: everything that is set, and whether they are there.
type Life struct {
	// Attributes holds every field that is set, in Feishu's form, ornaments
	// left out.
	Attributes    json.RawMessage
	RemovedAt     *time.Time // nil while it exists
	RemovedReason Reason
}

// UserOf shows a user's state.
func UserOf(s *State) User {
	v := viewer{s}
	u := User{
		OpenID:  s.Key.ID,
		UnionID: v.text("union_id"), UserID: v.text("user_id"),
		Name: v.text(fieldName), EnName: v.text("en_name"), Nickname: v.text("nickname"),
		Email: v.text("email"), EnterpriseEmail: v.text("enterprise_email"), Mobile: v.text("mobile"),
		MobileVisible: v.boolean("mobile_visible"), Gender: v.integer("gender"), Avatar: s.value(fieldAvatar),
		IsFrozen: v.boolean("status.is_frozen"), IsResigned: v.goneFlag(),
		IsActivated: v.boolean("status.is_activated"), IsExited: v.boolean("status.is_exited"), IsUnjoin: v.boolean("status.is_unjoin"),
		LeaderUserID: v.text("leader_user_id"),
		City:         v.text("city"), Country: v.text("country"), WorkStation: v.text("work_station"),
		IsTenantManager: v.boolean("is_tenant_manager"),
		EmployeeNo:      v.text("employee_no"), EmployeeType: v.integer("employee_type"), JobTitle: v.text("job_title"),
		JobLevelID: v.text("job_level_id"), JobFamilyID: v.text("job_family_id"),
		Geo: v.text("geo"), Description: v.text("description"),
		CustomAttrs: v.customAttrs(),
		Life:        v.life(),
	}
	v.into("dotted_line_leader_user_ids", &u.DottedLineLeaderUserIDs)
	v.into(fieldPlacement, &u.Placements)
	if seconds := v.integer("join_time"); seconds != nil {
		t := time.Unix(*seconds, 0).UTC()
		u.JoinTime = &t
	}
	return u
}

// DepartmentOf shows a department's state.
func DepartmentOf(s *State) Department {
	v := viewer{s}
	d := Department{
		OpenDepartmentID: s.Key.ID,
		DepartmentID:     v.text("department_id"), Name: v.text(fieldName), I18nName: s.value("i18n_name"),
		ParentDepartmentID: v.text(fieldParent), LeaderUserID: v.text("leader_user_id"), ChatID: v.text("chat_id"),
		Order:       v.text("order"),
		MemberCount: v.integer(fieldMembers), PrimaryMemberCount: v.integer(fieldPrimary),
		Life: v.life(),
	}
	v.into("unit_ids", &d.UnitIDs)
	v.into("leaders", &d.Leaders)
	v.into("department_hrbps", &d.DepartmentHRBPs)
	v.into("group_chat_employee_types", &d.GroupChatEmployeeTypes)
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

// viewer reads canonical values; they have the type of their field's rule.
type viewer struct{ s *State }

func (v viewer) into(field string, target any) {
	if raw := v.s.value(field); raw != nil {
		_ = json.Unmarshal(raw, target) // canonical: written by the rule of this field
	}
}

func (v viewer) text(field string) (t *string) {
	v.into(field, &t)
	return t
}

func (v viewer) boolean(field string) (b *bool) {
	v.into(field, &b)
	return b
}

func (v viewer) integer(field string) (n *int64) {
	v.into(field, &n)
	return n
}

// goneFlag is the flag that says "gone", unless a newer record says that the
// entity is there: without the permission for status nothing else resets it.
func (v viewer) goneFlag() *bool {
	field := goneFlag[v.s.Key.Kind].field
	set := v.boolean(field)
	if set != nil && *set && v.s.Exists() && v.s.fields[field].stamp.Less(v.s.existence.stamp) {
		return nil
	}
	return set
}

func (v viewer) life() Life {
	l := Life{Attributes: v.attributes()}
	if reason, at := v.s.Gone(); reason != ReasonNone {
		l.RemovedAt, l.RemovedReason = &at, reason
	}
	return l
}

// customAttrs joins what customAttrs in placement.go split.
func (v viewer) customAttrs() json.RawMessage {
	var all []any
	for _, field := range []string{fieldCustomAttrs, fieldGenericUsers} {
		var attrs any
		if raw := v.s.value(field); raw != nil && decodeNumbers(raw, &attrs) == nil {
			if items, ok := attrs.([]any); ok {
				all = append(all, items...)
			}
		}
	}
	return encodeAttrs(all)
}

// attributes puts the fields together in Feishu's form.
func (v viewer) attributes() json.RawMessage {
	out := map[string]any{}
	status := map[string]any{}
	for name, f := range v.s.fields {
		flag, isFlag := strings.CutPrefix(name, fieldStatus+".")
		switch {
		case f.value == nil || ornament(name) || name == fieldGenericUsers:
		case isFlag:
			status[flag] = f.value
		case name == fieldPlacement:
			var placements []Placement
			v.into(name, &placements)
			ids := User{Placements: placements}.DepartmentIDs()
			out[fieldDeptIDs] = ids
			if !slices.ContainsFunc(placements, func(p Placement) bool { return p.DepartmentOrder == nil && p.UserOrder == nil }) {
				out[fieldOrders] = f.value
			}
		default:
			out[name] = f.value
		}
	}
	if attrs := v.customAttrs(); attrs != nil {
		out[fieldCustomAttrs] = attrs
	}
	if gone := strings.TrimPrefix(goneFlag[v.s.Key.Kind].field, fieldStatus+"."); v.goneFlag() == nil {
		delete(status, gone)
	}
	if len(status) > 0 {
		out[fieldStatus] = status
	}
	return encode(out)
}
