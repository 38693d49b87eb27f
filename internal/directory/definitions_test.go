package directory_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// An enum_id is base64, with a slash in it.
const enumID = "exGeIjow7zIqWMy+ONk/xA=="

var (
	temp    = directory.Key{TenantKey: "t", Kind: directory.KindEmployeeType, ID: enumID}
	setting = directory.Key{TenantKey: "t", Kind: directory.KindCustomAttrSetting, ID: directory.CustomAttrSettingID}
)

// enum is an employee type as events and the list show it.
func enum(content, status string) string {
	return `{"enum_id":"` + enumID + `","enum_value":"6","content":"` + content + `","enum_type":2,"enum_status":` + status +
		`,"i18n_content":[{"locale":"zh_cn","value":"` + content + `"},{"locale":"en_us","value":"Temp"}]}`
}

// enumEvent is one of the five events; their bodies are their own.
func enumEvent(verb string, seconds float64, now, old string) directory.Record {
	body := map[string]json.RawMessage{}
	if now != "" {
		body["new_enum"] = json.RawMessage(now)
	}
	if old != "" {
		body["old_enum"] = json.RawMessage(old)
	}
	r := event("contact.employee_type_enum."+verb+"_v3", seconds, `{}`, "")
	raw, err := json.Marshal(map[string]any{"schema": "2.0", "event": body, "n": r.EventID})
	if err != nil {
		panic(err)
	}
	r.Payload = raw
	r.EventID = verb + now + old
	return r
}

func enumListed(seconds float64, object string) directory.Record {
	return listedAs(directory.KindEmployeeType, seconds, object)
}

func listedAs(kind directory.Kind, seconds float64, object string) directory.Record {
	id, err := directory.ObjectID(kind, json.RawMessage(object))
	if err != nil {
		panic(err)
	}
	r, err := directory.NewObservation(directory.Origin{TenantKey: "t", Source: directory.SourceReread, CorrelationID: "r1"}, kind, id, at(seconds),
		directory.Observation{Object: json.RawMessage(object), Listed: true, SkewMarginMS: 10_000})
	if err != nil {
		panic(err)
	}
	r.RecordedAt = r.OccurredAt
	return r
}

func enumWant(content, status string) string {
	return `{"content":"` + content + `","enum_status":` + status + `,"enum_type":2,"enum_value":"6",` +
		`"i18n_content":[{"locale":"en_us","value":"Temp"},{"locale":"zh_cn","value":"` + content + `"}]}`
}

func TestEmployeeTypeEvents(t *testing.T) {
	t.Parallel()
	checkRules(t, temp, []rule{
		{
			name:    "created says all of it",
			records: []directory.Record{enumEvent("created", 1, enum("a", "1"), "")},
			want:    enumWant("a", "1"),
		},
		{
			name: "updated changes what differs",
			records: []directory.Record{
				enumEvent("created", 1, enum("a", "1"), ""),
				enumEvent("updated", 2, enum("b", "1"), enum("a", "1")),
			},
			want: enumWant("b", "1"),
		},
		{
			name: "actived and deactivated say which status is true, whatever their samples hold",
			records: []directory.Record{
				enumEvent("created", 1, enum("a", "1"), ""),
				enumEvent("deactivated", 2, enum("a", "1"), enum("a", "1")),
			},
			want:  enumWant("a", "2"),
			hints: hints{incomplete},
		},
		{
			name: "an update and an activation of one call, in one millisecond, do not undo each other",
			records: []directory.Record{
				enumEvent("created", 1, enum("a", "2"), ""),
				enumEvent("updated", 2, enum("b", "2"), enum("a", "2")),
				enumEvent("actived", 2, enum("a", "1"), enum("a", "2")),
			},
			want: enumWant("b", "1"),
		},
		{
			name: "deleted keeps the last that was known",
			records: []directory.Record{
				enumEvent("created", 1, enum("a", "1"), ""),
				enumEvent("deleted", 2, "", enum("a", "1")),
			},
			want: enumWant("a", "1"),
			gone: directory.ReasonDeleted,
		},
		{
			name:    "deleted before anything else was heard says what it was",
			records: []directory.Record{enumEvent("deleted", 2, "", enum("a", "1"))},
			want:    enumWant("a", "1"),
			gone:    directory.ReasonDeleted,
		},
		{
			name:    "an update of an unknown one is asked for",
			records: []directory.Record{enumEvent("updated", 2, enum("b", "1"), enum("a", "1"))},
			want:    enumWant("b", "1"),
			hints:   hints{unknown},
		},
		{
			name: "what the list shows agrees with the events",
			records: []directory.Record{
				enumEvent("created", 1, enum("a", "1"), ""),
				enumListed(60, enum("a", "1")),
			},
			want: enumWant("a", "1"),
		},
	})
}

func TestTheListOfEmployeeTypesSaysNothingNewAfterTheEvent(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, temp, enumEvent("created", 1, enum("a", "1"), ""))
	for _, c := range directory.Decode(enumListed(60, enum("a", "1"))).Changes {
		if e := state.Apply(c); e.News || e.Version {
			t.Errorf("effect = %+v", e)
		}
	}
	got := directory.EmployeeTypeOf(state)
	if got.EnumID != enumID || *got.EnumValue != "6" || *got.Content != "a" || *got.EnumType != 2 || *got.EnumStatus != 1 {
		t.Errorf("%+v", got)
	}
}

func attrsEvent(seconds float64, object, old string) directory.Record {
	return event(directory.EventCustomAttrsUpdated, seconds, object, old)
}

