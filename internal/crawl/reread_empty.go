package crawl

import (
	"encoding/json"
	"slices"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// evidence tells, of the answers to one batch, which fields the app can read:
// one that it can read and that an object lacks is not set there. What was
// readable at the last sweep need not be now, so a field with a permission of its
// own is believed where another object of the same batch has it.
type evidence struct {
	fields []watched
	seen   map[string]bool // fields that some object of the batch shows
}

// evidenceOf looks at the objects of a batch. While the company shows custom attributes to no
// app (closed), that an object has none says nothing.
func evidenceOf(kind directory.Kind, objects []json.RawMessage, closed bool) evidence {
	e := evidence{fields: watchedFields(kind), seen: map[string]bool{}}
	if closed {
		e.fields = slices.DeleteFunc(e.fields, func(f watched) bool { return f.name == customAttrs })
	}
	for _, raw := range objects {
		object := membersOf(raw)
		for name := range object {
			e.seen[name] = e.seen[name] || shows(object, name)
		}
	}
	return e
}

// membersOf returns the members of an object; nil of what is none.
func membersOf(object json.RawMessage) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	return members
}

// empty returns the fields that an object lacks although they can be read. What
// Feishu shows of someone who left says nothing.
func (e evidence) empty(kind directory.Kind, object json.RawMessage) (empty []string) {
	one := sighting{kind: kind, object: object, fields: membersOf(object)}
	if one.fields == nil || one.gone() != directory.ReasonNone {
		return nil
	}
	shown := proven(one.fields, e.fields)
	for _, f := range e.fields {
		switch {
		case shows(one.fields, f.name):
		case f.own && e.seen[f.name], !f.own && shown[f.permission]:
			empty = append(empty, f.name)
		}
	}
	return empty
}
