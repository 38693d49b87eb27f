package directory

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// State is what the records so far say about one entity.
type State struct {
	Key       Key
	fields    []cell // sorted by name
	existence existence
}

// cell is one field: its canonical value (nil where it was cleared) and the
// record that set it.
type cell struct {
	name  string
	value json.RawMessage
	stamp Stamp
}

// NewState returns the state of an entity of which nothing has been heard.
func NewState(key Key) *State { return &State{Key: key} }

// Clone returns a copy that shares nothing that Apply could change.
func (s *State) Clone() *State {
	c := *s
	c.fields = slices.Clone(s.fields)
	return &c
}

// Known reports whether any record said that the entity exists or existed.
func (s *State) Known() bool { return s.existence.known() }

// Exists reports whether the entity is there.
func (s *State) Exists() bool { return s.Known() && s.existence.last().reason == ReasonNone }

// Since returns when the entity came (as far as it is known: when it was last
// said to be there) or went, on Feishu's clock; long ago where nobody said when.
func (s *State) Since() time.Time { return s.existence.since() }

// Gone returns why and since when the entity is gone; the reason is empty
// while it exists.
func (s *State) Gone() (Reason, time.Time) {
	if !s.Known() || s.Exists() {
		return ReasonNone, time.Time{}
	}
	return s.existence.last().reason, s.existence.since()
}

// Newest returns when the newest of the records was made that set anything; the
// zero time where nothing was heard.
func (s *State) Newest() (newest time.Time) {
	for _, c := range s.fields {
		if c.stamp.Time.After(newest) {
			newest = c.stamp.Time
		}
	}
	for _, c := range s.existence {
		if c.stamp.Time.After(newest) {
			newest = c.stamp.Time
		}
	}
	return newest
}

// Apply folds one change into the state.
func (s *State) Apply(c Change) Effect {
	e := Effect{Hints: slices.Clone(c.Hints)}
	known, under := s.Known(), HangsOn(s)
	for _, f := range c.Fields {
		s.put(f, Stamp{Time: c.Time, Changed: f.Changed, EventID: c.EventID}, &e)
	}
	if c.Claim != ClaimNone {
		s.exist(c, &e)
	}
	// A deleted department is known to nobody any more; who left still is.
	if !known && (c.Claim == ClaimWeak || c.Claim == ClaimGone && c.Event && s.Key.Kind == KindUser) {
		e.hint(HintUnknown)
	}
	if slices.ContainsFunc(c.Shown, func(name string) bool { return s.value(name) == nil }) {
		e.hint(HintIncomplete)
	}
	// Not for an answer of ours: it has just been asked for, and asking again
	// would say no more.
	if (c.Event || c.Claim == ClaimGone) && s.heardAfterGoing() {
		e.hint(HintAfterGoing)
	}
	if c.Event && s.Exists() && HangsOn(s) != under {
		e.hint(HintSubtree)
	}
	e.Hints = sortHints(e.Hints)
	return e
}

// HangsOn says where in the tree a department is: another answer means that it
// came or moved. It is empty for one that does not exist, and for other kinds.
func HangsOn(s *State) string {
	if s.Key.Kind != KindDepartment || !s.Exists() {
		return ""
	}
	return "under " + string(s.value(fieldParent))
}

// put sets one field if the stamp is greater than the one it has.
func (s *State) put(f FieldChange, stamp Stamp, e *Effect) {
	i, was := s.find(f.Name)
	if !was {
		s.fields = slices.Insert(s.fields, i, cell{name: f.Name, value: f.Value, stamp: stamp})
		e.Touched = true
		if f.Value != nil {
			e.changed(f.Name, true)
		}
		return
	}
	old := &s.fields[i]
	order := old.stamp.Compare(stamp)
	if order == 0 {
		return // the same record again
	}
	equal := bytes.Equal(old.value, f.Value)
	same := equal || f.Name == fieldAvatar && sameAvatar(old.value, f.Value)
	if !same && doubtful(*old, cell{value: f.Value, stamp: stamp}) {
		e.hint(HintTie)
	}
	if order > 0 {
		return
	}
	old.value, old.stamp = f.Value, stamp
	e.Touched = true
	if !equal {
		e.changed(f.Name, !same)
	}
}

// doubtful reports whether nobody can tell which of two values is newer. They
// tie; or, at one instant, one record names the field as cleared and another
// shows it set without naming it, which may be how it was before, or a field
// set for the first time, which old_object need not name.
func doubtful(a, b cell) bool {
	if a.stamp.Changed > b.stamp.Changed {
		a, b = b, a
	}
	return a.stamp.ties(b.stamp) || a.stamp.Time.Equal(b.stamp.Time) && a.value != nil && b.value == nil && a.stamp.EventID != b.stamp.EventID
}

// exist adds what a change says about existence.
func (s *State) exist(c Change, e *Effect) {
	claim := claim{reason: c.Reason, went: c.Went, stamp: Stamp{Time: c.Time, Changed: 1, EventID: c.EventID}}
	if c.Claim == ClaimWeak {
		// Counts only where nothing else was heard: time zero loses to all.
		claim.stamp = Stamp{Time: time.UnixMicro(0).UTC(), EventID: c.EventID}
	}
	if s.existence.contradicts(claim) {
		e.hint(HintTie)
	}
	known := s.Known()
	reason, at := s.Gone()
	after, touched := s.existence.with(claim)
	if !touched {
		return
	}
	s.existence = after
	e.Touched = true
	if newReason, newAt := s.Gone(); !known || reason != newReason || !at.Equal(newAt) {
		e.version()
	}
}

// heardAfterGoing reports whether a gone entity has a field that is newer than
// its going, or as new and of a record that says nothing of going: people are
// resurrected, and we do not know by which event.
func (s *State) heardAfterGoing() bool {
	if !s.Known() || s.Exists() {
		return false
	}
	gone := s.existence.last().stamp.Time
	return slices.ContainsFunc(s.fields, func(c cell) bool {
		return !ornament(c.name) && !c.stamp.Time.Before(gone) && !s.existence.saidBy(c.stamp)
	})
}

func (s *State) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.fields, name, func(c cell, name string) int { return strings.Compare(c.name, name) })
}

// value returns a field's canonical value, nil where it is not set.
func (s *State) value(name string) json.RawMessage {
	if i, was := s.find(name); was {
		return s.fields[i].value
	}
	return nil
}
