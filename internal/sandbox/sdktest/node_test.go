package sdktest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
	"github.com/orgmirror/orgmirror/internal/sandbox/sdktest/nodesdk"
)

// notInNode are endpoints for which the Node SDK has no method, and why.
var notInNode = map[string]string{
	"POST /auth/v3/tenant_access_token":          "of apps of the marketplace, by their own client",
	"POST /auth/v3/app_access_token":             "of apps of the marketplace, by their own client",
	"POST /auth/v3/app_access_token/internal":    "called by hand only",
	"POST /auth/v3/app_ticket/resend":            "of apps of the marketplace, by their own client",
	"POST /auth/v3/tenant_access_token/internal": "called by the SDK itself before everything else",
	"GET /search/v1/user":                        "of another service",
	"POST /callback/ws/endpoint":                 "called by the SDK's long connection",
}

// nodeStep is one call, the code it must come to, and what is kept of its data
// for later payloads.
type nodeStep struct {
	method  string
	payload func() map[string]any
	code    int
	keep    func(data json.RawMessage)
}

type object = map[string]any

// nodeStory calls every method of the contact API once with success and once with
// an error that its page documents.
type nodeStory struct {
	t          *testing.T
	truth      sandbox.Truth
	person     sandbox.User
	department sandbox.Department

	user, dept, group, unit, enum string // what the story makes
}

func path(pairs ...string) object {
	p := object{}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	return object{"path": p}
}

func with(base object, key string, value any) object {
	base[key] = value
	return base
}

// pluck reads a text out of data by the keys on the way to it.
func (s *nodeStory) pluck(data json.RawMessage, keys ...string) string {
	s.t.Helper()
	var at any
	if err := json.Unmarshal(data, &at); err != nil {
		s.t.Fatalf("data %s: %v", data, err)
	}
	for _, key := range keys {
		next, ok := at.(object)
		if !ok {
			s.t.Fatalf("data %s has no %s", data, strings.Join(keys, "."))
		}
		at = next[key]
	}
	text, ok := at.(string)
	if !ok {
		s.t.Fatalf("data %s has no %s", data, strings.Join(keys, "."))
	}
	return text
}

func just(payload object) func() map[string]any { return func() map[string]any { return payload } }

