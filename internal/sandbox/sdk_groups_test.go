package sandbox_test

import (
	"slices"
	"strings"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// sdkRefusal is a typed call that the service refuses with a code.
type sdkRefusal struct {
	name string
	code int
	call func() (larkcore.CodeError, error)
}

func wantRefusals(t *testing.T, refusals []sdkRefusal) {
	t.Helper()
	for _, r := range refusals {
		if got, err := r.call(); err != nil || got.Code != r.code || got.Msg == "" || got.Err == nil || got.Err.LogID == "" {
			t.Errorf("%s: %+v, %v, want code %d", r.name, got, err, r.code)
		}
	}
}

// wantSDK is how a typed call that succeeds comes back.
func wantSDK(t *testing.T, what string, e larkcore.CodeError, err error) {
	t.Helper()
	if err != nil || e.Code != 0 {
		t.Fatalf("%s: %+v, %v", what, e, err)
	}
}

func sdkGroup(name string) *larkcontact.GroupBuilder { return larkcontact.NewGroupBuilder().Name(name) }

func TestSDKGroups(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	api, ctx := o.sdk().Group, t.Context()

	made, err := api.Create(ctx, larkcontact.NewCreateGroupReqBuilder().Group(sdkGroup("新人").Description("d").Type(1).GroupId("new1").Build()).Build())
	if wantSDK(t, "create", made.CodeError, err); *made.Data.GroupId != "new1" {
		t.Errorf("create returns %v", made.Data)
	}
	patched, err := api.Patch(ctx, larkcontact.NewPatchGroupReqBuilder().GroupId("new1").Group(sdkGroup("新员工").Build()).Build())
	wantSDK(t, "patch", patched.CodeError, err)
	got, err := api.Get(ctx, larkcontact.NewGetGroupReqBuilder().GroupId("new1").Build())
	if wantSDK(t, "get", got.CodeError, err); *got.Data.Group.Name != "新员工" || *got.Data.Group.Description != "d" || *got.Data.Group.Type != 1 {
		t.Errorf("get returns %v", got.Data.Group)
	}
	// The iterator reads page after page.
	all, err := api.SimplelistByIterator(ctx, larkcontact.NewSimplelistGroupReqBuilder().PageSize(1).Build())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for {
		ok, g, err := all.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		ids = append(ids, *g.Id)
	}
	if !slices.Equal(ids, []string{"new1", "staff"}) {
		t.Errorf("the iterator finds %v", ids)
	}
	belong, err := api.MemberBelong(ctx, larkcontact.NewMemberBelongGroupReqBuilder().MemberId("wang").MemberIdType("user_id").Build())
	if wantSDK(t, "member_belong", belong.CodeError, err); !slices.Equal(belong.Data.GroupList, []string{"rule", "staff"}) {
		t.Errorf("member_belong returns %v", belong.Data.GroupList)
	}
	gone, err := api.Delete(ctx, larkcontact.NewDeleteGroupReqBuilder().GroupId("new1").Build())
	wantSDK(t, "delete", gone.CodeError, err)
}

func TestSDKGroupRefusals(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	api, ctx := o.sdk().Group, t.Context()
	long := strings.Repeat("长", 501)
	create := func(g *larkcontact.GroupBuilder) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := api.Create(ctx, larkcontact.NewCreateGroupReqBuilder().Group(g.Build()).Build())
			return r.CodeError, err
		}
	}
	patch := func(id string, g *larkcontact.GroupBuilder) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := api.Patch(ctx, larkcontact.NewPatchGroupReqBuilder().GroupId(id).Group(g.Build()).Build())
			return r.CodeError, err
		}
	}
	remove := func(id string) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := api.Delete(ctx, larkcontact.NewDeleteGroupReqBuilder().GroupId(id).Build())
			return r.CodeError, err
		}
	}
	list := func(req *larkcontact.SimplelistGroupReqBuilder) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := api.Simplelist(ctx, req.Build())
			return r.CodeError, err
		}
	}
	belong := func(req *larkcontact.MemberBelongGroupReqBuilder) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := api.MemberBelong(ctx, req.Build())
			return r.CodeError, err
		}
	}
	of := func(id string) *larkcontact.MemberBelongGroupReqBuilder {
		return larkcontact.NewMemberBelongGroupReqBuilder().MemberId(id)
	}
	rule := larkcontact.NewDynamicGroupRuleBuilder().Build()
	wantRefusals(t, []sdkRefusal{
		{"no name", 42001, create(sdkGroup(""))},
		{"bad id", 42002, create(sdkGroup("x").GroupId("a-b"))},
		{"dynamic", 42003, create(sdkGroup("x").Type(2))},
		{"long name", 42013, create(sdkGroup(long))},
		{"long description", 42014, create(sdkGroup("x").Description(long))},
		{"rule", 42018, create(sdkGroup("x").DynamicGroupRule(rule))},
		{"id taken", 47005, create(sdkGroup("x").GroupId("staff"))},
		{"name taken", 47009, create(sdkGroup("员工"))},
		{"patch to no name", 40001, patch("staff", sdkGroup(""))},
		{"patch nothing", 42002, patch("none", sdkGroup("x"))},
		{"patch a dynamic group", 42009, patch("rule", sdkGroup("x"))},
		{"patch to a long name", 42013, patch("staff", sdkGroup(long))},
		{"patch to a taken name", 47009, patch("staff", sdkGroup("规则"))},
		{"delete nothing", 42002, remove("none")},
		{"delete a dynamic group", 42009, remove("rule")},
		{"delete a full group", 42017, remove("staff")},
		{"get nothing", 42002, func() (larkcore.CodeError, error) {
			r, err := api.Get(ctx, larkcontact.NewGetGroupReqBuilder().GroupId("none").Build())
			return r.CodeError, err
		}},
		{"page size", 40011, list(larkcontact.NewSimplelistGroupReqBuilder().PageSize(101))},
		{"page token", 40012, list(larkcontact.NewSimplelistGroupReqBuilder().PageToken("x"))},
		{"groups of nobody", 41073, belong(of("ou_none"))},
		{"groups by e-mail", 41071, belong(of(o.wang.OpenID).MemberIdType("email"))},
		{"groups of no type", 41074, belong(of(o.wang.OpenID).GroupType(3))},
		{"too large a page", 40011, belong(of(o.wang.OpenID).PageSize(1001))},
	})
	o.SetFeatures(sandbox.Features{})
	wantRefusals(t, []sdkRefusal{
		{"create with groups off", 42015, create(sdkGroup("x"))},
		{"patch with groups off", 42015, patch("staff", sdkGroup("x"))},
		{"delete with groups off", 42015, remove("staff")},
	})
	o.SetFeatures(sandbox.Features{Groups: true})
	if err := o.SetRange(o.AppID(), sandbox.Range{Departments: []string{o.first.OpenDepartmentID}}); err != nil {
		t.Fatal(err)
	}
	wantRefusals(t, []sdkRefusal{
		{"create in a narrow range", 42010, create(sdkGroup("x"))},
		{"patch out of range", 42009, patch("staff", sdkGroup("x"))},
		{"delete out of range", 42009, remove("staff")},
		{"groups of somebody out of range", 41050, belong(of(o.li.OpenID))},
	})
}

