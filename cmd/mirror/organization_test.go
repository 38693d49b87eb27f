package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orgmirror/orgmirror/internal/directory"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// differences reads all pages, a line for each difference, and the counts.
func (p *past) differences(t *testing.T, req *orgmirrorv1.DiffOrganizationRequest) (lines []string, counts *orgmirrorv1.OrganizationCounts) {
	t.Helper()
	for page, err := range diffPages(as(t, "reads"), p.history, req) {
		must(t, err)
		if page.GetCounts() != nil {
			counts = page.GetCounts()
		}
		for _, c := range page.GetChanges() {
			lines = append(lines, fmt.Sprint(c.GetKind(), " ", c.GetUser(), c.GetDepartment()))
		}
	}
	return lines, counts
}

func TestDiffRefusals(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	march := timestamppb.New(day(time.March, 5, 0))
	for _, test := range []struct {
		req  *orgmirrorv1.DiffOrganizationRequest
		code codes.Code
		word string
	}{
		{&orgmirrorv1.DiffOrganizationRequest{}, codes.InvalidArgument, "first moment is missing"},
		{&orgmirrorv1.DiffOrganizationRequest{To: march}, codes.InvalidArgument, "first moment is missing"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, FromPosition: ptr(int64(12))}, codes.InvalidArgument, "give one of"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, ToPosition: ptr(int64(12))}, codes.InvalidArgument, "second must be to"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, To: timestamppb.New(day(time.March, 4, 0))}, codes.InvalidArgument, "must not be after to"},
		{&orgmirrorv1.DiffOrganizationRequest{FromPosition: ptr(int64(13)), ToPosition: ptr(int64(12))}, codes.InvalidArgument, "must not be after to_position"},
		{&orgmirrorv1.DiffOrganizationRequest{FromPosition: ptr(int64(-1))}, codes.InvalidArgument, "negative"},
		{&orgmirrorv1.DiffOrganizationRequest{FromPosition: ptr(int64(12)), ToPosition: ptr(int64(99))}, codes.InvalidArgument, "the mirror is at position 23"},
		{&orgmirrorv1.DiffOrganizationRequest{From: &timestamppb.Timestamp{Seconds: 1 << 60}}, codes.InvalidArgument, "years 1 to 9999"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, Kinds: []string{"hired"}}, codes.InvalidArgument, "must be of joined"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, Department: "od-none"}, codes.NotFound, "no department"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, Department: "a\x00"}, codes.InvalidArgument, "U+0000"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, UserIdType: "mobile"}, codes.InvalidArgument, "one of open_id"},
		{&orgmirrorv1.DiffOrganizationRequest{From: march, PageToken: "x"}, codes.InvalidArgument, "page token"},
		{&orgmirrorv1.DiffOrganizationRequest{From: timestamppb.New(day(time.March, 1, 9))}, codes.OutOfRange, "history exists since 2026-03-01T09:02:00Z, position 11"},
		{&orgmirrorv1.DiffOrganizationRequest{FromPosition: ptr(int64(10))}, codes.OutOfRange, "history exists since"},
		{&orgmirrorv1.DiffOrganizationRequest{FromRecorded: march}, codes.OutOfRange, "history exists since"},
	} {
		_, err := p.history.DiffOrganization(as(t, "reads"), test.req)
		if status.Code(err) != test.code || !strings.Contains(status.Convert(err).Message(), test.word) {
			t.Errorf("%v: %v, want %v with %q", test.req, err, test.code, test.word)
		}
		if test.code == codes.OutOfRange {
			info, _ := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
			if info.GetReason() != "BEFORE_HISTORY" || info.GetMetadata()["since"] != "2026-03-01T09:02:00Z" || info.GetMetadata()["since_position"] != "11" {
				t.Errorf("%v: %v", test.req, info)
			}
		}
	}
	empty := newPast(t)
	_, err := empty.history.DiffOrganization(as(t, "reads"), &orgmirrorv1.DiffOrganizationRequest{From: march})
	if status.Code(err) != codes.OutOfRange || !strings.Contains(err.Error(), "no history yet") {
		t.Errorf("without history: %v", err)
	}
	if _, err := empty.history.DiffOrganization(t.Context(), &orgmirrorv1.DiffOrganizationRequest{From: march}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without credentials: %v", err)
	}
}

