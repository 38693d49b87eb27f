package sandbox_test

import (
	"slices"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestSDKUnits(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	api, ctx := o.sdk().Unit, t.Context()
	create := func(id, name, kind string) (*larkcontact.CreateUnitResp, error) {
		return api.Create(ctx, larkcontact.NewCreateUnitReqBuilder().
			Body(larkcontact.NewCreateUnitReqBodyBuilder().UnitId(id).Name(name).UnitType(kind).Build()).Build())
	}
	patch := func(id, name string) (larkcore.CodeError, error) {
		r, err := api.Patch(ctx, larkcontact.NewPatchUnitReqBuilder().UnitId(id).Body(larkcontact.NewPatchUnitReqBodyBuilder().Name(name).Build()).Build())
		return r.CodeError, err
	}
	bind := func(unit, kind, department string) (larkcore.CodeError, error) {
		r, err := api.BindDepartment(ctx, larkcontact.NewBindDepartmentUnitReqBuilder().
			Body(larkcontact.NewBindDepartmentUnitReqBodyBuilder().UnitId(unit).DepartmentId(department).DepartmentIdType(kind).Build()).Build())
		return r.CodeError, err
	}
	unbind := func(unit, kind, department string) (larkcore.CodeError, error) {
		r, err := api.UnbindDepartment(ctx, larkcontact.NewUnbindDepartmentUnitReqBuilder().
			Body(larkcontact.NewUnbindDepartmentUnitReqBodyBuilder().UnitId(unit).DepartmentId(department).DepartmentIdType(kind).Build()).Build())
		return r.CodeError, err
	}
	remove := func(id string) (larkcore.CodeError, error) {
		r, err := api.Delete(ctx, larkcontact.NewDeleteUnitReqBuilder().UnitId(id).Build())
		return r.CodeError, err
	}

	made, err := create("BU3", "海外", "子公司")
	if wantSDK(t, "create", made.CodeError, err); *made.Data.UnitId != "BU3" {
		t.Errorf("create returns %v", made.Data)
	}
	e, err := patch("BU3", "海外公司")
	wantSDK(t, "patch", e, err)
	got, err := api.Get(ctx, larkcontact.NewGetUnitReqBuilder().UnitId("BU3").Build())
	if wantSDK(t, "get", got.CodeError, err); *got.Data.Unit.Name != "海外公司" || *got.Data.Unit.UnitType != "子公司" {
		t.Errorf("get returns %v", got.Data.Unit)
	}
	list, err := api.List(ctx, larkcontact.NewListUnitReqBuilder().PageSize(2).Build())
	if wantSDK(t, "list", list.CodeError, err); len(list.Data.Unitlist) != 2 || !*list.Data.HasMore {
		t.Errorf("list returns %+v", list.Data)
	}
	e, err = bind("BU3", "department_id", "D2")
	wantSDK(t, "bind", e, err)
	bound, err := api.ListDepartment(ctx, larkcontact.NewListDepartmentUnitReqBuilder().UnitId("BU3").DepartmentIdType("department_id").Build())
	if wantSDK(t, "list_department", bound.CodeError, err); len(bound.Data.Departmentlist) != 1 || *bound.Data.Departmentlist[0].DepartmentId != "D2" {
		t.Errorf("list_department returns %+v", bound.Data)
	}
	e, err = unbind("BU3", "open_department_id", o.second.OpenDepartmentID)
	wantSDK(t, "unbind", e, err)
	e, err = remove("BU3")
	wantSDK(t, "delete", e, err)

	creating := func(id, name, kind string) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := create(id, name, kind)
			return r.CodeError, err
		}
	}
	wantRefusals(t, []sdkRefusal{
		{"bad id", 43051, creating("a b", "x", "y")},
		{"no name", 43052, creating("x", "", "y")},
		{"no type", 43053, creating("x", "x", "")},
		{"name and type taken", 43055, creating("x", "华东", "子公司")},
		{"id taken", 43056, creating("BU1", "x", "y")},
		{"patch nothing", 43051, func() (larkcore.CodeError, error) { return patch("none", "x") }},
		{"patch to no name", 43052, func() (larkcore.CodeError, error) { return patch("BU1", "") }},
		{"patch to a taken name", 43055, func() (larkcore.CodeError, error) { return patch("BU1", "华南") }},
		{"delete nothing", 43051, func() (larkcore.CodeError, error) { return remove("none") }},
		{"get nothing", 43051, func() (larkcore.CodeError, error) {
			r, err := api.Get(ctx, larkcontact.NewGetUnitReqBuilder().UnitId("none").Build())
			return r.CodeError, err
		}},
		{"page size", 40011, func() (larkcore.CodeError, error) {
			r, err := api.List(ctx, larkcontact.NewListUnitReqBuilder().PageSize(101).Build())
			return r.CodeError, err
		}},
		{"page token", 40012, func() (larkcore.CodeError, error) {
			r, err := api.List(ctx, larkcontact.NewListUnitReqBuilder().PageToken("x").Build())
			return r.CodeError, err
		}},
		{"departments of nothing", 43051, func() (larkcore.CodeError, error) {
			r, err := api.ListDepartment(ctx, larkcontact.NewListDepartmentUnitReqBuilder().UnitId("none").Build())
			return r.CodeError, err
		}},
		{"bind to nothing", 43051, func() (larkcore.CodeError, error) { return bind("none", "department_id", "D1") }},
		{"bind what is bound", 43054, func() (larkcore.CodeError, error) { return bind("BU2", "department_id", "D1") }},
		{"bind no department", 43058, func() (larkcore.CodeError, error) { return bind("BU2", "department_id", "D9") }},
		{"unbind what is not bound", 43058, func() (larkcore.CodeError, error) { return unbind("BU2", "department_id", "D2") }},
	})
	o.SetFeatures(sandbox.Features{})
	wantRefusals(t, []sdkRefusal{
		{"create with units off", 43050, creating("x", "x", "y")},
		{"bind with units off", 43050, func() (larkcore.CodeError, error) { return bind("BU2", "department_id", "D2") }},
		{"unbind with units off", 43050, func() (larkcore.CodeError, error) { return unbind("BU1", "department_id", "D1") }},
	})
}

