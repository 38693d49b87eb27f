package sandbox

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// object appends one JSON object to a buffer. encoding/json would do, at ten
// times the cost, and it cannot leave out the fields that are hidden now.
//
// Keys are written in the order of the calls: alphabetical, as Feishu does.
type object struct {
	buf       []byte
	some      bool                       // a key has been written
	hidden    map[string]bool            // left out in every object of the kind
	overrides map[string]json.RawMessage // written instead of this object's own values
	replaced  []string                   // overrides written so far
}

func begin(buf []byte, hidden map[string]bool, overrides map[string]json.RawMessage) object {
	return object{buf: append(buf, '{'), hidden: hidden, overrides: overrides}
}

// key writes a key and reports whether the caller has to write its value.
func (o *object) key(name string) bool {
	if o.hidden[name] {
		return false
	}
	raw, overridden := o.overrides[name]
	o.rawKey(name)
	if overridden {
		o.buf = append(o.buf, raw...)
		o.replaced = append(o.replaced, name)
	}
	return !overridden
}

func (o *object) rawKey(name string) {
	if o.some {
		o.buf = append(o.buf, ',')
	}
	o.some = true
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, name...)
	o.buf = append(o.buf, '"', ':')
}

// end closes the object, after the overrides that no value stood for.
func (o *object) end() []byte {
	if len(o.overrides) > len(o.replaced) {
		for _, name := range slices.Sorted(maps.Keys(o.overrides)) {
			if !slices.Contains(o.replaced, name) && !o.hidden[name] {
				o.rawKey(name)
				o.buf = append(o.buf, o.overrides[name]...)
			}
		}
	}
	return append(o.buf, '}')
}

func (o *object) str(name, v string) {
	if o.key(name) {
		o.buf = appendString(o.buf, v)
	}
}

// strIf leaves an empty value out.
func (o *object) strIf(name, v string) {
	if v != "" {
		o.str(name, v)
	}
}

func (o *object) int(name string, v int64) {
	if o.key(name) {
		o.buf = strconv.AppendInt(o.buf, v, 10)
	}
}

func (o *object) bool(name string, v bool) {
	if o.key(name) {
		o.buf = strconv.AppendBool(o.buf, v)
	}
}

// strs writes a list; ref translates each entry, and what it makes empty is
// dropped.
func (o *object) strs(name string, list []string, ref func(string) string) {
	if !o.key(name) {
		return
	}
	o.buf = append(o.buf, '[')
	some := false
	for _, v := range list {
		if v = ref(v); v == "" {
			continue
		}
		if some {
			o.buf = append(o.buf, ',')
		}
		some = true
		o.buf = appendString(o.buf, v)
	}
	o.buf = append(o.buf, ']')
}

func same(s string) string { return s }

// appendString appends a JSON string.
func appendString(buf []byte, s string) []byte {
	if !plain(s) {
		quoted, _ := json.Marshal(s) // a string always encodes
		return append(buf, quoted...)
	}
	buf = append(buf, '"')
	buf = append(buf, s...)
	return append(buf, '"')
}

// plain tells whether s needs no escapes.
func plain(s string) bool {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c == '"', c == '\\':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s)
}
