package sandbox_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const usersPath = "/contact/v3/users"

func (k *kit) userNow(openID string) sandbox.User {
	k.t.Helper()
	u, err := k.User(openID)
	if err != nil {
		k.t.Fatal(err)
	}
	return u
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	boss := k.user(sandbox.User{Name: "总", UserID: "boss"})
	first, second := k.department(sandbox.Department{Name: "甲", DepartmentID: "A"}), k.department(sandbox.Department{Name: "乙", DepartmentID: "B"})
	sandbox.DefineFields(k.Server, []sandbox.CustomAttrDefinition{
		{ID: "C-1", Type: "TEXT"},
		{ID: "C-2", Type: "HREF"},
		{ID: "C-3", Type: "GENERIC_USER"},
		{ID: "C-4", Type: "ENUMERATION", Options: sandbox.AttrOptions{Options: []sandbox.AttrOption{{ID: "o1", Value: "S"}}}},
		{ID: "C-5", Type: "PICTURE_ENUM", Options: sandbox.AttrOptions{Options: []sandbox.AttrOption{{ID: "p1", Value: "https://p", Name: "猫"}}}},
	}, nil)
	r := k.do(http.MethodPost, usersPath, object{
		"user_id": "new", "name": "王伟", "en_name": "Wei", "nickname": "小王", "email": "wei@example.com", "mobile": "138 0000-0001",
		"mobile_visible": false, "gender": 1, "avatar_key": "v3_key", "department_ids": []string{"A", "B"}, "leader_user_id": boss.UnionID,
		"city": "北京", "country": "CN", "work_station": "A座", "join_time": 1600000000, "employee_no": "E1", "employee_type": 2,
		"orders":           []object{{"department_id": "B", "user_order": 3, "department_order": 9, "is_primary_dept": true}},
		"enterprise_email": "wei@mail.sandbox.example.com", "job_title": "架构师", "geo": "cn",
		"job_level_id": "mga5oa8ayjlp9rb", "job_family_id": "mga5oa8ayjlf1uo", "dotted_line_leader_user_ids": []string{boss.UnionID},
		"custom_attrs": []object{
			{"id": "C-1", "value": object{"text": "x"}},
			{"id": "C-2", "type": "HREF", "value": object{"text": "主页", "url": "https://a", "pc_url": "http://b"}},
			{"id": "C-3", "type": "GENERIC_USER", "value": object{"generic_user": object{"id": "boss", "type": 1}}},
			{"id": "C-4", "type": "ENUMERATION", "value": object{"option_id": "o1"}},
			{"id": "C-5", "type": "PICTURE_ENUM", "value": object{"option_id": "p1"}},
		},
		"something_else": true,
	}, "user_id_type", "union_id", "department_id_type", "department_id")
	made := userOf(t, r)
	got := k.userNow(made["open_id"].(string))
	want := sandbox.User{
		OpenID: got.OpenID, UnionID: got.UnionID, UserID: "new", Name: "王伟", EnName: "Wei", Nickname: "小王", Email: "wei@example.com",
		EnterpriseEmail: "wei@mail.sandbox.example.com", Mobile: "+8613800000001", Gender: 1, AvatarKey: "v3_key",
		Status:        sandbox.Status{IsUnjoin: true},
		DepartmentIDs: []string{second.OpenDepartmentID, first.OpenDepartmentID},
		Orders: []sandbox.Order{
			{DepartmentID: second.OpenDepartmentID, UserOrder: 3, DepartmentOrder: 9, IsPrimaryDept: true},
			{DepartmentID: first.OpenDepartmentID},
		},
		LeaderUserID: boss.OpenID, DottedLine: []string{boss.OpenID}, City: "北京", Country: "CN", Geo: "cn", WorkStation: "A座",
		JoinTime: 1600000000, EmployeeNo: "E1", EmployeeType: 2, JobTitle: "架构师", JobLevelID: "mga5oa8ayjlp9rb", JobFamilyID: "mga5oa8ayjlf1uo",
		CustomAttrs: []sandbox.CustomAttr{
			{Type: "TEXT", ID: "C-1", Value: sandbox.CustomAttrValue{Text: "x"}},
			{Type: "HREF", ID: "C-2", Value: sandbox.CustomAttrValue{Text: "主页", URL: "https://a", PcURL: "http://b"}},
			{Type: "GENERIC_USER", ID: "C-3", Value: sandbox.CustomAttrValue{GenericUser: boss.OpenID}},
			{Type: "ENUMERATION", ID: "C-4", Value: sandbox.CustomAttrValue{OptionID: "o1", OptionValue: "S"}},
			{Type: "PICTURE_ENUM", ID: "C-5", Value: sandbox.CustomAttrValue{OptionID: "p1", Name: "猫", PictureURL: "https://p"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created user mismatch (-want +got)\n%s", diff)
	}
	if made["leader_user_id"] != boss.UnionID || made["department_ids"].([]any)[0] != "B" || made["avatar_key"] != "v3_key" || made["is_frozen"] != false {
		t.Errorf("the answer is not in the kinds asked for: %s", r.raw)
	}
}

func TestCreateUserWithLittle(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now, Departments: 3})
	depts := slices.Sorted(maps.Keys(k.Truth().Departments))
	made := userOf(t, k.do(http.MethodPost, usersPath, object{
		"name": "王伟", "mobile": "+8613800000001", "department_ids": depts, "employee_type": 1, "join_time": nil, "email": nil,
	}))
	got := k.userNow(made["open_id"].(string))
	if !got.MobileVisible || got.JoinTime != c.now().Unix() || got.UserID == "" || got.Gender != 0 {
		t.Errorf("defaults: %+v", got)
	}
	if !slices.Equal(got.DepartmentIDs, depts) || !got.Orders[0].IsPrimaryDept || got.Orders[0].UserOrder != 0 {
		t.Errorf("the first of department_ids is primary: %+v", got.Orders)
	}
	if _, shown := made["join_time"]; !shown || made["mobile"] != "+8613800000001" {
		t.Errorf("answer %v", made)
	}
	// A number from elsewhere needs an e-mail.
	k.do(http.MethodPost, usersPath, object{
		"name": "Ann", "mobile": "+1 (202) 555-0123", "email": "ann@example.com", "department_ids": []string{"0"}, "employee_type": 1, "join_time": 0,
	}).wantCode(t, 200, 0)
	ann := pick(t, k.Truth().Users, func(u sandbox.User) bool { return u.Name == "Ann" })
	if ann.Mobile != "+12025550123" || ann.JoinTime != 0 {
		t.Errorf("mobile %q, joined %d", ann.Mobile, ann.JoinTime)
	}
}

func TestPatchUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 8})
	u := full(t, k)
	patch := func(body any, params ...string) sandbox.User {
		t.Helper()
		k.do(http.MethodPatch, usersPath+"/"+u.OpenID, body, params...).wantCode(t, 200, 0)
		return k.userNow(u.OpenID)
	}
	if got := patch(object{}); !cmp.Equal(u, got) {
		t.Errorf("an empty patch changes something\n%s", cmp.Diff(u, got))
	}
	want := u
	want.Name, want.JoinTime, want.LeaderUserID, want.JobTitle = "欧阳", 0, "", ""
	if diff := cmp.Diff(want, patch(object{"name": "欧阳", "join_time": 0, "leader_user_id": "", "job_title": "  ", "user_id": "x", "geo": "us"})); diff != "" {
		t.Errorf("patch mismatch (-want +got)\n%s", diff)
	}
	// The lists are replaced whole, and can be emptied.
	got := patch(object{"custom_attrs": []object{}, "dotted_line_leader_user_ids": []string{}})
	if len(got.CustomAttrs) != 0 || len(got.DottedLine) != 0 {
		t.Errorf("cleared lists: %v %v", got.CustomAttrs, got.DottedLine)
	}
	// Departments keep the rank that the person had within them.
	other := pick(t, k.Truth().Departments, func(d sandbox.Department) bool { return !slices.Contains(u.DepartmentIDs, d.OpenDepartmentID) })
	stays := u.DepartmentIDs[0]
	got = patch(object{"department_ids": []string{other.OpenDepartmentID, stays}})
	wantOrders := []sandbox.Order{
		{DepartmentID: other.OpenDepartmentID, DepartmentOrder: 2, IsPrimaryDept: true},
		{DepartmentID: stays, DepartmentOrder: 1, UserOrder: u.Orders[0].UserOrder},
	}
	if diff := cmp.Diff(wantOrders, got.Orders); diff != "" {
		t.Errorf("moved user mismatch (-want +got)\n%s", diff)
	}
	got = patch(object{"department_ids": []string{stays}, "orders": []object{{"department_id": stays, "user_order": 42, "department_order": 100}}, "is_frozen": true})
	if !got.Status.IsFrozen || got.Orders[0].UserOrder != 42 || got.Orders[0].DepartmentOrder != 100 || len(got.Orders) != 1 {
		t.Errorf("reordered and frozen: %+v", got)
	}
	if got := patch(object{"email": ""}); got.Email != "" || got.Mobile != u.Mobile {
		t.Errorf("an e-mail can be taken away where there is a mobile: %+v", got)
	}
	// A person may change little, with a token of theirs.
	me := k.in(u.OpenID)
	k.as(me, http.MethodPatch, usersPath+"/"+u.OpenID, object{"en_name": "Na", "avatar_key": "v3_other"}).wantCode(t, 200, 0)
	if got := k.userNow(u.OpenID); got.EnName != "Na" || got.AvatarKey != "v3_other" {
		t.Errorf("changed by themselves: %+v", got)
	}
}

