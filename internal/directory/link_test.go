package directory_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
)

func TestLinkIDs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind directory.Kind
		id   string
		is   bool
	}{
		{directory.KindGroupMember, "g1/user/ou_1", true},
		{directory.KindGroupMember, "g1/department/od-1", true},
		{directory.KindGroupMember, "g1/group/g2", false}, // groups have no groups
		{directory.KindGroupMember, "g1/user/", false},
		{directory.KindGroupMember, "g1/user", false},
		{directory.KindGroupMember, "g/1/user/ou_1", false},
		{directory.KindUnitDepartment, "BU1/od-1", true},
		{directory.KindUnitDepartment, "od-1", false},
		{directory.KindScopeNode, "group/g1", true},
		{directory.KindScopeNode, "unit/u1", false},
		{directory.KindScopeNode, "user/ou_1/x", false},
		{directory.KindGroup, "g1/x", false},
		{directory.KindEmployeeType, "a/b==", true},
	} {
		if is := directory.IsID(c.kind, c.id); is != c.is {
			t.Errorf("%s %q: %v", c.kind, c.id, is)
		}
	}
}

// link is the sighting of a link, or its absence.
func link(t *testing.T, kind directory.Kind, id string, seconds float64, there bool) directory.Record {
	t.Helper()
	origin := directory.Origin{TenantKey: "t", Source: directory.SourcePoll, CorrelationID: "p1"}
	var r directory.Record
	var err error
	if there {
		r, err = directory.NewObservation(origin, kind, id, at(seconds), directory.Observation{Object: directory.LinkObject(kind, id), Listed: true, SkewMarginMS: 10_000})
	} else {
		r, err = directory.NewMissing(origin, kind, id, at(seconds), directory.Missing{Reason: directory.ReasonDeleted})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A link comes, goes and comes back, in whatever order that is heard.
func TestLinksHaveExistenceOnly(t *testing.T) {
	t.Parallel()
	key := directory.Key{TenantKey: "t", Kind: directory.KindGroupMember, ID: "g1/user/ou_1"}
	records := []directory.Record{
		link(t, key.Kind, key.ID, 0, true), link(t, key.Kind, key.ID, 100, false), link(t, key.Kind, key.ID, 200, true),
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}} {
		s := directory.NewState(key)
		for _, i := range order {
			d := directory.Decode(records[i])
			if len(d.Changes) != 1 || len(d.Problems) != 0 || len(d.Changes[0].Fields) != 0 {
				t.Fatalf("%+v", d)
			}
			s.Apply(d.Changes[0])
		}
		if m := directory.GroupMemberOf(s); !s.Exists() || m.GroupID != "g1" || m.MemberType != "user" || m.MemberID != "ou_1" || string(m.Attributes) != "{}" {
			t.Errorf("order %v: %+v", order, m)
		}
	}
	// Seen again it is no news.
	s := directory.NewState(key)
	s.Apply(directory.Decode(records[0]).Changes[0])
	if e := s.Apply(directory.Decode(records[2]).Changes[0]); e.News || e.Version {
		t.Errorf("seen again: %+v", e)
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	key := directory.Key{TenantKey: "t", Kind: directory.KindGroup, ID: "g1"}
	s := directory.NewState(key)
	s.Apply(directory.Decode(listedAs(key.Kind, 0, `{"id":"g1","name":"x","description":"y","type":1,"department_scope_list":["od-1"]}`)).Changes[0])
	if lacks := s.Lacks(json.RawMessage(`{"id":"g1","name":"z","type":null}`)); !slices.Equal(lacks, []string{"department_scope_list", "description", "type"}) {
		t.Errorf("lacks %v", lacks)
	}
	if lacks := s.Lacks(json.RawMessage(`7`)); lacks != nil {
		t.Errorf("lacks %v", lacks)
	}
}
