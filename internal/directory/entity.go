package directory

import (
	"cmp"
	"strings"
	"time"
)

// Kind names a sort of entity. The words are Feishu's.
type Kind string

// The kinds that the fold knows.
const (
	KindUser       Kind = "user"       // keyed by open_id
	KindDepartment Kind = "department" // keyed by open_department_id

	KindEmployeeType      Kind = "employee_type"       // keyed by enum_id
	KindCustomAttribute   Kind = "custom_attribute"    // a definition, keyed by id
	KindCustomAttrSetting Kind = "custom_attr_setting" // one a company; see CustomAttrSettingID

	// What has a list and no events; see link.go for those that join others.
	KindGroup          Kind = "group"           // keyed by what paths call group_id, and objects id
	KindGroupMember    Kind = "group_member"    // group_id/member_type/member_id
	KindUnit           Kind = "unit"            // keyed by unit_id
	KindUnitDepartment Kind = "unit_department" // unit_id/open_department_id
	KindScopeNode      Kind = "scope_node"      // of what the app may see: node_type/node_id

	// KindScope is of the events that tell that the app's range changed. They fold
	// into nothing, and ask for a sweep.
	KindScope Kind = "scope"

	KindSweep Kind = "sweep" // keyed by the sweep's id; folded by its own two records
)

// RootDepartmentID is the key of the root department in every tenant and in
// both of Feishu's department id kinds.
const RootDepartmentID = "0"

// Key identifies an entity. open_id and open_department_id never change;
// user_id and department_id do, and are reused, so they are fields, not keys.
type Key struct {
	TenantKey string
	Kind      Kind
	ID        string
}

// Reason says why an entity is gone.
type Reason string

// The reasons. The empty reason belongs to an entity that exists.
const (
	ReasonNone       Reason = ""
	ReasonResigned   Reason = "RESIGNED"     // the person left
	ReasonDeleted    Reason = "DELETED"      // Feishu knows the id no more
	ReasonOutOfRange Reason = "OUT_OF_RANGE" // it exists, but the app may not see it
)

// Stamp orders what records say about one field: the greater stamp wins,
// whichever came first. Changed is 1 where the record says that the field
// changed (or saw it with its own eyes), 0 where it only carries it along.
type Stamp struct {
	Time    time.Time
	Changed int
	EventID string
}

// Compare is negative where s loses against o.
func (s Stamp) Compare(o Stamp) int {
	return cmp.Or(s.Time.Compare(o.Time), cmp.Compare(s.Changed, o.Changed), strings.Compare(s.EventID, o.EventID))
}

// Less reports whether s loses against o.
func (s Stamp) Less(o Stamp) bool { return s.Compare(o) < 0 }

// ties reports whether s and o are of two records and differ in nothing else,
// which says nothing about which of two values is newer.
func (s Stamp) ties(o Stamp) bool {
	return s.Time.Equal(o.Time) && s.Changed == o.Changed && s.EventID != o.EventID
}
