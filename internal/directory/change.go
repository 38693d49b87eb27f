package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Claim is what a record says about an entity's existence.
type Claim int

// The claims.
const (
	ClaimNone   Claim = iota // nothing
	ClaimWeak                // it exists, if nothing else was heard
	ClaimExists              // it exists, at the change's time
	ClaimGone                // it is gone, at the change's time, for the change's reason
)

// Change is what one record says about one entity.
type Change struct {
	Key     Key
	Time    time.Time // on Feishu's clock, in microseconds, margins already taken off
	EventID string
	Fields  []FieldChange // sorted by name, each once
	// Shown are fields that the record shows to be set, in a form that cannot
	// be translated. Where they are not set yet, somebody has to look.
	Shown  []string
	Claim  Claim
	Reason Reason // with ClaimGone
	// Went is set with ClaimGone where the record tells of the going itself, and
	// not that somebody is gone.
	Went  bool
	Hints []Hint
	// Event is set where Feishu pushed the record; a re-read must be sent
	// later than it, or its answer loses.
	Event bool
}

// FieldChange sets one field.
type FieldChange struct {
	Name    string
	Value   json.RawMessage // canonical; nil clears
	Changed int             // the middle part of the stamp
}

// Problem is a part of a record that could not be decoded. It never holds the
// value.
type Problem struct {
	Key   Key    // without an id where the whole record is meant
	Field string // empty where the whole record is meant
	Err   string
}

// SweepMark is a sweep's beginning or end.
type SweepMark struct {
	TenantKey   string
	SweepID     string
	StartedAt   time.Time // set in both
	CompletedAt time.Time // zero at the beginning
}

// Decoded is everything that one record says.
type Decoded struct {
	Changes  []Change
	Problems []Problem
	Sweep    *SweepMark
	// AskSweep is set where nothing less than a sweep can tell what the record
	// means.
	AskSweep SweepReason
}

// SweepReason says why somebody has to sweep.
type SweepReason string

// The reasons.
const (
	// SweepForScope: the app's range changed. Feishu names the nodes of the new
	// range, never those who came into sight or went out of it.
	SweepForScope SweepReason = "scope"
	// SweepForCustomAttrs: everybody's custom attributes can be read again.
	SweepForCustomAttrs SweepReason = "custom_attrs"
)

func sortProblems(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Field, b.Field) })
	return slices.CompactFunc(problems, func(a, b Problem) bool { return a.Field == b.Field })
}
