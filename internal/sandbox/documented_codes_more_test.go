package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func memberCodes() []codeCase {
	var all []codeCase
	for name, path := range map[string]string{"add": "add", "remove": "remove", "adds": "batch_add", "offs": "batch_remove"} {
		all = append(all, codesOfMembers("POST /group/:group_id/member/"+name, "/member/"+path)...)
	}
	const list = "GET /group/:group_id/member/list"
	get := func(params string) func(*office) reply {
		return by(http.MethodGet, "/group/staff/member/simplelist?"+params, "")
	}
	return append(all,
		codeCase{list, 400, 40011, "", get("page_size=0")},
		codeCase{list, 400, 40012, "page token is invalid error", get("page_token=x")},
		codeCase{list, 400, 41071, "", get("member_id_type=email")},
		codeCase{list, 400, 41072, "member_type not match member_id_type", get("member_type=user&member_id_type=department_id")},
		codeCase{list, 400, 41072, "", get("member_type=department&member_id_type=user_id")},
		codeCase{list, 400, 41074, "", get("member_type=group")},
		codeCase{list, 400, 42002, "", by(http.MethodGet, "/group/none/member/simplelist", "")},
		codeCase{list, 403, 42009, "no user group authority error", byNarrow(http.MethodGet, "/group/staff/member/simplelist", "")},
	)
}

// codesOfMembers are the codes of one of the four methods that write members,
// whose bodies name one person or a list of them.
func codesOfMembers(name, path string) []codeCase {
	batch, adds := strings.Contains(path, "batch"), strings.Contains(path, "add")
	body := func(kind, idKind, id string) string {
		one := fmt.Sprintf(`{"member_type":%q,"member_id_type":%q,"member_id":%q}`, kind, idKind, id)
		if batch {
			return `{"members":[` + one + `]}`
		}
		return one
	}
	post := func(body string) func(*office) reply { return by(http.MethodPost, "/group/staff"+path, body) }
	authority := map[string]string{"/member/batch_add": "no user group authority", "/member/batch_remove": "no group authority"}[path]
	if authority == "" {
		authority = "no user group authority error"
	}
	// The app sees the group and its members, and nobody else.
	grouped := func(o *office) reply {
		if err := o.ChangeGroup("staff", func(g *sandbox.Group) { g.Departments = nil }); err != nil {
			o.t.Fatal(err)
		}
		return o.asApp(sandbox.App{Range: sandbox.Range{Groups: []string{"staff"}}}).invoke(http.MethodPost, "/group/staff"+path, body("user", "user_id", "li"))
	}
	cases := []codeCase{
		{name, 403, 41050, "", grouped},
		{name, 400, 41073, "", post(body("user", "open_id", "ou_none"))},
		{name, 400, 41073, "", post(body("user", "user_id", ""))},
		{name, 400, 41074, "", post(body("department", "open_id", "<first>"))},
		{name, 400, 42002, "", by(http.MethodPost, "/group/none"+path, body("user", "open_id", "<wang>"))},
		{name, 403, 42009, authority, by(http.MethodPost, "/group/rule"+path, body("user", "open_id", "<li>"))},
		{name, 403, 42009, authority, byNarrow(http.MethodPost, "/group/staff"+path, body("user", "open_id", "x"))},
	}
	if path != "/member/batch_remove" {
		cases = append(cases, codeCase{name, 400, 41071, "", post(body("user", "email", "<li>"))}, codeCase{name, 400, 41071, "", post(body("user", "", "<li>"))})
	}
	if batch {
		var many []string
		for range 101 {
			many = append(many, "ou_x")
		}
		cases = append(cases, codeCase{name, 400, 40001, "param error", post(`{}`)}, codeCase{name, 400, 40001, "param error", post(`{"members":7}`)},
			codeCase{name, 400, 40001, "param error", post(members(many...))})
	} else {
		cases = append(cases, codeCase{name, 400, 41072, "member_type not match member_id_type", post(body("user", "department_id", "D1"))},
			codeCase{name, 400, 9499, "", post(`7`)})
	}
	if path == "/member/batch_remove" {
		cases = append(cases, codeCase{name, 400, 40022, "", post(members("<wang>", "<li>"))}, codeCase{name, 400, 40001, "", post(body("user", "email", "<li>"))})
	}
	if adds {
		status := map[bool]int{true: 200, false: 400}[batch]
		already := codeCase{name, status, 42005, "member exist in group error", post(body("user", "open_id", "<wang>"))}
		if batch {
			already.msg = ""
			already.call = func(o *office) reply { return o.firstResult(post(body("user", "open_id", "<wang>"))(o)) }
		}
		cases = append(cases, already, codeCase{name, 400, 42006, "", post(body("user", "open_id", "<gone>"))},
			codeCase{name, 400, 42012, "", after(fillUp, http.MethodPost, "/group/staff"+path, body("user", "open_id", "<li>"))})
	}
	return cases
}

// firstResult takes the code of the first result for that of the answer.
func (o *office) firstResult(r reply) reply {
	r.Code = decodeAs[struct{ Results []struct{ Code int } }](o.t, r.Data).Results[0].Code
	return r
}

