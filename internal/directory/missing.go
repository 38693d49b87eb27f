package directory

import (
	"encoding/json"
	"fmt"
	"time"
)

// NewMissing makes the record of an absence that was proven. requestedAt is
// the instant of the request that proved it, on Feishu's clock.
func NewMissing(o Origin, kind Kind, id string, requestedAt time.Time, m Missing) (Record, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return Record{}, fmt.Errorf("encode the absence of a %s: %w", kind, err)
	}
	r := o.record(EventType(kind, verbMissing), kind, id, requestedAt)
	r.Payload = raw
	return r, nil
}