// Somebody who left keeps a picture and a signature.
func TestPatchResignedUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 5, Departments: 8})
	u := full(t, k)
	if err := k.ResignUser(u.OpenID); err != nil {
		t.Fatal(err)
	}
	k.do(http.MethodPatch, usersPath+"/"+u.OpenID, object{"avatar_key": "v3_gone", "description": "再见"}).wantCode(t, 200, 0)
	if got := k.userNow(u.OpenID); got.AvatarKey != "v3_gone" || got.Description != "再见" || !got.Status.IsResigned {
		t.Errorf("left: %+v", got)
	}
}

func TestPutUser(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 8})
	u := full(t, k)
	k.do(http.MethodPatch, usersPath+"/"+u.OpenID, object{"is_frozen": true}).wantCode(t, 200, 0)
	r := k.do(http.MethodPut, usersPath+"/"+u.UserID, object{
		"name": "娜", "mobile": "13900001111", "department_ids": []string{"0"}, "employee_type": 5,
	}, "user_id_type", "user_id")
	shown := userOf(t, r)
	got := k.userNow(u.OpenID)
	want := sandbox.User{
		OpenID: u.OpenID, UnionID: u.UnionID, UserID: u.UserID, Name: "娜", Mobile: u.Mobile, MobileVisible: true, EmployeeType: 5,
		Status:        sandbox.Status{IsActivated: true},
		DepartmentIDs: []string{"0"}, Orders: []sandbox.Order{{DepartmentID: "0", DepartmentOrder: 1, IsPrimaryDept: true}},
		// What the method does not know of stays.
		Geo: u.Geo, JobLevelID: u.JobLevelID, JobFamilyID: u.JobFamilyID, DottedLine: u.DottedLine,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replaced user mismatch (-want +got)\n%s", diff)
	}
	if shown["name"] != "娜" || shown["job_level_id"] != nil || shown["geo"] != nil {
		t.Errorf("answer %s", r.raw)
	}
}

