package sandbox

import (
	"encoding/json"
	"net/url"
)

// view is how one call sees the organisation: the id kinds that it asked for,
// and what the controls have hidden or replaced.
type view struct {
	org       *organisation
	app       *app            // nil sees everything
	apps      map[string]*app // all there are, to know their open_ids
	person    *User           // in whose name the call is, if any
	kinds     kinds
	hidden    map[Kind]map[string]bool
	overrides map[entityKey]map[string]json.RawMessage
}

// userFields are those keys of a person that not every method shows.
type userFields uint

const (
	withNickname userFields = 1 << iota
	withAvatarKey
	withIsFrozen // at the top level
	withGeo
	withJob // level, family, and leaders by dotted lines
	withAssignInfo
	withPath // department_path

	getFields      = withNickname | withGeo | withJob | withAssignInfo | withPath
	listFields     = withNickname | withIsFrozen | withGeo | withJob | withPath // find_by_department
	batchFields    = withNickname | withAvatarKey | withIsFrozen | withGeo | withJob
	historicFields = withIsFrozen // the historic GET /users
	createFields   = withNickname | withAvatarKey | withIsFrozen | withGeo | withJob
	patchFields    = withNickname | withIsFrozen | withJob
	putFields      = withNickname | withAvatarKey | withIsFrozen
)

// allUserFields are those that some method that reads shows to an app.
const allUserFields = getFields | listFields | batchFields

func (f userFields) has(field userFields) bool { return f&field != 0 }

// user and department translate a reference into the kind of id that the caller
// wants.
func (v *view) user(id string) string       { return v.asOpenID(v.org.userRef(v.kinds.user, id)) }
func (v *view) department(id string) string { return v.org.departmentRef(v.kinds.department, id) }

// own is the id of a person of the kind that the caller wants.
func (v *view) own(u *User) string { return v.asOpenID(u.own(v.kinds.user)) }

// asOpenID makes an open_id the app's own, and leaves other kinds alone.
func (v *view) asOpenID(id string) string {
	if v.kinds.user == openID {
		return v.app.openID(id)
	}
	return id
}

// findUser finds a person by an id of the kind that the caller names people by.
func (v *view) findUser(id string) (*User, error) {
	if v.kinds.user != openID {
		return v.org.user(v.kinds.user, id)
	}
	if u := v.org.users[v.app.canonical(id, v.org)]; u != nil {
		return u, nil
	}
	for _, other := range v.apps {
		if other != v.app && v.org.users[other.canonical(id, v.org)] != nil {
			return nil, refuse(codeCrossApp)
		}
	}
	return nil, unknownUser(openID, id)
}

func (v *view) findDepartment(id string) (*node, error) {
	return v.org.department(v.kinds.department, id)
}

func (v *view) overridesOf(kind Kind, id string) map[string]json.RawMessage {
	if len(v.overrides) == 0 {
		return nil
	}
	return v.overrides[entityKey{kind, id}]
}

// appendUser appends a person as a method shows them. Who has resigned keeps
// ids, name and status only.
func (v *view) appendUser(buf []byte, u *User, fields userFields) []byte {
	o := begin(buf, v.hidden[KindUser], v.overridesOf(KindUser, u.OpenID))
	if u.Status.IsResigned {
		o.str("name", u.Name)
		o.str("open_id", v.app.openID(u.OpenID))
		v.status(&o, u.Status)
		o.str("union_id", u.UnionID)
		o.str("user_id", u.UserID)
		return o.end()
	}
	if fields.has(withAssignInfo) && len(u.AssignInfo) > 0 && o.key("assign_info") {
		o.buf = append(o.buf, marshal(u.AssignInfo)...)
	}
	if o.key("avatar") {
		o.buf = appendAvatar(o.buf, u.AvatarKey)
	}
	if fields.has(withAvatarKey) {
		o.strIf("avatar_key", u.AvatarKey)
	}
	o.str("city", u.City)
	o.str("country", u.Country)
	if len(u.CustomAttrs) > 0 && v.org.allowOpenQuery && o.key("custom_attrs") {
		o.buf = v.appendAttrs(o.buf, u.CustomAttrs)
	}
	o.strs("department_ids", u.DepartmentIDs, v.department)
	if fields.has(withPath) && v.person != nil && o.key("department_path") {
		o.buf = v.appendPaths(o.buf, u)
	}
	o.str("description", u.Description)
	if fields.has(withJob) && len(u.DottedLine) > 0 {
		o.strs("dotted_line_leader_user_ids", u.DottedLine, v.user)
	}
	o.strIf("email", u.Email)
	o.str("employee_no", u.EmployeeNo)
	o.int("employee_type", int64(u.EmployeeType))
	o.str("en_name", u.EnName)
	o.strIf("enterprise_email", u.EnterpriseEmail)
	o.int("gender", int64(u.Gender))
	if fields.has(withGeo) {
		o.strIf("geo", u.Geo)
	}
	if fields.has(withIsFrozen) {
		o.bool("is_frozen", u.Status.IsFrozen)
	}
	o.bool("is_tenant_manager", u.IsTenantManager)
	if fields.has(withJob) {
		o.strIf("job_family_id", u.JobFamilyID)
		o.strIf("job_level_id", u.JobLevelID)
	}
	o.str("job_title", u.JobTitle)
	o.int("join_time", u.JoinTime)
	o.strIf("leader_user_id", v.user(u.LeaderUserID))
	o.str("mobile", u.Mobile)
	o.bool("mobile_visible", u.MobileVisible)
	o.str("name", u.Name)
	if fields.has(withNickname) {
		o.strIf("nickname", u.Nickname)
	}
	o.str("open_id", v.app.openID(u.OpenID))
	if o.key("orders") {
		o.buf = v.appendOrders(o.buf, u.Orders)
	}
	v.status(&o, u.Status)
	o.str("union_id", u.UnionID)
	o.str("user_id", u.UserID)
	o.str("work_station", u.WorkStation)
	return o.end()
}

