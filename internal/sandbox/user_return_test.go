package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestDeleteUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	heir := k.user(sandbox.User{Name: "继"})
	d := k.department(sandbox.Department{Name: "甲"})
	u := k.user(sandbox.User{Name: "王伟", UserID: "wang", Mobile: "+8613800000001", Email: "w@example.com", DepartmentIDs: []string{d.OpenDepartmentID}})
	led := k.user(sandbox.User{Name: "李娜", LeaderUserID: u.OpenID})
	if err := k.SetDepartmentLeader(d.OpenDepartmentID, u.OpenID); err != nil {
		t.Fatal(err)
	}
	at := usersPath + "/wang"
	r := k.do(http.MethodDelete, at, object{
		"docs_acceptor_user_id": heir.UserID, "email_acceptor": object{"processing_type": "1", "acceptor_user_id": heir.UserID},
	}, "user_id_type", "user_id")
	r.wantCode(t, 200, 0)
	if string(r.Data) != "{}" {
		t.Errorf("answer %s", r.raw)
	}
	if got := userOf(t, k.get(usersPath+"/"+u.OpenID)); got["status"].(object)["is_resigned"] != true || got["name"] != "王伟" {
		t.Errorf("left: %v", got)
	}
	if d, err := k.Department(d.OpenDepartmentID); err != nil || d.LeaderUserID != "" || k.userNow(led.OpenID).LeaderUserID != "" {
		t.Errorf("they still lead: %v %v", d, err)
	}
	// Again: refused, unless an option says that it does no harm.
	again := func() reply { return k.do(http.MethodDelete, usersPath+"/"+u.OpenID, "null") }
	again().wantCode(t, 403, 41050)
	k.SetOptions(func(o *sandbox.Options) { o.RepeatedDelete = true })
	again().wantCode(t, 200, 0)

	// What they had can be somebody else's.
	body := object{"name": "新", "user_id": "wang", "mobile": u.Mobile, "email": u.Email, "department_ids": []string{"0"}, "employee_type": 1}
	k.do(http.MethodPost, usersPath, body).wantCode(t, 200, 0)
}

func TestResurrectUser(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	first, second := k.department(sandbox.Department{Name: "甲", DepartmentID: "A"}), k.department(sandbox.Department{Name: "乙", DepartmentID: "B"})
	u := k.user(sandbox.User{Name: "王伟", Mobile: "+8613800000001", Email: "w@example.com", JobTitle: "架构师", DepartmentIDs: []string{first.OpenDepartmentID}})
	left := func() {
		t.Helper()
		k.do(http.MethodDelete, usersPath+"/"+u.OpenID, nil).wantCode(t, 200, 0)
	}
	back := func(body any) reply {
		return k.do(http.MethodPost, usersPath+"/"+u.OpenID+"/resurrect", body, "department_id_type", "department_id")
	}
	left()
	k.SetOptions(func(o *sandbox.Options) { o.DeletionSeconds = 48 * 3600 })
	c.add(48*time.Hour - time.Second)
	k.token = k.newToken()
	back(nil).wantCode(t, 400, 44034)
	c.add(time.Second)
	r := back(nil)
	r.wantCode(t, 200, 0)
	want := u
	want.DepartmentIDs = []string{"0"}
	want.Orders = []sandbox.Order{{DepartmentID: "0", DepartmentOrder: 1, IsPrimaryDept: true}}
	if diff := cmp.Diff(want, k.userNow(u.OpenID)); diff != "" || string(r.Data) != "{}" {
		t.Errorf("back in the root, as they were otherwise (-want +got)\n%s", diff)
	}

	left()
	c.add(30 * 24 * time.Hour)
	k.token = k.newToken()
	back(object{"departments": []object{{"department_id": "A", "user_order": 5}, {"department_id": "B", "department_order": 7}}}).wantCode(t, 200, 0)
	want.DepartmentIDs = []string{second.OpenDepartmentID, first.OpenDepartmentID}
	want.Orders = []sandbox.Order{
		{DepartmentID: second.OpenDepartmentID, DepartmentOrder: 7, IsPrimaryDept: true},
		{DepartmentID: first.OpenDepartmentID, UserOrder: 5},
	}
	if diff := cmp.Diff(want, k.userNow(u.OpenID)); diff != "" {
		t.Errorf("back in two departments (-want +got)\n%s", diff)
	}

	left()
	c.add(30*24*time.Hour + time.Second)
	k.token = k.newToken()
	back(nil).wantCode(t, 400, 44028)
}

