package crawl_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// reasons says of each entity that is gone in the log why it is.
func (b *bundle) reasons(t *testing.T) map[string]directory.Reason {
	t.Helper()
	gone := map[string]directory.Reason{}
	for key, s := range b.folded(t) {
		if reason, _ := s.Gone(); reason != directory.ReasonNone {
			gone[key.ID] = reason
		}
	}
	return gone
}

func (b *bundle) nobodyIsGone(t *testing.T) {
	t.Helper()
	if gone := b.reasons(t); len(gone) > 0 {
		t.Errorf("%d entities were removed: %v", len(gone), gone)
	}
}

// calls are those that a test made to an endpoint since the sandbox's counts
// were reset.
func (b *bundle) calls(endpoints ...string) (n int) {
	for _, endpoint := range endpoints {
		n += b.sandbox.Stats()[endpoint].Calls
	}
	return n
}

// proofCalls are those that only proofs need.
func (b *bundle) proofCalls() int {
	return b.calls(feishu.EndpointUsersBatch, feishu.EndpointDepartmentsBatch, feishu.EndpointUser)
}

// people lists those who lead nobody, at most n.
func (b *bundle) people(t *testing.T, n int) []string {
	t.Helper()
	truth := b.sandbox.Truth()
	leads := map[string]bool{}
	for _, d := range truth.Departments {
		leads[d.LeaderUserID] = true
	}
	for _, u := range truth.Users {
		leads[u.LeaderUserID] = true
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(truth.Users)) {
		if !leads[id] && len(ids) < n {
			ids = append(ids, id)
		}
	}
	if len(ids) < n {
		t.Fatalf("only %d people who lead nobody", len(ids))
	}
	return ids
}

// counts are a summary's figures of removals: candidates, held, removed, unproven.
func counts(sum crawl.Summary, kind directory.Kind) []int64 {
	return []int64{sum.Candidates[kind], sum.Held[kind], sum.Removed[kind], sum.Unproven[kind]}
}

func wantCounts(t *testing.T, sum crawl.Summary, kind directory.Kind, candidates, held, removed, unproven int64) {
	t.Helper()
	if diff := cmp.Diff([]int64{candidates, held, removed, unproven}, counts(sum, kind)); diff != "" {
		t.Errorf("candidates, held, removed and unproven %ss (-want +got):\n%s", kind, diff)
	}
}

// departmentsWithout answers the list of all departments, once, as if some of
// them were not there.
func (b *bundle) departmentsWithout(t *testing.T, left map[string]bool) {
	t.Helper()
	var items []json.RawMessage
	for token, more := "", true; more; {
		page, err := b.client.DepartmentChildren(t.Context(), directory.RootDepartmentID, true, token)
		must(t, err)
		for _, item := range page.Items {
			id, err := directory.ObjectID(directory.KindDepartment, item)
			must(t, err)
			if !left[id] {
				items = append(items, item)
			}
		}
		token, more = page.PageToken, page.HasMore
	}
	body, err := json.Marshal(map[string]any{"code": 0, "msg": "success", "data": map[string]any{"has_more": false, "items": items}})
	must(t, err)
	must(t, b.sandbox.AddFault(sandbox.Fault{Endpoint: feishu.EndpointDepartmentChildren, Body: string(body)}))
}

const emptyList = `{"code":0,"msg":"success","data":{"has_more":false,"items":[]}}`

// subtree is a department with all below it.
func subtree(truth sandbox.Truth, top string) map[string]bool {
	in := map[string]bool{top: true}
	for grown := true; grown; {
		grown = false
		for id, d := range truth.Departments {
			if in[d.ParentDepartmentID] && !in[id] {
				in[id], grown = true, true
			}
		}
	}
	return in
}

// branch is the department of the first level that has the most departments
// below it but for the limit.
func branch(t *testing.T, truth sandbox.Truth, limit int) (top string, in map[string]bool) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(truth.Departments)) {
		if s := subtree(truth, id); len(s) > len(in) && len(s) <= limit {
			top, in = id, s
		}
	}
	if len(in) < 3 {
		t.Fatalf("no branch of 3 to %d departments", limit)
	}
	return top, in
}

// missingRecords counts the proofs of absence in the log.
func (b *bundle) missingRecords(t *testing.T) (n int) {
	t.Helper()
	records, err := b.log.Read(t.Context(), 0, 1_000_000)
	must(t, err)
	for _, r := range records {
		if strings.HasSuffix(r.EventType, ".missing") {
			n++
		}
	}
	return n
}

// equalsTruthOfPeople compares people alone: counts may have moved since their
// departments were listed.
func (b *bundle) equalsTruthOfPeople(t *testing.T) {
	t.Helper()
	want, got := map[string][]string{}, map[string][]string{}
	for id, u := range b.sandbox.Truth().Users {
		want[id] = slices.Sorted(slices.Values(u.DepartmentIDs))
	}
	for key, s := range b.folded(t) {
		if key.Kind == directory.KindUser && s.Exists() {
			got[key.ID] = directory.UserOf(s).DepartmentIDs()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("departments of people (-truth +mirror):\n%s", diff)
	}
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