// fillUp makes groups until their members are ten times the company's people.
func fillUp(o *office) {
	for i := range 10 {
		g := sandbox.Group{Name: fmt.Sprint(i), Users: []string{o.wang.OpenID, o.li.OpenID}}
		if i == 9 {
			g.Users = g.Users[:1] // the last place is that in staff
		}
		if _, err := o.AddGroup(g); err != nil {
			o.t.Fatal(err)
		}
	}
}

func unitCodes() []codeCase {
	long := strings.Repeat("长", 101)
	create := func(body string) func(*office) reply { return by(http.MethodPost, "/unit", body) }
	noUnits := func(o *office) { o.SetFeatures(sandbox.Features{Groups: true}) }
	cases := []codeCase{
		{"POST /unit", 400, 43050, "", after(noUnits, http.MethodPost, "/unit", `{"name":"x","unit_type":"y"}`)},
		{"POST /unit", 400, 43051, "", create(`{"name":"x","unit_type":"y","unit_id":"a-b"}`)},
		{"POST /unit", 400, 43052, "", create(`{"unit_type":"y"}`)},
		{"POST /unit", 400, 43052, "", create(`{"unit_type":"y","name":"` + long + `"}`)},
		{"POST /unit", 400, 43053, "", create(`{"name":"x"}`)},
		{"POST /unit", 400, 43055, "", create(`{"name":"华东","unit_type":"子公司"}`)},
		{"POST /unit", 400, 43056, "", create(`{"name":"x","unit_type":"y","unit_id":"BU1"}`)},
		{"POST /unit", 400, 43059, "", after(func(o *office) {
			for i := range 998 {
				if _, err := o.AddUnit(sandbox.Unit{Name: fmt.Sprint(i), UnitType: "y"}); err != nil {
					o.t.Fatal(err)
				}
			}
		}, http.MethodPost, "/unit", `{"name":"x","unit_type":"y"}`)},
		{"POST /unit", 400, 9499, "", create(`{"name":7}`)},
		{"PATCH /unit/:unit_id", 400, 43051, "", by(http.MethodPatch, "/unit/none", `{"name":"x"}`)},
		{"PATCH /unit/:unit_id", 400, 43052, "", by(http.MethodPatch, "/unit/BU1", `null`)},
		{"PATCH /unit/:unit_id", 400, 43055, "", by(http.MethodPatch, "/unit/BU1", `{"name":"华南"}`)},
		{"DELETE /unit/:unit_id", 400, 43051, "", by(http.MethodDelete, "/unit/none", "")},
		{"DELETE /unit/:unit_id", 400, 43057, "", after(func(o *office) {
			o.SetOptions(func(options *sandbox.Options) { options.KeepBoundUnits = true })
		}, http.MethodDelete, "/unit/BU1", "")},
		{"GET /unit/:unit_id", 400, 43051, "", by(http.MethodGet, "/unit/none", "")},
		{"GET /unit", 400, 40011, "", by(http.MethodGet, "/unit?page_size=101", "")},
		{"GET /unit", 400, 40012, "page token is invalid", by(http.MethodGet, "/unit?page_token=x", "")},
		{"GET /unit/list_department", 400, 40011, "", by(http.MethodGet, "/unit/list_department?unit_id=BU1&page_size=101", "")},
		{"GET /unit/list_department", 400, 40012, "page token is invalid", by(http.MethodGet, "/unit/list_department?unit_id=BU1&page_token=x", "")},
		{"GET /unit/list_department", 400, 43051, "", by(http.MethodGet, "/unit/list_department", "")},
		{"POST /unit/bind_department", 400, 43054, "", by(http.MethodPost, "/unit/bind_department", `{"unit_id":"BU2","department_id":"<first>"}`)},
		{"POST /unit/bind_department", 400, 43017, "", after(func(o *office) {
			fillUnit(o, 1000)
		}, http.MethodPost, "/unit/bind_department", `{"unit_id":"BU2","department_id":"<second>"}`)},
		{"POST /unit/unbind_department", 400, 43058, "", by(http.MethodPost, "/unit/unbind_department", `{"unit_id":"BU2","department_id":"<first>"}`)},
	}
	for _, method := range []string{"bind_department", "unbind_department"} {
		post := func(body string) func(*office) reply { return by(http.MethodPost, "/unit/"+method, body) }
		name := "POST /unit/" + method
		cases = append(cases,
			codeCase{name, 403, 40004, "", byNarrow(http.MethodPost, "/unit/"+method, `{"unit_id":"BU1","department_id":"<second>"}`)},
			codeCase{name, 400, 43050, "", after(noUnits, http.MethodPost, "/unit/"+method, `{"unit_id":"BU1","department_id":"<second>"}`)},
			codeCase{name, 400, 43051, "", post(`{"unit_id":"none","department_id":"<second>"}`)},
			codeCase{name, 400, 43058, "", post(`{"unit_id":"BU1","department_id":"od-none"}`)},
			codeCase{name, 400, 43058, "", post(`{"unit_id":"BU1","department_id":"0"}`)},
			codeCase{name, 400, 43058, "", post(`{"unit_id":"BU1","department_id":"<first>","department_id_type":"department_id"}`)},
			codeCase{name, 400, 99992402, "", post(`{"unit_id":"BU1","department_id":"D1","department_id_type":"x"}`)},
			codeCase{name, 400, 9499, "", post(`{`)},
		)
	}
	return cases
}

