package sandbox

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
	// SilentOwnWrites sends an app no event for what its own calls changed.
	SilentOwnWrites bool `json:"silent_own_writes"`
	// FollowUpEvents sends events for what a resignation does to others: leaders
	// taken away from people and departments.
	FollowUpEvents bool `json:"follow_up_events"`
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
}

// Options tells how the unconfirmed behaviours are set.
func (s *Server) Options() Options {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.options
}
