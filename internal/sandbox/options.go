package sandbox

import "github.com/orgmirror/orgmirror/internal/sandbox/push"

// Options are behaviours of Feishu's that no document confirms. The zero value
// is the choice that a careful client has to cope with, or that documents make
// likely; PATCH /options changes them while the sandbox runs.
type Options struct {
	// ListResigned lets find_by_department and the historic user list show people
	// who resigned; their status says so.
	ListResigned bool `json:"list_resigned"`
	// UniqueDepartmentNames is where a department's name must be the only one:
	// among its siblings (the zero value), in the whole tenant, or nowhere.
	UniqueDepartmentNames NameScope `json:"unique_department_names"`
	// RepeatedDelete lets a person be deleted again; else that is 41050.
	RepeatedDelete bool `json:"repeated_delete"`
	// RefuseUnjoined answers 44010 to a PATCH or PUT of somebody who has not
	// joined yet, as everybody is who was just created.
	RefuseUnjoined bool `json:"refuse_unjoined"`
	// DeletionSeconds is how long a resignation goes on: until then nobody can be
	// taken back (44034).
	DeletionSeconds int `json:"deletion_seconds"`
	// SilentOwnWrites sends an app no event for what its own calls changed.
	SilentOwnWrites bool `json:"silent_own_writes"`
	// FollowUpEvents sends events for what a resignation does to others: leaders
	// taken away from people and departments.
	FollowUpEvents bool `json:"follow_up_events"`
	// KeepBoundUnits refuses (43057) to delete a unit to which departments are
	// bound. They are bound to none then, where it is false.
	KeepBoundUnits bool `json:"keep_bound_units"`

	EventOptions
}

// NameScope is where a name must be unique.
type NameScope string

// The scopes of Options.UniqueDepartmentNames.
const (
	NamesUniqueAmongSiblings NameScope = ""
	NamesUniqueInTenant      NameScope = "tenant"
	NamesRepeat              NameScope = "none"
)

// SetOptions lets change work on the options.
func (s *Server) SetOptions(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.options)
	s.hub.Change(func(_ *push.Settings, b *push.Behaviour) { *b = s.options.DeliveryBehaviour })
}

// Options tells how the unconfirmed behaviours are set.
func (s *Server) Options() Options {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.options
}
