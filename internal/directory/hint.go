package directory

import "slices"

// Hint is a reason to read an entity again from Feishu.
type Hint string

// The hints.
const (
	HintTie         Hint = "tie"          // two values at one instant: the order is unknown
	HintUnknown     Hint = "unknown"      // an event of an entity that nobody announced
	HintAfterGoing  Hint = "after_going"  // something newer than its going was heard
	HintPlacement   Hint = "placement"    // the departments changed, and the event does not say all of it
	HintIncomplete  Hint = "incomplete"   // the event lacks what only the API has
	HintLate        Hint = "late"         // it arrived over a minute after it happened
	HintBeforeSweep Hint = "before_sweep" // it is older than a sweep that already looked
	HintUndecodable Hint = "undecodable"  // part of it could not be read
	HintDefinitions Hint = "definitions"  // custom attributes came, went, or can be read or not any more
	HintSubtree     Hint = "subtree"      // a department came, came back or moved: no event tells whom that brings into an app's range
	HintEvent       Hint = "event"        // no doubt: an event was heard, and every event is to be verified
)

// Effect is what applying one change did.
type Effect struct {
	// News is set when something changed that is worth a record of its own: a
	// version, or another avatar. Counts alone are not.
	News bool
	// Version is set when something changed that history keeps.
	Version bool
	// Row is set when the current row changed, be it only in an ornament.
	Row bool
	// Touched is set when anything changed, be it only a stamp.
	Touched bool
	// Hints are sorted.
	Hints []Hint
}

// version notes a change that history keeps.
func (e *Effect) version() { e.News, e.Row, e.Version = true, true, true }

func (e *Effect) hint(h Hint) { e.Hints = append(e.Hints, h) }

// changed notes that a field's value changed; other is false where it means
// what it did before.
func (e *Effect) changed(name string, other bool) {
	if !ornament(name) {
		e.version()
		return
	}
	e.Row = true // another URL of the same picture, a count: no version
	e.News = e.News || other && name == fieldAvatar
}

func sortHints(hints []Hint) []Hint {
	slices.Sort(hints)
	return slices.Compact(hints)
}
