package sdktest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkevent "github.com/larksuite/oapi-sdk-go/v3/event"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// typed is a dispatcher with a typed handler for every type, which looks at
// what it decoded and notes the type.
func typed(got *inbox) *dispatcher.EventDispatcher { return typedFor(got, "tok") }

// typedFor expects a token in the header of each event.
func typedFor(got *inbox, token string) *dispatcher.EventDispatcher {
	note := func(base *larkevent.EventV2Base, ok bool) error {
		got.add(base.Header.EventType)
		if !ok || len(base.Header.EventID) != 32 || base.Header.Token != token {
			return errors.New("something is missing")
		}
		if _, err := strconv.ParseInt(base.Header.CreateTime, 10, 64); err != nil || len(base.Header.CreateTime) != 13 {
			return errors.New("create_time is no string of milliseconds")
		}
		return nil
	}
	user := func(u *larkcontact.UserEvent) bool {
		return u != nil && u.OpenId != nil && u.Name != nil && u.Status != nil
	}
	department := func(d *larkcontact.DepartmentEvent) bool {
		return d != nil && d.OpenDepartmentId != nil && d.Order != nil && d.Status != nil
	}
	enum := func(e *larkcontact.EmployeeTypeEnum) bool {
		return e != nil && *e.EnumId != "" && *e.EnumType == 2 && *e.EnumValue != ""
	}
	d := dispatcher.NewEventDispatcher("tok", "key")
	d.InitConfig(larkevent.WithLogger(quiet{}))
	d.OnP2UserCreatedV3(func(_ context.Context, e *larkcontact.P2UserCreatedV3) error {
		return note(e.EventV2Base, user(e.Event.Object) && e.Event.Object.Orders != nil)
	}).OnP2UserUpdatedV3(func(_ context.Context, e *larkcontact.P2UserUpdatedV3) error {
		return note(e.EventV2Base, user(e.Event.Object) && e.Event.OldObject != nil && e.Event.OldObject.OpenId == nil)
	}).OnP2UserDeletedV3(func(_ context.Context, e *larkcontact.P2UserDeletedV3) error {
		return note(e.EventV2Base, user(e.Event.Object) && e.Event.Object.DepartmentIds == nil && len(e.Event.OldObject.DepartmentIds) == 1 && e.Event.OldObject.OpenId != nil)
	}).OnP2DepartmentCreatedV3(func(_ context.Context, e *larkcontact.P2DepartmentCreatedV3) error {
		return note(e.EventV2Base, department(e.Event.Object))
	}).OnP2DepartmentUpdatedV3(func(_ context.Context, e *larkcontact.P2DepartmentUpdatedV3) error {
		return note(e.EventV2Base, department(e.Event.Object) && e.Event.OldObject != nil)
	}).OnP2DepartmentDeletedV3(func(_ context.Context, e *larkcontact.P2DepartmentDeletedV3) error {
		return note(e.EventV2Base, department(e.Event.Object) && e.Event.OldObject.OpenDepartmentId != nil && e.Event.OldObject.Status != nil)
	}).OnP2EmployeeTypeEnumCreatedV3(func(_ context.Context, e *larkcontact.P2EmployeeTypeEnumCreatedV3) error {
		return note(e.EventV2Base, enum(e.Event.NewEnum))
	}).OnP2EmployeeTypeEnumUpdatedV3(func(_ context.Context, e *larkcontact.P2EmployeeTypeEnumUpdatedV3) error {
		return note(e.EventV2Base, enum(e.Event.OldEnum) && enum(e.Event.NewEnum))
	}).OnP2EmployeeTypeEnumActivedV3(func(_ context.Context, e *larkcontact.P2EmployeeTypeEnumActivedV3) error {
		return note(e.EventV2Base, *e.Event.OldEnum.EnumStatus == 2 && *e.Event.NewEnum.EnumStatus == 1)
	}).OnP2EmployeeTypeEnumDeactivatedV3(func(_ context.Context, e *larkcontact.P2EmployeeTypeEnumDeactivatedV3) error {
		return note(e.EventV2Base, *e.Event.OldEnum.EnumStatus == 1 && *e.Event.NewEnum.EnumStatus == 2)
	}).OnP2EmployeeTypeEnumDeletedV3(func(_ context.Context, e *larkcontact.P2EmployeeTypeEnumDeletedV3) error {
		return note(e.EventV2Base, enum(e.Event.OldEnum))
	}).OnP2CustomAttrEventUpdatedV3(func(_ context.Context, e *larkcontact.P2CustomAttrEventUpdatedV3) error {
		return note(e.EventV2Base, e.Event.Object.AllowOpenQuery != nil && e.Event.OldObject.AllowOpenQuery != nil)
	}).OnP2ScopeUpdatedV3(func(_ context.Context, e *larkcontact.P2ScopeUpdatedV3) error {
		return note(e.EventV2Base, len(e.Event.Added.Departments)+len(e.Event.Removed.Departments) > 0 && len(e.Event.Removed.Users)+len(e.Event.Added.Users) > 0)
	})
	return d
}

