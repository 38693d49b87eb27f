package sandbox

import (
	"reflect"
	"slices"
)

// The types of the events about people.
const (
	userCreated = "contact.user.created_v3"
	userUpdated = "contact.user.updated_v3"
	userDeleted = "contact.user.deleted_v3"
)

// userFields are a person's fields as events carry them.
func (t *teller) userFields(u *User) eventFields {
	f := make(eventFields, 0, 32)
	f.put("avatar", false, appendAvatar(nil, u.AvatarKey))
	f.str("city", u.City)
	f.str("country", t.country(u.Country))
	if t.org.allowOpenQuery {
		f.put("custom_attrs", len(u.CustomAttrs) == 0, t.attrs(u.CustomAttrs))
	}
	f.strs("department_ids", u.DepartmentIDs, t.department)
	f.strs("dotted_line_leader_user_ids", u.DottedLine, t.dottedLine)
	f.str("email", u.Email)
	f.str("employee_no", u.EmployeeNo)
	f.int("employee_type", int64(u.EmployeeType))
	f.str("en_name", u.EnName)
	f.str("enterprise_email", u.EnterpriseEmail)
	f.int("gender", int64(u.Gender))
	if t.options.ExtraFields {
		f.bool("is_tenant_manager", u.IsTenantManager)
	}
	f.str("job_family_id", u.JobFamilyID)
	f.str("job_level_id", u.JobLevelID)
	f.str("job_title", u.JobTitle)
	f.int("join_time", u.JoinTime)
	f[len(f)-1].empty = u.JoinTime == 0
	f.str("leader_user_id", t.user(u.LeaderUserID))
	f.str("mobile", u.Mobile)
	if t.options.ExtraFields {
		f.bool("mobile_visible", u.MobileVisible)
	}
	f.str("name", u.Name)
	f.str("nickname", u.Nickname)
	f.str("open_id", t.user(u.OpenID))
	f.put("orders", len(u.Orders) == 0, t.appendOrders(nil, u.Orders))
	f.put("status", false, appendStatus(nil, u.Status))
	f.str("union_id", u.UnionID)
	f.str("user_id", u.UserID)
	f.str("work_station", u.WorkStation)
	return f
}

// attrs writes custom attributes. Unlike in answers, people in them are named by
// user_id, whatever else names people by open_id; an app that may not see
// user_id gets no people there.
func (t *teller) attrs(attrs []CustomAttr) []byte {
	byUserID := t.view
	byUserID.kinds.user = userID
	if t.hidden[KindUser]["user_id"] {
		attrs = slices.Clone(attrs)
		for i := range attrs {
			attrs[i].Value.GenericUser = ""
		}
	}
	return byUserID.appendAttrs(nil, attrs)
}

func (t *teller) dottedLine(id string) string {
	if !t.options.DottedLineUserIDs {
		return t.user(id)
	}
	if u := t.person(id); u != nil {
		return u.UserID
	}
	return ""
}

// countries are the names of the codes that the sandbox knows.
var countries = map[string]string{
	"CN": "中国", "HK": "中国香港", "MO": "中国澳门", "TW": "中国台湾", "SG": "新加坡", "JP": "日本", "KR": "韩国", "US": "美国",
	"GB": "英国", "DE": "德国", "FR": "法国", "IN": "印度", "ID": "印度尼西亚", "MY": "马来西亚", "TH": "泰国", "VN": "越南",
}

func (t *teller) country(code string) string {
	if name := countries[code]; t.options.CountryNames && name != "" {
		return name
	}
	return code
}

// userEvents are the events for a change of a person.
func (t *teller) userEvents(c *change) []told {
	before, after := c.userBefore, c.userAfter
	switch c.what {
	case created:
		if t.sees(after) && !after.Status.IsResigned {
			return t.userCame(after)
		}
	case deleted:
		if before.Status.IsResigned || !t.sees(before) && !t.seesMember(c.groups) {
			return nil // the event was when they left
		}
		var all []told
		if t.options.UpdatedOnResign && after != nil {
			all = t.userChanged(before, after)
		}
		return append(all, t.userLeft(before))
	case returned:
		return t.userReturned(before, after)
	case changed:
		return t.userMovedOrChanged(before, after)
	}
	return nil
}

// seesMember tells whether the range has one of the groups that somebody was in.
func (t *teller) seesMember(groups []string) bool {
	return slices.ContainsFunc(groups, func(id string) bool { return slices.Contains(t.app.reach.Groups, id) })
}

