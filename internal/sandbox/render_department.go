package sandbox

import "strconv"

// appendDepartment appends a department. The root is shown as Feishu shows
// it: two ids, an empty name and the counts.
func (v *view) appendDepartment(buf []byte, n *node) []byte {
	o := begin(buf, v.hidden[KindDepartment], v.overridesOf(KindDepartment, n.OpenDepartmentID))
	isRoot := n.parent == nil
	if !isRoot {
		o.strIf("chat_id", n.ChatID)
		if len(n.HRBPs) > 0 {
			o.strs("department_hrbps", n.HRBPs, v.user)
		}
	}
	o.str("department_id", n.DepartmentID)
	if !isRoot {
		v.groupChatTypes(&o, n.GroupChatEmployeeTypes)
		if o.key("i18n_name") {
			o.buf = appendI18n(o.buf, n.I18nName)
		}
		o.strIf("leader_user_id", v.user(n.LeaderUserID))
		if len(n.Leaders) > 0 && o.key("leaders") {
			o.buf = v.appendLeaders(o.buf, n.Leaders)
		}
	}
	o.int("member_count", int64(n.MemberCount))
	o.str("name", n.Name)
	o.str("open_department_id", n.OpenDepartmentID)
	if !isRoot {
		if o.key("order") {
			o.buf = append(o.buf, '"')
			o.buf = strconv.AppendInt(o.buf, n.Order, 10)
			o.buf = append(o.buf, '"')
		}
		o.str("parent_department_id", v.department(n.ParentDepartmentID))
	}
	o.int("primary_member_count", int64(n.PrimaryMemberCount))
	if !isRoot {
		if o.key("status") {
			o.buf = append(o.buf, `{"is_deleted":false}`...)
		}
		o.strs("unit_ids", n.UnitIDs, same)
	}
	return o.end()
}

func (v *view) groupChatTypes(o *object, types []int) {
	if len(types) == 0 || !o.key("group_chat_employee_types") {
		return
	}
	o.buf = append(o.buf, '[')
	for i, t := range types {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = strconv.AppendInt(o.buf, int64(t), 10)
	}
	o.buf = append(o.buf, ']')
}

func appendI18n(buf []byte, n I18nName) []byte {
	o := begin(buf, nil, nil)
	o.str("en_us", n.EnUS)
	o.str("ja_jp", n.JaJP)
	o.str("zh_cn", n.ZhCN)
	return o.end()
}

// appendLeaders writes the keys in camel case, as Feishu does here and nowhere
// else. leaders.leaderID has a permission of its own.
func (v *view) appendLeaders(buf []byte, leaders []Leader) []byte {
	buf = append(buf, '[')
	for i, l := range leaders {
		if i > 0 {
			buf = append(buf, ',')
		}
		o := begin(buf, nil, nil)
		if !v.hidden[KindDepartment]["leaders.leaderID"] {
			o.str("leaderID", v.user(l.LeaderID))
		}
		o.int("leaderType", int64(l.LeaderType))
		buf = o.end()
	}
	return append(buf, ']')
}
