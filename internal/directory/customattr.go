package directory

import (
	"encoding/json"
	"slices"
)

// customAttributeFields are the fields of a custom attribute's definition that
// have a type here. Source: the page "list custom attributes".
var customAttributeFields = tableOf(
	field{name: "id"}, // the key
	field{name: "type", rule: label},
	field{name: "options", rule: openObject},
	field{name: "i18n_name", rule: translations},
)

var customAttrSettingFields = tableOf(
	field{name: "id"}, // the key
	field{name: fieldOpenQuery, rule: boolean},
)

const fieldOpenQuery = "allow_open_query"

// CustomAttrSettingID is the key of a company's only setting of its custom
// attributes: there is one, and Feishu gives it no id.
const CustomAttrSettingID = "custom_attrs"

// CustomAttribute is the definition of a field of the company's own, as the
// read model shows it.
type CustomAttribute struct {
	ID       string
	Type     *string
	Options  json.RawMessage
	I18nName json.RawMessage
	Life
}

// CustomAttributeOf shows a custom attribute's state.
func CustomAttributeOf(s *State) CustomAttribute {
	return CustomAttribute{
		ID: s.Key.ID, Type: s.text("type"), Options: s.value("options"), I18nName: s.value("i18n_name"), Life: s.life(),
	}
}

// CustomAttrSetting says whether apps may see the company's custom attributes
// at all: its administrators' switch. While it is off, what people had stays
// as it was known, and says nothing about today.
type CustomAttrSetting struct {
	AllowOpenQuery *bool
	Life
}

// CustomAttrSettingOf shows the setting's state.
func CustomAttrSettingOf(s *State) CustomAttrSetting {
	return CustomAttrSetting{AllowOpenQuery: s.boolean(fieldOpenQuery), Life: s.life()}
}

// decodeCustomAttrs reads contact.custom_attr_event.updated_v3. Whether its
// lists name all attributes or those that changed is not documented, so they
// are no difference to apply: the definitions are read again. Only the switch
// is taken at its word. Turned off, it puts what is named out of range, and no
// value of anybody is cleared; turned on, everybody's values can be read again,
// which takes a sweep.
func decodeCustomAttrs(r Record) Decoded {
	now, old, err := readEvent(r, KindCustomAttrSetting, "object", "old_object")
	if err != nil {
		return parkWhole(r, KindCustomAttrSetting, "the payload is no event: "+err.Error())
	}
	d := newDecoder(r, KindCustomAttrSetting, CustomAttrSettingID, fromEvent)
	d.late(r)
	d.change.Claim = ClaimExists
	d.hint(HintDefinitions)
	before, errBefore := asBoolean(old.get(fieldOpenQuery))
	open, err := asBoolean(now.get(fieldOpenQuery))
	switch {
	case err == nil:
		d.set(fieldOpenQuery, asJSON(open), errBefore == nil && open != before)
	case now.says(fieldOpenQuery):
		d.problem(fieldOpenQuery, err)
	}
	decoded := d.decoded()
	switch {
	case err != nil:
	case !open:
		decoded.Changes = append(decoded.Changes, d.outOfRange(r, now, old)...)
	case errBefore == nil && !before:
		decoded.AskSweep = SweepForCustomAttrs
	}
	return decoded
}

// outOfRange says of every attribute that an event names that it cannot be
// seen any more.
func (d *decoder) outOfRange(r Record, objects ...object) (changes []Change) {
	var ids []string
	for _, o := range objects {
		named, _ := asList(o.get("contact_field_key")) // the definitions are read again in any case
		for _, raw := range named {
			if id, err := asKeyOf(KindCustomAttribute, raw); err == nil {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		gone := newDecoder(r, KindCustomAttribute, id, fromEvent)
		gone.claimGone(ReasonOutOfRange)
		changes = append(changes, gone.change)
	}
	return changes
}