// reads are the calls that change nothing.
func (s *nodeStory) reads() []nodeStep {
	u, d := s.person, s.department
	group, unit := slices.Sorted(maps.Keys(s.truth.Groups))[0], slices.Sorted(maps.Keys(s.truth.Units))[0]
	params := func(pairs ...any) object {
		p := object{}
		for i := 0; i < len(pairs); i += 2 {
			p[pairs[i].(string)] = pairs[i+1]
		}
		return object{"params": p}
	}
	return []nodeStep{
		{method: "tenant.v2.tenant.query", payload: just(object{})},
		{method: "contact.v3.scope.list", payload: just(params("page_size", 100))},
		{method: "contact.v3.scope.list", payload: just(params("page_size", 101)), code: 40011},
		{method: "contact.v3.user.get", payload: just(path("user_id", u.OpenID))},
		{method: "contact.v3.user.get", payload: just(path("user_id", "ou_none")), code: 99992351},
		{method: "contact.v3.user.findByDepartment", payload: just(params("department_id", d.OpenDepartmentID))},
		{method: "contact.v3.user.findByDepartment", payload: just(params("department_id", d.OpenDepartmentID, "page_token", "x")), code: 40012},
		{method: "contact.v3.user.batch", payload: just(params("user_ids", []string{u.OpenID}))},
		{method: "contact.v3.user.list", payload: just(params("department_id", d.OpenDepartmentID))},
		{method: "contact.v3.user.list", payload: just(params("page_size", 101)), code: 40011},
		{method: "contact.v3.user.basicBatch", payload: just(with(object{}, "data", object{"user_ids": []string{u.OpenID}}))},
		{method: "contact.v3.user.batchGetId", payload: just(object{"data": object{"mobiles": []string{u.Mobile}}})},
		{method: "contact.v3.department.get", payload: just(path("department_id", d.OpenDepartmentID))},
		{method: "contact.v3.department.get", payload: just(path("department_id", "od-none")), code: 99992357},
		{method: "contact.v3.department.children", payload: just(path("department_id", "0"))},
		{method: "contact.v3.department.children", payload: just(with(path("department_id", "0"), "params", object{"page_size": 51})), code: 40011},
		{method: "contact.v3.department.parent", payload: just(params("department_id", d.OpenDepartmentID))},
		{method: "contact.v3.department.batch", payload: just(params("department_ids", []string{d.OpenDepartmentID}))},
		{method: "contact.v3.department.list", payload: just(params("parent_department_id", "0"))},
		{method: "contact.v3.department.list", payload: just(params("page_size", 51)), code: 40011},
		{method: "contact.v3.department.search", payload: just(object{"data": object{"query": d.Name}}), code: 99991663},
		{method: "contact.v3.group.get", payload: just(path("group_id", group))},
		{method: "contact.v3.group.get", payload: just(path("group_id", "none")), code: 42002},
		{method: "contact.v3.group.simplelist", payload: just(object{})},
		{method: "contact.v3.group.simplelist", payload: just(params("page_size", 101)), code: 40011},
		{method: "contact.v3.group.memberBelong", payload: just(params("member_id", u.OpenID))},
		{method: "contact.v3.group.memberBelong", payload: just(params("member_id", u.OpenID, "page_size", 1001)), code: 40011},
		{method: "contact.v3.groupMember.simplelist", payload: just(path("group_id", group))},
		{method: "contact.v3.groupMember.simplelist", payload: just(path("group_id", "none")), code: 42002},
		{method: "contact.v3.unit.get", payload: just(path("unit_id", unit))},
		{method: "contact.v3.unit.get", payload: just(path("unit_id", "none")), code: 43051},
		{method: "contact.v3.unit.list", payload: just(object{})},
		{method: "contact.v3.unit.list", payload: just(params("page_size", 101)), code: 40011},
		{method: "contact.v3.unit.listDepartment", payload: just(params("unit_id", unit))},
		{method: "contact.v3.unit.listDepartment", payload: just(params("unit_id", "none")), code: 43051},
		{method: "contact.v3.employeeTypeEnum.list", payload: just(object{})},
		{method: "contact.v3.employeeTypeEnum.list", payload: just(params("page_size", 101)), code: 40011},
		{method: "contact.v3.customAttr.list", payload: just(object{})},
		{method: "contact.v3.customAttr.list", payload: just(params("page_size", 101)), code: 40011},
	}
}

// peopleAndDepartments are the writes of both.
func (s *nodeStory) peopleAndDepartments() []nodeStep {
	parent := s.department.OpenDepartmentID
	person := func(name, mobile string) object {
		return object{"data": object{"name": name, "mobile": mobile, "department_ids": []string{parent}, "employee_type": 1}}
	}
	user := func() object { return path("user_id", s.user) }
	dept := func() object { return path("department_id", s.dept) }
	return []nodeStep{
		{method: "contact.v3.user.create", payload: just(person("王芳", "13912340001")), keep: func(d json.RawMessage) { s.user = s.pluck(d, "user", "open_id") }},
		{method: "contact.v3.user.create", payload: just(person("王芳", "13912340001")), code: 41001},
		{method: "contact.v3.user.patch", payload: func() object { return with(user(), "data", object{"nickname": "小芳"}) }},
		{method: "contact.v3.user.patch", payload: func() object { return with(user(), "data", object{"leader_user_id": s.user}) }, code: 41030},
		{method: "contact.v3.user.update", payload: func() object { return with(user(), "data", person("王芳芳", "13912340001")["data"]) }},
		{method: "contact.v3.user.updateUserId", payload: func() object { return with(user(), "data", object{"new_user_id": "wangfang"}) }},
		{method: "contact.v3.user.updateUserId", payload: func() object { return with(user(), "data", object{"new_user_id": s.person.UserID}) }, code: 41011},
		{method: "contact.v3.user.resurrect", payload: user, code: 44033},
		{method: "contact.v3.user.delete", payload: user},
		{method: "contact.v3.user.resurrect", payload: func() object {
			return with(user(), "data", object{"departments": []object{{"department_id": parent}}})
		}},
		{
			method: "contact.v3.department.create", payload: just(object{"data": object{"name": "新部门", "parent_department_id": parent, "create_group_chat": true}}),
			keep: func(d json.RawMessage) { s.dept = s.pluck(d, "department", "open_department_id") },
		},
		{method: "contact.v3.department.create", payload: just(object{"data": object{"name": "一/二", "parent_department_id": parent}}), code: 43029},
		{method: "contact.v3.department.patch", payload: func() object { return with(dept(), "data", object{"name": "改名部"}) }},
		{method: "contact.v3.department.patch", payload: just(with(path("department_id", "0"), "data", object{"name": "根"})), code: 40002},
		{method: "contact.v3.department.update", payload: func() object {
			return with(dept(), "data", object{"name": "再改名部", "parent_department_id": "0"})
		}},
		{method: "contact.v3.department.unbindDepartmentChat", payload: func() object { return object{"data": object{"department_id": s.dept}} }},
		{method: "contact.v3.department.unbindDepartmentChat", payload: func() object { return object{"data": object{"department_id": s.dept}} }, code: 40020},
		{method: "contact.v3.department.updateDepartmentId", payload: func() object { return with(dept(), "data", object{"new_department_id": "NEWDEPT"}) }},
		{method: "contact.v3.department.delete", payload: just(path("department_id", parent)), code: 43011},
		{method: "contact.v3.department.delete", payload: dept},
	}
}

