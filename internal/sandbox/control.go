package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kind is what a control is about.
type Kind string

// The kinds of things that have fields.
const (
	KindUser       Kind = "user"
	KindDepartment Kind = "department"
	KindTenant     Kind = "tenant"

	kindRange        Kind = "range"
	kindEmployeeType Kind = "employee_type"
	kindCustomAttr   Kind = "custom_attr"
)

// valid tells whether fields of the kind can be hidden and overridden.
func (k Kind) valid() bool { return k == KindUser || k == KindDepartment || k == KindTenant }

type (
	rawJSON = json.RawMessage
	// entityKey is an entity by its kind and open id.
	entityKey struct {
		kind Kind
		id   string
	}
)

// ErrUnknown is returned by the controls for what does not exist: an entity,
// an endpoint, a kind.
var ErrUnknown = errors.New("unknown")

func errUnknown(what, id string) error { return fmt.Errorf("%s %q: %w", what, id, ErrUnknown) }

// HideField leaves a field out of every entity of a kind, as if the app had
// lost the permission for it. Field is a key of the contact API's answers, or
// "leaders.leaderID". Hiding user_id also refuses user_id_type=user_id and
// empties the people of contact/v3/scopes, as Feishu does.
func (s *Server) HideField(kind Kind, field string) error {
	if !kind.valid() {
		return errUnknown("kind", string(kind))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden[kind] == nil {
		s.hidden[kind] = map[string]bool{}
	}
	s.hidden[kind][field] = true
	s.hideFromApps()
	return nil
}

// ShowField undoes HideField.
func (s *Server) ShowField(kind Kind, field string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hidden[kind], field)
	s.hideFromApps()
}

func (s *Server) hideFromApps() {
	for _, a := range s.apps {
		a.hideFields(s.hidden)
	}
}

// HiddenFields lists what HideField has hidden.
func (s *Server) HiddenFields() map[Kind][]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := map[Kind][]string{}
	for kind, fields := range s.hidden {
		if len(fields) > 0 {
			out[kind] = slices.Sorted(maps.Keys(fields))
		}
	}
	return out
}

// OverrideField puts raw JSON, of whatever type, in the place of one field of
// one entity, in every answer. The entity itself and Truth do not change. The
// tenant's id is empty.
func (s *Server) OverrideField(kind Kind, openID, field string, raw json.RawMessage) error {
	if !kind.valid() {
		return errUnknown("kind", string(kind))
	}
	if !json.Valid(raw) {
		return fmt.Errorf("override %s of a %s: not JSON", field, kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case kind == KindUser && s.org.users[openID] == nil,
		kind == KindDepartment && s.org.departments[openID] == nil:
		return errUnknown(string(kind), openID)
	}
	key := entityKey{kind, openID}
	if s.overrides[key] == nil {
		s.overrides[key] = map[string]rawJSON{}
	}
	s.overrides[key][field] = slices.Clone(raw)
	return nil
}

// ClearOverrides undoes all calls of OverrideField.
func (s *Server) ClearOverrides() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.overrides)
}

// RevokePermission makes an endpoint answer 99991672, naming the permissions
// that would allow it.
func (s *Server) RevokePermission(endpoint string) error {
	e := s.endpoint(endpoint)
	if e == nil || e.open {
		return errUnknown("endpoint", endpoint)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[endpoint] = true
	return nil
}

// GrantPermission undoes RevokePermission.
func (s *Server) GrantPermission(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.revoked, endpoint)
}

// SetRateLimits turns the rate limits on or off.
func (s *Server) SetRateLimits(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rateLimits = on
}

// SetBigDepartment sets how many descendants a department may have before a
// recursive listing of it is refused with 43010; 0 refuses none.
func (s *Server) SetBigDepartment(descendants int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bigDepartment = descendants
}

// SetClockSkew makes the service's clock wrong by some time: in its Date header,
// and in the times that it puts into tokens and events.
func (s *Server) SetClockSkew(skew time.Duration) { s.skew.Store(int64(skew)) }

// ExpireTokens ends all access tokens. The next token request makes a new one.
func (s *Server) ExpireTokens() { s.tokens.expireAll() }

// Stats tells what each endpoint has seen, by its name; calls to no endpoint
// are counted as "other". Endpoints that were never called are left out.
func (s *Server) Stats() map[string]EndpointStats {
	out := map[string]EndpointStats{}
	for _, e := range s.endpoints {
		if stats := e.meter.snapshot(); stats.Calls > 0 {
			out[e.name] = stats
		}
	}
	if stats := s.other.snapshot(); stats.Calls > 0 {
		out[unrouted] = stats
	}
	return out
}

// ResetStats starts all counting anew. The rate limits do not forget.
func (s *Server) ResetStats() {
	for _, e := range s.endpoints {
		e.meter.reset()
	}
	s.other.reset()
}

func (s *Server) endpoint(name string) *endpoint {
	for _, e := range s.endpoints {
		if e.name == name {
			return e
		}
	}
	return nil
}

// Endpoints lists the names of everything that the service answers.
func (s *Server) Endpoints() []string {
	names := make([]string, len(s.endpoints))
	for i, e := range s.endpoints {
		names[i] = e.name
	}
	return names
}