func (t *teller) userMovedOrChanged(before, after *User) []told {
	saw, sees := t.sees(before), t.sees(after)
	switch {
	case !saw && !sees || after.Status.IsResigned:
		return nil
	case saw == sees || t.options.MovesAcrossRange == MovesAreUpdates:
		return t.userChanged(before, after)
	case t.options.MovesAcrossRange == MovesAreSilent:
		return nil
	case sees:
		return t.userCame(after)
	default:
		return []told{t.userLeft(before)}
	}
}

func (t *teller) userReturned(before, after *User) []told {
	if !t.sees(after) {
		return nil
	}
	switch t.options.ResurrectEvent {
	case ResurrectAsCreated:
		return t.userCame(after)
	case ResurrectAsUpdated:
		return t.userChanged(before, after)
	case ResurrectSilently:
	}
	return nil
}

// userObject is the object of the events about somebody who is here.
func (t *teller) userObject(fields eventFields) []byte {
	if t.options.DepartmentIDsInObject {
		return t.object(KindUser, fields)
	}
	return t.object(KindUser, fields, "department_ids")
}

func (t *teller) userCame(u *User) []told {
	return []told{{userCreated, payload(t.userObject(t.userFields(u)), nil)}}
}

// userLeft tells of a person who is gone: object is as they were last, but for
// the departments, which are in old_object.
func (t *teller) userLeft(u *User) told {
	last := *u
	last.Status.IsResigned = t.options.DeletedFlags
	fields := t.userFields(&last)
	kept := fields.only("department_ids", "open_id")
	return told{userDeleted, payload(t.object(KindUser, fields, "department_ids", "orders"), t.object(KindUser, kept))}
}

// only picks fields by name.
func (f eventFields) only(names ...string) eventFields {
	return slices.DeleteFunc(slices.Clone(f), func(field eventField) bool { return !slices.Contains(names, field.name) })
}

// userChanged tells of a change. A new mobile and a new e-mail are told by
// events of their own; all of them show the same object.
func (t *teller) userChanged(before, after *User) []told {
	was, is := t.userFields(before), t.userFields(after)
	d := t.compare(KindUser, was, is)
	var news struct{ rest, mobile, email bool }
	var rest, mobile, email eventFields // of old_object
	for _, i := range d.readable {
		switch was[i].name {
		case "mobile":
			news.mobile, mobile = true, was[i:i+1]
		case "email":
			news.email, email = true, was[i:i+1]
		case "enterprise_email": // old_object has no such field
			news.rest = true
		default:
			news.rest = true
			rest = append(rest, t.oldUserField(was[i], before, after))
		}
	}
	if len(d.readable) == 0 && t.hollow(d, !reflect.DeepEqual(before, after)) {
		news.rest = true
	}
	object := t.userObject(is)
	var all []told
	for _, e := range []struct {
		some bool
		old  eventFields
	}{{news.rest, rest}, {news.mobile, mobile}, {news.email, email}} {
		if e.some {
			all = append(all, told{userUpdated, payload(object, t.object(KindUser, e.old))})
		}
	}
	return all
}

// oldUserField is a changed field as old_object has it.
func (t *teller) oldUserField(f eventField, before, after *User) eventField {
	switch {
	case f.name == "status" && !t.options.FullOldStatus:
		f.value = appendChangedStatus(before.Status, after.Status)
	case f.name == "orders" && t.options.ChangedItemsOnly:
		f.value = t.appendOrders(nil, missingIn(before.Orders, after.Orders))
	case f.name == "custom_attrs" && t.options.ChangedItemsOnly:
		f.value = t.attrs(missingIn(before.CustomAttrs, after.CustomAttrs))
	}
	return f
}

func missingIn[T comparable](before, after []T) []T {
	return slices.DeleteFunc(slices.Clone(before), func(item T) bool { return slices.Contains(after, item) })
}

// appendChangedStatus writes the flags that changed, as they were.
func appendChangedStatus(before, after Status) []byte {
	o := begin(nil, nil, nil)
	for _, flag := range []struct {
		name    string
		was, is bool
	}{
		{"is_activated", before.IsActivated, after.IsActivated},
		{"is_exited", before.IsExited, after.IsExited},
		{"is_frozen", before.IsFrozen, after.IsFrozen},
		{"is_resigned", before.IsResigned, after.IsResigned},
		{"is_unjoin", before.IsUnjoin, after.IsUnjoin},
	} {
		if flag.was != flag.is {
			o.bool(flag.name, flag.was)
		}
	}
	return o.end()
}
