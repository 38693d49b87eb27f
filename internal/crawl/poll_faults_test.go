package crawl_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// A list that says that there is nothing removes nothing, however often it says so,
// unless something else says that it is right.
func TestPollOfEmptyLists(t *testing.T) {
	t.Parallel()

	for endpoint, resource := range map[string]crawl.Resource{
		feishu.EndpointScopes: crawl.ResourceScope, feishu.EndpointGroups: crawl.ResourceGroups, feishu.EndpointGroupMembers: crawl.ResourceGroups,
		feishu.EndpointUnits: crawl.ResourceUnits, feishu.EndpointUnitDepartments: crawl.ResourceUnits, feishu.EndpointEmployeeTypes: crawl.ResourceEmployeeTypes,
	} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			b, p := resources(t)
			_, err := b.sandbox.AddGroup(sandbox.Group{Name: "又一个", Users: b.people(t, 2)})
			must(t, err)
			b.backfill(t)
			b.pollAll(t, p)
			before := b.resourcesMirrored(t)
			must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: endpoint, EmptyList: true, Count: -1}))
			all := b.pollTwice(t, p)
			if diff := cmp.Diff(before, b.resourcesMirrored(t)); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			if all[resource].Held == 0 {
				t.Errorf("nothing is held: %+v", all[resource])
			}
			b.sandbox.ClearFaults()
			if done := b.pollAll(t, p)[resource]; done.Held != 0 || done.Missing != 0 {
				t.Errorf("after a whole list: %+v", done)
			}
			b.equalsResources(t)
		})
	}

	t.Run("custom attributes are out of range", func(t *testing.T) {
		t.Parallel()
		b, p := resources(t)
		b.pollAll(t, p)
		b.sandbox.AllowOpenQuery(false)
		b.pollAll(t, p)
		if !b.equalsAttributes(t, directory.ReasonNone) {
			t.Error("one list was enough")
		}
		b.minuteLater(t)
		b.pollAll(t, p)
		if !b.equalsAttributes(t, directory.ReasonOutOfRange) {
			t.Error("two lists were not enough")
		}
		b.sandbox.AllowOpenQuery(true)
		b.pollAll(t, p)
		b.equalsResources(t)
	})

	t.Run("a group that says that it is empty is", func(t *testing.T) {
		t.Parallel()
		b, p := resources(t)
		departments := slices.Sorted(maps.Keys(b.sandbox.Truth().Departments))[:2]
		group, err := b.sandbox.AddGroup(sandbox.Group{Name: "散了", Users: b.people(t, 3), Departments: departments})
		must(t, err)
		b.pollAll(t, p)
		must(t, b.sandbox.ChangeGroup(group.ID, func(g *sandbox.Group) { g.Users, g.Departments = nil, nil }))
		if all := b.pollTwice(t, p); all[crawl.ResourceGroups].Removed != 5 {
			t.Errorf("%+v", all[crawl.ResourceGroups])
		}
		b.equalsResources(t)
	})

	t.Run("a unit is empty when its departments say so", func(t *testing.T) {
		t.Parallel()
		b, p := resources(t)
		b.backfill(t)
		b.pollAll(t, p)
		must(t, b.sandbox.ChangeUnit("BU1", func(u *sandbox.Unit) { u.Departments = nil }))
		if all := b.pollTwice(t, p); all[crawl.ResourceUnits].Held != 3 || all[crawl.ResourceUnits].Removed != 0 {
			t.Errorf("%+v", all[crawl.ResourceUnits])
		}
		b.backfill(t) // which asks the departments
		if all := b.pollTwice(t, p); all[crawl.ResourceUnits].Held != 0 {
			t.Errorf("%+v", all[crawl.ResourceUnits])
		}
		b.equalsResources(t)
	})
}

// equalsAttributes reports whether all custom attributes are gone for a reason.
func (b *bundle) equalsAttributes(t *testing.T, reason directory.Reason) bool {
	t.Helper()
	n := 0
	for key, s := range b.folded(t) {
		if key.Kind != directory.KindCustomAttribute {
			continue
		}
		n++
		if why, _ := s.Gone(); why != reason {
			return false
		}
	}
	return n > 1
}

