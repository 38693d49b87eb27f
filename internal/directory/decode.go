package directory

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Decode says what a record states. It never fails: what cannot be read
// becomes a Problem, and the rest of the record counts. A record of a type
// that the fold does not know says nothing. One of an older schema version is
// brought up to this program's; one of a newer is a Problem.
//
// What it returns shares no memory with the payload.
func Decode(r Record) Decoded {
	if r.SchemaVersion != SchemaVersion && ClassOf(r.EventType) != ClassUnknown {
		var err error
		if r, err = upcast(r, upcasters()); err != nil {
			return parkWhole(r, r.EntityKind, err.Error())
		}
	}
	switch r.EventType {
	case EventUserCreated, EventUserUpdated, EventUserDeleted:
		return decodeEvent(r, KindUser)
	case EventDepartmentCreated, EventDepartmentUpdated, EventDepartmentDeleted:
		return decodeEvent(r, KindDepartment)
	case EventEmployeeTypeCreated, EventEmployeeTypeActived, EventEmployeeTypeDeactivated, EventEmployeeTypeUpdated, EventEmployeeTypeDeleted:
		return decodeEmployeeType(r)
	case EventCustomAttrsUpdated:
		return decodeCustomAttrs(r)
	case EventScopeUpdated:
		// Its added and removed are the nodes of the range, not who is below them,
		// and what one node lost another may still cover: it removes nobody.
		return Decoded{AskSweep: SweepForScope}
	case EventSweepStarted, EventSweepCompleted:
		return decodeSweep(r)
	}
	switch own := ownTypes[r.EventType]; own.verb {
	case verbObserved:
		return decodeObservation(r, own.kind)
	case verbMissing:
		return decodeMissing(r, own.kind)
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

// keyField is the member of an object that holds its key.
func keyField(kind Kind) string {
	switch kind {
	case KindUser:
		return "open_id"
	case KindDepartment:
		return "open_department_id"
	case KindEmployeeType:
		return "enum_id"
	case KindUnit:
		return "unit_id"
	default:
		return "id"
	}
}

// payload reads a record's payload as an object.
func payload(r Record) (object, error) {
	text := trim(r.Payload)
	if !json.Valid(text) {
		return nil, errors.New("not JSON")
	}
	if text[0] != '{' {
		return nil, errWrongType
	}
	return readObject(text, nil)
}

// decoder collects what one object says about one entity.
type decoder struct {
	kind     Kind
	from     origin
	fields   fieldTable
	change   Change
	problems []Problem
	// gone is set where the object is of someone who is gone. What Feishu still
	// shows of them is taken, what it shows no more is not cleared: the last
	// that was known of who left is worth keeping.
	gone bool
	text []byte // the values' memory, in one piece
}

func newDecoder(r Record, kind Kind, id string, from origin) *decoder {
	return &decoder{
		kind:   kind,
		from:   from,
		fields: fieldsOf(kind),
		change: Change{
			Key:     Key{TenantKey: r.TenantKey, Kind: kind, ID: id},
			Time:    instant(r.OccurredAt),
			EventID: r.EventID,
			Event:   from == fromEvent,
			Fields:  make([]FieldChange, 0, 40),
		},
		text: make([]byte, 0, len(r.Payload)),
	}
}

func (d *decoder) hint(h Hint) { d.change.Hints = append(d.change.Hints, h) }

// claimGone is said by flags and by deletions.
func (d *decoder) claimGone(reason Reason) {
	d.change.Claim, d.change.Reason, d.gone = ClaimGone, reason, true
}

// set sets a field, in its place among the others and once. changed is the
// middle part of the stamp.
func (d *decoder) set(name string, value []byte, changed bool) {
	if value == nil && d.gone {
		return
	}
	i, twice := slices.BinarySearchFunc(d.change.Fields, name, func(f FieldChange, name string) int { return strings.Compare(f.Name, name) })
	if twice {
		return
	}
	f := FieldChange{Name: name}
	if changed {
		f.Changed = 1
	}
	if value != nil {
		start := len(d.text)
		d.text = append(d.text, value...)
		f.Value = d.text[start:len(d.text):len(d.text)]
	}
	d.change.Fields = slices.Insert(d.change.Fields, i, f)
}

// problem notes a field that is left untouched. It never holds the value.
func (d *decoder) problem(field string, err error) {
	d.problems = append(d.problems, Problem{Key: d.change.Key, Field: shorten(field, maxKey), Err: err.Error()})
	d.hint(HintUndecodable)
}

func (d *decoder) decoded() Decoded {
	d.change.Hints = sortHints(d.change.Hints)
	return Decoded{Changes: []Change{d.change}, Problems: sortProblems(d.problems)}
}

// present sets the fields that the object has. certain is set where the
// record's kind makes each of them news.
func (d *decoder) present(o, old object, certain bool) {
	for _, m := range o {
		f := d.fields.of(m.name)
		if f.rule == nil || isNull(m.value) || ours(m.name) || d.orphan(m) {
			continue
		}
		changed := old.has(m.name)
		if f.observedOnly && d.from == fromEvent {
			d.shown(f.name, string(m.value) != `""`, changed)
			continue
		}
		if d.kind == KindUser && m.name == fieldCustomAttrs {
			d.customAttrs(m.value, old, certain)
			continue
		}
		value, ok, err := f.rule(m.value, d.from)
		switch {
		case errors.Is(err, errForeignID):
			d.shown(f.name, true, changed)
		case err != nil:
			d.problem(m.name, err)
		case ok:
			d.set(f.name, value, changed || certain)
		}
	}
}

// orphan reports whether a member would move a department to the root for no
// reason: the root has no parent, and the object of a gone one shows what is
// left of it.
func (d *decoder) orphan(m member) bool {
	if d.kind != KindDepartment || m.name != fieldParent {
		return false
	}
	return d.change.Key.ID == RootDepartmentID || d.gone && string(m.value) == `""`
}

// customAttrs sets a user's custom attributes, and by themselves those that
// name a user: only observations name them by the id kind that we ask for.
func (d *decoder) customAttrs(raw []byte, old object, certain bool) {
	plain, generic, err := splitAttrs(raw)
	if err != nil {
		d.problem(fieldCustomAttrs, err)
		return
	}
	changed := old.has(fieldCustomAttrs)
	d.set(fieldCustomAttrs, plain, changed || certain)
	if d.from == fromObservation {
		d.set(fieldGenericUsers, generic, true)
		return
	}
	d.shown(fieldGenericUsers, generic != nil, changed && (generic != nil || namesUsers(old)))
}

// shown notes what an event shows of a field that it cannot set: whether it is
// set, and whether it changed. (What old_object names changed. But whether it
// names what was not set before, Feishu does not say.)
func (d *decoder) shown(field string, set, changed bool) {
	if set {
		d.change.Shown = append(d.change.Shown, field)
	}
	if changed {
		d.hint(HintIncomplete)
	}
}

// namesUsers reports whether custom attributes that name a user are among those
// that changed, as far as can be seen.
func namesUsers(old object) bool {
	_, generic, err := splitAttrs(old.get(fieldCustomAttrs))
	return generic != nil || err != nil
}

// placement sets where a user sits; see sittingOf.
func (d *decoder) placement(o, old object, certain bool) {
	if d.kind != KindUser {
		return
	}
	moved := old.has(fieldDeptIDs) || old.has(fieldOrders)
	s, err := sittingOf(o, d.from)
	if err != nil {
		d.problem(fieldPlacement, err)
		return
	}
	if s.said {
		d.set(fieldPlacement, s.value, certain || moved)
	}
	if d.from == fromEvent && !s.whole && (s.said || moved) {
		d.hint(HintPlacement)
	}
}

// status sets the flags, each a field, and takes the one that says "gone" at
// its word. It reports whether the flags show that the entity is there.
func (d *decoder) status(o, old object, certain bool) (here bool) {
	if len(flags(d.kind)) == 0 {
		return false
	}
	before, _ := readObject(old.get(fieldStatus), nil) // what is no object names no flag
	if !o.says(fieldStatus) {
		if old.says(fieldStatus) {
			d.hint(HintIncomplete) // it changed, and to what is not said: flags cannot be cleared
		}
		return false
	}
	now, err := readObject(o.get(fieldStatus), nil)
	if err != nil {
		d.problem(fieldStatus, err)
		return false
	}
	goneField, reason := goneFlag(d.kind)
	exited := false
	for _, flag := range flags(d.kind) {
		if !now.says(flag.name) {
			if before.says(flag.name) {
				d.hint(HintIncomplete)
			}
			continue
		}
		is, err := asBoolean(now.get(flag.name))
		if err != nil {
			d.problem(flag.field, err)
			continue
		}
		switch {
		case flag.field == goneField && is:
			d.claimGone(reason)
			was := asFlag(before.get(flag.name))
			d.change.Went = was != nil && !*was
		case flag.field == goneField:
			here = true
		case flag.name == flagExited:
			exited = is
		}
		d.set(flag.field, asJSON(is), certain || before.has(flag.name))
	}
	return here && !exited
}
