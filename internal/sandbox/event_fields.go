package sandbox

import (
	"bytes"
	"slices"
	"strconv"
)

// told is one event for one app.
type told struct {
	eventType string
	payload   []byte // the value of "event"
}

// teller makes the events that one app gets for a change. Its view hides what
// the app may not see in events.
type teller struct {
	view
	options *Options
	gone    map[string]*User // people whom the mutation has erased
}

// person finds who somebody is, or was until now: what named them before must
// not look as if it had named nobody.
func (t *teller) person(openID string) *User {
	if u := t.org.users[openID]; u != nil {
		return u
	}
	return t.gone[openID]
}

// eventField is one field of an entity as events carry it.
type eventField struct {
	name  string
	value []byte // JSON
	empty bool   // without a value
}

// eventFields are all fields of an entity, in alphabetical order. The fields of
// two states of an entity are the same ones in the same places.
type eventFields []eventField

func (f *eventFields) put(name string, empty bool, value []byte) {
	*f = append(*f, eventField{name, value, empty})
}

func (f *eventFields) str(name, v string) { f.put(name, v == "", appendString(nil, v)) }

func (f *eventFields) int(name string, v int64) { f.put(name, false, strconv.AppendInt(nil, v, 10)) }

func (f *eventFields) bool(name string, v bool) { f.put(name, false, strconv.AppendBool(nil, v)) }

// strs translates a list like object.strs.
func (f *eventFields) strs(name string, list []string, ref func(string) string) {
	o := object{buf: nil}
	o.strs(name, list, ref)
	value := o.buf[len(name)+len(`"":`):]
	f.put(name, bytes.Equal(value, []byte("[]")), value)
}

// object writes what the app may see of some fields.
func (t *teller) object(kind Kind, fields eventFields, skip ...string) []byte {
	o := begin(nil, t.hidden[kind], nil)
	for _, f := range fields {
		if f.value == nil || f.empty && !t.options.EmptyFields || slices.Contains(skip, f.name) {
			continue
		}
		if o.key(f.name) {
			o.buf = append(o.buf, f.value...)
		}
	}
	return o.end()
}

// payload puts the value of "event" together; old may be nil.
func payload(object, old []byte) []byte {
	out := append([]byte(`{"object":`), object...)
	if old != nil {
		out = append(append(out, `,"old_object":`...), old...)
	}
	return append(out, '}')
}

// difference is what a change did to the fields of an entity.
type difference struct {
	readable   []int // places of changed fields that the app may see
	unreadable bool  // others have changed
}

func (t *teller) compare(kind Kind, before, after eventFields) difference {
	var d difference
	for i := range before {
		switch {
		case bytes.Equal(before[i].value, after[i].value):
		case t.hidden[kind][before[i].name]:
			d.unreadable = true
		default:
			d.readable = append(d.readable, i)
		}
	}
	return d
}

// hollow tells whether a change that shows in no field that the app may see is
// told all the same, by an event with an empty old_object.
func (t *teller) hollow(d difference, changed bool) bool {
	if d.unreadable {
		return t.options.UnreadableChanges
	}
	return changed && t.options.UncarriedChanges
}