// The axis of the database's clock finds the positions that were last then.
func TestDiffAsRecorded(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	rows, err := p.pool.Query(t.Context(), `SELECT recorded_at FROM mirror.event_log WHERE position >= 11 ORDER BY position`)
	must(t, err)
	recorded, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	must(t, err)
	for i, at := range recorded {
		last := i // of one append all have the same instant
		for last+1 < len(recorded) && recorded[last+1].Equal(at) {
			last++
		}
		a, err := p.history.DiffOrganization(as(t, "reads"), &orgmirrorv1.DiffOrganizationRequest{FromRecorded: timestamppb.New(at)})
		must(t, err)
		if want := int64(11 + last); a.GetFrom().GetPosition() != want || a.GetFrom().GetAsOf() != nil || a.GetTo().GetPosition() != 23 {
			t.Errorf("recorded %v: from %v to %v, want from position %d", at, a.GetFrom(), a.GetTo(), want)
		}
	}
}

// What becomes known between two pages is on none of them: neither what happens
// later nor what turns out to have happened before.
func TestDiffPagesDoNotTear(t *testing.T) {
	t.Parallel()
	p := storyOf(t)
	req := &orgmirrorv1.DiffOrganizationRequest{From: timestamppb.New(day(time.March, 5, 0)), PageSize: 1}
	want, _ := p.differences(t, req)
	var got []string
	for page, err := range diffPages(as(t, "reads"), p.history, req) {
		must(t, err)
		for _, c := range page.GetChanges() {
			got = append(got, fmt.Sprint(c.GetKind(), " ", c.GetUser(), c.GetDepartment()))
		}
		if page.GetPosition() != 23 {
			t.Errorf("a page as of %d", page.GetPosition())
		}
		p.append(t, p.event(userEvent+created, day(time.March, 24, 1), fmt.Sprintf(`{"open_id": "ou_new%d", "name": "新人", "department_ids": ["od-fe"]}`, p.events), ""),
			p.event(departmentEvent+updated, day(time.April, 24, 1), fmt.Sprintf(`{"open_department_id": "od-rd", "name": "研发%d"}`, p.events), `{"name": "研发中心"}`))
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("pages read in between appends (-want +got):\n%s", d)
	}
}

// A life of a small company without a script, and its history by hand: after
// every record the directory's tables are kept, and what differs between two of
// them is what the service must say, on either axis.
func TestDiffOfRandomLives(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			randomLife(t, rand.New(rand.NewPCG(seed, 7)))
		})
	}
}