func TestCustomAttributesAreNeverAppliedAsADifference(t *testing.T) {
	t.Parallel()
	d := directory.Decode(attrsEvent(1, `{"contact_field_key":["C-1"],"allow_open_query":true}`, `{"contact_field_key":["C-1","C-2"],"allow_open_query":true}`))
	if len(d.Changes) != 1 || d.Changes[0].Key != setting || d.AskSweep != "" {
		t.Fatalf("%+v", d)
	}
	if diff := cmp.Diff(hints{directory.HintDefinitions}, d.Changes[0].Hints); diff != "" {
		t.Error(diff)
	}
	state, _ := fold(t, setting, attrsEvent(1, `{"allow_open_query":"true"}`, `{}`))
	if open := directory.CustomAttrSettingOf(state).AllowOpenQuery; open == nil || !*open {
		t.Errorf("allow_open_query = %v", open)
	}
}

func TestTheSwitchOffHidesCustomAttributes(t *testing.T) {
	t.Parallel()
	off := attrsEvent(100, `{"contact_field_key":["C-1","C-2"],"allow_open_query":false}`, `{"contact_field_key":["C-1"],"allow_open_query":true}`)
	for _, id := range []string{"C-1", "C-2"} {
		key := directory.Key{TenantKey: "t", Kind: directory.KindCustomAttribute, ID: id}
		checkRules(t, key, []rule{{
			name:    id + " is out of range",
			records: []directory.Record{listedAs(directory.KindCustomAttribute, 50, `{"id":"`+id+`","type":"TEXT"}`), off},
			want:    `{"type":"TEXT"}`,
			gone:    outOfRange,
		}, {
			name: id + " is back when it is listed",
			records: []directory.Record{
				off, listedAs(directory.KindCustomAttribute, 200, `{"id":"`+id+`","type":"TEXT","i18n_name":[{"locale":"zh_cn","value":"字段"}],"options":{}}`),
			},
			want: `{"type":"TEXT","i18n_name":[{"locale":"zh_cn","value":"字段"}]}`,
		}})
	}
	// Nobody's values are cleared: events lack them from then on, and so do answers.
	rule{
		records: []directory.Record{
			listed(50, `{"open_id":"ou_1","custom_attrs":[{"type":"TEXT","id":"C-1","value":{"text":"x"}}]}`),
			off,
			updated(101, `{"open_id":"ou_1","city":"x"}`, `{"city":"y"}`),
			answered(200, `{"open_id":"ou_1","status":{"is_resigned":false}}`),
		},
		want: `{"city":"x","status":{"is_resigned":false},"custom_attrs":[{"id":"C-1","type":"TEXT","value":{"text":"x"}}]}`,
	}.check(t, zhang)
}

func TestTheSwitchOnAsksForASweep(t *testing.T) {
	t.Parallel()
	on := directory.Decode(attrsEvent(1, `{"contact_field_key":["C-1"],"allow_open_query":true}`, `{"contact_field_key":[],"allow_open_query":false}`))
	if on.AskSweep != directory.SweepForCustomAttrs {
		t.Errorf("asks for a sweep for %q", on.AskSweep)
	}
}

// A range is told by its nodes. Neither those that came nor those that went say
// anything about anybody, deep inside or at the very node.
func TestAScopeEventAsksForASweepAndRemovesNobody(t *testing.T) {
	t.Parallel()
	r := event(directory.EventScopeUpdated, 1, `{}`, "")
	r.Payload = json.RawMessage(`{"schema":"2.0","event":{
		"added":{"departments":[{"open_department_id":"od-2","order":"100"}],"users":[],"user_groups":[]},
		"removed":{"departments":[{"open_department_id":"od-1","order":"100"}],"users":[{"open_id":"ou_1","name":"a"}],"user_groups":[{"user_group_id":"g1"}]}}}`)
	if diff := cmp.Diff(directory.Decoded{AskSweep: directory.SweepForScope}, directory.Decode(r)); diff != "" {
		t.Error(diff)
	}
}

func TestDefinitionsThatCannotBeReadArePartsOfAProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		record directory.Record
		field  string
	}{
		{"translations that are none", enumEvent("created", 1, `{"enum_id":"a","content":"x","i18n_content":[1]}`, ""), "i18n_content"},
		{"a status that is none", enumEvent("created", 1, `{"enum_id":"a","content":"x","enum_status":{}}`, ""), "enum_status"},
		{"a switch that is none", attrsEvent(1, `{"allow_open_query":[]}`, `{}`), "allow_open_query"},
		{"no id", enumEvent("updated", 1, `{"content":"x"}`, `{}`), ""},
		{"no body", event(directory.EventEmployeeTypeCreated, 1, `[]`, ""), ""},
	} {
		d := directory.Decode(c.record)
		if len(d.Problems) != 1 || d.Problems[0].Field != c.field {
			t.Errorf("%s: %+v", c.name, d.Problems)
		}
	}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	for eventType, want := range map[string]directory.Class{
		directory.EventUserCreated: directory.ClassUser, directory.EventDepartmentDeleted: directory.ClassDepartment,
		directory.EventEmployeeTypeActived: directory.ClassEmployeeType, directory.EventCustomAttrsUpdated: directory.ClassCustomAttrs,
		directory.EventScopeUpdated: directory.ClassScope, "mirror.user.observed": directory.ClassObservation,
		"mirror.employee_type.missing": directory.ClassObservation, directory.EventSweepStarted: directory.ClassSweep,
		"user_add": directory.ClassLegacy, "contact_scope_change": directory.ClassLegacy,
		"contact.user_group.created_v3": directory.ClassUnknown, "": directory.ClassUnknown, "im.message.receive_v1": directory.ClassUnknown,
	} {
		if got := directory.ClassOf(eventType); got != want {
			t.Errorf("%q is of class %q, want %q", eventType, got, want)
		}
	}
}
