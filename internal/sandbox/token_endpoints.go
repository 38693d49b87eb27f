package sandbox

import (
	"encoding/json"
	"time"
)

const (
	tokenPath         = "POST /auth/v3/tenant_access_token/internal"
	appTokenPath      = "POST /auth/v3/app_access_token/internal"
	storeAppTokenPath = "POST /auth/v3/app_access_token"
	storeTokenPath    = "POST /auth/v3/tenant_access_token"
	resendPath        = "POST /auth/v3/app_ticket/resend"
)

func tokenEndpoints() []*endpoint {
	return []*endpoint{
		{name: tokenPath, open: true, handle: tenantToken},
		{name: appTokenPath, open: true, handle: appToken},
		{name: storeAppTokenPath, open: true, handle: storeAppToken},
		{name: storeTokenPath, open: true, handle: storeTenantToken},
		{name: resendPath, open: true, handle: resendTicket},
	}
}

// tokenRequest is the body of all token endpoints together.
type tokenRequest struct {
	AppID          string `json:"app_id"`
	AppSecret      string `json:"app_secret"`
	AppTicket      string `json:"app_ticket"`
	AppAccessToken string `json:"app_access_token"`
	TenantKey      string `json:"tenant_key"`
}

// credentials finds the app that a token request names.
func (c *call) credentials() (*app, tokenRequest, error) {
	var body tokenRequest
	if err := json.Unmarshal(c.body, &body); err != nil || body.AppID == "" || body.AppSecret == "" {
		return nil, body, refuse(codeTokenParam)
	}
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	switch a := c.server.apps[body.AppID]; {
	case a == nil:
		return nil, body, refuse(codeAppUnknown)
	case a.secret != body.AppSecret:
		return nil, body, refuse(codeAppSecret)
	default:
		return a, body, nil
	}
}

// tenantToken serves auth/v3/tenant_access_token/internal.
func tenantToken(c *call) error { return c.issueInternal(false) }

// appToken serves auth/v3/app_access_token/internal. A self-built app's two
// tokens are one.
func appToken(c *call) error { return c.issueInternal(true) }

func (c *call) issueInternal(both bool) error {
	a, _, err := c.credentials()
	if err != nil {
		return err
	}
	if a.store {
		return refuse(codeAppUnknown).saying("app unauthorized")
	}
	token, left := c.server.tokens.issue(tenantGrant, a.id, c.now)
	if both {
		c.flatToken("ok", left, "app_access_token", token, "tenant_access_token", token)
	} else {
		c.flatToken("ok", left, "tenant_access_token", token)
	}
	return nil
}

// storeAppToken serves auth/v3/app_access_token, for apps of the marketplace.
func storeAppToken(c *call) error {
	a, body, err := c.credentials()
	if err != nil {
		return err
	}
	if !a.store || body.AppTicket == "" || body.AppTicket != c.server.tokens.ticket(a.id) {
		return refuse(codeTicketInvalid)
	}
	token, left := c.server.tokens.issue(appGrant, a.id, c.now)
	c.flatToken("success", left, "app_access_token", token)
	return nil
}

// storeTenantToken serves auth/v3/tenant_access_token, for apps of the
// marketplace.
func storeTenantToken(c *call) error {
	var body tokenRequest
	if err := json.Unmarshal(c.body, &body); err != nil || body.AppAccessToken == "" || body.TenantKey == "" {
		return refuse(codeTokenParam)
	}
	g, good := c.server.tokens.find(body.AppAccessToken, c.now)
	if !good || g.kind != appGrant || body.TenantKey != c.server.cfg.TenantKey {
		return refuse(codeTenantTokenFails)
	}
	token, left := c.server.tokens.issue(tenantGrant, g.app, c.now)
	c.flatToken("ok", left, "tenant_access_token", token)
	return nil
}

// resendTicket serves auth/v3/app_ticket/resend: a new ticket is on its way, as
// an event.
func resendTicket(c *call) error {
	a, _, err := c.credentials()
	if err != nil {
		return err
	}
	if !a.store {
		return refuse(codeResendFails)
	}
	c.server.sendTicket(a)
	c.flat = true
	c.buf = append(c.buf[:0], `{"code":0,"msg":"ok"}`...)
	return nil
}

// flatToken answers with tokens, given as names and values. The answer of the
// token endpoints is flat: it has no data.
func (c *call) flatToken(msg string, left time.Duration, namesAndTokens ...string) {
	c.flat = true
	fields := map[string]any{"code": 0, "expire": int64(left / time.Second), "msg": msg}
	for i := 0; i < len(namesAndTokens); i += 2 {
		fields[namesAndTokens[i]] = namesAndTokens[i+1]
	}
	c.buf = append(c.buf[:0], marshal(fields)...)
}
