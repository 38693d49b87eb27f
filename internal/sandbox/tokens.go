package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// reuseAbove is how much life a token needs to be handed out again.
const reuseAbove = 30 * time.Minute

// tokens are the tenant access tokens in circulation. A token is good until it
// expires, also when a younger one has been handed out since.
type tokens struct {
	mu      sync.Mutex
	life    time.Duration
	expires map[string]time.Time
	current string
}

// issue hands out the current token while it has half an hour left, else a new
// one.
func (t *tokens) issue(now time.Time) (token string, left time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left := t.expires[t.current].Sub(now); left >= reuseAbove {
		return t.current, left
	}
	for old, expires := range t.expires {
		if !now.Before(expires) {
			delete(t.expires, old)
		}
	}
	t.current = "t-g1" + strings.ToLower(rand.Text() + rand.Text())[:38]
	t.expires[t.current] = now.Add(t.life)
	return t.current, t.life
}

// expireAll ends every token at once.
func (t *tokens) expireAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.expires)
	t.current = ""
}

// check judges an Authorization header.
func (t *tokens) check(header string, now time.Time) error {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if token = strings.TrimSpace(token); !ok || token == "" {
		return refuse(codeTokenMissing)
	}
	switch {
	case strings.HasPrefix(token, "u-"), strings.HasPrefix(token, "eyJ"):
		return refuse(codeUserTokenInvalid)
	case strings.HasPrefix(token, "a-"):
		return refuse(codeTokenInvalid) // an app token, which no contact method takes
	case !strings.HasPrefix(token, "t-"):
		return refuse(codeTokenFormat)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if expires, known := t.expires[token]; !known || !now.Before(expires) {
		return refuse(codeTokenInvalid)
	}
	return nil
}

// credentials checks the body of a token request.
func (c *call) credentials() error {
	var body struct {
		AppID     string `json:"app_id"`
		AppSecret string `json:"app_secret"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil || body.AppID == "" || body.AppSecret == "" {
		return refuse(codeTokenParam)
	}
	switch {
	case body.AppID != c.server.cfg.AppID:
		return refuse(codeAppUnknown)
	case body.AppSecret != c.server.cfg.AppSecret:
		return refuse(codeAppSecret)
	}
	return nil
}

// tenantToken serves auth/v3/tenant_access_token/internal.
func tenantToken(c *call) error { return c.issueToken(false) }

// appToken serves auth/v3/app_access_token/internal. A self-built app's two
// tokens are one.
func appToken(c *call) error { return c.issueToken(true) }

// issueToken answers with a token. The answer is flat: it has no data.
func (c *call) issueToken(app bool) error {
	if err := c.credentials(); err != nil {
		return err
	}
	token, left := c.server.tokens.issue(c.now)
	c.flat = true
	o := begin(c.buf[:0], nil, nil)
	if app {
		o.str("app_access_token", token)
	}
	o.int("code", 0)
	o.int("expire", int64(left/time.Second))
	o.str("msg", "ok")
	o.str("tenant_access_token", token)
	c.buf = o.end()
	return nil
}
