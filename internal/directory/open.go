package directory

import (
	"bytes"
	"slices"
	"strings"
)

// maxDepth bounds nesting: jsonb is read by a recursion that has an end.
const maxDepth = 64

// anything keeps the value of a field that we have no type for, in one form:
// no white space, members sorted by name. Empty text, lists and objects are
// "not set".
func anything(raw []byte, _ origin) (value []byte, ok bool, err error) {
	value, err = appendOpen(make([]byte, 0, len(raw)+16), raw, maxDepth)
	if err != nil {
		return nil, false, err
	}
	switch string(value) {
	case `""`, `[]`, `{}`:
		return nil, true, nil
	default:
		return value, true, nil
	}
}

func appendOpen(b, raw []byte, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	switch raw[0] {
	case '{':
		return appendOpenObject(b, raw, depth)
	case '[':
		return appendOpenList(b, raw, depth)
	case '"':
		if plain(raw) {
			return append(b, raw...), nil
		}
		return appendQuoted(b, unquote(raw)), nil
	case 't', 'f', 'n':
		return append(b, raw...), nil
	default:
		return append(b, raw...), checkNumber(raw)
	}
}

func appendOpenObject(b, raw []byte, depth int) ([]byte, error) {
	o, err := readObject(raw, nil)
	if err != nil {
		return nil, err
	}
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, m.name), ':')
		if b, err = appendOpen(b, m.value, depth-1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendOpenList(b, raw []byte, depth int) (_ []byte, err error) {
	b = append(b, '[')
	first := true
	for item := range items(raw) {
		if !first {
			b = append(b, ',')
		}
		first = false
		if b, err = appendOpen(b, item, depth-1); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// openObject is anything that must be an object.
func openObject(raw []byte, from origin) (value []byte, ok bool, err error) {
	if raw[0] != '{' {
		return nil, false, errWrongType
	}
	return anything(raw, from)
}

// filledObject is an object of strings without its empty ones.
func filledObject(raw []byte, _ origin) (value []byte, ok bool, err error) {
	o, err := readObject(raw, nil)
	if err != nil {
		return nil, false, err
	}
	for _, m := range o {
		if isNull(m.value) {
			continue
		}
		s, err := asText(m.value)
		if err != nil {
			return nil, false, err
		}
		if s == "" {
			continue
		}
		if value == nil {
			value = append(value, '{')
		} else {
			value = append(value, ',')
		}
		value = appendQuoted(append(appendQuoted(value, m.name), ':'), s)
	}
	if value == nil {
		return nil, true, nil
	}
	return append(value, '}'), true, nil
}

// sameAvatar reports whether two avatars show one picture: their URLs differ at
// each call, the paths in them do not.
func sameAvatar(a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, errX := readObject(a, nil)
	y, errY := readObject(b, nil)
	return errX == nil && errY == nil && slices.EqualFunc(x, y, func(x, y member) bool {
		return x.name == y.name && bytes.Equal(urlPath(x.value), urlPath(y.value))
	})
}

// urlPath cuts a quoted URL down to its path; anything else it leaves.
func urlPath(quoted []byte) []byte {
	path := bytes.Trim(quoted, `"`)
	if i := bytes.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if _, rest, absolute := bytes.Cut(path, []byte("://")); absolute {
		if slash := bytes.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:]
		}
		return nil
	}
	return path
}

type attr struct {
	id    string
	value []byte
}

// splitAttrs reads a user's custom attributes: the plain ones, and those that
// name a user, which do so by user_id in events and by the id kind that was
// asked for in the API.
func splitAttrs(raw []byte) (plain, generic []byte, err error) {
	list, err := asList(raw)
	if err != nil {
		return nil, nil, err
	}
	var plains, generics []attr
	for _, item := range list {
		if item[0] != '{' {
			return nil, nil, errWrongType
		}
		o, err := readObject(item, nil)
		if err != nil {
			return nil, nil, err
		}
		a := attr{id: string(o.get("id"))}
		if a.value, err = appendOpen(make([]byte, 0, len(item)), item, maxDepth); err != nil {
			return nil, nil, err
		}
		if string(o.get("type")) == `"GENERIC_USER"` {
			generics = append(generics, a)
		} else {
			plains = append(plains, a)
		}
	}
	return joinAttrs(plains), joinAttrs(generics), nil
}

// joinAttrs writes attributes sorted by id, since the list has no order of its
// own. None clear.
func joinAttrs(attrs []attr) (value []byte) {
	slices.SortStableFunc(attrs, func(a, b attr) int { return strings.Compare(a.id, b.id) })
	for _, a := range attrs {
		value = append(append(value, separator(value)), a.value...)
	}
	return closeList(value)
}
