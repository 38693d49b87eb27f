package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// rememberFor is how long a client_token holds. Feishu does not say.
const rememberFor = 24 * time.Hour

// clientTokens remembers what requests with a client_token were answered, so
// that the same one sent again changes nothing. Server.mu guards it.
type clientTokens struct {
	made   map[clientToken]madeBefore
	oldest []clientToken // in the order in which they were made
}

type clientToken struct{ app, endpoint, token string }

type madeBefore struct {
	request [sha256.Size]byte
	data    []byte
	at      time.Time
}

// once does what the request asks for, unless a request with the same
// client_token did it already: then the answer is the same again, and 40021
// where it was another request. Only what succeeded is remembered.
func (c *call) once(do func() error) error {
	token := clientToken{c.caller.app.id, c.endpoint.name, c.query.Get("client_token")}
	if token.token == "" {
		return do()
	}
	known := &c.server.clientTokens
	known.forgetBefore(c.now.Add(-rememberFor))
	request := c.fingerprint()
	if before, ok := known.made[token]; ok {
		if before.request != request {
			return refuse(codeOtherRequest)
		}
		c.buf = append(c.buf, before.data...)
		return nil
	}
	start := len(c.buf)
	if err := do(); err != nil {
		return err
	}
	if known.made == nil {
		known.made = map[clientToken]madeBefore{}
	}
	known.made[token] = madeBefore{request, slices.Clone(c.buf[start:]), c.now}
	known.oldest = append(known.oldest, token)
	return nil
}

func (t *clientTokens) forgetBefore(when time.Time) {
	for len(t.oldest) > 0 && !t.made[t.oldest[0]].at.After(when) {
		delete(t.made, t.oldest[0])
		t.oldest = t.oldest[1:]
	}
}

// fingerprint tells requests apart by what they mean: neither the order of keys
// nor spaces count.
func (c *call) fingerprint() [sha256.Size]byte {
	query := maps.Clone(c.query)
	query.Del("client_token")
	body := c.body
	var v map[string]json.RawMessage
	if json.Unmarshal(body, &v) == nil {
		body = marshal(v)
	}
	return sha256.Sum256(append([]byte(query.Encode()+"\n"), body...))
}
