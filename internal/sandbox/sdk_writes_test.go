package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// answered is what every typed answer of the SDK can say.
type answered interface {
	Success() bool
	RequestId() string
}

// want checks the code of a typed answer; 0 is a success.
func want(t *testing.T, what string, code, wanted int, r answered, err error) {
	t.Helper()
	if err != nil || code != wanted || r.Success() != (wanted == 0) || r.RequestId() == "" {
		t.Errorf("%s: code %d, want %d (%v)", what, code, wanted, err)
	}
}

// The official SDK's typed calls write people.
func TestSDKWritesUsers(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	api, ctx := k.sdk(), t.Context()
	boss, d := k.user(sandbox.User{Name: "总", IsTenantManager: true}), k.department(sandbox.Department{Name: "甲"})
	person := larkcontact.NewUserBuilder().Name("王伟").Mobile("13800000001").DepartmentIds([]string{d.OpenDepartmentID}).EmployeeType(1).
		Orders([]*larkcontact.UserOrder{larkcontact.NewUserOrderBuilder().DepartmentId(d.OpenDepartmentID).UserOrder(4).DepartmentOrder(2).IsPrimaryDept(true).Build()}).
		LeaderUserId(boss.OpenID).JoinTime(1600000000).
		CustomAttrs([]*larkcontact.UserCustomAttr{larkcontact.NewUserCustomAttrBuilder().Type("GENERIC_USER").Id("C-1").
			Value(larkcontact.NewUserCustomAttrValueBuilder().GenericUser(larkcontact.NewCustomAttrGenericUserBuilder().Id(boss.UserID).Type(1).Build()).Build()).Build()})
	sandbox.DefineFields(k.Server, []sandbox.CustomAttrDefinition{{ID: "C-1", Type: "GENERIC_USER"}}, nil)

	made, err := api.User.Create(ctx, larkcontact.NewCreateUserReqBuilder().ClientToken("t").User(person.Build()).Build())
	want(t, "create", made.Code, 0, made, err)
	u := made.Data.User
	if *u.Status.IsUnjoin != true || *u.Orders[0].UserOrder != 4 || *u.CustomAttrs[0].Value.GenericUser.Id != boss.OpenID || *u.JoinTime != 1600000000 {
		t.Errorf("created %+v", u)
	}
	same, err := api.User.Create(ctx, larkcontact.NewCreateUserReqBuilder().ClientToken("t").User(person.Build()).Build())
	want(t, "create again", same.Code, 0, same, err)
	if *same.Data.User.OpenId != *u.OpenId {
		t.Error("the same client_token makes somebody else")
	}
	other, err := api.User.Create(ctx, larkcontact.NewCreateUserReqBuilder().ClientToken("t").User(person.Name("李娜").Build()).Build())
	want(t, "create something else", other.Code, 40021, other, err)

	patch := func(u *larkcontact.User) *larkcontact.PatchUserReq {
		return larkcontact.NewPatchUserReqBuilder().UserId(*made.Data.User.OpenId).User(u).Build()
	}
	patched, err := api.User.Patch(ctx, patch(larkcontact.NewUserBuilder().Name("李娜").JoinTime(0).IsFrozen(true).Build()))
	want(t, "patch", patched.Code, 0, patched, err)
	if *patched.Data.User.Name != "李娜" || *patched.Data.User.JoinTime != 0 || !*patched.Data.User.IsFrozen || patched.Data.User.AvatarKey != nil {
		t.Errorf("patched %+v", patched.Data.User)
	}
	mine, err := api.User.Patch(ctx, patch(larkcontact.NewUserBuilder().City("北京").Build()), larkcore.WithUserAccessToken(k.in(boss.OpenID)))
	want(t, "patch with a user token", mine.Code, 41056, mine, err)
	put, err := api.User.Update(ctx, larkcontact.NewUpdateUserReqBuilder().UserId(*u.OpenId).User(larkcontact.NewUserBuilder().
		Name("娜").Mobile("13800000001").DepartmentIds([]string{"0"}).EmployeeType(2).Build()).Build())
	want(t, "put", put.Code, 0, put, err)
	if got := k.userNow(*u.OpenId); got.LeaderUserID != "" || got.Status.IsFrozen || !slices.Equal(got.DepartmentIDs, []string{"0"}) {
		t.Errorf("replaced: %+v", got)
	}
	renamed, err := api.User.UpdateUserId(ctx, larkcontact.NewUpdateUserIdUserReqBuilder().UserId(*u.OpenId).
		Body(larkcontact.NewUpdateUserIdUserReqBodyBuilder().NewUserId("na").Build()).Build())
	want(t, "update_user_id", renamed.Code, 0, renamed, err)

	// Without a body the SDK sends null.
	fails, err := api.User.Delete(ctx, larkcontact.NewDeleteUserReqBuilder().UserId(boss.OpenID).Build())
	want(t, "delete a manager", fails.Code, 44037, fails, err)
	fails, err = api.User.Delete(ctx, larkcontact.NewDeleteUserReqBuilder().UserId(*u.OpenId).
		Body(larkcontact.NewDeleteUserReqBodyBuilder().DocsAcceptorUserId("ou_nobody").Build()).Build())
	want(t, "delete with an unknown acceptor", fails.Code, 41052, fails, err)
	gone, err := api.User.Delete(ctx, larkcontact.NewDeleteUserReqBuilder().UserId("na").UserIdType("user_id").
		Body(larkcontact.NewDeleteUserReqBodyBuilder().DocsAcceptorUserId(boss.UserID).
			EmailAcceptor(larkcontact.NewResourceAcceptorBuilder().ProcessingType("1").AcceptorUserId(boss.UserID).Build()).Build()).Build())
	want(t, "delete", gone.Code, 0, gone, err)
	back, err := api.User.Resurrect(ctx, larkcontact.NewResurrectUserReqBuilder().UserId(*u.OpenId).
		Body(larkcontact.NewResurrectUserReqBodyBuilder().Departments([]*larkcontact.UserDepartmentInfo{
			larkcontact.NewUserDepartmentInfoBuilder().DepartmentId(d.OpenDepartmentID).DepartmentOrder(3).Build(),
		}).Build()).Build())
	want(t, "resurrect", back.Code, 0, back, err)
	back, err = api.User.Resurrect(ctx, larkcontact.NewResurrectUserReqBuilder().UserId(*u.OpenId).
		Body(larkcontact.NewResurrectUserReqBodyBuilder().Build()).Build())
	want(t, "resurrect who is here", back.Code, 44033, back, err)
	if got := k.userNow(*u.OpenId); got.UserID != "na" || !slices.Equal(got.DepartmentIDs, []string{d.OpenDepartmentID}) {
		t.Errorf("back: %+v", got)
	}
}