// Each method shows the fields that its page lists.
func TestFieldsOfEachMethod(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30, Departments: 8})
	u := full(t, k)
	if err := k.ChangeUser(u.OpenID, func(u *sandbox.User) {
		u.AssignInfo = []sandbox.Seat{{SubscriptionID: "7", LicensePlanKey: "plan", ProductName: "席位", StartTime: "1", EndTime: "2"}}
	}); err != nil {
		t.Fatal(err)
	}
	person := k.in(u.OpenID)
	at := usersPath + "/" + u.OpenID
	var listed object
	for _, item := range k.all(usersPath, "department_id", u.DepartmentIDs[0], "page_size", "100") {
		if item["open_id"] == u.OpenID {
			listed = item
		}
	}
	found := decodeAs[list](t, k.as(person, http.MethodGet, usersPath+"/find_by_department", nil, "department_id", u.DepartmentIDs[0], "page_size", "50").Data)
	member := found.Items[slices.Index(ids(found.Items, "open_id"), u.OpenID)]
	create := userOf(t, k.do(http.MethodPost, usersPath, object{
		"name": "新", "nickname": "n", "mobile": "13700000000", "department_ids": u.DepartmentIDs, "employee_type": 1, "avatar_key": "v3_key", "geo": "cn",
		"job_level_id": "mga5oa8ayjlp9rb", "job_family_id": "mga5oa8ayjlf1uo", "dotted_line_leader_user_ids": u.DottedLine,
	}))
	put := userOf(t, k.do(http.MethodPut, at, object{
		"name": "娜", "nickname": "n", "mobile": "13900001111", "department_ids": u.DepartmentIDs, "employee_type": 5, "avatar_key": "v3_key",
	}))
	for method, c := range map[string]struct {
		got  object
		want string
	}{
		"create":             {create, "nickname avatar_key is_frozen geo job_level_id job_family_id dotted_line_leader_user_ids"},
		"patch":              {userOf(t, k.do(http.MethodPatch, at, object{})), "nickname is_frozen job_level_id job_family_id dotted_line_leader_user_ids"},
		"put":                {put, "nickname avatar_key is_frozen"},
		"get":                {userOf(t, k.get(at)), "nickname geo job_level_id job_family_id assign_info dotted_line_leader_user_ids"},
		"get as a person":    {userOf(t, k.as(person, http.MethodGet, at, nil)), "nickname geo job_level_id job_family_id assign_info department_path dotted_line_leader_user_ids"},
		"find_by_department": {member, "nickname is_frozen geo job_level_id job_family_id department_path dotted_line_leader_user_ids"},
		"batch":              {decodeAs[list](t, k.get(usersPath+"/batch", "user_ids", u.OpenID).Data).Items[0], "nickname avatar_key is_frozen geo job_level_id job_family_id dotted_line_leader_user_ids"},
		"list":               {listed, "is_frozen"},
	} {
		var got []string
		for _, field := range []string{"nickname", "avatar_key", "is_frozen", "geo", "job_level_id", "job_family_id", "subscription_ids", "assign_info", "department_path", "dotted_line_leader_user_ids"} {
			if _, shown := c.got[field]; shown {
				got = append(got, field)
			}
		}
		want := fields(c.want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got)\n%s", method, diff)
		}
	}
	seat := userOf(t, k.get(at))["assign_info"].([]any)[0].(object)
	if seat["subscription_id"] != "7" || seat["start_time"] != "1" || seat["i18n_name"] == nil {
		t.Errorf("assign_info %v", seat)
	}
}

