package directory_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgmirror/orgmirror/internal/directory"
)

const pictured = `{"open_id":"ou_1","name":"a","avatar":{"avatar_72":"https://x/p1?sign=1"},"status":{"is_resigned":false}}`

func TestEffect(t *testing.T) {
	t.Parallel()
	nothing := directory.Effect{}
	stampsOnly := directory.Effect{Touched: true}
	rowOnly := directory.Effect{Row: true, Touched: true}
	version := directory.Effect{News: true, Version: true, Row: true, Touched: true}
	for _, c := range []struct {
		name   string
		record directory.Record
		want   directory.Effect
	}{
		{"the same record again does nothing", listed(60, pictured), nothing},
		{"an older record that loses does nothing", listed(50, pictured), nothing},
		{"the same values seen again move stamps", listed(90, pictured), stampsOnly},
		{"a field that was never set and is cleared moves stamps", listed(90, `{"open_id":"ou_1","geo":""}`, "city"), stampsOnly},
		{"another field is a version", listed(90, `{"open_id":"ou_1","name":"b"}`), version},
		{"a cleared field is a version", listed(90, `{"open_id":"ou_1","name":""}`), version},
		{"a departure is a version", missing(90, zhang, outOfRange), version},
		{"another URL of the same picture is for the row alone", listed(90, `{"open_id":"ou_1","avatar":{"avatar_72":"https://y/p1?sign=2"}}`), rowOnly},
		{"another picture is news, but no version", listed(90, `{"open_id":"ou_1","avatar":{"avatar_72":"https://x/p2?sign=1"}}`), directory.Effect{News: true, Row: true, Touched: true}},
		{"a picture that is gone is news, but no version", listed(90, `{"open_id":"ou_1"}`, "avatar"), directory.Effect{News: true, Row: true, Touched: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			state, _ := fold(t, zhang, listed(60, pictured))
			got := state.Apply(directory.Decode(c.record).Changes[0])
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCountsMakeARowButNeitherNewsNorVersion(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, sales, listed(60, `{"open_department_id":"od-1","member_count":3,"primary_member_count":2}`))
	e := state.Apply(directory.Decode(listed(90, `{"open_department_id":"od-1","member_count":4,"primary_member_count":2}`)).Changes[0])
	if diff := cmp.Diff(directory.Effect{Row: true, Touched: true}, e); diff != "" {
		t.Error(diff)
	}
	if got := *directory.DepartmentOf(state).MemberCount; got != 4 {
		t.Errorf("member count = %d", got)
	}
}

func TestAPictureKeepsTheNewestURL(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, zhang, listed(60, pictured), listed(90, `{"open_id":"ou_1","avatar":{"avatar_72":"https://y/p1?sign=2&x"}}`))
	if got := string(directory.UserOf(state).Avatar); got != `{"avatar_72":"https://y/p1?sign=2\u0026x"}` {
		t.Errorf("avatar = %s", got)
	}
}

func TestApplyKeepsItsHandsOffTheChange(t *testing.T) {
	t.Parallel()
	d := directory.Decode(updated(2, `{"open_id":"ou_1","name":"b","department_ids":["od-1"],"country":"x"}`, `{"country":"y"}`))
	want := directory.Decode(updated(2, `{"open_id":"ou_1","name":"b","department_ids":["od-1"],"country":"x"}`, `{"country":"y"}`))
	for _, earlier := range []directory.Record{deleted(1, `{"open_id":"ou_1"}`, `{}`), listed(1, `{"open_id":"ou_1","country":"CN"}`)} {
		state, _ := fold(t, zhang, earlier)
		hints := state.Apply(d.Changes[0]).Hints
		slices.Reverse(hints)
		_ = append(hints[:1], "overwritten")
		if diff := cmp.Diff(want, d); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestDecodeSharesNothingWithThePayload(t *testing.T) {
	t.Parallel()
	r := listed(1, benchUser)
	got := directory.Decode(r)
	for i := range r.Payload {
		r.Payload[i] = '#'
	}
	if diff := cmp.Diff(directory.Decode(listed(1, benchUser)), got); diff != "" {
		t.Error(diff)
	}
}

func TestACloneLivesItsOwnLife(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, zhang, listed(60, pictured), missing(90, zhang, outOfRange))
	before := marshal(t, state)
	clone := state.Clone()
	if got := marshal(t, clone); got != before {
		t.Fatalf("clone = %s", got)
	}
	foldInto(t, clone, listed(120, `{"open_id":"ou_1","name":"b","city":"x"}`), missing(150, zhang, resigned))
	if got := marshal(t, state); got != before {
		t.Errorf("the original became %s", got)
	}
}

func TestClonesDoNotShareClaims(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, zhang, listed(1, `{"open_id":"ou_1"}`))
	for i := range 20 {
		foldInto(t, state, missing(float64(100+i), zhang, outOfRange))
		before := marshal(t, state)
		clone := state.Clone()
		foldInto(t, clone, missing(99, zhang, resigned), missing(500, zhang, resigned))
		if got := marshal(t, state); got != before {
			t.Fatalf("after %d the original became\n%s", i, got)
		}
	}
}

func TestAStateRoundTripsByteForByte(t *testing.T) {
	t.Parallel()
	for name, records := range map[string][]directory.Record{
		"nothing":    nil,
		"everything": {listed(1, benchUser, "geo"), missing(90, zhang, outOfRange), missing(120, zhang, resigned), deleted(130, `{"open_id":"ou_1"}`, `{}`), updated(99, `{"open_id":"ou_1","city":"<&>\u2028\n\"\\\u001f"}`, `{"city":"x","name":"y"}`)},
		"cleared":    {updated(1, `{"open_id":"ou_1"}`, `{"city":"x"}`)},
		"unheard of": {answered(1, `{"open_id":"ou_1","a\"\\<\u2029":{"b":[1,-2.5e-3,true,null,"\u0000"]}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := zhang
			if name == "everything" {
				for i := range records {
					records[i].Payload = json.RawMessage(strings.ReplaceAll(string(records[i].Payload), "ou_7dab8a3d3cdcc9da365777c7ad535d64", "ou_1"))
					if records[i].EntityID != "" {
						records[i].EntityID = "ou_1"
					}
				}
			}
			state, _ := fold(t, key, records...)
			stored := marshal(t, state)
			again, err := directory.UnmarshalState(key, []byte(stored))
			if err != nil {
				t.Fatal(err)
			}
			if got := marshal(t, again); got != stored {
				t.Errorf("%s\nbecame\n%s", stored, got)
			}
			if diff := cmp.Diff(directory.UserOf(state), directory.UserOf(again)); diff != "" {
				t.Error(diff)
			}
			// Marshalled as part of something else it is written again, by encoding/json.
			outer, err := json.Marshal([]*directory.State{state})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(outer[1 : len(outer)-1]); got != stored {
				t.Errorf("%s\nbecame\n%s", stored, got)
			}
		})
	}
}

func TestAStoredStateThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `null`, `[]`, `{`, `{"f":[]}`, `{"s":{}}`, `{"s":[1]}`, `{"s":[{"t":"x"}]}`, `{"s":[{"t":1}]}`,
		`{"f":{"name":{"v":"a"}}}`, `{"f":{"name":{"s":0,"v":"a"}}}`, `{"f":{"name":{"s":-1}}}`, `{"f":{"name":1}}`,
		`{"e":{}}`, `{"e":[{"s":0}]}`, `{"e":[1]}`, `{"s":[{"t":1,"i":"a"}],"e":[{"s":0,"r":{}}]}`,
	} {
		if _, err := directory.UnmarshalState(zhang, []byte(raw)); err == nil {
			t.Errorf("no error for %s", raw)
		} else if !strings.Contains(err.Error(), "read the state of a user") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestSweepRecords(t *testing.T) {
	t.Parallel()
	o := directory.Origin{TenantKey: "t", Source: directory.SourceBackfill, CorrelationID: "s1"}
	started, err := directory.NewSweepStarted(o, at(10), directory.SweepStarted{Range: "all"})
	if err != nil {
		t.Fatal(err)
	}
	want := directory.Decoded{Sweep: &directory.SweepMark{TenantKey: "t", SweepID: "s1", StartedAt: at(10)}}
	if diff := cmp.Diff(want, directory.Decode(started)); diff != "" {
		t.Error(diff)
	}
	three, two := int64(3), int64(2)
	completed, err := directory.NewSweepCompleted(o, at(20), directory.SweepCompleted{
		StartedAt: at(10), Users: 7, Candidates: map[directory.Kind]int64{"user": 1, "department": 2},
		MemberCounts: []directory.MemberCount{
			{OpenDepartmentID: "od-1", At: at(15), MemberCount: &three},
			{OpenDepartmentID: "", At: at(15), MemberCount: &three},
			{OpenDepartmentID: "od-2", At: at(16), MemberCount: &three, PrimaryMemberCount: &two},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if started.EventID != "m:s1:sweep:started" || completed.EventID != "m:s1:sweep:completed" || completed.EntityKind != directory.KindSweep {
		t.Errorf("records = %+v, %+v", started, completed)
	}
	count := func(id string, seconds float64, fields ...directory.FieldChange) directory.Change {
		return directory.Change{Key: directory.Key{TenantKey: "t", Kind: "department", ID: id}, Time: at(seconds), EventID: "m:s1:sweep:completed", Fields: fields}
	}
	want = directory.Decoded{
		Sweep: &directory.SweepMark{TenantKey: "t", SweepID: "s1", StartedAt: at(10), CompletedAt: at(20)},
		Changes: []directory.Change{
			count("od-1", 5, directory.FieldChange{Name: "member_count", Value: []byte("3"), Changed: 1}),
			count("od-2", 6, directory.FieldChange{Name: "member_count", Value: []byte("3"), Changed: 1}, directory.FieldChange{Name: "primary_member_count", Value: []byte("2"), Changed: 1}),
		},
		Problems: []directory.Problem{{Key: directory.Key{TenantKey: "t", Kind: "sweep"}, Err: "a member count of no department"}},
	}
	if diff := cmp.Diff(want, directory.Decode(completed), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	broken := completed
	broken.Payload = json.RawMessage(`{"started_at":7}`)
	if d := directory.Decode(broken); d.Sweep != nil || len(d.Problems) != 1 || d.Problems[0].Err != "the payload is no sweep's end" {
		t.Errorf("decoded = %+v", d)
	}
}

func TestASweepsCountsSayNothingAboutExistence(t *testing.T) {
	t.Parallel()
	three := int64(3)
	completed, err := directory.NewSweepCompleted(directory.Origin{TenantKey: "t", CorrelationID: "s1"}, at(20), directory.SweepCompleted{
		MemberCounts: []directory.MemberCount{{OpenDepartmentID: "od-1", At: at(15), MemberCount: &three}},
	})
	if err != nil {
		t.Fatal(err)
	}
	gone := deleted(1, `{"open_department_id":"od-1"}`, `{}`)
	for _, records := range [][]directory.Record{{completed}, {gone, completed}, {completed, gone}} {
		state, hints := fold(t, sales, records...)
		if state.Exists() || slices.Contains(hints, afterGoing) {
			t.Errorf("exists = %v, hints = %v", state.Exists(), hints)
		}
		if got := *directory.DepartmentOf(state).MemberCount; got != 3 {
			t.Errorf("member count = %d", got)
		}
	}
}

func TestAStoredValueOfAnotherTypeIsNotShown(t *testing.T) {
	t.Parallel()
	const stored = `{"f":{"avatar":{"s":0,"v":"x"},"custom_attrs":{"s":0,"v":{"a":1}},"custom_attrs.generic_user":{"s":0,"v":[{"id":"C-1"}]},"gender":{"s":0,"v":[1]},` +
		`"join_time":{"s":0,"v":"x"},"name":{"s":0,"v":7},"placement":{"s":0,"v":{"a":1}},"status.is_frozen":{"s":0,"v":"?"},"user_id":{"s":0,"v":{"a":1}}},"e":[{"s":0}],"s":[{"t":1,"i":"e"}]}`
	state, err := directory.UnmarshalState(zhang, []byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	u := directory.UserOf(state)
	if *u.Name != "7" || u.UserID != nil || u.Gender != nil || u.JoinTime != nil || u.Placements != nil || u.IsFrozen != nil {
		t.Errorf("shown = %s", text(u))
	}
	if string(u.CustomAttrs) != `[{"id":"C-1"}]` {
		t.Errorf("custom attributes = %s", u.CustomAttrs)
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	s := directory.NewState(zhang)
	if got := s.Newest(); !got.IsZero() {
		t.Errorf("nothing was heard, and the newest is of %s", got)
	}
	for _, c := range []struct {
		record directory.Record
		want   float64
	}{
		{updated(5, `{"open_id":"ou_1","name":"a"}`, `{}`), 5},
		{updated(3, `{"open_id":"ou_1","name":"b"}`, `{}`), 5}, // older
		{answered(12, `{"open_id":"ou_1","name":"a"}`), 5},     // counts ten seconds earlier
		{missing(20, zhang, directory.ReasonDeleted), 10},      // says nothing of any field
	} {
		foldInto(t, s, c.record)
		if got, want := s.Newest(), at(c.want); !got.Equal(want) {
			t.Errorf("after %s the newest is of %s, want %s", c.record.EventType, got, want)
		}
	}
}
