package sandbox

import "slices"

// maxBatchMembers is how many members one call may name.
const maxBatchMembers = 100

// codePartly is what batch_remove answers where some were not members.
const codePartly = 40022

// groupMember is a member as bodies name one.
type groupMember struct {
	MemberID     string `json:"member_id"`
	MemberType   string `json:"member_type"`
	MemberIDType string `json:"member_id_type"`
}

// The values of member_type.
const (
	memberUser       = "user"
	memberDepartment = "department"
)

// memberKinds reads what kind of id names a member. badKind is the code of what
// is no kind of id, mismatch that of one for other members.
func (c *call) memberKinds(memberType, idType string, badKind, mismatch int) (kinds, error) {
	var k kinds
	ofUser := memberType == memberUser
	switch idType {
	case "", "open_id": // of a department: its open_department_id
		return k, nil
	case "union_id":
		k.user = unionID
	case "user_id":
		k.user = userID
	case "department_id":
		k.department = customDepartmentID
		ofUser = !ofUser
	default:
		return k, refuse(badKind)
	}
	if !ofUser && mismatch == codeMemberTypeMismatch {
		return k, refuseWith(mismatch, "member_type not match member_id_type") // the first text is of nicknames
	}
	if !ofUser {
		return k, refuse(mismatch)
	}
	if k.user == userID && c.view.hidden[KindUser]["user_id"] {
		return k, scopeMissing(c.caller.app.id, []string{scopeEmployeeID})
	}
	return k, nil
}

// member finds a person whom the app sees. The id comes with its own kind, and
// so the gateway does not look at it.
func (c *call) member(k kinds, id string) (*User, error) {
	v := c.view
	v.kinds = k
	u, err := v.findUser(id)
	if err != nil {
		return nil, refuse(codeMemberID)
	}
	if !v.sees(u) {
		return nil, refuse(codeNoUser).at(403)
	}
	return u, nil
}

// listGroupMembers serves group/:group_id/member/simplelist: people, or with
// member_type=department departments, by open id.
func listGroupMembers(c *call) error {
	g, err := c.group()
	if err != nil {
		return err
	}
	members, memberType := g.Users, c.query.Get("member_type")
	switch memberType {
	case "", memberUser:
		memberType = memberUser
	case memberDepartment:
		members = g.Departments
	default:
		return refuse(codeMemberType)
	}
	v := c.view
	if v.kinds, err = c.memberKinds(memberType, c.query.Get("member_id_type"), codeMemberIDKind, codeMemberTypeMismatch); err != nil {
		return err
	}
	page, token, err := pageByKey(c, 50, 100, members, same)
	if err != nil {
		return err
	}
	answerPage(c, "memberlist", page, token, func(buf []byte, id string) []byte {
		if memberType == memberUser {
			id = v.user(id)
		} else {
			id = v.department(id)
		}
		o := begin(buf, nil, nil)
		o.str("member_id", id)
		o.str("member_type", memberType)
		return o.end()
	})
	return nil
}

// writeMember reads the body of add and remove, and finds the group and the
// person.
func (c *call) writeMember() (*Group, *User, error) {
	var b groupMember
	if err := c.bodyInto(&b, refuse(codeBadRequest)); err != nil {
		return nil, nil, err
	}
	g, err := c.normalGroup(noAuthorityUsual)
	if err != nil {
		return nil, nil, err
	}
	if b.MemberType != memberUser {
		return nil, nil, refuse(codeMemberType) // departments become members in the admin console only
	}
	u, err := c.named(b, codeMemberIDKind, codeMemberTypeMismatch)
	return g, u, err
}

// named finds the person whom a body names. The codes are those of what is no
// kind of id, and of a kind that is not for people.
func (c *call) named(m groupMember, badKind, mismatch int) (*User, error) {
	if m.MemberIDType == "" {
		return nil, refuse(badKind)
	}
	k, err := c.memberKinds(memberUser, m.MemberIDType, badKind, mismatch)
	if err != nil {
		return nil, err
	}
	return c.member(k, m.MemberID)
}

// addGroupMember serves group/:group_id/member/add.
func addGroupMember(c *call) error {
	g, u, err := c.writeMember()
	switch {
	case err != nil:
		return err
	case u.Status.IsResigned:
		return refuse(codeResigned)
	case g.holds(u.OpenID):
		return refuse(codeGroupMemberAlready).saying("member exist in group error").at(400)
	}
	if err := c.view.org.joinGroup(g, u.OpenID); err != nil {
		return err
	}
	return c.answerNothing()
}

// removeGroupMember serves group/:group_id/member/remove. Whoever is no member
// is none afterwards either.
func removeGroupMember(c *call) error {
	g, u, err := c.writeMember()
	if err != nil {
		return err
	}
	c.view.org.leaveGroup(g, u.OpenID)
	return c.answerNothing()
}

// writeMembers reads the body of batch_add and batch_remove, and finds the group
// and the people. One who is wrong refuses all of them. badKind is the code of a
// wrong member_id_type, of which the two methods know different ones.
func (c *call) writeMembers(noAuthority string, badKind int) (*Group, []groupMember, []*User, error) {
	var b struct {
		Members []groupMember `json:"members"`
	}
	if err := c.bodyInto(&b, refuse(codeParam)); err != nil {
		return nil, nil, nil, err
	}
	g, err := c.normalGroup(noAuthority)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(b.Members) == 0 || len(b.Members) > maxBatchMembers {
		return nil, nil, nil, refuse(codeParam)
	}
	var people []*User
	for _, m := range b.Members {
		if m.MemberType != memberUser {
			return nil, nil, nil, refuse(codeMemberType)
		}
		u, err := c.named(m, badKind, badKind)
		if err != nil {
			return nil, nil, nil, err
		}
		people = append(people, u)
	}
	return g, b.Members, people, nil
}

// addGroupMembers serves group/:group_id/member/batch_add. Those who are members
// already are told so one by one, and the others come in.
func addGroupMembers(c *call) error {
	g, named, people, err := c.writeMembers(noAuthorityBatchAdd, codeMemberIDKind)
	if err != nil {
		return err
	}
	codes := make([]int, len(people))
	var ids []string
	for i, u := range people {
		if u.Status.IsResigned {
			return refuse(codeResigned)
		}
		if g.holds(u.OpenID) || slices.Contains(ids, u.OpenID) {
			codes[i] = codeGroupMemberAlready
			continue
		}
		ids = append(ids, u.OpenID)
	}
	if err := c.view.org.joinGroup(g, ids...); err != nil {
		return err
	}
	c.buf = append(c.buf, `{"results":[`...)
	for i, m := range named {
		if i > 0 {
			c.buf = append(c.buf, ',')
		}
		o := begin(c.buf, nil, nil)
		o.int("code", int64(codes[i]))
		o.str("member_id", m.MemberID)
		c.buf = o.end()
	}
	c.buf = append(c.buf, `]}`...)
	return nil
}

// removeGroupMembers serves group/:group_id/member/batch_remove. Where some are
// no members the others go, and the answer is 40022.
func removeGroupMembers(c *call) error {
	g, _, people, err := c.writeMembers(noAuthorityBatchOff, codeParam)
	if err != nil {
		return err
	}
	strangers := 0
	for _, u := range people {
		if !g.holds(u.OpenID) {
			strangers++
		}
		c.view.org.leaveGroup(g, u.OpenID)
	}
	if strangers > 0 {
		return refuse(codePartly)
	}
	return c.answerNothing()
}
