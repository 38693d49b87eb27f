package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

var (
	errWrongType = errors.New("wrong type")
	errTooLarge  = errors.New("number too large")
)

// isNull reports whether raw is JSON null, which Feishu's SDKs do not tell
// from an absent key: it says nothing.
func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// encode marshals a value that was just decoded; it cannot fail.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("encode canonical value: " + err.Error())
	}
	return b
}

// clean replaces what PostgreSQL's text and jsonb cannot hold. (Lone
// surrogates have already become U+FFFD in decoding.)
func clean(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }

func ignored(json.RawMessage, origin) (json.RawMessage, bool, error) { return nil, false, nil }

// text takes strings, and numbers and booleans written where a string belongs.
// An empty string is "not set".
func text(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	s, err := asText(raw)
	if err != nil {
		return nil, false, err
	}
	if s == "" {
		return nil, true, nil
	}
	return encode(s), true, nil
}

func asText(raw json.RawMessage) (string, error) {
	var v any
	if err := decodeNumbers(raw, &v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return clean(v), nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	default:
		return "", errWrongType
	}
}

// sensitiveText is text whose empty string in an answer means nothing: apps
// without the permission have been given "" instead of no key.
func sensitiveText(raw json.RawMessage, from origin) (json.RawMessage, bool, error) {
	value, ok, err := text(raw, from)
	if value == nil && from == fromObservation {
		return nil, false, err
	}
	return value, ok, err
}

func boolean(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	s, err := asText(raw)
	if err != nil {
		return nil, false, err
	}
	switch s {
	case "true", "1":
		return json.RawMessage("true"), true, nil
	case "false", "0":
		return json.RawMessage("false"), true, nil
	default:
		return nil, false, errWrongType
	}
}

func integer(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	n, err := asInteger(raw)
	if err != nil {
		return nil, false, err
	}
	return encode(n), true, nil
}

// asInteger takes an integer or a decimal string, as Feishu mixes them.
func asInteger(raw json.RawMessage) (int64, error) {
	s, err := asText(raw)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errTooLarge
	case err != nil:
		return 0, errWrongType
	}
	return n, nil
}

func unsetAtZero(rule canonical) canonical {
	return func(raw json.RawMessage, from origin) (json.RawMessage, bool, error) {
		value, ok, err := rule(raw, from)
		if string(value) == "0" {
			value = nil
		}
		return value, ok, err
	}
}

func observedOnly(rule canonical) canonical {
	return func(raw json.RawMessage, from origin) (json.RawMessage, bool, error) {
		if from == fromEvent {
			return nil, false, nil
		}
		return rule(raw, from)
	}
}

// decimalText is an integer kept as a string.
func decimalText(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	s, err := asText(raw)
	if err != nil {
		return nil, false, err
	}
	if s == "" {
		return nil, true, nil
	}
	return encode(s), true, nil
}

// parent is a department's parent. It is never cleared: no parent is the root.
func parent(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	s, err := asText(raw)
	if err != nil {
		return nil, false, err
	}
	if s == "" {
		s = RootDepartmentID
	}
	return encode(s), true, nil
}

// anything keeps a value of a field that we have no type for, keys sorted.
func anything(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	var v any
	if err := decodeNumbers(raw, &v); err != nil {
		return nil, false, err
	}
	v = cleanTree(v)
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil, true, nil
		}
	case []any:
		if len(v) == 0 {
			return nil, true, nil
		}
	}
	return encode(v), true, nil
}

// object is anything that must be a JSON object.
func object(raw json.RawMessage, from origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	if t := bytes.TrimSpace(raw); len(t) == 0 || t[0] != '{' {
		return nil, false, errWrongType
	}
	return anything(raw, from)
}

// filledObject is an object of strings without its empty ones.
func filledObject(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	if isNull(raw) {
		return nil, false, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil, false, errWrongType
	}
	filled := map[string]string{}
	for k, m := range members {
		if isNull(m) {
			continue
		}
		s, err := asText(m)
		if err != nil {
			return nil, false, err
		}
		if s != "" {
			filled[clean(k)] = s
		}
	}
	if len(filled) == 0 {
		return nil, true, nil
	}
	return encode(filled), true, nil
}

// list decodes an array; ok is false for null.
func list(raw json.RawMessage) (items []json.RawMessage, ok bool, err error) {
	if isNull(raw) {
		return nil, false, nil
	}
	if json.Unmarshal(raw, &items) != nil {
		return nil, false, errWrongType
	}
	return items, true, nil
}

