package sandbox

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong for some calls. Without Status, Code and
// Body the call is answered as ever, and only what else is set happens to the
// answer.
type Fault struct {
	// Endpoint is the endpoint's name, such as "GET /contact/v3/users/:user_id";
	// empty stands for every endpoint but the token ones.
	Endpoint string `json:"endpoint"`
	// Match, where set, picks the calls whose path and query contain it.
	Match string `json:"match,omitempty"`
	// Skip lets that many calls pass first.
	Skip int `json:"skip,omitempty"`
	// Count is how many calls are hit: 0 is one, a negative number is all until
	// the faults are cleared.
	Count int `json:"count,omitempty"`

	Status      int               `json:"status,omitempty"` // HTTP
	Code        int               `json:"code,omitempty"`   // Feishu's, in Feishu's envelope
	Msg         string            `json:"msg,omitempty"`    // with Code; Feishu's own text where empty
	Body        string            `json:"body,omitempty"`   // instead of the envelope, as it is
	Headers     map[string]string `json:"headers,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
	DelayMS     int               `json:"delay_ms,omitempty"` // before anything else happens
	Cut         bool              `json:"cut,omitempty"`      // break the connection in the middle of the body

	// ExpireTokens ends all access tokens before the call is looked at.
	ExpireTokens bool `json:"expire_tokens,omitempty"`
	// RefusePageToken answers 40012, and only to calls that bring a page_token.
	RefusePageToken bool `json:"refuse_page_token,omitempty"`
}

// replaces tells whether the fault answers in the place of the method.
func (f *Fault) replaces() bool {
	return f.Status != 0 || f.Code != 0 || f.Body != "" || f.RefusePageToken
}

func (f *Fault) hits(endpoint, uri string, query url.Values) bool {
	switch {
	case f.Endpoint != "" && f.Endpoint != endpoint:
		return false
	case f.Endpoint == "" && strings.HasPrefix(endpoint, "POST /auth/"):
		return false
	case f.Match != "" && !strings.Contains(uri, f.Match):
		return false
	case f.RefusePageToken && query.Get("page_token") == "":
		return false
	}
	return true
}

// faults are those that are set, in the order in which they were.
type faults struct {
	mu   sync.Mutex
	list []Fault
}

func (fs *faults) add(f Fault) {
	f.Count = cmp.Or(f.Count, 1)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, f)
}

func (fs *faults) all() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.Clone(fs.list)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
}

// take finds the fault for a call, and uses up one of its count.
func (fs *faults) take(endpoint, uri string, query url.Values) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i := range fs.list {
		f := &fs.list[i]
		if !f.hits(endpoint, uri, query) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		taken := *f
		if f.Count > 0 {
			f.Count--
		}
		if f.Count == 0 {
			fs.list = slices.Delete(fs.list, i, i+1)
		}
		return &taken
	}
	return nil
}

// answerWith answers a call under a fault, which may be nil. sent is false
// when the caller left during a delay.
func (s *Server) answerWith(c *call, f *Fault) (a answer, sent bool) {
	if f == nil {
		return c.answer(), true
	}
	if !wait(c.request, time.Duration(f.DelayMS)*time.Millisecond) {
		return answer{}, false
	}
	if f.ExpireTokens {
		s.tokens.expireAll()
	}
	if f.replaces() {
		a = c.faultAnswer(f)
	} else {
		a = c.answer()
	}
	a.contentType = cmp.Or(f.ContentType, a.contentType)
	if len(f.Headers) > 0 {
		headers := map[string]string{}
		for _, from := range []map[string]string{a.headers, f.Headers} {
			for name, value := range from {
				headers[http.CanonicalHeaderKey(name)] = value
			}
		}
		a.headers = headers
	}
	return a, true
}

// faultAnswer is the answer of a fault that replaces the method's.
func (c *call) faultAnswer(f *Fault) answer {
	if f.Body != "" {
		return answer{
			status: cmp.Or(f.Status, http.StatusOK), code: cmp.Or(f.Code, -1),
			contentType: jsonType, body: []byte(f.Body),
		}
	}
	code := f.Code
	switch {
	case code != 0:
	case f.RefusePageToken:
		code = codePageToken
	case f.Status == http.StatusTooManyRequests:
		code = codeRateLimit
	default:
		code = codeInternal
	}
	e := refuse(code)
	e.Status = cmp.Or(f.Status, e.Status)
	e.Msg = cmp.Or(f.Msg, e.Msg)
	return c.refusal(e)
}

// wait reports false when the caller is gone before the time is over.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