// fillUnit binds new departments to the spare unit.
func fillUnit(o *office, departments int) {
	parent := ""
	for i := range departments {
		if i%500 == 0 {
			d, err := o.AddDepartment(sandbox.Department{Name: fmt.Sprint("上", i)})
			if err != nil {
				o.t.Fatal(err)
			}
			parent = d.OpenDepartmentID
		}
		if _, err := o.AddDepartment(sandbox.Department{Name: fmt.Sprint(i), ParentDepartmentID: parent, UnitIDs: []string{"BU2"}}); err != nil {
			o.t.Fatal(err)
		}
	}
}

func otherCodes() []codeCase {
	const enums, enum = "POST /employee_type_enums", "/employee_type_enums"
	create := func(body string) func(*office) reply { return by(http.MethodPost, enum, body) }
	update := func(body string) func(*office) reply { return by(http.MethodPut, enum+"/a%2Fb+c%2Fd==", body) }
	builtIn := func(method, body string) func(*office) reply {
		return func(o *office) reply {
			for _, e := range o.Truth().EmployeeTypes {
				if e.EnumValue == "1" {
					return o.invoke(method, enum+"/"+strings.ReplaceAll(e.EnumID, "/", "%2F"), body)
				}
			}
			return reply{}
		}
	}
	const fine = `{"content":"兼职","enum_type":2,"enum_status":1}`
	return []codeCase{
		{enums, 400, 42301, "param content duplicate", create(`{"content":"返聘","enum_type":2,"enum_status":1}`)},
		{enums, 400, 42301, "param content duplicate", create(`{"content":"正式","enum_type":2,"enum_status":1}`)},
		{enums, 400, 42302, "param i18n_content duplicate", create(`{"content":"x","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"en_us","value":"Rehired"}]}`)},
		{enums, 400, 42303, "exceed content max num", after(func(o *office) {
			for i := range 254 {
				e, err := o.AddEmployeeType(sandbox.EmployeeType{Content: fmt.Sprint(i)})
				if err == nil && i%2 == 0 { // deleted ones count too
					err = o.RemoveEmployeeType(e.EnumID)
				}
				if err != nil {
					o.t.Fatal(err)
				}
			}
		}, http.MethodPost, enum, fine)},
		{enums, 400, 99992402, "", create(`{"enum_type":2,"enum_status":1}`)},
		{enums, 400, 99992402, "", create(`{"content":"","enum_type":2,"enum_status":1}`)},
		{enums, 400, 99992402, "", create(`{"content":"x","enum_status":1}`)},
		{enums, 400, 99992402, "", create(`{"content":"x","enum_type":1,"enum_status":1}`)},
		{enums, 400, 99992402, "", create(`{"content":"x","enum_type":2}`)},
		{enums, 400, 99992402, "", create(`{"content":"x","enum_type":2,"enum_status":3}`)},
		{enums, 400, 99992402, "", create(`{"content":"x","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"de_de","value":"x"}]}`)},
		{enums, 400, 99992402, "", create(`{"content":"x","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"en_us"}]}`)},
		{enums, 400, 9499, "", create(`{"content":7}`)},
		{"PUT /employee_type_enums/:enum_id", 400, 99992402, "", by(http.MethodPut, enum+"/none", fine)},
		{"PUT /employee_type_enums/:enum_id", 400, 99992402, "", update(`{}`)},
		{"PUT /employee_type_enums/:enum_id", 400, 42301, "", update(`{"content":"正式","enum_type":2,"enum_status":1}`)},
		{"PUT /employee_type_enums/:enum_id", 400, 99992402, "", builtIn(http.MethodPut, fine)},
		{"DELETE /employee_type_enums/:enum_id", 400, 99992402, "", by(http.MethodDelete, enum+"/none", "")},
		{"DELETE /employee_type_enums/:enum_id", 400, 99992402, "", builtIn(http.MethodDelete, "")},
		{"GET /employee_type_enums", 400, 40011, "", by(http.MethodGet, enum+"?page_size=101", "")},
		{"GET /employee_type_enums", 400, 40012, "", by(http.MethodGet, enum+"?page_token=99", "")},
		{"GET /employee_type_enums", 400, 40012, "", by(http.MethodGet, enum+"?page_token=01", "")},
		{"GET /custom_attrs", 400, 40011, "", by(http.MethodGet, "/custom_attrs?page_size=101", "")},
		{"GET /custom_attrs", 400, 40012, "page token is invalid error", by(http.MethodGet, "/custom_attrs?page_token=x", "")},
	}
}