func TestUpdateUserID(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	u := k.user(sandbox.User{Name: "王伟", UserID: "old", Mobile: "+8613800000001"})
	r := k.do(http.MethodPatch, usersPath+"/old/update_user_id", object{"new_user_id": "new.id"}, "user_id_type", "user_id")
	r.wantCode(t, 200, 0)
	if string(r.Data) != "{}" || k.userNow(u.OpenID).UserID != "new.id" {
		t.Errorf("answer %s", r.raw)
	}
	k.get(usersPath+"/old", "user_id_type", "user_id").wantCode(t, 400, 99992360)
	k.user(sandbox.User{Name: "李娜", UserID: "old"})
}

func TestClientToken(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now})
	body := object{"name": "王伟", "mobile": "13800000001", "department_ids": []string{"0"}, "employee_type": 1}
	ask := func(token string, body any) reply {
		return k.as(token, http.MethodPost, usersPath, body, "client_token", "once")
	}
	first := ask(k.token, body)
	first.wantCode(t, 200, 0)
	again := ask(k.token, `{"employee_type":1, "department_ids":["0"], "mobile":"13800000001", "name":"王伟"}`)
	if again.raw != first.raw || len(k.Truth().Users) != 1 {
		t.Errorf("the same request again: %s", again.raw)
	}
	ask(k.token, with(body, object{"name": "李娜"})).wantCode(t, 400, 40021)
	// A token is of one app and one method, and what fails is not remembered.
	ask(k.appToken(sandbox.App{}), with(body, object{"mobile": "13800000002"})).wantCode(t, 200, 0)
	k.do(http.MethodPost, "/contact/v3/departments", object{"name": "甲", "parent_department_id": "0"}, "client_token", "once").wantCode(t, 200, 0)
	k.do(http.MethodPost, usersPath, with(body, object{"mobile": "1"}), "client_token", "twice").wantCode(t, 400, 41004)
	k.do(http.MethodPost, usersPath, with(body, object{"mobile": "13800000003"}), "client_token", "twice").wantCode(t, 200, 0)

	c.add(24 * time.Hour)
	k.token = k.newToken()
	ask(k.token, body).wantCode(t, 400, 41001) // a new request, by a person who is here
	ask(k.token, with(body, object{"mobile": "13800000004"})).wantCode(t, 200, 0)
}

func TestChangesOfDepartmentsAreSlow(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := start(t, sandbox.Config{Clock: c.now, RateLimits: true})
	u := k.user(sandbox.User{Name: "王伟"})
	patch := func(token string, body object) reply {
		return k.as(token, http.MethodPatch, usersPath+"/"+u.UnionID, body, "user_id_type", "union_id")
	}
	frozen, move := object{"is_frozen": true}, object{"department_ids": []string{"0"}}
	other := k.appToken(sandbox.App{})
	patch(k.token, frozen).wantCode(t, 200, 0)
	r := patch(k.token, move)
	r.wantCode(t, 429, 99991400)
	if r.header.Get("x-ogw-ratelimit-limit") != "1" || r.header.Get("x-ogw-ratelimit-reset") != "1" {
		t.Errorf("headers %v", r.header)
	}
	patch(k.token, object{"name": "李娜"}).wantCode(t, 200, 0)
	patch(other, move).wantCode(t, 200, 0)
	c.add(time.Second)
	patch(k.token, move).wantCode(t, 200, 0)
	k.SetRateLimits(false)
	patch(k.token, frozen).wantCode(t, 200, 0)
}
