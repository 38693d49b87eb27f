package push

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Event is something that an app is to be told.
type Event struct {
	// ID is the event_id: the same on every push, another for every event.
	ID      string
	Type    string // such as contact.user.updated_v3
	Created time.Time
	Tenant  string          // tenant_key
	Payload json.RawMessage // the value of "event"
	// Refresh, where set, makes the payload for each push anew. It is called
	// without any lock of the hub's.
	Refresh func() json.RawMessage

	// Ordered holds the event back until those before it that are ordered too
	// have been delivered or lost.
	Ordered bool
	// Unasked sends the event to whoever is subscribed to anything.
	Unasked bool
	// Legacy puts the event into the envelope of version 1.0, whose id is uuid.
	Legacy bool
}

// envelope is the event as it is pushed to an app, before encryption. Keys are
// in the order of Feishu's samples.
func (e *Event) envelope(app, token string) []byte {
	if e.Legacy {
		return e.legacyEnvelope(token)
	}
	type header struct {
		EventID    string `json:"event_id"`
		EventType  string `json:"event_type"`
		CreateTime string `json:"create_time"` // a string of milliseconds
		Token      string `json:"token"`
		AppID      string `json:"app_id"`
		TenantKey  string `json:"tenant_key"`
	}
	return marshal(struct {
		Schema string          `json:"schema"`
		Header header          `json:"header"`
		Event  json.RawMessage `json:"event"`
	}{
		Schema: "2.0",
		Header: header{
			EventID: e.ID, EventType: e.Type, CreateTime: strconv.FormatInt(e.Created.UnixMilli(), 10),
			Token: token, AppID: app, TenantKey: e.Tenant,
		},
		Event: e.payload(),
	})
}

func (e *Event) payload() json.RawMessage {
	if e.Refresh != nil {
		return e.Refresh()
	}
	return e.Payload
}

func (e *Event) legacyEnvelope(token string) []byte {
	return marshal(struct {
		TS    string          `json:"ts"` // seconds, with a fraction
		UUID  string          `json:"uuid"`
		Token string          `json:"token"`
		Type  string          `json:"type"`
		Event json.RawMessage `json:"event"`
	}{
		TS:   fmt.Sprintf("%d.%07d", e.Created.Unix(), e.Created.Nanosecond()/100),
		UUID: e.ID, Token: token, Type: "event_callback", Event: e.Payload,
	})
}

// marshal encodes a value of our own making. A payload that is not JSON is the
// caller's mistake.
func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
