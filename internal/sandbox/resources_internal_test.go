package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// soundResources checks what must hold of groups, units, employee types and
// custom attributes at any time.
func soundResources(o *organisation) error {
	for id, g := range o.groups {
		if id != g.ID || g.Name == "" || !slices.IsSorted(g.Users) || !slices.IsSorted(g.Departments) || g.Type == dynamicGroup && len(g.Departments) > 0 {
			return fmt.Errorf("group %+v", g)
		}
		for _, user := range g.Users {
			if u := o.users[user]; u == nil || u.Status.IsResigned {
				return fmt.Errorf("group %s has the member %q", id, user)
			}
		}
		for _, department := range g.Departments {
			if o.departments[department] == nil {
				return fmt.Errorf("group %s has the department %q", id, department)
			}
		}
	}
	bound := map[string]string{}
	for id, u := range o.units {
		if id != u.UnitID || !slices.IsSorted(u.Departments) {
			return fmt.Errorf("unit %+v", u)
		}
		for _, department := range u.Departments {
			if bound[department] != "" {
				return fmt.Errorf("department %s has two units", department)
			}
			bound[department] = id
		}
	}
	for id, n := range o.departments {
		if strings.Join(n.UnitIDs, ",") != bound[id] {
			return fmt.Errorf("department %s has unit_ids %v, and is bound to %q", id, n.UnitIDs, bound[id])
		}
	}
	byValue := func(a, b *EmployeeType) int { return a.value() - b.value() }
	byID := func(a, b *CustomAttrDefinition) int { return strings.Compare(a.ID, b.ID) }
	if !slices.IsSortedFunc(o.employeeTypes, byValue) || !slices.IsSortedFunc(o.customAttrs, byID) {
		return errors.New("employee types or custom attributes are out of order")
	}
	return nil
}

// resourceAction does something to groups or units, sensible or not.
type resourceChanger struct {
	t *rapid.T
	s *Server
}

func (c *resourceChanger) id(kind string, all []string) string {
	slices.Sort(all)
	return rapid.SampledFrom(append(all, "none")).Draw(c.t, kind)
}

func (c *resourceChanger) user() string {
	var all []string
	for id := range c.s.org.users {
		all = append(all, id)
	}
	return c.id("user", all)
}

func (c *resourceChanger) department() string {
	var all []string
	for id := range c.s.org.departments {
		all = append(all, id)
	}
	return c.id("department", all)
}

func (c *resourceChanger) group() string {
	var all []string
	for id := range c.s.org.groups {
		all = append(all, id)
	}
	return c.id("group", all)
}

func (c *resourceChanger) unit() string {
	var all []string
	for id := range c.s.org.units {
		all = append(all, id)
	}
	return c.id("unit", all)
}

func (c *resourceChanger) name() string {
	return rapid.SampledFrom([]string{"一", "二", "三", "四", ""}).Draw(c.t, "name")
}

func (c *resourceChanger) do(action int) error {
	s := c.s
	switch action {
	case 0:
		_, err := s.AddGroup(Group{Name: c.name(), Type: rapid.IntRange(0, 2).Draw(c.t, "type"), Users: []string{c.user()}})
		return err
	case 1:
		return s.ChangeGroup(c.group(), func(g *Group) {
			g.Users = append(g.Users, c.user())
			g.Departments = []string{c.department()}
		})
	case 2:
		return s.RemoveGroup(c.group())
	case 3:
		_, err := s.AddUnit(Unit{Name: c.name(), UnitType: "子公司", Departments: []string{c.department()}})
		return err
	case 4:
		return s.ChangeUnit(c.unit(), func(u *Unit) { u.Departments = []string{c.department(), c.department()} })
	case 5:
		return s.RemoveUnit(c.unit())
	case 6:
		return s.ChangeDepartment(c.department(), func(d *Department) { d.UnitIDs = []string{c.unit()} })
	case 7:
		return s.ResignUser(c.user())
	case 8:
		return s.EraseUser(c.user())
	case 9:
		return s.RemoveDepartment(c.department())
	default:
		_, err := s.AddDepartment(Department{Name: c.name(), ParentDepartmentID: c.department(), UnitIDs: []string{c.unit()}})
		return err
	}
}

