package callback

import (
	"bytes"
	"encoding/json"
	"errors"
)

// object is a JSON object whose members know where they stand in its text.
type object struct {
	members []member
}

type member struct {
	name    string
	value   json.RawMessage
	start   int // of the name
	valueAt int
	end     int
}

var errNoObject = errors.New("no object")

// readObject reads the object that a text begins with. Its members are in the
// order of the text, and those of the same name are all there.
func readObject(text []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return object{}, errNoObject
	}
	var o object
	for d.More() {
		m := member{start: skip(text, int(d.InputOffset()))}
		name, err := d.Token()
		if err != nil {
			return object{}, errNoObject
		}
		m.name, _ = name.(string) // nothing else can stand here
		if err := d.Decode(&m.value); err != nil {
			return object{}, errNoObject
		}
		m.end = int(d.InputOffset())
		m.valueAt = m.end - len(m.value)
		o.members = append(o.members, m)
	}
	if _, err := d.Token(); err != nil {
		return object{}, errNoObject
	}
	return o, nil
}

// skip goes over what stands between two members.
func skip(text []byte, i int) int {
	for i < len(text) && bytes.IndexByte([]byte(" \t\r\n,"), text[i]) >= 0 {
		i++
	}
	return i
}

// get returns a member's value, nil where there is none. As everywhere in JSON's
// practice the last of several counts.
func (o object) get(name string) json.RawMessage {
	for i := len(o.members) - 1; i >= 0; i-- {
		if o.members[i].name == name {
			return o.members[i].value
		}
	}
	return nil
}

func (o object) has(name string) bool { return o.get(name) != nil }

// said reports whether there is anything in the object.
func (o object) said() bool { return len(o.members) > 0 }

// cut takes the i-th member out of a text in which the object stands at a place.
// Members behind it may have been cut before, those in front of it not.
func (o object) cut(text []byte, at, i int) []byte {
	from, to := o.members[i].start, o.members[i].end
	if i > 0 {
		from = o.members[i-1].end // with the comma in front
	} else if rest := skip(text, at+to); rest < len(text) && text[rest] != '}' {
		to = rest - at // with the comma behind, where a member is left there
	}
	return append(text[:at+from], text[at+to:]...)
}

// asString reads a string, and a number or a boolean written where a string
// belongs. Anything else says nothing.
func asString(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f':
		return string(raw)
	default:
		return ""
	}
}
