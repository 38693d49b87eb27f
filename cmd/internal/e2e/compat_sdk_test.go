package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"
	larktenant "github.com/larksuite/oapi-sdk-go/v3/service/tenant/v2"

	"github.com/orgmirror/orgmirror/internal/sandbox/sdktest/nodesdk"
)

// question is one call that two services are asked: a method by its name in the
// Node SDK, and what it takes, by Feishu's names.
type question struct {
	method string
	path   map[string]string
	params map[string]any // texts, numbers, booleans and lists of texts
	data   map[string]any
}

func (q question) String() string {
	return fmt.Sprintf("%s %v %v %v", q.method, q.path, q.params, q.data)
}

// with is the question with another parameter.
func (q question) with(name string, value any) question {
	params := map[string]any{name: value}
	for k, v := range q.params {
		if k != name {
			params[k] = v
		}
	}
	q.params = params
	return q
}

// replied is what an SDK made of an answer.
type replied struct {
	status, code int
	msg          string
	data         any    // decoded by the SDK
	failed       string // what the SDK itself found wrong
}

// asker is a service through an SDK.
type asker interface {
	ask(t *testing.T, q question) replied
}

// goSDK is a service through the official Go SDK.
type goSDK struct {
	contact *larkcontact.V3
	tenant  *larktenant.V2
	person  string // an access token of a person, for methods that take no app's
}

// newGoSDK wires the SDK's services as its root client does, which would bring all
// the others along.
func newGoSDK(t *testing.T, url, appID, appSecret, person string) goSDK {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	cfg := &larkcore.Config{
		BaseUrl: url, AppId: appID, AppSecret: appSecret, AppType: larkcore.AppTypeSelfBuilt,
		EnableTokenCache: true, HttpClient: client, LogLevel: larkcore.LogLevelError,
	}
	larkcore.NewLogger(cfg)
	larkcore.NewCache(cfg)
	larkcore.NewSerialization(cfg)
	return goSDK{contact: larkcontact.New(cfg), tenant: larktenant.New(cfg), person: person}
}

// goMethod is how the SDK calls a method: a builder of requests and the function.
type goMethod struct{ builder, call any }

func (g goSDK) methods() map[string]goMethod {
	c := g.contact
	return map[string]goMethod{
		"tenant.v2.tenant.query":            {nil, g.tenant.Tenant.Query},
		"contact.v3.user.get":               {larkcontact.NewGetUserReqBuilder, c.User.Get},
		"contact.v3.user.batch":             {larkcontact.NewBatchUserReqBuilder, c.User.Batch},
		"contact.v3.user.findByDepartment":  {larkcontact.NewFindByDepartmentUserReqBuilder, c.User.FindByDepartment},
		"contact.v3.user.list":              {larkcontact.NewListUserReqBuilder, c.User.List},
		"contact.v3.user.batchGetId":        {larkcontact.NewBatchGetIdUserReqBuilder, c.User.BatchGetId},
		"contact.v3.department.get":         {larkcontact.NewGetDepartmentReqBuilder, c.Department.Get},
		"contact.v3.department.batch":       {larkcontact.NewBatchDepartmentReqBuilder, c.Department.Batch},
		"contact.v3.department.children":    {larkcontact.NewChildrenDepartmentReqBuilder, c.Department.Children},
		"contact.v3.department.parent":      {larkcontact.NewParentDepartmentReqBuilder, c.Department.Parent},
		"contact.v3.department.list":        {larkcontact.NewListDepartmentReqBuilder, c.Department.List},
		"contact.v3.department.search":      {larkcontact.NewSearchDepartmentReqBuilder, c.Department.Search},
		"contact.v3.employeeTypeEnum.list":  {larkcontact.NewListEmployeeTypeEnumReqBuilder, c.EmployeeTypeEnum.List},
		"contact.v3.customAttr.list":        {larkcontact.NewListCustomAttrReqBuilder, c.CustomAttr.List},
		"contact.v3.scope.list":             {larkcontact.NewListScopeReqBuilder, c.Scope.List},
		"contact.v3.group.get":              {larkcontact.NewGetGroupReqBuilder, c.Group.Get},
		"contact.v3.group.simplelist":       {larkcontact.NewSimplelistGroupReqBuilder, c.Group.Simplelist},
		"contact.v3.group.memberBelong":     {larkcontact.NewMemberBelongGroupReqBuilder, c.Group.MemberBelong},
		"contact.v3.groupMember.simplelist": {larkcontact.NewSimplelistGroupMemberReqBuilder, c.GroupMember.Simplelist},
		"contact.v3.unit.get":               {larkcontact.NewGetUnitReqBuilder, c.Unit.Get},
		"contact.v3.unit.list":              {larkcontact.NewListUnitReqBuilder, c.Unit.List},
		"contact.v3.unit.listDepartment":    {larkcontact.NewListDepartmentUnitReqBuilder, c.Unit.ListDepartment},
	}
}

