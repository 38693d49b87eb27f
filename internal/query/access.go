package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Role is what an API client may do. Each role includes [RoleReader].
type Role string

// The roles.
const (
	RoleReader    Role = "reader"    // everything but the sensitive fields
	RoleSensitive Role = "sensitive" // the sensitive fields too
	RoleOperator  Role = "operator"  // runs sweeps and approves removals; no sensitive fields
)

// Client is an API client. It holds a salted hash of the secret, not the secret;
// see secret.go.
type Client struct {
	id          string
	roles       []Role
	tenants     []string // those that it may ask about; of none: the service's one
	allowOpenID bool     // see Client.AllowsOpenID
	hash        secretHash
	tokenSeed   []byte // of the key of its access tokens; see token.go
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

// ClientSpec says who an API client is, and holds its secret's hash.
type ClientSpec struct {
	ID    string
	Hash  string // of [HashSecret] or [GenerateSecret]
	Roles []Role
	// Tenants are the companies that it may ask about. It may be empty where the
	// service has only one.
	Tenants []string
	// AllowOpenID lets a client that is not the mirror's own app be answered with
	// that app's open_ids where it would expect its own.
	AllowOpenID bool
}

// NewHashedClient makes a client out of what a file says of it.
func NewHashedClient(spec ClientSpec) (Client, error) {
	hash, err := parseHash(spec.Hash)
	if err != nil {
		err = fmt.Errorf("API client %q: %w", spec.ID, err)
	}
	c, err2 := newClient(Client{id: spec.ID, roles: spec.Roles, tenants: spec.Tenants, allowOpenID: spec.AllowOpenID, hash: hash}, hash.String())
	return c, errors.Join(err2, err)
}

// NewClient makes a client. Neither ":" nor "," may be in id or secret, and a
// client without a role is refused.
func NewClient(id, secret string, roles ...Role) (Client, error) {
	c, err := newClient(Client{id: id, roles: roles, hash: hashOf(secret)}, secret)
	if err == nil && (secret == "" || strings.ContainsAny(secret, ":,")) {
		err = fmt.Errorf("API client %q: the secret must not be empty, nor hold : or ,", id)
	}
	return c, err
}

// newClient checks a client. The key of its tokens follows from what is known of its
// secret for longer than this process lives.
func newClient(c Client, known string) (Client, error) {
	if c.id == "" || strings.ContainsAny(c.id, ":, \t\r\n") {
		return Client{}, errors.New("the id of an API client must be a word without : and ,")
	}
	if len(c.roles) == 0 {
		return Client{}, fmt.Errorf("API client %q has no role: give it reader, sensitive or operator", c.id)
	}
	for _, r := range c.roles {
		if !slices.Contains([]Role{RoleReader, RoleSensitive, RoleOperator}, r) {
			return Client{}, fmt.Errorf("API client %q: unknown role %q: there are reader, sensitive and operator", c.id, string(r))
		}
	}
	c.tokenSeed = tokenSeed(c.id, known)
	return c, nil
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
	mistakes = append(mistakes, CheckClients(clients))
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

// CheckClients finds clients that cannot be beside each other.
func CheckClients(clients []Client) error {
	_, err := byID(clients)
	return err
}

func byID(clients []Client) (map[string]Client, error) {
	m := make(map[string]Client, len(clients))
	for _, c := range clients {
		if c.id == "" {
			return nil, errors.New("an API client was made by no function of this package")
		}
		if _, twice := m[c.id]; twice {
			return nil, fmt.Errorf("API client %q is there twice", c.id)
		}
		m[c.id] = c
	}
	return m, nil
}

func (c Client) sees(r Role) bool { return slices.Contains(c.roles, r) }
