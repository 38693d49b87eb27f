package crawl

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// evidence tells, of the answers to one batch, which fields the app can read:
// one that it can read and that an object lacks is not set there.
//
// Most fields come with others under one permission, so that the others of the
// same object are evidence. A field with a permission of its own is believed
// where another object of the same batch has it: what was readable at the last
// sweep need not be now, and nothing may be cleared for a permission's loss.
type evidence struct {
	group map[string]string   // permission by field
	alone map[string]bool     // fields that no other field proves
	seen  map[string]struct{} // fields that some object of the batch has
}

func evidenceOf(kind directory.Kind, answers map[string]answer) evidence {
	e := evidence{group: feishu.FieldPermissions(string(kind)), alone: map[string]bool{}, seen: map[string]struct{}{}}
	members := map[string]int{}
	for _, permission := range e.group {
		members[permission]++
	}
	for field, permission := range e.group {
		e.alone[field] = members[permission] == 1
	}
	// Another permission shows this one too, and a switch of the company's hides
	// that one, so the rest of their group proves nothing of either.
	e.alone["employee_no"], e.alone["custom_attrs"] = true, true
	for _, a := range answers {
		for field := range fieldsIn(a.object) {
			e.seen[field] = struct{}{}
		}
	}
	return e
}

// fieldsIn returns the members of an object; none of what is no object.
func fieldsIn(object json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(object, &fields) // what is no object has no field
	return fields
}

// empty returns the fields that an object lacks although they can be read.
func (e evidence) empty(object json.RawMessage) (empty []string) {
	fields := fieldsIn(object)
	shown := map[string]bool{}
	for field := range fields {
		if permission, known := e.group[field]; known && !e.alone[field] {
			shown[permission] = true
		}
	}
	for _, field := range slices.Sorted(maps.Keys(e.group)) {
		if _, has := fields[field]; has {
			continue
		}
		readable := shown[e.group[field]]
		if e.alone[field] {
			_, readable = e.seen[field]
		}
		if readable {
			empty = append(empty, field)
		}
	}
	return empty
}