// Of the people who had an id one after the other the one who is here has it, else
// who left last.
func TestUserIDsThatWereGivenAway(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	leave := func(u sandbox.User) {
		t.Helper()
		c.add(time.Second)
		k.do(http.MethodDelete, usersPath+"/"+u.OpenID, nil).wantCode(t, 200, 0)
	}
	hire := func(name string) sandbox.User {
		t.Helper()
		return k.user(sandbox.User{Name: name, UserID: "id", Mobile: "+8613800000001"})
	}
	has := func(want sandbox.User, when string) {
		t.Helper()
		if got := userOf(t, k.get(usersPath+"/id", "user_id_type", "user_id")); got["open_id"] != want.OpenID {
			t.Errorf("%s: %v has the user_id, want %s", when, got["name"], want.Name)
		}
		var found struct {
			UserList []struct {
				UserID string `json:"user_id"`
			} `json:"user_list"`
		}
		r := k.do(http.MethodPost, usersPath+"/batch_get_id", object{"mobiles": []string{"13800000001"}, "include_resigned": true})
		if err := json.Unmarshal(r.Data, &found); err != nil || len(found.UserList) != 1 || found.UserList[0].UserID != want.OpenID {
			t.Errorf("%s: the mobile finds %s, want %s", when, r.raw, want.Name)
		}
	}
	first := hire("甲")
	leave(first)
	second := hire("乙")
	has(second, "while the second is here")
	leave(second)
	has(second, "when the second left")
	k.do(http.MethodPatch, usersPath+"/"+first.OpenID, object{"description": "旧"}).wantCode(t, 200, 0)
	has(second, "when something of the first changed")
	k.do(http.MethodPost, usersPath+"/"+second.OpenID+"/resurrect", nil).wantCode(t, 200, 0)
	k.do(http.MethodPatch, usersPath+"/"+second.OpenID+"/update_user_id", object{"new_user_id": "other"}).wantCode(t, 200, 0)
	k.do(http.MethodPatch, usersPath+"/"+second.OpenID, object{"mobile": "+8613800000002"}).wantCode(t, 200, 0)
	has(first, "when the second is here with others")
	k.do(http.MethodPost, usersPath+"/"+first.OpenID+"/resurrect", nil).wantCode(t, 200, 0)
	has(first, "when the first is back")
}

func TestIndependentUsers(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	inside, outside := k.department(sandbox.Department{Name: "甲"}), k.department(sandbox.Department{Name: "乙"})
	var alone []string
	r := sandbox.Range{Departments: []string{inside.OpenDepartmentID}}
	for range 5 {
		u := k.user(sandbox.User{Name: "王伟", DepartmentIDs: []string{outside.OpenDepartmentID}})
		alone, r.Users = append(alone, u.UnionID), append(r.Users, u.OpenID)
	}
	r.Users = append(r.Users, k.user(sandbox.User{Name: "李娜", DepartmentIDs: []string{inside.OpenDepartmentID}}).OpenID)
	token := k.appToken(sandbox.App{Range: r})
	k.token, token = token, k.token
	got := ids(k.all(usersPath, "page_size", "2"), "union_id")
	slices.Sort(got)
	slices.Sort(alone)
	if !slices.Equal(got, alone) {
		t.Errorf("independent users %v, want %v", got, alone)
	}
	k.token = token
	if got := k.all(usersPath); len(got) != 0 {
		t.Errorf("an app that sees everybody gets %d independent users", len(got))
	}
}

// Whether people who left are listed is unconfirmed.
func TestListResigned(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 20})
	leaver := pick(t, k.Truth().Users, func(u sandbox.User) bool { return !u.IsTenantManager })
	if err := k.ResignUser(leaver.OpenID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{usersPath, usersPath + "/find_by_department"} {
		for _, listed := range []bool{false, true} {
			k.SetOptions(func(o *sandbox.Options) { o.ListResigned = listed })
			got := ids(k.all(path, "department_id", "0", "page_size", "3"), "open_id")
			if slices.Contains(got, leaver.OpenID) != listed || !listed && len(got) != 19 || listed && len(got) != 20 {
				t.Errorf("%s lists %d with the option at %v", path, len(got), listed)
			}
		}
	}
}