func TestApprovePoll(t *testing.T) {
	t.Parallel()
	b, p := resources(t)
	b.backfill(t)
	b.pollAll(t, p)
	if _, err := crawl.ApprovePoll(t.Context(), b.pool, crawl.ResourceGroups); !errors.Is(err, crawl.ErrNoPollHeld) {
		t.Errorf("approved nothing: %v", err)
	}
	for id := range b.sandbox.Truth().Groups {
		must(t, b.sandbox.RemoveGroup(id))
	}
	b.sandbox.ResetStats()
	all := b.pollTwice(t, p)
	if all[crawl.ResourceGroups].Held != 2 || b.calls(feishu.EndpointGroup) != 0 {
		t.Errorf("%+v after %d calls", all[crawl.ResourceGroups], b.calls(feishu.EndpointGroup))
	}
	if due, err := p.Due(t.Context(), crawl.ResourceGroups); due || err != nil {
		t.Errorf("due %v, %v: what is held waits for the clock", due, err)
	}
	states, err := crawl.ListPolls(t.Context(), b.pool)
	must(t, err)
	if len(states) != len(crawl.Resources()) || states[2].Resource != crawl.ResourceGroups || states[2].Held != 2 || states[2].LastPolledAt == nil {
		t.Errorf("%+v", states)
	}
	held, err := crawl.ApprovePoll(t.Context(), b.pool, crawl.ResourceGroups)
	must(t, err)
	if due, err := p.Due(t.Context(), crawl.ResourceGroups); held != 2 || !due || err != nil {
		t.Errorf("%d held, due %v, %v", held, due, err)
	}
	done, err := p.Poll(t.Context(), crawl.ResourceGroups)
	must(t, err)
	if done.Held != 0 || done.Removed < 2 {
		t.Errorf("%+v", done)
	}
	b.pollTwice(t, p) // the scope had them, too
	b.equalsResources(t)
	if n := b.count(t, `SELECT count(*) FROM mirror.poll WHERE approved_at IS NOT NULL`); n != 0 {
		t.Error("an approval is still there for what comes next")
	}
}

// Groups are asked for before they go: a list that lacks one is not enough.
func TestPollAsksForGroupsAndUnits(t *testing.T) {
	t.Parallel()
	b, p := resources(t)
	group, err := b.sandbox.AddGroup(sandbox.Group{Name: "还在", Users: b.people(t, 3)})
	must(t, err)
	b.pollAll(t, p)
	must(t, b.sandbox.RemoveGroup(group.ID))
	b.pollAll(t, p)
	b.minuteLater(t)
	for _, f := range []sandbox.Fault{
		{Endpoint: feishu.EndpointGroup, Code: 42029, Count: 1},                                                                                  // nobody can tell
		{Endpoint: feishu.EndpointGroup, Status: 200, Body: `{"code":0,"data":{"group":{"id":"x"}}}`, Count: 1, ContentType: "application/json"}, // it is there
		{Endpoint: feishu.EndpointGroup, Code: 42009, Count: 1},
	} {
		must(t, b.sandbox.AddFault(f))
		b.pollAll(t, p)
		s := b.state(t, directory.KindGroup, group.ID)
		if reason, _ := s.Gone(); f.Code != 42009 && reason != directory.ReasonNone || f.Code == 42009 && reason != directory.ReasonOutOfRange {
			t.Errorf("after %d: gone for %q", f.Code, reason)
		}
		if due, err := p.Due(t.Context(), crawl.ResourceGroups); due || err != nil {
			t.Errorf("due %v, %v: what cannot be proven waits for the clock", due, err)
		}
	}
	for key, s := range b.folded(t) {
		if reason, _ := s.Gone(); key.Kind == directory.KindGroupMember && directory.GroupMemberOf(s).GroupID == group.ID && reason != directory.ReasonOutOfRange {
			t.Errorf("a member is gone for %q", reason)
		}
	}
}

// The app's range becomes narrower: what it does not see any more is out of it.
func TestPollOfANarrowerRange(t *testing.T) {
	t.Parallel()
	b, p := resources(t)
	var groups []string
	for range 3 {
		group, err := b.sandbox.AddGroup(sandbox.Group{Name: "组" + string(rune('A'+len(groups))), Users: b.people(t, 30)})
		must(t, err)
		groups = append(groups, group.ID)
	}
	b.backfill(t)
	b.pollAll(t, p)
	top, _ := branch(t, b.sandbox.Truth(), 12)
	b.setRange(t, sandbox.Range{Departments: []string{top}, Groups: groups[:2]})
	sum := b.backfill(t)
	all := b.pollTwice(t, p)
	if all[crawl.ResourceScope].Held == 0 || all[crawl.ResourceScope].Removed == 0 {
		t.Errorf("%+v: the people of the root are there, as far as the mirror knows", all[crawl.ResourceScope])
	}
	_, err := b.crawler.Approve(t.Context(), sum.SweepID)
	must(t, err)
	b.pollTwice(t, p)
	b.equalsResources(t)
	if reason, _ := b.state(t, directory.KindGroup, groups[2]).Gone(); reason != directory.ReasonOutOfRange {
		t.Errorf("the group is gone for %q", reason)
	}
	b.setRange(t, sandbox.Range{})
	b.pollTwice(t, p)
	b.equalsResources(t)
}

