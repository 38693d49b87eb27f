package sandbox

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"
)

// reuseAbove is how much life a token needs to be handed out again.
const reuseAbove = 30 * time.Minute

// grantKind is what a token stands for.
type grantKind int

const (
	tenantGrant grantKind = iota // an app in the tenant
	appGrant                     // a marketplace app by itself; no contact method takes it
	userGrant                    // a person through an app
)

// prefixes begin the tokens of each kind.
var prefixes = map[grantKind]string{tenantGrant: "t-g1", appGrant: "a-", userGrant: "u-"}

// grant is what a token lets its bearer do.
type grant struct {
	kind    grantKind
	app     string // id
	person  string // open_id of the organisation, of a userGrant
	scopes  map[string]bool
	expires time.Time
}

// may tells whether a person has granted the app any of some scopes.
func (g grant) may(scopes []string) bool {
	if g.scopes == nil {
		return true
	}
	for _, scope := range scopes {
		if g.scopes[scope] {
			return true
		}
	}
	return false
}

// tokens are the access tokens in circulation. A token is good until it
// expires, also when a younger one has been handed out since.
type tokens struct {
	mu      sync.Mutex
	life    time.Duration
	live    map[string]grant
	current map[tokenOwner]string
	tickets map[string]string // the newest app_ticket, by app id
}

// tokenOwner is who is given the same token again.
type tokenOwner struct {
	kind grantKind
	app  string
}

func newTokens(life time.Duration) *tokens {
	return &tokens{life: life, live: map[string]grant{}, current: map[tokenOwner]string{}, tickets: map[string]string{}}
}

// issue hands out the current token of an app while it has half an hour left,
// else a new one.
func (t *tokens) issue(kind grantKind, appID string, now time.Time) (token string, left time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	owner := tokenOwner{kind, appID}
	if left := t.live[t.current[owner]].expires.Sub(now); left >= reuseAbove {
		return t.current[owner], left
	}
	token = t.make(grant{kind: kind, app: appID, expires: now.Add(t.life)}, now)
	t.current[owner] = token
	return token, t.life
}

// issueUser makes a token of a person.
func (t *tokens) issueUser(appID, openID string, scopes []string, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := grant{kind: userGrant, app: appID, person: openID, expires: now.Add(t.life)}
	if scopes != nil {
		g.scopes = map[string]bool{}
		for _, scope := range scopes {
			g.scopes[scope] = true
		}
	}
	return t.make(g, now)
}

func (t *tokens) make(g grant, now time.Time) string {
	for old, was := range t.live {
		if !now.Before(was.expires) {
			delete(t.live, old)
		}
	}
	token := prefixes[g.kind] + strings.ToLower(rand.Text() + rand.Text())[:38]
	t.live[token] = g
	return token
}

// expireAll ends every token at once.
func (t *tokens) expireAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.live)
	clear(t.current)
}

// newTicket makes the app_ticket that an app of the marketplace needs next.
func (t *tokens) newTicket(appID string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tickets[appID] = "g10" + strings.ToLower(rand.Text())
	return t.tickets[appID]
}

func (t *tokens) ticket(appID string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tickets[appID]
}

// find looks a token up that is still good.
func (t *tokens) find(token string, now time.Time) (grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, known := t.live[token]
	return g, known && now.Before(g.expires)
}

// check judges an Authorization header, for a method that takes tokens of
// users, of tenants, or of both.
func (t *tokens) check(header string, user, tenant bool, now time.Time) (grant, error) {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if token = strings.TrimSpace(token); !ok || token == "" {
		return grant{}, refuse(codeTokenMissing)
	}
	ofUser := strings.HasPrefix(token, "u-") || strings.HasPrefix(token, "eyJ")
	invalid := codeTokenInvalid
	if ofUser {
		invalid = codeUserTokenInvalid
	}
	switch {
	case ofUser && !user, !ofUser && !tenant && strings.HasPrefix(token, "t-"), strings.HasPrefix(token, "a-"):
		return grant{}, refuse(invalid) // a good token, maybe, for another method
	case !ofUser && !strings.HasPrefix(token, "t-"):
		return grant{}, refuse(codeTokenFormat)
	}
	g, good := t.find(token, now)
	if !good {
		return grant{}, refuse(invalid)
	}
	return g, nil
}

// caller is who makes a call: an app, or a person through an app.
type caller struct {
	app    *app
	person *User
}

// identify finds who a token stands for. The lock is held.
func (c *call) identify(g grant) error {
	c.caller.app = c.server.apps[g.app]
	if g.kind != userGrant {
		return nil
	}
	c.caller.person = c.server.org.users[g.person]
	if c.caller.person == nil || c.caller.person.Status.IsResigned {
		return refuse(codeUserTokenInvalid)
	}
	return nil
}

// MintUserToken makes a user access token, as if a person had let an app act in
// their name. Scopes are what they have granted; nil stands for everything.
func (s *Server) MintUserToken(appID, openID string, scopes []string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.apps[appID] == nil {
		return "", errUnknown("app", appID)
	}
	if s.org.users[openID] == nil {
		return "", errUnknown("user", openID)
	}
	return s.tokens.issueUser(appID, openID, scopes, s.now()), nil
}
