package directory_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// A story is a random life of one entity in Feishu, and the records that it
// gives. The truth is kept by Feishu's field names in the API's form, lists
// sorted, absent where not set. What events make of it, and how, differs from
// story to story, since Feishu's documentation leaves much of it open.
type story struct {
	t       *rapid.T
	key     directory.Key
	truth   truth
	now     float64
	records []told
	past    []snapshot
	habits
}

type truth map[string]any

type snapshot struct {
	seconds float64
	truth   truth
	alive   bool
}

// told is a record and the second that it is of, margins not taken off.
type told struct {
	directory.Record
	seconds float64
}

// habits are Feishu's in one story.
type habits struct {
	cleared  string // how an event's object shows a field that is not set
	before   string // and its old_object
	answered string // and an answer; "" is listed as empty too where that says nothing
	asText   bool   // whether numbers come as strings in answers
	hidden   map[string]bool
	leftover bool // whether an answer for someone who left shows more than ids, name and status
}

const (
	formAbsent = "absent"
	formEmpty  = "empty"
	formNull   = "null"
)

var forms = []string{formAbsent, formEmpty, formNull}

func drawHabits(t *rapid.T, hideable []string) habits {
	h := habits{
		cleared:  rapid.SampledFrom(forms).Draw(t, "cleared"),
		before:   rapid.SampledFrom(forms).Draw(t, "before"),
		answered: rapid.SampledFrom(forms).Draw(t, "answered"),
		asText:   rapid.Bool().Draw(t, "as text"),
		leftover: rapid.Bool().Draw(t, "leftover"),
		hidden:   map[string]bool{},
	}
	for _, field := range rapid.SliceOfN(rapid.SampledFrom(hideable), 0, 2).Draw(t, "hidden") {
		h.hidden[field] = true
	}
	return h
}

// note keeps the truth as it is now. alive is false for who left.
func (s *story) note(alive bool) {
	s.past = append(s.past, snapshot{s.now, maps.Clone(s.truth), alive})
}

// at returns the truth at a second.
func (s *story) at(seconds float64) snapshot {
	last := s.past[0]
	for _, p := range s.past {
		if p.seconds <= seconds {
			last = p
		}
	}
	return last
}

func (s *story) end() snapshot { return s.past[len(s.past)-1] }

// tell adds a record of now. The log takes no second one with the same id.
func (s *story) tell(r directory.Record) {
	if slices.ContainsFunc(s.records, func(other told) bool { return other.EventID == r.EventID }) {
		return
	}
	s.records = append(s.records, told{r, s.now})
}

// wait lets time pass, often none or very little. The second of two changes of
// one field at one instant must be told with what was before.
func (s *story) wait() {
	s.now += rapid.SampledFrom([]float64{0, 0.001, 0.5, 3, 30, 400}).Draw(s.t, "wait")
}

// unset writes a field that is not set, by a habit.
func unset(object map[string]any, field, form string) {
	switch form {
	case formNull:
		object[field] = nil
	case formEmpty:
		switch field {
		case "join_time", "employee_type":
			object[field] = 0
		case "dotted_line_leader_user_ids", "custom_attrs", "leaders", "department_hrbps", "unit_ids":
			object[field] = []any{}
		default:
			object[field] = ""
		}
	}
}

func (s *story) idField() string {
	if s.key.Kind == directory.KindUser {
		return "open_id"
	}
	return "open_department_id"
}