// groupsAndTheRest are the writes of everything else.
func (s *nodeStory) groupsAndTheRest() []nodeStep {
	group := func() object { return path("group_id", s.group) }
	unit := func() object { return path("unit_id", s.unit) }
	member := object{"member_type": "user", "member_id_type": "open_id", "member_id": s.person.OpenID}
	members := object{"members": []object{member}}
	bind := func() object {
		return object{"data": object{"unit_id": s.unit, "department_id": s.department.OpenDepartmentID, "department_id_type": "open_department_id"}}
	}
	enum := object{"content": "顾问团", "enum_type": 2, "enum_status": 1}
	return []nodeStep{
		{method: "contact.v3.group.create", payload: just(object{"data": object{"name": "新组"}}), keep: func(d json.RawMessage) { s.group = s.pluck(d, "group_id") }},
		{method: "contact.v3.group.create", payload: just(object{"data": object{"name": "新组"}}), code: 47009},
		{method: "contact.v3.group.patch", payload: func() object { return with(group(), "data", object{"description": "说明"}) }},
		{method: "contact.v3.groupMember.add", payload: func() object { return with(group(), "data", member) }},
		{method: "contact.v3.groupMember.add", payload: func() object { return with(group(), "data", member) }, code: 42005},
		{method: "contact.v3.group.delete", payload: group, code: 42017},
		{method: "contact.v3.groupMember.remove", payload: func() object { return with(group(), "data", member) }},
		{method: "contact.v3.groupMember.batchAdd", payload: func() object { return with(group(), "data", members) }},
		{method: "contact.v3.groupMember.batchRemove", payload: func() object { return with(group(), "data", members) }},
		{method: "contact.v3.group.delete", payload: group},
		{method: "contact.v3.unit.create", payload: just(object{"data": object{"name": "新单位", "unit_type": "子公司"}}), keep: func(d json.RawMessage) { s.unit = s.pluck(d, "unit_id") }},
		{method: "contact.v3.unit.create", payload: just(object{"data": object{"name": "新单位", "unit_type": "子公司"}}), code: 43055},
		{method: "contact.v3.unit.patch", payload: func() object { return with(unit(), "data", object{"name": "改名单位"}) }},
		{method: "contact.v3.unit.bindDepartment", payload: bind},
		{method: "contact.v3.unit.unbindDepartment", payload: bind},
		{method: "contact.v3.unit.delete", payload: unit},
		{method: "contact.v3.unit.delete", payload: unit, code: 43051},
		{method: "contact.v3.employeeTypeEnum.create", payload: just(object{"data": enum}), keep: func(d json.RawMessage) { s.enum = s.pluck(d, "employee_type_enum", "enum_id") }},
		{method: "contact.v3.employeeTypeEnum.create", payload: just(object{"data": enum}), code: 42301},
		{method: "contact.v3.employeeTypeEnum.update", payload: func() object {
			return with(path("enum_id", s.enum), "data", object{"content": "外聘顾问团", "enum_type": 2, "enum_status": 2})
		}},
		{method: "contact.v3.employeeTypeEnum.delete", payload: func() object { return path("enum_id", s.enum) }},
	}
}

