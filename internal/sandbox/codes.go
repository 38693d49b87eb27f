package sandbox

import (
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

// The codes that the sandbox answers with. Status and text follow the error
// tables of Feishu's contact v3 pages and of its general error page.
const (
	codeInternal          = 2200
	codeBadRequest        = 9499
	codeTokenParam        = 10003
	codeAppUnknown        = 10014
	codeAppSecret         = 10015
	codeParam             = 40001
	codeRootDepartment    = 40002
	codeDepartmentUnknown = 40015
	codePageSize          = 40011
	codePageToken         = 40012
	codeMobileTaken       = 41001
	codeEmailTaken        = 41002
	codeUserName          = 41006
	codeUserIDTaken       = 41011
	codeUserIDInvalid     = 41012
	codeDepartmentNeeded  = 41017
	codeOrderDepartment   = 41025
	codeOwnLeader         = 41030
	codeUserExists        = 41053
	codePrimaryNotFirst   = 41410
	codeResigned          = 42006
	codeDepartmentExists  = 43000
	codeCustomIDTaken     = 43007
	codeTooBig            = 43010
	codeHasMembers        = 43011
	codeHasChildren       = 43012
	codeLeaderTwice       = 43016
	codeTooDeep           = 43019
	codeHRBP              = 43028
	codeLeaderInvalid     = 44022
	codeNoDepartmentID    = 44102
	codeRateLimit         = 99991400
	codeTokenMissing      = 99991661
	codeTokenInvalid      = 99991663
	codeUserTokenInvalid  = 99991668
	codeTokenFormat       = 99991671
	codeScopeMissing      = 99991672
	codeOpenIDUnknown     = 99992351
	codeOpenDeptUnknown   = 99992357
	codeUserIDUnknown     = 99992360
	codeUnionIDUnknown    = 99992363
	codeCustomIDUnknown   = 99992380
	codeValidation        = 99992402
)

// texts holds the text of each code that has one only.
var texts = map[int]string{
	codeInternal:          "Internal Error",
	codeBadRequest:        "Bad Request",
	codeTokenParam:        "invalid param",
	codeAppUnknown:        "app id not exists",
	codeAppSecret:         "wrong app secret",
	codeParam:             "param error",
	codeRootDepartment:    "process root dept error",
	codeDepartmentUnknown: "department not exist",
	codePageSize:          "page size is invalid",
	codePageToken:         "page token is invalid error",
	codeMobileTaken:       "mobile has already exist error",
	codeEmailTaken:        "email has already exist error",
	codeUserName:          "no user name error",
	codeUserIDTaken:       "userID already exists error",
	codeUserIDInvalid:     "user id invalid error",
	codeDepartmentNeeded:  "department is required error",
	codeOrderDepartment:   "order department invalid error",
	codeOwnLeader:         "set leader to oneself error",
	codeUserExists:        "user has already exist error",
	codePrimaryNotFirst:   "user primary dept must be the first department in the order",
	codeResigned:          "user has resigned error",
	codeDepartmentExists:  "dept has already exist error",
	codeCustomIDTaken:     "duplicated department custom id error",
	codeTooBig:            "big dept forbid recursion error",
	codeHasMembers:        "delete has member dept error",
	codeHasChildren:       "delete has sub dept department error",
	codeLeaderTwice:       "leaders is repeat",
	codeTooDeep:           "exceed dept max level",
	codeHRBP:              "invalid department hrbps",
	codeLeaderInvalid:     "leaderID is Invalid",
	codeNoDepartmentID:    "miss department_id error",
	codeRateLimit:         "request trigger frequency limit",
	codeTokenMissing:      "Missing access token for authorization. Please make a request with token attached.",
	codeTokenInvalid:      "Invalid access token for authorization. Please make a request with token attached.",
	codeUserTokenInvalid:  "Invalid access token for authorization. Please make a request with token attached.",
	codeTokenFormat:       "Invalid token: must start with t-/u-",
	codeValidation:        "field validation failed",
}

// statuses holds the HTTP status of the codes that do not go with 400.
var statuses = map[int]int{
	codeInternal:         http.StatusInternalServerError,
	codeTokenParam:       http.StatusOK, // the token endpoints answer 200 whatever they say
	codeAppUnknown:       http.StatusOK,
	codeAppSecret:        http.StatusOK,
	codeUserExists:       http.StatusConflict,
	codeDepartmentExists: http.StatusUnauthorized,
	codeRateLimit:        http.StatusTooManyRequests,
}

func refuse(code int) *Error {
	return refuseWith(code, texts[code])
}

func refuseWith(code int, msg string) *Error {
	status, ok := statuses[code]
	if !ok {
		status = http.StatusBadRequest
	}
	return &Error{Status: status, Code: code, Msg: msg}
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
