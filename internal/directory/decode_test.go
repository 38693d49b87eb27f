package directory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgmirror/orgmirror/internal/directory"
)

func TestAFieldThatCannotBeReadIsLeftAndTheRestApplies(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 80) + strings.Repeat("]", 80)
	for _, c := range []struct {
		field, value, err string
		department        bool
	}{
		{field: "city", value: `{"a":1}`, err: "wrong type"},
		{field: "city", value: `[]`, err: "wrong type"},
		{field: "geo", value: strings.Repeat("9", 301), err: "number too large"},
		{field: "geo", value: `1e999`, err: "number too large"},
		{field: "name", value: `"` + strings.Repeat("张", 400) + `"`, err: "text too long"},
		{field: "user_id", value: `"` + strings.Repeat("x", 2000) + `"`, err: "text too long"},
		{field: "mobile_visible", value: `"yes"`, err: "wrong type"},
		{field: "mobile_visible", value: `[true]`, err: "wrong type"},
		{field: "gender", value: `"male"`, err: "wrong type"},
		{field: "gender", value: `1.5`, err: "wrong type"},
		{field: "gender", value: `-1`, err: "number too large"},
		{field: "gender", value: `2147483648`, err: "number too large"},
		{field: "employee_type", value: `99999999999999999999`, err: "number too large"},
		{field: "join_time", value: `9223372036854775807`, err: "number too large"}, // no time in JSON nor in PostgreSQL
		{field: "join_time", value: `253402300800`, err: "number too large"},
		{field: "avatar", value: `"https://x"`, err: "wrong type"},
		{field: "avatar", value: `{"avatar_72":1e301}`, err: "number too large"},
		{field: "dotted_line_leader_user_ids", value: `"ou_2"`, err: "wrong type"},
		{field: "dotted_line_leader_user_ids", value: `[null]`, err: "wrong type"},
		{field: "custom_attrs", value: `{"id":"C-1"}`, err: "wrong type"},
		{field: "custom_attrs", value: `["C-1"]`, err: "wrong type"},
		{field: "custom_attrs", value: `[{"id":"C-1","value":1e-301}]`, err: "number too large"},
		{field: "status", value: `"left"`, err: "wrong type"},
		{field: "orders", value: `{}`, err: "wrong type"},
		{field: "orders", value: `[1]`, err: "wrong type"},
		{field: "orders", value: `[{"department_id":"od-1","is_primary_dept":"so"}]`, err: "wrong type"},
		{field: "orders", value: `[{"user_order":1}]`, err: "wrong type"},
		{field: "department_ids", value: `[{"id":"od-1"}]`, err: "wrong type"},
		{field: "department_ids", value: `["od-1/x"]`, err: "not an id"},
		{field: "department_ids", value: `["od-\u0000"]`, err: "not an id"},
		{field: "shoe_size", value: `1E+301`, err: "number too large"},
		{field: "shoe_size", value: deep, err: "nested too deeply"},

		{field: "order", value: `"first"`, err: "wrong type", department: true},
		{field: "order", value: `"-"`, err: "wrong type", department: true},
		{field: "order", value: `1.0`, err: "wrong type", department: true},
		{field: "order", value: strings.Repeat("1", 41), err: "number too large", department: true},
		{field: "parent_department_id", value: `["od-2"]`, err: "wrong type", department: true},
		{field: "parent_department_id", value: `"` + strings.Repeat("x", 300) + `"`, err: "not an id", department: true},
		{field: "i18n_name", value: `"Sales"`, err: "wrong type", department: true},
		{field: "i18n_name", value: `{"en_us":["x"]}`, err: "wrong type", department: true},
		{field: "leaders", value: `{}`, err: "wrong type", department: true},
		{field: "leaders", value: `["ou_2"]`, err: "wrong type", department: true},
		{field: "leaders", value: `[{"leaderType":"chief","leaderID":"ou_2"}]`, err: "wrong type", department: true},
		{field: "leaders", value: `[{"leaderType":9999999999,"leaderID":"ou_2"}]`, err: "number too large", department: true},
		{field: "department_hrbps", value: `[{"union_id":"on_2"}]`, err: "wrong type", department: true},
		{field: "group_chat_employee_types", value: `[9999999999]`, err: "number too large", department: true},
		{field: "group_chat_employee_types", value: `["one"]`, err: "wrong type", department: true},
		{field: "member_count", value: `"many"`, err: "wrong type", department: true},
	} {
		t.Run(shortName(c.field+" "+c.value), func(t *testing.T) {
			t.Parallel()
			key, id := zhang, `"open_id":"ou_1"`
			if c.department {
				key, id = sales, `"open_department_id":"od-1"`
			}
			object := fmt.Sprintf(`{%s,"zzz":"applied",%q:%s}`, id, c.field, c.value)
			for _, r := range []directory.Record{updated(2, object, `{"zzz":"x"}`), listed(60, object)} {
				state, _ := fold(t, key, listed(1, "{"+id+`,"city":"x"}`))
				before := life(state)
				d := directory.Decode(r)
				field := c.field
				if field == "orders" || field == "department_ids" {
					field = "placement"
				}
				want := []directory.Problem{{Key: key, Field: field, Err: c.err}}
				if diff := cmp.Diff(want, d.Problems); diff != "" {
					t.Errorf("%s: problems: %s", r.EventType, diff)
				}
				e := state.Apply(d.Changes[0])
				if diff := cmp.Diff(hints{undecodable}, e.Hints); diff != "" {
					t.Errorf("%s: hints: %s", r.EventType, diff)
				}
				after := strings.Replace(string(life(state).Attributes), `,"zzz":"applied"`, "", 1)
				if after != string(before.Attributes) || !strings.Contains(string(life(state).Attributes), "zzz") {
					t.Errorf("%s: attributes = %s", r.EventType, life(state).Attributes)
				}
			}
		})
	}
}

