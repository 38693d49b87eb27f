package crawl_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

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
