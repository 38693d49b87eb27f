package crawl_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// Whatever Feishu fails to show, nobody is removed for it.
func TestNobodyIsRemovedByABadAnswer(t *testing.T) {
	t.Parallel()

	t.Run("an incomplete sweep", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		must(t, b.sandbox.EraseUser(anyUser(b.sandbox.Truth(), 0)))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Skip: 5, Count: -1, Status: 500}))
		if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("error = %v, want ErrUnavailable", err)
		}
		b.nobodyIsGone(t)
	})

	t.Run("an empty list of departments is held, without a call", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 25)
		b.backfill(t)
		b.sandbox.ResetStats()
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, Body: emptyList}))
		sum := b.backfill(t)
		wantCounts(t, sum, directory.KindDepartment, 25, 25, 0, 0)
		if n := sum.Held[directory.KindUser]; n < 100 || n != sum.Candidates[directory.KindUser] {
			t.Errorf("%d of %d people are held", n, sum.Candidates[directory.KindUser])
		}
		if n := b.proofCalls(); n != 0 {
			t.Errorf("%d calls were spent on a held set", n)
		}
		b.nobodyIsGone(t)
		b.backfill(t) // and the next sweep sees them all again
		b.equalsTruth(t)
	})

	t.Run("an empty list of people is asked about", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 40)
		b.backfill(t)
		first := b.missedOf(t, 20)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Match: "department_id=" + first, Body: emptyList}))
		sum := b.backfill(t)
		if sum.Candidates[directory.KindUser] == 0 || sum.Held[directory.KindUser] != 0 || sum.Appended != 0 {
			t.Errorf("candidates %v, held %v, appended %d", sum.Candidates, sum.Held, sum.Appended)
		}
		b.nobodyIsGone(t)
	})

	t.Run("a short list of departments: they are there, and are walked", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 600, 60)
		b.backfill(t)
		truth := b.sandbox.Truth()
		top, lost := branch(t, truth, 15)
		id := slices.Sorted(maps.Keys(lost))[0]
		member, err := b.sandbox.AddUser(sandbox.User{Name: "新人", DepartmentIDs: []string{id}})
		must(t, err)
		b.departmentsWithout(t, lost)
		sum := b.backfill(t)
		wantCounts(t, sum, directory.KindDepartment, int64(len(lost)), 0, 0, 0)
		wantCounts(t, sum, directory.KindUser, 0, 0, 0, 0) // they were seen when the branch was walked
		if top == "" || b.folded(t)[b.key(directory.KindUser, member.OpenID)] == nil {
			t.Error("who is new in a department that the list lacked was not seen")
		}
		b.nobodyIsGone(t)
		b.equalsTruth(t)
	})

	t.Run("403 on half the tree", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 30)
		b.backfill(t)
		for i, id := range slices.Sorted(maps.Keys(b.sandbox.Truth().Departments)) {
			if i%2 == 0 {
				must(t, b.sandbox.AddFault(sandbox.Fault{
					Endpoint: feishu.EndpointUsersByDepartment, Match: "department_id=" + id, Count: -1, Status: 403, Code: 40004,
				}))
			}
		}
		changed := anyUser(b.sandbox.Truth(), 3)
		must(t, b.sandbox.ChangeUser(changed, func(u *sandbox.User) { u.DepartmentIDs = []string{"0"} }))
		cut, err := b.crawler.Backfill(t.Context())
		if !errors.Is(err, crawl.ErrRefused) {
			t.Fatalf("error = %v, want ErrRefused", err)
		}
		b.nobodyIsGone(t)
		if got := directory.UserOf(b.folded(t)[b.key(directory.KindUser, changed)]).DepartmentIDs(); !slices.Equal(got, []string{"0"}) {
			t.Errorf("what could be read was not kept: %v", got)
		}
		b.sandbox.ClearFaults()
		if sum := b.backfill(t); sum.Resumed || sum.SweepID == cut.SweepID {
			t.Error("a refused sweep was taken up again")
		}
		b.equalsTruth(t)
	})

	t.Run("the permission to list is lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		b.backfill(t)
		must(t, b.sandbox.RevokePermission(feishu.EndpointUsersByDepartment))
		if _, err := b.crawler.Backfill(t.Context()); !errors.Is(err, feishu.ErrPermission) {
			t.Fatalf("error = %v, want ErrPermission", err)
		}
		b.nobodyIsGone(t)
	})

	t.Run("the permission to ask is lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 10)
		b.backfill(t)
		for _, id := range b.people(t, 5) {
			must(t, b.sandbox.EraseUser(id))
		}
		must(t, b.sandbox.RevokePermission(feishu.EndpointUsersBatch))
		must(t, b.sandbox.RevokePermission(feishu.EndpointUser))
		b.sandbox.ResetStats()
		wantCounts(t, b.backfill(t), directory.KindUser, 5, 0, 0, 5)
		b.nobodyIsGone(t)
		b.sandbox.GrantPermission(feishu.EndpointUser) // the batch is not needed
		wantCounts(t, b.backfill(t), directory.KindUser, 5, 0, 5, 0)
	})

	t.Run("the status is hidden", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 10)
		b.backfill(t)
		must(t, b.sandbox.ResignUser(anyUser(b.sandbox.Truth(), 0)))
		must(t, b.sandbox.HideField(sandbox.KindUser, "status"))
		wantCounts(t, b.backfill(t), directory.KindUser, 1, 0, 0, 1)
		b.nobodyIsGone(t)
	})

	t.Run("a token of the wrong app", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		b.backfill(t)
		must(t, b.sandbox.AddApp(sandbox.App{ID: "cli_other", Secret: "s"}))
		other, err := feishu.New(feishu.Config{BaseURL: b.sandbox.URL(), AppID: "cli_other", AppSecret: "s"})
		must(t, err)
		defer other.Close()
		everybody, err := crawl.ParseMaxRemovals("100%")
		must(t, err)
		wrong := b.crawlerWith(t, func(c *crawl.Config) { c.Client, c.MaxRemovals = other, everybody })
		sum, err := wrong.Backfill(t.Context())
		must(t, err)
		wantCounts(t, sum, directory.KindUser, 100, 100, 0, 0)
		b.nobodyIsGone(t)
		r, err := wrong.Approve(t.Context(), sum.SweepID)
		must(t, err)
		if set := setOf(t, r, directory.KindUser); set.Unproven != 100 {
			t.Errorf("approved: %+v, want all unproven", set)
		}
		b.nobodyIsGone(t)
	})

	t.Run("all of a small company", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 5, 2)
		b.backfill(t)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Count: -1, Body: emptyList}))
		wantCounts(t, b.backfill(t), directory.KindUser, 5, 5, 0, 0)
		b.nobodyIsGone(t)
	})

	t.Run("out of sight, and the scope says that they are in it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		must(t, b.sandbox.EraseUser(anyUser(b.sandbox.Truth(), 0)))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUser, Count: -1, Code: 41050}))
		wantCounts(t, b.backfill(t), directory.KindUser, 1, 0, 0, 1)
		b.nobodyIsGone(t)
	})

	t.Run("Feishu is away when it is asked", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 200, 20)
		b.backfill(t)
		for _, id := range b.people(t, 6) {
			must(t, b.sandbox.EraseUser(id))
		}
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUser, Count: -1, Status: 500}))
		cut, err := b.crawler.Backfill(t.Context())
		if !errors.Is(err, feishu.ErrUnavailable) {
			t.Fatalf("error = %v, want ErrUnavailable", err)
		}
		b.nobodyIsGone(t)
		b.sandbox.ClearFaults()
		b.sandbox.ResetStats()
		sum := b.backfill(t)
		if !sum.Resumed || sum.SweepID != cut.SweepID || b.calls(feishu.EndpointUsersByDepartment) != 0 {
			t.Errorf("the next run does not go on with the proofs: resumed %v", sum.Resumed)
		}
		if n := sum.Removed[directory.KindUser] + sum.Unproven[directory.KindUser]; n != 6 {
			t.Errorf("%d of 6 were asked for", n)
		}
	})
}