// render writes an object of the truth. inForm translates a value.
func (s *story) render(t truth, fields []string, form string, inForm func(field string, v any) any) map[string]any {
	object := map[string]any{s.idField(): s.key.ID}
	for _, field := range fields {
		switch v, set := t[field]; {
		case s.hidden[field]:
		case set:
			object[field] = inForm(field, v)
		default:
			unset(object, field, form)
		}
	}
	return object
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// changed returns the fields in which two truths differ.
func changed(a, b truth) (fields []string) {
	for _, field := range slices.Sorted(maps.Keys(a)) {
		if !cmp.Equal(a[field], b[field]) {
			fields = append(fields, field)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(b)) {
		if _, had := a[field]; !had {
			fields = append(fields, field)
		}
	}
	return fields
}

// wrong names what a state has otherwise than the truth, of some fields.
func wrong(t tb, state *directory.State, truth snapshot, fields []string) (bad []string) {
	t.Helper()
	if flags, _ := truth.truth["status"].(map[string]any); flags["is_exited"] == true && !state.Exists() {
		return nil // who has quit is there while a list says so; an answer does not tell
	}
	if state.Exists() != truth.alive {
		return []string{fmt.Sprintf("exists = %v", state.Exists())}
	}
	if !truth.alive {
		return nil // what is left of who left is not compared
	}
	shown, ok := decodeJSON(t, string(life(state).Attributes)).(map[string]any)
	if !ok {
		t.Fatal("no object")
	}
	for _, field := range fields {
		want := decodeJSON(t, text(truth.truth[field]))
		if diff := cmp.Diff(want, shown[field]); diff != "" {
			bad = append(bad, fmt.Sprintf("%s = %v, want %v", field, text(shown[field]), text(want)))
		}
	}
	return bad
}

// shuffled is the records in some order, some of them twice.
func shuffled(t *rapid.T, records []told) (order []told) {
	every := make([]int, len(records))
	for i := range every {
		every[i] = i
	}
	again := rapid.SliceOfN(rapid.SampledFrom(every), 0, 4).Draw(t, "again")
	for _, i := range rapid.Permutation(slices.Concat(every, again)).Draw(t, "order") {
		order = append(order, records[i])
	}
	return order
}

// receive folds records in batches, storing and reading the state between
// them. It returns the second at which a re-read that they ask for is sent:
// after everything that was heard, and late enough to win; 0 if none is asked
// for.
func receive(t *rapid.T, state *directory.State, records []told) (_ *directory.State, reread float64) {
	var heard float64
	for _, r := range records {
		if rapid.IntRange(0, 3).Draw(t, "page ends") == 0 {
			stored := marshal(t, state)
			again, err := directory.UnmarshalState(state.Key, []byte(stored))
			if err != nil {
				t.Fatal(err)
			}
			if got := marshal(t, again); got != stored {
				t.Fatalf("%s\nstored and read became\n%s", stored, got)
			}
			state = again
		}
		heard = max(heard, r.seconds)
		if len(foldInto(t, state, r.Record)) > 0 {
			reread = max(reread, heard, r.seconds+directory.DefaultSkewMargin.Seconds()+1)
		}
	}
	return state, reread
}

// checkStory checks the fold's promises on one story. observe makes the record
// of an answer at some second; carried are the fields that events carry,
// silent those that only the API has.
func checkStory(s *story, observe func(seconds float64) directory.Record, carried, silent []string) {
	t := s.t
	carried = slices.DeleteFunc(slices.Clone(carried), func(f string) bool { return s.hidden[f] })
	silent = slices.DeleteFunc(slices.Clone(silent), func(f string) bool { return s.hidden[f] })
	var want string
	var shown any
	for i := range 3 {
		state, reread := receive(t, directory.NewState(s.key), shuffled(t, s.records))
		got, show := marshal(t, state), view(state)
		if i == 0 {
			want, shown = got, show
		}
		if got != want {
			t.Fatalf("the order matters:\n%s\n%s", want, got)
		}
		if diff := cmp.Diff(shown, show); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
		if bad := wrong(t, state, s.end(), carried); len(bad) > 0 {
			if reread == 0 {
				t.Fatalf("wrong, and nobody asked: %s\n%s", strings.Join(bad, "; "), s)
			}
			foldInto(t, state, observe(reread))
			if bad := wrong(t, state, s.end(), carried); len(bad) > 0 {
				t.Fatalf("wrong, and the re-read at %v does not settle it: %s\n%s", reread, strings.Join(bad, "; "), s)
			}
		}
		foldInto(t, state, observe(s.now+directory.DefaultSkewMargin.Seconds()+1))
		if bad := wrong(t, state, s.end(), slices.Concat(carried, silent)); len(bad) > 0 {
			t.Fatalf("a late re-read does not settle it: %s\n%s", strings.Join(bad, "; "), s)
		}
	}
}

func view(state *directory.State) any {
	if state.Key.Kind == directory.KindUser {
		return directory.UserOf(state)
	}
	return directory.DepartmentOf(state)
}

// String tells the story.
func (s *story) String() string {
	var b strings.Builder
	for _, r := range s.records {
		fmt.Fprintf(&b, "%8.3f %s %s %s\n", r.seconds, r.EventID, r.EventType, r.Payload)
	}
	fmt.Fprintf(&b, "at the end: %s", text(s.end().truth))
	return b.String()
}