// A list that does not come whole removes nothing, and what it holds counts.
func TestPollOfIncompleteLists(t *testing.T) {
	t.Parallel()

	setup := func(t *testing.T) (*bundle, *crawl.Poller, sandbox.Group) {
		b, p := resources(t)
		group, err := b.sandbox.AddGroup(sandbox.Group{Name: "大", Users: slices.Sorted(maps.Keys(b.sandbox.Truth().Users))})
		must(t, err)
		b.pollAll(t, p)
		return b, p, group
	}
	for name, fault := range map[string]sandbox.Fault{
		"an error in the middle": {Endpoint: feishu.EndpointGroupMembers, Skip: 3, Count: -1, Status: 500},
		"a cut answer":           {Endpoint: feishu.EndpointGroupMembers, Skip: 2, Count: -1, Truncate: true},
		"no end":                 {Endpoint: feishu.EndpointGroups, RepeatPage: true, Count: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p, group := setup(t)
			must(t, b.sandbox.ChangeGroup(group.ID, func(g *sandbox.Group) { g.Users = g.Users[:250] }))
			before := b.resourcesMirrored(t)
			must(t, b.sandbox.AddFault(fault))
			for range 2 {
				if _, err := p.Poll(t.Context(), crawl.ResourceGroups); err == nil {
					t.Error("no error")
				}
				b.minuteLater(t)
			}
			kept := b.resourcesMirrored(t)
			for _, line := range before {
				if line != "group "+group.ID && !slices.Contains(kept, line) && line[:6] != "group " {
					t.Errorf("%q is gone", line)
				}
			}
			b.sandbox.ClearFaults()
			b.pollTwice(t, p)
			b.minuteLater(t) // a list that was gone on with tells what there is, and not what there is not
			b.pollAll(t, p)
			b.equalsResources(t)
		})
	}

	t.Run("pages that are short, empty, or lost with their token", func(t *testing.T) {
		t.Parallel()
		b, p, group := setup(t)
		must(t, b.sandbox.ChangeGroup(group.ID, func(g *sandbox.Group) { g.Users = g.Users[:250] }))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointGroupMembers, PageLimit: 40, Count: -1}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointGroupMembers, EmptyPage: true, Skip: 4, Count: 2}))
		must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointGroupMembers, RefusePageToken: true, Skip: 6, Count: 1}))
		b.pollTwice(t, p)
		b.equalsResources(t)
	})
}

// A poll is killed again and again, and costs at most 25 calls more for each time.
func TestPollIsKilled(t *testing.T) {
	t.Parallel()
	b, p := resources(t)
	for i := range 12 {
		group, err := b.sandbox.AddGroup(sandbox.Group{Name: "组" + string(rune('A'+i)), Users: b.people(t, 20)})
		must(t, err)
		if i == 0 { // one of many pages
			everybody := slices.Sorted(maps.Keys(b.sandbox.Truth().Users))
			must(t, b.sandbox.ChangeGroup(group.ID, func(g *sandbox.Group) { g.Users = everybody }))
		}
	}
	must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointGroupMembers, PageLimit: 10, Count: -1}))
	k := b.killable(t, func(*crawl.Config) {})
	b.pollAll(t, p)
	began := k.made.Load()
	_, err := p.Poll(t.Context(), crawl.ResourceGroups)
	must(t, err)
	needed := k.made.Load() - began
	began = k.made.Load()
	kills := k.until(t, rand.New(rand.NewPCG(3, 4)), 30, func(ctx context.Context) error {
		_, err := p.Poll(ctx, crawl.ResourceGroups)
		return err
	})
	if made := k.made.Load() - began; kills < 2 || made > needed+25*kills {
		t.Errorf("%d calls after %d kills, %d are needed", made, kills, needed)
	}
	b.pollTwice(t, p)
	b.equalsResources(t)
}
