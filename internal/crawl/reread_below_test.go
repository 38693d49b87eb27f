package crawl_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// apart finds a department with others below it, outside of a branch.
func apart(t *testing.T, truth sandbox.Truth, top string, in map[string]bool) (id string, below map[string]bool) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
		if s := subtree(truth, id); !in[id] && !s[top] && len(s) > 2 && len(s) < 12 && membersOf(truth, s) > 3 {
			return id, s
		}
	}
	t.Fatal("no such department")
	return "", nil
}

// No event tells whom a department brings with it that moves into an app's range.
func TestDepartmentsThatComeIntoRange(t *testing.T) {
	t.Parallel()

	t.Run("by an event", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		top, in := branch(t, b.sandbox.Truth(), 20)
		moved, below := apart(t, b.sandbox.Truth(), top, in)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		b.backfill(t)
		must(t, b.sandbox.MoveDepartment(moved, top))
		b.queueFor(t, directory.HintSubtree, directory.KindDepartment, past(), moved)
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		b.equalsRange(t)
		if n := len(b.reread(t)); n < len(below)+3 {
			t.Errorf("%d records", n)
		}
		equal(t, "drift", b.drifted(t), []string{"department reread 1"}) // the one itself: the event is missing here
	})

	t.Run("by a re-read that finds it elsewhere", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		top, in := branch(t, b.sandbox.Truth(), 20)
		moved, _ := apart(t, b.sandbox.Truth(), top, in)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		b.backfill(t)
		must(t, b.sandbox.MoveDepartment(moved, top))
		b.queue(t, directory.KindDepartment, past(), moved)
		must(t, b.rereader(t).Pass(t.Context()))
		b.equalsRange(t)
	})

	t.Run("a walk that fails is made again", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 300, 60)
		top, in := branch(t, b.sandbox.Truth(), 20)
		moved, _ := apart(t, b.sandbox.Truth(), top, in)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		b.backfill(t)
		must(t, b.sandbox.MoveDepartment(moved, top))
		b.queueFor(t, directory.HintSubtree, directory.KindDepartment, past(), moved)
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointUsersByDepartment, Status: 500, Count: -1}))
		if err := b.rereader(t).Pass(t.Context()); err == nil {
			t.Error("no error")
		}
		equal(t, "queue", b.queued(t), []string{"department " + moved})
		b.sandbox.ClearFaults()
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		b.equalsRange(t)
	})

	t.Run("one that only was renamed brings nobody, and one that everybody sees costs nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 100, 20)
		top, _ := branch(t, b.sandbox.Truth(), 10)
		b.setRange(t, sandbox.Range{Departments: []string{top}})
		b.backfill(t)
		b.sandbox.ResetStats()
		must(t, b.sandbox.ChangeDepartment(top, func(d *sandbox.Department) { d.Name = "月球部" }))
		b.queue(t, directory.KindDepartment, past(), top)
		must(t, b.rereader(t).Pass(t.Context()))
		if n := b.calls(feishu.EndpointUsersByDepartment, feishu.EndpointDepartmentChildren); n != 0 {
			t.Errorf("%d lists read for a new name", n)
		}
		b.setRange(t, sandbox.Range{})
		b.backfill(t)
		b.sandbox.ResetStats()
		b.queueFor(t, directory.HintSubtree, directory.KindDepartment, past(), top)
		must(t, b.rereader(t).Pass(t.Context()))
		equal(t, "queue", b.queued(t), nil)
		if n := len(b.sandbox.Stats()); n != 0 {
			t.Errorf("asked at %d endpoints", n)
		}
	})
}
