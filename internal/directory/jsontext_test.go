package directory

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzAnything compares our walk over a JSON text with encoding/json's.
func FuzzAnything(f *testing.F) {
	for _, raw := range []string{
		`{}`, `[]`, `""`, `0`, `-1.5e-3`, `true`, `null`, ` { "b" : [ 1 , 2 ] , "a" : { } , "b" : "x" } `, `"\u003c\u003C<\"\\\/\b\f\n\r\t\u0000\u001f\u001F\u2028\u2029"`,
		`"中\u4e2d\ud83d\ude00\ud800"`, "\"\xff\"", "\"\u2028\"", `{"a\u0000":1,"a\\":{"\"":[[[]]]},"":""}`, `[{"a":"]"},"}","\\",{"b":"\\\""}]`, `1e300`, `1e301`,
		strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if raw = trim(raw); !json.Valid(raw) || bytes.Contains(raw, []byte(`\u0000"`)) {
			return
		}
		value, err := appendOpen(nil, raw, maxDepth)
		if err != nil {
			return
		}
		again, err := appendOpen(nil, value, maxDepth)
		if err != nil || !bytes.Equal(again, value) {
			t.Fatalf("%s\nbecame\n%s (%v)", value, again, err)
		}
		if got, want := decoded(t, value), clean(decoded(t, raw)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nbecame\n%s", raw, value)
		}
		marshalled, err := json.Marshal(json.RawMessage(value))
		if err != nil || !bytes.Equal(marshalled, value) {
			t.Fatalf("%s\nis marshalled as\n%s (%v)", value, marshalled, err)
		}
		if raw[0] == '"' {
			if q := quote(unquote(raw)); !bytes.Equal(q, value) || plain(raw) != bytes.Equal(q, raw) {
				t.Fatalf("%s: plain = %v, quoted %s, kept %s", raw, plain(raw), q, value)
			}
		}
	})
}

func decoded(t *testing.T, raw []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// clean does the slow way what unquote does.
func clean(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case []any:
		for i := range v {
			v[i] = clean(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for k, member := range v {
			out[strings.ReplaceAll(k, "\x00", "\uFFFD")] = clean(member)
		}
		return out
	}
	return v
}

func TestShortenCutsBetweenCharacters(t *testing.T) {
	t.Parallel()
	for n, want := range []string{"", "a", "a", "a", "a张", "a张b", "a张b"} {
		if got := shorten("a张b", n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
