package directory

import (
	"encoding/json"
	"slices"
	"strings"
)

// This file reads canonical values. They were written by the rule of their
// field and have its type. Where a state was stored before the field had that
// type, it is not shown, until the next record that has it.

// goneFlag is the flag that says "gone". Of an entity that is there it says that
// it is not, whatever was heard last: a return need not show the status.
func (s *State) goneFlag() json.RawMessage {
	field, _ := goneFlag(s.Key.Kind)
	value := s.value(field)
	if value != nil && s.Exists() {
		return jsonFalse
	}
	return value
}

func (s *State) life() Life {
	l := Life{Attributes: s.attributes()}
	if reason, at := s.Gone(); reason != ReasonNone {
		l.RemovedAt, l.RemovedReason = &at, reason
	}
	return l
}

func (s *State) text(field string) *string {
	t, err := asText(s.value(field))
	if err != nil {
		return nil
	}
	return &t
}

func (s *State) boolean(field string) *bool { return asFlag(s.value(field)) }

func asFlag(raw json.RawMessage) *bool {
	is, err := asBoolean(raw)
	if err != nil {
		return nil
	}
	return &is
}

func (s *State) integer(field string) *int64 {
	n, err := asInteger(s.value(field))
	if err != nil {
		return nil
	}
	return &n
}

func (s *State) list(field string) [][]byte {
	list, err := asList(s.value(field))
	if err != nil {
		return nil
	}
	return list
}

func (s *State) texts(field string) (list []string) {
	for _, item := range s.list(field) {
		if t, err := asText(item); err == nil {
			list = append(list, t)
		}
	}
	return list
}

func (s *State) integers(field string) (list []int64) {
	for _, item := range s.list(field) {
		if n, err := asInteger(item); err == nil {
			list = append(list, n)
		}
	}
	return list
}

func (s *State) placements() (list []Placement) {
	for _, item := range s.list(fieldPlacement) {
		if p, err := onePlacement(item); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func (s *State) leaders() (list []Leader) {
	for _, item := range s.list("leaders") {
		if l, hidden, err := oneLeader(item); err == nil && !hidden {
			list = append(list, l)
		}
	}
	return list
}

// customAttrs joins what splitAttrs took apart.
func (s *State) customAttrs() json.RawMessage {
	plain, generic := s.value(fieldCustomAttrs), s.value(fieldGenericUsers)
	switch {
	case generic == nil:
		return plain
	case plain == nil:
		return generic
	}
	var all []attr
	for _, item := range slices.Concat(s.list(fieldCustomAttrs), s.list(fieldGenericUsers)) {
		if o, err := readObject(item, nil); err == nil {
			all = append(all, attr{id: string(o.get("id")), value: item})
		}
	}
	return joinAttrs(all)
}

// attributes puts the fields together in Feishu's form, without the ornaments.
func (s *State) attributes() json.RawMessage {
	b := append(make([]byte, 0, 2048), '{')
	var status []byte // flags follow each other
	attrs := false
	for _, c := range s.fields {
		isFlag := strings.HasPrefix(c.name, fieldStatus+".")
		if !isFlag && status != nil {
			b, status = appendStatus(b, status), nil
		}
		switch {
		case c.value == nil || ornament(c.name):
		case isFlag:
			status = s.appendFlag(status, c)
		case c.name == fieldCustomAttrs, c.name == fieldGenericUsers:
			if !attrs {
				b = append(appendName(b, fieldCustomAttrs), s.customAttrs()...)
			}
			attrs = true
		case c.name == fieldPlacement:
			b = appendPlacement(b, s.placements(), c.value)
		default:
			b = append(appendName(b, c.name), c.value...)
		}
	}
	return append(appendStatus(b, status), '}')
}

// appendName begins a member.
func appendName(b []byte, name string) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	return append(appendQuoted(b, name), ':')
}

func (s *State) appendFlag(status []byte, c cell) []byte {
	value := c.value
	if field, _ := goneFlag(s.Key.Kind); c.name == field {
		if value = s.goneFlag(); value == nil {
			return status
		}
	}
	if len(status) == 0 {
		status = append(status, '{')
	}
	return append(appendName(status, strings.TrimPrefix(c.name, fieldStatus+".")), value...)
}

func appendStatus(b, status []byte) []byte {
	if len(status) == 0 {
		return b
	}
	return append(append(appendName(b, fieldStatus), status...), '}')
}

// appendPlacement writes department_ids, and orders where something is known
// of each.
func appendPlacement(b []byte, placements []Placement, orders []byte) []byte {
	b = append(appendName(b, fieldDeptIDs), '[')
	known := true
	for i, p := range placements {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, p.DepartmentID)
		known = known && (p.DepartmentOrder != nil || p.UserOrder != nil)
	}
	b = append(b, ']')
	if known {
		b = append(appendName(b, fieldOrders), orders...)
	}
	return b
}
