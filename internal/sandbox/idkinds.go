package sandbox

import "net/url"

// userIDKind is the kind of user id that a caller sends and wants back.
type userIDKind int

const (
	openID userIDKind = iota
	unionID
	userID
)

// departmentIDKind is the kind of department id that a caller sends and wants
// back.
type departmentIDKind int

const (
	openDepartmentID departmentIDKind = iota
	customDepartmentID
)

// kinds are the id kinds of one call.
type kinds struct {
	user       userIDKind
	department departmentIDKind
}

func parseKinds(query url.Values) (kinds, error) {
	var k kinds
	switch v := query.Get("user_id_type"); v {
	case "", "open_id":
	case "union_id":
		k.user = unionID
	case "user_id":
		k.user = userID
	default:
		return k, invalidField("user_id_type", v, "user_id_type is optional, options: [open_id,union_id,user_id]")
	}
	switch v := query.Get("department_id_type"); v {
	case "", "open_department_id":
	case "department_id":
		k.department = customDepartmentID
	default:
		return k, invalidField("department_id_type", v, "department_id_type is optional, options: [department_id,open_department_id]")
	}
	return k, nil
}

// user finds a person, here or resigned.
func (o *organisation) user(kind userIDKind, id string) (*User, error) {
	switch kind {
	case unionID:
		if u := o.byUnion[id]; u != nil {
			return u, nil
		}
	case userID:
		if u := o.byUserID.any(id); u != nil {
			return u, nil
		}
	default:
		if u := o.users[id]; u != nil {
			return u, nil
		}
	}
	return nil, unknownUser(kind, id)
}

func unknownUser(kind userIDKind, id string) error {
	switch kind {
	case unionID:
		return unknownID(codeUnionIDUnknown, "union_id", "on_94a1ee5551019f18cd73d9f111898cf2", id)
	case userID:
		return unknownID(codeUserIDUnknown, "user_id", "3e3cf96b", id)
	default:
		return unknownID(codeOpenIDUnknown, "open_id", "ou_7dab8a3d3cdcc9da365777c7ad535d62", id)
	}
}

func (o *organisation) department(kind departmentIDKind, id string) (*node, error) {
	index := o.departments
	if kind == customDepartmentID {
		index = o.byCustom
	}
	if n := index[id]; n != nil {
		return n, nil
	}
	return nil, unknownDepartment(kind, id)
}

func unknownDepartment(kind departmentIDKind, id string) error {
	if kind == customDepartmentID {
		return unknownID(codeCustomIDUnknown, "department_id", "D096", id)
	}
	return unknownID(codeOpenDeptUnknown, "open_department_id", "od-4e6ac4d14bcd5071a37a39de902c7141", id)
}

// userRef translates an open_id into the kind that the caller wants; "" where
// there is no such person any more.
func (o *organisation) userRef(kind userIDKind, open string) string {
	if kind == openID || open == "" {
		return open
	}
	u := o.users[open]
	switch {
	case u == nil:
		return ""
	case kind == unionID:
		return u.UnionID
	default:
		return u.UserID
	}
}

// departmentRef translates an open_department_id likewise.
func (o *organisation) departmentRef(kind departmentIDKind, open string) string {
	if kind == openDepartmentID || open == "" {
		return open
	}
	if n := o.departments[open]; n != nil {
		return n.DepartmentID
	}
	return ""
}

// own is the person's own id of a kind.
func (u *User) own(kind userIDKind) string {
	switch kind {
	case unionID:
		return u.UnionID
	case userID:
		return u.UserID
	default:
		return u.OpenID
	}
}
