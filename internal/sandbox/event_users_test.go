package sandbox_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// person is somebody with a value in every field.
func person(boss, department string) sandbox.User {
	return sandbox.User{
		OpenID: "ou_a", UnionID: "on_a", UserID: "ua", Name: "王伟", EnName: "Wei", Nickname: "小王", Email: "a@x.cn", EnterpriseEmail: "a@ent.cn",
		Mobile: "+8613000000000", MobileVisible: true, Gender: 1, AvatarKey: "k", Description: "…", DepartmentIDs: []string{department},
		LeaderUserID: boss, DottedLine: []string{boss}, City: "北京", Country: "CN", Geo: "g", WorkStation: "w1", JoinTime: 1615381702,
		EmployeeNo: "n1", EmployeeType: 2, JobTitle: "工程师", JobLevelID: "jl", JobFamilyID: "jf",
		CustomAttrs: []sandbox.CustomAttr{{Type: "GENERIC_USER", ID: "C-1", Value: sandbox.CustomAttrValue{GenericUser: boss}}},
		Status:      sandbox.Status{IsActivated: true},
	}
}

func avatar(key string) object {
	const base = "https://s1-imfile.feishucdn.com/static-resource/v1/"
	return object{
		"avatar_72": base + key + "~?image_size=72x72", "avatar_240": base + key + "~?image_size=240x240",
		"avatar_640": base + key + "~?image_size=640x640", "avatar_origin": base + key + "~?image_size=noop",
	}
}

func status(flags ...string) object {
	s := object{"is_activated": false, "is_exited": false, "is_frozen": false, "is_resigned": false, "is_unjoin": false}
	for _, flag := range flags {
		s[flag] = true
	}
	return s
}

func order(department string) object {
	return object{"department_id": department, "department_order": 1.0, "user_order": 0.0, "is_primary_dept": true}
}

func TestUserCreated(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	d := k.addDepartment("研发", "0")
	boss := k.addUser(sandbox.User{Name: "李娜", OpenID: "ou_b", UserID: "ub"})
	k.news(k.AppID())
	k.addUser(person(boss.OpenID, d))
	want := object{
		"open_id": "ou_a", "union_id": "on_a", "user_id": "ua", "name": "王伟", "en_name": "Wei", "nickname": "小王", "email": "a@x.cn",
		"enterprise_email": "a@ent.cn", "mobile": "+8613000000000", "gender": 1.0, "avatar": avatar("k"), "leader_user_id": "ou_b",
		"dotted_line_leader_user_ids": []any{"ou_b"}, "city": "北京", "country": "CN", "work_station": "w1", "join_time": 1615381702.0,
		"employee_no": "n1", "employee_type": 2.0, "job_title": "工程师", "job_level_id": "jl", "job_family_id": "jf", "status": status("is_activated"),
		"orders": []any{order(d)},
		"custom_attrs": []any{object{"type": "GENERIC_USER", "id": "C-1", "value": object{
			"generic_user": object{"id": "ub", "type": 1.0}, // a user_id, though all else are open_ids
		}}},
	}
	if diff := cmp.Diff(news{"contact.user.created_v3", want, nil}, k.only(k.AppID(), "contact.user.created_v3")); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}

	// Fields without a value are absent; with an option they are empty.
	k.addUser(sandbox.User{Name: "赵敏", OpenID: "ou_c", UnionID: "on_c", UserID: "uc"})
	want = object{
		"open_id": "ou_c", "union_id": "on_c", "user_id": "uc", "name": "赵敏", "avatar": avatar("default-avatar"), "gender": 0.0,
		"employee_type": 1.0, "status": status("is_activated"), "orders": []any{order("0")},
	}
	if diff := cmp.Diff(want, k.only(k.AppID(), "contact.user.created_v3").Object); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
	k.options(func(o *sandbox.Options) {
		o.EmptyFields, o.DepartmentIDsInObject, o.ExtraFields, o.CountryNames, o.DottedLineUserIDs = true, true, true, true, true
	})
	k.addUser(sandbox.User{Name: "孙丽", OpenID: "ou_d", UnionID: "on_d", UserID: "ud", Country: "CN", DottedLine: []string{"ou_b"}})
	want = object{
		"open_id": "ou_d", "union_id": "on_d", "user_id": "ud", "name": "孙丽", "avatar": avatar("default-avatar"), "gender": 0.0,
		"employee_type": 1.0, "status": status("is_activated"), "orders": []any{order("0")}, "country": "中国", "dotted_line_leader_user_ids": []any{"ub"},
		"department_ids": []any{"0"}, "custom_attrs": []any{}, "join_time": 0.0, "is_tenant_manager": false, "mobile_visible": false,
	}
	for _, field := range []string{
		"en_name", "nickname", "email", "enterprise_email", "mobile", "leader_user_id", "city", "work_station", "employee_no", "job_title",
		"job_level_id", "job_family_id",
	} {
		want[field] = ""
	}
	if diff := cmp.Diff(want, k.only(k.AppID(), "contact.user.created_v3").Object); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
}

