package directory

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// maxSkewMarginMS is a day.
const maxSkewMarginMS = 24 * 60 * 60 * 1000

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
	var payload bytes.Buffer
	e := json.NewEncoder(&payload)
	e.SetEscapeHTML(false) // as received
	if err := e.Encode(obs); err != nil {
		return Record{}, fmt.Errorf("encode observation of a %s: %w", kind, err)
	}
	r := o.record(EventType(kind, verbObserved), kind, id, requestedAt)
	// Encode does not look into raw messages, and the log refuses what is no
	// UTF-8. Such bytes can only stand within strings, where they are read as
	// U+FFFD anyway.
	r.Payload = bytes.ToValidUTF8(bytes.TrimSpace(payload.Bytes()), []byte("\uFFFD"))
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
func ObjectID(kind Kind, raw json.RawMessage) (string, error) {
	o, err := payload(Record{Payload: raw})
	if err != nil {
		return "", fmt.Errorf("read a %s: %w", kind, err)
	}
	id, err := asKey(o.get(keyField(kind)))
	if err != nil {
		return "", fmt.Errorf("read the %s of a %s: %w", keyField(kind), kind, err)
	}
	return id, nil
}

func decodeObservation(r Record, kind Kind) Decoded {
	if !isKey(r.EntityID) {
		return parkWhole(r, kind, "no id")
	}
	obs, o, err := readObservation(r, kind)
	if err != nil {
		return parkWhole(r, kind, "the payload is no observation: "+err.Error())
	}
	d := newDecoder(r, kind, r.EntityID, fromObservation)
	d.change.Time = d.change.Time.Add(-time.Duration(obs.SkewMarginMS) * time.Millisecond)
	here := d.status(o, nil, true)
	switch {
	case d.gone:
	// An answer is no return without a status that says so: Feishu answers for
	// people who left, too. The root department has none, and always exists.
	case here, obs.Listed, kind == KindDepartment && r.EntityID == RootDepartmentID:
		d.change.Claim = ClaimExists
	}
	d.present(o, nil, true)
	d.placement(o, nil, true)
	for _, name := range obs.Empty {
		d.empty(o, name)
	}
	return d.decoded()
}

func readObservation(r Record, kind Kind) (obs Observation, o object, err error) {
	p, err := payload(r)
	if err != nil {
		return obs, nil, err
	}
	if !p.says("object") {
		return obs, nil, errWrongType
	}
	if o, err = readObject(p.get("object"), fieldsOf(kind)); err != nil {
		return obs, nil, err
	}
	empty, err := asList(p.get("empty"))
	if err != nil {
		return obs, nil, err
	}
	for _, raw := range empty {
		name, err := asText(raw)
		if err != nil {
			return obs, nil, err
		}
		obs.Empty = append(obs.Empty, name)
	}
	obs.Listed = string(p.get("listed")) == "true"
	if p.says("skew_margin_ms") {
		obs.SkewMarginMS, err = asInteger(p.get("skew_margin_ms"))
		if err == nil && (obs.SkewMarginMS < 0 || obs.SkewMarginMS > maxSkewMarginMS) {
			err = errTooLarge
		}
	}
	return obs, o, err
}

// empty clears a field that the crawl knows to be readable and not set.
func (d *decoder) empty(o object, name string) {
	if f := d.fields.of(name); f.rule == nil || ours(name) || name == fieldParent {
		return // never cleared
	}
	if raw := o.get(name); !isNull(raw) && string(raw) != `""` {
		return // the object has it after all
	}
	d.set(name, nil, true)
	if d.kind == KindUser && name == fieldCustomAttrs {
		d.set(fieldGenericUsers, nil, true)
	}
}

func decodeMissing(r Record, kind Kind) Decoded {
	p, err := payload(r)
	if err != nil {
		return parkWhole(r, kind, "the payload is no proof of absence: "+err.Error())
	}
	var reason Reason
	for _, known := range []Reason{ReasonResigned, ReasonDeleted, ReasonOutOfRange} {
		if string(p.get("reason")) == `"`+string(known)+`"` {
			reason = known
		}
	}
	if !isKey(r.EntityID) || reason == ReasonNone {
		return parkWhole(r, kind, "no id or no reason")
	}
	d := newDecoder(r, kind, r.EntityID, fromObservation)
	d.change.Time = d.change.Time.Add(-DefaultSkewMargin)
	d.claimGone(reason)
	if field, flagged := goneFlag(kind); flagged == reason {
		d.set(field, jsonTrue, true)
	}
	return d.decoded()
}
