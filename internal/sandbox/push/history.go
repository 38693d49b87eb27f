package push

import (
	"encoding/json"
	"slices"
	"time"
)

// State is how far an event has come.
type State string

// The states of a Record. Pending and retrying ones are in the outbox still.
const (
	Pending      State = "pending"  // before the first push
	Retrying     State = "retrying" // after a failed push, before the next
	Delivered    State = "delivered"
	Lost         State = "lost"         // every push has failed, or a fault took the event
	Unsubscribed State = "unsubscribed" // nobody wanted it
)

// Record is an event in the history of its app.
type Record struct {
	ID       string          `json:"event_id"`
	Type     string          `json:"event_type"`
	Created  time.Time       `json:"create_time"`
	State    State           `json:"state"`
	Attempts []Attempt       `json:"attempts,omitempty"`
	Event    json.RawMessage `json:"event"` // what was pushed, without the envelope
}

// Attempt is one push of an event. Error is empty where it succeeded.
type Attempt struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"`
}

func (r *Record) clone() Record {
	c := *r
	c.Attempts = slices.Clone(r.Attempts)
	return c
}

// history are the newest events of an app, oldest first.
type history struct{ records []*Record }

// add enters a record, and forgets the oldest where there are too many. They
// are cut off in bulk, because each cut copies the rest.
func (h *history) add(r *Record, most int) {
	h.records = append(h.records, r)
	if extra := len(h.records) - most; extra > most/8 {
		h.records = slices.Clone(h.records[extra:])
	}
}

func (h *history) list(most int) []Record {
	from := max(0, len(h.records)-most)
	out := make([]Record, 0, len(h.records)-from)
	for _, r := range h.records[from:] {
		out = append(out, r.clone())
	}
	return out
}
