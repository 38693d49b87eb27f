package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// call is one request to the contact service on its way to an answer.
type call struct {
	server   *Server
	endpoint *endpoint
	request  *http.Request
	now      time.Time
	logID    string
	params   map[string]string // of the path, unescaped
	query    url.Values
	body     []byte
	caller   caller
	view     view
	from     string // the id of the app that calls, as far as the token tells
	fault    *hit   // that the call has met, if any

	// buf gathers the value of "data", or the whole body where flat is set.
	buf  []byte
	flat bool
}

// answer is what goes back, before a fault has its way with it.
type answer struct {
	status      int
	code        int
	contentType string
	headers     map[string]string
	body        []byte
}

// maxBody bounds what a request may send.
const maxBody = 1 << 20

const jsonType = "application/json; charset=utf-8"

// head is how every success begins: data is the value that a handler appends.
const head = `{"code":0,"data":`

// answer takes the call through the gateway and the method.
func (c *call) answer() answer {
	c.buf = append(c.buf[:0], head...)
	if c.readBody() != nil {
		return c.refusal(refuse(codeBadRequest))
	}
	if err := c.run(); err != nil {
		return c.refusal(err)
	}
	if !c.flat {
		c.buf = append(c.buf, `,"msg":"success"}`...)
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: c.buf}
}

// readBody reads what was sent, once, before anything is locked: the caller
// decides how long this takes.
func (c *call) readBody() (err error) {
	if c.body == nil {
		c.body, err = io.ReadAll(io.LimitReader(c.request.Body, maxBody))
	}
	if err != nil {
		c.body = nil
	}
	return err
}

// run does what Feishu's gateway does, in its order, and then the method: the
// token, the permission, the rate, the parameters.
func (c *call) run() error {
	e, s := c.endpoint, c.server
	if e.open {
		return e.handle(c)
	}
	granted, err := s.tokens.check(c.request.Header.Get("Authorization"), e.userToken, !e.userTokenOnly, c.now)
	if err != nil {
		return err
	}
	if !e.write {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return c.serve(granted)
	}
	return s.mutate(s.app(granted.app), func() error { return c.serve(granted) })
}

// serve does what asks for the lock, shared for a read and alone for a write.
func (c *call) serve(g grant) error {
	e, s := c.endpoint, c.server
	if err := c.identify(g); err != nil {
		return err
	}
	app := c.caller.app
	if e.selfBuiltOnly && app.store {
		return refuse(codeTokenInvalid)
	}
	if s.revoked[e.name] || !app.may(e.scopes) {
		return scopeMissing(app.id, e.scopes)
	}
	if c.caller.person != nil && !g.may(e.scopes) {
		return refuse(codeUserScopeMissing)
	}
	if err := app.quota.take(c.now); err != nil {
		return err
	}
	if s.rateLimits {
		if limited := app.limiters[e.index].take(c.now); limited != nil {
			return limited
		}
	}
	if err := c.open(); err != nil {
		return err
	}
	return e.handle(c)
}

// open reads what all methods share.
func (c *call) open() error {
	k, err := parseKinds(c.query)
	if err != nil {
		return err
	}
	s := c.server
	app := c.caller.app
	c.view = view{org: s.org, app: app, apps: s.apps, person: c.caller.person, kinds: k, hidden: app.hidden, overrides: s.overrides}
	c.underFault()
	if k.user == userID && app.hidden[KindUser]["user_id"] {
		// Whoever may not see user_id may not name people by it either.
		return scopeMissing(app.id, []string{scopeEmployeeID})
	}
	return nil
}

// refusal is the answer to a call that failed.
func (c *call) refusal(err error) answer {
	var refused *Error
	var limited *rateLimited
	switch {
	case errors.As(err, &limited):
		refused = limited.refusal()
	case !errors.As(err, &refused):
		refused = refuseWith(codeInternal, "Internal Error: "+err.Error()) // a mistake of ours: say it where it is seen
	}
	a := answer{status: refused.Status, code: refused.Code, contentType: jsonType}
	if limited != nil {
		a.headers = limited.headers()
	}
	if c.endpoint.open {
		a.body = marshal(map[string]any{"code": refused.Code, "data": struct{}{}, "msg": refused.Msg})
		return a
	}
	a.body = marshal(c.envelope(refused))
	return a
}

// envelope is a failed answer's body.
func (c *call) envelope(e *Error) any {
	type permission struct {
		Description string `json:"description"`
		Subject     string `json:"subject"`
		Type        string `json:"type"`
	}
	type detail struct {
		Fields         []fieldViolation `json:"field_violations,omitempty"`
		LogID          string           `json:"log_id"`
		Permissions    []permission     `json:"permission_violations,omitempty"`
		Troubleshooter string           `json:"troubleshooter"`
	}
	d := detail{
		Fields: e.fields, LogID: c.logID,
		Troubleshooter: "排查建议查看(Troubleshooting suggestions): https://open.feishu.cn/search?from=openapi&log_id=" + c.logID,
	}
	for _, scope := range e.permissions {
		d.Permissions = append(d.Permissions, permission{Subject: scope, Type: "action_scope_required"})
	}
	return struct {
		Code  int    `json:"code"`
		Error detail `json:"error"`
		Msg   string `json:"msg"`
	}{e.Code, d, e.Msg}
}

// marshal encodes a value of our own making, which cannot fail.
func marshal(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

// page reads page_size and page_token.
func (c *call) page(usual, most int) (p askedPage, err error) {
	if p.size, err = pageSize(c.query, usual, most); err != nil {
		return askedPage{}, err
	}
	p.size = c.pageLimit(p.size)
	p.after, p.resumed, err = c.server.pager.open(c.endpoint.name, c.params, c.query)
	return p, err
}

// next makes the token of the page after the entry that at describes.
func (c *call) next(at cursor) string {
	return c.server.pager.seal(c.endpoint.name, c.params, c.query, at)
}
