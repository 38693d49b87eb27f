package sandbox_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

const enums = "/employee_type_enums"

func TestListEmployeeTypes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	list := o.walk("items", enums, "page_size", "2")
	if got := texts(list, "enum_value"); !slices.Equal(got, []string{"1", "2", "3", "4", "5", "6"}) {
		t.Errorf("values %v", got)
	}
	want := object{
		"content": "返聘", "enum_id": "a/b+c/d==", "enum_status": 1.0, "enum_type": 2.0, "enum_value": "6",
		"i18n_content": []any{object{"locale": "en_us", "value": "Rehired"}},
	}
	if diff := cmp.Diff(want, list[5]); diff != "" {
		t.Errorf("employee type mismatch (-want +got)\n%s", diff)
	}
	page := decodeAs[object](t, o.invoke(http.MethodGet, enums+"?page_size=3", "").Data)
	if page["page_token"] != "3" {
		t.Errorf("the token is %v, want a small number", page["page_token"])
	}
}

func TestEmployeeTypeLifecycle(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.invoke(http.MethodPost, enums, `{"content":"兼职","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"zh_cn","value":"兼职"}]}`)
	r.wantCode(t, 200, 0)
	made := decodeAs[struct {
		Enum sandbox.EmployeeType `json:"employee_type_enum"`
	}](t, r.Data).Enum
	if made.EnumValue != "7" || made.Content != "兼职" || len(made.EnumID) != 24 || len(made.I18nContent) != 1 {
		t.Errorf("made %+v", made)
	}
	path := enums + "/" + url.PathEscape(made.EnumID)
	// What is not given of i18n_content stays.
	o.invoke(http.MethodPut, path, `{"content":"短工","enum_type":2,"enum_status":2}`).wantCode(t, 200, 0)
	want := made
	want.Content, want.EnumStatus = "短工", 2
	if got, err := o.EmployeeType(made.EnumID); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v, mismatch (-want +got)\n%s", err, cmp.Diff(want, got))
	}
	o.invoke(http.MethodPut, path, `{"content":"短工","enum_type":2,"enum_status":1,"i18n_content":[]}`).wantCode(t, 200, 0)
	if got, err := o.EmployeeType(made.EnumID); err != nil || got.I18nContent != nil || got.EnumStatus != 1 {
		t.Errorf("%+v, %v", got, err)
	}

	if err := o.ChangeUser(o.wang.OpenID, func(u *sandbox.User) { u.EmployeeType = 7 }); err != nil {
		t.Fatal(err)
	}
	if r := o.invoke(http.MethodDelete, path, ""); string(r.Data) != "{}" {
		t.Errorf("delete answers %s", r.raw)
	}
	if u, err := o.User(o.wang.OpenID); err != nil || u.EmployeeType != 7 {
		t.Errorf("whoever had the type has now %d, %v", u.EmployeeType, err)
	}
	// The value of a type that is gone does not come back.
	r = o.invoke(http.MethodPost, enums, `{"content":"兼职","enum_type":2,"enum_status":1}`)
	if e := decodeAs[map[string]object](t, r.Data)["employee_type_enum"]; e["enum_value"] != "8" {
		t.Errorf("after a deletion the next type is %v", e)
	}
	if got := texts(o.walk("items", enums, "page_size", "6"), "enum_value"); !slices.Equal(got, []string{"1", "2", "3", "4", "5", "6", "8"}) {
		t.Errorf("values %v", got)
	}
}

// An enum_id holds slashes, which the Python SDK does not escape.
func TestEnumIDsInPaths(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for i, id := range []string{"a%2Fb+c%2Fd==", "a/b+c/d==", "a/b+c%2Fd%3D%3D", "a%2Fb%2Bc%2Fd=="} {
		body := `{"content":"类型` + strconv.Itoa(i) + `","enum_type":2,"enum_status":1}`
		o.invoke(http.MethodPut, enums+"/"+id, body).wantCode(t, 200, 0)
		if e, err := o.EmployeeType("a/b+c/d=="); err != nil || e.Content != "类型"+strconv.Itoa(i) {
			t.Errorf("%s: %+v, %v", id, e, err)
		}
	}
	if r := o.invoke(http.MethodPut, enums+"/a/b+c/d==/", ""); r.status != http.StatusNotFound {
		t.Errorf("a slash at the end: HTTP %d", r.status)
	}
	if r := o.invoke(http.MethodPatch, enums+"/a/b+c/d==", ""); r.status != http.StatusNotFound {
		t.Errorf("an unknown verb: HTTP %d", r.status)
	}
	e, err := o.AddEmployeeType(sandbox.EmployeeType{EnumID: "/x//y==", Content: "斜线"})
	if err != nil {
		t.Fatal(err)
	}
	o.invoke(http.MethodDelete, enums+"/"+e.EnumID, "").wantCode(t, 200, 0)
	o.invoke(http.MethodDelete, enums+"/a/b+c/d==", "").wantCode(t, 200, 0)
	if got := len(o.Truth().EmployeeTypes); got != 5 {
		t.Errorf("%d types are left", got)
	}
	if stats := o.Stats()["DELETE /contact/v3/employee_type_enums/:enum_id"]; stats.Calls != 2 {
		t.Errorf("stats %+v", stats)
	}
}
