package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const departmentsPath = "/contact/v3/departments"

func (k *kit) departmentNow(id string) sandbox.Department {
	k.t.Helper()
	d, err := k.Department(id)
	if err != nil {
		k.t.Fatal(err)
	}
	return d
}

func TestCreateDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	sandbox.DefineUnit(k.Server, "BU1", 0)
	parent := k.department(sandbox.Department{Name: "甲", DepartmentID: "A"})
	boss, deputy := k.user(sandbox.User{Name: "总", UserID: "boss"}), k.user(sandbox.User{Name: "副", UserID: "deputy"})
	r := k.do(http.MethodPost, departmentsPath, object{
		"name": "研发", "i18n_name": object{"zh_cn": "研发", "ja_jp": "開発", "en_us": "R&D"}, "parent_department_id": "A", "department_id": "D-1",
		"leader_user_id": "boss", "leaders": []object{{"leaderType": 1, "leaderID": "boss"}, {"leaderType": 2, "leaderID": "deputy"}},
		"order": "100", "unit_ids": []string{"BU1"}, "create_group_chat": true, "group_chat_employee_types": []int{1, 2}, "department_hrbps": []string{"deputy"},
	}, "user_id_type", "user_id", "department_id_type", "department_id")
	shown := departmentOf(t, r)
	got := k.departmentNow(shown["open_department_id"].(string))
	want := sandbox.Department{
		OpenDepartmentID: got.OpenDepartmentID, DepartmentID: "D-1", ParentDepartmentID: parent.OpenDepartmentID, Name: "研发",
		I18nName: sandbox.I18nName{ZhCN: "研发", JaJP: "開発", EnUS: "R&D"}, Order: 100, LeaderUserID: boss.OpenID,
		Leaders: []sandbox.Leader{{LeaderType: 1, LeaderID: boss.OpenID}, {LeaderType: 2, LeaderID: deputy.OpenID}},
		ChatID:  got.ChatID, UnitIDs: []string{"BU1"}, GroupChatEmployeeTypes: []int{1, 2}, HRBPs: []string{deputy.OpenID},
	}
	if diff := cmp.Diff(want, got); diff != "" || got.ChatID == "" {
		t.Errorf("created department mismatch (-want +got)\n%s", diff)
	}
	if shown["parent_department_id"] != "A" || shown["leader_user_id"] != "boss" || shown["order"] != "100" || shown["status"].(object)["is_deleted"] != false {
		t.Errorf("the answer is not in the kinds asked for: %s", r.raw)
	}
	if bound := k.Truth().Units["BU1"].Departments; !slices.Equal(bound, []string{got.OpenDepartmentID}) {
		t.Errorf("the unit has %v", bound)
	}

	// Little is enough, and an order of 0 is one.
	last := k.departmentNow(departmentOf(t, k.do(http.MethodPost, departmentsPath, object{"name": "乙", "parent_department_id": parent.OpenDepartmentID}))["open_department_id"].(string))
	first := k.departmentNow(departmentOf(t, k.do(http.MethodPost, departmentsPath, object{"name": "丙", "parent_department_id": parent.OpenDepartmentID, "order": "0"}))["open_department_id"].(string))
	if last.Order <= 100 || first.Order != 0 || last.DepartmentID == "" || last.ChatID != "" {
		t.Errorf("the last is %+v, the first %+v", last, first)
	}
	children := ids(k.all(departmentsPath+"/"+parent.OpenDepartmentID+"/children"), "name")
	if !slices.Equal(children, []string{"丙", "研发", "乙"}) {
		t.Errorf("children %v", children)
	}
}

func TestPatchDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	boss, deputy := k.user(sandbox.User{Name: "总"}), k.user(sandbox.User{Name: "副"})
	a, b := k.department(sandbox.Department{Name: "甲"}), k.department(sandbox.Department{Name: "乙"})
	d := k.department(sandbox.Department{
		Name: "研发", ParentDepartmentID: a.OpenDepartmentID, Order: 2000, HRBPs: []string{deputy.OpenID},
		Leaders: []sandbox.Leader{{LeaderType: 1, LeaderID: boss.OpenID}, {LeaderType: 2, LeaderID: deputy.OpenID}},
	})
	patch := func(body object) sandbox.Department {
		t.Helper()
		departmentOf(t, k.do(http.MethodPatch, departmentsPath+"/"+d.OpenDepartmentID, body))
		return k.departmentNow(d.OpenDepartmentID)
	}
	want := d
	want.Name, want.I18nName.EnUS = "开发", "Dev"
	if diff := cmp.Diff(want, patch(object{"name": "开发", "i18n_name": object{"en_us": "Dev"}, "department_id": "x", "unit_ids": []string{"x"}})); diff != "" {
		t.Errorf("patch mismatch (-want +got)\n%s", diff)
	}
	// Whichever way the main leader is named, both say the same.
	for _, c := range []struct {
		body object
		main string
		all  []sandbox.Leader
	}{
		{object{"leader_user_id": deputy.OpenID}, deputy.OpenID, []sandbox.Leader{{LeaderType: 1, LeaderID: deputy.OpenID}}},
		{object{"leaders": []object{leader(2, deputy), leader(1, boss)}}, boss.OpenID, []sandbox.Leader{{LeaderType: 2, LeaderID: deputy.OpenID}, {LeaderType: 1, LeaderID: boss.OpenID}}},
		{object{"leader_user_id": ""}, "", []sandbox.Leader{{LeaderType: 2, LeaderID: deputy.OpenID}}},
		{object{"leader_user_id": boss.OpenID, "leaders": []object{leader(1, boss)}}, boss.OpenID, []sandbox.Leader{{LeaderType: 1, LeaderID: boss.OpenID}}},
		{object{"leaders": []object{}}, "", nil},
		{object{"leader_user_id": boss.OpenID, "leaders": []object{}}, boss.OpenID, []sandbox.Leader{{LeaderType: 1, LeaderID: boss.OpenID}}},
	} {
		got := patch(c.body)
		if got.LeaderUserID != c.main || !slices.Equal(got.Leaders, c.all) {
			t.Errorf("%v leads to %q and %v", c.body, got.LeaderUserID, got.Leaders)
		}
	}
	if got := patch(object{"department_hrbps": []string{}}); len(got.HRBPs) != 0 {
		t.Errorf("hrbps %v", got.HRBPs)
	}
	// A chat is made once, and never taken away here.
	chat := patch(object{"create_group_chat": true}).ChatID
	if patch(object{"create_group_chat": true}).ChatID != chat || patch(object{"create_group_chat": false}).ChatID != chat || chat == "" {
		t.Errorf("chat %q", chat)
	}
	// It takes its order along, unless that is taken.
	if got := patch(object{"parent_department_id": b.OpenDepartmentID}); got.ParentDepartmentID != b.OpenDepartmentID || got.Order != 2000 {
		t.Errorf("moved: %+v", got)
	}
	k.department(sandbox.Department{Name: "别", ParentDepartmentID: a.OpenDepartmentID, Order: 2000})
	if got := patch(object{"parent_department_id": a.OpenDepartmentID}); got.Order <= 2000 {
		t.Errorf("moved to where its order is taken: %+v", got)
	}
	if got := patch(object{"parent_department_id": "0", "order": "7"}); got.ParentDepartmentID != "0" || got.Order != 7 {
		t.Errorf("moved to the root: %+v", got)
	}
}

func TestPutDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	boss, deputy := k.user(sandbox.User{Name: "总"}), k.user(sandbox.User{Name: "副"})
	full := sandbox.Department{
		Name: "研发", I18nName: sandbox.I18nName{EnUS: "Dev"}, Order: 5, HRBPs: []string{deputy.OpenID}, GroupChatEmployeeTypes: []int{1},
		Leaders: []sandbox.Leader{{LeaderType: 1, LeaderID: boss.OpenID}, {LeaderType: 2, LeaderID: deputy.OpenID}},
	}
	for _, chat := range []string{"", "oc_1"} {
		d := full
		d.ChatID, d.Name = chat, "研发"+chat
		d = k.department(d)
		departmentOf(t, k.do(http.MethodPut, departmentsPath+"/"+d.DepartmentID, object{"name": "新" + chat, "parent_department_id": "0"}, "department_id_type", "department_id"))
		want := d
		want.Name, want.I18nName, want.LeaderUserID, want.Leaders = "新"+chat, sandbox.I18nName{}, "", nil
		if chat == "" {
			want.GroupChatEmployeeTypes = nil // else the chat keeps its people
		}
		if diff := cmp.Diff(want, k.departmentNow(d.OpenDepartmentID)); diff != "" {
			t.Errorf("replaced with chat %q mismatch (-want +got)\n%s", chat, diff)
		}
		if err := k.ChangeDepartment(d.OpenDepartmentID, func(d *sandbox.Department) { d.Order += 10 }); err != nil {
			t.Fatal(err)
		}
	}
	d := k.department(sandbox.Department{Name: "三", Leaders: full.Leaders})
	k.do(http.MethodPut, departmentsPath+"/"+d.OpenDepartmentID, object{"name": "三", "parent_department_id": "0", "leader_user_id": deputy.OpenID}).wantCode(t, 200, 0)
	if got := k.departmentNow(d.OpenDepartmentID); got.LeaderUserID != deputy.OpenID || len(got.Leaders) != 1 {
		t.Errorf("a new main leader replaces all: %+v", got)
	}
}

func TestDeleteDepartment(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	d := k.department(sandbox.Department{Name: "甲", DepartmentID: "A"})
	r := k.do(http.MethodDelete, departmentsPath+"/A", nil, "department_id_type", "department_id")
	r.wantCode(t, 200, 0)
	if string(r.Data) != "{}" {
		t.Errorf("answer %s", r.raw)
	}
	k.get(departmentsPath+"/"+d.OpenDepartmentID).wantCode(t, 400, 99992357)
	// Name and department_id are free again.
	k.do(http.MethodPost, departmentsPath, object{"name": "甲", "department_id": "A", "parent_department_id": "0"}).wantCode(t, 200, 0)
}

func TestChatAndNewID(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	d := k.department(sandbox.Department{Name: "甲", DepartmentID: "A", ChatID: "oc_1"})
	unbind := func() reply {
		return k.do(http.MethodPost, departmentsPath+"/unbind_department_chat", object{"department_id": "A"}, "department_id_type", "department_id")
	}
	unbind().wantCode(t, 200, 0)
	unbind().wantCode(t, 403, 40020)
	r := k.do(http.MethodPatch, departmentsPath+"/"+d.OpenDepartmentID+"/update_department_id", object{"new_department_id": "B2"})
	r.wantCode(t, 200, 0)
	if got := k.departmentNow(d.OpenDepartmentID); got.ChatID != "" || got.DepartmentID != "B2" || string(r.Data) != "{}" {
		t.Errorf("now %+v", got)
	}
}

// Where a name must be unique is unconfirmed.
func TestDepartmentNames(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	a := k.department(sandbox.Department{Name: "甲"})
	for _, c := range []struct {
		scope         sandbox.NameScope
		sibling, far  int
		sameInEnglish int
	}{
		{sandbox.NamesUniqueInTenant, 43022, 43022, 43018}, {sandbox.NamesUniqueAmongSiblings, 43022, 0, 0}, {sandbox.NamesRepeat, 0, 0, 0},
	} {
		k.SetOptions(func(o *sandbox.Options) { o.UniqueDepartmentNames = c.scope })
		k.department(sandbox.Department{Name: fmt.Sprint("英", c.scope), I18nName: sandbox.I18nName{EnUS: "E"}})
		for parent, want := range map[string]int{"0": c.sibling, a.OpenDepartmentID: c.far} {
			r := k.do(http.MethodPost, departmentsPath, object{"name": "甲", "parent_department_id": parent})
			if r.Code != want {
				t.Errorf("names unique in %q: %s", c.scope, r.raw)
			}
			if r.Code == 0 {
				k.do(http.MethodDelete, departmentsPath+"/"+departmentOf(t, r)["open_department_id"].(string), nil).wantCode(t, 200, 0)
			}
		}
		r := k.do(http.MethodPost, departmentsPath, object{"name": fmt.Sprint("别", c.scope), "i18n_name": object{"en_us": "E"}, "parent_department_id": a.OpenDepartmentID})
		if r.Code != c.sameInEnglish {
			t.Errorf("names unique in %q, in English: %s", c.scope, r.raw)
		}
		if r.Code == 0 {
			k.do(http.MethodDelete, departmentsPath+"/"+departmentOf(t, r)["open_department_id"].(string), nil).wantCode(t, 200, 0)
		}
	}
}