func TestUserUpdated(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	a, b := k.addDepartment("研发", "0"), k.addDepartment("市场", "0")
	boss := k.addUser(sandbox.User{Name: "李娜"})
	u := k.addUser(person(boss.OpenID, a))
	k.news(k.AppID())
	for _, c := range []struct {
		name   string
		change func(*sandbox.User)
		old    []object // of each event
	}{
		{"nothing", func(*sandbox.User) {}, nil},
		{"a name", func(u *sandbox.User) { u.Name = "王大伟" }, []object{{"name": "王伟"}}},
		{"a move", func(u *sandbox.User) { u.DepartmentIDs = []string{b} }, []object{{"department_ids": []any{a}, "orders": []any{order(a)}}}},
		{"a field that was empty", func(u *sandbox.User) { u.City = "" }, []object{{"city": "北京"}}},
		{"and is set again", func(u *sandbox.User) { u.City = "上海" }, []object{{}}},
		{"suspended", func(u *sandbox.User) { u.Status.IsFrozen = true }, []object{{"status": object{"is_frozen": false}}}},
		{"mobile and e-mail beside others", func(u *sandbox.User) {
			u.Mobile, u.Email, u.JobTitle, u.Gender = "+8613000000001", "b@x.cn", "架构师", 2
		}, []object{{"job_title": "工程师", "gender": 1.0}, {"mobile": "+8613000000000"}, {"email": "a@x.cn"}}},
		{"an e-mail alone", func(u *sandbox.User) { u.Email = "c@x.cn" }, []object{{"email": "b@x.cn"}}},
		{"the enterprise's e-mail, which old_object never has", func(u *sandbox.User) { u.EnterpriseEmail = "b@ent.cn" }, []object{{}}},
		{"what events do not carry", func(u *sandbox.User) { u.Description, u.Geo, u.MobileVisible = "x", "y", false }, nil},
	} {
		must(t, k.ChangeUser(u.OpenID, c.change))
		var got []object
		for _, n := range k.news(k.AppID()) {
			if n.Type != "contact.user.updated_v3" || n.Object["open_id"] != u.OpenID || n.Object["department_ids"] != nil {
				t.Errorf("%s: %+v", c.name, n)
			}
			got = append(got, n.OldObject)
		}
		if diff := cmp.Diff(c.old, got); diff != "" {
			t.Errorf("%s: old_object mismatch (-want +got)\n%s", c.name, diff)
		}
	}
	must(t, k.MoveUser(u.OpenID, a, b))
	if n := k.only(k.AppID(), "contact.user.updated_v3"); n.Object["name"] != "王大伟" || len(n.Object["orders"].([]any)) != 2 || n.Object["city"] != "上海" {
		t.Errorf("the object is not what they are now: %v", n.Object)
	}
}

func TestOptionsOfUserUpdated(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	a, b := k.addDepartment("研发", "0"), k.addDepartment("市场", "0")
	text := func(id, text string) sandbox.CustomAttr {
		return sandbox.CustomAttr{Type: "TEXT", ID: id, Value: sandbox.CustomAttrValue{Text: text}}
	}
	u := k.addUser(sandbox.User{Name: "王伟", DepartmentIDs: []string{a}, CustomAttrs: []sandbox.CustomAttr{text("C-1", "x"), text("C-2", "y")}})
	k.options(func(o *sandbox.Options) {
		o.FullOldStatus, o.ChangedItemsOnly, o.UncarriedChanges, o.DepartmentIDsInObject, o.EmptyFields = true, true, true, true, true
	})
	k.news(k.AppID())
	must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) {
		u.Status.IsFrozen = true
		u.CustomAttrs[1] = text("C-2", "z")
		u.Orders = append(u.Orders, sandbox.Order{DepartmentID: b})
		u.City = "上海"
	}))
	n := k.only(k.AppID(), "contact.user.updated_v3")
	want := object{
		"status": status("is_activated"), "custom_attrs": []any{object{"type": "TEXT", "id": "C-2", "value": object{"text": "y"}}},
		"orders": []any{}, "department_ids": []any{a}, "city": "",
	}
	if diff := cmp.Diff(want, n.OldObject); diff != "" {
		t.Errorf("old_object mismatch (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]any{a, b}, n.Object["department_ids"]); diff != "" {
		t.Errorf("department_ids mismatch (-want +got)\n%s", diff)
	}
	must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Description = "x" }))
	if n := k.only(k.AppID(), "contact.user.updated_v3"); len(n.OldObject) != 0 || n.OldObject == nil {
		t.Errorf("a change that events do not carry: %+v", n)
	}
}

