package sandbox_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const crowdPath = "/contact/v3/users/find_by_department"

// crowded is a sandbox with a department that fills several pages.
func crowded(t *testing.T) (k *kit, dept string, members []string) {
	t.Helper()
	k = start(t, sandbox.Config{People: 150, Departments: 6})
	dept, n := crowdOf(k.Truth())
	members = ids(k.all(crowdPath, "department_id", dept), "open_id")
	if len(members) != n || n < 25 {
		t.Fatalf("%d of %d members listed", len(members), n)
	}
	return k, dept, members
}

func (k *kit) fault(f sandbox.Fault) {
	k.t.Helper()
	if err := k.AddFault(f); err != nil {
		k.t.Fatal(err)
	}
}

// page asks for one page of a listing.
func (k *kit) page(path string, params ...string) list {
	k.t.Helper()
	r := k.get(path, params...)
	r.wantCode(k.t, 200, 0)
	return decodeAs[list](k.t, r.Data)
}

// Pages that come short, empty or twice lose nothing: whoever follows has_more
// sees everybody.
func TestPagesThatAreWrongLoseNothing(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]sandbox.Fault{
		"short": {PageLimit: 3, Count: -1}, "empty": {EmptyPage: true, Probability: 0.5, Seed: 4}, "repeated": {RepeatPage: true, Probability: 0.5, Seed: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, dept, members := crowded(t)
			k.fault(f)
			var got []string
			token, pages := "", map[string]bool{}
			for range 200 {
				params := []string{"department_id", dept}
				if token != "" {
					params = append(params, "page_token", token)
				}
				p := k.page(crowdPath, params...)
				if name == "short" && len(p.Items) > 3 {
					t.Fatalf("a short page has %d entries", len(p.Items))
				}
				got = append(got, ids(p.Items, "open_id")...)
				if !p.HasMore {
					break
				}
				if token = *p.PageToken; pages[token] {
					t.Fatal("the same page token twice: a client would take it for a loop")
				}
				pages[token] = true
			}
			if name == "repeated" {
				if len(got) <= len(members) {
					t.Error("no page was repeated")
				}
				seen := map[string]bool{}
				got = slices.DeleteFunc(got, func(id string) bool { again := seen[id]; seen[id] = true; return again })
			}
			if diff := cmp.Diff(members, got); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if hits := k.Faults()[0].Hits; hits == 0 || name == "empty" && len(pages) < len(members)/10+hits {
				t.Errorf("%d hits in %d pages", hits, len(pages))
			}
		})
	}
}

func TestOnePageAtATime(t *testing.T) {
	t.Parallel()
	k, dept, members := crowded(t)

	k.fault(sandbox.Fault{Preset: "empty_pages"})
	k.get("/contact/v3/departments/"+dept).wantCode(t, 200, 0) // has no pages, and does not count
	p := k.page(crowdPath, "department_id", dept)
	if len(p.Items) != 0 || !p.HasMore || p.PageToken == nil || len(k.Faults()) != 0 {
		t.Fatalf("an empty page is %+v, faults left %v", p, k.Faults())
	}
	p = k.page(crowdPath, "department_id", dept, "page_token", *p.PageToken)
	if diff := cmp.Diff(members[:10], ids(p.Items, "open_id")); diff != "" {
		t.Errorf("after the empty page (-want +got):\n%s", diff)
	}
	token := *p.PageToken

	k.fault(sandbox.Fault{Preset: "repeated_pages"})
	first := k.page(crowdPath, "department_id", dept, "page_token", token)
	second := k.page(crowdPath, "department_id", dept, "page_token", *first.PageToken)
	if diff := cmp.Diff(ids(first.Items, "open_id"), ids(second.Items, "open_id")); diff != "" || *first.PageToken == *second.PageToken {
		t.Errorf("the page that was to come again:\n%s", diff)
	}

	k.fault(sandbox.Fault{Preset: "empty_lists"})
	if p := k.page(crowdPath, "department_id", dept); len(p.Items) != 0 || p.HasMore || p.PageToken != nil {
		t.Errorf("an empty list is %+v", p)
	}
	k.fault(sandbox.Fault{EmptyList: true})
	if p := k.page("/contact/v3/users/batch", "user_ids", members[0]); len(p.Items) != 0 {
		t.Errorf("an empty batch is %+v", p)
	}
	k.fault(sandbox.Fault{Endpoint: scopesName, EmptyList: true})
	r := k.get("/contact/v3/scopes")
	if want := `{"code":0,"data":{"department_ids":[],"group_ids":[],"has_more":false,"user_ids":[]},"msg":"success"}`; r.raw != want {
		t.Errorf("empty scopes are %s", r.raw)
	}
	// A call that is refused anyway uses nothing up.
	k.fault(sandbox.Fault{Endpoint: usersName, EmptyList: true})
	if r := k.get(crowdPath, "department_id", "od-none"); r.Code == 0 || len(k.Faults()) != 1 {
		t.Errorf("%s, faults left %v", r.raw, k.Faults())
	}
}

