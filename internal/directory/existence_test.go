package directory_test

import (
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

const (
	resigned   = directory.ReasonResigned
	outOfRange = directory.ReasonOutOfRange
)

func TestDepartureOfAUser(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name: "a deleted user is gone and keeps the last departments",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","name":"a","department_ids":["od-9"]}`),
				deleted(2, `{"open_id":"ou_1","name":"","gender":0,"status":{"is_resigned":false}}`, `{"open_id":"ou_1","department_ids":["od-1","od-2"]}`),
			},
			want: `{"name":"a","department_ids":["od-1","od-2"],"status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "a deletion without departments keeps those that were known",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","department_ids":["od-9"]}`),
				deleted(2, `{"open_id":"ou_1"}`, `{"open_id":"ou_1","department_ids":[]}`),
			},
			want: `{"department_ids":["od-9"],"status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "an answer that shows a resignation tells it, and clears nothing",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","name":"a","city":"x","department_ids":["od-1"],"mobile":"1"}`),
				answered(60, `{"open_id":"ou_1","name":"b","city":"","department_ids":[],"orders":[],"status":{"is_resigned":true}}`, "mobile"),
			},
			want: `{"name":"b","city":"x","mobile":"1","department_ids":["od-1"],"status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "an update that shows a resignation tells it, and clears nothing",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","city":"x"}`),
				updated(2, `{"open_id":"ou_1","status":{"is_resigned":true}}`, `{"status":{"is_resigned":false},"city":"x"}`),
			},
			want: `{"city":"x","status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "out of range is gone, and no resignation",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","status":{"is_resigned":false}}`),
				missing(60, zhang, outOfRange),
			},
			want: `{"status":{"is_resigned":false}}`,
			gone: outOfRange,
		},
		{
			name: "who is back is not resigned, although the list may not show it",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","status":{"is_activated":true,"is_resigned":false}}`),
				missing(60, zhang, resigned),
				listed(90, `{"open_id":"ou_1"}`),
			},
			want: `{"status":{"is_activated":true,"is_resigned":false}}`,
		},
		{
			name: "the reason that was given last is the reason",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				missing(60, zhang, outOfRange),
				missing(90, zhang, directory.ReasonDeleted),
			},
			want: `{}`,
			gone: directory.ReasonDeleted,
		},
	})
}

func TestExistenceOfADepartment(t *testing.T) {
	t.Parallel()
	checkRules(t, sales, []rule{
		{
			name: "a deleted department is gone and keeps its parent and name",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","name":"a","parent_department_id":"od-0"}`),
				deleted(2, `{"open_department_id":"od-1","name":"","parent_department_id":"","status":{"is_deleted":false}}`, `{"open_department_id":"od-1","status":{"is_deleted":false}}`),
			},
			want: `{"name":"a","parent_department_id":"od-0","status":{"is_deleted":true}}`,
			gone: directory.ReasonDeleted,
		},
		{
			name: "the object of a deleted department does not move it to the root",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","parent_department_id":"od-0"}`),
				updated(2, `{"open_department_id":"od-1","parent_department_id":"","status":{"is_deleted":true}}`, `{"status":{"is_deleted":false}}`),
				updated(3, `{"open_department_id":"od-1","status":{"is_deleted":true}}`, `{"parent_department_id":"od-0"}`),
			},
			want: `{"parent_department_id":"od-0","status":{"is_deleted":true}}`,
			gone: directory.ReasonDeleted,
		},
		{
			name:    "a deletion of a department that nobody knows asks for nothing: Feishu has forgotten it",
			records: []directory.Record{deleted(2, `{"open_department_id":"od-1"}`, `{}`)},
			want:    `{"status":{"is_deleted":true}}`,
			gone:    directory.ReasonDeleted,
		},
	})
}

func TestTheRootDepartmentExistsAndHasNoParent(t *testing.T) {
	t.Parallel()
	root := directory.Key{TenantKey: "t", Kind: directory.KindDepartment, ID: directory.RootDepartmentID}
	state, _ := fold(t, root, answered(1, `{"open_department_id":"0","name":"","parent_department_id":"0","member_count":7}`))
	if !state.Exists() {
		t.Error("an answer for the root does not make it exist")
	}
	foldInto(t, state, updated(2, `{"open_department_id":"0"}`, `{"parent_department_id":"0"}`))
	d := directory.DepartmentOf(state)
	if !state.Exists() || d.ParentDepartmentID != nil {
		t.Errorf("exists = %v, parent = %v", state.Exists(), d.ParentDepartmentID)
	}
	if d.MemberCount == nil || *d.MemberCount != 7 {
		t.Errorf("member count = %v", d.MemberCount)
	}
}

