package query

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"google.golang.org/grpc/metadata"
)

// authenticator knows the clients. With none, nobody may read.
type authenticator struct {
	clients  map[string]Client
	throttle *throttle
	tokens   *tokens
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
		if errors.Is(err, ErrToken) {
			return Client{}, &failure{reason: reasonCredentialsInvalid, message: err.Error()}
		}
		return c, err
	}
	id, secret, ok := credentials(values)
	if !ok {
		return Client{}, errWrongCredentials()
	}
	return a.prove(ctx, id, secret)
}

// prove finds the client whose secret this is. Whoever has not shown a right
// secret before has to wait, while wrong ones come from his address or for this
// id; the wait is the same for a right secret, a wrong one, and an id that is
// nobody's.
func (a authenticator) prove(ctx context.Context, id, secret string) (Client, error) {
	c, known := a.clients[id]
	right := c.hash.is(secret) && known // the hash first: also for an unknown id, so that it takes as long
	from := addressOf(ctx)
	if right && a.throttle.trusts(id, from) {
		return c, nil
	}
	if err := a.throttle.turn(ctx, id, from); err != nil {
		return Client{}, err
	}
	if !right {
		return Client{}, errWrongCredentials()
	}
	a.throttle.shown(id, from)
	return c, nil
}

func errWrongCredentials() error {
	return &failure{reason: reasonCredentialsInvalid, message: "the credentials are not those of an API client"}
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