// The historic lists, and what is found by name.
func TestSDKFindsUsers(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 30})
	api, ctx := k.sdk(), t.Context()
	users, err := api.User.ListByIterator(ctx, larkcontact.NewListUserReqBuilder().DepartmentId("0").PageSize(7).Build())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for {
		ok, _, err := users.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		found++
	}
	if found != 30 {
		t.Errorf("the iterator finds %d people", found)
	}
	u := pick(t, k.Truth().Users, func(sandbox.User) bool { return true })
	names, err := api.User.BasicBatch(ctx, larkcontact.NewBasicBatchUserReqBuilder().
		Body(larkcontact.NewBasicBatchUserReqBodyBuilder().UserIds([]string{u.OpenID}).Build()).Build())
	want(t, "basic_batch", names.Code, 0, names, err)
	if len(names.Data.Users) != 1 || *names.Data.Users[0].Name != u.Name {
		t.Errorf("named %v", names.Data.Users)
	}
	mine, err := api.User.Get(ctx, larkcontact.NewGetUserReqBuilder().UserId(u.OpenID).Build(), larkcore.WithUserAccessToken(k.in(u.OpenID)))
	want(t, "get as a person", mine.Code, 0, mine, err)
	if paths := mine.Data.User.DepartmentPath; len(paths) != 1 || *paths[0].DepartmentId != "0" {
		t.Errorf("department_path %v", paths)
	}
}

