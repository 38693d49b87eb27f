package feishu

import (
	"errors"
	"net/http"
)

// reaction is what the client does about a failed request.
type reaction int

const (
	stop  reaction = iota // the same request would fail in the same way
	again                 // a fault of the moment: try again after a pause
	later                 // a rate limit: wait as long as the answer says
	renew                 // the token is not accepted: get another one, once
)

// class is the meaning of a failure.
type class struct {
	is      error // the sentinel, or nil
	do      reaction
	meaning string
}

// codes is the only place that gives Feishu's codes a meaning. A code that is
// not here says that the request was wrong, and ends the call without a
// sentinel. Sources: the error tables of the Contact v3 pages, the server error
// code page, the frequency control page and the pages of the token methods.
//
// ErrNotFound is a proof of deletion to the crawl, so that only codes are in it
// that say so: ids of another app or tenant (99992361, 99992364, 99992381) and
// malformed ones (41012) are not.
var codes = map[int]class{
	// The token endpoints; they answer with HTTP 200.
	10003:    {ErrCredentials, stop, "app id or app secret is malformed or empty"},
	10012:    {ErrCredentials, stop, "no app access token could be made"},
	10013:    {ErrCredentials, stop, "no tenant access token could be made"},
	10014:    {ErrCredentials, stop, "the app does not exist or is disabled"},
	10015:    {ErrCredentials, stop, "the app secret is wrong"},
	10016:    {ErrCredentials, stop, "the app is not of the expected type"},
	99991543: {ErrCredentials, stop, "app id and app secret do not belong together"},

	// The gateway's check of the token. Some of these mean another kind of
	// token than ours; a token that is new is the only thing we can try.
	99991661: {ErrCredentials, renew, "no token was sent"},
	99991662: {ErrCredentials, renew, "the app is disabled"},
	99991663: {ErrCredentials, renew, "the tenant token is wrong or has expired"},
	99991664: {ErrCredentials, renew, "the app token is wrong"},
	99991665: {ErrCredentials, renew, "the token's tenant is not valid"},
	99991666: {ErrCredentials, renew, "the token is not accepted"},
	99991667: {ErrCredentials, renew, "the token is not accepted"},
	99991668: {ErrCredentials, renew, "the user token is wrong, or user tokens are not taken here"},
	99991671: {ErrCredentials, renew, "the token is malformed"},
	99991677: {ErrCredentials, renew, "the token has expired"},
	99991673: {ErrCredentials, stop, "the app is not installed in the tenant"},

	99991401: {ErrPermission, stop, "the app's IP allow-list does not hold this machine"},
	99991672: {ErrPermission, stop, "the app lacks the permission"},
	99991676: {ErrPermission, stop, "the token lacks the permission"},
	99991679: {ErrPermission, stop, "the user has not granted the permission"},

	99991400: {ErrUnavailable, later, "too many calls"},
	99991403: {ErrQuota, stop, "the monthly quota of the tenant's plan is used up"},

	// The server's own trouble, with HTTP 400 as often as with 500.
	1500:  {ErrUnavailable, again, "internal error"},
	2200:  {ErrUnavailable, again, "internal error"},
	5000:  {ErrUnavailable, again, "internal error"},
	40003: {ErrUnavailable, again, "internal error"},

	40012: {ErrPageToken, stop, "the page token does not belong to this list"},
	43010: {ErrTooBig, stop, "the department is too big for this query"},

	// Outside the contact scope, which says nothing about existence.
	40004: {ErrNoAuthority, stop, "the department is outside the contact scope"},
	40014: {ErrNoAuthority, stop, "the parent department is outside the contact scope"},
	41050: {ErrNoAuthority, stop, "the user is outside the contact scope"},
	42009: {ErrNoAuthority, stop, "the group is outside the contact scope"},
	42010: {ErrNoAuthority, stop, "the contact scope must be all staff"},

	// The gateway checks ids before the contact service sees them, so that an
	// unknown one comes back as one of these rather than as 40015.
	40015:    {ErrNotFound, stop, "the department does not exist"},
	42002:    {ErrNotFound, stop, "the group does not exist"},
	43051:    {ErrNotFound, stop, "the unit does not exist"},
	99992351: {ErrNotFound, stop, "the open_id does not exist"},
	99992352: {ErrNotFound, stop, "the open_id does not exist"},
	99992353: {ErrNotFound, stop, "the open_id does not exist"},
	99992357: {ErrNotFound, stop, "the open_department_id does not exist"},
	99992358: {ErrNotFound, stop, "the open_department_id does not exist"},
	99992359: {ErrNotFound, stop, "the user_id does not exist"},
	99992360: {ErrNotFound, stop, "the user_id does not exist"},
	99992363: {ErrNotFound, stop, "the union_id does not exist"},
	99992379: {ErrNotFound, stop, "the department_id does not exist"},
	99992380: {ErrNotFound, stop, "the department_id does not exist"},
}

// class looks at the failure first, then at the code, then at the HTTP status:
// some internal errors come with HTTP 400, and rate limits with 400 or 429.
func (e *Error) class() class {
	switch {
	case errors.Is(e.Err, ErrPaging):
		return class{ErrPaging, again, ""}
	case errors.Is(e.Err, errAnswerTooLarge):
		return class{ErrUnavailable, stop, ""}
	}
	if known, ok := codes[e.Code]; ok {
		return known
	}
	switch {
	case e.HTTPStatus == http.StatusTooManyRequests:
		return class{ErrUnavailable, later, "too many calls"}
	case e.HTTPStatus >= 500, e.HTTPStatus == http.StatusRequestTimeout:
		return class{ErrUnavailable, again, "internal error"}
	case e.Err != nil:
		return class{ErrUnavailable, again, ""}
	default:
		return class{nil, stop, "unknown error"}
	}
}