func randomLife(t *testing.T, random *rand.Rand) {
	p := newPast(t)
	now := day(time.March, 1, 9)
	p.append(t, sweep(t, "11111111-1111-1111-1111-111111111111", now, []string{`{"open_department_id": "0"}`}, nil)...)
	snapshots := []snapshot{p.snapshot(t, now.Add(time.Hour))}
	there := map[string]bool{}
	for range 120 {
		now = now.Add(2 * time.Hour)
		p.append(t, p.something(random, there, now))
		snapshots = append(snapshots, p.snapshot(t, now))
	}
	for range 40 {
		a, b := random.IntN(len(snapshots)), random.IntN(len(snapshots))
		before, after := snapshots[min(a, b)], snapshots[max(a, b)]
		department := []string{"", "0", "od-1", "od-2"}[random.IntN(4)]
		earlier := snapshots[:min(a, b)]
		want, wantCounts := expected(before, after, earlier, department)
		requests := map[string]*orgmirrorv1.DiffOrganizationRequest{
			"positions": {FromPosition: &before.position, ToPosition: &after.position},
			"instants":  {From: timestamppb.New(before.at), To: timestamppb.New(after.at.Add(time.Minute))},
		}
		if known := department == "" || snapshots[len(snapshots)-1].departments[department].known; !known {
			continue
		}
		for axis, req := range requests {
			req.Department, req.PageSize = department, int32(1+random.IntN(20))
			got, counts := p.differences(t, req)
			if d := gocmp.Diff(want, got); d != "" {
				t.Fatalf("%s, from %d to %d of %q (-want +got):\n%s", axis, before.position, after.position, department, d)
			}
			if got := [2]int64{counts.GetPeopleBefore(), counts.GetPeopleAfter()}; got != wantCounts {
				t.Errorf("%s, from %d to %d of %q: people %v, want %v", axis, before.position, after.position, department, got, wantCounts)
			}
			if counts.GetPeopleAfter() != counts.GetPeopleBefore()+counts.GetJoined()+counts.GetReturned()+counts.GetMovedIn()-counts.GetLeft()-counts.GetMovedOut() {
				t.Errorf("%s: the counts do not add up: %v", axis, counts)
			}
			if total := counts.GetJoined() + counts.GetReturned() + counts.GetLeft() + counts.GetMoved() + counts.GetRenamed() + counts.GetPromoted() + counts.GetDemoted() +
				counts.GetDepartmentsCreated() + counts.GetDepartmentsRemoved() + counts.GetDepartmentsMoved() + counts.GetDepartmentsRenamed(); total != int64(len(want)) {
				t.Errorf("%s: counts of %d differences in all, want %d", axis, total, len(want))
			}
		}
	}
}

// something is an event that could happen next.
func (p *past) something(random *rand.Rand, there map[string]bool, at time.Time) directory.Record {
	department := func() string { return fmt.Sprintf("od-%d", 1+random.IntN(6)) }
	user := func() string { return fmt.Sprintf("ou_%d", random.IntN(10)) }
	if random.IntN(3) > 0 {
		id := user()
		switch verb := random.IntN(4); {
		case there[id] && verb == 0:
			there[id] = false
			return p.event(userEvent+deleted, at, fmt.Sprintf(`{"open_id": %q}`, id), fmt.Sprintf(`{"open_id": %q}`, id))
		case there[id]:
			return p.event(userEvent+updated, at, fmt.Sprintf(`{"open_id": %q, "name": "n%d", "department_ids": [%q, %q]}`, id, random.IntN(3), department(), department()), `{"name": "x"}`)
		default:
			there[id] = true
			return p.event(userEvent+created, at, fmt.Sprintf(`{"open_id": %q, "name": "n%d", "department_ids": [%q], "status": {"is_resigned": false}}`, id, random.IntN(3), department()), "")
		}
	}
	id := department()
	body := fmt.Sprintf(`{"open_department_id": %q, "name": "d%d", "parent_department_id": %q, "leaders": [{"leaderType": 1, "leaderID": %q}, {"leaderType": 2, "leaderID": %q}]}`,
		id, random.IntN(3), []string{"0", department()}[random.IntN(2)], user(), user())
	switch verb := random.IntN(5); {
	case there[id] && verb == 0:
		there[id] = false
		return p.event(departmentEvent+deleted, at, fmt.Sprintf(`{"open_department_id": %q, "status": {"is_deleted": true}}`, id), "")
	case there[id]:
		return p.event(departmentEvent+updated, at, body, `{"name": "x"}`)
	default:
		there[id] = true
		return p.event(departmentEvent+created, at, body, "")
	}
}

// snapshot is the directory at one position.
type snapshot struct {
	position    int64
	at          time.Time
	users       map[string]someone
	departments map[string]something
}

type someone struct {
	here        bool
	name        string
	departments []string
	leads       map[string]int
}

type something struct {
	known, here  bool
	name, parent string
}

