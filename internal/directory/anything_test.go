package directory_test

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// The records here make no sense as a life. They come from few values at few
// instants, so that they meet as often as possible.

var userValues = map[string][]string{
	"name":                        {`"a"`, `"b"`, `""`, `7`, `{}`},
	"city":                        {`"a"`, `"b"`, `"\u0000"`, `null`},
	"mobile":                      {`"1"`, `"2"`, `""`},
	"leader_user_id":              {`"ou_2"`, `"ou_3"`, `""`},
	"country":                     {`"CN"`, `"中国"`, `""`},
	"gender":                      {`0`, `"1"`, `-1`},
	"join_time":                   {`0`, `1615381702`, `"x"`, `9223372036854775807`},
	"is_tenant_manager":           {`true`, `"false"`, `2`},
	"avatar":                      {`{"avatar_72":"https://a/p?1"}`, `{"avatar_72":"https://b/p?2"}`, `{"avatar_72":"https://a/q"}`, `{}`, `"x"`},
	"is_frozen":                   {`true`, `false`},
	"department_ids":              {`["od-1"]`, `["od-2","od-1"]`, `[]`, `["a/b"]`, `null`},
	"orders":                      {`[{"department_id":"od-1","department_order":1}]`, `[{"department_id":"od-2"},{"department_id":"od-1","is_primary_dept":true}]`, `[]`, `[1]`},
	"dotted_line_leader_user_ids": {`["ou_2"]`, `["x"]`, `[]`},
	"custom_attrs":                {`[{"id":"C-1","type":"TEXT","value":{"text":"<"}}]`, `[{"id":"C-2","type":"GENERIC_USER"},{"id":"C-1"}]`, `[]`, `{}`},
	"status":                      {`{"is_resigned":false}`, `{"is_resigned":true}`, `{"is_frozen":true,"is_exited":true}`, `{"is_resigned":"so"}`, `[]`, `{}`},
	"seat":                        {`{"b":1,"a":[1.0]}`, `[]`, `1e999`},
	"placement":                   {`[]`},
	"status.is_resigned":          {`true`},
}

var departmentValues = map[string][]string{
	"name":                 {`"a"`, `"b"`, `""`},
	"i18n_name":            {`{"en_us":"A"}`, `{"en_us":""}`, `7`},
	"parent_department_id": {`"od-1"`, `"od-2"`, `"0"`, `""`, `null`, `"a/b"`},
	"order":                {`1`, `"1"`, `"02"`, `"x"`},
	"leaders":              {`[{"leaderType":1,"leaderID":"ou_1"}]`, `[{"leaderType":1}]`, `[]`, `{}`},
	"department_hrbps":     {`["ou_1"]`, `[{"open_id":"ou_1"}]`, `[]`},
	"member_count":         {`1`, `2`},
	"status":               {`{"is_deleted":false}`, `{"is_deleted":true}`, `7`},
}

func drawObject(t *rapid.T, key directory.Key, label string) map[string]json.RawMessage {
	values := userValues
	if key.Kind == directory.KindDepartment {
		values = departmentValues
	}
	object := map[string]json.RawMessage{}
	for _, field := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(values))), 0, 6).Draw(t, label) {
		object[field] = json.RawMessage(rapid.SampledFrom(values[field]).Draw(t, field))
	}
	return object
}

func withID(key directory.Key, object map[string]json.RawMessage) string {
	o := map[string]json.RawMessage{}
	maps.Copy(o, object)
	if key.Kind == directory.KindUser {
		o["open_id"] = json.RawMessage(`"` + key.ID + `"`)
	} else {
		o["open_department_id"] = json.RawMessage(`"` + key.ID + `"`)
	}
	return text(o)
}

// drawRecord draws a record of any kind about one entity.
func drawRecord(t *rapid.T, key directory.Key) directory.Record {
	seconds := float64(rapid.IntRange(0, 3).Draw(t, "seconds"))
	object := drawObject(t, key, "object")
	verb := rapid.SampledFrom([]string{"created", "updated", "updated", "updated", "deleted", "listed", "answered", "missing"}).Draw(t, "verb")
	switch verb {
	case "missing":
		return missing(seconds+10, key, rapid.SampledFrom([]directory.Reason{"RESIGNED", "DELETED", "OUT_OF_RANGE"}).Draw(t, "reason"))
	case "listed", "answered":
		o := directory.Observation{Object: json.RawMessage(withID(key, object)), Listed: verb == "listed"}
		o.Empty = slices.Sorted(maps.Keys(drawObject(t, key, "empty")))
		r := observation(seconds+10, o)
		r.EventID = fmt.Sprintf("m:%08x", crc32.ChecksumIEEE(r.Payload))
		return r
	default:
		return event("contact."+string(key.Kind)+"."+verb+"_v3", seconds, withID(key, object), withID(key, drawObject(t, key, "old")))
	}
}

func drawKey(t *rapid.T) directory.Key {
	root := sales
	root.ID = directory.RootDepartmentID
	return rapid.SampledFrom([]directory.Key{zhang, sales, root}).Draw(t, "key")
}

