package directory

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a field may hold is bounded where PostgreSQL is: a value that a column
// or an index refuses would stop the page that it is in, for ever. All bounds
// are far above what Feishu allows.
const (
	maxInt32 = math.MaxInt32
	maxInt64 = math.MaxInt64

	firstSecond = -62135596800 // year 1
	lastSecond  = 253402300799 // year 9999

	maxKey    = 200  // bytes of an id; Feishu's have 35, those that a company chooses 64
	maxLabel  = 1100 // bytes of what is indexed; Feishu allows names of 255 characters
	maxNumber = 300  // characters and exponent of a number that we have no type for
	maxDigits = 40   // of a decimal
)

var (
	errWrongType = errors.New("wrong type")
	errTooLarge  = errors.New("number too large")
	errTooLong   = errors.New("text too long")
	errTooDeep   = errors.New("nested too deeply")
	errNoID      = errors.New("not an id")

	// errForeignID says that somebody is named by an id of another kind than we
	// keep: who that is, only an observation tells.
	errForeignID = errors.New("an id of another kind")
)

// asText reads strings, and numbers and booleans written where a string
// belongs.
func asText(raw []byte) (string, error) {
	if isNull(raw) {
		return "", errWrongType
	}
	switch c := raw[0]; {
	case c == '"':
		return unquote(raw), nil
	case c == 't' || c == 'f':
		return string(raw), nil
	case c == '-' || '0' <= c && c <= '9':
		return string(raw), checkNumber(raw)
	default:
		return "", errWrongType
	}
}

// text is a string; an empty one is "not set".
func text(raw []byte, _ origin) (value []byte, ok bool, err error) {
	if raw[0] == '"' && plain(raw) {
		if len(raw) == len(`""`) {
			return nil, true, nil
		}
		return raw, true, nil
	}
	s, err := asText(raw)
	switch {
	case err != nil:
		return nil, false, err
	case s == "":
		return nil, true, nil
	default:
		return quote(s), true, nil
	}
}

// label is text that is indexed.
func label(raw []byte, from origin) (value []byte, ok bool, err error) {
	value, ok, err = text(raw, from)
	if len(value) > maxLabel {
		return nil, false, errTooLong
	}
	return value, ok, err
}

// sensitiveText is text whose empty string in an answer means nothing: apps
// without the permission have been given "" instead of no key.
func sensitiveText(raw []byte, from origin) (value []byte, ok bool, err error) {
	value, ok, err = text(raw, from)
	if value == nil && from == fromObservation {
		return nil, false, err
	}
	return value, ok, err
}

// asKey reads an id that others point to.
func asKey(raw []byte) (string, error) {
	s, err := asText(raw)
	if err == nil && !isKey(s) {
		err = errNoID
	}
	return s, err
}

// asKeyOf reads the id of an entity.
func asKeyOf(kind Kind, raw []byte) (string, error) {
	s, err := asText(raw)
	if err == nil && !isKeyOf(kind, s) {
		err = errNoID
	}
	return s, err
}

// isKeyOf reports whether a text can be the id of an entity. Those of employee
// types are base64, with slashes, and stand in no path of ours.
func isKeyOf(kind Kind, s string) bool {
	switch kind {
	case KindEmployeeType:
		return isKey(strings.ReplaceAll(s, "/", "_"))
	case KindGroupMember, KindUnitDepartment, KindScopeNode:
		return linkParts(kind, s) != nil
	default:
		return isKey(s)
	}
}

// isKey reports whether a text can be an id. Ids are put into paths between
// slashes, and two that differ must not be made equal by repairing them.
func isKey(s string) bool {
	if s == "" || len(s) > maxKey || strings.Contains(s, "\uFFFD") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '/' || c == 0x7F {
			return false
		}
	}
	return true
}

// asBoolean reads a boolean, and one written as a string or number.
func asBoolean(raw []byte) (bool, error) {
	switch string(raw) {
	case `true`, `"true"`, `1`, `"1"`:
		return true, nil
	case `false`, `"false"`, `0`, `"0"`:
		return false, nil
	default:
		return false, errWrongType
	}
}

func boolean(raw []byte, _ origin) (value []byte, ok bool, err error) {
	is, err := asBoolean(raw)
	if err != nil {
		return nil, false, err
	}
	return asJSON(is), true, nil
}

var jsonTrue, jsonFalse = []byte("true"), []byte("false")

func asJSON(is bool) []byte {
	if is {
		return jsonTrue
	}
	return jsonFalse
}

// asInteger reads an integer or a decimal string, as Feishu mixes them.
func asInteger(raw []byte) (int64, error) {
	if isNull(raw) {
		return 0, errWrongType
	}
	digits := raw
	if raw[0] == '"' {
		digits = raw[1 : len(raw)-1]
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errTooLarge
	case err != nil:
		return 0, errWrongType
	}
	return n, nil
}

// integer is an integer between two bounds. An empty string is "not set", as
// in text.
func integer(least, most int64) canonical {
	return func(raw []byte, _ origin) (value []byte, ok bool, err error) {
		if string(raw) == `""` {
			return nil, true, nil
		}
		n, err := asInteger(raw)
		switch {
		case err != nil:
			return nil, false, err
		case n < least || n > most:
			return nil, false, errTooLarge
		default:
			return strconv.AppendInt(nil, n, 10), true, nil
		}
	}
}

func unsetAtZero(rule canonical) canonical {
	return func(raw []byte, from origin) (value []byte, ok bool, err error) {
		value, ok, err = rule(raw, from)
		if string(value) == "0" {
			value = nil
		}
		return value, ok, err
	}
}

// decimal is an integer of any size, kept as a string.
func decimal(raw []byte, _ origin) (value []byte, ok bool, err error) {
	digits := raw
	if raw[0] == '"' {
		digits = raw[1 : len(raw)-1]
	}
	if len(digits) == 0 {
		return nil, true, nil
	}
	digits, negative := bytes.CutPrefix(digits, []byte("-"))
	for _, c := range digits {
		if c < '0' || c > '9' {
			return nil, false, errWrongType
		}
	}
	switch {
	case len(digits) == 0:
		return nil, false, errWrongType
	case len(digits) > maxDigits:
		return nil, false, errTooLarge
	}
	if digits = bytes.TrimLeft(digits, "0"); len(digits) == 0 {
		return []byte(`"0"`), true, nil
	}
	value = append(make([]byte, 0, len(raw)+2), '"')
	if negative {
		value = append(value, '-')
	}
	return append(append(value, digits...), '"'), true, nil
}

// parent is a department's parent. It is never cleared: no parent is the root.
func parent(raw []byte, _ origin) (value []byte, ok bool, err error) {
	if string(raw) == `""` {
		return quote(RootDepartmentID), true, nil
	}
	id, err := asKey(raw)
	if err != nil {
		return nil, false, err
	}
	return quote(id), true, nil
}

// checkNumber refuses numbers that PostgreSQL's numeric could not hold.
func checkNumber(raw []byte) error {
	if len(raw) > maxNumber {
		return errTooLarge
	}
	if e := bytes.IndexAny(raw, "eE"); e >= 0 {
		exponent, err := strconv.Atoi(string(raw[e+1:]))
		if err != nil || exponent > maxNumber || exponent < -maxNumber {
			return errTooLarge
		}
	}
	return nil
}

// shorten cuts a text to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