func TestBasicBatch(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	u := pick(t, k.Truth().Users, func(u sandbox.User) bool { return u.EnName != "" })
	token := k.appToken(sandbox.App{Range: sandbox.Range{Nobody: true}}) // the range does not count here
	r := k.as(token, http.MethodPost, usersPath+"/basic_batch", object{"user_ids": []string{u.UnionID, u.UnionID, "on_nobody"}}, "user_id_type", "union_id")
	r.wantCode(t, 200, 0)
	want := []object{{"user_id": u.UnionID, "name": u.Name, "i18n_name": object{"zh_cn": u.Name, "ja_jp": "", "en_us": u.EnName}}}
	if diff := cmp.Diff(want, decodeAs[struct{ Users []object }](t, r.Data).Users); diff != "" {
		t.Errorf("basic_batch mismatch (-want +got)\n%s", diff)
	}
}

func TestSearchUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	var want []string
	for range 5 {
		want = append(want, k.user(sandbox.User{Name: "张三丰", EnName: "San Zhang"}).OpenID)
	}
	me := k.user(sandbox.User{Name: "王伟", EnName: "Wei"})
	gone := k.user(sandbox.User{Name: "张三"})
	if err := k.ResignUser(gone.OpenID); err != nil {
		t.Fatal(err)
	}
	person := k.in(me.OpenID)
	for _, query := range []string{"三丰", "san z"} {
		var got []string
		token := ""
		for {
			params := []string{"query", query, "page_size", "2"}
			if token != "" {
				params = append(params, "page_token", token)
			}
			r := k.as(person, http.MethodGet, "/search/v1/user", nil, params...)
			r.wantCode(t, 200, 0)
			page := decodeAs[struct {
				HasMore   bool   `json:"has_more"`
				PageToken string `json:"page_token"`
				Users     []object
			}](t, r.Data)
			got = append(got, ids(page.Users, "open_id")...)
			if first := page.Users[0]; r.Msg != "ok" || first["name"] != "张三丰" || first["user_id"] == "" || first["avatar"].(object)["avatar_72"] == "" || !cmp.Equal(first["department_ids"], []any{"0"}) {
				t.Errorf("answer %s", r.raw)
			}
			if token = page.PageToken; !page.HasMore {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", query, got, want)
		}
	}
	k.as(person, http.MethodGet, "/search/v1/user", nil).wantCode(t, 400, 99992402)
	k.get("/search/v1/user", "query", "x").wantCode(t, 400, 99991663)
	k.as(person, http.MethodGet, "/search/v1/user", nil, "query", "x", "page_size", "201").wantCode(t, 400, 40011)
}

func TestDepartmentPath(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	top := k.department(sandbox.Department{Name: "研发", DepartmentID: "A", I18nName: sandbox.I18nName{EnUS: "R&D"}})
	low := k.department(sandbox.Department{Name: "一组", DepartmentID: "B", ParentDepartmentID: top.OpenDepartmentID, I18nName: sandbox.I18nName{EnUS: "Team", ZhCN: "一组"}})
	u := k.user(sandbox.User{Name: "王伟", DepartmentIDs: []string{low.OpenDepartmentID}})
	ask := func() object {
		return userOf(t, k.as(k.in(u.OpenID), http.MethodGet, usersPath+"/"+u.OpenID, nil, "department_id_type", "department_id"))
	}
	want := []any{object{
		"department_id":   "B",
		"department_name": object{"name": "一组", "i18n_name": object{"zh_cn": "一组", "ja_jp": "", "en_us": "Team"}},
		"department_path": object{
			"department_ids":       []any{"A", "B"},
			"department_path_name": object{"name": "研发/一组", "i18n_name": object{"zh_cn": "", "ja_jp": "", "en_us": "R&D/Team"}},
		},
	}}
	if diff := cmp.Diff(any(want), ask()["department_path"]); diff != "" {
		t.Errorf("department_path mismatch (-want +got)\n%s", diff)
	}
	if err := k.RevokeScope(k.AppID(), "contact:user.department_path:readonly"); err != nil {
		t.Fatal(err)
	}
	if _, shown := ask()["department_path"]; shown {
		t.Error("department_path is shown without its permission")
	}
}
