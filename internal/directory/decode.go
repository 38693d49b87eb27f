package directory

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Feishu's event types that the fold reads.
const (
	EventUserCreated       = "contact.user.created_v3"
	EventUserUpdated       = "contact.user.updated_v3"
	EventUserDeleted       = "contact.user.deleted_v3"
	EventDepartmentCreated = "contact.department.created_v3"
	EventDepartmentUpdated = "contact.department.updated_v3"
	EventDepartmentDeleted = "contact.department.deleted_v3"
)

// lateAfter is how long after it happened an event may arrive before it is
// taken for a redelivery that others have overtaken.
const lateAfter = time.Minute

// Decode says what a record states. It never fails: what cannot be read
// becomes a Problem, and the rest of the record counts. A record of a type
// that the fold does not know says nothing.
func Decode(r Record) Decoded {
	switch r.EventType {
	case EventUserCreated, EventUserUpdated, EventUserDeleted:
		return decodeEvent(r, KindUser, "open_id")
	case EventDepartmentCreated, EventDepartmentUpdated, EventDepartmentDeleted:
		return decodeEvent(r, KindDepartment, "open_department_id")
	case EventType(KindUser, verbObserved), EventType(KindDepartment, verbObserved):
		return decodeObservation(r)
	case EventType(KindUser, verbMissing), EventType(KindDepartment, verbMissing):
		return decodeMissing(r)
	case EventSweepStarted, EventSweepCompleted:
		return decodeSweep(r)
	default:
		return Decoded{}
	}
}

// instant is a record's time in the precision that everything is kept in.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// parkWhole is the answer to a record that cannot be used at all.
func parkWhole(r Record, kind Kind, why string) Decoded {
	return Decoded{Problems: []Problem{{Key: Key{TenantKey: r.TenantKey, Kind: kind}, Err: why}}}
}

// decodeEvent reads created, updated and deleted events. Feishu's page "event
// overview" gives the envelope, the pages of the events their bodies.
func decodeEvent(r Record, kind Kind, idField string) Decoded {
	var envelope struct {
		Event struct {
			Object    map[string]json.RawMessage `json:"object"`
			OldObject map[string]json.RawMessage `json:"old_object"`
		} `json:"event"`
	}
	if err := json.Unmarshal(r.Payload, &envelope); err != nil {
		return parkWhole(r, kind, "the payload is not an event: "+shape(err))
	}
	object, old := envelope.Event.Object, envelope.Event.OldObject
	id, err := asText(orNull(object[idField]))
	if err != nil || id == "" {
		id, err = asText(orNull(old[idField])) // deleted events carry it in both
	}
	if err != nil || id == "" {
		return parkWhole(r, kind, "no "+idField)
	}
	d := decoder{from: fromEvent, change: Change{
		Key:     Key{TenantKey: r.TenantKey, Kind: kind, ID: id},
		Time:    instant(r.OccurredAt),
		EventID: r.EventID,
		Event:   true,
	}}
	if r.RecordedAt.Sub(r.OccurredAt) > lateAfter {
		d.hint(HintLate)
	}
	switch {
	case strings.HasSuffix(r.EventType, ".deleted_v3"):
		d.deleted(old)
	case strings.HasSuffix(r.EventType, ".created_v3"):
		d.change.Claim = ClaimExists
		d.created(object, old)
	default:
		d.change.Claim = ClaimWeak
		d.updated(object, old)
	}
	return d.decoded()
}

// decoder collects what one object says about one entity.
type decoder struct {
	from     origin
	change   Change
	problems []Problem
}

