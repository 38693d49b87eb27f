package sandbox_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// invoke calls a contact method with the kit's token.
func (k *kit) invoke(method, path, body string) reply {
	k.t.Helper()
	return k.send(method, "/open-apis/contact/v3"+path, "Bearer "+k.token, body)
}

// asApp lets another app in and is a kit that calls as that app.
func (k *kit) asApp(a sandbox.App) *kit {
	k.t.Helper()
	a.ID, a.Secret = fmt.Sprintf("cli_test%d", apps.Add(1)), "another secret"
	if err := k.AddApp(a); err != nil {
		k.t.Fatal(err)
	}
	other := *k
	if a.Store {
		other.token = k.storeToken(a)
		return &other
	}
	r := k.send(http.MethodPost, tokenURL, "", fmt.Sprintf(`{"app_id":%q,"app_secret":%q}`, a.ID, a.Secret))
	if r.Tenant == "" {
		k.t.Fatalf("token request answers %s", r.raw)
	}
	other.token = r.Tenant
	return &other
}

const (
	storeAppURL    = "/open-apis/auth/v3/app_access_token"
	storeTenantURL = "/open-apis/auth/v3/tenant_access_token"
	resendURL      = "/open-apis/auth/v3/app_ticket/resend"
)

// storeToken walks the way of an app of the marketplace to its token.
func (k *kit) storeToken(a sandbox.App) string {
	k.t.Helper()
	credentials := fmt.Sprintf(`{"app_id":%q,"app_secret":%q}`, a.ID, a.Secret)
	if r := k.send(http.MethodPost, resendURL, "", credentials); r.Code != 0 {
		k.t.Fatalf("resend answers %s", r.raw)
	}
	app := k.send(http.MethodPost, storeAppURL, "", fmt.Sprintf(`{"app_id":%q,"app_secret":%q,"app_ticket":%q}`, a.ID, a.Secret, sandbox.Ticket(k.Server, a.ID)))
	if app.App == "" {
		k.t.Fatalf("app token request answers %s", app.raw)
	}
	tenant := k.send(http.MethodPost, storeTenantURL, "", fmt.Sprintf(`{"app_access_token":%q,"tenant_key":%q}`, app.App, k.Truth().Tenant.TenantKey))
	if tenant.Tenant == "" {
		k.t.Fatalf("tenant token request answers %s", tenant.raw)
	}
	return tenant.Tenant
}

// office is a small company in which everything has a name: two departments
// with a person each, one of each kind of group, a unit bound to the first
// department and another one bound to none, a type of its own.
type office struct {
	*kit
	first, second sandbox.Department
	wang, li      sandbox.User // in first and in second
	gone          sandbox.User // has resigned
	staff         sandbox.Group
	rule          sandbox.Group // dynamic, with wang in it
	unit, spare   sandbox.Unit
	enum          sandbox.EmployeeType
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{kit: start(t, sandbox.Config{})}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	o.first, err = o.AddDepartment(sandbox.Department{Name: "研发", DepartmentID: "D1"})
	must(err)
	o.second, err = o.AddDepartment(sandbox.Department{Name: "市场", DepartmentID: "D2"})
	must(err)
	o.wang, err = o.AddUser(sandbox.User{Name: "王伟", UserID: "wang", DepartmentIDs: []string{o.first.OpenDepartmentID}})
	must(err)
	o.li, err = o.AddUser(sandbox.User{Name: "李娜", UserID: "li", DepartmentIDs: []string{o.second.OpenDepartmentID}})
	must(err)
	o.gone, err = o.AddUser(sandbox.User{Name: "赵敏", UserID: "gone", DepartmentIDs: []string{o.first.OpenDepartmentID}})
	must(err)
	must(o.ResignUser(o.gone.OpenID))
	o.staff, err = o.AddGroup(sandbox.Group{ID: "staff", Name: "员工", Description: "所有人", Users: []string{o.wang.OpenID}, Departments: []string{o.second.OpenDepartmentID}})
	must(err)
	o.rule, err = o.AddGroup(sandbox.Group{ID: "rule", Name: "规则", Type: 2, Users: []string{o.wang.OpenID}})
	must(err)
	o.unit, err = o.AddUnit(sandbox.Unit{UnitID: "BU1", Name: "华东", UnitType: "子公司", Departments: []string{o.first.OpenDepartmentID}})
	must(err)
	o.spare, err = o.AddUnit(sandbox.Unit{UnitID: "BU2", Name: "华南", UnitType: "子公司"})
	must(err)
	o.enum, err = o.AddEmployeeType(sandbox.EmployeeType{EnumID: "a/b+c/d==", Content: "返聘", I18nContent: []sandbox.Text{{Locale: "en_us", Value: "Rehired"}}})
	must(err)
	return o
}

// narrow is a kit of an app that sees the first department alone.
func (o *office) narrow() *kit {
	return o.asApp(sandbox.App{Range: sandbox.Range{Departments: []string{o.first.OpenDepartmentID}}})
}

// member is a body of add and remove.
func member(id string) string {
	return fmt.Sprintf(`{"member_type":"user","member_id_type":"open_id","member_id":%q}`, id)
}

// members is a body of batch_add and batch_remove.
func members(ids ...string) string {
	list := ""
	for _, id := range ids {
		list += "," + member(id)
	}
	return `{"members":[` + list[1:] + `]}`
}

// refusedWith is Feishu's code of a refusal; 0 where it is none.
func refusedWith(err error) int {
	var refused *sandbox.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}
