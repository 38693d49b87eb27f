package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Has reports whether a field is set, by the name that it has in Feishu's
// objects. (orders is a part of department_ids here.)
func (s *State) Has(name string) bool {
	switch name {
	case fieldDeptIDs:
		name = fieldPlacement
	case fieldCustomAttrs:
		if s.value(fieldGenericUsers) != nil {
			return true
		}
	case fieldStatus:
		return slices.ContainsFunc(s.fields, func(c cell) bool {
			return c.value != nil && strings.HasPrefix(c.name, fieldStatus+".")
		})
	}
	return s.value(name) != nil
}

// Lacks returns the fields that a state has and an object of the API lacks, by
// Feishu's names, sorted: not set any more, where every field of the kind is
// readable. It is empty for what is no object.
func (s *State) Lacks(raw json.RawMessage) (fields []string) {
	o, err := payload(Record{Payload: raw})
	if err != nil {
		return nil
	}
	for _, c := range s.fields {
		if c.value != nil && !o.says(c.name) {
			fields = append(fields, c.name)
		}
	}
	return fields
}

// NewEmptiness makes the record of an observation that is known by now to tell
// of fields that are not set: nobody could say so when it was made. seenAt is the
// instant of its request; its other fields have a record of their own, where
// they were news.
func NewEmptiness(o Origin, kind Kind, id string, seenAt time.Time, empty []string) (Record, error) {
	object, err := json.Marshal(map[string]string{keyField(kind): id})
	if err != nil {
		return Record{}, fmt.Errorf("encode the key of a %s: %w", kind, err)
	}
	r, err := NewObservation(o, kind, id, seenAt, Observation{
		Object: object, Empty: empty, SkewMarginMS: DefaultSkewMargin.Milliseconds(),
	})
	r.EventID += ":empty"
	return r, err
}
