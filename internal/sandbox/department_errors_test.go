package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The codes that Feishu documents for each method that writes departments.
func documentedForDepartments() map[string][]int {
	return map[string][]int{
		"create": codes(`40003 40004 40008 40010 40014 40016 40018 40021 41012 42006 43000 43004 43005 43007 43008 43013 43017 43018
			43019 43021 43022 43023 43024 43025 43026 43028 43029 44101`),
		"delete": codes(`40002 40003 40004 40014 42008 43011 43012`),
		"patch": codes(`40002 40003 40004 40008 40014 42008 43005 43013 43016 43017 43018 43019 43021 43022 43023 43024 43025 43026 43028
			43029 43030 43031`),
		"put": codes(`40002 40003 40004 40008 40010 40014 40016 40017 40018 42008 43004 43005 43013 43017 43018 43019 43021 43022 43023
			43024 43025 43026 43028 43029 43030 43031`),
		"unbind":               codes(`40002 40003 40004 40020`),
		"search":               codes(`48001 48002`),
		"update_department_id": codes(`40001 43009 40007 42008`),
	}
}

// What is out of reach of the methods that write departments, and why.
func beyondDepartments() []unreachable {
	return []unreachable{
		{"", codes(`40003 43024 43030 48002`), "nothing breaks and nothing is contended by itself; ask for a fault"},
		{"", codes(`42008`), "there is one tenant"},
		{"", codes(`40010 43021`), "no method takes the id of a chat"},
		{"", codes(`43023 43031`), "nothing is managed from elsewhere"},
		{"", codes(`43009`), "Feishu does not say how often is too often"},
		{"create", codes(`40004`), "what is out of range is the parent: 40014"},
		{"create", codes(`43000`), "ids are made, and a chosen one has 43007"},
		{"patch", codes(`43017`), "the method does not take unit_ids"},
		{"put", codes(`43004 43017`), "the method does not take unit_ids"},
		{"put", codes(`43028`), "the method does not take department_hrbps"},
	}
}

// tree is the company in which requests about departments are refused.
type tree struct {
	*kit
	a, a1, a2, b, low, lower       sandbox.Department // a1 and a2 are below a, lower below low
	deepest, above                 sandbox.Department // of the 25th level and of the 24th
	crowded                        sandbox.Department // has as many children as it can
	u, second, gone, unjoined, far sandbox.User       // far sits in b
	narrow, person                 string
}

func newTree(t *testing.T) *tree {
	t.Helper()
	k := start(t, sandbox.Config{})
	e := &tree{kit: k}
	below := func(parent sandbox.Department, name string) sandbox.Department {
		return k.department(sandbox.Department{Name: name, ParentDepartmentID: parent.OpenDepartmentID, I18nName: sandbox.I18nName{EnUS: "en " + name}})
	}
	root := sandbox.Department{OpenDepartmentID: "0"}
	e.a, e.b, e.low = below(root, "甲"), below(root, "乙"), below(root, "低")
	e.a1, e.a2, e.lower = below(e.a, "一"), below(e.a, "二"), below(e.low, "更低")
	e.deepest = below(root, "深")
	for level := 2; level <= 25; level++ {
		e.above, e.deepest = e.deepest, below(e.deepest, fmt.Sprint("深", level))
	}
	e.crowded = below(root, "满")
	for i := range 10 {
		below(e.crowded, fmt.Sprint("子", i))
	}
	sandbox.SetLimits(k.Server, 100, 10, 100)
	sandbox.DefineUnit(k.Server, "full", 1000)
	e.u, e.second = k.user(sandbox.User{Name: "王伟"}), k.user(sandbox.User{Name: "李娜"})
	e.far = k.user(sandbox.User{Name: "远", DepartmentIDs: []string{e.b.OpenDepartmentID}})
	e.unjoined = k.user(sandbox.User{Name: "未", Status: sandbox.Status{IsUnjoin: true}})
	e.gone = k.user(sandbox.User{Name: "离"})
	if err := k.ResignUser(e.gone.OpenID); err != nil {
		t.Fatal(err)
	}
	e.narrow = k.appToken(sandbox.App{Range: sandbox.Range{Departments: []string{e.a.OpenDepartmentID}}})
	e.person = k.in(e.u.OpenID)
	k.do(http.MethodPost, "/contact/v3/departments", object{"name": "先", "parent_department_id": "0"}, "client_token", "t1").wantCode(t, 200, 0)
	return e
}

func leader(kind int, u sandbox.User) object {
	return object{"leaderType": kind, "leaderID": u.OpenID}
}