func shortName(s string) string {
	if len(s) > 60 {
		return s[:60]
	}
	return s
}

func TestProblemsNameTheFieldAndNeverTheValue(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("名", 300)
	d := directory.Decode(listed(1, `{"open_id":"ou_1","a\u0000b":1e999,"`+long+`1":1e999,"`+long+`2":1e999,"mobile_visible":"+8613800138000"}`))
	want := []directory.Problem{
		{Key: zhang, Field: "a\uFFFDb", Err: "number too large"},
		{Key: zhang, Field: "mobile_visible", Err: "wrong type"},
		{Key: zhang, Field: strings.Repeat("名", 66), Err: "number too large"}, // once: two would have one key in the table
	}
	if diff := cmp.Diff(want, d.Problems); diff != "" {
		t.Error(diff)
	}
}

func TestARecordThatCannotBeUsedIsParkedWhole(t *testing.T) {
	t.Parallel()
	raw := func(r directory.Record, payload string) directory.Record {
		r.Payload = json.RawMessage(payload)
		return r
	}
	nobody := func(r directory.Record) directory.Record {
		r.EntityID = ""
		return r
	}
	event, seen, gone := updated(1, `{"open_id":"ou_1"}`, `{}`), listed(1, `{"open_id":"ou_1"}`), missing(1, zhang, resigned)
	of := func(kind directory.Kind) directory.Key { return directory.Key{TenantKey: "t", Kind: kind} }
	for _, c := range []struct {
		name   string
		record directory.Record
		kind   directory.Kind
		err    string
	}{
		{"an event without an id", updated(1, `{"name":"a"}`, `{}`), directory.KindUser, "no open_id"},
		{"an event with an empty id", updated(1, `{"open_id":""}`, `{}`), directory.KindUser, "no open_id"},
		{"an event whose id is no text", updated(1, `{"open_id":{"a":1}}`, `{}`), directory.KindUser, "no open_id"},
		{"an event whose id is a path", updated(1, `{"open_department_id":"od/1"}`, `{}`), directory.KindDepartment, "no open_department_id"},
		{"an event whose id had to be repaired", updated(1, `{"open_id":"ou_\ud800"}`, `{}`), directory.KindUser, "no open_id"},
		{"an event whose id is too long for an index", updated(1, `{"open_id":"`+strings.Repeat("x", 5000)+`"}`, `{}`), directory.KindUser, "no open_id"},
		{"an event whose object is none", updated(1, `["open_id"]`, `{}`), directory.KindUser, "the payload is no event: wrong type"},
		{"an event whose old_object is none", updated(1, `{"open_id":"ou_1"}`, `7`), directory.KindUser, "the payload is no event: wrong type"},
		{"an event that is none", raw(event, `{"event":"x"}`), directory.KindUser, "the payload is no event: wrong type"},
		{"bytes that were no JSON", raw(event, `{"mirror.raw":"AAEC"}`), directory.KindUser, "no open_id"},
		{"a payload that is no object", raw(event, `null`), directory.KindUser, "the payload is no event: wrong type"},
		{"a payload that is no JSON", raw(event, `{"event":`), directory.KindUser, "the payload is no event: not JSON"},
		{"no payload", raw(event, ``), directory.KindUser, "the payload is no event: not JSON"},
		{"an observation of nobody", nobody(seen), directory.KindUser, "no id"},
		{"an observation without an object", raw(seen, `{"listed":true}`), directory.KindUser, "the payload is no observation: wrong type"},
		{"an observation whose object is none", raw(seen, `{"object":[]}`), directory.KindUser, "the payload is no observation: wrong type"},
		{"an observation whose margin is none", raw(seen, `{"object":{},"skew_margin_ms":"x"}`), directory.KindUser, "the payload is no observation: wrong type"},
		{"an observation whose margin is a year", raw(seen, `{"object":{},"skew_margin_ms":31536000000}`), directory.KindUser, "the payload is no observation: number too large"},
		{"an observation whose empty fields have no names", raw(seen, `{"object":{},"empty":[[]]}`), directory.KindUser, "the payload is no observation: wrong type"},
		{"a proof of absence of nobody", nobody(gone), directory.KindUser, "no id or no reason"},
		{"a proof of absence for no reason", raw(gone, `{"reason":"MOVED"}`), directory.KindUser, "no id or no reason"},
		{"a proof of absence that is none", raw(gone, `"RESIGNED"`), directory.KindUser, "the payload is no proof of absence: wrong type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := directory.Decoded{Problems: []directory.Problem{{Key: of(c.kind), Err: c.err}}}
			if diff := cmp.Diff(want, directory.Decode(c.record), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATypeThatTheFoldDoesNotKnowSaysNothing(t *testing.T) {
	t.Parallel()
	for _, eventType := range []string{"", "contact.user.updated_v4", "contact.user_group.created_v3", "user_update", "mirror.job_title.observed", "mirror.sweep.failed", "app_ticket"} {
		r := updated(1, `{"open_id":"ou_1"}`, `{}`)
		r.EventType = eventType
		if diff := cmp.Diff(directory.Decoded{}, directory.Decode(r)); diff != "" {
			t.Errorf("%q: %s", eventType, diff)
		}
	}
}

func TestWhatPostgreSQLCannotHoldIsRepaired(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name:    "U+0000 and lone surrogates",
			records: []directory.Record{listed(1, `{"open_id":"ou_1","name":"a\u0000b","city":"\ud800x","x\u0000":["\u0000"],"custom_attrs":[{"id":"\u0000"}]}`)},
			want:    `{"name":"a\ufffdb","city":"\ufffdx","x\ufffd":["\ufffd"],"custom_attrs":[{"id":"\ufffd"}]}`,
		},
		{
			name:    "bytes that are not UTF-8",
			records: []directory.Record{listed(1, "{\"open_id\":\"ou_1\",\"name\":\"a\xffb\",\"\xfe\":1}")},
			want:    `{"name":"a\ufffdb","\ufffd":1}`,
		},
		{
			name:    "two names that repair makes one are one name twice: the last counts",
			records: []directory.Record{listed(1, `{"open_id":"ou_1","x\ud800":"late","x\u0000":"soon"}`)},
			want:    `{"x\ufffd":"soon"}`,
		},
		{
			name:    "a name that is there twice: the last counts",
			records: []directory.Record{listed(1, `{"open_id":"ou_1","name":"a","city":{"p":1,"p":2},"name":"b","seat":{"p":1,"p":2}}`)},
			want:    `{"name":"b","seat":{"p":2}}`,
			hints:   hints{undecodable},
		},
	})
}

func TestATimeIsKeptToTheMicrosecond(t *testing.T) {
	t.Parallel()
	r := updated(1, `{"open_id":"ou_1","name":"a"}`, `{}`)
	r.OccurredAt = time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("CST", 8*3600))
	c := directory.Decode(r).Changes[0]
	if want := time.Date(2026, 1, 1, 19, 4, 5, 123456000, time.UTC); !c.Time.Equal(want) || c.Time.Location() != time.UTC {
		t.Errorf("time = %v, want %v", c.Time, want)
	}
	if !c.Event || c.EventID != r.EventID || c.Key != zhang || c.Claim != directory.ClaimWeak {
		t.Errorf("change = %+v", c)
	}
}

