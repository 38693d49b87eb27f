package feishu

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"
)

// What a failed call means for the caller. Use errors.Is; which code means what
// is in codes.go. Feishu's own words are in the [*Error].
var (
	ErrCredentials = errors.New("feishu: the app id, the app secret or the token they gave is not accepted")
	ErrPermission  = errors.New("feishu: the app lacks a permission for this call")
	ErrQuota       = errors.New("feishu: the tenant's monthly call quota is used up")
	ErrPageToken   = errors.New("feishu: the page token is not valid any more: the list must be read again from its start")
	ErrTooBig      = errors.New("feishu: the department is too big to be read recursively")
	ErrNoAuthority = errors.New("feishu: the department, user or group is outside the app's contact scope")
	ErrNotFound    = errors.New("feishu: the id does not exist")
	// ErrUnavailable is an upstream that could not be reached or did not answer
	// properly, after as many tries as [Retry] allows.
	ErrUnavailable = errors.New("feishu: the upstream does not answer properly")
	// ErrPaging is a page that promises more but gives no way to it, or the way
	// it was reached by. To follow it would lose or repeat a part of the list.
	ErrPaging = errors.New("the page says has_more without a new page_token")
)

// Error is a call that Feishu refused or that got no proper answer.
type Error struct {
	Endpoint   string // a template: "GET /contact/v3/users/:user_id"
	HTTPStatus int    // 0 when no answer came
	Code       int    // Feishu's code; 0 when there is none
	Msg        string // Feishu's msg, with ids of people and secrets removed
	LogID      string // what Feishu's support asks for
	Violations []string
	Attempts   int   // HTTP requests spent on the call
	Err        error // what is wrong with the answer, or why there is none; nil when Code says it
}

// Error says what was called, what came back, and whom to ask.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "feishu %s", e.Endpoint)
	switch {
	case e.HTTPStatus == 0 && e.Code == 0: // nothing came back
	case e.Code == 0:
		fmt.Fprintf(&b, ": HTTP %d %s", e.HTTPStatus, strings.ToLower(http.StatusText(e.HTTPStatus)))
	default:
		msg := e.Msg
		if msg == "" {
			msg = e.class().meaning
		}
		fmt.Fprintf(&b, ": code %d (HTTP %d): %s", e.Code, e.HTTPStatus, msg)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if notes := e.notes(); len(notes) > 0 {
		fmt.Fprintf(&b, " [%s]", strings.Join(notes, "; "))
	}
	return b.String()
}

func (e *Error) notes() []string {
	var notes []string
	if errors.Is(e, ErrPermission) && len(e.Violations) > 0 {
		notes = append(notes, "any of these permissions is enough: "+strings.Join(e.Violations, ", "))
	}
	if e.LogID != "" {
		notes = append(notes, "log id "+e.LogID)
	}
	if e.Attempts > 1 {
		notes = append(notes, fmt.Sprintf("%d attempts", e.Attempts))
	}
	return notes
}

// Is matches the sentinel that the code, the HTTP status or the failure stands
// for.
func (e *Error) Is(target error) bool {
	is := e.class().is
	return is != nil && target == is
}

// Unwrap gives the network's or the decoder's error, if that was the failure.
func (e *Error) Unwrap() error { return e.Err }

// userID matches open_ids and union_ids inside Feishu's messages ("Invalid ids:
// [ou_…]"). Department ids may be shown: they name no person.
var userID = regexp.MustCompile(`\bo[un]_[0-9A-Za-z]+`)

const maxText = 300

// cleanText makes a text of Feishu's fit for logs: without the values that the
// call sent in confidence, without ids of people, short and on one line.
func cleanText(msg string, hide []string) string {
	for _, secret := range hide {
		// A value of a letter or two is no secret, and removing it would leave
		// a message that nobody can read.
		if len(secret) > 3 {
			msg = strings.ReplaceAll(msg, secret, "***")
		}
	}
	msg = userID.ReplaceAllString(msg, "***")
	msg = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(msg, "?"))
	if runes := []rune(msg); len(runes) > maxText {
		msg = string(runes[:maxText]) + "…"
	}
	return strings.TrimSpace(msg)
}

// quietError is an error with its text cleaned.
type quietError struct {
	text  string
	cause error
}

func (e quietError) Error() string { return e.text }

func (e quietError) Unwrap() error { return e.cause }
