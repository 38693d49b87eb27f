package directory

import (
	"fmt"
	"strconv"
	"time"
)

// A state's stored form. Stamps repeat, since most fields were set by one
// record, so each is written once and everything points at it:
//
//	{"s":[{"t":micros,"c":1,"i":"event id"} ...],     stamps; c is left out where 0
//	 "f":{"name":{"s":0,"v":"value"} ...},            fields; v is left out where cleared
//	 "e":[{"s":0,"r":"RESIGNED","w":1} ...]}          existence; r is left out where it exists, w where it did not go just then
//
// It is written and read by hand: a projector does that for every entity of
// every page.

// MarshalJSON gives the same bytes for the same state.
func (s *State) MarshalJSON() ([]byte, error) {
	var stamps []Stamp
	index := make(map[Stamp]int, 4)
	point := func(b []byte, stamp Stamp) []byte {
		i, known := index[stamp]
		if !known {
			i = len(stamps)
			index[stamp], stamps = i, append(stamps, stamp)
		}
		return strconv.AppendInt(append(b, `{"s":`...), int64(i), 10)
	}
	b := append(make([]byte, 0, 4096), `{"f":{`...)
	for i, c := range s.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = point(append(appendQuoted(b, c.name), ':'), c.stamp)
		if c.value != nil {
			b = append(append(b, `,"v":`...), c.value...)
		}
		b = append(b, '}')
	}
	b = append(b, `},"e":[`...)
	for i, c := range s.existence {
		if i > 0 {
			b = append(b, ',')
		}
		b = point(b, c.stamp)
		if c.reason != ReasonNone {
			b = appendQuoted(append(b, `,"r":`...), string(c.reason))
		}
		if c.went {
			b = append(b, `,"w":1`...)
		}
		b = append(b, '}')
	}
	b = append(b, `],"s":[`...)
	for i, stamp := range stamps {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendStamp(b, stamp)
	}
	return append(b, `]}`...), nil
}

func appendStamp(b []byte, s Stamp) []byte {
	b = strconv.AppendInt(append(b, `{"t":`...), s.Time.UnixMicro(), 10)
	if s.Changed != 0 {
		b = strconv.AppendInt(append(b, `,"c":`...), int64(s.Changed), 10)
	}
	return append(appendQuoted(append(b, `,"i":`...), s.EventID), '}')
}

// UnmarshalState reads what MarshalJSON wrote.
func UnmarshalState(key Key, raw []byte) (*State, error) {
	s := &State{Key: key}
	if err := s.read(raw); err != nil {
		return nil, fmt.Errorf("read the state of a %s: %w", key.Kind, err)
	}
	return s, nil
}

func (s *State) read(raw []byte) error {
	o, err := payload(Record{Payload: raw})
	if err != nil {
		return err
	}
	stamps, err := readStamps(o.get("s"))
	if err != nil {
		return fmt.Errorf("stamps: %w", err)
	}
	fields, err := readObject(o.get("f"), fieldsOf(s.Key.Kind))
	if err != nil {
		return fmt.Errorf("fields: %w", err)
	}
	text := make([]byte, 0, len(raw)) // the values' memory, in one piece
	s.fields = make([]cell, 0, len(fields)+4)
	for _, f := range fields {
		stamp, value, err := readCell(f.value, stamps)
		if err != nil {
			return fmt.Errorf("fields: %w", err)
		}
		c := cell{name: f.name, stamp: stamp}
		if value != nil {
			start := len(text)
			text = append(text, value...)
			c.value = text[start:len(text):len(text)]
		}
		s.fields = append(s.fields, c)
	}
	if s.existence, err = readExistence(o.get("e"), stamps); err != nil {
		return fmt.Errorf("existence: %w", err)
	}
	return nil
}

// readCell reads a stored field without making an object of it.
func readCell(raw []byte, stamps []Stamp) (stamp Stamp, value []byte, err error) {
	if raw[0] != '{' {
		return stamp, nil, errWrongType
	}
	var at []byte
	for name, member := range members(raw) {
		switch string(name) {
		case `"s"`:
			at = member
		case `"v"`:
			value = member
		}
	}
	stamp, err = stampAt(stamps, at)
	return stamp, value, err
}

func readStamps(raw []byte) (stamps []Stamp, err error) {
	list, err := asList(raw)
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		o, err := readObject(item, nil)
		if err != nil {
			return nil, err
		}
		micros, err := asInteger(o.get("t"))
		if err != nil {
			return nil, err
		}
		id, err := asText(o.get("i"))
		if err != nil {
			return nil, err
		}
		stamp := Stamp{Time: time.UnixMicro(micros).UTC(), EventID: id}
		if string(o.get("c")) == "1" {
			stamp.Changed = 1
		}
		stamps = append(stamps, stamp)
	}
	return stamps, nil
}

func readExistence(raw []byte, stamps []Stamp) (e existence, err error) {
	list, err := asList(raw)
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		o, err := readObject(item, nil)
		if err != nil {
			return nil, err
		}
		c := claim{went: string(o.get("w")) == "1"}
		if c.stamp, err = stampAt(stamps, o.get("s")); err != nil {
			return nil, err
		}
		if o.says("r") {
			reason, err := asText(o.get("r"))
			if err != nil {
				return nil, err
			}
			c.reason = Reason(reason)
		}
		e = append(e, c)
	}
	return e, nil
}

// stampAt returns the stamp that a stored cell or claim points at.
func stampAt(stamps []Stamp, at []byte) (Stamp, error) {
	i, err := asInteger(at)
	switch {
	case err != nil:
		return Stamp{}, err
	case i < 0 || i >= int64(len(stamps)):
		return Stamp{}, fmt.Errorf("stamp %d of %d", i, len(stamps))
	default:
		return stamps[i], nil
	}
}
