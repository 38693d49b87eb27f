package directory

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// State is what the records so far say about one entity.
type State struct {
	Key       Key
	fields    map[string]cell
	existence existence
}

// cell is one field: its canonical value (nil where it was cleared) and the
// record that set it.
type cell struct {
	value json.RawMessage
	stamp Stamp
}

// existence is a cell of its own: whether the entity is there, and since when.
type existence struct {
	known  bool
	reason Reason // ReasonNone while it exists
	stamp  Stamp
}

// NewState returns the state of an entity of which nothing has been heard.
func NewState(key Key) *State {
	return &State{Key: key, fields: map[string]cell{}}
}

// Clone returns a copy that shares nothing that Apply could change.
func (s *State) Clone() *State {
	c := *s
	c.fields = maps.Clone(s.fields)
	return &c
}

// Known reports whether any record said that the entity exists or existed.
func (s *State) Known() bool { return s.existence.known }

// Exists reports whether the entity is there.
func (s *State) Exists() bool { return s.existence.known && s.existence.reason == ReasonNone }

// Gone returns why and since when the entity is gone; the reason is empty
// while it exists.
func (s *State) Gone() (Reason, time.Time) {
	if !s.existence.known || s.existence.reason == ReasonNone {
		return ReasonNone, time.Time{}
	}
	return s.existence.reason, s.existence.stamp.Time
}

// Hint is a reason to read an entity again from Feishu.
type Hint string

// The hints.
const (
	HintTie         Hint = "tie"          // two values at one instant: the order is unknown
	HintUnknown     Hint = "unknown"      // an update of an entity that nobody announced
	HintAfterGoing  Hint = "after_going"  // something newer than its going was heard
	HintPlacement   Hint = "placement"    // the departments changed, and the event does not say to what
	HintIncomplete  Hint = "incomplete"   // the event lacks what only the API has
	HintLate        Hint = "late"         // it arrived over a minute after it happened
	HintBeforeSweep Hint = "before_sweep" // it is older than a sweep that already looked
	HintUndecodable Hint = "undecodable"  // part of it could not be read
)

// Effect is what applying one change did.
type Effect struct {
	// Version is set when something changed that history keeps.
	Version bool
	// Row is set when the current row changed, be it only in an ornament.
	Row bool
	// Touched is set when anything changed, be it only a stamp.
	Touched bool
	// Hints are sorted.
	Hints []Hint
}

// Apply folds one change into the state.
func (s *State) Apply(c Change) Effect {
	var e Effect
	hints := map[Hint]bool{}
	for _, h := range c.Hints {
		hints[h] = true
	}
	knownBefore := s.existence.known
	for _, f := range c.Fields {
		s.put(f, Stamp{Time: c.Time, Changed: f.Changed, EventID: c.EventID}, &e, hints)
	}
	if c.Claim != ClaimNone {
		s.exist(c, &e, hints)
	}
	if c.Claim == ClaimWeak && !knownBefore {
		hints[HintUnknown] = true
	}
	// Not for an answer of ours: it has just been asked for, and asking again
	// would say no more.
	if (c.Event || c.Claim == ClaimGone) && s.heardAfterGoing() {
		hints[HintAfterGoing] = true
	}
	e.Hints = slices.Sorted(maps.Keys(hints))
	return e
}

// put sets one field if the stamp is greater than the one it has.
func (s *State) put(f FieldChange, stamp Stamp, e *Effect, hints map[Hint]bool) {
	old, was := s.fields[f.Name]
	same := sameValue(f.Name, old.value, f.Value)
	if was && old.stamp.ties(stamp) && !same && old.stamp.EventID != stamp.EventID {
		hints[HintTie] = true
	}
	if was && !old.stamp.Less(stamp) {
		return
	}
	e.Touched = true
	s.fields[f.Name] = cell{value: f.Value, stamp: stamp}
	switch {
	case same && bytes.Equal(old.value, f.Value):
	case same || ornament(f.Name):
		e.Row = true // another URL of the same picture, a count: no version
	default:
		e.Row, e.Version = true, true
	}
}

// exist sets existence if the claim's stamp is greater than the one it has.
func (s *State) exist(c Change, e *Effect, hints map[Hint]bool) {
	stamp := Stamp{Time: c.Time, Changed: 1, EventID: c.EventID}
	if c.Claim == ClaimWeak {
		// Counts only where nothing else was heard: time zero loses to all.
		stamp = Stamp{Time: time.UnixMicro(0).UTC(), EventID: c.EventID}
	}
	old := s.existence
	if old.known && old.stamp.ties(stamp) && old.reason != c.Reason && old.stamp.EventID != stamp.EventID {
		hints[HintTie] = true
	}
	if old.known && !old.stamp.Less(stamp) {
		return
	}
	s.existence = existence{known: true, reason: c.Reason, stamp: stamp}
	e.Touched = true
	if !old.known || old.reason != c.Reason || (c.Reason != ReasonNone && !old.stamp.Time.Equal(stamp.Time)) {
		e.Row, e.Version = true, true
	}
}

// heardAfterGoing reports whether a gone entity has a field that is newer than
// its going: people are resurrected, and we do not know by which event.
func (s *State) heardAfterGoing() bool {
	if reason, at := s.Gone(); reason != ReasonNone {
		for name, f := range s.fields {
			if !ornament(name) && f.stamp.Time.After(at) {
				return true
			}
		}
	}
	return false
}

// value returns a field's canonical value, nil where it is not set.
func (s *State) value(name string) json.RawMessage { return s.fields[name].value }
