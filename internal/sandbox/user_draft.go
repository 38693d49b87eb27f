package sandbox

import (
	"regexp"
	"slices"
	"strings"
)

// userBody is what creating, patching and replacing a person take.
type userBody struct {
	UserID          *string      `json:"user_id"`
	Name            *string      `json:"name"`
	EnName          *string      `json:"en_name"`
	Nickname        *string      `json:"nickname"`
	Email           *string      `json:"email"`
	EnterpriseEmail *string      `json:"enterprise_email"`
	Mobile          *string      `json:"mobile"`
	MobileVisible   *bool        `json:"mobile_visible"`
	Gender          *int         `json:"gender"`
	AvatarKey       *string      `json:"avatar_key"`
	Description     *string      `json:"description"`
	IsFrozen        *bool        `json:"is_frozen"`
	DepartmentIDs   *[]string    `json:"department_ids"`
	Orders          *[]orderBody `json:"orders"`
	Leader          *string      `json:"leader_user_id"`
	DottedLine      *[]string    `json:"dotted_line_leader_user_ids"`
	City            *string      `json:"city"`
	Country         *string      `json:"country"`
	Geo             *string      `json:"geo"`
	WorkStation     *string      `json:"work_station"`
	JoinTime        *int64       `json:"join_time"`
	EmployeeNo      *string      `json:"employee_no"`
	EmployeeType    *int         `json:"employee_type"`
	JobTitle        *string      `json:"job_title"`
	JobLevelID      *string      `json:"job_level_id"`
	JobFamilyID     *string      `json:"job_family_id"`
	CustomAttrs     *[]attrBody  `json:"custom_attrs"`
	SubscriptionIDs *[]string    `json:"subscription_ids"`
	// How the invitation goes out; of the SDK only.
	NeedNotification *bool               `json:"need_send_notification"`
	Notification     *notificationOption `json:"notification_option"`
}

type notificationOption struct {
	Channels []string `json:"channels"`
}

// writing is how a person or a department is written.
type writing int

const (
	creating writing = iota
	patching
	replacing
)

// userWrite is one such call: what was asked, who it is about, and what they
// will be.
type userWrite struct {
	c      *call
	how    writing
	body   userBody
	before *User // nil while creating
	next   User
}

func (w *userWrite) read() error { return w.c.input(&w.body) }

// readFor reads the body and finds who it is about.
func (w *userWrite) readFor(id string) error {
	if err := w.read(); err != nil {
		return err
	}
	u, err := w.c.view.findUser(id)
	if err != nil {
		return err
	}
	if !w.c.view.sees(u) {
		return refuse(codeNoUser)
	}
	w.before = u
	return nil
}