func sdkMember(kind, idKind, id string) *larkcontact.Memberlist {
	return larkcontact.NewMemberlistBuilder().MemberType(kind).MemberIdType(idKind).MemberId(id).Build()
}

func TestSDKGroupMembers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	api, ctx := o.sdk().GroupMember, t.Context()
	add := func(group, kind, idKind, id string) (larkcore.CodeError, error) {
		r, err := api.Add(ctx, larkcontact.NewAddGroupMemberReqBuilder().GroupId(group).
			Body(larkcontact.NewAddGroupMemberReqBodyBuilder().MemberType(kind).MemberIdType(idKind).MemberId(id).Build()).Build())
		return r.CodeError, err
	}
	remove := func(group, kind, idKind, id string) (larkcore.CodeError, error) {
		r, err := api.Remove(ctx, larkcontact.NewRemoveGroupMemberReqBuilder().GroupId(group).
			Body(larkcontact.NewRemoveGroupMemberReqBodyBuilder().MemberType(kind).MemberIdType(idKind).MemberId(id).Build()).Build())
		return r.CodeError, err
	}
	addMany := func(list ...*larkcontact.Memberlist) (*larkcontact.BatchAddGroupMemberResp, error) {
		return api.BatchAdd(ctx, larkcontact.NewBatchAddGroupMemberReqBuilder().GroupId("staff").
			Body(larkcontact.NewBatchAddGroupMemberReqBodyBuilder().Members(list).Build()).Build())
	}
	removeMany := func(list ...*larkcontact.Memberlist) (larkcore.CodeError, error) {
		r, err := api.BatchRemove(ctx, larkcontact.NewBatchRemoveGroupMemberReqBuilder().GroupId("staff").
			Body(larkcontact.NewBatchRemoveGroupMemberReqBodyBuilder().Members(list).Build()).Build())
		return r.CodeError, err
	}
	list := func(req *larkcontact.SimplelistGroupMemberReqBuilder) (*larkcontact.SimplelistGroupMemberResp, error) {
		return api.Simplelist(ctx, req.Build())
	}
	staff := func() *larkcontact.SimplelistGroupMemberReqBuilder {
		return larkcontact.NewSimplelistGroupMemberReqBuilder().GroupId("staff")
	}

	e, err := add("staff", "user", "user_id", "li")
	wantSDK(t, "add", e, err)
	page, err := list(staff().PageSize(1).MemberIdType("union_id"))
	if wantSDK(t, "simplelist", page.CodeError, err); len(page.Data.Memberlist) != 1 || !*page.Data.HasMore || page.Data.PageToken == nil {
		t.Fatalf("simplelist returns %+v", page.Data)
	}
	rest, err := list(staff().PageSize(1).MemberIdType("union_id").PageToken(*page.Data.PageToken))
	if wantSDK(t, "the second page", rest.CodeError, err); len(rest.Data.Memberlist) != 1 || *rest.Data.HasMore {
		t.Errorf("the second page is %+v", rest.Data)
	}
	e, err = remove("staff", "user", "open_id", o.li.OpenID)
	wantSDK(t, "remove", e, err)
	many, err := addMany(sdkMember("user", "open_id", o.li.OpenID), sdkMember("user", "open_id", o.wang.OpenID))
	if wantSDK(t, "batch_add", many.CodeError, err); len(many.Data.Results) != 2 || *many.Data.Results[0].Code != 0 || *many.Data.Results[1].Code != 42005 {
		t.Errorf("batch_add returns %v", many.Data.Results)
	}
	e, err = removeMany(sdkMember("user", "open_id", o.li.OpenID))
	wantSDK(t, "batch_remove", e, err)

	one := func(call func(group, kind, idKind, id string) (larkcore.CodeError, error), group, kind, idKind, id string) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) { return call(group, kind, idKind, id) }
	}
	addAll := func(list ...*larkcontact.Memberlist) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := addMany(list...)
			return r.CodeError, err
		}
	}
	removeAll := func(list ...*larkcontact.Memberlist) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) { return removeMany(list...) }
	}
	listed := func(req *larkcontact.SimplelistGroupMemberReqBuilder) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := list(req)
			return r.CodeError, err
		}
	}
	wantRefusals(t, []sdkRefusal{
		{"add who is in", 42005, one(add, "staff", "user", "open_id", o.wang.OpenID)},
		{"add who left", 42006, one(add, "staff", "user", "open_id", o.gone.OpenID)},
		{"add to nothing", 42002, one(add, "none", "user", "open_id", o.li.OpenID)},
		{"add to a dynamic group", 42009, one(add, "rule", "user", "open_id", o.li.OpenID)},
		{"add by e-mail", 41071, one(add, "staff", "user", "email", "x")},
		{"add by department_id", 41072, one(add, "staff", "user", "department_id", "D1")},
		{"add nobody", 41073, one(add, "staff", "user", "open_id", "ou_none")},
		{"add a department", 41074, one(add, "staff", "department", "open_id", o.first.OpenDepartmentID)},
		{"remove from nothing", 42002, one(remove, "none", "user", "open_id", o.li.OpenID)},
		{"remove from a dynamic group", 42009, one(remove, "rule", "user", "open_id", o.wang.OpenID)},
		{"remove by e-mail", 41071, one(remove, "staff", "user", "email", "x")},
		{"remove by department_id", 41072, one(remove, "staff", "user", "department_id", "D1")},
		{"remove nobody", 41073, one(remove, "staff", "user", "open_id", "ou_none")},
		{"remove a department", 41074, one(remove, "staff", "department", "open_id", o.second.OpenDepartmentID)},
		{"add none", 40001, addAll()},
		{"add many of another kind", 41074, addAll(sdkMember("department", "open_id", "x"))},
		{"add many by e-mail", 41071, addAll(sdkMember("user", "email", "x"))},
		{"add many who left", 42006, addAll(sdkMember("user", "open_id", o.gone.OpenID))},
		{"remove none", 40001, removeAll()},
		{"remove many who are not there", 41073, removeAll(sdkMember("user", "open_id", "ou_none"))},
		{"remove some who are no members", 40022, removeAll(sdkMember("user", "open_id", o.wang.OpenID), sdkMember("user", "open_id", o.li.OpenID))},
		{"members of nothing", 42002, listed(larkcontact.NewSimplelistGroupMemberReqBuilder().GroupId("none"))},
		{"members by e-mail", 41071, listed(staff().MemberIdType("email"))},
		{"departments by user_id", 41072, listed(staff().MemberType("department").MemberIdType("user_id"))},
		{"members of another kind", 41074, listed(staff().MemberType("group"))},
		{"page size", 40011, listed(staff().PageSize(101))},
		{"page token", 40012, listed(staff().PageToken("x"))},
	})
}
