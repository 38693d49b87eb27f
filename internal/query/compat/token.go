package compat

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/internal/query"
)

func tokenMethods() []method {
	return []method{
		{name: "POST /auth/v3/tenant_access_token/internal", open: true, handle: func(c *call) error { return c.issue(false) }},
		{name: "POST /auth/v3/app_access_token/internal", open: true, handle: func(c *call) error { return c.issue(true) }},
	}
}

// issue gives an API client, who is an app here, its token. An app that the
// company made itself has one token under two names.
func (c *call) issue(both bool) error {
	var body struct {
		AppID     string `json:"app_id"`
		AppSecret string `json:"app_secret"`
	}
	text, err := io.ReadAll(io.LimitReader(c.request.Body, maxBody))
	if err != nil || json.Unmarshal(text, &body) != nil || body.AppID == "" || body.AppSecret == "" {
		return refuse(codeTokenParam)
	}
	token, left, err := c.service.IssueToken(c.ctx, c.from(), body.AppID, body.AppSecret)
	switch {
	case errors.Is(err, query.ErrClientUnknown):
		return refuse(codeAppUnknown)
	case errors.Is(err, query.ErrClientSecret):
		return refuse(codeAppSecret)
	case err != nil:
		return err
	}
	fields := map[string]any{"code": 0, "msg": "ok", "expire": int64(left / time.Second), "tenant_access_token": token}
	if both {
		fields["app_access_token"] = token
	}
	c.data = marshal(fields)
	return nil
}

// from is where the request came from.
func (c *call) from() net.Addr {
	address, err := netip.ParseAddrPort(c.request.RemoteAddr)
	if err != nil {
		return nil
	}
	return net.TCPAddrFromAddrPort(address)
}

// authenticate judges the Authorization header as Feishu's gateway does. Tokens of
// users it does not have.
func (c *call) authenticate() error {
	token, ok := strings.CutPrefix(c.request.Header.Get("Authorization"), "Bearer ")
	token = strings.TrimSpace(token)
	switch {
	case !ok || token == "":
		return refuse(codeTokenMissing)
	case strings.HasPrefix(token, "u-"), strings.HasPrefix(token, "eyJ"):
		return refuse(codeUserTokenInvalid)
	case strings.HasPrefix(token, "a-"):
		return refuse(codeTokenInvalid)
	case !strings.HasPrefix(token, "t-"):
		return refuse(codeTokenFormat)
	}
	client, err := c.service.CheckToken(c.ctx, token)
	if errors.Is(err, query.ErrToken) {
		return refuse(codeTokenInvalid)
	}
	c.client = client
	return err
}

// byUserIDType says that user_id_type is the kind of a method's ids of people.
func byUserIDType(*call) string { return "user_id_type" }

// checkOpenID refuses open_ids to who would take them for its own app's: those of
// the mirror are another app's, and nothing in them says so.
func (c *call) checkOpenID() error {
	if c.method.people == nil || c.client.AllowsOpenID(c.service.AppID(c.ctx)) {
		return nil
	}
	parameter := c.method.people(c)
	if parameter == "" {
		return nil
	}
	kind := c.query.Get(parameter)
	if kind == unionID || kind == userID {
		return nil
	}
	return refuse(codeCrossApp).
		saying("open_id cross app: the mirror's open_ids are those of its own app; ask with "+parameter+"=union_id or user_id").
		blaming(parameter, kind, "must be union_id or user_id for this client")
}

// hidesOpenID tells whether people go without their open_id.
func (c *call) hidesOpenID() bool { return !c.client.AllowsOpenID(c.service.AppID(c.ctx)) }