// setOf is a list without order: sorted, each once, cleared where empty.
func setOf[T cmpOrdered](raw json.RawMessage, item func(json.RawMessage) (T, error)) (json.RawMessage, bool, error) {
	items, ok, err := list(raw)
	if !ok || err != nil {
		return nil, false, err
	}
	set := make([]T, 0, len(items))
	for _, i := range items {
		v, err := item(i)
		if err != nil {
			return nil, false, err
		}
		set = append(set, v)
	}
	slices.Sort(set)
	set = slices.Compact(set)
	if len(set) == 0 {
		return nil, true, nil
	}
	return encode(set), true, nil
}

type cmpOrdered interface{ ~string | ~int64 }

func textSet(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	return setOf(raw, asText)
}

func integerSet(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	return setOf(raw, asInteger)
}

// openIDs is a set of open_ids. Feishu does not say which id kind events use
// here, so an event that holds anything else is not believed.
func openIDs(raw json.RawMessage, from origin) (json.RawMessage, bool, error) {
	return setOf(raw, func(item json.RawMessage) (string, error) {
		id, err := asText(item)
		if err == nil && from == fromEvent && !strings.HasPrefix(id, "ou_") {
			err = errWrongType
		}
		return id, err
	})
}

// hrbps is a set of open_ids: objects {open_id, ...} in events.
func hrbps(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	return setOf(raw, func(item json.RawMessage) (string, error) {
		var ids struct {
			OpenID string `json:"open_id"`
		}
		if bytes.HasPrefix(bytes.TrimSpace(item), []byte("{")) {
			if json.Unmarshal(item, &ids) != nil || ids.OpenID == "" {
				return "", errWrongType
			}
			return clean(ids.OpenID), nil
		}
		return asText(item)
	})
}

// Leader is one leader of a department.
type Leader struct {
	Type   int64  `json:"leaderType"` // 1 main, 2 deputy
	OpenID string `json:"leaderID"`
}

// leaders are sorted by type and id. Without the permission for the ids
// Feishu sends the types alone, which says nothing.
func leaders(raw json.RawMessage, _ origin) (json.RawMessage, bool, error) {
	items, ok, err := list(raw)
	if !ok || err != nil {
		return nil, false, err
	}
	var all []Leader
	for _, item := range items {
		var l struct {
			Type json.RawMessage `json:"leaderType"`
			ID   json.RawMessage `json:"leaderID"`
		}
		if json.Unmarshal(item, &l) != nil {
			return nil, false, errWrongType
		}
		if len(l.ID) == 0 || isNull(l.ID) {
			return nil, false, nil
		}
		id, err := asText(l.ID)
		if err != nil {
			return nil, false, err
		}
		leader := Leader{Type: 1, OpenID: id}
		if len(l.Type) > 0 && !isNull(l.Type) {
			if leader.Type, err = asInteger(l.Type); err != nil {
				return nil, false, err
			}
		}
		all = append(all, leader)
	}
	slices.SortFunc(all, func(a, b Leader) int {
		if a.Type != b.Type {
			return int(a.Type - b.Type)
		}
		return strings.Compare(a.OpenID, b.OpenID)
	})
	all = slices.Compact(all)
	if len(all) == 0 {
		return nil, true, nil
	}
	return encode(all), true, nil
}

// decodeNumbers decodes without losing digits, and refuses numbers that
// PostgreSQL could not hold.
func decodeNumbers(raw json.RawMessage, v *any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode: %w", errWrongType)
	}
	return checkNumbers(*v)
}

// maxNumber bounds a number's text and exponent: far above any value of
// Feishu's, far below what numeric can hold.
const maxNumber = 300

func checkNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		s := strings.ToLower(v.String())
		_, exponent, _ := strings.Cut(s, "e")
		if e, err := strconv.Atoi(exponent); len(s) > maxNumber || (exponent != "" && (err != nil || e > maxNumber || e < -maxNumber)) {
			return errTooLarge
		}
	case []any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func cleanTree(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = cleanTree(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) { // in order: two keys may become one
			out[clean(k)] = cleanTree(v[k])
		}
		return out
	default:
		return v
	}
}

// sameValue reports whether two canonical values of a field mean the same.
// Avatars are URLs that differ at each call; their paths do not.
func sameValue(field string, a, b json.RawMessage) bool {
	if field != fieldAvatar || a == nil || b == nil {
		return bytes.Equal(a, b)
	}
	var x, y map[string]any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x) != len(y) {
		return false
	}
	for size, u := range x {
		v, ok := y[size]
		if !ok || urlPath(u) != urlPath(v) {
			return false
		}
	}
	return true
}

func urlPath(v any) any {
	s, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	return u.Path
}
