package compat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// refusal is an answer that is none, in Feishu's terms.
type refusal struct {
	status int
	code   int
	msg    string

	field       *fieldViolation // the parameter at fault, if it is one
	permissions []string        // any of which would allow the call
}

func (r *refusal) Error() string { return fmt.Sprintf("code %d: %s", r.code, r.msg) }

type fieldViolation struct {
	Description string `json:"description"`
	Field       string `json:"field"`
	Value       string `json:"value"`
}

// Feishu's codes, as its pages have them: of the gateway before the contact API,
// of the token endpoints, which answer 200 whatever they say, and of the methods.
const (
	codeInternal         = 2200
	codeBadRequest       = 9499
	codeTokenParam       = 10003
	codeAppUnknown       = 10014
	codeAppSecret        = 10015
	codeParam            = 40001
	codeNoDepartment     = 40004
	codePageSize         = 40011
	codePageToken        = 40012
	codeNoUser           = 41050
	codeMemberIDKind     = 41071
	codeMemberMismatch   = 41072
	codeMemberID         = 41073
	codeMemberType       = 41074
	codeGroupID          = 42002
	codeNoGroup          = 42009
	codeUnitID           = 43051
	codeNoDepartmentID   = 44102
	codeSearchParam      = 48001
	codeRateLimit        = 99991400
	codeTokenMissing     = 99991661
	codeTokenInvalid     = 99991663
	codeUserTokenInvalid = 99991668
	codeTokenFormat      = 99991671
	codeScopeMissing     = 99991672
	codeOpenIDUnknown    = 99992351
	codeOpenDeptUnknown  = 99992357
	codeUserIDUnknown    = 99992360
	codeCrossApp         = 99992361
	codeUnionIDUnknown   = 99992363
	codeCustomIDUnknown  = 99992380
	codeValidation       = 99992402
)

// Codes of our own, for what cannot happen with Feishu. They are seven digits long
// and begin with the HTTP status behind a 1, where Feishu has none.
const (
	codeReadOnly = 1405001
	codeNotFresh = 1503001
)

const invalidToken = "Invalid access token for authorization. Please make a request with token attached."

var answers = map[int]struct {
	status int
	msg    string
}{
	codeInternal:         {http.StatusInternalServerError, "Internal Error"},
	codeBadRequest:       {http.StatusBadRequest, "Bad Request"},
	codeTokenParam:       {http.StatusOK, "invalid param"},
	codeAppUnknown:       {http.StatusOK, "app id not exists"},
	codeAppSecret:        {http.StatusOK, "wrong app secret"},
	codeParam:            {http.StatusBadRequest, "param error"},
	codeNoDepartment:     {http.StatusForbidden, "no dept authority error"},
	codePageSize:         {http.StatusBadRequest, "page size is invalid"},
	codePageToken:        {http.StatusBadRequest, "page token is invalid error"},
	codeNoUser:           {http.StatusBadRequest, "no user authority error"},
	codeMemberIDKind:     {http.StatusBadRequest, "invalid member_id_type"},
	codeMemberMismatch:   {http.StatusBadRequest, "member_type not match member_id_type"},
	codeMemberID:         {http.StatusBadRequest, "invalid member_id"},
	codeMemberType:       {http.StatusBadRequest, "invalid member_type"},
	codeGroupID:          {http.StatusBadRequest, "invalid group_id"},
	codeNoGroup:          {http.StatusForbidden, "no user group authority error"},
	codeUnitID:           {http.StatusBadRequest, "unit_id invalid"},
	codeNoDepartmentID:   {http.StatusBadRequest, "miss department_id error"},
	codeSearchParam:      {http.StatusBadRequest, "invalid param"},
	codeRateLimit:        {http.StatusTooManyRequests, "request trigger frequency limit"},
	codeTokenMissing:     {http.StatusBadRequest, "Missing access token for authorization. Please make a request with token attached."},
	codeTokenInvalid:     {http.StatusBadRequest, invalidToken},
	codeUserTokenInvalid: {http.StatusBadRequest, invalidToken},
	codeTokenFormat:      {http.StatusBadRequest, "Invalid token: must start with t-/u-"},
	codeCrossApp:         {http.StatusBadRequest, "open_id cross app"},
	codeValidation:       {http.StatusBadRequest, "field validation failed"},
	codeReadOnly:         {http.StatusMethodNotAllowed, "this is a mirror of the directory, and it is read-only: send writes to Feishu itself"},
	codeNotFresh:         {http.StatusServiceUnavailable, "the mirror is not as fresh as was asked for"},
}

// refuse is the answer for a code, in Feishu's first text for it.
func refuse(code int) *refusal {
	a := answers[code]
	return &refusal{status: a.status, code: code, msg: a.msg}
}

func (r *refusal) saying(msg string) *refusal {
	r.msg = msg
	return r
}

// invalidField is what the gateway says of a parameter that it cannot accept.
func invalidField(field, value, description string) *refusal {
	return refuse(codeValidation).blaming(field, value, description)
}

func (r *refusal) blaming(field, value, description string) *refusal {
	r.field = &fieldViolation{Field: field, Value: value, Description: description}
	return r
}

// scopeMissing is what the gateway says to an app that none of its permissions
// allows the call.
func scopeMissing(scopes ...string) *refusal {
	return &refusal{
		status: http.StatusBadRequest, code: codeScopeMissing, permissions: scopes,
		msg: "Access denied. One of the following scopes is required: [" + strings.Join(scopes, ", ") + "].",
	}
}

func unknownID(code int, kind, example, id string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, msg: fmt.Sprintf(
		"The request you send is not a valid {%s} or not exists, and the example value is {%s}. Invalid ids: [%s]", kind, example, id)}
}

func unknownUser(kind, id string) *refusal {
	switch kind {
	case unionID:
		return unknownID(codeUnionIDUnknown, kind, "on_94a1ee5551019f18cd73d9f111898cf2", id)
	case userID:
		return unknownID(codeUserIDUnknown, kind, "3e3cf96b", id)
	default:
		return unknownID(codeOpenIDUnknown, kind, "ou_7dab8a3d3cdcc9da365777c7ad535d62", id)
	}
}

func unknownDepartment(kind, id string) *refusal {
	if kind == departmentID {
		return unknownID(codeCustomIDUnknown, kind, "D096", id)
	}
	return unknownID(codeOpenDeptUnknown, kind, "od-4e6ac4d14bcd5071a37a39de902c7141", id)
}

// envelope is a refusal's body. That of the token endpoints is flat.
func (r *refusal) envelope(logID string, flat bool) []byte {
	if flat {
		return marshal(map[string]any{"code": r.code, "data": struct{}{}, "msg": r.msg})
	}
	detail := map[string]any{
		"log_id":         logID,
		"troubleshooter": "orgmirror: look for this log_id in the log of the mirror",
	}
	if r.field != nil {
		detail["field_violations"] = []*fieldViolation{r.field}
	}
	var lacking []map[string]string
	for _, scope := range r.permissions {
		lacking = append(lacking, map[string]string{"subject": scope, "type": "action_scope_required", "description": ""})
	}
	if lacking != nil {
		detail["permission_violations"] = lacking
	}
	return marshal(map[string]any{"code": r.code, "msg": r.msg, "error": detail})
}

// marshal encodes what we made ourselves, which cannot fail.
func marshal(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}