func TestSearchDepartments(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	me := k.user(sandbox.User{Name: "王伟"})
	var want []string
	parent := "0"
	for i := range 7 {
		parent = k.department(sandbox.Department{Name: fmt.Sprint("研发Team", i), ParentDepartmentID: parent, I18nName: sandbox.I18nName{EnUS: "hidden"}}).OpenDepartmentID
		want = append(want, parent)
	}
	person := k.in(me.OpenID)
	search := func(query string, params ...string) list {
		t.Helper()
		r := k.as(person, http.MethodPost, departmentsPath+"/search", object{"query": query}, params...)
		r.wantCode(t, 200, 0)
		return decodeAs[list](t, r.Data)
	}
	var got []string
	page := search("发team", "page_size", "3")
	for {
		got = append(got, ids(page.Items, "open_department_id")...)
		if !page.HasMore {
			break
		}
		if page.PageToken == nil {
			t.Fatal("has_more without page_token")
		}
		page = search("发team", "page_size", "3", "page_token", *page.PageToken)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || page.PageToken != nil {
		t.Errorf("found %v, want %v", got, want)
	}
	if page := search("hidden"); len(page.Items) != 0 {
		t.Error("names in other languages are not searched")
	}
	// A page token belongs to its query.
	token := search("发", "page_size", "1").PageToken
	r := k.as(person, http.MethodPost, departmentsPath+"/search", object{"query": "研"}, "page_size", "1", "page_token", *token)
	r.wantCode(t, 400, 48001)
}

func TestHistoricDepartments(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 20, Departments: 40})
	truth := k.Truth()
	if got := ids(k.all(departmentsPath), "open_department_id"); !slices.Equal(got, []string{"0"}) {
		t.Errorf("without a parent: %v", got)
	}
	for _, deep := range []string{"false", "true"} {
		got := k.all(departmentsPath, "parent_department_id", "0", "fetch_child", deep, "page_size", "7")
		want := k.all(departmentsPath+"/0/children", "fetch_child", deep, "page_size", "50")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fetch_child %s differs from children (-want +got)\n%s", deep, diff)
		}
	}
	top := pick(t, truth.Departments, func(d sandbox.Department) bool {
		return d.ParentDepartmentID == "0" && slices.ContainsFunc(openIDs(departmentsOf(truth)), func(id string) bool { return truth.Departments[id].ParentDepartmentID == d.OpenDepartmentID })
	})
	below := ids(k.all(departmentsPath+"/"+top.OpenDepartmentID+"/children", "fetch_child", "true"), "open_department_id")
	k.token = k.appToken(sandbox.App{Range: sandbox.Range{Departments: []string{top.OpenDepartmentID, below[0]}}})
	entries := []string{top.OpenDepartmentID, below[0]}
	slices.Sort(entries)
	if got := sorted(ids(k.all(departmentsPath), "open_department_id")); !slices.Equal(got, entries) {
		t.Errorf("a narrow app's: %v, want %v", got, entries)
	}
	want := sorted(append(below, top.OpenDepartmentID))
	if got := sorted(ids(k.all(departmentsPath, "fetch_child", "true", "page_size", "3"), "open_department_id")); !slices.Equal(got, want) {
		t.Errorf("a narrow app's, with what is below: %v, want %v", got, want)
	}
	k.get(departmentsPath, "parent_department_id", "0").wantCode(t, 403, 40004)
}

func departmentsOf(truth sandbox.Truth) []sandbox.Department {
	var all []sandbox.Department
	for _, d := range truth.Departments {
		all = append(all, d)
	}
	return all
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}