// The Node SDK calls every method that it has, and gets what the pages document.
func TestNodeSDKCallsEveryMethod(t *testing.T) {
	t.Parallel()
	feishu := start(t, sandbox.Config{People: 80, Departments: 20, Seed: 5})
	node := startNode(t, feishu.Server)
	s := &nodeStory{t: t, truth: feishu.Truth()}
	for _, id := range slices.Sorted(maps.Keys(s.truth.Users)) {
		u := s.truth.Users[id]
		if d := s.truth.Departments[u.DepartmentIDs[0]]; !u.IsTenantManager && u.Mobile != "" && u.Status.IsActivated && d.ParentDepartmentID != "0" && len(d.UnitIDs) == 0 {
			s.person, s.department = u, d
			break
		}
	}
	for i, step := range slices.Concat(s.reads(), s.peopleAndDepartments(), s.groupsAndTheRest()) {
		r := node.Call(step.method, step.payload())
		if r.Body.Code != step.code || r.OK != (step.code == 0) && r.Status == 200 {
			t.Errorf("step %d, %s: %+v with code %d %s, want %d", i, step.method, r.Status, r.Body.Code, r.Body.Msg, step.code)
			continue
		}
		if step.keep != nil && step.code == 0 {
			step.keep(r.Body.Data)
		}
	}
	s.search(node, feishu.Server)

	stats := feishu.Stats()
	for _, name := range feishu.Endpoints() {
		if why := notInNode[name]; why == "" && stats[name].ByCode[0] == 0 {
			t.Errorf("%s was not called with success", name)
		}
	}
}

// search looks for a department in a person's name, which no app may.
func (s *nodeStory) search(node *nodesdk.SDK, feishu *sandbox.Server) {
	token, err := feishu.MintUserToken(feishu.AppID(), s.person.OpenID, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r := node.Do(object{"call": "contact.v3.department.search", "payload": object{"data": object{"query": s.department.Name}}, "user_token": token})
	if r.Body.Code != 0 || !strings.Contains(string(r.Body.Data), s.department.OpenDepartmentID) {
		s.t.Errorf("search as a person: %+v %s", r.Body, r.Error)
	}
}

// The Node SDK's iterators walk to the end, and no further.
func TestNodeSDKIterates(t *testing.T) {
	t.Parallel()
	feishu := start(t, sandbox.Config{People: 60, Departments: 30, Seed: 2})
	node := startNode(t, feishu.Server)
	r := node.Do(object{"iterate": "contact.v3.department.childrenWithIterator", "payload": object{
		"path": object{"department_id": "0"}, "params": object{"fetch_child": true, "page_size": 7},
	}})
	if !r.OK {
		t.Fatalf("iterate: %s", r.Error)
	}
	found := map[string]bool{}
	for _, page := range r.Pages {
		var list struct {
			Items []struct {
				ID string `json:"open_department_id"`
			} `json:"items"`
		}
		if err := json.Unmarshal(page, &list); err != nil {
			t.Fatal(err)
		}
		for _, d := range list.Items {
			found[d.ID] = true
		}
	}
	if want := feishu.Truth().Departments; len(found) != len(want) {
		t.Errorf("the iterator finds %d departments in %d pages, want %d", len(found), len(r.Pages), len(want))
	}
	if calls := feishu.Stats()["GET /contact/v3/departments/:department_id/children"].Calls; calls != (len(found)+6)/7 {
		t.Errorf("it takes %s", fmt.Sprintf("%d calls for %d departments, 7 a page", calls, len(found)))
	}
}
