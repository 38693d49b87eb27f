package directory

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file walks JSON text that is known to be valid (json.Valid was asked
// once for the whole text) and hands out pieces of it. encoding/json reads
// the same text several times over for that, and a rebuild has to read
// millions of records.

// object is a JSON object: its members sorted by name, each name once. As
// everywhere in JSON's practice the last of several equal names counts.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

// get returns a member's value, nil where there is none.
func (o object) get(name string) json.RawMessage {
	i, found := slices.BinarySearchFunc(o, name, func(m member, name string) int { return strings.Compare(m.name, name) })
	if !found {
		return nil
	}
	return o[i].value
}

// has reports whether there is a member of that name, null or not.
func (o object) has(name string) bool { return o.get(name) != nil }

// says reports whether there is a value: null says as little as absence, and
// Feishu's own SDKs do not tell the two apart.
func (o object) says(name string) bool { return !isNull(o.get(name)) }

// readObject reads an object whose usual names are in the table; nothing and
// null are empty ones.
func readObject(raw []byte, names fieldTable) (object, error) {
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, errWrongType
	}
	o := make(object, 0, min(40, 2+len(raw)/40))
	for key, value := range members(raw) {
		name := names.name(key)
		o = append(o, member{name, value})
	}
	slices.SortStableFunc(o, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return lastOfEach(o), nil
}

// lastOfEach keeps the last of neighbours with the same name.
func lastOfEach(o object) object {
	kept := o[:0]
	for i, m := range o {
		if i+1 < len(o) && o[i+1].name == m.name {
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

// isNull reports whether raw is absent or null.
func isNull(raw []byte) bool { return len(raw) == 0 || raw[0] == 'n' }

// trim takes the white space off a whole text. Values that members and items
// yield have none around them.
func trim(raw []byte) []byte { return bytes.Trim(raw, " \t\r\n") }

// members yields the quoted names and the values of an object.
func members(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := skipSpace(raw, 1); i < len(raw) && raw[i] != '}'; {
			end := valueEnd(raw, i)
			name := raw[i:end]
			i = skipSpace(raw, skipSpace(raw, end)+1) // over the colon
			end = valueEnd(raw, i)
			if !yield(name, raw[i:end:end]) {
				return
			}
			i = skipComma(raw, end)
		}
	}
}

// items yields the values of an array.
func items(raw []byte) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		for i := skipSpace(raw, 1); i < len(raw) && raw[i] != ']'; {
			end := valueEnd(raw, i)
			if !yield(raw[i:end:end]) {
				return
			}
			i = skipComma(raw, end)
		}
	}
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

func skipComma(raw []byte, i int) int {
	i = skipSpace(raw, i)
	if i < len(raw) && raw[i] == ',' {
		i = skipSpace(raw, i+1)
	}
	return i
}

// valueEnd returns where the value that begins at i ends.
func valueEnd(raw []byte, i int) int {
	switch raw[i] {
	case '"':
		return stringEnd(raw, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch raw[i] {
			case '"':
				i = stringEnd(raw, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	default:
		for i < len(raw) && strings.IndexByte(",]}: \t\r\n", raw[i]) < 0 {
			i++
		}
		return i
	}
}

// stringEnd returns where the string that begins at i ends: after the first
// quote with an even number of backslashes in front of it.
func stringEnd(raw []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(raw[i:], '"')
		slashes := 0
		for raw[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}

// plain reports whether a quoted string is in canonical form as it stands: as
// appendQuoted would write it.
func plain(quoted []byte) bool {
	multibyte := false
	for i := 1; i < len(quoted)-1; i++ {
		switch c := quoted[i]; {
		case c == '\\':
			n := canonicalEscape(quoted[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		case c == '<' || c == '>' || c == '&' || c == 0xE2 && lineSeparator(quoted[i:]):
			return false
		case c >= utf8.RuneSelf:
			multibyte = true
		}
	}
	return !multibyte || utf8.Valid(quoted)
}

// lineSeparator reports whether U+2028 or U+2029 stands here.
func lineSeparator(b []byte) bool { return len(b) > 2 && b[1] == 0x80 && b[2]&^1 == 0xA8 }

// canonicalEscape returns the length of the escape that stands here, 0 if
// appendQuoted would write it in another way or not at all.
func canonicalEscape(b []byte) int {
	if b[1] == '"' || b[1] == '\\' {
		return 2
	}
	if b[1] != 'u' {
		return 0
	}
	switch code := string(b[2:6]); {
	case code == "003c", code == "003e", code == "0026", code == "2028", code == "2029":
		return 6
	case code > "0000" && code <= "001f" && (code[3] <= '9' || code[3] >= 'a'):
		return 6
	default:
		return 0
	}
}

// unquote returns what a quoted string says. What PostgreSQL's text and jsonb
// cannot hold, U+0000, becomes U+FFFD; lone surrogates and bytes that are not
// UTF-8 do so by themselves.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted) {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		panic("unquote: not a JSON string") // the text was valid
	}
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends a string as encoding/json writes it into a document
// made for anywhere: <, >, & and the two line separators escaped. A raw message
// takes on that form whenever it is marshalled as part of something, so it is
// the one that survives being stored and read. s is valid UTF-8.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(append(b, s[start:i]...), '\\', byte(r))
		case r < ' ' || r == '<' || r == '>' || r == '&':
			b = append(append(b, s[start:i]...), '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, s[start:i]...), '\\', 'u', '2', '0', '2', hexDigits[r&15])
		default:
			continue
		}
		start = i + utf8.RuneLen(r)
	}
	return append(append(b, s[start:]...), '"')
}

// quote is appendQuoted into a text of its own.
func quote(s string) json.RawMessage { return appendQuoted(make([]byte, 0, len(s)+2), s) }
