package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestControlGroups(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	both := []string{o.wang.OpenID, o.li.OpenID}
	slices.Sort(both)
	// Dynamic groups and departments as members are for the controls alone.
	raw := o.wantControl("POST", "/groups", o.fill(`{"name":"动态","type":2,"users":["<li>","<wang>","<li>"]}`), 200)
	made := decodeAs[sandbox.Group](t, []byte(raw))
	want := sandbox.Group{ID: made.ID, Name: "动态", Type: 2, Users: both}
	if diff := cmp.Diff(want, made); diff != "" || made.ID == "" {
		t.Errorf("made group mismatch (-want +got)\n%s", diff)
	}
	raw = o.wantControl("PATCH", "/groups/staff", o.fill(`{"description":"新","users":["<li>"],"departments":["<first>","<second>"]}`), 200)
	g := decodeAs[sandbox.Group](t, []byte(raw))
	if g.Name != "员工" || g.Description != "新" || !slices.Equal(g.Users, []string{o.li.OpenID}) || len(g.Departments) != 2 {
		t.Errorf("patched group %s", raw)
	}
	if got := o.wantControl("GET", "/groups/staff", "", 200); got != raw {
		t.Errorf("the group is %s, want %s", got, raw)
	}
	many := `["` + o.first.OpenDepartmentID + `"`
	for i := range 20 {
		d, err := o.AddDepartment(sandbox.Department{Name: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		many += `,"` + d.OpenDepartmentID + `"`
	}
	before := o.Truth()
	for _, c := range []struct {
		name, method, path, body string
		status, code             int
	}{
		{"no name", "POST", "/groups", `{}`, 400, 42001},
		{"a type that is none", "POST", "/groups", `{"name":"x","type":3}`, 400, 42003},
		{"id taken", "POST", "/groups", `{"name":"x","id":"staff"}`, 400, 47005},
		{"who left", "POST", "/groups", `{"name":"x","users":["<gone>"]}`, 400, 42006},
		{"nobody", "POST", "/groups", `{"name":"x","users":["ou_none"]}`, 400, 41073},
		{"no department", "POST", "/groups", `{"name":"x","departments":["od-none"]}`, 400, 41073},
		{"departments of a dynamic group", "POST", "/groups", `{"name":"x","type":2,"departments":["<first>"]}`, 400, 41074},
		{"too many departments", "PATCH", "/groups/staff", `{"departments":` + many + `]}`, 400, 42011},
		{"another id", "PATCH", "/groups/staff", `{"id":"other"}`, 400, 40001},
		{"another type", "PATCH", "/groups/staff", `{"type":2}`, 400, 40001},
		{"name taken", "PATCH", "/groups/staff", `{"name":"规则"}`, 400, 47009},
		{"misspelt", "PATCH", "/groups/staff", `{"member":[]}`, 400, 0},
		{"not JSON", "POST", "/groups", `x`, 400, 0},
		{"nothing to get", "GET", "/groups/none", ``, 404, 0},
		{"nothing to patch", "PATCH", "/groups/none", `{}`, 404, 0},
		{"nothing to delete", "DELETE", "/groups/none", ``, 404, 0},
	} {
		o.wantRefusedControl(c.name, c.method, c.path, o.fill(c.body), c.status, c.code)
	}
	if diff := cmp.Diff(before, o.Truth()); diff != "" {
		t.Errorf("a refused control leaves something behind (-before +after)\n%s", diff)
	}
	o.wantControl("DELETE", "/groups/staff", "", 200) // with its members
	o.wantControl("GET", "/groups/staff", "", 404)
}

func (k *kit) wantRefusedControl(name, method, path, body string, status, code int) {
	k.t.Helper()
	got, raw := k.control(method, path, body)
	if refusal := decodeAs[struct{ Code int }](k.t, []byte(raw)); got != status || refusal.Code != code || !strings.Contains(raw, `"error"`) {
		k.t.Errorf("%s: HTTP %d %s, want HTTP %d with code %d", name, got, raw, status, code)
	}
}

func TestControlUnits(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	made := decodeAs[sandbox.Unit](t, []byte(o.wantControl("POST", "/units", o.fill(`{"name":"海外","unit_type":"子公司","departments":["<second>"]}`), 200)))
	if diff := cmp.Diff(sandbox.Unit{UnitID: made.UnitID, Name: "海外", UnitType: "子公司", Departments: []string{o.second.OpenDepartmentID}}, made); diff != "" {
		t.Errorf("made unit mismatch (-want +got)\n%s", diff)
	}
	for _, c := range []struct {
		name, method, path, body string
		status, code             int
	}{
		{"no name", "POST", "/units", `{"unit_type":"x"}`, 400, 43052},
		{"no type", "POST", "/units", `{"name":"x"}`, 400, 43053},
		{"bound elsewhere", "PATCH", "/units/BU1", `{"departments":["<first>","<second>"]}`, 400, 43054},
		{"no department", "PATCH", "/units/BU1", `{"departments":["od-none"]}`, 400, 43058},
		{"the root", "PATCH", "/units/BU1", `{"departments":["0"]}`, 400, 43058},
		{"another id", "PATCH", "/units/BU1", `{"unit_id":"x"}`, 400, 40001},
		{"another type", "PATCH", "/units/BU1", `{"unit_type":"x"}`, 400, 40001},
		{"nothing", "PATCH", "/units/none", `{}`, 404, 0},
	} {
		o.wantRefusedControl(c.name, c.method, c.path, o.fill(c.body), c.status, c.code)
	}
	o.wantControl("PATCH", "/units/"+made.UnitID, `{"departments":[],"name":"海外公司"}`, 200)
	if u, err := o.Unit(made.UnitID); err != nil || u.Name != "海外公司" || u.Departments != nil {
		t.Errorf("%+v, %v", u, err)
	}
	o.wantControl("DELETE", "/units/BU1", "", 200)
	if d, err := o.Department(o.first.OpenDepartmentID); err != nil || len(d.UnitIDs) != 0 {
		t.Errorf("a department of a unit that is gone: %+v, %v", d, err)
	}
	fillUnit(o, 1000)
	if err := o.ChangeDepartment(o.second.OpenDepartmentID, func(d *sandbox.Department) { d.UnitIDs = []string{"BU2"} }); refusedWith(err) != 43017 {
		t.Errorf("one department more than a unit may have: %v", err)
	}
	full, err := o.Unit("BU2")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.ChangeUnit("BU2", func(u *sandbox.Unit) { u.Departments = append(full.Departments, o.second.OpenDepartmentID) }); refusedWith(err) != 43017 {
		t.Errorf("the same by the unit: %v", err)
	}
}

func TestControlEmployeeTypes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	made := decodeAs[sandbox.EmployeeType](t, []byte(o.wantControl("POST", "/employee_types", `{"enum_id":"/+/=","content":"兼职"}`, 200)))
	if diff := cmp.Diff(sandbox.EmployeeType{EnumID: "/+/=", EnumValue: "7", Content: "兼职", EnumType: 2, EnumStatus: 1}, made); diff != "" {
		t.Errorf("made type mismatch (-want +got)\n%s", diff)
	}
	o.wantControl("PATCH", "/employee_types/a%2Fb+c%2Fd==", `{"enum_status":2,"i18n_content":[{"locale":"ja_jp","value":"再雇用"}]}`, 200)
	e := decodeAs[sandbox.EmployeeType](t, []byte(o.wantControl("GET", "/employee_types/a/b+c/d==", "", 200)))
	if e.EnumStatus != 2 || e.Content != "返聘" || !slices.Equal(e.I18nContent, []sandbox.Text{{Locale: "ja_jp", Value: "再雇用"}}) {
		t.Errorf("patched type %+v", e)
	}
	builtIn := pick(t, o.Truth().EmployeeTypes, func(e sandbox.EmployeeType) bool { return e.EnumValue == "3" })
	path := "/employee_types/" + strings.ReplaceAll(builtIn.EnumID, "/", "%2F")
	for _, c := range []struct {
		name, method, path, body string
		status, code             int
	}{
		{"no content", "POST", "/employee_types", `{}`, 400, 99992402},
		{"built in", "POST", "/employee_types", `{"content":"x","enum_type":1}`, 400, 99992402},
		{"a value of one's own", "POST", "/employee_types", `{"content":"x","enum_value":"99"}`, 400, 40001},
		{"id taken", "POST", "/employee_types", `{"content":"x","enum_id":"/+/="}`, 400, 40001},
		{"content taken", "POST", "/employee_types", `{"content":"正式"}`, 400, 42301},
		{"another value", "PATCH", "/employee_types/a/b+c/d==", `{"enum_value":"9"}`, 400, 40001},
		{"one language twice", "PATCH", "/employee_types/a/b+c/d==", `{"i18n_content":[{"locale":"ja_jp","value":"x"},{"locale":"ja_jp","value":"y"}]}`, 400, 99992402},
		{"change a built-in one", "PATCH", path, `{"content":"x"}`, 400, 99992402},
		{"remove a built-in one", "DELETE", path, ``, 400, 99992402},
		{"nothing", "DELETE", "/employee_types/none", ``, 404, 0},
	} {
		o.wantRefusedControl(c.name, c.method, c.path, c.body, c.status, c.code)
	}
	o.wantControl("DELETE", "/employee_types/a/b+c/d==", "", 200)
	o.wantControl("GET", "/employee_types/a/b+c/d==", "", 404)
}

func TestControlCustomAttrs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	name := `"i18n_name":[{"locale":"zh_cn","value":"血型"}]`
	made := decodeAs[sandbox.CustomAttrDefinition](t, []byte(o.wantControl("POST", "/custom_attrs",
		`{"type":"ENUMERATION",`+name+`,"options":{"options":[{"id":"a","value":"A"},{"value":"B"}],"default_option_id":"a"}}`, 200)))
	if !strings.HasPrefix(made.ID, "C-") || made.Options.OptionType != "TEXT" || made.Options.Options[1].ID == "" {
		t.Errorf("made attribute %+v", made)
	}
	o.wantControl("PATCH", "/custom_attrs/"+made.ID, `{"options":{"options":[{"id":"a","value":"AB"}]}}`, 200)
	changed := made
	changed.Options.Options = []sandbox.AttrOption{{ID: "a", Value: "AB"}}
	if got, err := o.CustomAttr(made.ID); err != nil || cmp.Diff(changed, got) != "" {
		t.Errorf("%v, patched attribute mismatch (-want +got)\n%s", err, cmp.Diff(changed, got))
	}
	for _, c := range []struct {
		name, method, path, body string
		status, code             int
	}{
		{"no type", "POST", "/custom_attrs", `{` + name + `}`, 400, 40001},
		{"no name", "POST", "/custom_attrs", `{"type":"TEXT"}`, 400, 40001},
		{"options of a text", "POST", "/custom_attrs", `{"type":"TEXT",` + name + `,"options":{"options":[{"id":"a","value":"A"}]}}`, 400, 40001},
		{"no options", "POST", "/custom_attrs", `{"type":"ENUMERATION",` + name + `}`, 400, 40001},
		{"texts for pictures", "POST", "/custom_attrs", `{"type":"PICTURE_ENUM",` + name + `,"options":{"option_type":"TEXT","options":[{"id":"a","value":"A"}]}}`, 400, 40001},
		{"one option twice", "POST", "/custom_attrs", `{"type":"ENUMERATION",` + name + `,"options":{"options":[{"id":"a","value":"A"},{"id":"a","value":"B"}]}}`, 400, 40001},
		{"no such default", "POST", "/custom_attrs", `{"type":"ENUMERATION",` + name + `,"options":{"default_option_id":"b","options":[{"id":"a","value":"A"}]}}`, 400, 40001},
		{"id taken", "POST", "/custom_attrs", `{"type":"TEXT",` + name + `,"id":"` + made.ID + `"}`, 400, 40001},
		{"another type", "PATCH", "/custom_attrs/" + made.ID, `{"type":"TEXT"}`, 400, 40001},
		{"nothing", "PATCH", "/custom_attrs/C-1", `{}`, 404, 0},
		{"no switch", "PUT", "/allow_open_query", `{}`, 400, 40001},
		{"a switch that is none", "PUT", "/allow_open_query", `{"allow_open_query":"x"}`, 400, 0},
	} {
		o.wantRefusedControl(c.name, c.method, c.path, c.body, c.status, c.code)
	}
	// What people have of an attribute goes with it.
	value := sandbox.CustomAttr{Type: "ENUMERATION", ID: made.ID, Value: sandbox.CustomAttrValue{OptionID: "a", OptionValue: "AB"}}
	if err := o.ChangeUser(o.wang.OpenID, func(u *sandbox.User) { u.CustomAttrs = []sandbox.CustomAttr{value} }); err != nil {
		t.Fatal(err)
	}
	o.wantControl("DELETE", "/custom_attrs/"+made.ID, "", 200)
	if u, err := o.User(o.wang.OpenID); err != nil || u.CustomAttrs != nil {
		t.Errorf("%+v, %v", u.CustomAttrs, err)
	}
	o.wantControl("GET", "/custom_attrs/"+made.ID, "", 404)
}

func TestControlFeatures(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if got := o.wantControl("GET", "/features", "", 200); got != `{"groups":true,"units":true}` {
		t.Errorf("features %s", got)
	}
	if got := o.wantControl("PATCH", "/features", `{"units":false}`, 200); got != `{"groups":true,"units":false}` {
		t.Errorf("features %s", got)
	}
	o.wantControl("PATCH", "/features", `{"chats":false}`, 400)
	o.invoke("GET", "/unit/BU1", "").wantCode(t, 200, 0) // what there is stays readable
	if _, err := o.AddUnit(sandbox.Unit{Name: "x", UnitType: "y"}); refusedWith(err) != 43050 {
		t.Errorf("a unit where there are none: %v", err)
	}
}