func drawRecords(t *rapid.T, key directory.Key, most int) (records []told) {
	for range rapid.IntRange(1, most).Draw(t, "records") {
		records = append(records, told{Record: drawRecord(t, key)})
	}
	return records
}

func TestAnyOrderOfAnyRecordsGivesOneState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		records := drawRecords(t, key, 8)
		one, _ := receive(t, directory.NewState(key), records)
		other, _ := receive(t, directory.NewState(key), shuffled(t, records))
		if a, b := marshal(t, one), marshal(t, other); a != b {
			t.Fatalf("the order matters:\n%s\n%s", a, b)
		}
		if diff := cmp.Diff(view(one), view(other)); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
	})
}

// shownAs is what history keeps of a view, and what only the current row has.
func shownAs(state *directory.State) (kept, ornaments string) {
	switch v := view(state).(type) {
	case directory.User:
		ornaments = text(v.Avatar)
		v.Avatar = nil
		kept = text(v)
	case directory.Department:
		ornaments = text([]*int64{v.MemberCount, v.PrimaryMemberCount})
		v.MemberCount, v.PrimaryMemberCount = nil, nil
		kept = text(v)
	}
	return fmt.Sprint(kept, state.Known()), ornaments
}

func TestAnEffectTellsWhateverCanBeSeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		state := directory.NewState(key)
		for _, r := range drawRecords(t, key, 8) {
			for _, c := range directory.Decode(r.Record).Changes {
				before := marshal(t, state)
				kept, ornaments := shownAs(state)
				e := state.Apply(c)
				newKept, newOrnaments := shownAs(state)
				switch {
				case newKept != kept && !e.Version:
					t.Fatalf("no version for\n%s\n%s", kept, newKept)
				case newOrnaments != ornaments && !e.Row:
					t.Fatalf("no row for\n%s\n%s", ornaments, newOrnaments)
				case marshal(t, state) != before && !e.Touched:
					t.Fatalf("not touched\n%s\n%s", before, marshal(t, state))
				case marshal(t, state) == before && e.Touched, e.Version && !e.Row, e.Version && !e.News, e.Row && !e.Touched:
					t.Fatalf("effect = %+v\n%s\n%s", e, before, marshal(t, state))
				}
			}
		}
	})
}

// after folds some records and then one that is newer than all of them.
func after(t *rapid.T, key directory.Key, newest directory.Record) (before, after *directory.State) {
	state, _ := receive(t, directory.NewState(key), drawRecords(t, key, 6))
	before = state.Clone()
	foldInto(t, state, newest)
	return before, state
}

func TestAHiddenFieldIsNeverErased(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		object := drawObject(t, key, "visible")
		delete(object, "status") // another test: it says more than it shows
		seen := withID(key, object)
		newest := rapid.SampledFrom([]directory.Record{
			listed(100, seen), answered(100, seen), created(100, seen), updated(100, seen, withID(key, object)),
		}).Draw(t, "newest")
		before, after := after(t, key, newest)
		was, is := attributes(t, before), attributes(t, after)
		for field, value := range was {
			switch field {
			case "status": // a return resets the flag that says gone
				for flag, v := range value.(map[string]any) {
					if flag == "is_resigned" || flag == "is_deleted" {
						v = v == true && !after.Exists()
					}
					if got := is[field].(map[string]any)[flag]; got != v {
						t.Fatalf("%s was %v and is %v after\n%s", flag, v, got, newest.Payload)
					}
				}
				continue
			case "orders", "department_ids": // one field
				if _, visible := object["orders"]; visible {
					continue
				}
				if _, visible := object["department_ids"]; visible {
					continue
				}
			}
			if _, visible := object[field]; visible {
				continue
			}
			if diff := cmp.Diff(value, is[field]); diff != "" {
				t.Fatalf("%s was erased or changed by\n%s\n%s", field, newest.Payload, diff)
			}
		}
	})
}

func attributes(t tb, state *directory.State) map[string]any {
	t.Helper()
	shown, ok := decodeJSON(t, string(life(state).Attributes)).(map[string]any)
	if !ok {
		t.Fatal("no object")
	}
	return shown
}

func TestADepartureIsNotUndoneByAnAnswerThatDoesNotDenyIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]directory.Key{zhang, sales}).Draw(t, "key")
		object := drawObject(t, key, "object")
		if strings.Contains(string(object["status"]), "false") {
			delete(object, "status")
		}
		newest := rapid.SampledFrom([]directory.Record{answered(100, withID(key, object)), updated(100, withID(key, object), withID(key, drawObject(t, key, "old")))}).Draw(t, "newest")
		before, after := after(t, key, newest)
		if reason, _ := before.Gone(); reason != directory.ReasonNone && after.Exists() {
			t.Fatalf("%s was undone by\n%s", reason, newest.Payload)
		}
		foldInto(t, after, listed(200, withID(key, nil)))
		if !after.Exists() {
			t.Fatal("being listed is no return")
		}
	})
}
