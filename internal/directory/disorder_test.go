package directory_test

import (
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Each test is one way in which events arrive in disorder; its records are
// folded in every order. What takes several entities is in the projector's
// disorder_test.go.

func TestDisorderCreateAfterDelete(t *testing.T) {
	t.Parallel()
	rule{
		records: []directory.Record{
			created(1, `{"open_id":"ou_1","name":"a","department_ids":["od-1"]}`),
			deleted(5, `{"open_id":"ou_1","name":"a"}`, `{"open_id":"ou_1","department_ids":["od-2"]}`),
		},
		want: `{"name":"a","department_ids":["od-2"],"status":{"is_resigned":true}}`,
		gone: resigned, hints: hints{incomplete, unsure},
	}.check(t, zhang)
}

func TestDisorderDeleteBeforeMove(t *testing.T) {
	t.Parallel()
	// The move was earlier, and comes later: it counts, and nobody is back.
	rule{
		records: []directory.Record{
			listed(1, `{"open_department_id":"od-1","name":"a","parent_department_id":"od-8"}`),
			updated(20, `{"open_department_id":"od-1","name":"a","parent_department_id":"od-9"}`, `{"parent_department_id":"od-8"}`),
			deleted(30, `{"open_department_id":"od-1"}`, `{"open_department_id":"od-1","status":{"is_deleted":false}}`),
		},
		want: `{"name":"a","parent_department_id":"od-9","status":{"is_deleted":true}}`,
		gone: directory.ReasonDeleted, hints: hints{subtree},
	}.check(t, sales)
}

func TestDisorderUpdateOfAnUnknownEntity(t *testing.T) {
	t.Parallel()
	rule{
		records: []directory.Record{updated(1, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`)},
		want:    `{"name":"b"}`, hints: hints{unknown},
	}.check(t, zhang)
	rule{
		records: []directory.Record{
			updated(1, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`),
			updated(2, `{"open_id":"ou_1","city":"x"}`, `{"city":"y"}`), // known by now
		},
		want: `{"name":"b","city":"x"}`, hints: hints{unknown},
	}.check(t, zhang)
}

func TestDisorderTwoEventsInOneMillisecond(t *testing.T) {
	t.Parallel()
	// One admin's edit of two fields is two events: neither undoes the other,
	// although each carries the other's field as it was.
	rule{
		records: []directory.Record{
			listed(1, `{"open_id":"ou_1","mobile":"1","email":"a@x"}`),
			updated(20, `{"open_id":"ou_1","mobile":"2","email":"a@x"}`, `{"mobile":"1"}`),
			updated(20, `{"open_id":"ou_1","mobile":"1","email":"b@x"}`, `{"email":"a@x"}`),
		},
		want: `{"mobile":"2","email":"b@x"}`,
	}.check(t, zhang)
	// Two values of one field have no order: that is asked for.
	rule{
		records: []directory.Record{
			listed(1, `{"open_id":"ou_1","name":"a"}`),
			updated(20, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`),
			updated(20, `{"open_id":"ou_1","name":"c"}`, `{"name":"b"}`),
			answered(31, `{"open_id":"ou_1","name":"c","status":{"is_resigned":false}}`),
		},
		want: `{"name":"c","status":{"is_resigned":false}}`, hints: hints{tie},
	}.check(t, zhang)
}

func TestDisorderEventOlderAndNewerThanAnObservation(t *testing.T) {
	t.Parallel()
	seen := listed(100, `{"open_id":"ou_1","name":"seen","city":"seen"}`) // counts from 90 on
	rule{
		name:    "older: what was seen later stays",
		records: []directory.Record{seen, updated(89, `{"open_id":"ou_1","name":"event"}`, `{"name":"x"}`)},
		want:    `{"name":"seen","city":"seen"}`,
	}.check(t, zhang)
	rule{
		name:    "newer: the event counts",
		records: []directory.Record{seen, updated(101, `{"open_id":"ou_1","name":"event"}`, `{"name":"x"}`)},
		want:    `{"name":"event","city":"seen"}`,
	}.check(t, zhang)
	rule{
		name:    "within the margin: the event counts, for the answer may have been made before it",
		records: []directory.Record{seen, updated(95, `{"open_id":"ou_1","name":"event"}`, `{"name":"x"}`)},
		want:    `{"name":"event","city":"seen"}`,
	}.check(t, zhang)
}

func TestDisorderGETStillAnswersAfterAResignation(t *testing.T) {
	t.Parallel()
	here, left := listed(1, `{"open_id":"ou_1","name":"a"}`), deleted(50, `{"open_id":"ou_1"}`, `{}`)
	rule{
		name:    "without a status it is no return",
		records: []directory.Record{here, left, answered(100, `{"open_id":"ou_1","name":"a"}`)},
		want:    `{"name":"a","status":{"is_resigned":true}}`, gone: resigned,
	}.check(t, zhang)
	rule{
		name:    "with a status that says so it confirms, and clears nothing",
		records: []directory.Record{here, left, answered(100, `{"open_id":"ou_1","name":"a","department_ids":[],"status":{"is_resigned":true}}`, "mobile")},
		want:    `{"name":"a","status":{"is_resigned":true}}`, gone: resigned,
	}.check(t, zhang)
}

func TestDisorderClearedAndHiddenFields(t *testing.T) {
	t.Parallel()
	full := listed(1, `{"open_id":"ou_1","name":"a","city":"x","leader_user_id":"ou_9","mobile":"1"}`)
	rule{
		name:    "what changed and is not there was cleared; what did not change and is not there is hidden",
		records: []directory.Record{full, updated(20, `{"open_id":"ou_1"}`, `{"leader_user_id":"ou_9"}`)},
		want:    `{"name":"a","city":"x","mobile":"1"}`,
	}.check(t, zhang)
	rule{
		name:    "an empty text clears too",
		records: []directory.Record{full, updated(20, `{"open_id":"ou_1","city":"","leader_user_id":""}`, `{"city":"x"}`)},
		want:    `{"name":"a","mobile":"1"}`,
	}.check(t, zhang)
	rule{
		name: "an answer clears what the crawl knows to be readable, and nothing else",
		records: []directory.Record{
			full, answered(20, `{"open_id":"ou_1","name":"a","city":"x","status":{"is_resigned":false}}`, "leader_user_id"),
		},
		want: `{"name":"a","city":"x","mobile":"1","status":{"is_resigned":false}}`,
	}.check(t, zhang)
	rule{
		name: "a field that was cleared and set again is set",
		records: []directory.Record{
			full, updated(20, `{"open_id":"ou_1"}`, `{"city":"x"}`), updated(30, `{"open_id":"ou_1","city":"y"}`, `{"city":""}`),
		},
		want: `{"name":"a","city":"y","leader_user_id":"ou_9","mobile":"1"}`,
	}.check(t, zhang)
}

func TestDisorderDepartmentIDsWithoutOrdersAndTheReverse(t *testing.T) {
	t.Parallel()
	rule{
		name: "the departments count, their order is asked for",
		records: []directory.Record{
			listed(1, inOne),
			updated(20, `{"open_id":"ou_1","department_ids":["od-2"]}`, `{"department_ids":["od-1"]}`),
		},
		want: `{"department_ids":["od-2"]}`, hints: hints{unsure},
	}.check(t, zhang)
	rule{
		name: "orders say both",
		records: []directory.Record{
			listed(1, inOne),
			updated(20, `{"open_id":"ou_1","orders":[{"department_id":"od-2","user_order":1,"department_order":1,"is_primary_dept":true}]}`, `{"department_ids":["od-1"]}`),
		},
		want: `{"department_ids":["od-2"],"orders":[{"department_id":"od-2","user_order":1,"department_order":1,"is_primary_dept":true}]}`,
	}.check(t, zhang)
	rule{
		name: "the two never come from different records",
		records: []directory.Record{
			listed(1, inOne),
			updated(20, `{"open_id":"ou_1","department_ids":["od-3","od-4"]}`, `{"department_ids":["od-1"]}`),
			updated(30, `{"open_id":"ou_1","orders":[{"department_id":"od-5","user_order":1,"department_order":1,"is_primary_dept":true}]}`, `{"orders":[]}`),
		},
		want:  `{"department_ids":["od-5"],"orders":[{"department_id":"od-5","user_order":1,"department_order":1,"is_primary_dept":true}]}`,
		hints: hints{unsure},
	}.check(t, zhang)
}

func TestDisorderAParentClearedToTheRoot(t *testing.T) {
	t.Parallel()
	under := listed(1, `{"open_department_id":"od-1","name":"a","parent_department_id":"od-9"}`)
	for name, object := range map[string]string{
		"absent": `{"open_department_id":"od-1"}`,
		"empty":  `{"open_department_id":"od-1","parent_department_id":""}`,
		"zero":   `{"open_department_id":"od-1","parent_department_id":"0"}`,
	} {
		rule{
			name:    name,
			records: []directory.Record{under, updated(20, object, `{"parent_department_id":"od-9"}`)},
			want:    `{"name":"a","parent_department_id":"0"}`, hints: hints{subtree},
		}.check(t, sales)
	}
	rule{
		name:    "hidden is not cleared",
		records: []directory.Record{under, updated(20, `{"open_department_id":"od-1","name":"b"}`, `{"name":"a"}`)},
		want:    `{"name":"b","parent_department_id":"od-9"}`, hints: hints{incomplete},
	}.check(t, sales)
}

func TestDisorderResurrect(t *testing.T) {
	t.Parallel()
	here, left := listed(1, `{"open_id":"ou_1","name":"a"}`), deleted(50, `{"open_id":"ou_1"}`, `{}`)
	rule{
		name:    "by created: back, and asked for",
		records: []directory.Record{here, left, created(60, `{"open_id":"ou_1","name":"a","status":{"is_resigned":false}}`)},
		want:    `{"name":"a","status":{"is_resigned":false}}`, hints: hints{incomplete},
	}.check(t, zhang)
	rule{
		name: "by updated: not back until it was asked for",
		records: []directory.Record{
			here, left, updated(60, `{"open_id":"ou_1","name":"b","status":{"is_resigned":false}}`, `{"status":{"is_resigned":true}}`),
		},
		want: `{"name":"b","status":{"is_resigned":false}}`, gone: resigned, hints: hints{afterGoing},
	}.check(t, zhang)
	rule{
		name: "the answer brings them back",
		records: []directory.Record{
			here, left, updated(60, `{"open_id":"ou_1","name":"b","status":{"is_resigned":false}}`, `{"status":{"is_resigned":true}}`),
			answered(71, `{"open_id":"ou_1","name":"b","status":{"is_resigned":false,"is_exited":false}}`),
		},
		want: `{"name":"b","status":{"is_resigned":false,"is_exited":false}}`, hints: hints{afterGoing},
	}.check(t, zhang)
}

func TestDisorderFreeze(t *testing.T) {
	t.Parallel()
	frozen, thawed := `{"is_frozen":true,"is_resigned":false,"is_activated":true}`, `{"is_frozen":false,"is_resigned":false,"is_activated":true}`
	rule{
		records: []directory.Record{
			listed(1, `{"open_id":"ou_1","status":`+thawed+`}`),
			updated(20, `{"open_id":"ou_1","status":`+frozen+`}`, `{"status":{"is_frozen":false}}`),
			updated(30, `{"open_id":"ou_1","status":`+thawed+`}`, `{"status":`+frozen+`}`),
			updated(40, `{"open_id":"ou_1","status":`+frozen+`}`, `{"status":`+thawed+`}`),
		},
		want: `{"status":` + frozen + `}`,
	}.check(t, zhang)
	state, _ := fold(t, zhang, listed(1, `{"open_id":"ou_1","status":`+thawed+`}`), updated(20, `{"open_id":"ou_1","status":`+frozen+`}`, `{"status":{"is_frozen":false}}`))
	if u := directory.UserOf(state); !state.Exists() || u.IsFrozen == nil || !*u.IsFrozen {
		t.Errorf("exists = %v, is_frozen = %v", state.Exists(), u.IsFrozen)
	}
}

func TestDisorderActivation(t *testing.T) {
	t.Parallel()
	// The invitation is accepted in the millisecond in which an admin renames the
	// person, and that event still carries the status as it was.
	rule{
		records: []directory.Record{
			created(1, `{"open_id":"ou_1","name":"a","status":{"is_activated":false,"is_unjoin":true,"is_resigned":false}}`),
			updated(20, `{"open_id":"ou_1","name":"a","status":{"is_activated":true,"is_unjoin":false,"is_resigned":false}}`, `{"status":{"is_activated":false,"is_unjoin":true}}`),
			updated(20, `{"open_id":"ou_1","name":"b","status":{"is_activated":false,"is_unjoin":true,"is_resigned":false}}`, `{"name":"a"}`),
		},
		want: `{"name":"b","status":{"is_activated":true,"is_unjoin":false,"is_resigned":false}}`, hints: hints{incomplete},
	}.check(t, zhang)
}

// What a department brings with it into an app's range no event tells, so one that
// came, came back or moved asks for it; one that an observation shows does not.
func TestSubtreeIsAskedFor(t *testing.T) {
	t.Parallel()
	apply := func(records ...directory.Record) []directory.Hint {
		_, all := fold(t, sales, records...)
		return all
	}
	department := `{"open_department_id":"od-1","name":"a","parent_department_id":"od-9"}`
	renamed := updated(40, `{"open_department_id":"od-1","name":"b","parent_department_id":"od-9"}`, `{"name":"a"}`)
	for name, test := range map[string]struct {
		records []directory.Record
		asked   bool
	}{
		"new":              {[]directory.Record{created(20, department)}, true},
		"new and known":    {[]directory.Record{listed(60, department), created(20, department)}, false},
		"seen":             {[]directory.Record{listed(20, department)}, false},
		"renamed":          {[]directory.Record{listed(20, department), renamed}, false},
		"unknown, renamed": {[]directory.Record{renamed}, true},
		"back":             {[]directory.Record{listed(20, department), deleted(30, `{"open_department_id":"od-1"}`, department), created(40, department)}, true},
		"gone":             {[]directory.Record{listed(20, department), deleted(30, `{"open_department_id":"od-1"}`, department)}, false},
	} {
		if asked := slices.Contains(apply(test.records...), directory.HintSubtree); asked != test.asked {
			t.Errorf("%s: asked: %v", name, asked)
		}
	}
}
