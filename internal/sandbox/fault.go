package sandbox

import (
	"errors"
	"math"
	"slices"
	"strings"
)

// Fault is something that goes wrong for some calls. Without Status, Code and
// Body the call is answered by its method, and what else is set happens to it or
// to the answer.
type Fault struct {
	// ID names the fault for DELETE /faults/{id}; made where empty.
	ID string `json:"id,omitempty"`
	// Preset fills what is not set from one of [Presets].
	Preset string `json:"preset,omitempty"`

	// Endpoint is the endpoint's name, such as "GET /contact/v3/users/:user_id", or
	// a pattern in which * stands for anything, such as "GET /contact/v3/users*";
	// empty stands for every endpoint. The token endpoints are only hit by what
	// begins with "POST /auth/".
	Endpoint string `json:"endpoint"`
	// App, where set, picks the calls of one app.
	App string `json:"app_id,omitempty"`
	// Match, where set, picks the calls whose path and query contain it.
	Match string `json:"match,omitempty"`
	// Below, where set, picks the calls whose path or query names this department
	// or one below it, by its open_department_id.
	Below string `json:"below,omitempty"`

	// Skip lets that many calls pass first.
	Skip int `json:"skip,omitempty"`
	// Count is how many calls are hit; a negative number is all until the fault is
	// removed. 0 is one, or all where Probability or ForMS is set.
	Count int `json:"count,omitempty"`
	// Probability hits some of the calls only, the same ones for the same Seed.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
	// ForMS ends the fault that long after it was set; with Stale, that long after
	// the write.
	ForMS int `json:"for_ms,omitempty"`
	// Hits is how many calls have been hit. It is ignored where a fault is set.
	Hits int `json:"hits,omitempty"`

	Status      int               `json:"status,omitempty"` // HTTP
	Code        int               `json:"code,omitempty"`   // Feishu's, in Feishu's envelope
	Msg         string            `json:"msg,omitempty"`    // with Code; Feishu's own text where empty
	Body        string            `json:"body,omitempty"`   // instead of the envelope, as it is
	Headers     map[string]string `json:"headers,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
	DelayMS     int               `json:"delay_ms,omitempty"`     // before anything else happens
	DelayMaxMS  int               `json:"delay_max_ms,omitempty"` // the delay is drawn between the two
	Cut         bool              `json:"cut,omitempty"`          // break the connection in the middle of the body
	Truncate    bool              `json:"truncate,omitempty"`     // send half of the body as if it were all

	// ExpireTokens ends all access tokens before the call is looked at.
	ExpireTokens bool `json:"expire_tokens,omitempty"`
	// RefusePageToken answers 40012, and only to calls that bring a page_token.
	RefusePageToken bool `json:"refuse_page_token,omitempty"`

	// What follows happens to pages. Calls that have none are not counted as hit.

	// PageLimit lets a page hold that many entries at most, whatever page_size
	// asks for.
	PageLimit int `json:"page_limit,omitempty"`
	// EmptyPage answers an empty page with has_more; its token leads to the page
	// that should have come.
	EmptyPage bool `json:"empty_page,omitempty"`
	// RepeatPage answers with a token that leads to the same page again.
	RepeatPage bool `json:"repeat_page,omitempty"`
	// EmptyList says that there is nothing, and no more, whatever there is.
	EmptyList bool `json:"empty_list,omitempty"`

	// Hide leaves fields out of this answer, as [Server.HideField] does of all.
	Hide map[Kind][]string `json:"hide,omitempty"`
	// Range is what the app may see in this call, instead of its own range.
	Range *Range `json:"range,omitempty"`
	// Stale shows the company as it was before the first write since the fault was
	// set. Until that write, no call is hit. With Count -1 and ForMS, each write
	// after that time begins anew: reads lag behind.
	Stale bool `json:"stale,omitempty"`
}

// replaces tells whether the fault answers in the place of the method.
func (f *Fault) replaces() bool {
	return f.Status != 0 || f.Code != 0 || f.Body != "" || f.RefusePageToken
}

// reshapes tells whether the fault is about pages.
func (f *Fault) reshapes() bool {
	return f.PageLimit > 0 || f.EmptyPage || f.RepeatPage || f.EmptyList
}

// tokenPrefix begins the names of the token endpoints, which faults spare unless
// they are asked for.
const tokenPrefix = "POST /auth/"

// names tells whether a pattern stands for an endpoint.
func names(pattern, endpoint string) bool {
	if strings.HasPrefix(endpoint, tokenPrefix) && !strings.HasPrefix(pattern, tokenPrefix) {
		return false
	}
	if pattern == "" {
		return true
	}
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == endpoint
	}
	at, ok := strings.CutPrefix(endpoint, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, part := range parts[:len(parts)-1] {
		_, after, found := strings.Cut(at, part)
		if !found {
			return false
		}
		at = after
	}
	return strings.HasSuffix(at, parts[len(parts)-1])
}

// validate says what is wrong with a fault before it is set. The lock is held,
// shared at least.
func (s *Server) validate(f *Fault) error {
	named := slices.ContainsFunc(s.endpoints, func(e *endpoint) bool { return names(f.Endpoint, e.name) })
	switch {
	case !named:
		return errUnknown("endpoint", f.Endpoint)
	case f.App != "" && s.apps[f.App] == nil:
		return errUnknown("app", f.App)
	case f.Below != "" && s.org.departments[f.Below] == nil:
		return errUnknown("department", f.Below)
	case f.Probability < 0 || f.Probability > 1 || math.IsNaN(f.Probability):
		return errors.New("probability must be between 0 and 1")
	case f.Skip < 0 || f.ForMS < 0 || f.DelayMS < 0 || f.PageLimit < 0:
		return errors.New("skip, for_ms, delay_ms and page_limit must not be negative")
	case f.DelayMaxMS != 0 && f.DelayMaxMS < f.DelayMS:
		return errors.New("delay_max_ms must not be less than delay_ms")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("status must be an HTTP status from 200 to 599")
	}
	for kind := range f.Hide {
		if !kind.valid() {
			return errUnknown("kind", string(kind))
		}
	}
	if f.Range != nil {
		return s.org.checkRange(*f.Range)
	}
	return nil
}
