package crawl_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

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
		if _, err := crawl.RejectRemovals(t.Context(), b.pool, "", sum.SweepID); !errors.Is(err, crawl.ErrNothingHeld) {
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
		_, err := crawl.RejectRemovals(t.Context(), b.pool, "", first.SweepID)
		must(t, err)
		if _, err := crawl.RejectRemovals(t.Context(), b.pool, "", first.SweepID); err != nil {
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
			if _, err := crawl.RejectRemovals(t.Context(), b.pool, "", old); !errors.Is(err, crawl.ErrSuperseded) {
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
