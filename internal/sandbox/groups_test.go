package sandbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// walk reads a listing to its end, page by page, and returns the entries.
func (k *kit) walk(name, path string, params ...string) []object {
	k.t.Helper()
	var out []object
	seen := map[string]bool{}
	for token := ""; ; {
		q := encode(append(params, "page_token", token))
		if token == "" {
			q = encode(params)
		}
		r := k.invoke(http.MethodGet, path+q, "")
		r.wantCode(k.t, 200, 0)
		page := decodeAs[map[string]any](k.t, r.Data)
		entries, _ := page[name].([]any)
		for _, e := range entries {
			if text, ok := e.(string); ok {
				e = object{"text": text}
			}
			out = append(out, e.(object))
		}
		next, more := page["page_token"].(string)
		if page["has_more"] != more || entries == nil || more && (len(entries) == 0 || seen[next]) {
			k.t.Fatalf("%s: page %s", path, r.raw)
		}
		if !more {
			return out
		}
		seen[next], token = true, next
	}
}

func texts(entries []object, key string) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, e[key].(string))
	}
	return out
}

func TestGroupLifecycle(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.invoke(http.MethodPost, "/group?user_id_type=union_id", `{"name":"新人","description":"d","type":1,"group_id":"new1"}`)
	if r.wantCode(t, 200, 0); string(r.Data) != `{"group_id":"new1"}` {
		t.Errorf("create answers %s", r.raw)
	}
	o.invoke(http.MethodPatch, "/group/new1", `{"name":"新员工"}`).wantCode(t, 200, 0)
	r = o.invoke(http.MethodGet, "/group/new1", "")
	if want := `{"group":{"description":"d","id":"new1","member_department_count":0,"member_user_count":0,"name":"新员工","type":1}}`; string(r.Data) != want {
		t.Errorf("get answers %s, want %s", r.Data, want)
	}
	made := decodeAs[map[string]string](t, o.invoke(http.MethodPost, "/group", `{"name":"自动"}`).Data)["group_id"]
	if g, err := o.Group(made); err != nil || g.Name != "自动" || g.Type != 1 {
		t.Errorf("a group with a made id: %+v, %v", g, err)
	}
	if r := o.invoke(http.MethodDelete, "/group/new1", ""); string(r.Data) != "{}" {
		t.Errorf("delete answers %s", r.raw)
	}
	o.invoke(http.MethodGet, "/group/new1", "").wantCode(t, 400, 42002)
}

func TestListGroups(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var normal []string
	for i := range 23 {
		g, err := o.AddGroup(sandbox.Group{Name: fmt.Sprint("组", i), Type: 1 + i%2})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			normal = append(normal, g.ID)
		}
	}
	normal = append(normal, "staff")
	slices.Sort(normal)
	groups := o.walk("grouplist", "/group/simplelist", "page_size", "5")
	if diff := cmp.Diff(normal, texts(groups, "id")); diff != "" {
		t.Errorf("normal groups mismatch (-want +got)\n%s", diff)
	}
	want := object{
		"id": "staff", "group_id": "staff", "name": "员工", "description": "所有人", "type": 1.0,
		"member_user_count": 1.0, "member_department_count": 1.0,
	}
	if diff := cmp.Diff(want, groups[len(groups)-1]); diff != "" {
		t.Errorf("group mismatch (-want +got)\n%s", diff)
	}
	for _, g := range o.walk("grouplist", "/group/simplelist", "type", "2") {
		if g["type"] != 2.0 || g["member_department_count"] != 0.0 {
			t.Errorf("among dynamic groups: %v", g)
		}
	}
	// The groups of its range are all that an app with a narrow one sees.
	if got := o.narrow().walk("grouplist", "/group/simplelist"); len(got) != 0 {
		t.Errorf("an app without groups in its range sees %v", got)
	}
	two := o.asApp(sandbox.App{Range: sandbox.Range{Groups: []string{"staff", "rule"}}})
	if got := texts(two.walk("grouplist", "/group/simplelist"), "id"); !slices.Equal(got, []string{"staff"}) {
		t.Errorf("an app with groups in its range sees %v", got)
	}
}

// A token goes on behind the place of its last entry, which may be gone.
func TestGroupPagesSurviveChanges(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, id := range []string{"a1", "b1", "c1", "d1"} {
		if _, err := o.AddGroup(sandbox.Group{ID: id, Name: id}); err != nil {
			t.Fatal(err)
		}
	}
	first := decodeAs[object](t, o.invoke(http.MethodGet, "/group/simplelist?page_size=2", "").Data)
	if err := o.RemoveGroup("b1"); err != nil {
		t.Fatal(err)
	}
	token := url.QueryEscape(first["page_token"].(string))
	r := o.invoke(http.MethodGet, "/group/simplelist?page_token="+token, "")
	rest := decodeAs[struct{ Grouplist []object }](t, r.Data).Grouplist
	if got := texts(rest, "id"); !slices.Equal(got, []string{"c1", "d1", "staff"}) {
		t.Errorf("the second page holds %v", got)
	}
	o.invoke(http.MethodGet, "/group/simplelist?type=2&page_token="+token, "").wantCode(t, 400, 40012)
	o.invoke(http.MethodGet, "/unit?page_token="+token, "").wantCode(t, 400, 40012)
}

func TestGroupsOfAMember(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ask := func(k *kit, params ...string) []string {
		return texts(k.walk("group_list", "/group/member_belong", params...), "text")
	}
	for _, c := range []struct {
		name   string
		params []string
		want   []string
	}{
		{"both types", []string{"member_id", o.wang.OpenID, "page_size", "1"}, []string{"rule", "staff"}},
		{"normal", []string{"member_id", o.wang.UnionID, "member_id_type", "union_id", "group_type", "1"}, []string{"staff"}},
		{"dynamic", []string{"member_id", "wang", "member_id_type", "user_id", "group_type", "2"}, []string{"rule"}},
		{"by a department alone", []string{"member_id", o.li.OpenID}, []string{}},
		{"who left", []string{"member_id", o.gone.OpenID}, []string{}},
	} {
		if got := ask(o.kit, c.params...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	few := o.asApp(sandbox.App{Range: sandbox.Range{Groups: []string{"rule"}}})
	if got := ask(few, "member_id", "wang", "member_id_type", "user_id"); !slices.Equal(got, []string{"rule"}) {
		t.Errorf("groups within the range: %v", got)
	}
}