func sdkEnum(content string, kind, status int) *larkcontact.EmployeeTypeEnum {
	return larkcontact.NewEmployeeTypeEnumBuilder().Content(content).EnumType(kind).EnumStatus(status).
		I18nContent([]*larkcontact.I18nContent{larkcontact.NewI18nContentBuilder().Locale("ja_jp").Value(content).Build()}).Build()
}

func TestSDKEmployeeTypes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	api, ctx := o.sdk().EmployeeTypeEnum, t.Context()
	create := func(e *larkcontact.EmployeeTypeEnum) (*larkcontact.CreateEmployeeTypeEnumResp, error) {
		return api.Create(ctx, larkcontact.NewCreateEmployeeTypeEnumReqBuilder().EmployeeTypeEnum(e).Build())
	}
	update := func(id string, e *larkcontact.EmployeeTypeEnum) (*larkcontact.UpdateEmployeeTypeEnumResp, error) {
		return api.Update(ctx, larkcontact.NewUpdateEmployeeTypeEnumReqBuilder().EnumId(id).EmployeeTypeEnum(e).Build())
	}
	remove := func(id string) (larkcore.CodeError, error) {
		r, err := api.Delete(ctx, larkcontact.NewDeleteEmployeeTypeEnumReqBuilder().EnumId(id).Build())
		return r.CodeError, err
	}
	made, err := create(sdkEnum("兼职", 2, 1))
	if wantSDK(t, "create", made.CodeError, err); *made.Data.EmployeeTypeEnum.EnumValue != "7" || *made.Data.EmployeeTypeEnum.I18nContent[0].Value != "兼职" {
		t.Errorf("create returns %v", made.Data.EmployeeTypeEnum)
	}
	changed, err := update(o.enum.EnumID, sdkEnum("返聘人员", 2, 2)) // its id holds slashes
	if wantSDK(t, "update", changed.CodeError, err); *changed.Data.EmployeeTypeEnum.EnumStatus != 2 || *changed.Data.EmployeeTypeEnum.EnumId != o.enum.EnumID {
		t.Errorf("update returns %v", changed.Data.EmployeeTypeEnum)
	}
	all, err := api.ListByIterator(ctx, larkcontact.NewListEmployeeTypeEnumReqBuilder().PageSize(3).Build())
	if err != nil {
		t.Fatal(err)
	}
	var contents, builtIn []string
	for {
		ok, e, err := all.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		contents = append(contents, *e.Content)
		if *e.EnumType == 1 {
			builtIn = append(builtIn, *e.EnumId)
		}
	}
	if !slices.Equal(contents, []string{"正式", "实习", "外包", "劳务", "顾问", "返聘人员", "兼职"}) {
		t.Errorf("the iterator finds %v", contents)
	}
	wantRefusals(t, []sdkRefusal{
		{"content taken", 42301, func() (larkcore.CodeError, error) { r, err := create(sdkEnum("正式", 2, 1)); return r.CodeError, err }},
		{"i18n_content taken", 42302, func() (larkcore.CodeError, error) {
			e := sdkEnum("兼职", 2, 1)
			*e.Content = "别的"
			r, err := create(e)
			return r.CodeError, err
		}},
		{"no status", 99992402, func() (larkcore.CodeError, error) { r, err := create(sdkEnum("x", 2, 0)); return r.CodeError, err }},
		{"built in", 99992402, func() (larkcore.CodeError, error) {
			r, err := update(builtIn[0], sdkEnum("x", 2, 1))
			return r.CodeError, err
		}},
		{"delete a built-in one", 99992402, func() (larkcore.CodeError, error) { return remove(builtIn[4]) }},
		{"delete nothing", 99992402, func() (larkcore.CodeError, error) { return remove("none==") }},
	})
	e, err := remove(o.enum.EnumID)
	wantSDK(t, "delete", e, err)
}

