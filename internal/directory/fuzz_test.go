package directory_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// FuzzDecode feeds anything to the fold: it must not panic, must say the same
// twice, and all that comes of it must fit the tables.
func FuzzDecode(f *testing.F) {
	for i := range sampleTypes {
		for _, payload := range samplePayloads {
			f.Add(uint8(i), []byte(payload))
		}
	}
	for _, r := range rendered(f) {
		f.Add(uint8(slices.Index(sampleTypes, r.EventType)), []byte(r.Payload))
	}
	f.Fuzz(func(t *testing.T, eventType uint8, payload []byte) {
		name := sampleTypes[int(eventType)%len(sampleTypes)]
		r := directory.Record{OccurredAt: epoch, RecordedAt: epoch, TenantKey: "t", EventID: "e1", EventType: name, Payload: payload}
		if strings.HasPrefix(name, "mirror.") {
			r.EntityID = "ou_1"
		}
		d := directory.Decode(r)
		if diff := cmp.Diff(d, directory.Decode(r)); diff != "" {
			t.Fatalf("another time it says otherwise: %s", diff)
		}
		for _, p := range d.Problems {
			checkText(t, p.Field, 200)
			checkText(t, p.Key.ID, 200)
		}
		for _, c := range d.Changes {
			checkText(t, c.Key.ID, 200)
			state := directory.NewState(c.Key)
			state.Apply(c)
			if e := state.Apply(c); e.Touched || e.Row || e.Version || e.News {
				t.Fatalf("a second time it has an effect: %+v", e)
			}
			checkState(t, state)
		}
	})
}

func checkState(t *testing.T, state *directory.State) {
	t.Helper()
	stored := marshal(t, state)
	checkJSON(t, stored)
	again, err := directory.UnmarshalState(state.Key, []byte(stored))
	if err != nil {
		t.Fatalf("%v: %s", err, stored)
	}
	if got := marshal(t, again); got != stored {
		t.Fatalf("%s\nbecame\n%s", stored, got)
	}
	switch state.Key.Kind {
	case directory.KindUser:
		checkUser(t, directory.UserOf(state))
	case directory.KindDepartment:
		checkDepartment(t, directory.DepartmentOf(state))
	default:
		checkDefinitions(t, state)
	}
}

// checkDefinitions looks at a state as each of the small kinds.
func checkDefinitions(t *testing.T, state *directory.State) {
	t.Helper()
	e, a, s := directory.EmployeeTypeOf(state), directory.CustomAttributeOf(state), directory.CustomAttrSettingOf(state)
	for _, label := range []*string{e.EnumValue, e.Content, a.Type} {
		checkOptional(t, label, 1100)
	}
	if state.Key.Kind == directory.KindEmployeeType {
		for _, n := range []*int64{e.EnumType, e.EnumStatus} {
			if n != nil && (*n < 0 || *n > 1<<31-1) {
				t.Fatalf("%d is no integer of four bytes", *n)
			}
		}
	}
	for _, raw := range []json.RawMessage{e.Attributes, e.I18nContent, a.Attributes, a.Options, a.I18nName, s.Attributes} {
		checkJSON(t, string(raw))
	}
}

func checkUser(t *testing.T, u directory.User) {
	t.Helper()
	if _, err := json.Marshal(u); err != nil { // a time that JSON and PostgreSQL have no form for
		t.Fatal(err)
	}
	for _, s := range []*string{u.UnionID, u.UserID, u.Name, u.EnName, u.Nickname, u.LeaderUserID} {
		checkOptional(t, s, 1100)
	}
	for _, s := range []*string{u.Email, u.EnterpriseEmail, u.Mobile, u.City, u.Country, u.WorkStation, u.EmployeeNo, u.JobTitle, u.JobLevelID, u.JobFamilyID, u.Geo, u.Description} {
		checkOptional(t, s, 1<<30)
	}
	for _, n := range []*int64{u.Gender, u.EmployeeType} {
		if n != nil && (*n < 0 || *n > 1<<31-1) {
			t.Fatalf("%d is no integer of four bytes", *n)
		}
	}
	checkTexts(t, u.DottedLineLeaderUserIDs, false)
	checkTexts(t, u.DepartmentIDs(), true)
	for _, raw := range []json.RawMessage{u.Attributes, u.Avatar, u.CustomAttrs} {
		checkJSON(t, string(raw))
	}
}