func (d *decoder) decoded() Decoded {
	slices.SortFunc(d.change.Fields, func(a, b FieldChange) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(d.change.Hints)
	d.change.Hints = slices.Compact(d.change.Hints)
	return Decoded{Changes: []Change{d.change}, Problems: d.problems}
}

func (d *decoder) hint(h Hint) { d.change.Hints = append(d.change.Hints, h) }

func (d *decoder) set(name string, value json.RawMessage, changed bool) {
	f := FieldChange{Name: name, Value: value}
	if changed {
		f.Changed = 1
	}
	d.change.Fields = append(d.change.Fields, f)
}

func (d *decoder) problem(field string, err error) {
	d.problems = append(d.problems, Problem{Key: d.change.Key, Field: field, Err: err.Error()})
	d.hint(HintUndecodable)
}

func (d *decoder) created(object, old map[string]json.RawMessage) {
	d.hint(HintIncomplete) // a created user lacks its description, a created department its i18n_name
	d.present(object, old, true)
	d.placement(object, old, true)
	d.status(object, old, true)
}

func (d *decoder) updated(object, old map[string]json.RawMessage) {
	d.present(object, old, false)
	d.cleared(object, old)
	d.placement(object, old, false)
	d.status(object, old, false)
	if _, renamed := old[fieldName]; renamed && d.change.Key.Kind == KindDepartment {
		d.hint(HintIncomplete) // its i18n_name changed with it, and is in no event
	}
}

// deleted takes the last departments and nothing else: what the object of a
// deletion holds is what happens to be left.
func (d *decoder) deleted(old map[string]json.RawMessage) {
	flag := goneFlag[d.change.Key.Kind]
	d.change.Claim, d.change.Reason = ClaimGone, flag.reason
	d.set(flag.field, json.RawMessage("true"), true)
	if d.change.Key.Kind != KindUser {
		return
	}
	value, _, ok, err := placementFields(map[string]json.RawMessage{fieldDeptIDs: old[fieldDeptIDs]})
	if err != nil {
		d.problem(fieldDeptIDs, err)
	} else if ok {
		d.set(fieldPlacement, value, true)
	}
}

// present sets the fields that the object has. certain is set where the
// record's kind makes each of them news.
func (d *decoder) present(object, old map[string]json.RawMessage, certain bool) {
	kind := d.change.Key.Kind
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name == fieldStatus || kind == KindUser && (name == fieldDeptIDs || name == fieldOrders) {
			continue
		}
		if kind == KindDepartment && name == fieldParent && d.change.Key.ID == RootDepartmentID {
			continue // the root has none
		}
		if name == fieldPlacement || strings.Contains(name, ".") {
			continue // names of our own, which Feishu does not use
		}
		_, changed := old[name]
		changed = changed || certain
		if kind == KindUser && name == fieldCustomAttrs {
			fields, err := customAttrs(object[name], d.from)
			if err != nil {
				d.problem(name, err)
				continue
			}
			for _, f := range fields {
				d.set(f.Name, f.Value, changed)
			}
			continue
		}
		value, ok, err := canonicalField(kind, name, object[name], d.from)
		switch {
		case err != nil:
			d.problem(name, err)
		case ok:
			d.set(clean(name), value, changed)
		}
	}
}

// cleared clears the fields that the object lacks although they changed. A
// department's parent is not cleared: without one it is under the root.
func (d *decoder) cleared(object, old map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, still := object[name]; still && !isNull(object[name]) {
			continue
		}
		if name == fieldStatus || name == fieldDeptIDs || name == fieldOrders {
			continue
		}
		// Whether the field may be cleared at all: a rule that ignores the old
		// value ignores its absence too.
		if _, ok, err := canonicalField(d.change.Key.Kind, name, old[name], d.from); err != nil || !ok {
			continue
		}
		switch {
		case d.change.Key.Kind == KindDepartment && name == fieldParent:
			if d.change.Key.ID != RootDepartmentID {
				d.set(name, encode(RootDepartmentID), true)
			}
		default:
			d.set(clean(name), nil, true)
		}
	}
}

// placement sets where a user sits; see placementFields.
func (d *decoder) placement(object, old map[string]json.RawMessage, certain bool) {
	if d.change.Key.Kind != KindUser {
		return
	}
	_, oldIDs := old[fieldDeptIDs]
	_, oldOrders := old[fieldOrders]
	value, ordered, ok, err := placementFields(object)
	if err != nil {
		d.problem(fieldPlacement, err)
		return
	}
	if ok {
		d.set(fieldPlacement, value, certain || oldIDs || oldOrders)
	}
	if d.from == fromEvent && !ordered && (ok || oldIDs || oldOrders) {
		d.hint(HintPlacement)
	}
}

// status sets the flags, each a field, and makes the one that says "gone"
// count as that.
func (d *decoder) status(object, old map[string]json.RawMessage, certain bool) {
	raw, has := object[fieldStatus]
	if !has || isNull(raw) {
		return
	}
	var now, before map[string]json.RawMessage
	if json.Unmarshal(raw, &now) != nil {
		d.problem(fieldStatus, errWrongType)
		return
	}
	if json.Unmarshal(orNull(old[fieldStatus]), &before) != nil {
		before = nil
	}
	kind := d.change.Key.Kind
	for _, name := range flags[kind] {
		value, ok, err := boolean(orNull(now[name]), d.from)
		if err != nil {
			d.problem(fieldStatus+"."+name, err)
			continue
		}
		_, changed := before[name]
		if !ok {
			if changed {
				d.hint(HintUndecodable) // a flag cannot be cleared
			}
			continue
		}
		d.set(fieldStatus+"."+name, value, changed || certain)
		if gone := goneFlag[kind]; fieldStatus+"."+name == gone.field && string(value) == "true" {
			d.change.Claim, d.change.Reason = ClaimGone, gone.reason
		}
	}
}

// shape says what is wrong with a JSON text without repeating any of it.
func shape(err error) string {
	switch e := err.(type) { //nolint:errorlint // straight from encoding/json
	case *json.SyntaxError:
		return "not JSON"
	case *json.UnmarshalTypeError:
		return "wrong type at " + e.Field
	default:
		return "unreadable"
	}
}