func TestAnObservationsRecordIsItsOwn(t *testing.T) {
	t.Parallel()
	o := directory.Origin{TenantKey: "t", AppID: "cli", Source: directory.SourceReread, CorrelationID: "r1"}
	r, err := directory.NewObservation(o, directory.KindUser, "ou_1", at(0.0000019), directory.Observation{Object: json.RawMessage("{\"name\":\"<\xff&\"}"), SkewMarginMS: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := directory.Record{
		OccurredAt: at(0.000001), TenantKey: "t", AppID: "cli", EventID: fmt.Sprintf("m:r1:user:ou_1:%d", epoch.UnixMicro()+1),
		EventType: "mirror.user.observed", SchemaVersion: 1, Source: "reread", EntityKind: "user", EntityID: "ou_1", CorrelationID: "r1",
		Payload: json.RawMessage(`{"object":{"name":"<` + "\uFFFD" + `&"},"skew_margin_ms":1}`),
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if _, err := directory.NewObservation(o, directory.KindUser, "ou_1", at(0), directory.Observation{Object: json.RawMessage(`{`)}); err == nil {
		t.Error("no error for what is no JSON")
	}
}

func TestObjectID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      directory.Kind
		raw, want string
		fails     bool
	}{
		{directory.KindUser, ` {"open_id":"ou_1","open_department_id":"od-1"} `, "ou_1", false},
		{directory.KindDepartment, `{"open_department_id":0}`, "0", false},
		{directory.KindUser, `{"user_id":"u"}`, "", true},
		{directory.KindUser, `{"open_id":null}`, "", true},
		{directory.KindUser, `[]`, "", true},
		{directory.KindUser, `{"open_id":`, "", true},
		{directory.KindUser, ``, "", true},
	} {
		got, err := directory.ObjectID(c.kind, json.RawMessage(c.raw))
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s %s = %q, %v", c.kind, c.raw, got, err)
		}
	}
}
