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
	id     string
	roles  []Role
	salt   [16]byte
	digest [sha256.Size]byte
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
	return c, nil
}

// ParseClients reads "id:secret:role[+role]", comma-separated. It reports all
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
	var roles []Role
	if len(parts) == 3 && parts[2] != "" {
		for r := range strings.SplitSeq(parts[2], "+") {
			roles = append(roles, Role(r))
		}
	}
	return NewClient(parts[0], parts[1], roles...)
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
}

// check finds the client that a call's metadata speaks for.
func (a authenticator) check(ctx context.Context) (Client, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return Client{}, &failure{
			reason:  reasonCredentialsMissing,
			message: `credentials are missing: send authorization "Basic base64(id:secret)" or "Bearer id:secret"`,
		}
	}
	id, secret, ok := credentials(values)
	c, known := a.clients[id]
	digest := c.hash(secret) // also for an unknown id, so that it takes as long
	if right := subtle.ConstantTimeCompare(digest[:], c.digest[:]) == 1; !ok || !known || !right {
		return Client{}, &failure{reason: reasonCredentialsInvalid, message: "the credentials are not those of an API client"}
	}
	return c, nil
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