// everyType is each type there is; live makes at least one of each.
var everyType = []string{
	"contact.custom_attr_event.updated_v3",
	"contact.department.created_v3", "contact.department.deleted_v3", "contact.department.updated_v3",
	"contact.employee_type_enum.actived_v3", "contact.employee_type_enum.created_v3", "contact.employee_type_enum.deactivated_v3",
	"contact.employee_type_enum.deleted_v3", "contact.employee_type_enum.updated_v3",
	"contact.scope.updated_v3",
	"contact.user.created_v3", "contact.user.deleted_v3", "contact.user.updated_v3",
}

// live makes changes of every kind.
func live(t *testing.T, k *kit) {
	t.Helper()
	boss := k.hire("李娜")
	_, err := k.AddUnit(sandbox.Unit{UnitID: "u1", Name: "华东", UnitType: "子公司"})
	must(t, err)
	d, err := k.AddDepartment(sandbox.Department{Name: "研发", ChatID: "oc_1", LeaderUserID: boss.OpenID, HRBPs: []string{boss.OpenID}, UnitIDs: []string{"u1"}})
	must(t, err)
	empty, err := k.AddDepartment(sandbox.Department{Name: "空"})
	must(t, err)
	u, err := k.AddUser(sandbox.User{
		Name: "王伟", EnName: "Wei", Nickname: "小王", Email: "a@x.cn", EnterpriseEmail: "a@ent.cn", Mobile: "+8613000000000", Gender: 1, AvatarKey: "k",
		DepartmentIDs: []string{d.OpenDepartmentID}, LeaderUserID: boss.OpenID, DottedLine: []string{boss.OpenID}, City: "北京", Country: "CN", WorkStation: "w",
		JoinTime: 1615381702, EmployeeNo: "n", EmployeeType: 2, JobTitle: "t", JobLevelID: "jl", JobFamilyID: "jf", IsTenantManager: true,
		CustomAttrs: []sandbox.CustomAttr{
			{Type: "TEXT", ID: "C-1", Value: sandbox.CustomAttrValue{Text: "x"}},
			{Type: "HREF", ID: "C-2", Value: sandbox.CustomAttrValue{Text: "x", URL: "https://x", PcURL: "https://y"}},
			{Type: "ENUMERATION", ID: "C-3", Value: sandbox.CustomAttrValue{OptionID: "o", OptionValue: "v"}},
			{Type: "PICTURE_ENUM", ID: "C-4", Value: sandbox.CustomAttrValue{OptionID: "o", OptionValue: "v", Name: "n", PictureURL: "https://p"}},
			{Type: "GENERIC_USER", ID: "C-5", Value: sandbox.CustomAttrValue{GenericUser: boss.OpenID}},
		},
	})
	must(t, err)
	must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) {
		u.Name, u.Mobile, u.Email, u.Status.IsFrozen, u.CustomAttrs = "x", "+8613000000001", "b@x.cn", true, u.CustomAttrs[:2]
		u.DepartmentIDs = append(slices.Clone(u.DepartmentIDs), empty.OpenDepartmentID)
	}))
	must(t, k.MoveUser(u.OpenID, d.OpenDepartmentID))
	must(t, k.MoveDepartment(d.OpenDepartmentID, empty.OpenDepartmentID))
	must(t, k.SetDepartmentLeader(d.OpenDepartmentID, u.OpenID))
	must(t, k.SetRange(k.AppID(), sandbox.Range{Departments: []string{d.OpenDepartmentID}, Users: []string{u.OpenID}}))
	must(t, k.SetRange(k.AppID(), sandbox.Range{}))
	must(t, k.ResignUser(u.OpenID))
	must(t, k.ChangeUser(u.OpenID, func(u *sandbox.User) { u.Status.IsResigned = false }))
	must(t, k.EraseUser(u.OpenID))
	must(t, k.RemoveDepartment(d.OpenDepartmentID))

	enum, err := k.AddEmployeeType(sandbox.EmployeeType{Content: "返聘"})
	must(t, err)
	for _, change := range []func(*sandbox.EmployeeType){
		func(e *sandbox.EmployeeType) { e.EnumStatus = 2 },
		func(e *sandbox.EmployeeType) { e.EnumStatus = 1 },
		func(e *sandbox.EmployeeType) { e.Content = "返聘人员" },
	} {
		must(t, k.ChangeEmployeeType(enum.EnumID, change))
	}
	must(t, k.RemoveEmployeeType(enum.EnumID))
	_, err = k.AddCustomAttr(sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: "技能"}}})
	must(t, err)
	k.AllowOpenQuery(false)
	k.AllowOpenQuery(true)
}

// callAsStore makes a call in the name of an app of the marketplace.
func (k *kit) callAsStore(app sandbox.App) error {
	cfg := &larkcore.Config{
		BaseUrl: k.URL(), AppId: app.ID, AppSecret: app.Secret, AppType: larkcore.AppTypeMarketplace, EnableTokenCache: true,
		Logger: quiet{}, LogLevel: larkcore.LogLevelError,
	}
	larkcore.NewCache(cfg)
	larkcore.NewSerialization(cfg)
	larkcore.NewHttpClient(cfg)
	resp, err := larkcontact.New(cfg).Scope.List(k.t.Context(), larkcontact.NewListScopeReqBuilder().Build(), larkcore.WithTenantKey(k.Truth().Tenant.TenantKey))
	if err == nil && !resp.Success() {
		err = errors.New(resp.Msg)
	}
	return err
}