func (p *past) snapshot(t *testing.T, at time.Time) snapshot {
	t.Helper()
	s := snapshot{at: at, users: map[string]someone{}, departments: map[string]something{}}
	must(t, p.pool.QueryRow(t.Context(), `SELECT position FROM mirror.checkpoint WHERE consumer = 'core'`).Scan(&s.position))
	rows, err := p.pool.Query(t.Context(), `
		SELECT u.open_id, u.removed_at IS NULL, coalesce(u.name, ''), coalesce(u.department_ids, '{}'),
		       (SELECT coalesce(json_object_agg(l.open_department_id, l.leader_type), '{}') FROM directory.department_leaders l WHERE l.open_id = u.open_id)
		FROM directory.users u`)
	must(t, err)
	var (
		id    string
		u     someone
		leads []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &u.here, &u.name, &u.departments, &leads}, func() error {
		one := u
		one.departments, one.leads = slices.Clone(u.departments), map[string]int{}
		s.users[id] = one
		return json.Unmarshal(leads, &one.leads)
	})
	must(t, err)
	rows, err = p.pool.Query(t.Context(), `SELECT open_department_id, removed_at IS NULL, coalesce(name, ''), coalesce(parent_department_id, '') FROM directory.departments`)
	must(t, err)
	d := something{known: true}
	_, err = pgx.ForEachRow(rows, []any{&id, &d.here, &d.name, &d.parent}, func() error {
		s.departments[id] = d
		return nil
	})
	must(t, err)
	return s
}

// below reports whether a department is the one asked for or below it.
func (s snapshot) below(id, asked string) bool {
	if asked == "" {
		return true
	}
	for range 20 {
		if d := s.departments[id]; !d.here {
			return false
		} else if id == asked {
			return true
		}
		id = s.departments[id].parent
	}
	return false // on a cycle
}

func (s snapshot) inside(id, asked string) bool {
	u := s.users[id]
	return u.here && (asked == "" || slices.ContainsFunc(u.departments, func(d string) bool { return s.below(d, asked) }))
}

// expected says by hand what differs.
func expected(before, after snapshot, earlier []snapshot, asked string) (lines []string, people [2]int64) {
	kinds := map[string]int{}
	for rank, kind := range diffSections {
		kinds[kind.kind] = rank
	}
	type line struct {
		kind, id string
	}
	var all []line
	for id := range after.users {
		was, is := before.users[id], after.users[id]
		if before.inside(id, asked) {
			people[0]++
		}
		if after.inside(id, asked) {
			people[1]++
		}
		if !before.inside(id, asked) && !after.inside(id, asked) {
			continue
		}
		add := func(holds bool, kind string) {
			if holds {
				all = append(all, line{kind, id})
			}
		}
		known := slices.ContainsFunc(earlier, func(s snapshot) bool { return s.users[id].here })
		add(!was.here && is.here && !known, "joined")
		add(!was.here && is.here && known, "returned")
		add(was.here && !is.here, "left")
		both := was.here && is.here
		add(both && !slices.Equal(was.departments, is.departments), "moved")
		add(both && was.name != is.name, "renamed")
		more := func(a, b someone) bool {
			for d, kind := range b.leads {
				if had, leads := a.leads[d]; !leads || kind < had {
					return true
				}
			}
			return false
		}
		add(both && more(was, is), "promoted")
		add(both && more(is, was), "demoted")
	}
	for id := range after.departments {
		was, is := before.departments[id], after.departments[id]
		if inside := was.here && before.below(id, asked) || is.here && after.below(id, asked); !inside {
			continue
		}
		add := func(holds bool, kind string) {
			if holds {
				all = append(all, line{kind, id})
			}
		}
		add(!was.here && is.here, "department_created")
		add(was.here && !is.here, "department_removed")
		add(was.here && is.here && was.parent != is.parent, "department_moved")
		add(was.here && is.here && was.name != is.name, "department_renamed")
	}
	slices.SortFunc(all, func(a, b line) int { return cmp.Or(kinds[a.kind]-kinds[b.kind], cmp.Compare(a.id, b.id)) })
	for _, l := range all {
		lines = append(lines, l.kind+" "+l.id)
	}
	return lines, people
}
