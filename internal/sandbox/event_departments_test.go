package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestDepartmentEvents(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	k.addUser(sandbox.User{Name: "李娜", OpenID: "ou_b", UnionID: "on_b", UserID: "ub"})
	k.addUnit("u1")
	k.addUnit("u2")
	k.news(k.AppID())
	d, err := k.AddDepartment(sandbox.Department{
		OpenDepartmentID: "od-x", DepartmentID: "D1", Name: "研发", Order: 100, ChatID: "oc_1", LeaderUserID: "ou_b", HRBPs: []string{"ou_b"},
		I18nName: sandbox.I18nName{EnUS: "R&D"}, UnitIDs: []string{"u1"},
	})
	must(t, err)
	want := object{
		"open_department_id": "od-x", "department_id": "D1", "name": "研发", "order": 100.0, "chat_id": "oc_1", "leader_user_id": "ou_b",
		"parent_department_id": "0", "status": object{"is_deleted": false},
		"leaders":          []any{object{"leaderType": 1.0, "leaderID": "ou_b"}},
		"department_hrbps": []any{object{"open_id": "ou_b", "union_id": "on_b", "user_id": "ub"}},
	}
	if diff := cmp.Diff(news{"contact.department.created_v3", want, nil}, k.only(k.AppID(), "contact.department.created_v3")); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}

	other, below := k.addDepartment("市场", "0"), k.addDepartment("后端", d.OpenDepartmentID)
	k.news(k.AppID())
	for _, c := range []struct {
		name   string
		change func(*sandbox.Department)
		old    object // nil for no event
	}{
		{"nothing", func(*sandbox.Department) {}, nil},
		{"a name", func(d *sandbox.Department) { d.Name = "研发部" }, object{"name": "研发"}},
		{"a move, which those below do not tell", func(d *sandbox.Department) { d.ParentDepartmentID = other }, object{"parent_department_id": "0"}},
		{"an id", func(d *sandbox.Department) { d.DepartmentID = "D2" }, object{"department_id": "D1"}},
		{"a place", func(d *sandbox.Department) { d.Order = 7 }, object{"order": 100.0}},
		{"the leader", func(d *sandbox.Department) { d.LeaderUserID = "" }, object{"leader_user_id": "ou_b", "leaders": want["leaders"]}},
		{"its chat", func(d *sandbox.Department) { d.ChatID = "" }, object{"chat_id": "oc_1"}},
		{"what events do not carry", func(d *sandbox.Department) { d.I18nName.ZhCN, d.UnitIDs = "研", []string{"u2"} }, nil},
	} {
		must(t, k.ChangeDepartment(d.OpenDepartmentID, c.change))
		all := k.news(k.AppID())
		if c.old == nil {
			if len(all) != 0 {
				t.Errorf("%s: %+v", c.name, all)
			}
			continue
		}
		if len(all) != 1 {
			t.Fatalf("%s: %+v", c.name, all)
		}
		if diff := cmp.Diff(c.old, all[0].OldObject); diff != "" || all[0].Object["open_department_id"] != "od-x" {
			t.Errorf("%s: %v, old_object mismatch (-want +got)\n%s", c.name, all[0].Object, diff)
		}
	}

	_, err = k.AddUnit(sandbox.Unit{Name: "x", UnitType: "t", Departments: []string{below}})
	must(t, err)
	if types := k.types(k.AppID()); types != "" {
		t.Errorf("a unit that is bound makes %s", types)
	}

	must(t, k.RemoveDepartment(below))
	gone := k.only(k.AppID(), "contact.department.deleted_v3")
	if diff := cmp.Diff(object{"open_department_id": below, "status": object{"is_deleted": false}}, gone.OldObject); diff != "" {
		t.Errorf("old_object mismatch (-want +got)\n%s", diff)
	}
	if gone.Object["open_department_id"] != below || gone.Object["name"] != "后端" || gone.Object["parent_department_id"] != "od-x" {
		t.Errorf("the object is %v", gone.Object)
	}
}

func TestOptionsOfDepartmentEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options func(*sandbox.Options)
		change  func(k *kit, d string) error
		want    func(n []news) any
		equals  any
	}{
		{
			"the root as an empty parent", func(o *sandbox.Options) { o.RootParent = sandbox.RootParentEmpty }, rename,
			func(n []news) any { return n[0].Object["parent_department_id"] }, "",
		},
		{
			"the root as no parent", func(o *sandbox.Options) { o.RootParent, o.EmptyFields = sandbox.RootParentAbsent, true }, rename,
			func(n []news) any { _, has := n[0].Object["parent_department_id"]; return has }, false,
		},
		{
			"the root as no parent, before", func(o *sandbox.Options) { o.RootParent = sandbox.RootParentAbsent },
			func(k *kit, d string) error { return k.MoveDepartment(d, k.addDepartment("顶", "0")) },
			func(n []news) any { return len(n[1].OldObject) }, 0,
		},
		{
			"all of old_object", func(o *sandbox.Options) { o.FullOldDepartment = true }, rename,
			func(n []news) any {
				old := maps.Clone(n[0].OldObject)
				old["name"] = n[0].Object["name"]
				return cmp.Diff(n[0].Object, old)
			}, "",
		},
		{
			"a flag where it is gone", func(o *sandbox.Options) { o.DeletedFlags = true },
			func(k *kit, d string) error { return k.RemoveDepartment(d) },
			func(n []news) any { return rawOf([]any{n[0].Object["status"], n[0].OldObject["status"]}) },
			`[{"is_deleted":true},{"is_deleted":false}]`,
		},
		{
			"a change that events do not carry", func(o *sandbox.Options) { o.UncarriedChanges = true },
			func(k *kit, d string) error {
				return k.ChangeDepartment(d, func(d *sandbox.Department) { d.I18nName.EnUS = "x" })
			},
			func(n []news) any { return len(n[0].OldObject) }, 0,
		},
		{
			"units", func(o *sandbox.Options) { o.ExtraFields, o.EmptyFields = true, true },
			func(k *kit, d string) error {
				return k.ChangeDepartment(d, func(d *sandbox.Department) { d.UnitIDs = []string{"u1"} })
			},
			func(n []news) any { return rawOf([]any{n[0].Object["unit_ids"], n[0].OldObject["unit_ids"]}) }, `[["u1"],[]]`,
		},
		{
			"a chat unbound in silence", func(o *sandbox.Options) { o.SilentChatUnbinding = true },
			func(k *kit, d string) error {
				must(k.t, k.ChangeDepartment(d, func(d *sandbox.Department) { d.ChatID = "oc_1" }))
				return k.ChangeDepartment(d, func(d *sandbox.Department) { d.ChatID = "" })
			},
			func(n []news) any { return len(n) }, 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := start(t, sandbox.Config{})
			k.addUnit("u1")
			d := k.addDepartment("研发", "0")
			k.options(c.options)
			k.news(k.AppID())
			must(t, c.change(k, d))
			if got := c.want(k.news(k.AppID())); got != c.equals {
				t.Errorf("got %v, want %v", got, c.equals)
			}
		})
	}
}

func rename(k *kit, d string) error {
	return k.ChangeDepartment(d, func(d *sandbox.Department) { d.Name = "新" })
}

// An event whose push was refused shows the department as it is by then.
func TestObjectAsPushed(t *testing.T) {
	t.Parallel()
	for _, asPushed := range []bool{false, true} {
		k := start(t, sandbox.Config{Delivery: sandbox.Delivery{RetryScale: 1e-4}})
		k.options(func(o *sandbox.Options) { o.ObjectAsPushed = asPushed })
		d := k.addDepartment("研发", "0")
		// The second event is of a change that is made between the pushes of the first.
		must(t, k.AddEventFault(sandbox.EventFault{Lose: true, Skip: 1, Count: 1}))
		names := make(chan string, 2)
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct {
				Event struct {
					Object object `json:"object"`
					Old    object `json:"old_object"`
				} `json:"event"`
			}
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			if len(names) == 0 {
				if err := k.ChangeDepartment(d, func(d *sandbox.Department) { d.Name = "三" }); err != nil {
					t.Error(err)
				}
				w.WriteHeader(http.StatusInternalServerError)
			}
			names <- fmt.Sprint(body.Event.Object["name"], " was ", body.Event.Old["name"])
		}))
		t.Cleanup(receiver.Close)
		must(t, k.Subscribe(t.Context(), k.AppID(), sandbox.Subscription{Mode: sandbox.ModeWebhook, URL: receiver.URL, Unchecked: true}))
		must(t, k.ChangeDepartment(d, func(d *sandbox.Department) { d.Name = "二" }))
		must(t, k.WaitEvents(t.Context()))
		want := []string{"二 was 研发", "二 was 研发"}
		if asPushed {
			want[1] = "三 was 研发"
		}
		if got := []string{<-names, <-names}; !slices.Equal(got, want) {
			t.Errorf("as pushed %v: %q, want %q", asPushed, got, want)
		}
	}
}

func TestSiblingEvents(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	var ids []string
	for _, name := range []string{"a", "b", "c", "d"} {
		ids = append(ids, k.addDepartment(name, "0"))
	}
	k.options(func(o *sandbox.Options) { o.SiblingEvents = true })
	k.news(k.AppID())
	c, err := k.Department(ids[2])
	must(t, err)
	must(t, k.ChangeDepartment(ids[0], func(d *sandbox.Department) { d.Order = c.Order + 1 })) // behind b and c
	all := k.news(k.AppID())
	if len(all) != 3 || all[0].OldObject["order"] == nil || all[1].Object["open_department_id"] != ids[1] || all[2].Object["open_department_id"] != ids[2] || len(all[1].OldObject) != 0 {
		t.Errorf("%+v", all)
	}
}
