package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
)

// Error is a refusal in Feishu's terms. The contact API answers with it, and
// the controls return it where a change would make the organisation
// inconsistent.
type Error struct {
	Status int    // HTTP
	Code   int    // Feishu's
	Msg    string // Feishu's

	fields      []fieldViolation
	permissions []string // scopes, any of which would allow the call
}

// Error names the code and Feishu's text.
func (e *Error) Error() string { return fmt.Sprintf("feishu code %d: %s", e.Code, e.Msg) }

// fieldViolation says which parameter a 99992402 is about.
type fieldViolation struct {
	Field       string `json:"field"`
	Value       string `json:"value"`
	Description string `json:"description"`
}

// Codes that do not come from the contact API itself. Status and text follow
// Feishu's general error page.
const (
	codeInternal         = 2200
	codeBadRequest       = 9499
	codeTokenParam       = 10003
	codeTicketInvalid    = 10012
	codeTenantTokenFails = 10013
	codeAppUnknown       = 10014
	codeAppSecret        = 10015
	codeResendFails      = 10016
	codeRateLimit        = 99991400
	codeQuota            = 99991403
	codeTokenMissing     = 99991661
	codeTokenInvalid     = 99991663
	codeUserTokenInvalid = 99991668
	codeTokenFormat      = 99991671
	codeScopeMissing     = 99991672
	codeUnauthorizedApp  = 99991673
	codeUserScopeMissing = 99991679
	codeOpenIDUnknown    = 99992351
	codeOpenDeptUnknown  = 99992357
	codeUserIDUnknown    = 99992360
	codeCrossApp         = 99992361
	codeUnionIDUnknown   = 99992363
	codeCustomIDUnknown  = 99992380
	codeValidation       = 99992402
)

// Codes of the contact API that several files answer with; the others stand
// beside their methods. contactCodes has the texts.
const (
	codeParam            = 40001
	codeRootDepartment   = 40002
	codeNoDepartment     = 40004 // outside of the app's range
	codePageSize         = 40011
	codePageToken        = 40012
	codeNoParent         = 40014 // outside of the app's range
	codeMobileTaken      = 41001
	codeEmailTaken       = 41002
	codeUserName         = 41006
	codeUserIDTaken      = 41011
	codeUserIDInvalid    = 41012
	codeDepartmentNeeded = 41017
	codeOrderDepartment  = 41025
	codeOwnLeader        = 41030
	codeNoUser           = 41050 // outside of the app's range
	codeUserExists       = 41053
	codePrimaryNotFirst  = 41410
	codeResigned         = 42006
	codeDepartmentExists = 43000
	codeCustomIDTaken    = 43007
	codeTooBig           = 43010
	codeHasMembers       = 43011
	codeHasChildren      = 43012
	codeLeaderTwice      = 43016
	codeTooDeep          = 43019
	codeHRBP             = 43028
	codeLeaderInvalid    = 44022
	codeNoDepartmentID   = 44102
)

// gatewayCodes are the codes that do not come from the contact API itself: the
// gateway before it, and the token endpoints, which answer 200 whatever they say.
var gatewayCodes = map[int]answerText{
	codeInternal:         {http.StatusInternalServerError, "Internal Error"},
	codeBadRequest:       {http.StatusBadRequest, "Bad Request"},
	codeTokenParam:       {http.StatusOK, "invalid param"},
	codeTicketInvalid:    {http.StatusOK, "get app access token fail"},
	codeTenantTokenFails: {http.StatusOK, "get tenant access token fail"},
	codeAppUnknown:       {http.StatusOK, "app id not exists"},
	codeAppSecret:        {http.StatusOK, "wrong app secret"},
	codeResendFails:      {http.StatusOK, "app resend fail"},
	codeRateLimit:        {http.StatusTooManyRequests, "request trigger frequency limit"},
	codeQuota:            {http.StatusBadRequest, "This month's API call quota has been exceeded"},
	codeTokenMissing:     {http.StatusBadRequest, "Missing access token for authorization. Please make a request with token attached."},
	codeTokenInvalid:     {http.StatusBadRequest, "Invalid access token for authorization. Please make a request with token attached."},
	codeUserTokenInvalid: {http.StatusBadRequest, "Invalid access token for authorization. Please make a request with token attached."},
	codeTokenFormat:      {http.StatusBadRequest, "Invalid token: must start with t-/u-"},
	codeUnauthorizedApp:  {http.StatusBadRequest, "unauthorized app"},
	codeUserScopeMissing: {http.StatusBadRequest, "Unauthorized. You do not have permission to perform the requested operation on the resource. Please request user re-authorization and try again."},
	codeCrossApp:         {http.StatusBadRequest, "open_id cross app"},
	codeValidation:       {http.StatusBadRequest, "field validation failed"},
}

// refuse makes the answer for a code, worded as Feishu words it first of all.
func refuse(code int) *Error {
	t, ok := gatewayCodes[code]
	if !ok {
		t = contactCodes[code]
	}
	return &Error{Status: cmp.Or(t.status, http.StatusBadRequest), Code: code, Msg: t.msg}
}

func refuseWith(code int, msg string) *Error { return refuse(code).saying(msg) }

// saying is the same refusal in other words, as some methods have them.
func (e *Error) saying(msg string) *Error {
	e.Msg = msg
	return e
}

// at is the same refusal with another HTTP status, as some methods have it.
func (e *Error) at(status int) *Error {
	e.Status = status
	return e
}

// invalidField is what the gateway says of a parameter it cannot accept.
func invalidField(field, value, description string) *Error {
	e := refuse(codeValidation)
	e.fields = []fieldViolation{{Field: field, Value: value, Description: description}}
	return e
}

// unknownID is what the gateway says of an id that does not exist. It looks at
// ids before the method itself does, so 40015 and its like are not seen.
func unknownID(code int, kind, example, id string) *Error {
	return refuseWith(code, fmt.Sprintf(
		"The request you send is not a valid {%s} or not exists, and the example value is {%s}. Invalid ids: [%s]",
		kind, example, id))
}

// scopeMissing is the answer to a call that no permission of the app allows.
func scopeMissing(appID string, scopes []string) *Error {
	e := refuseWith(codeScopeMissing, fmt.Sprintf(
		"Access denied. One of the following scopes is required: [%s].应用尚未开通所需的应用身份权限：[%s]，点击链接申请并开通任一权限即可：https://open.feishu.cn/app/%s/auth?q=%s&op_from=openapi&token_type=tenant",
		strings.Join(scopes, ", "), strings.Join(scopes, ", "), appID, strings.Join(scopes, ",")))
	e.permissions = scopes
	return e
}
