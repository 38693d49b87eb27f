package projector

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// The rows below are sent as JSON and unfolded by jsonb_populate_recordset into
// the type of their table, so their tags are the tables' columns. One struct
// serves directory and history: columns that a table lacks are left out there.

// ages are the columns of a version.
type ages struct {
	FromPosition directory.Position `json:"from_position"`
	ToPosition   directory.Position `json:"to_position"`
	ValidFrom    string             `json:"valid_from"`
	ValidTo      string             `json:"valid_to"`
}

func (s span) ages() ages {
	a := ages{FromPosition: s.from, ToPosition: s.to, ValidFrom: timestamp(s.validFrom), ValidTo: "infinity"}
	if !s.validTo.IsZero() {
		a.ValidTo = timestamp(s.validTo)
	}
	return a
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

type userRow struct {
	TenantKey               string             `json:"tenant_key"`
	OpenID                  string             `json:"open_id"`
	UnionID                 *string            `json:"union_id"`
	UserID                  *string            `json:"user_id"`
	Name                    *string            `json:"name"`
	EnName                  *string            `json:"en_name"`
	Nickname                *string            `json:"nickname"`
	Email                   *string            `json:"email"`
	EnterpriseEmail         *string            `json:"enterprise_email"`
	Mobile                  *string            `json:"mobile"`
	MobileVisible           *bool              `json:"mobile_visible"`
	Gender                  *int64             `json:"gender"`
	Avatar                  json.RawMessage    `json:"avatar"`
	IsFrozen                *bool              `json:"is_frozen"`
	IsResigned              *bool              `json:"is_resigned"`
	IsActivated             *bool              `json:"is_activated"`
	IsExited                *bool              `json:"is_exited"`
	IsUnjoin                *bool              `json:"is_unjoin"`
	DepartmentIDs           []string           `json:"department_ids"`
	LeaderUserID            *string            `json:"leader_user_id"`
	City                    *string            `json:"city"`
	Country                 *string            `json:"country"`
	WorkStation             *string            `json:"work_station"`
	JoinTime                *time.Time         `json:"join_time"`
	IsTenantManager         *bool              `json:"is_tenant_manager"`
	EmployeeNo              *string            `json:"employee_no"`
	EmployeeType            *int64             `json:"employee_type"`
	JobTitle                *string            `json:"job_title"`
	JobLevelID              *string            `json:"job_level_id"`
	JobFamilyID             *string            `json:"job_family_id"`
	Geo                     *string            `json:"geo"`
	Description             *string            `json:"description"`
	DottedLineLeaderUserIDs []string           `json:"dotted_line_leader_user_ids"`
	CustomAttrs             json.RawMessage    `json:"custom_attrs"`
	Attributes              json.RawMessage    `json:"attributes"`
	RemovedAt               *time.Time         `json:"removed_at"`
	RemovedReason           *directory.Reason  `json:"removed_reason"`
	Position                directory.Position `json:"position"`
	*ages
}

func newUserRow(tenantKey string, u directory.User) userRow {
	r := userRow{
		TenantKey: tenantKey, OpenID: u.OpenID, UnionID: u.UnionID, UserID: u.UserID,
		Name: u.Name, EnName: u.EnName, Nickname: u.Nickname,
		Email: u.Email, EnterpriseEmail: u.EnterpriseEmail, Mobile: u.Mobile, MobileVisible: u.MobileVisible,
		Gender: u.Gender, Avatar: u.Avatar,
		IsFrozen: u.IsFrozen, IsResigned: u.IsResigned, IsActivated: u.IsActivated, IsExited: u.IsExited, IsUnjoin: u.IsUnjoin,
		LeaderUserID: u.LeaderUserID, City: u.City, Country: u.Country, WorkStation: u.WorkStation,
		JoinTime: u.JoinTime, IsTenantManager: u.IsTenantManager,
		EmployeeNo: u.EmployeeNo, EmployeeType: u.EmployeeType, JobTitle: u.JobTitle,
		JobLevelID: u.JobLevelID, JobFamilyID: u.JobFamilyID, Geo: u.Geo, Description: u.Description,
		DottedLineLeaderUserIDs: u.DottedLineLeaderUserIDs, CustomAttrs: u.CustomAttrs,
		Attributes: u.Attributes,
	}
	if u.Placements != nil {
		r.DepartmentIDs = u.DepartmentIDs()
	}
	r.RemovedAt, r.RemovedReason = removed(u.Life)
	return r
}

func removed(l directory.Life) (*time.Time, *directory.Reason) {
	if l.RemovedAt == nil {
		return nil, nil
	}
	return l.RemovedAt, &l.RemovedReason
}

type departmentRow struct {
	TenantKey              string             `json:"tenant_key"`
	OpenDepartmentID       string             `json:"open_department_id"`
	DepartmentID           *string            `json:"department_id"`
	Name                   *string            `json:"name"`
	I18nName               json.RawMessage    `json:"i18n_name"`
	ParentDepartmentID     *string            `json:"parent_department_id"`
	LeaderUserID           *string            `json:"leader_user_id"`
	ChatID                 *string            `json:"chat_id"`
	Order                  *string            `json:"order"`
	OrderNumber            *string            `json:"order_number"`
	UnitIDs                []string           `json:"unit_ids"`
	DepartmentHRBPs        []string           `json:"department_hrbps"`
	GroupChatEmployeeTypes []int64            `json:"group_chat_employee_types"`
	MemberCount            *int64             `json:"member_count"`
	PrimaryMemberCount     *int64             `json:"primary_member_count"`
	Path                   string             `json:"path"`
	Depth                  int                `json:"depth"`
	Attributes             json.RawMessage    `json:"attributes"`
	RemovedAt              *time.Time         `json:"removed_at"`
	RemovedReason          *directory.Reason  `json:"removed_reason"`
	Position               directory.Position `json:"position"`
	*ages
}

// decimal is what "order" must look like to be sorted as a number.
var decimal = regexp.MustCompile(`^-?[0-9]{1,40}$`)

func newDepartmentRow(tenantKey string, d directory.Department, place directory.Place) departmentRow {
	r := departmentRow{
		TenantKey: tenantKey, OpenDepartmentID: d.OpenDepartmentID, DepartmentID: d.DepartmentID,
		Name: d.Name, I18nName: d.I18nName, ParentDepartmentID: d.ParentDepartmentID,
		LeaderUserID: d.LeaderUserID, ChatID: d.ChatID, Order: d.Order,
		UnitIDs: d.UnitIDs, DepartmentHRBPs: d.DepartmentHRBPs, GroupChatEmployeeTypes: d.GroupChatEmployeeTypes,
		MemberCount: d.MemberCount, PrimaryMemberCount: d.PrimaryMemberCount,
		Path: place.Path, Depth: place.Depth,
		Attributes: d.Attributes,
	}
	if d.Order != nil && decimal.MatchString(*d.Order) {
		r.OrderNumber = d.Order
	}
	r.RemovedAt, r.RemovedReason = removed(d.Life)
	return r
}

type membershipRow struct {
	TenantKey        string             `json:"tenant_key"`
	OpenDepartmentID string             `json:"open_department_id"`
	OpenID           string             `json:"open_id"`
	IsPrimaryDept    bool               `json:"is_primary_dept"`
	UserOrder        *int64             `json:"user_order"`
	DepartmentOrder  *int64             `json:"department_order"`
	Position         directory.Position `json:"position"`
	*ages
}

func newMembershipRow(user directory.Key, department string, e edge) membershipRow {
	r := membershipRow{TenantKey: user.TenantKey, OpenDepartmentID: department, OpenID: user.ID, IsPrimaryDept: e.primary}
	if e.userKnown {
		r.UserOrder = &e.userOrder
	}
	if e.departmentKnown {
		r.DepartmentOrder = &e.departmentOrder
	}
	return r
}

type leaderRow struct {
	TenantKey        string             `json:"tenant_key"`
	OpenDepartmentID string             `json:"open_department_id"`
	OpenID           string             `json:"open_id"`
	LeaderType       int64              `json:"leader_type"`
	Position         directory.Position `json:"position"`
	*ages
}

func newLeaderRow(department directory.Key, leader string, e edge) leaderRow {
	return leaderRow{TenantKey: department.TenantKey, OpenDepartmentID: department.ID, OpenID: leader, LeaderType: e.leaderType}
}

// endingRow closes an open row of history. Department is empty for users,
// User for departments.
type endingRow struct {
	TenantKey        string             `json:"tenant_key"`
	OpenDepartmentID string             `json:"open_department_id"`
	OpenID           string             `json:"open_id"`
	ToPosition       directory.Position `json:"to_position"`
	ValidTo          string             `json:"valid_to"`
}

type placeRow struct {
	TenantKey        string `json:"tenant_key"`
	OpenDepartmentID string `json:"open_department_id"`
	Path             string `json:"path"`
	Depth            int    `json:"depth"`
}

type sweepRow struct {
	TenantKey   string             `json:"tenant_key"`
	SweepID     string             `json:"sweep_id"`
	StartedAt   time.Time          `json:"started_at"`
	CompletedAt *time.Time         `json:"completed_at"`
	Position    directory.Position `json:"position"`
}

func newSweepRow(position directory.Position, s directory.SweepMark) sweepRow {
	r := sweepRow{TenantKey: s.TenantKey, SweepID: s.SweepID, StartedAt: s.StartedAt, Position: position}
	if !s.CompletedAt.IsZero() {
		r.CompletedAt = &s.CompletedAt
	}
	return r
}

type parkedRow struct {
	Position   directory.Position `json:"position"`
	TenantKey  string             `json:"tenant_key"`
	EntityKind directory.Kind     `json:"entity_kind"`
	EntityID   string             `json:"entity_id"`
	Field      string             `json:"field"`
	Error      string             `json:"error"`
}

type delayRow struct {
	TenantKey  string         `json:"tenant_key"`
	EntityKind directory.Kind `json:"entity_kind"`
	EntityID   string         `json:"entity_id"`
	NotBefore  time.Time      `json:"not_before"`
}

type sweepRequestRow struct {
	TenantKey string                `json:"tenant_key"`
	Reason    directory.SweepReason `json:"reason"`
	NotBefore time.Time             `json:"not_before"`
	Position  directory.Position    `json:"position"`
}

type rereadRow struct {
	TenantKey  string             `json:"tenant_key"`
	EntityKind directory.Kind     `json:"entity_kind"`
	EntityID   string             `json:"entity_id"`
	Reasons    []directory.Hint   `json:"reasons"`
	NotBefore  time.Time          `json:"not_before"`
	Position   directory.Position `json:"position"`
}
