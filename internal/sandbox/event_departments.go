package sandbox

import "reflect"

// The types of the events about departments.
const (
	departmentCreated = "contact.department.created_v3"
	departmentUpdated = "contact.department.updated_v3"
	departmentDeleted = "contact.department.deleted_v3"
)

// departmentFields are a department's fields as events carry them.
func (t *teller) departmentFields(d *Department) eventFields {
	f := make(eventFields, 0, 12)
	f.str("chat_id", d.ChatID)
	f.put("department_hrbps", len(d.HRBPs) == 0, t.hrbps(d.HRBPs))
	f.str("department_id", d.DepartmentID)
	f.str("leader_user_id", t.user(d.LeaderUserID))
	f.put("leaders", len(d.Leaders) == 0, t.appendLeaders(nil, d.Leaders))
	f.str("name", d.Name)
	f.str("open_department_id", d.OpenDepartmentID)
	f.int("order", d.Order) // a number, unlike in answers
	f.str("parent_department_id", d.ParentDepartmentID)
	if d.ParentDepartmentID == rootID {
		f[len(f)-1].value = t.rootParent()
	}
	f.put("status", false, departmentStatus(false))
	if t.options.ExtraFields {
		f.strs("unit_ids", d.UnitIDs, same)
	}
	if t.options.RootParent == RootParentAbsent && d.ParentDepartmentID == rootID {
		f.leaveOut("parent_department_id")
	}
	return f
}

func (t *teller) rootParent() []byte {
	if t.options.RootParent == RootParentEmpty {
		return []byte(`""`)
	}
	return []byte(`"` + rootID + `"`)
}

// leaveOut makes a field absent, whatever the options say about fields without
// a value.
func (f eventFields) leaveOut(name string) {
	for i := range f {
		if f[i].name == name {
			f[i].value = nil // which is no JSON: object passes over it
		}
	}
}

func departmentStatus(deleted bool) []byte {
	o := begin(nil, nil, nil)
	o.bool("is_deleted", deleted)
	return o.end()
}

// hrbps writes people with all their ids, where answers have one of them.
func (t *teller) hrbps(ids []string) []byte {
	buf := []byte{'['}
	for _, id := range ids {
		u := t.person(id)
		if u == nil {
			continue
		}
		if len(buf) > 1 {
			buf = append(buf, ',')
		}
		o := begin(buf, t.hidden[KindUser], nil)
		o.str("open_id", t.user(u.OpenID))
		o.str("union_id", u.UnionID)
		o.str("user_id", u.UserID)
		buf = o.end()
	}
	return append(buf, ']')
}

// seesPlace tells whether the app sees a department, which may be gone by now or
// have been elsewhere.
func (t *teller) seesPlace(d *Department) bool {
	if t.seesAll() {
		return true
	}
	parent := t.org.departments[d.ParentDepartmentID]
	return t.app.covers(t.org).departments[d.OpenDepartmentID] || parent != nil && t.seesDepartment(parent)
}

// departmentEvents are the events for a change of a department.
func (t *teller) departmentEvents(c *change) []told {
	before, after := c.deptBefore, c.deptAfter
	switch c.what {
	case created:
		if t.seesPlace(after) {
			return t.departmentCame(after)
		}
	case deleted:
		if t.seesPlace(before) {
			return []told{t.departmentLeft(before)}
		}
	case changed, returned:
		return append(t.departmentMovedOrChanged(before, after), t.siblingEvents(before, after)...)
	}
	return nil
}

func (t *teller) departmentMovedOrChanged(before, after *Department) []told {
	saw, sees := t.seesPlace(before), t.seesPlace(after)
	switch {
	case !saw && !sees:
		return nil
	case saw == sees || t.options.MovesAcrossRange == MovesAreUpdates:
		return t.departmentChanged(before, after)
	case t.options.MovesAcrossRange == MovesAreSilent:
		return nil
	case sees:
		return t.departmentCame(after)
	default:
		return []told{t.departmentLeft(before)}
	}
}

func (t *teller) departmentCame(d *Department) []told {
	return []told{{departmentCreated, payload(t.object(KindDepartment, t.departmentFields(d)), nil)}}
}

// departmentLeft tells of a department that is gone; old_object has two fields.
func (t *teller) departmentLeft(d *Department) told {
	last := t.departmentFields(d)
	for i := range last {
		if last[i].name == "status" {
			last[i].value = departmentStatus(t.options.DeletedFlags)
		}
	}
	before := t.departmentFields(d).only("open_department_id", "status")
	return told{departmentDeleted, payload(t.object(KindDepartment, last), t.object(KindDepartment, before))}
}

// departmentChanged tells of a change, a move included, by one event.
func (t *teller) departmentChanged(before, after *Department) []told {
	was, is := t.departmentFields(before), t.departmentFields(after)
	d := t.compare(KindDepartment, was, is)
	if len(d.readable) == 0 && !t.hollow(d, !reflect.DeepEqual(before, after)) {
		return nil
	}
	var old eventFields
	for _, i := range d.readable {
		old = append(old, was[i])
	}
	if t.options.SilentChatUnbinding && after.ChatID == "" && len(old) == 1 && old[0].name == "chat_id" {
		return nil
	}
	if t.options.FullOldDepartment {
		old = was
	}
	return []told{t.departmentTold(is, old)}
}

func (t *teller) departmentTold(is, old eventFields) told {
	return told{departmentUpdated, payload(t.object(KindDepartment, is), t.object(KindDepartment, old))}
}

// siblingEvents tell of departments that another one has passed.
func (t *teller) siblingEvents(before, after *Department) []told {
	parent := t.org.departments[after.ParentDepartmentID]
	if !t.options.SiblingEvents || parent == nil || before.ParentDepartmentID != after.ParentDepartmentID || before.Order == after.Order {
		return nil
	}
	low, high := min(before.Order, after.Order), max(before.Order, after.Order)
	var all []told
	for _, n := range parent.children {
		if n.OpenDepartmentID != after.OpenDepartmentID && low <= n.Order && n.Order <= high && t.seesDepartment(n) {
			all = append(all, t.departmentTold(t.departmentFields(&n.Department), nil))
		}
	}
	return all
}
