package directory

import "time"

// lateAfter is how long after it happened an event may arrive before it is
// taken for a redelivery that others have overtaken.
const lateAfter = time.Minute

// decodeEvent reads created, updated and deleted events. Feishu's page "event
// overview" gives the envelope, the pages of the events their bodies.
func decodeEvent(r Record, kind Kind) Decoded {
	o, old, err := readEvent(r, kind, "object", "old_object")
	if err != nil {
		return parkWhole(r, kind, "the payload is no event: "+err.Error())
	}
	id, err := asKeyOf(kind, o.get(keyField(kind)))
	if err != nil {
		id, err = asKeyOf(kind, old.get(keyField(kind))) // deleted events carry it in both
	}
	if err != nil {
		return parkWhole(r, kind, "no "+keyField(kind))
	}
	d := newDecoder(r, kind, id, fromEvent)
	d.late(r)
	switch r.EventType {
	case EventUserCreated, EventDepartmentCreated:
		d.created(o)
	case EventUserUpdated, EventDepartmentUpdated:
		d.updated(o, old)
	case EventUserDeleted, EventDepartmentDeleted:
		d.deleted(old)
	}
	return d.decoded()
}

// late asks about an event that others may have overtaken.
func (d *decoder) late(r Record) {
	if r.RecordedAt.Sub(r.OccurredAt) > lateAfter {
		d.hint(HintLate)
	}
}

// readEvent returns the two objects of an event by their names in its body.
func readEvent(r Record, kind Kind, nowName, oldName string) (o, old object, err error) {
	envelope, err := payload(r)
	if err != nil {
		return nil, nil, err
	}
	event, err := readObject(envelope.get("event"), nil)
	if err != nil {
		return nil, nil, err
	}
	if o, err = readObject(event.get(nowName), fieldsOf(kind)); err != nil {
		return nil, nil, err
	}
	old, err = readObject(event.get(oldName), fieldsOf(kind))
	return o, old, err
}

// created lacks what only the API has: a user's description, a department's
// i18n_name.
func (d *decoder) created(o object) {
	d.change.Claim = ClaimExists
	d.hint(HintIncomplete)
	d.status(o, nil, true)
	d.present(o, nil, true)
	d.placement(o, nil, true)
}

func (d *decoder) updated(o, old object) {
	d.change.Claim = ClaimWeak
	d.status(o, old, false)
	d.present(o, old, false)
	d.cleared(o, old)
	d.placement(o, old, false)
	if d.kind == KindDepartment && old.has(fieldName) {
		d.hint(HintIncomplete) // its i18n_name changed with it, and is in no event
	}
}

// deleted takes the last departments and nothing else. What a deletion's object
// shows of a person is what happens to be left, and may be zeros.
func (d *decoder) deleted(old object) {
	field, reason := goneFlag(d.kind)
	d.claimGone(reason)
	d.change.Went = true
	d.set(field, jsonTrue, true)
	if d.kind != KindUser {
		return
	}
	s, err := sittingOf(old, fromEvent)
	if err != nil {
		d.problem(fieldPlacement, err)
	} else if s.said {
		d.set(fieldPlacement, s.value, true)
	}
}

// cleared clears the fields that the object lacks although they changed. A
// department's parent is not cleared: without one it is under the root.
func (d *decoder) cleared(o, old object) {
	for _, m := range old {
		f := d.fields.of(m.name)
		switch {
		case f.rule == nil, ours(m.name), o.says(m.name):
		case isNull(m.value), f.observedOnly:
			d.hint(HintIncomplete) // it changed, and to what cannot be told
		case d.kind == KindDepartment && m.name == fieldParent:
			if d.change.Key.ID != RootDepartmentID && !d.gone {
				d.set(f.name, quote(RootDepartmentID), true)
			}
		default:
			d.set(f.name, nil, true)
			if d.kind == KindUser && m.name == fieldCustomAttrs && namesUsers(old) {
				d.hint(HintIncomplete)
			}
		}
	}
}
