package sandbox

import (
	"encoding"
	"fmt"
	"slices"

	"github.com/orgmirror/orgmirror/internal/sandbox/push"
)

// DeliveryBehaviour is the part of EventOptions that is about delivery.
type DeliveryBehaviour = push.Behaviour

// EventOptions are behaviours of Feishu's events that no document confirms. The
// zero value tells less rather than more.
type EventOptions struct {
	DeliveryBehaviour

	// DepartmentIDsInObject puts department_ids into object when a person came or
	// changed. Without it they are in orders and, when they change, in old_object.
	DepartmentIDsInObject bool `json:"department_ids_in_object"`
	// EmptyFields carries a field without a value as "", [] or 0, instead of
	// leaving it out.
	EmptyFields bool `json:"empty_fields"`
	// FullOldStatus puts all flags into old_object.status, instead of those that
	// changed.
	FullOldStatus bool `json:"full_old_status"`
	// ChangedItemsOnly puts only the items that changed into orders and
	// custom_attrs of old_object, instead of the whole lists.
	ChangedItemsOnly bool `json:"changed_items_only"`
	// FullOldDepartment puts all fields into old_object when a department
	// changed, instead of those that did.
	FullOldDepartment bool `json:"full_old_department"`
	// DeletedFlags says is_resigned and is_deleted in the object of who or what is
	// gone. Without it the flags are false there.
	DeletedFlags bool `json:"deleted_flags"`
	// ResurrectEvent is how apps are told of a person who comes back.
	ResurrectEvent ResurrectEvent `json:"resurrect_event"`
	// UpdatedOnResign sends an updated event before the deleted one.
	UpdatedOnResign bool `json:"updated_on_resign"`
	// RootParent is how a first-level department names its parent.
	RootParent RootParent `json:"root_parent"`
	// MovesAcrossRange is what happens when somebody comes into an app's range, or
	// leaves it, by a move.
	MovesAcrossRange MovesAcrossRange `json:"moves_across_range"`
	// RangeEvents sends created and deleted events for whom a new range of the app
	// shows or hides.
	RangeEvents bool `json:"range_events"`
	// UnreadableChanges sends an event, with an empty old_object, for a change of
	// fields that the app may not read.
	UnreadableChanges bool `json:"unreadable_changes"`
	// UncarriedChanges sends such an event for a change of what events never
	// carry: a department's names in other languages and units, a person's
	// description.
	UncarriedChanges bool `json:"uncarried_changes"`
	// SilentChatUnbinding sends nothing when a department's chat is unbound.
	SilentChatUnbinding bool `json:"silent_chat_unbinding"`
	// SiblingEvents sends an event, with an empty old_object, for each department
	// that another one passes in their parent's order.
	SiblingEvents bool `json:"sibling_events"`
	// ExtraFields carries what SDKs know and no page lists: mobile_visible,
	// is_tenant_manager, unit_ids.
	ExtraFields bool `json:"extra_fields"`
	// DottedLineUserIDs names dotted-line leaders by user_id, not by open_id.
	DottedLineUserIDs bool `json:"dotted_line_user_ids"`
	// CountryNames carries a country's Chinese name, not its code.
	CountryNames bool `json:"country_names"`
	// CustomParentInScope names parents in contact.scope.updated_v3 by their
	// department_id, not by open_department_id.
	CustomParentInScope bool `json:"custom_parent_in_scope"`
	// AffectedFieldKeys puts only the fields that came and went into
	// contact_field_key, instead of all there are.
	AffectedFieldKeys bool `json:"affected_field_keys"`
	// OneEmployeeTypeEvent sends one event, that of the status, where both the
	// text and the status of an employee type change, instead of two.
	OneEmployeeTypeEvent bool `json:"one_employee_type_event"`
	// SharedEventIDs gives one change the same event_id in every app.
	SharedEventIDs bool `json:"shared_event_ids"`
	// ObjectAsPushed shows the entity as it is when the event is pushed, and pushed
	// again, instead of as the change left it.
	ObjectAsPushed bool `json:"object_as_pushed"`
	// OrderedEvents makes the next event wait until the one before is delivered or
	// lost.
	OrderedEvents bool `json:"ordered_events"`
}

// ResurrectEvent is a value of EventOptions.ResurrectEvent.
type ResurrectEvent string

// The values of EventOptions.ResurrectEvent.
const (
	ResurrectSilently  ResurrectEvent = ""
	ResurrectAsCreated ResurrectEvent = "created"
	ResurrectAsUpdated ResurrectEvent = "updated"
)

// RootParent is a value of EventOptions.RootParent.
type RootParent string

// The values of EventOptions.RootParent.
const (
	RootParentZero   RootParent = "" // "0"
	RootParentEmpty  RootParent = "empty"
	RootParentAbsent RootParent = "absent"
)

// MovesAcrossRange is a value of EventOptions.MovesAcrossRange.
type MovesAcrossRange string

// The values of EventOptions.MovesAcrossRange.
const (
	MovesAreUpdates   MovesAcrossRange = ""
	MovesAreSilent    MovesAcrossRange = "none"
	MovesComeAndLeave MovesAcrossRange = "created_deleted"
)

var _ = []encoding.TextUnmarshaler{new(ResurrectEvent), new(RootParent), new(MovesAcrossRange)}

// UnmarshalText refuses what is no value.
func (r *ResurrectEvent) UnmarshalText(text []byte) error {
	return oneOf(r, text, ResurrectSilently, ResurrectAsCreated, ResurrectAsUpdated)
}

// UnmarshalText refuses what is no value.
func (r *RootParent) UnmarshalText(text []byte) error {
	return oneOf(r, text, RootParentZero, RootParentEmpty, RootParentAbsent)
}

// UnmarshalText refuses what is no value.
func (m *MovesAcrossRange) UnmarshalText(text []byte) error {
	return oneOf(m, text, MovesAreUpdates, MovesAreSilent, MovesComeAndLeave)
}

func oneOf[T ~string](into *T, text []byte, allowed ...T) error {
	if !slices.Contains(allowed, T(text)) {
		return fmt.Errorf("%q is none of %q", text, allowed)
	}
	*into = T(text)
	return nil
}
