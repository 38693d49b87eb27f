package directory

import (
	"bytes"
	"encoding/json"
)

// employeeTypeFields are the fields of an employee type that have a type here.
// Source: the page "employee type overview".
var employeeTypeFields = tableOf(
	field{name: "enum_id"}, // the key
	field{name: "enum_value", rule: label},
	field{name: "content", rule: label},
	field{name: "enum_type", rule: integer(0, maxInt32)},
	field{name: fieldEnumStatus, rule: integer(0, maxInt32)},
	field{name: "i18n_content", rule: translations},
)

const fieldEnumStatus = "enum_status"

// What enum_status says.
var enumActive, enumInactive = []byte("1"), []byte("2")

// EmployeeType is one of a company's employee types as the read model shows
// it. A user's employee_type is its EnumValue.
type EmployeeType struct {
	EnumID      string
	EnumValue   *string
	Content     *string
	EnumType    *int64 // 1 built in, 2 the company's own
	EnumStatus  *int64 // 1 active, 2 inactive
	I18nContent json.RawMessage
	Life
}

// EmployeeTypeOf shows an employee type's state.
func EmployeeTypeOf(s *State) EmployeeType {
	return EmployeeType{
		EnumID:    s.Key.ID,
		EnumValue: s.text("enum_value"), Content: s.text("content"),
		EnumType: s.integer("enum_type"), EnumStatus: s.integer(fieldEnumStatus),
		I18nContent: s.value("i18n_content"),
		Life:        s.life(),
	}
}

// decodeEmployeeType reads the five events of an employee type. They are no
// sisters of the others: their bodies are new_enum and old_enum, both whole,
// so that a field changed where the two differ and not where old_enum has it.
func decodeEmployeeType(r Record) Decoded {
	now, old, err := readEvent(r, KindEmployeeType, "new_enum", "old_enum")
	if err != nil {
		return parkWhole(r, KindEmployeeType, "the payload is no event: "+err.Error())
	}
	id, err := asKeyOf(KindEmployeeType, now.get(keyField(KindEmployeeType)))
	if err != nil {
		id, err = asKeyOf(KindEmployeeType, old.get(keyField(KindEmployeeType))) // deleted events have no other
	}
	if err != nil {
		return parkWhole(r, KindEmployeeType, "no "+keyField(KindEmployeeType))
	}
	d := newDecoder(r, KindEmployeeType, id, fromEvent)
	d.late(r)
	switch r.EventType {
	case EventEmployeeTypeCreated:
		d.change.Claim = ClaimExists
		d.present(now, nil, true)
	case EventEmployeeTypeDeleted:
		d.claimGone(ReasonDeleted)
		d.present(old, nil, false) // the last that was known of it
	default:
		d.employeeTypeChanged(r.EventType, now, d.differing(now, old))
	}
	return d.decoded()
}

// employeeTypeChanged reads updated, actived and deactivated events. The API's
// one PUT may send two of them; of enum_status the type of the event is sure.
func (d *decoder) employeeTypeChanged(eventType string, now, old object) {
	d.change.Claim = ClaimWeak
	status := map[string][]byte{EventEmployeeTypeActived: enumActive, EventEmployeeTypeDeactivated: enumInactive}[eventType]
	if status != nil {
		d.set(fieldEnumStatus, status, true)
		if now.says(fieldEnumStatus) && string(bytes.Trim(now.get(fieldEnumStatus), `"`)) != string(status) {
			d.hint(HintIncomplete) // the event contradicts itself
		}
	}
	d.present(now, old, false)
	d.cleared(now, old)
}

// differing returns those members of old that o has otherwise, or not at all.
func (d *decoder) differing(o, old object) object {
	var changed object
	for _, m := range old {
		f := d.fields.of(m.name)
		if f.rule == nil || isNull(m.value) {
			continue
		}
		if raw := o.get(m.name); !isNull(raw) {
			before, _, errBefore := f.rule(m.value, d.from)
			after, _, errAfter := f.rule(raw, d.from)
			if errBefore == nil && errAfter == nil && bytes.Equal(before, after) {
				continue
			}
		}
		changed = append(changed, m)
	}
	return changed
}
