package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestUnitLifecycle(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.invoke(http.MethodPost, "/unit", `{"unit_id":"BU3","name":"海外","unit_type":"子公司"}`)
	if r.wantCode(t, 200, 0); string(r.Data) != `{"unit_id":"BU3"}` {
		t.Errorf("create answers %s", r.raw)
	}
	if r := o.invoke(http.MethodPatch, "/unit/BU3", `{"name":"海外公司"}`); string(r.Data) != "{}" {
		t.Errorf("patch answers %s", r.raw)
	}
	r = o.invoke(http.MethodGet, "/unit/BU3", "")
	if want := `{"unit":{"name":"海外公司","unit_id":"BU3","unit_type":"子公司"}}`; string(r.Data) != want {
		t.Errorf("get answers %s, want %s", r.raw, want)
	}
	made := decodeAs[map[string]string](t, o.invoke(http.MethodPost, "/unit", `{"name":"海外公司","unit_type":"事业部"}`).Data)["unit_id"]
	want := []string{"BU1", "BU2", "BU3", made}
	slices.Sort(want)
	if got := texts(o.walk("unitlist", "/unit", "page_size", "1"), "unit_id"); !slices.Equal(got, want) {
		t.Errorf("units %v, want %v", got, want)
	}
	o.invoke(http.MethodDelete, "/unit/BU3", "").wantCode(t, 200, 0)
	o.invoke(http.MethodGet, "/unit/BU3", "").wantCode(t, 400, 43051)
}

// unitIDs asks the contact API which units a department belongs to.
func (o *office) unitIDs(d sandbox.Department) []any {
	o.t.Helper()
	ids, _ := departmentOf(o.t, o.invoke(http.MethodGet, "/departments/"+d.OpenDepartmentID, ""))["unit_ids"].([]any)
	return ids
}

func TestBindings(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	post := func(method, body string) { o.invoke(http.MethodPost, "/unit/"+method, body).wantCode(t, 200, 0) }
	listed := func(unit string, params ...string) []object {
		return o.walk("departmentlist", "/unit/list_department", append(params, "unit_id", unit)...)
	}
	want := []object{{"unit_id": "BU1", "department_id": o.first.OpenDepartmentID}}
	if diff := cmp.Diff(want, listed("BU1")); diff != "" {
		t.Errorf("departments mismatch (-want +got)\n%s", diff)
	}
	post("bind_department", `{"unit_id":"BU1","department_id":"D2","department_id_type":"department_id"}`)
	post("bind_department", `{"unit_id":"BU1","department_id":"D2","department_id_type":"department_id"}`) // bound is bound
	got := texts(listed("BU1", "department_id_type", "department_id", "page_size", "1"), "department_id")
	if slices.Sort(got); !slices.Equal(got, []string{"D1", "D2"}) || !slices.Equal(o.unitIDs(o.second), []any{"BU1"}) {
		t.Errorf("departments %v, unit_ids %v", got, o.unitIDs(o.second))
	}
	if got := o.narrow().walk("departmentlist", "/unit/list_department", "unit_id", "BU1"); len(got) != 1 {
		t.Errorf("an app that sees one of the departments gets %v", got)
	}
	post("unbind_department", fmt.Sprintf(`{"unit_id":"BU1","department_id":%q}`, o.first.OpenDepartmentID))
	if ids := o.unitIDs(o.first); len(ids) != 0 {
		t.Errorf("unit_ids %v after unbinding", ids)
	}
	o.invoke(http.MethodDelete, "/unit/BU1", "").wantCode(t, 200, 0)
	if ids := o.unitIDs(o.second); len(ids) != 0 {
		t.Errorf("unit_ids %v after the unit is gone", ids)
	}
}

// A department's unit_ids and a unit's departments are one thing.
func TestUnitsFollowDepartments(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	departments := func(unit string) []string {
		u, err := o.Unit(unit)
		if err != nil {
			t.Fatal(err)
		}
		return u.Departments
	}
	id := o.second.OpenDepartmentID
	patch := func(ids string, status int) {
		o.wantControl("PATCH", "/departments/"+id, `{"unit_ids":`+ids+`}`, status)
	}
	patch(`["BU2"]`, 200)
	if got := departments("BU2"); !slices.Equal(got, []string{id}) {
		t.Errorf("departments of BU2 %v", got)
	}
	for _, ids := range []string{`["BU1","BU2"]`, `["BU2","BU2"]`, `["none"]`} {
		patch(ids, 400)
	}
	if raw := o.wantControl("PATCH", "/units/BU1", `{"departments":["`+id+`"]}`, 400); !strings.Contains(raw, "43054") {
		t.Errorf("a department with two units: %s", raw)
	}
	patch(`["BU1"]`, 200)
	if got := departments("BU2"); len(got) != 0 || len(departments("BU1")) != 2 {
		t.Errorf("departments %v and %v after a move", got, departments("BU1"))
	}
	if err := o.MoveDepartment(id, o.first.OpenDepartmentID); err != nil || len(departments("BU1")) != 2 {
		t.Errorf("a department that moves: %v, %v", departments("BU1"), err)
	}
	patch(`[]`, 200)
	if got := departments("BU1"); !slices.Equal(got, []string{o.first.OpenDepartmentID}) {
		t.Errorf("departments of BU1 %v", got)
	}
	o.wantControl("PATCH", "/units/BU2", `{"departments":["`+id+`"]}`, 200)
	if ids := o.unitIDs(o.second); !slices.Equal(ids, []any{"BU2"}) {
		t.Errorf("unit_ids %v", ids)
	}
	if err := o.ResignUser(o.li.OpenID); err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveDepartment(id); err != nil || len(departments("BU2")) != 0 {
		t.Errorf("a department that is gone: %v, %v", departments("BU2"), err)
	}
}
