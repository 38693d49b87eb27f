package sandbox

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A copy of a company is the whole company, sound, and untouched by what happens
// to the first one.
func TestCopyOfACompany(t *testing.T) {
	t.Parallel()
	s := newServer(Config{People: 120, Departments: 14, Seed: 3}.withDefaults())
	o := s.org
	leaver := o.root.members[0].user.OpenID
	if err := s.ResignUser(leaver); err != nil {
		t.Fatal(err)
	}
	d := o.root.children[0]
	o.groups["g1"] = &Group{ID: "g1", Users: []string{leaver}}
	o.units["u1"] = &Unit{UnitID: "u1", Departments: []string{d.OpenDepartmentID}}
	o.employeeTypes = append(o.employeeTypes, &EmployeeType{EnumID: "e1", I18nContent: []Text{{"zh_cn", "正式"}}})
	o.customAttrs = append(o.customAttrs, &CustomAttrDefinition{ID: "C-1"})
	o.groupChanges = 2

	c := o.copy()
	before := (&Server{org: o}).Truth()
	if diff := cmp.Diff(before, (&Server{org: c}).Truth()); diff != "" {
		t.Fatalf("the copy differs (-first +copy):\n%s", diff)
	}
	if err := sound(c); err != nil {
		t.Fatal(err)
	}
	// What somebody adds to the organisation must be copied too, and not be shared.
	first, second := reflect.ValueOf(*o), reflect.ValueOf(*c)
	for i := range first.NumField() {
		name, a, b := first.Type().Field(i).Name, first.Field(i), second.Field(i)
		switch a.Kind() {
		case reflect.Map, reflect.Slice, reflect.Pointer:
			if name != "changes" && (a.IsNil() != b.IsNil() || !a.IsNil() && a.Pointer() == b.Pointer()) {
				t.Errorf("%s is shared with the copy, or missing there", name)
			}
		default:
		}
	}
	if c.byUserID.any(o.users[leaver].UserID) != c.users[leaver] || c.users[leaver] == o.users[leaver] {
		t.Error("the copy's indexes lead to the first company's people")
	}

	for id := range o.users {
		if err := s.ChangeUser(id, func(u *User) { u.Name += "改"; u.DepartmentIDs = []string{rootID} }); err != nil {
			t.Fatal(err)
		}
	}
	o.groups["g1"].Users[0] = "changed"
	if diff := cmp.Diff(before, (&Server{org: c}).Truth()); diff != "" {
		t.Errorf("changes of the first company reach the copy (-before +after):\n%s", diff)
	}
}
