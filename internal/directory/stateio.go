package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// storedState is a state's stored form. Stamps repeat: most fields were set by
// one record, so each stamp is written once and fields point at it.
type storedState struct {
	Stamps    []storedStamp         `json:"s"`
	Fields    map[string]storedCell `json:"f"`
	Existence *storedExistence      `json:"e,omitempty"`
}

type storedStamp struct {
	Micros  int64  `json:"t"`
	Changed int    `json:"c,omitempty"`
	EventID string `json:"i"`
}

type storedCell struct {
	Stamp int             `json:"s"`
	Value json.RawMessage `json:"v,omitempty"` // absent where cleared
}

type storedExistence struct {
	Stamp  int    `json:"s"`
	Reason Reason `json:"r,omitempty"`
}

// MarshalJSON gives the same bytes for the same state.
func (s *State) MarshalJSON() ([]byte, error) {
	stored := storedState{Fields: make(map[string]storedCell, len(s.fields))}
	index := map[Stamp]int{}
	point := func(stamp Stamp) int {
		i, ok := index[stamp]
		if !ok {
			i = len(stored.Stamps)
			index[stamp] = i
			stored.Stamps = append(stored.Stamps, storedStamp{Micros: stamp.Time.UnixMicro(), Changed: stamp.Changed, EventID: stamp.EventID})
		}
		return i
	}
	if s.existence.known {
		stored.Existence = &storedExistence{Stamp: point(s.existence.stamp), Reason: s.existence.reason}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		f := s.fields[name]
		stored.Fields[name] = storedCell{Stamp: point(f.stamp), Value: f.value}
	}
	return json.Marshal(stored)
}

// UnmarshalState reads what MarshalJSON wrote.
func UnmarshalState(key Key, raw []byte) (*State, error) {
	var stored storedState
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, fmt.Errorf("decode the state of a %s: %w", key.Kind, err)
	}
	stamps := make([]Stamp, len(stored.Stamps))
	for i, t := range stored.Stamps {
		stamps[i] = Stamp{Time: time.UnixMicro(t.Micros).UTC(), Changed: t.Changed, EventID: t.EventID}
	}
	at := func(i int) (Stamp, error) {
		if i < 0 || i >= len(stamps) {
			return Stamp{}, fmt.Errorf("decode the state of a %s: stamp %d of %d", key.Kind, i, len(stamps))
		}
		return stamps[i], nil
	}
	s := &State{Key: key, fields: make(map[string]cell, len(stored.Fields))}
	for name, f := range stored.Fields {
		stamp, err := at(f.Stamp)
		if err != nil {
			return nil, err
		}
		s.fields[name] = cell{value: f.Value, stamp: stamp}
	}
	if e := stored.Existence; e != nil {
		stamp, err := at(e.Stamp)
		if err != nil {
			return nil, err
		}
		s.existence = existence{known: true, reason: e.Reason, stamp: stamp}
	}
	return s, nil
}