func (v *view) status(o *object, s Status) {
	if o.key("status") {
		o.buf = appendStatus(o.buf, s)
	}
}

func appendStatus(buf []byte, s Status) []byte {
	o := begin(buf, nil, nil)
	o.bool("is_activated", s.IsActivated)
	o.bool("is_exited", s.IsExited)
	o.bool("is_frozen", s.IsFrozen)
	o.bool("is_resigned", s.IsResigned)
	o.bool("is_unjoin", s.IsUnjoin)
	return o.end()
}

func (v *view) appendOrders(buf []byte, orders []Order) []byte {
	buf = append(buf, '[')
	for i, order := range orders {
		if i > 0 {
			buf = append(buf, ',')
		}
		o := begin(buf, nil, nil)
		o.str("department_id", v.department(order.DepartmentID))
		o.int("department_order", int64(order.DepartmentOrder))
		o.bool("is_primary_dept", order.IsPrimaryDept)
		o.int("user_order", int64(order.UserOrder))
		buf = o.end()
	}
	return append(buf, ']')
}

// A picture is at avatarURL, its key, avatarSize and a size.
const (
	avatarURL  = "https://s1-imfile.feishucdn.com/static-resource/v1/"
	avatarSize = "~?image_size="
)

func appendAvatar(buf []byte, key string) []byte {
	if key == "" {
		key = "default-avatar"
	}
	if !plain(key) {
		key = url.PathEscape(key)
	}
	buf = append(buf, '{')
	for i, size := range [...][2]string{
		{`"avatar_240":"`, "240x240"}, {`"avatar_640":"`, "640x640"}, {`"avatar_72":"`, "72x72"}, {`"avatar_origin":"`, "noop"},
	} {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, size[0]...)
		buf = append(buf, avatarURL...)
		buf = append(buf, key...)
		buf = append(buf, avatarSize...)
		buf = append(buf, size[1]...)
		buf = append(buf, '"')
	}
	return append(buf, '}')
}

func (v *view) appendAttrs(buf []byte, attrs []CustomAttr) []byte {
	buf = append(buf, '[')
	for i, attr := range attrs {
		if i > 0 {
			buf = append(buf, ',')
		}
		o := begin(buf, nil, nil)
		o.str("id", attr.ID)
		o.str("type", attr.Type)
		o.key("value")
		o.buf = v.appendAttrValue(o.buf, attr.Value)
		buf = o.end()
	}
	return append(buf, ']')
}

func (v *view) appendAttrValue(buf []byte, value CustomAttrValue) []byte {
	o := begin(buf, nil, nil)
	if ref := v.user(value.GenericUser); ref != "" {
		o.key("generic_user")
		person := begin(o.buf, nil, nil)
		person.str("id", ref)
		person.int("type", 1)
		o.buf = person.end()
	}
	o.strIf("name", value.Name)
	o.strIf("option_id", value.OptionID)
	o.strIf("option_value", value.OptionValue)
	o.strIf("pc_url", value.PcURL)
	o.strIf("picture_url", value.PictureURL)
	o.strIf("text", value.Text)
	o.strIf("url", value.URL)
	return o.end()
}