// drafts are refused whichever of the methods named takes them: C create, P
// patch, R put.
func (e *tree) drafts() []refusal {
	var out []refusal
	for _, d := range []struct {
		methods string
		more    object
		code    int
	}{
		{"CPR", object{"name": "二"}, 43022},
		{"CPR", object{"name": "a/b"}, 43029},
		{"CPR", object{"i18n_name": object{"ja_jp": "a/b"}}, 43029},
		{"CPR", object{"i18n_name": object{"en_us": "en 二"}}, 43018},
		{"CPR", object{"parent_department_id": e.deepest.OpenDepartmentID}, 43019},
		{"CPR", object{"parent_department_id": e.crowded.OpenDepartmentID}, 43013},
		{"CPR", object{"parent_department_id": "od-none"}, 99992357},
		{"CPR", object{"order": "first"}, 40018},
		{"CPR", object{"order": "-1"}, 40018},
		{"CPR", object{"order": fmt.Sprint(e.a2.Order)}, 43005},
		{"CPR", object{"order": 5}, 99992402},
		{"C", object{"leader_user_id": "ou_nobody"}, 41012},
		{"PR", object{"leader_user_id": "ou_nobody"}, 99992351},
		{"CPR", object{"leader_user_id": e.gone.OpenID}, 42006},
		{"CPR", object{"leader_user_id": e.unjoined.OpenID, "parent_department_id": "0"}, 43025},
		{"CPR", object{"leaders": []object{leader(1, e.u), leader(2, e.u)}}, 43016},
		{"CPR", object{"leaders": []object{leader(2, e.u)}}, 40018},
		{"CPR", object{"leaders": []object{leader(1, e.u), leader(1, e.second)}}, 40018},
		{"CPR", object{"leaders": []object{leader(3, e.u)}}, 40018},
		{"CPR", object{"leaders": []object{{"leaderType": 1}}}, 40018},
		{"CPR", object{"leaders": []object{leader(1, e.u)}, "leader_user_id": e.second.OpenID}, 40018},
		{"CPR", object{"group_chat_employee_types": []int{99}}, 43026},
		{"CP", object{"department_hrbps": []string{"ou_nobody"}}, 43028},
		{"CP", object{"department_hrbps": []string{e.gone.OpenID}}, 43028},
		{"CP", object{"department_hrbps": make([]string, 501)}, 43028},
		{"C", object{"department_id": e.a.DepartmentID}, 43007},
		{"C", object{"department_id": "od-1"}, 43008},
		{"C", object{"department_id": "1"}, 43008},
		{"C", object{"department_id": "a b"}, 43008},
		{"C", object{"unit_ids": []string{"none"}}, 43004},
		{"C", object{"unit_ids": []string{"full"}}, 43017},
		{"C", object{"unit_ids": []string{"full", "none"}}, 40018},
		{"C", object{"name": nil}, 40016},
		{"CR", object{"name": ""}, 40016},
		{"R", object{"name": nil}, 40016},
		{"P", object{"name": " "}, 40008},
		{"C", object{"parent_department_id": nil}, 44101},
		{"R", object{"parent_department_id": nil}, 40017},
	} {
		for _, method := range d.methods {
			out = append(out, e.draft(method, d.more, d.code))
		}
	}
	return out
}

func (e *tree) draft(method rune, more object, code int) refusal {
	body := object{"name": "一", "parent_department_id": e.a.OpenDepartmentID}
	at := "/contact/v3/departments/" + e.a1.OpenDepartmentID
	r := refusal{status: http.StatusBadRequest, code: code}
	switch method {
	case 'C':
		r.method, r.verb, r.path, r.body = "create", http.MethodPost, "/contact/v3/departments", with(with(body, object{"name": "新"}), more)
		if code == 40016 {
			r.status = http.StatusUnauthorized
		}
	case 'P':
		r.method, r.verb, r.path, r.body = "patch", http.MethodPatch, at, with(object{}, more)
	default:
		r.method, r.verb, r.path, r.body = "put", http.MethodPut, at, with(body, more)
	}
	return r
}