// The official SDK's typed calls write departments.
func TestSDKWritesDepartments(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	api, ctx := k.sdk(), t.Context()
	boss := k.user(sandbox.User{Name: "总"})
	create := func(d *larkcontact.Department) (*larkcontact.CreateDepartmentResp, error) {
		return api.Department.Create(ctx, larkcontact.NewCreateDepartmentReqBuilder().Department(d).Build())
	}
	made, err := create(larkcontact.NewDepartmentBuilder().Name("研发").ParentDepartmentId("0").DepartmentId("RD").Order("10").CreateGroupChat(true).
		I18nName(larkcontact.NewDepartmentI18nNameBuilder().EnUs("R&D").Build()).
		Leaders([]*larkcontact.DepartmentLeader{larkcontact.NewDepartmentLeaderBuilder().LeaderType(1).LeaderID(boss.OpenID).Build()}).
		GroupChatEmployeeTypes([]int{1}).DepartmentHrbps([]string{boss.OpenID}).Build())
	want(t, "create", made.Code, 0, made, err)
	d := made.Data.Department
	if *d.Order != "10" || *d.LeaderUserId != boss.OpenID || *d.Leaders[0].LeaderID != boss.OpenID || d.ChatId == nil || *d.Status.IsDeleted {
		t.Errorf("created %+v", d)
	}
	refused, err := create(larkcontact.NewDepartmentBuilder().Name("研发").ParentDepartmentId("0").Build())
	want(t, "create a namesake", refused.Code, 43022, refused, err)
	patch := func(d *larkcontact.Department) (*larkcontact.PatchDepartmentResp, error) {
		return api.Department.Patch(ctx, larkcontact.NewPatchDepartmentReqBuilder().DepartmentId("RD").DepartmentIdType("department_id").Department(d).Build())
	}
	patched, err := patch(larkcontact.NewDepartmentBuilder().Name("开发").LeaderUserId("").Build())
	want(t, "patch", patched.Code, 0, patched, err)
	if *patched.Data.Department.Name != "开发" || patched.Data.Department.LeaderUserId != nil {
		t.Errorf("patched %+v", patched.Data.Department)
	}
	patched, err = patch(larkcontact.NewDepartmentBuilder().Order("x").Build())
	want(t, "patch to no order", patched.Code, 40018, patched, err)
	// The typed call cannot send an empty list; the raw one can.
	if _, err := patch(larkcontact.NewDepartmentBuilder().LeaderUserId(boss.OpenID).Build()); err != nil {
		t.Fatal(err)
	}
	k.do(http.MethodPatch, departmentsPath+"/RD", `{"leaders":[]}`, "department_id_type", "department_id").wantCode(t, 200, 0)
	put, err := api.Department.Update(ctx, larkcontact.NewUpdateDepartmentReqBuilder().DepartmentId(*d.OpenDepartmentId).
		Department(larkcontact.NewDepartmentBuilder().Name("新").ParentDepartmentId("0").Build()).Build())
	want(t, "put", put.Code, 0, put, err)
	if *put.Data.Department.Order != "10" || *put.Data.Department.I18nName.EnUs != "" || len(put.Data.Department.GroupChatEmployeeTypes) != 1 {
		t.Errorf("replaced %+v", put.Data.Department)
	}
	unbound, err := api.Department.UnbindDepartmentChat(ctx, larkcontact.NewUnbindDepartmentChatDepartmentReqBuilder().
		Body(larkcontact.NewUnbindDepartmentChatDepartmentReqBodyBuilder().DepartmentId(*d.OpenDepartmentId).Build()).Build())
	want(t, "unbind", unbound.Code, 0, unbound, err)
	renamed, err := api.Department.UpdateDepartmentId(ctx, larkcontact.NewUpdateDepartmentIdDepartmentReqBuilder().DepartmentId(*d.OpenDepartmentId).
		Body(larkcontact.NewUpdateDepartmentIdDepartmentReqBodyBuilder().NewDepartmentId("RD2").Build()).Build())
	want(t, "update_department_id", renamed.Code, 0, renamed, err)

	list, err := api.Department.List(ctx, larkcontact.NewListDepartmentReqBuilder().ParentDepartmentId("0").FetchChild(true).Build())
	want(t, "list", list.Code, 0, list, err)
	if len(list.Data.Items) != 1 || *list.Data.Items[0].DepartmentId != "RD2" {
		t.Errorf("listed %v", list.Data.Items)
	}
	search := larkcontact.NewSearchDepartmentReqBuilder().Body(larkcontact.NewSearchDepartmentReqBodyBuilder().Query("新").Build()).Build()
	found, err := api.Department.Search(ctx, search, larkcore.WithUserAccessToken(k.in(boss.OpenID)))
	want(t, "search", found.Code, 0, found, err)
	if len(found.Data.Items) != 1 || *found.Data.Items[0].Name != "新" {
		t.Errorf("found %v", found.Data.Items)
	}
	remove := func(id string) (*larkcontact.DeleteDepartmentResp, error) {
		return api.Department.Delete(ctx, larkcontact.NewDeleteDepartmentReqBuilder().DepartmentId(id).Build())
	}
	root, err := remove("0")
	want(t, "delete the root", root.Code, 40002, root, err)
	gone, err := remove(*d.OpenDepartmentId)
	want(t, "delete", gone.Code, 0, gone, err)
}

