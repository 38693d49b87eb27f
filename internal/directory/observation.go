package directory

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Event types of our own records.
const (
	EventSweepStarted   = "mirror.sweep.started"
	EventSweepCompleted = "mirror.sweep.completed"

	verbObserved = "observed"
	verbMissing  = "missing"
)

// EventType is the type of a record of ours about an entity.
func EventType(kind Kind, verb string) string { return "mirror." + string(kind) + "." + verb }

// DefaultSkewMargin is taken off an observation's time, so that an event which
// happened while the answer was made is not undone by it.
const DefaultSkewMargin = 10 * time.Second

// Observation is an entity as Feishu's API showed it: the payload of
// "mirror.<kind>.observed".
type Observation struct {
	Object json.RawMessage `json:"object"` // as received
	// Empty names fields that the object lacks and that are known to be
	// readable: they are not set. Other absent fields may be hidden.
	Empty []string `json:"empty,omitempty"`
	// Listed is set where a list held it. An answer to GET or batch is not a
	// return: Feishu answers for people who left, too.
	Listed bool `json:"listed,omitempty"`
	// SkewMarginMS is taken off the request's instant.
	SkewMarginMS int64 `json:"skew_margin_ms"`
}

// Missing is the payload of "mirror.<kind>.missing": gone, and proven.
type Missing struct {
	Reason Reason `json:"reason"`
}

// Origin is what all records of one sweep, poll or re-read have in common.
type Origin struct {
	TenantKey     string
	AppID         string
	Source        Source
	CorrelationID string // the sweep or re-read
}

// NewObservation makes the record of an observation. requestedAt is the
// instant of the request on Feishu's clock.
func NewObservation(o Origin, kind Kind, id string, requestedAt time.Time, obs Observation) (Record, error) {
	payload, err := json.Marshal(obs)
	if err != nil {
		return Record{}, fmt.Errorf("encode observation of a %s: %w", kind, err)
	}
	r := o.record(EventType(kind, verbObserved), kind, id, requestedAt)
	r.Payload = payload
	return r, nil
}

// record fills what does not depend on the payload. The id is our own, so that
// the same answer appended twice is a duplicate.
func (o Origin) record(eventType string, kind Kind, id string, at time.Time) Record {
	at = instant(at)
	return Record{
		OccurredAt:    at,
		TenantKey:     o.TenantKey,
		AppID:         o.AppID,
		EventID:       fmt.Sprintf("m:%s:%s:%s:%d", o.CorrelationID, kind, id, at.UnixMicro()),
		EventType:     eventType,
		SchemaVersion: SchemaVersion1,
		Source:        o.Source,
		EntityKind:    kind,
		EntityID:      id,
		CorrelationID: o.CorrelationID,
	}
}

// ObjectID returns the key of a user or department object as the API gives it.
func ObjectID(kind Kind, object json.RawMessage) (string, error) {
	field := "open_id"
	if kind == KindDepartment {
		field = "open_department_id"
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(object, &o); err != nil {
		return "", fmt.Errorf("%s: %s", kind, shape(err))
	}
	id, err := asText(orNull(o[field]))
	if err != nil || id == "" {
		return "", fmt.Errorf("%s without %s", kind, field)
	}
	return id, nil
}

func decodeObservation(r Record) Decoded {
	var o Observation
	if err := json.Unmarshal(r.Payload, &o); err != nil {
		return parkWhole(r, r.EntityKind, "the payload is not an observation: "+shape(err))
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(o.Object, &object); err != nil {
		return parkWhole(r, r.EntityKind, "the object is none: "+shape(err))
	}
	if r.EntityID == "" {
		return parkWhole(r, r.EntityKind, "no id")
	}
	d := decoder{from: fromObservation, change: Change{
		Key:     Key{TenantKey: r.TenantKey, Kind: r.EntityKind, ID: r.EntityID},
		Time:    instant(r.OccurredAt).Add(-time.Duration(o.SkewMarginMS) * time.Millisecond),
		EventID: r.EventID,
	}}
	if status, has := object[fieldStatus]; o.Listed || has && !isNull(status) {
		d.change.Claim = ClaimExists
	}
	d.present(object, nil, true)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(o.Empty))) {
		if _, has := object[name]; !has {
			d.empty(name)
		}
	}
	d.placement(object, nil, true)
	d.status(object, nil, true)
	return d.decoded()
}

// empty clears a field that the crawl knows to be readable and not set.
func (d *decoder) empty(name string) {
	kind := d.change.Key.Kind
	switch {
	case name == fieldStatus, name == fieldParent, kind == KindUser && (name == fieldDeptIDs || name == fieldOrders):
		return // never cleared
	case kind == KindUser && name == fieldCustomAttrs:
		d.set(fieldGenericUsers, nil, true)
	}
	d.set(name, nil, true)
}

func decodeMissing(r Record) Decoded {
	var m Missing
	if err := json.Unmarshal(r.Payload, &m); err != nil {
		return parkWhole(r, r.EntityKind, "the payload is no proof of absence: "+shape(err))
	}
	if r.EntityID == "" || !slices.Contains([]Reason{ReasonResigned, ReasonDeleted, ReasonOutOfRange}, m.Reason) {
		return parkWhole(r, r.EntityKind, "no id or no reason")
	}
	d := decoder{from: fromObservation, change: Change{
		Key:     Key{TenantKey: r.TenantKey, Kind: r.EntityKind, ID: r.EntityID},
		Time:    instant(r.OccurredAt).Add(-DefaultSkewMargin),
		EventID: r.EventID,
		Claim:   ClaimGone,
		Reason:  m.Reason,
	}}
	if flag := goneFlag[r.EntityKind]; flag.reason == m.Reason {
		d.set(flag.field, json.RawMessage("true"), true)
	}
	return d.decoded()
}