func TestUserDeleted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options func(*sandbox.Options)
		leave   func(k *kit, id string) error
		want    string
		flag    bool
	}{
		{"resigned", func(*sandbox.Options) {}, func(k *kit, id string) error { return k.ResignUser(id) }, "user.deleted", false},
		{"erased", func(*sandbox.Options) {}, func(k *kit, id string) error { return k.EraseUser(id) }, "user.deleted", false},
		{
			"with all there may be", func(o *sandbox.Options) { o.DeletedFlags, o.UpdatedOnResign, o.FollowUpEvents = true, true, true },
			func(k *kit, id string) error { return k.ResignUser(id) }, "user.updated user.deleted user.updated department.updated", true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := start(t, sandbox.Config{})
			d := k.addDepartment("研发", "0")
			u := k.addUser(sandbox.User{Name: "王伟", OpenID: "ou_a", UnionID: "on_a", UserID: "ua", Mobile: "+861", DepartmentIDs: []string{d}})
			k.addUser(sandbox.User{Name: "李娜", LeaderUserID: u.OpenID})
			must(t, k.SetDepartmentLeader(d, u.OpenID))
			k.options(c.options)
			k.news(k.AppID())
			must(t, c.leave(k, u.OpenID))
			var types string
			for _, n := range k.news(k.AppID()) {
				types += " " + n.Type[len("contact."):len(n.Type)-len("_v3")]
				switch n.Type {
				case "contact.user.deleted_v3":
					flags := status("is_activated")
					flags["is_resigned"] = c.flag
					want := news{
						n.Type,
						object{
							"open_id": "ou_a", "union_id": "on_a", "user_id": "ua", "name": "王伟", "mobile": "+861", "avatar": avatar("default-avatar"),
							"gender": 0.0, "employee_type": 1.0, "status": flags,
						},
						object{"open_id": "ou_a", "department_ids": []any{d}},
					}
					if diff := cmp.Diff(want, n); diff != "" {
						t.Errorf("mismatch (-want +got)\n%s", diff)
					}
				case "contact.user.updated_v3":
					if n.Object["open_id"] == "ou_a" {
						if diff := cmp.Diff(object{"status": object{"is_resigned": false}}, n.OldObject); diff != "" {
							t.Errorf("mismatch (-want +got)\n%s", diff)
						}
					} else if diff := cmp.Diff(object{"leader_user_id": "ou_a"}, n.OldObject); diff != "" {
						t.Errorf("mismatch (-want +got)\n%s", diff)
					}
				}
			}
			if types != " "+c.want {
				t.Errorf("events%s, want %s", types, c.want)
			}
			if c.name != "erased" { // who has left is no news any more
				must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Name = "x" }))
				must(t, k.EraseUser(u.OpenID))
				if types := k.types(k.AppID()); types != "" {
					t.Errorf("after the resignation: %s", types)
				}
			}
		})
	}
}

func TestUserReturns(t *testing.T) {
	t.Parallel()
	for as, want := range map[sandbox.ResurrectEvent]string{
		sandbox.ResurrectSilently: "", sandbox.ResurrectAsCreated: "user.created", sandbox.ResurrectAsUpdated: "user.updated",
	} {
		k := start(t, sandbox.Config{})
		u := k.addUser(sandbox.User{Name: "王伟"})
		must(t, k.ResignUser(u.OpenID))
		k.options(func(o *sandbox.Options) { o.ResurrectEvent = as })
		k.news(k.AppID())
		must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Status.IsResigned = false }))
		if got := k.types(k.AppID()); got != want {
			t.Errorf("as %q: %s, want %s", as, got, want)
		}
	}
}
