package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/orgmirror/orgmirror/internal/query"
)

// call is one request on its way to an answer.
type call struct {
	handler  *handler
	service  *query.Service
	method   method
	request  *http.Request
	ctx      context.Context //nolint:containedctx // of this one call
	logID    string
	query    url.Values
	client   query.Client
	kinds    kinds
	mobiles  bool   // whether the app is shown mobile numbers
	withheld int    // people with fields that are withheld from others
	searched string // what a body asked for, to which page tokens belong too

	data []byte     // the value of "data", or the whole body of a flat answer
	age  *query.Age // nil where nothing was read
}

// The id kinds, in Feishu's words.
const (
	openID  = "open_id"
	unionID = "union_id"
	userID  = "user_id"

	openDepartmentID = "open_department_id"
	departmentID     = "department_id"
)

const rootID = "0"

// kinds are the kinds of ids that a call sends and wants back.
type kinds struct{ user, department string }

func (c *call) readKinds() error {
	var err error
	if c.kinds.user, err = c.oneOf("user_id_type", openID, openID, unionID, userID); err != nil {
		return err
	}
	c.kinds.department, err = c.oneOf("department_id_type", openDepartmentID, departmentID, openDepartmentID)
	return err
}

// oneOf reads a parameter that is one of some words.
func (c *call) oneOf(name, absent string, words ...string) (string, error) {
	word := c.query.Get(name)
	if word == "" {
		return absent, nil
	}
	if !slices.Contains(words, word) {
		return "", invalidField(name, word, name+" is optional, options: ["+strings.Join(words, ",")+"]")
	}
	return word, nil
}

func (c *call) boolean(name string) (bool, error) {
	text := c.query.Get(name)
	if text == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, invalidField(name, text, name+" should be a boolean")
	}
	return v, nil
}

// id is the id of the path.
func (c *call) id(name string) string { return c.request.PathValue(name) }

// maxID is more than any id of Feishu's; what is longer, or what no text of
// PostgreSQL's can be, is nobody's.
const maxID = 256

func isID(s string) bool { return s != "" && len(s) <= maxID && !strings.ContainsRune(s, 0) }

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// input reads the request's JSON object; none at all is an empty one.
func (c *call) input(v any) error {
	body, err := io.ReadAll(io.LimitReader(c.request.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return refuse(codeBadRequest)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	err = json.Unmarshal(body, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return invalidField(wrong.Field, member(body, wrong.Field), wrong.Field+" should be "+jsonName(wrong.Type))
	default:
		return refuse(codeBadRequest)
	}
}

// member is what a body has for a field, shortened.
func member(body []byte, name string) string {
	o, err := objectOf(body)
	if err != nil {
		return ""
	}
	text := []rune(string(o[name]))
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
	default:
		return "an object"
	}
}

// read runs the method's query at the freshness that the call asks for.
func (c *call) read(query func(context.Context) (query.Moment, error)) error {
	age, err := c.service.Read(c.ctx, c.request.Header.Get(headerAtLeast), query)
	if err == nil {
		c.age = &age
	}
	return err
}

// body is a success as it goes out.
func (c *call) body() []byte {
	if c.method.open {
		return c.data
	}
	return slices.Concat([]byte(`{"code":0,"data":`), c.data, []byte(`,"msg":"success"}`))
}