func (b *bundle) key(kind directory.Kind, id string) directory.Key {
	return directory.Key{TenantKey: b.sandbox.Truth().Tenant.TenantKey, Kind: kind, ID: id}
}

// missedOf is a department with 1 to most people, all of whom are in no other.
func (b *bundle) missedOf(t *testing.T, most int) string {
	t.Helper()
	members := map[string][]sandbox.User{}
	for _, u := range b.sandbox.Truth().Users {
		for _, d := range u.DepartmentIDs {
			members[d] = append(members[d], u)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		if n := len(members[id]); id != directory.RootDepartmentID && n <= most &&
			!slices.ContainsFunc(members[id], func(u sandbox.User) bool { return len(u.DepartmentIDs) > 1 }) {
			return id
		}
	}
	t.Fatal("no such department")
	return ""
}

func setOf(t *testing.T, r crawl.Removals, kind directory.Kind) crawl.RemovalSet {
	t.Helper()
	for _, set := range r.Sets {
		if set.Kind == kind {
			return set
		}
	}
	t.Fatalf("no set of %ss in %+v", kind, r)
	return crawl.RemovalSet{}
}

// What is true is found out, and what is told stays.
func TestRemovals(t *testing.T) {
	t.Parallel()

	t.Run("a departure whose event was lost needs nobody's approval", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 30)
		empty, err := b.sandbox.AddDepartment(sandbox.Department{Name: "临时部门"})
		must(t, err)
		b.backfill(t)
		resigned, erased := anyUser(b.sandbox.Truth(), 0), anyUser(b.sandbox.Truth(), 1)
		must(t, b.sandbox.ResignUser(resigned))
		must(t, b.sandbox.EraseUser(erased))
		must(t, b.sandbox.RemoveDepartment(empty.OpenDepartmentID))
		sum := b.backfill(t)
		wantCounts(t, sum, directory.KindUser, 2, 0, 2, 0)
		wantCounts(t, sum, directory.KindDepartment, 1, 0, 1, 0)
		want := map[string]directory.Reason{
			resigned: directory.ReasonResigned, erased: directory.ReasonDeleted, empty.OpenDepartmentID: directory.ReasonDeleted,
		}
		if diff := cmp.Diff(want, b.reasons(t)); diff != "" {
			t.Errorf("gone (-want +got):\n%s", diff)
		}
		b.equalsTruth(t)
		if next := b.backfill(t); next.Position != sum.Position+2 || next.Candidates[directory.KindUser] != 0 {
			t.Errorf("the next sweep appended %d records, candidates %v", next.Position-sum.Position, next.Candidates)
		}
	})

	t.Run("two processes that do not agree about Feishu's clock", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		b.backfill(t)
		b.leave(t, 4)
		b.sandbox.SetClockSkew(-3 * time.Second)
		late, err := feishu.New(feishu.Config{BaseURL: b.sandbox.URL(), AppID: b.sandbox.AppID(), AppSecret: b.sandbox.AppSecret()})
		must(t, err)
		defer late.Close()
		sum, err := b.crawlerWith(t, func(c *crawl.Config) { c.Client = late }).Backfill(t.Context())
		must(t, err)
		wantCounts(t, sum, directory.KindUser, 4, 0, 4, 0)
		if gone := b.reasons(t); len(gone) != 4 {
			t.Errorf("%d are gone in the log, want 4", len(gone))
		}
	})

	t.Run("a reorganisation of 40 % passes after one approval", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 30)
		b.backfill(t)
		gone := b.people(t, 120)
		for _, id := range gone {
			must(t, b.sandbox.ResignUser(id))
		}
		b.sandbox.ResetStats()
		sum := b.backfill(t)
		wantCounts(t, sum, directory.KindUser, 120, 120, 0, 0)
		if n := b.proofCalls(); n != 0 {
			t.Errorf("%d calls were spent on a held set", n)
		}
		b.nobodyIsGone(t)
		r, err := b.crawler.Approve(t.Context(), sum.SweepID)
		must(t, err)
		if set := setOf(t, r, directory.KindUser); set.Resigned != 120 || set.State != "done" || set.DecidedAt == nil {
			t.Errorf("after the approval: %+v", set)
		}
		b.equalsTruth(t)
		if n := b.proofCalls(); n != 3 {
			t.Errorf("%d calls for 120 people, want 3 batches", n)
		}
		again, err := b.crawler.Approve(t.Context(), sum.SweepID) // no harm
		must(t, err)
		if again.Position != r.Position {
			t.Errorf("a second approval appended %d records", again.Position-r.Position)
		}
		if _, err := crawl.RejectRemovals(t.Context(), b.pool, sum.SweepID); !errors.Is(err, crawl.ErrNothingHeld) {
			t.Errorf("reject after approve: %v, want ErrNothingHeld", err)
		}
		next := b.backfill(t)
		wantCounts(t, next, directory.KindUser, 0, 0, 0, 0)
	})

	t.Run("a rejected set comes back while it is true", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 10)
		b.backfill(t)
		for _, id := range b.people(t, 30) {
			must(t, b.sandbox.ResignUser(id))
		}
		first := b.backfill(t)
		_, err := crawl.RejectRemovals(t.Context(), b.pool, first.SweepID)
		must(t, err)
		if _, err := crawl.RejectRemovals(t.Context(), b.pool, first.SweepID); err != nil {
			t.Errorf("rejected twice: %v", err)
		}
		if _, err := b.crawler.Approve(t.Context(), first.SweepID); !errors.Is(err, crawl.ErrNothingHeld) {
			t.Errorf("approve after reject: %v, want ErrNothingHeld", err)
		}
		b.nobodyIsGone(t)
		second := b.backfill(t)
		wantCounts(t, second, directory.KindUser, 30, 30, 0, 0)
		third := b.backfill(t)
		wantCounts(t, third, directory.KindUser, 30, 30, 0, 0)
		for _, old := range []string{second.SweepID} {
			if _, err := b.crawler.Approve(t.Context(), old); !errors.Is(err, crawl.ErrSuperseded) {
				t.Errorf("approve of a superseded set: %v, want ErrSuperseded", err)
			}
			if _, err := crawl.RejectRemovals(t.Context(), b.pool, old); !errors.Is(err, crawl.ErrSuperseded) {
				t.Errorf("reject of a superseded set: %v, want ErrSuperseded", err)
			}
		}
		list, err := crawl.ListRemovals(t.Context(), b.pool)
		must(t, err)
		var states []string
		for _, r := range list {
			states = append(states, setOf(t, r, directory.KindUser).State)
		}
		if diff := cmp.Diff([]string{"held", "superseded", "rejected"}, states); diff != "" {
			t.Errorf("states, the newest first (-want +got):\n%s", diff)
		}
		_, candidates, err := crawl.ShowRemovals(t.Context(), b.pool, third.SweepID)
		must(t, err)
		if len(candidates) != 30 || candidates[0].Verdict != "" {
			t.Errorf("%d candidates, the first %+v", len(candidates), candidates[0])
		}
		for _, unknown := range []string{"nonsense", "00000000-0000-0000-0000-000000000000"} {
			if _, err := b.crawler.Approve(t.Context(), unknown); !errors.Is(err, crawl.ErrUnknownSweep) {
				t.Errorf("approve of %q: %v, want ErrUnknownSweep", unknown, err)
			}
		}
	})

	t.Run("who moves meanwhile stays", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 30)
		b.backfill(t)
		var forth, back, to, from string
		done := func() (lists []string) {
			rows, err := b.pool.Query(t.Context(), `
				SELECT department_id FROM mirror.sweep_task t JOIN mirror.sweep s USING (sweep_id)
				WHERE s.state = 'running' AND listing = 'users' AND done AND department_id <> '0' ORDER BY 1`)
			must(t, err)
			defer rows.Close()
			for rows.Next() {
				var id string
				must(t, rows.Scan(&id))
				lists = append(lists, id)
			}
			return lists
		}
		// One worker: while the progress is told, no call is under way.
		walker := b.crawlerWith(t, func(c *crawl.Config) {
			c.Workers = 1
			c.Progress = func(p crawl.Progress) {
				if p.DepartmentsDone != 15 || to != "" {
					return
				}
				walked := done()
				to = walked[0]
				for _, id := range b.people(t, 200) {
					u := b.sandbox.Truth().Users[id]
					if len(u.DepartmentIDs) != 1 || u.DepartmentIDs[0] == directory.RootDepartmentID {
						continue
					}
					if in := slices.Contains(walked, u.DepartmentIDs[0]); in && back == "" {
						back = id
					} else if !in && forth == "" {
						forth, from = id, u.DepartmentIDs[0]
					}
				}
				must(t, b.sandbox.MoveUser(forth, to))  // out of every list
				must(t, b.sandbox.MoveUser(back, from)) // listed twice
			}
		})
		sum, err := walker.Backfill(t.Context())
		must(t, err)
		wantCounts(t, sum, directory.KindUser, 1, 0, 0, 0)
		b.nobodyIsGone(t)
		b.equalsTruthOfPeople(t)
	})
}
