package query

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/peer"
)

// An access token lets a client be itself for a while without its secret, as
// Feishu's tenant_access_token does for an app:
//
//	t-<claims, JSON in base64url>.<HMAC-SHA256 of them in base64url>
//
// The key follows from the client's secret, so nothing has to be stored: a token
// is good on every replica and after a restart, and one of a client that is gone,
// or has another secret, is not. Feishu's SDKs count on that: they keep a token
// for hours, whoever refuses it meanwhile.
const (
	tokenPrefix = "t-"
	tokenLife   = 2 * time.Hour

	// tokenReuse is how much life a token needs to be handed out again.
	tokenReuse = 30 * time.Minute

	// keyRounds makes guessing a weak secret from a token dear.
	keyRounds = 20_000
)

// Why no token is given out.
var (
	ErrClientUnknown = errors.New("no API client has this id")
	ErrClientSecret  = errors.New("this is not the API client's secret")
)

// ErrToken says that a token is not one of ours, or not any more.
var ErrToken = errors.New("the access token is invalid or has expired")

// claims are what a token says. Its bearer can read them.
type claims struct {
	Client  string `json:"c"`
	Tenant  string `json:"t,omitempty"` // empty where it is for several, or the mirror did not know yet
	Roles   []Role `json:"r"`
	Expires int64  `json:"e"` // epoch seconds
}

// tokenKey makes the key that signs a client's tokens.
func tokenKey(id, secret string) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, secret, []byte("orgmirror access token\x00"+id), keyRounds, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("API client %q: derive the key of its tokens: %w", id, err)
	}
	return key, nil
}

// tokens gives out access tokens and knows them again.
type tokens struct {
	clients map[string]Client
	mayAsk  func(context.Context, Client) []string // the companies that there are for a client
	now     func() time.Time

	mu      sync.Mutex
	current map[string]issued // by client
}

type issued struct {
	token   string
	tenant  string
	expires time.Time
}

func newTokens(clients map[string]Client, mayAsk func(context.Context, Client) []string) *tokens {
	return &tokens{clients: clients, mayAsk: mayAsk, now: time.Now, current: map[string]issued{}}
}

// issue returns the client's current token while it has half an hour left, else a
// new one, and how long it is good for.
func (t *tokens) issue(ctx context.Context, c Client) (token string, left time.Duration, err error) {
	tenant, now := "", t.now()
	if may := t.mayAsk(ctx, c); len(may) == 1 {
		tenant = may[0]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if current := t.current[c.id]; current.tenant == tenant && current.expires.Sub(now) >= tokenReuse {
		return current.token, current.expires.Sub(now), nil
	}
	expires := now.Add(tokenLife).Truncate(time.Second)
	token, err = c.sign(claims{Client: c.id, Tenant: tenant, Roles: c.roles, Expires: expires.Unix()})
	if err != nil {
		return "", 0, err
	}
	t.current[c.id] = issued{token: token, tenant: tenant, expires: expires}
	return token, expires.Sub(now), nil
}

func (c Client) sign(said claims) (string, error) {
	body, err := json.Marshal(said)
	if err != nil {
		return "", fmt.Errorf("write an access token: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return tokenPrefix + text + "." + base64.RawURLEncoding.EncodeToString(c.seal(text)), nil
}

func (c Client) seal(text string) []byte {
	h := hmac.New(sha256.New, c.tokenKey)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// check finds the client that a token stands for, with no more roles than it had
// when the token was made.
func (t *tokens) check(ctx context.Context, token string) (Client, error) {
	text, mac, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), ".")
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	body, err2 := base64.RawURLEncoding.Strict().DecodeString(text)
	var said claims
	if !ok || err != nil || err2 != nil || json.Unmarshal(body, &said) != nil {
		return Client{}, ErrToken
	}
	c, known := t.clients[said.Client]
	if !known || !hmac.Equal(sealed, c.seal(text)) || !t.now().Before(time.Unix(said.Expires, 0)) {
		return Client{}, ErrToken
	}
	if said.Tenant != "" {
		if !slices.Contains(t.mayAsk(ctx, c), said.Tenant) {
			return Client{}, ErrToken
		}
		c.tenants = []string{said.Tenant}
	}
	c.roles = slices.DeleteFunc(slices.Clone(c.roles), func(r Role) bool { return !slices.Contains(said.Roles, r) })
	return c, nil
}

// IssueToken gives a client an access token for its secret, and says how long it
// is good for. Wrong secrets are slowed down by where they come from. The errors are
// [ErrClientUnknown] and [ErrClientSecret], and [TroubleGuesses] is one of the troubles.
func (s *Service) IssueToken(ctx context.Context, from net.Addr, id, secret string) (token string, left time.Duration, err error) {
	c, err := s.authenticator.prove(peer.NewContext(ctx, &peer.Peer{Addr: from}), id, secret)
	var f *failure
	switch {
	case errors.As(err, &f) && f.reason == reasonCredentialsInvalid:
		if _, known := s.authenticator.clients[id]; known {
			return "", 0, ErrClientSecret
		}
		return "", 0, ErrClientUnknown
	case err != nil:
		return "", 0, err
	}
	return s.authenticator.tokens.issue(ctx, c)
}

// CheckToken finds the client that an access token stands for; the error is
// [ErrToken].
func (s *Service) CheckToken(ctx context.Context, token string) (Client, error) {
	return s.authenticator.tokens.check(ctx, token)
}