func TestADepartmentWhoseParentIsHiddenIsUnderTheRoot(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, sales, listed(1, `{"open_department_id":"od-1","name":"a"}`))
	if d := directory.DepartmentOf(state); d.ParentDepartmentID == nil || *d.ParentDepartmentID != directory.RootDepartmentID {
		t.Errorf("parent = %v", d.ParentDepartmentID)
	}
}

func TestGoneSinceTheLastDepartureOrTheFirstThatSaidSo(t *testing.T) {
	t.Parallel()
	here := listed(1, `{"open_id":"ou_1"}`)
	left := deleted(100, `{"open_id":"ou_1"}`, `{}`)
	seen := answered(500, `{"open_id":"ou_1","status":{"is_resigned":true}}`)
	carried := updated(700, `{"open_id":"ou_1","status":{"is_resigned":true}}`, `{}`)
	back := listed(310, `{"open_id":"ou_1"}`)
	// Of somebody who comes back Feishu need not tell.
	again := deleted(600, `{"open_id":"ou_1"}`, `{"open_id":"ou_1","department_ids":[]}`)
	named := updated(600, `{"open_id":"ou_1","status":{"is_resigned":true}}`, `{"status":{"is_resigned":false}}`)
	early := answered(105, `{"open_id":"ou_1","status":{"is_resigned":true}}`) // counts at 95
	for _, c := range []struct {
		name    string
		records []directory.Record
		want    time.Time
	}{
		{"who left and is seen to be gone later left when they left", []directory.Record{here, left, seen, carried}, at(100)},
		{"who left, came back and is gone again left the second time", []directory.Record{here, left, back, seen, carried}, at(490)},
		{"who left again had come back unheard", []directory.Record{here, left, seen, again, carried}, at(600)},
		{"who left again by an update had come back unheard", []directory.Record{here, left, seen, named, carried}, at(600)},
		{"who is seen to be gone within the margin left when they left", []directory.Record{here, early, left}, at(100)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			permutations(c.records, func(records []directory.Record) {
				state, _ := fold(t, zhang, records...)
				if reason, got := state.Gone(); reason != resigned || !got.Equal(c.want) {
					t.Fatalf("gone %q since %v, want %v", reason, got, c.want)
				}
				if !state.Since().Equal(c.want) {
					t.Fatalf("since %v, want %v", state.Since(), c.want)
				}
			})
		})
	}
}

func TestHearingOfADepartureAgainIsNoNews(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, zhang, listed(1, `{"open_id":"ou_1"}`), deleted(100, `{"open_id":"ou_1"}`, `{}`))
	for _, r := range []directory.Record{
		answered(500, `{"open_id":"ou_1","status":{"is_resigned":true}}`),
		missing(600, zhang, resigned),
	} {
		if e := state.Apply(directory.Decode(r).Changes[0]); e.News || e.Version || e.Row || !e.Touched || len(e.Hints) > 0 {
			t.Errorf("%s: effect = %+v", r.EventType, e)
		}
	}
}

func TestNothingIsKnownBeforeSomethingWasSaidAboutExistence(t *testing.T) {
	t.Parallel()
	state, _ := fold(t, zhang, answered(1, `{"open_id":"ou_1","name":"a"}`))
	if state.Known() || state.Exists() || !state.Since().IsZero() {
		t.Errorf("known = %v, exists = %v, since %v", state.Known(), state.Exists(), state.Since())
	}
	if reason, _ := state.Gone(); reason != directory.ReasonNone {
		t.Errorf("gone = %q", reason)
	}
}

func TestWhatARecordClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		record directory.Record
		claim  directory.Claim
		reason directory.Reason
	}{
		{"created", created(1, `{"open_id":"ou_1"}`), directory.ClaimExists, ""},
		{"updated", updated(1, `{"open_id":"ou_1"}`, ``), directory.ClaimWeak, ""},
		{"updated, resigned", updated(1, `{"open_id":"ou_1","status":{"is_resigned":true}}`, ``), directory.ClaimGone, resigned},
		{"deleted", deleted(1, `{"open_id":"ou_1"}`, ``), directory.ClaimGone, resigned},
		{"listed", listed(1, `{"open_id":"ou_1"}`), directory.ClaimExists, ""},
		{"listed, resigned", listed(1, `{"open_id":"ou_1","status":{"is_resigned":true}}`), directory.ClaimGone, resigned},
		{"answered", answered(1, `{"open_id":"ou_1"}`), directory.ClaimNone, ""},
		{"answered, not resigned", answered(1, `{"open_id":"ou_1","status":{"is_resigned":false}}`), directory.ClaimExists, ""},
		{"missing", missing(1, zhang, outOfRange), directory.ClaimGone, outOfRange},
	} {
		if got := directory.Decode(c.record).Changes[0]; got.Claim != c.claim || got.Reason != c.reason {
			t.Errorf("%s: claim %d, reason %q", c.name, got.Claim, got.Reason)
		}
	}
}