func TestAForbiddenPartOfTheTree(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	add := func(name, parent string) string {
		d, err := k.AddDepartment(sandbox.Department{Name: name, DepartmentID: name, ParentDepartmentID: parent})
		if err != nil {
			t.Fatal(err)
		}
		return d.OpenDepartmentID
	}
	top := add("A", "0")
	sub, other := add("B", top), add("C", "0")
	k.fault(sandbox.Fault{Preset: "forbidden", Below: top, Count: -1})
	for _, id := range []string{top, sub} {
		k.get("/contact/v3/departments/"+id).wantCode(t, http.StatusForbidden, 40004)
		k.get("/contact/v3/departments/"+id+"/children").wantCode(t, http.StatusForbidden, 40004)
		k.get(crowdPath, "department_id", id).wantCode(t, http.StatusForbidden, 40004)
	}
	k.get("/contact/v3/departments/B", "department_id_type", "department_id").wantCode(t, http.StatusForbidden, 40004)
	if p := k.page("/contact/v3/departments/0/children"); len(p.Items) != 2 {
		t.Errorf("the root has children %v", p.Items)
	}
	k.get(crowdPath, "department_id", other).wantCode(t, 200, 0)
	k.ClearFaults()
	k.fault(sandbox.Fault{Preset: "forbidden_parent", Below: sub})
	k.get("/contact/v3/departments/"+top).wantCode(t, 200, 0)
	k.get("/contact/v3/departments/parent", "department_id", sub).wantCode(t, http.StatusForbidden, 40014)
}

func TestFieldsAndRangesOfSomeCalls(t *testing.T) {
	t.Parallel()
	k, dept, members := crowded(t)
	user := func() object { return k.page(crowdPath, "department_id", dept, "page_size", "50").Items[0] }

	k.fault(sandbox.Fault{Hide: map[sandbox.Kind][]string{sandbox.KindUser: {"name", "status"}}})
	if u := user(); u["name"] != nil || u["status"] != nil || u["open_id"] != members[0] {
		t.Errorf("with hidden fields: %v", u)
	}
	if u := user(); u["name"] == nil || u["status"] == nil {
		t.Errorf("the call after: %v", u)
	}

	k.fault(sandbox.Fault{Preset: "narrowed", Endpoint: "GET /contact/v3/users*"})
	k.get("/contact/v3/departments/"+dept).wantCode(t, 200, 0)
	k.get("/contact/v3/users/"+members[0]).wantCode(t, 400, 41050)
	k.get("/contact/v3/users/"+members[0]).wantCode(t, 200, 0)

	if err := k.SetRange(k.AppID(), sandbox.Range{Nobody: true}); err != nil {
		t.Fatal(err)
	}
	k.get("/contact/v3/users/"+members[0]).wantCode(t, 400, 41050)
	k.fault(sandbox.Fault{Range: &sandbox.Range{Users: members[:1]}, Count: 2})
	k.get("/contact/v3/users/"+members[0]).wantCode(t, 200, 0)
	k.get("/contact/v3/users/"+members[1]).wantCode(t, 400, 41050)
	k.fault(sandbox.Fault{Preset: "widened"})
	k.get("/contact/v3/users/"+members[1]).wantCode(t, 200, 0)
}