func checkDepartment(t *testing.T, d directory.Department) {
	t.Helper()
	for _, s := range []*string{d.DepartmentID, d.Name, d.LeaderUserID} {
		checkOptional(t, s, 1100)
	}
	checkOptional(t, d.ParentDepartmentID, 200)
	checkOptional(t, d.ChatID, 1<<30)
	checkOptional(t, d.Order, 41)
	checkTexts(t, d.UnitIDs, false)
	checkTexts(t, d.DepartmentHRBPs, false)
	people := map[string]bool{}
	for _, l := range d.Leaders {
		checkText(t, l.OpenID, 200)
		if people[l.OpenID] || l.Type < 0 || l.Type > 1<<31-1 {
			t.Fatalf("leaders %+v", d.Leaders)
		}
		people[l.OpenID] = true
	}
	for _, n := range d.GroupChatEmployeeTypes {
		if n < 0 || n > 1<<31-1 {
			t.Fatalf("%d is no integer of four bytes", n)
		}
	}
	for _, raw := range []json.RawMessage{d.Attributes, d.I18nName} {
		checkJSON(t, string(raw))
	}
}

func checkOptional(t *testing.T, s *string, most int) {
	t.Helper()
	if s != nil {
		checkText(t, *s, most)
	}
}

func checkText(t *testing.T, s string, most int) {
	t.Helper()
	if !utf8.ValidString(s) || strings.Contains(s, "\x00") || len(s) > most {
		t.Fatalf("%q does not fit a column", s)
	}
}

func checkTexts(t *testing.T, list []string, once bool) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range list {
		checkText(t, s, 1<<30)
		if seen[s] && once || s == "" {
			t.Fatalf("%q", list)
		}
		seen[s] = true
	}
}

// checkJSON checks what PostgreSQL's jsonb asks for, as far as JSON goes: no
// U+0000, no lone surrogates, UTF-8, numbers within numeric, an end to nesting.
func checkJSON(t *testing.T, raw string) {
	t.Helper()
	if raw == "" {
		return
	}
	if !utf8.ValidString(raw) || strings.ContainsAny(raw, "\x00") {
		t.Fatalf("%q is no text", raw)
	}
	depth := 0
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	for d.More() || depth > 0 {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		switch v := token.(type) {
		case json.Delim:
			depth++
			if v == '}' || v == ']' {
				depth -= 2
			}
		case json.Number:
			if _, exponent, _ := strings.Cut(strings.ToLower(v.String()), "e"); len(v) > 300 || len(exponent) > 4 {
				t.Fatalf("number %s", v)
			}
		case string:
			checkText(t, v, 1<<30)
		}
		if depth > 80 {
			t.Fatal("nested too deeply")
		}
	}
	// Decoding made U+FFFD of lone surrogates; they must not be there at all.
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(raw)); err != nil || strings.Contains(strings.ToLower(strings.ReplaceAll(raw, `\\`, "")), `\ud`) {
		t.Fatalf("%v: %s", err, raw)
	}
}

// FuzzUnmarshalState reads stored states that somebody has spoiled.
func FuzzUnmarshalState(f *testing.F) {
	for i, name := range sampleTypes {
		for _, payload := range samplePayloads {
			r := directory.Record{OccurredAt: epoch, EventID: "e1", EventType: name, EntityID: "ou_1", Payload: json.RawMessage(payload)}
			for _, c := range directory.Decode(r).Changes {
				state := directory.NewState(c.Key)
				state.Apply(c)
				f.Add(uint8(i), []byte(marshal(f, state)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		key := zhang
		if kind%2 == 1 {
			key = sales
		}
		state, err := directory.UnmarshalState(key, raw)
		if err != nil {
			return
		}
		again, err := directory.UnmarshalState(key, []byte(marshal(t, state)))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := marshal(t, state), marshal(t, again); a != b {
			t.Fatalf("%s\n%s", a, b)
		}
		life(state) // whatever the values are, they can be shown
		foldInto(t, state, listed(60, `{"open_id":"ou_1","name":"a"}`), updated(60, `{"open_department_id":"od-1","name":"a"}`, `{"name":"b"}`))
	})
}
