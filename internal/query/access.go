package query

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Role is what an API client may do. Each role includes [RoleReader].
type Role string

// The roles.
const (
	RoleReader    Role = "reader"    // everything but the sensitive fields
	RoleSensitive Role = "sensitive" // the sensitive fields too
	RoleOperator  Role = "operator"  // runs sweeps and approves removals; no sensitive fields
)

// Client is an API client. It holds a salted hash of the secret, not the secret.
//
// The hash is one SHA-256. A slow one protects secrets that people think up and
// that lie in a file; this one lives in memory, beside nothing that is worth
// less, and is computed at every call: bcrypt would allow about twenty calls a
// second and core.
type Client struct {
	id          string
	roles       []Role
	allowOpenID bool // see Client.AllowsOpenID
	salt        [16]byte
	digest      [sha256.Size]byte
	tokenKey    []byte // signs its access tokens; see token.go
}

// allowOpenID stands among the roles of a client that takes the open_ids of the
// mirror's app for its own.
const allowOpenID = "allow_open_id"

// ID is the client's id.
func (c Client) ID() string { return c.id }

// Sees reports whether the client has a role.
func (c Client) Sees(r Role) bool { return c.sees(r) }

// AllowsOpenID reports whether the client may be answered with open_ids of an
// app: its own, or another one's where it says that it knows what it gets.
func (c Client) AllowsOpenID(appID string) bool {
	return c.allowOpenID || c.id == appID && appID != ""
}

// NewClient makes a client. Neither ":" nor "," may be in id or secret, and a
// client without a role is refused.
func NewClient(id, secret string, roles ...Role) (Client, error) {
	c := Client{id: id, roles: roles}
	switch {
	case id == "" || strings.ContainsAny(id, ":, \t\r\n"):
		return Client{}, errors.New("the id of an API client must be a word without : and ,")
	case secret == "" || strings.ContainsAny(secret, ":,"):
		return Client{}, fmt.Errorf("API client %q: the secret must not be empty, nor hold : or ,", id)
	case len(roles) == 0:
		return Client{}, fmt.Errorf("API client %q has no role: give it reader, sensitive or operator", id)
	}
	for _, r := range roles {
		if !slices.Contains([]Role{RoleReader, RoleSensitive, RoleOperator}, r) {
			return Client{}, fmt.Errorf("API client %q: unknown role %q: there are reader, sensitive and operator", id, string(r))
		}
	}
	_, _ = rand.Read(c.salt[:]) // never fails
	c.digest = c.hash(secret)
	var err error
	c.tokenKey, err = tokenKey(id, secret)
	return c, err
}

// ParseClients reads "id:secret:role[+role][+allow_open_id]", comma-separated. It reports all
// mistakes at once, and no secret.
func ParseClients(list string) ([]Client, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var (
		clients  []Client
		mistakes []error
	)
	for i, entry := range strings.Split(list, ",") {
		c, err := parseClient(strings.TrimSpace(entry))
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("entry %d: %w", i+1, err))
			continue
		}
		clients = append(clients, c)
	}
	if _, err := byID(clients); err != nil {
		mistakes = append(mistakes, err)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return clients, nil
}

func parseClient(entry string) (Client, error) {
	parts := strings.Split(entry, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Client{}, errors.New("an API client is id:secret:role[+role]") // not shown: it may hold a secret
	}
	var (
		roles   []Role
		foreign bool
	)
	if len(parts) == 3 && parts[2] != "" {
		for r := range strings.SplitSeq(parts[2], "+") {
			if r == allowOpenID {
				foreign = true
				continue
			}
			roles = append(roles, Role(r))
		}
	}
	c, err := NewClient(parts[0], parts[1], roles...)
	c.allowOpenID = foreign
	return c, err
}

func byID(clients []Client) (map[string]Client, error) {
	m := make(map[string]Client, len(clients))
	for _, c := range clients {
		if c.id == "" {
			return nil, errors.New("an API client was not made by NewClient or ParseClients")
		}
		if _, twice := m[c.id]; twice {
			return nil, fmt.Errorf("API client %q is there twice", c.id)
		}
		m[c.id] = c
	}
	return m, nil
}

func (c Client) hash(secret string) [sha256.Size]byte {
	buffer := make([]byte, 0, 128)
	return sha256.Sum256(append(append(buffer, c.salt[:]...), secret...))
}

func (c Client) sees(r Role) bool { return slices.Contains(c.roles, r) }

// authenticator knows the clients. With none, nobody may read.
type authenticator struct {
	clients map[string]Client
	tokens  *tokens
}

// find looks a client up, and says whether the secret is its.
func (a authenticator) find(id, secret string) (c Client, known, right bool) {
	c, known = a.clients[id]
	digest := c.hash(secret) // also for an unknown id, so that it takes as long
	right = subtle.ConstantTimeCompare(digest[:], c.digest[:]) == 1
	return c, known, known && right
}

// check finds the client that a call's metadata speaks for.
func (a authenticator) check(ctx context.Context) (Client, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return Client{}, &failure{
			reason:  reasonCredentialsMissing,
			message: `credentials are missing: send authorization "Basic base64(id:secret)", "Bearer id:secret" or "Bearer token"`,
		}
	}
	if token, is := accessToken(values); is {
		c, err := a.tokens.check(ctx, token)
		if err != nil {
			return Client{}, &failure{reason: reasonCredentialsInvalid, message: err.Error()}
		}
		return c, nil
	}
	id, secret, ok := credentials(values)
	c, _, right := a.find(id, secret)
	if !ok || !right {
		return Client{}, &failure{reason: reasonCredentialsInvalid, message: "the credentials are not those of an API client"}
	}
	return c, nil
}

// accessToken reads a token that IssueToken gave out; an id with its secret has a
// colon.
func accessToken(values []string) (string, bool) {
	scheme, rest, _ := strings.Cut(values[0], " ")
	rest = strings.TrimSpace(rest)
	return rest, len(values) == 1 && strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(rest, tokenPrefix) && !strings.Contains(rest, ":")
}

// credentials reads the one authorization of a call.
func credentials(values []string) (id, secret string, ok bool) {
	if len(values) != 1 {
		return "", "", false
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", "", false
		}
		rest = string(plain)
	default:
		return "", "", false
	}
	return strings.Cut(rest, ":")
}
