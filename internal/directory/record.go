package directory

import (
	"encoding/json"
	"time"
)

// Position is a record's place in the log. Positions start at 1, have no
// holes, and their order is the order of commit; 0 is "before the first".
type Position int64

// Source says by which way a record reached the log.
type Source string

// The ways into the log.
const (
	SourceWebhook   Source = "webhook"   // a Feishu event by HTTP callback
	SourceWebsocket Source = "websocket" // a Feishu event by long connection
	SourceBackfill  Source = "backfill"  // an observation or sweep mark of a walk
	SourcePoll      Source = "poll"      // an observation of a kind that has no events
	SourceReread    Source = "reread"    // an observation asked for by a hint
)

// Record is one row of the log: a Feishu event as received, or an observation
// of ours. Position and RecordedAt are set by the log when it is appended.
type Record struct {
	Position   Position
	RecordedAt time.Time
	// OccurredAt is the event's header.create_time, or the instant at which an
	// observation's request was sent on Feishu's clock.
	OccurredAt    time.Time
	TenantKey     string
	AppID         string
	EventID       string // unique within tenant and app; a second record with the same id is a duplicate
	EventType     string // Feishu's own name, or ours under "mirror."
	SchemaVersion int    // of the payload; see SchemaVersion
	Source        Source
	EntityKind    Kind   // empty where the record is about no entity we know
	EntityID      string // the entity's key within tenant and kind
	CorrelationID string // the sweep or re-read that an observation belongs to
	Payload       json.RawMessage
}

// SchemaVersion1 is the first version of the payloads under "mirror.".
const SchemaVersion1 = 1