// Whatever is changed, accepted or refused, groups and units agree with people
// and departments.
func TestChangesKeepResourcesSound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &resourceChanger{t: t, s: newServer(Config{People: 25, Departments: 6, Seed: 1}.withDefaults())}
		for range rapid.IntRange(1, 30).Draw(t, "actions") {
			action := rapid.IntRange(0, 10).Draw(t, "action")
			err := c.do(action)
			var refused *Error
			if err != nil && !errors.As(err, &refused) && !errors.Is(err, ErrUnknown) {
				t.Fatalf("action %d: %v", action, err)
			}
			if err := errors.Join(soundResources(c.s.org), sound(c.s.org)); err != nil {
				t.Fatalf("after action %d: %v", action, err)
			}
		}
	})
}

// What is told of employee types and custom attributes, and that nothing is
// told of groups and units.
func TestNotesOfResources(t *testing.T) {
	t.Parallel()
	o := newOrganisation(Tenant{}, 1)
	notes := func(want ...change) {
		t.Helper()
		got := o.changes
		o.changes = nil
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(change{}, attrsChange{}), cmp.Comparer(func(a, b *app) bool { return a == b })); diff != "" {
			t.Errorf("notes mismatch (-want +got)\n%s", diff)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	e, err := o.addEmployeeType(EmployeeType{EnumID: "x", Content: "兼职", EnumType: customType, EnumStatus: activeType})
	ok(err)
	first := e.clone()
	notes(change{what: created, entity: kindEmployeeType, enumAfter: &first})
	ok(o.changeEmployeeType(e, first)) // nothing is new
	notes()
	second := first
	second.EnumStatus = inactiveType
	ok(o.changeEmployeeType(e, second))
	notes(change{what: changed, entity: kindEmployeeType, enumBefore: &first, enumAfter: &second})
	if err := o.changeEmployeeType(o.employeeTypes[0], second); err == nil {
		t.Error("a built-in type changes")
	}
	notes()
	ok(o.removeEmployeeType(e))
	notes(change{what: deleted, entity: kindEmployeeType, enumBefore: &second})

	name := []Text{{"zh_cn", "x"}}
	d, err := o.addCustomAttr(CustomAttrDefinition{ID: "C-2", Type: "TEXT", I18nName: name})
	ok(err)
	notes(change{what: changed, entity: kindCustomAttr, attrs: &attrsChange{before: []string{}, after: []string{"C-2"}, open: [2]bool{true, true}}})
	_, err = o.addCustomAttr(CustomAttrDefinition{ID: "C-1", Type: "HREF", I18nName: name})
	ok(err)
	notes(change{what: changed, entity: kindCustomAttr, attrs: &attrsChange{before: []string{"C-2"}, after: []string{"C-1", "C-2"}, open: [2]bool{true, true}}})
	renamed := d.clone()
	renamed.I18nName = []Text{{"zh_cn", "y"}}
	ok(o.changeCustomAttr(d, renamed))
	notes()
	o.openQuery(true)
	notes()
	o.openQuery(false)
	notes(change{what: changed, entity: kindCustomAttr, attrs: &attrsChange{before: []string{"C-1", "C-2"}, after: []string{"C-1", "C-2"}, open: [2]bool{true, false}}})
	o.removeCustomAttr(d)
	notes(change{what: changed, entity: kindCustomAttr, attrs: &attrsChange{before: []string{"C-1", "C-2"}, after: []string{"C-1"}}})

	g, err := o.addGroup(Group{Name: "组"})
	ok(err)
	ok(o.changeGroup(g, Group{ID: g.ID, Name: "新", Type: 1}))
	o.removeGroup(g)
	n, err := o.addDepartment(Department{Name: "研发"})
	ok(err)
	o.changes = nil
	u, err := o.addUnit(Unit{Name: "一", UnitType: "二"})
	ok(err)
	free := n.clone()
	ok(o.bind(u, n))
	ok(o.bind(u, n))
	bound := n.clone()
	ok(o.changeUnit(u, Unit{UnitID: u.UnitID, Name: "三", UnitType: "二"}))
	o.removeUnit(u)
	notes( // groups and units themselves have no events
		change{what: changed, entity: KindDepartment, deptBefore: &free, deptAfter: &bound},
		change{what: changed, entity: KindDepartment, deptBefore: &bound, deptAfter: &free},
	)
}

// A company of the usual size has some of everything.
func TestGeneratedResources(t *testing.T) {
	t.Parallel()
	o := company(5000, 375, 1)
	if err := soundResources(o); err != nil {
		t.Fatal(err)
	}
	if len(o.changes) != 0 {
		t.Errorf("%d changes are told of a company that has just begun", len(o.changes))
	}
	var dynamic, withDepartments, several, bound, own, pictures int
	for _, g := range o.groups {
		dynamic += truth(g.Type == dynamicGroup)
		withDepartments += truth(len(g.Departments) > 0)
		several += truth(len(g.Users) > 50)
	}
	for _, u := range o.units {
		bound += truth(len(u.Departments) > 0)
	}
	for _, u := range o.users {
		own += truth(u.EmployeeType > len(builtInTypes))
		pictures += truth(slices.ContainsFunc(u.CustomAttrs, func(a CustomAttr) bool { return a.Type == "PICTURE_ENUM" }))
	}
	for name, n := range map[string]int{
		"dynamic groups": dynamic, "groups with departments": withDepartments, "groups of more than one page": several,
		"people with types of the company": own, "people with pictures": pictures,
	} {
		if n == 0 {
			t.Errorf("there are no %s", name)
		}
	}
	if len(o.groups) != 20 || len(o.units) != 4 || bound != 4 || len(o.employeeTypes) != 8 || len(o.customAttrs) != 5 {
		t.Errorf("%d groups, %d units, %d of them bound, %d employee types, %d custom attributes",
			len(o.groups), len(o.units), bound, len(o.employeeTypes), len(o.customAttrs))
	}
	empty := company(0, 0, 1)
	if len(empty.groups)+len(empty.units) != 0 || len(empty.employeeTypes) != 5 {
		t.Errorf("an empty company has %d groups, %d units, %d employee types", len(empty.groups), len(empty.units), len(empty.employeeTypes))
	}
}

// 100 000 people are the most that a group may have.
func TestTheLargestGroup(t *testing.T) {
	t.Parallel()
	o := newOrganisation(Tenant{}, 1)
	o.root.MemberCount = 1_000_000
	g := &Group{ID: "all", Name: "全员", Type: normalGroup}
	o.groups[g.ID] = g
	for i := range maxGroupUsers - 1 {
		g.Users = append(g.Users, fmt.Sprintf("ou_%06d", i))
	}
	if err := o.joinGroup(g, "ou_x", "ou_y"); err == nil || len(g.Users) != maxGroupUsers-1 {
		t.Errorf("two where there is room for one: %v, and %d members", err, len(g.Users))
	}
	if err := o.joinGroup(g, "ou_x", "ou_000001"); err != nil || len(g.Users) != maxGroupUsers {
		t.Errorf("one and a member: %v, and %d members", err, len(g.Users))
	}
	var refused *Error
	if err := o.joinGroup(g, "ou_y"); !errors.As(err, &refused) || refused.Code != codeTooManyGroupUsers {
		t.Errorf("one more: %v", err)
	}
	o.leaveGroup(g, "ou_000001")
	changes := o.groupChanges
	o.leaveGroup(g, "ou_000001")
	if err := o.joinGroup(g, "ou_y"); err != nil || !g.holds("ou_y") || g.holds("ou_000001") || o.groupChanges != changes+1 {
		t.Errorf("in the place of another: %v", err)
	}
}
