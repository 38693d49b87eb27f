package callback

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

var (
	// ErrNotJSON says that a message is no JSON object.
	ErrNotJSON = errors.New("the message is no JSON object")
	// ErrNoEvent says that a message is JSON, but has no envelope of an event.
	ErrNoEvent = errors.New("the message is neither an event nor a challenge")
)

// TypeAppTicket is the type of the messages that bring a store app its ticket,
// which is a secret.
const TypeAppTicket = "app_ticket"

const typeChallenge = "url_verification"

// maxID is the longest event id that is taken as it is, in bytes. Feishu's have
// 32; what is much longer fits no index.
const maxID = 200

// Message is one message of Feishu's, decrypted.
type Message struct {
	text []byte
	top  object
}

// Parse reads a message.
func Parse(text []byte) (Message, error) {
	if !json.Valid(text) {
		return Message{}, ErrNotJSON
	}
	return parseFirst(text)
}

// parseFirst reads the object at the beginning of a text, whatever follows it.
func parseFirst(text []byte) (Message, error) {
	top, err := readObject(text)
	if err != nil {
		return Message{}, ErrNotJSON
	}
	return Message{text: text, top: top}, nil
}

// Encrypted is the text of the encrypted message that this one wraps.
func (m Message) Encrypted() (text string, ok bool) {
	text = asString(m.top.get("encrypt"))
	return text, text != ""
}

// IsChallenge reports whether Feishu tries the address.
func (m Message) IsChallenge() bool { return asString(m.top.get("type")) == typeChallenge }

// Challenge is the word to be sent back.
func (m Message) Challenge() string { return asString(m.top.get("challenge")) }

// Token is the verification token in the message.
func (m Message) Token() string {
	if header := m.header(); header.has("token") {
		return asString(header.get("token"))
	}
	return asString(m.top.get("token"))
}

func (m Message) header() object {
	header, err := readObject(m.top.get("header"))
	if err != nil {
		return object{}
	}
	return header
}

// Event is an event in either envelope. Texts that are absent are empty.
type Event struct {
	ID        string // the same in each delivery of the event
	Type      string
	CreatedAt time.Time // zero where it cannot be read
	TenantKey string
	AppID     string
	Legacy    bool   // in the envelope before schema 2.0
	Payload   []byte // the message, less the token

	body object
}

// Event returns the event in a message.
func (m Message) Event() (Event, error) {
	body, _ := readObject(m.top.get("event")) // without one the event is what its header says
	payload := m.withoutToken()
	if header := m.header(); header.said() {
		return Event{
			ID:        identity(asString(header.get("event_id")), payload),
			Type:      asString(header.get("event_type")),
			CreatedAt: parseTime(asString(header.get("create_time"))),
			TenantKey: asString(header.get("tenant_key")),
			AppID:     asString(header.get("app_id")),
			Payload:   payload,
			body:      body,
		}, nil
	}
	if !body.said() {
		return Event{}, ErrNoEvent
	}
	return Event{
		ID:        identity(asString(m.top.get("uuid")), payload),
		Type:      asString(body.get("type")),
		CreatedAt: parseTime(asString(m.top.get("ts"))),
		TenantKey: asString(body.get("tenant_key")),
		AppID:     asString(body.get("app_id")),
		Legacy:    true,
		Payload:   payload,
		body:      body,
	}, nil
}

// Find returns the text at a path below the event's body, such as object,
// open_id; empty where there is none.
func (e Event) Find(path ...string) string {
	o := e.body
	for _, name := range path[:len(path)-1] {
		var err error
		if o, err = readObject(o.get(name)); err != nil {
			return ""
		}
	}
	return asString(o.get(path[len(path)-1]))
}

// identity is the event's id. One that lacks it is known by its text, so that it
// is not stored twice either.
func identity(id string, payload []byte) string {
	if id != "" && len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256(payload)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// withoutToken cuts the verification token out of the text: from the header,
// and from the top, where it stands in the older envelope.
func (m Message) withoutToken() []byte {
	text := bytes.Clone(m.text)
	// From the back, so that the places in front stay true.
	for i := len(m.top.members) - 1; i >= 0; i-- {
		switch member := m.top.members[i]; member.name {
		case "token":
			text = m.top.cut(text, 0, i)
		case "header":
			header, err := readObject(member.value)
			if err != nil {
				continue
			}
			for j := len(header.members) - 1; j >= 0; j-- {
				if header.members[j].name == "token" {
					text = header.cut(text, member.valueAt, j)
				}
			}
		}
	}
	return text
}

// parseTime reads seconds with or without a fraction, milliseconds or
// microseconds since 1970; which it is, the number of digits tells.
func parseTime(text string) time.Time {
	whole, fraction, _ := strings.Cut(text, ".")
	n, ok := digits(whole)
	if !ok {
		return time.Time{}
	}
	switch {
	case len(whole) <= 11:
		nanos, ok := digits((fraction + "000000000")[:9])
		if !ok {
			return time.Time{}
		}
		return time.Unix(n, nanos).UTC()
	case len(whole) <= 14:
		return time.UnixMilli(n).UTC()
	case len(whole) <= 17:
		return time.UnixMicro(n).UTC()
	default:
		return time.Time{}
	}
}

// digits reads a number that is written in digits alone.
func digits(text string) (n int64, ok bool) {
	if text == "" || len(text) > 18 {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(text[i]-'0')
	}
	return n, true
}

// ParseTimestamp reads the timestamp of a signed request.
func ParseTimestamp(text string) (t time.Time, ok bool) {
	t = parseTime(text)
	return t, !t.IsZero()
}
