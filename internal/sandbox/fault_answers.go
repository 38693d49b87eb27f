package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"
)

// takeFault finds the fault that a call meets, nil where it meets none.
func (s *Server) takeFault(c *call) *hit {
	some, departments := s.faults.wants()
	if !some {
		return nil
	}
	about := subject{endpoint: c.endpoint, uri: c.request.URL.RequestURI(), query: c.query, now: s.cfg.Clock(), app: c.from}
	if departments {
		about.above = c.departmentsAbove()
	}
	return s.faults.take(&about)
}

// appID is the app that calls, as far as that can be told before the call is
// looked at; "" where it cannot.
func (c *call) appID() string {
	if c.endpoint.open {
		var body tokenRequest
		if c.readBody() != nil || json.Unmarshal(c.body, &body) != nil {
			return "" // the method says what is wrong with it
		}
		return body.AppID
	}
	token, _ := strings.CutPrefix(c.request.Header.Get("Authorization"), "Bearer ")
	g, _ := c.server.tokens.find(strings.TrimSpace(token), c.now)
	return g.app
}

// departmentsAbove lists the departments that a call names in path or query, with
// all that are above them.
func (c *call) departmentsAbove() []string {
	k, err := parseKinds(c.query)
	if err != nil {
		return nil
	}
	ids := append([]string{c.params["department_id"]}, c.query["department_id"]...)
	ids = append(append(ids, c.query["department_ids"]...), c.query["parent_department_id"]...)
	s := c.server
	s.mu.RLock()
	defer s.mu.RUnlock()
	var above []string
	for _, id := range ids {
		n, err := s.org.department(k.department, id)
		if err != nil {
			continue
		}
		for ; n != nil; n = n.parent {
			above = append(above, n.OpenDepartmentID)
		}
	}
	return above
}

// answerUnder answers a call under the fault that it has met, which may be nil.
// sent is false when the caller left during a delay.
func (s *Server) answerUnder(c *call) (a answer, sent bool) {
	f := c.fault
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
	if f.reshapes() {
		c.reshape(&a)
		s.faults.settle(f, f.reshaped)
	}
	if f.Truncate {
		a.body = a.body[:len(a.body)/2]
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
func (c *call) faultAnswer(f *hit) answer {
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

// underFault lets the call's fault change how the call sees the company.
func (c *call) underFault() {
	f := c.fault
	if f == nil {
		return
	}
	if f.past != nil {
		c.view.org = f.past
	}
	if f.Range != nil {
		c.view.app = c.view.app.within(*f.Range)
	}
	if len(f.Hide) > 0 {
		hidden := maps.Clone(c.view.hidden)
		for kind, fields := range f.Hide {
			hidden[kind] = maps.Clone(hidden[kind])
			if hidden[kind] == nil {
				hidden[kind] = map[string]bool{}
			}
			for _, field := range fields {
				hidden[kind][field] = true
			}
		}
		c.view.hidden = hidden
	}
}

// within is the app as a call sees it that has another range.
func (a *app) within(r Range) *app {
	return &app{id: a.id, store: a.store, primary: a.primary, granted: a.granted, hidden: a.hidden, reach: r}
}

// pageLimit is the size of a page under the call's fault.
func (c *call) pageLimit(size int) int {
	if c.fault == nil || c.fault.PageLimit == 0 {
		return size
	}
	c.fault.reshaped = true
	return min(size, c.fault.PageLimit)
}

// reshape makes the answer to a listing another one that is well-formed, and
// wrong.
func (c *call) reshape(a *answer) {
	f := c.fault
	if a.status != http.StatusOK || a.code != 0 || !f.EmptyPage && !f.RepeatPage && !f.EmptyList {
		return
	}
	var envelope struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if json.Unmarshal(a.body, &envelope) != nil {
		return
	}
	data := envelope.Data
	_, pages := data["has_more"]
	if !pages && !f.EmptyList {
		return
	}
	if f.EmptyPage || f.EmptyList {
		for name, value := range data {
			if bytes.HasPrefix(value, []byte("[")) {
				data[name] = json.RawMessage("[]")
				f.reshaped = true
			}
		}
	}
	switch {
	case f.EmptyList && pages:
		data["has_more"] = json.RawMessage("false")
		delete(data, "page_token")
	case f.EmptyPage || f.RepeatPage:
		f.reshaped = true
		data["has_more"] = json.RawMessage("true")
		data["page_token"] = marshal(c.server.pager.stay(c.endpoint.name, c.params, c.query))
	}
	a.body = marshal(map[string]any{"code": 0, "data": data, "msg": "success"})
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
