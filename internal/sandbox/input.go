package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// input reads the request's JSON object into v, a struct whose fields are
// pointers: nil is what was not sent, and so is null. Keys that v does not have
// are ignored, as Feishu ignores them; no body at all is an empty object.
func (c *call) input(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	err := json.Unmarshal(c.body, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return invalidField(wrong.Field, c.sent(wrong.Field), wrong.Field+" should be "+jsonName(wrong.Type))
	default:
		return refuse(codeBadRequest) // not JSON, or not an object
	}
}

// sent is what the body has for a field, "" where the field is deeper than the
// first level.
func (c *call) sent(field string) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(c.body, &object) != nil {
		return ""
	}
	text := []rune(string(object[field]))
	return string(text[:min(len(text), 100)])
}

func jsonName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "an integer"
	}
}

// given lists the keys that an input struct has got, by its fields' JSON names.
func given(body any) []string {
	v := reflect.ValueOf(body)
	var names []string
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			names = append(names, v.Type().Field(i).Tag.Get("json"))
		}
	}
	return names
}

// set takes a value over, if there is one.
func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// orElse gives a field that was not sent a value.
func orElse[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// blank tells whether a text was sent and says nothing.
func blank(text *string) bool { return text != nil && strings.TrimSpace(*text) == "" }

// missing tells whether a text was not sent, or says nothing.
func missing(text *string) bool { return text == nil || blank(text) }

// nothing is the answer of the methods that return nothing.
func (c *call) nothing() { c.buf = append(c.buf, '{', '}') }