func (g goSDK) ask(t *testing.T, q question) replied {
	t.Helper()
	m, known := g.methods()[q.method]
	if !known {
		t.Fatalf("the Go SDK has no %s", q.method)
	}
	args := []reflect.Value{reflect.ValueOf(t.Context())}
	if m.builder != nil {
		args = append(args, build(t, m.builder, q))
	}
	if q.method == "contact.v3.department.search" { // of people only
		args = append(args, reflect.ValueOf(larkcore.WithUserAccessToken(g.person)))
	}
	out := reflect.ValueOf(m.call).Call(args)
	if err, failed := out[1].Interface().(error); failed {
		return replied{failed: err.Error()}
	}
	answer := out[0].Elem()
	return replied{
		status: int(answer.FieldByName("StatusCode").Int()), code: int(answer.FieldByName("Code").Int()), msg: answer.FieldByName("Msg").String(),
		data: asPlain(t, answer.FieldByName("Data").Interface()),
	}
}

// build makes the SDK's request. Its builders are named as Feishu's parameters are.
func build(t *testing.T, builder any, q question) reflect.Value {
	t.Helper()
	b := reflect.ValueOf(builder).Call(nil)[0]
	set := func(name string, value any) {
		f := b.MethodByName(camel(name))
		if !f.IsValid() {
			t.Fatalf("%s has no %s", b.Type(), camel(name))
		}
		f.Call([]reflect.Value{reflect.ValueOf(value)})
	}
	for name, value := range q.path {
		set(name, value)
	}
	for name, value := range q.params {
		set(name, value)
	}
	if q.data != nil {
		body := reflect.New(b.MethodByName("Body").Type().In(0).Elem())
		if err := json.Unmarshal([]byte(text(q.data)), body.Interface()); err != nil {
			t.Fatal(err)
		}
		set("body", body.Interface())
	}
	return b.MethodByName("Build").Call(nil)[0]
}

func camel(name string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		out.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return out.String()
}

// asPlain is what encoding/json makes of what it decoded into types.
func asPlain(t *testing.T, typed any) (out any) {
	t.Helper()
	raw, err := json.Marshal(typed)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// js is a service through the official Node SDK.
type js struct {
	sdk    *nodesdk.SDK
	person string
}

func (n js) ask(t *testing.T, q question) replied {
	t.Helper()
	payload := object{"params": q.params}
	if q.path != nil {
		payload["path"] = q.path
	}
	if q.data != nil {
		payload["data"] = q.data
	}
	command := object{"call": q.method, "payload": payload}
	if q.method == "contact.v3.department.search" {
		command["user_token"] = n.person
	}
	r := n.sdk.Do(command)
	out := replied{status: r.Status, code: r.Body.Code, msg: r.Body.Msg}
	if r.OK {
		out.status = http.StatusOK
	} else if r.Status == 0 {
		out.failed = r.Error
	}
	if len(r.Body.Data) > 0 {
		if err := json.Unmarshal(r.Body.Data, &out.data); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// pages asks for all pages of a list. Services have page tokens of their own; what
// there is, and on how many pages, they must agree on.
func pages(t *testing.T, a asker, q question) (all []replied) {
	t.Helper()
	for {
		r := a.ask(t, q)
		data, _ := r.data.(map[string]any)
		token, more := data["page_token"].(string)
		if more {
			data["page_token"] = "a token"
		}
		all = append(all, r)
		if !more || len(all) > 2000 {
			return all
		}
		q = q.with("page_token", token)
	}
}

// lists are the methods that page.
func (q question) list() bool {
	return slices.ContainsFunc([]string{"findByDepartment", "list", "children", "parent", "search", "simplelist", "memberBelong", "listDepartment"}, func(name string) bool {
		return strings.HasSuffix(q.method, "."+name)
	})
}