// special are refusals that depend on who asks, and about what.
func (e *tree) special() []refusal {
	const all, post, patch, put, del = "/contact/v3/departments", http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
	at := func(d sandbox.Department) string { return all + "/" + d.OpenDepartmentID }
	body := object{"name": "新", "parent_department_id": "0"}
	tenant := func(o *sandbox.Options) { o.UniqueDepartmentNames = sandbox.NamesUniqueInTenant }
	newID := func(id string) object { return object{"new_department_id": id} }
	return []refusal{
		{method: "create", verb: post, path: all, body: object{}, code: 40008},
		{method: "create", verb: post, path: all, body: body, token: e.narrow, status: 403, code: 40014},
		{method: "create", verb: post, path: all, body: body, params: []string{"client_token", "t1"}, code: 40021},
		{method: "create", verb: post, path: all, body: with(body, object{"name": "一"}), code: 43022, options: tenant},
		{method: "create", verb: post, path: all, body: body, token: e.person, code: 99991668},
		{method: "delete", verb: del, path: all + "/0", code: 40002},
		{method: "delete", verb: del, path: at(e.b), token: e.narrow, status: 403, code: 40004},
		{method: "delete", verb: del, path: at(e.a), token: e.narrow, status: 403, code: 40014},
		{method: "delete", verb: del, path: at(e.b), code: 43011},
		{method: "delete", verb: del, path: at(e.a), code: 43012},
		{method: "delete", verb: del, path: all + "/od-none", code: 99992357},
		{method: "patch", verb: patch, path: all + "/0", body: body, code: 40002},
		{method: "patch", verb: patch, path: at(e.b), body: object{"name": "新"}, token: e.narrow, status: 403, code: 40004},
		{method: "patch", verb: patch, path: at(e.a1), body: object{}, code: 40008},
		{method: "patch", verb: patch, path: at(e.a1), body: object{"parent_department_id": "0"}, token: e.narrow, status: 403, code: 40014},
		{method: "patch", verb: patch, path: at(e.low), body: object{"parent_department_id": e.above.OpenDepartmentID}, code: 43019},
		{method: "patch", verb: patch, path: at(e.low), body: object{"parent_department_id": e.lower.OpenDepartmentID}, code: 40001},
		{method: "patch", verb: patch, path: at(e.lower), body: object{"name": "甲"}, code: 43022, options: tenant},
		{method: "put", verb: put, path: all + "/0", body: body, code: 40002},
		{method: "put", verb: put, path: at(e.b), body: body, token: e.narrow, status: 403, code: 40004},
		{method: "put", verb: put, path: at(e.a1), body: "", code: 40008},
		{method: "put", verb: put, path: at(e.a1), body: body, token: e.narrow, status: 403, code: 40014},
		{method: "unbind", verb: post, path: all + "/unbind_department_chat", body: object{"department_id": "0"}, code: 40002},
		{method: "unbind", verb: post, path: all + "/unbind_department_chat", body: object{"department_id": e.b.OpenDepartmentID}, token: e.narrow, status: 403, code: 40004},
		{method: "unbind", verb: post, path: all + "/unbind_department_chat", body: object{"department_id": e.b.OpenDepartmentID}, status: 403, code: 40020},
		{method: "unbind", verb: post, path: all + "/unbind_department_chat", body: object{}, code: 99992402},
		{method: "search", verb: post, path: all + "/search", body: object{"query": "甲"}, code: 99991663},
		{method: "search", verb: post, path: all + "/search", body: object{}, token: e.person, code: 48001},
		{method: "search", verb: post, path: all + "/search", body: object{"query": "甲"}, params: []string{"page_size", "51"}, token: e.person, code: 48001},
		{method: "search", verb: post, path: all + "/search", body: object{"query": "甲"}, params: []string{"page_token", "x"}, token: e.person, code: 48001},
		{method: "update_department_id", verb: patch, path: at(e.a) + "/update_department_id", body: newID("od-1"), code: 40001},
		{method: "update_department_id", verb: patch, path: at(e.a) + "/update_department_id", body: newID(""), code: 40001},
		{method: "update_department_id", verb: patch, path: at(e.a) + "/update_department_id", body: newID(e.b.DepartmentID), code: 40001},
		{method: "update_department_id", verb: patch, path: all + "/0/update_department_id", body: newID("X1"), code: 40001},
		{method: "update_department_id", verb: patch, path: at(e.b) + "/update_department_id", body: newID("X1"), token: e.narrow, status: 403, code: 40007},
	}
}

func TestDepartmentRefusals(t *testing.T) {
	t.Parallel()
	e := newTree(t)
	checkRefusals(t, e.kit, documentedForDepartments(), slices.Concat(e.drafts(), e.special()), beyondDepartments())
}

// Feishu takes no more departments than 30 000, and no code is documented for it.
func TestTooManyDepartments(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Departments: 3})
	sandbox.SetLimits(k.Server, 4, 10, 10)
	create := func(name string) reply {
		return k.do(http.MethodPost, "/contact/v3/departments", object{"name": name, "parent_department_id": "0"})
	}
	create("四").wantCode(t, 200, 0)
	create("五").wantCode(t, 400, 40018)
}
