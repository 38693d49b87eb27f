package query

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
)

// An access token lets a client be itself for a while without its secret, as
// Feishu's tenant_access_token does for an app:
//
//	t-<claims, JSON in base64url>.<HMAC-SHA256 of them in base64url>
//
// The key follows from a random one in the database and from what is known of the
// client's secret. So a token is good on every replica and after a restart, and one
// of a client that is gone, or has another secret, is not. Feishu's SDKs count on
// that: they keep a token for hours, whoever refuses it meanwhile.
const (
	tokenPrefix = "t-"
	tokenLife   = 2 * time.Hour

	// tokenReuse is how much life a token needs to be handed out again.
	tokenReuse = 30 * time.Minute
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

// tokenSeed is what is peculiar to a client in the key of its tokens. known is its
// secret, or the hash of it where only that is known.
func tokenSeed(id, known string) []byte {
	seed := sha256.Sum256([]byte("orgmirror access token\x00" + id + "\x00" + known))
	return seed[:]
}

const selectTokenKey = `
SELECT key
FROM mirror.token_key`

// tokenKey reads the database's part of the keys, once.
func tokenKey(pool *sessions) func(context.Context) ([]byte, error) {
	var known atomic.Pointer[[]byte]
	return func(ctx context.Context) ([]byte, error) {
		if key := known.Load(); key != nil {
			return *key, nil
		}
		var key []byte
		if err := pool.QueryRow(ctx, selectTokenKey).Scan(&key); err != nil {
			return nil, fmt.Errorf("read the key of access tokens: %w", err)
		}
		known.Store(&key)
		return key, nil
	}
}

// tokens gives out access tokens and knows them again.
type tokens struct {
	clients map[string]Client
	mayAsk  func(context.Context, Client) []string // the companies that there are for a client
	key     func(context.Context) ([]byte, error)  // the same for all clients
	now     func() time.Time

	mu      sync.Mutex
	current map[string]issued // by client
}

type issued struct {
	token   string
	tenant  string
	expires time.Time
}

func newTokens(clients map[string]Client, mayAsk func(context.Context, Client) []string, key func(context.Context) ([]byte, error)) *tokens {
	return &tokens{clients: clients, mayAsk: mayAsk, key: key, now: time.Now, current: map[string]issued{}}
}

// issue returns the client's current token while it has half an hour left, else a
// new one, and how long it is good for.
func (t *tokens) issue(ctx context.Context, c Client) (token string, left time.Duration, err error) {
	tenant, now := "", t.now()
	if may := t.mayAsk(ctx, c); len(may) == 1 {
		tenant = may[0]
	}
	key, err := t.key(ctx)
	if err != nil {
		return "", 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if current := t.current[c.id]; current.tenant == tenant && current.expires.Sub(now) >= tokenReuse {
		return current.token, current.expires.Sub(now), nil
	}
	expires := now.Add(tokenLife).Truncate(time.Second)
	token, err = c.sign(key, claims{Client: c.id, Tenant: tenant, Roles: c.roles, Expires: expires.Unix()})
	if err != nil {
		return "", 0, err
	}
	t.current[c.id] = issued{token: token, tenant: tenant, expires: expires}
	return token, expires.Sub(now), nil
}

func (c Client) sign(key []byte, said claims) (string, error) {
	body, err := json.Marshal(said)
	if err != nil {
		return "", fmt.Errorf("write an access token: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return tokenPrefix + text + "." + base64.RawURLEncoding.EncodeToString(c.seal(key, text)), nil
}

func (c Client) seal(key []byte, text string) []byte {
	own := hmac.New(sha256.New, key)
	own.Write(c.tokenSeed)
	h := hmac.New(sha256.New, own.Sum(nil))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// check finds the client that a token stands for, with no more roles than it had
// when the token was made. The error is [ErrToken], or one of the database.
func (t *tokens) check(ctx context.Context, token string) (Client, error) {
	text, mac, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), ".")
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	body, err2 := base64.RawURLEncoding.Strict().DecodeString(text)
	var said claims
	if !ok || err != nil || err2 != nil || json.Unmarshal(body, &said) != nil {
		return Client{}, ErrToken
	}
	key, err := t.key(ctx)
	if err != nil {
		return Client{}, err
	}
	c, known := t.clients[said.Client]
	if !known || !hmac.Equal(sealed, c.seal(key, text)) || !t.now().Before(time.Unix(said.Expires, 0)) {
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
// [ErrToken], or one of the database.
func (s *Service) CheckToken(ctx context.Context, token string) (Client, error) {
	return s.authenticator.tokens.check(ctx, token)
}