// settle checks what was sent and takes it over into next.
func (w *userWrite) settle() error {
	for _, step := range []func() error{
		w.required, w.identity, w.texts, w.reachable, w.mailbox, w.numbers, w.employment, w.licences, w.placement, w.leaders, w.attributes,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// required is about fields that a person must have.
func (w *userWrite) required() error {
	b := &w.body
	email := ""
	if w.before != nil {
		email = w.before.Email
	}
	set(&email, b.Email)
	whole := w.how != patching
	switch {
	case whole && b.Name == nil, b.Name != nil && *b.Name == "":
		return refuse(codeUserName)
	case blank(b.Name):
		return refuse(codeNameBlank)
	case (whole && b.Mobile == nil || blank(b.Mobile)) && email == "":
		return refuse(codeNoContact)
	case whole && b.Mobile == nil || blank(b.Mobile):
		return refuse(codeNoMobile)
	case w.how == replacing && b.DepartmentIDs == nil && b.Orders != nil:
		return refuse(codeOrdersAlone)
	case whole && b.DepartmentIDs == nil, b.DepartmentIDs != nil && len(*b.DepartmentIDs) == 0:
		return refuse(codeDepartmentNeeded)
	case whole && b.EmployeeType == nil:
		return invalidField("employee_type", "", "employee_type is required")
	case w.before != nil && blank(b.Email) && w.before.Mobile == "" && b.Mobile == nil:
		return refuse(codeNoContact)
	}
	return nil
}

// identity is about the user_id, which only a new person may choose.
func (w *userWrite) identity() error {
	id := w.body.UserID
	switch {
	case id == nil || *id == "":
		return nil
	case len([]rune(*id)) > maxUserID:
		return refuse(codeUserIDLong)
	case !validUserID(*id):
		return refuse(codeUserIDInvalid)
	case w.c.server.org.byUserID.current[*id] != nil:
		return refuse(codeUserIDTaken)
	}
	w.next.UserID = *id
	return nil
}

// avatarKeys is what a key of an uploaded picture can look like.
var avatarKeys = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./=~-]{0,254}$`)

// texts is about what is only bound in length.
func (w *userWrite) texts() error {
	b, n := &w.body, &w.next
	if b.AvatarKey != nil && *b.AvatarKey != "" && !avatarKeys.MatchString(*b.AvatarKey) {
		return refuse(codeAvatarKey)
	}
	for _, text := range []struct {
		sent, field *string
		most, code  int
		msg         string
	}{
		{b.Name, &n.Name, 255, codeNameLong, "name length exceed 255 character"},
		{b.EnName, &n.EnName, 255, codeEnNameLong, "en_name length exceed 255 character"},
		{b.Nickname, &n.Nickname, 255, codeNicknameLong, "nickname length exceed 255 character"},
		{b.JobTitle, &n.JobTitle, 255, codeJobTitleLong, "job_title length exceed 100 character"}, // Feishu's text never followed its limit
		{b.City, &n.City, 100, codeParam, "param error"},
		{b.Country, &n.Country, 255, codeParam, "param error"},
		{b.WorkStation, &n.WorkStation, 255, codeParam, "param error"},
		{b.EmployeeNo, &n.EmployeeNo, 255, codeParam, "param error"},
		{b.Description, &n.Description, 255, codeParam, "param error"},
		{b.AvatarKey, &n.AvatarKey, 255, codeAvatarKey, "avatar key is invalid error"},
	} {
		if text.sent != nil && len([]rune(*text.sent)) > text.most {
			return refuseWith(text.code, text.msg)
		}
		set(text.field, text.sent)
	}
	if blank(&n.JobTitle) {
		n.JobTitle = ""
	}
	return nil
}

// numbers is about flags and numbers.
func (w *userWrite) numbers() error {
	b, n := &w.body, &w.next
	const endOfTime = 253402300799 // the last second of the year 9999
	switch {
	case b.Gender != nil && (*b.Gender < 0 || *b.Gender > 3):
		return refuse(codeGender)
	case b.JoinTime != nil && (*b.JoinTime < 0 || *b.JoinTime > endOfTime):
		return refuse(codeJoinTime)
	case b.IsFrozen != nil && *b.IsFrozen && n.IsTenantManager:
		return refuse(codeFreezeFounder)
	}
	set(&n.Gender, b.Gender)
	set(&n.JoinTime, b.JoinTime)
	set(&n.MobileVisible, b.MobileVisible)
	set(&n.Status.IsFrozen, b.IsFrozen)
	return nil
}

// leaders is about who leads a person.
func (w *userWrite) leaders() error {
	b, n := &w.body, &w.next
	if b.Leader != nil {
		n.LeaderUserID = ""
		if *b.Leader != "" {
			leader, err := w.leader(*b.Leader)
			if err != nil {
				return err
			}
			n.LeaderUserID = leader
		}
	}
	if b.DottedLine == nil {
		return nil
	}
	n.DottedLine = nil
	for _, id := range *b.DottedLine {
		leader, err := w.leader(id)
		if err != nil {
			return err
		}
		if !slices.Contains(n.DottedLine, leader) {
			n.DottedLine = append(n.DottedLine, leader)
		}
	}
	return nil
}

// leader finds a leader by an id that the request names.
func (w *userWrite) leader(id string) (string, error) {
	newSelf := w.how == creating && w.c.view.kinds.user == userID && id == w.next.UserID
	u, err := w.c.view.findUser(strings.TrimSpace(id))
	switch {
	case newSelf || err == nil && u == w.before:
		return "", refuse(codeOwnLeader)
	case err != nil:
		return "", refuse(codeLeaderInvalid)
	case u.Status.IsResigned:
		return "", refuse(codeLeaderResigned)
	}
	return u.OpenID, nil
}