// typed decodes a body into the SDK's type, if the SDK can send it at all: it
// leaves empty lists out.
func typed[T any](t *testing.T, body any) (*T, bool) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	v := new(T)
	if json.Unmarshal(raw, v) != nil {
		return nil, false
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return v, cmp.Equal(decodeAs[object](t, raw), decodeAs[object](t, again))
}

// The typed calls meet the refusals that raw ones do.
func TestSDKMeetsRefusals(t *testing.T) {
	t.Parallel()
	people, tree := newErrand(t), newTree(t)
	users, departments, ctx := people.sdk().User, tree.sdk().Department, t.Context()
	met := map[int]bool{}
	check := func(r refusal, got, status int, err error) {
		if err != nil || got != r.code || status != r.status {
			t.Errorf("%s: the SDK says HTTP %d %d (%v)", r, status, got, err)
		}
		met[r.code] = true
	}
	for _, r := range people.drafts() {
		u, ok := typed[larkcontact.User](t, r.body)
		switch {
		case !ok:
		case r.method == "create":
			resp, err := users.Create(ctx, larkcontact.NewCreateUserReqBuilder().User(u).Build())
			check(r, resp.Code, resp.StatusCode, err)
		case r.method == "patch":
			resp, err := users.Patch(ctx, larkcontact.NewPatchUserReqBuilder().UserId(people.u.OpenID).User(u).Build())
			check(r, resp.Code, resp.StatusCode, err)
		default:
			resp, err := users.Update(ctx, larkcontact.NewUpdateUserReqBuilder().UserId(people.u.OpenID).User(u).Build())
			check(r, resp.Code, resp.StatusCode, err)
		}
	}
	for _, r := range tree.drafts() {
		d, ok := typed[larkcontact.Department](t, r.body)
		switch {
		case !ok:
		case r.method == "create":
			resp, err := departments.Create(ctx, larkcontact.NewCreateDepartmentReqBuilder().Department(d).Build())
			check(r, resp.Code, resp.StatusCode, err)
		case r.method == "patch":
			resp, err := departments.Patch(ctx, larkcontact.NewPatchDepartmentReqBuilder().DepartmentId(tree.a1.OpenDepartmentID).Department(d).Build())
			check(r, resp.Code, resp.StatusCode, err)
		default:
			resp, err := departments.Update(ctx, larkcontact.NewUpdateDepartmentReqBuilder().DepartmentId(tree.a1.OpenDepartmentID).Department(d).Build())
			check(r, resp.Code, resp.StatusCode, err)
		}
	}
	if len(met) < 60 {
		t.Errorf("the SDK met only %d codes", len(met))
	}
}