func TestSDKCustomAttrs(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{People: 3})
	api, ctx := k.sdk().CustomAttr, t.Context()
	all, err := api.ListByIterator(ctx, larkcontact.NewListCustomAttrReqBuilder().PageSize(2).Build())
	if err != nil {
		t.Fatal(err)
	}
	defined := k.Truth().CustomAttrs
	found := 0
	for {
		ok, a, err := all.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		found++
		want := defined[*a.Id]
		if *a.Type != want.Type || *a.I18nName[0].Value != want.I18nName[0].Value || (a.Options == nil) != (len(want.Options.Options) == 0) {
			t.Errorf("definition %v, want %+v", a, want)
		}
		if a.Options != nil && (*a.Options.OptionType != want.Options.OptionType || len(a.Options.Options) != len(want.Options.Options)) {
			t.Errorf("options %v, want %+v", a.Options, want.Options)
		}
	}
	if found != len(defined) || found != 5 {
		t.Errorf("the iterator finds %d definitions of %d", found, len(defined))
	}
	list := func(req *larkcontact.ListCustomAttrReqBuilder) func() (larkcore.CodeError, error) {
		return func() (larkcore.CodeError, error) {
			r, err := api.List(ctx, req.Build())
			return r.CodeError, err
		}
	}
	wantRefusals(t, []sdkRefusal{
		{"page size", 40011, list(larkcontact.NewListCustomAttrReqBuilder().PageSize(101))},
		{"page token", 40012, list(larkcontact.NewListCustomAttrReqBuilder().PageToken("x"))},
	})
	k.AllowOpenQuery(false)
	r, err := api.List(ctx, larkcontact.NewListCustomAttrReqBuilder().Build())
	if wantSDK(t, "list with the switch off", r.CodeError, err); len(r.Data.Items) != 0 || *r.Data.HasMore {
		t.Errorf("with the switch off: %+v", r.Data)
	}
}
