package sandbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// departmentBody is what creating, patching and replacing a department take.
type departmentBody struct {
	Name            *string       `json:"name"`
	I18nName        *I18nName     `json:"i18n_name"`
	Parent          *string       `json:"parent_department_id"`
	DepartmentID    *string       `json:"department_id"`
	Leader          *string       `json:"leader_user_id"`
	Leaders         *[]leaderBody `json:"leaders"`
	Order           *string       `json:"order"`
	UnitIDs         *[]string     `json:"unit_ids"`
	CreateGroupChat *bool         `json:"create_group_chat"`
	GroupChatTypes  *[]int        `json:"group_chat_employee_types"`
	HRBPs           *[]string     `json:"department_hrbps"`
}

type leaderBody struct {
	LeaderType *int    `json:"leaderType"`
	LeaderID   *string `json:"leaderID"`
}

// maxHRBPs is how many HRBPs a department may have.
const maxHRBPs = 500

// departmentWrite is one call that writes a department.
type departmentWrite struct {
	c      *call
	how    writing
	body   departmentBody
	before *node // nil while creating
	parent *node // as it will be
	next   Department
}

// settle checks what was sent and takes it over into next.
func (w *departmentWrite) settle() error {
	for _, step := range []func() error{w.required, w.place, w.names, w.customID, w.order, w.units, w.leadership, w.hrbps, w.chat} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// required is about what a department must have.
func (w *departmentWrite) required() error {
	b := &w.body
	whole := w.how != patching
	switch {
	case w.how == creating && len(given(*b)) == 0:
		return refuse(codeDeptInfo)
	case whole && b.Name == nil, blank(b.Name):
		return w.noName()
	case w.how == creating && missing(b.Parent):
		return refuse(codeNoParentGiven)
	case w.how == replacing && missing(b.Parent), blank(b.Parent):
		return refuse(codeUpdateNoParent)
	}
	return nil
}

// place is about the parent.
func (w *departmentWrite) place() error {
	v, o := &w.c.view, w.c.server.org
	if w.body.Parent == nil {
		w.parent = w.before.parent
		return nil
	}
	parent, err := v.findDepartment(*w.body.Parent)
	switch {
	case err != nil:
		return err
	case !v.seesDepartment(parent):
		return refuse(codeNoParent)
	}
	w.parent = parent
	w.next.ParentDepartmentID = parent.OpenDepartmentID
	if w.before != nil && w.before.parent == parent {
		return nil
	}
	switch {
	case len(parent.children) >= o.limits.children:
		return refuse(codeManyChildren)
	case w.before == nil && len(o.departments)-1 >= o.limits.departments:
		return refuseWith(codeDeptParam, "the tenant has too many departments")
	}
	return nil
}

// names is about the name and those in other languages: without the separator
// of paths, and without a namesake, where the options say.
func (w *departmentWrite) names() error {
	b := &w.body
	set(&w.next.Name, b.Name)
	set(&w.next.I18nName, b.I18nName)
	i18n := w.next.I18nName
	if strings.Contains(w.next.Name+i18n.ZhCN+i18n.JaJP+i18n.EnUS, "/") {
		return refuse(codeSeparator)
	}
	moves := w.before == nil || w.parent != w.before.parent
	if b.Name == nil && b.I18nName == nil && !moves {
		return nil
	}
	for _, other := range w.namesakes() {
		switch {
		case other == w.before:
		case (b.Name != nil || moves) && other.Name == w.next.Name:
			return refuse(codeDeptNameTaken)
		case (b.I18nName != nil || moves) && i18n.shares(other.I18nName):
			return refuse(codeI18nNameTaken)
		}
	}
	return nil
}

// shares tells whether two names are the same in some language.
func (n I18nName) shares(other I18nName) bool {
	return n.ZhCN != "" && n.ZhCN == other.ZhCN || n.JaJP != "" && n.JaJP == other.JaJP || n.EnUS != "" && n.EnUS == other.EnUS
}

// namesakes are the departments that may not have the same name.
func (w *departmentWrite) namesakes() []*node {
	switch w.c.server.options.UniqueDepartmentNames {
	case NamesUniqueAmongSiblings:
		return w.parent.children
	case NamesUniqueInTenant:
		return w.c.server.org.descendantsOf(w.c.server.org.root)
	default:
		return nil
	}
}

func (w *departmentWrite) customID() error {
	id := w.body.DepartmentID
	switch {
	case id == nil || *id == "":
		return nil
	case !validCustomID(*id):
		return refuse(codeCustomIDInvalid)
	case w.c.server.org.byCustom[*id] != nil:
		return refuse(codeCustomIDTaken)
	}
	w.next.DepartmentID = *id
	return nil
}

var orders = regexp.MustCompile(`^[0-9]{1,18}$`)

// order is about the place among the siblings, where no two are at the same. A
// department that moves to where its order is taken goes last.
func (w *departmentWrite) order() error {
	taken := func(order int64) bool {
		return slices.ContainsFunc(w.parent.children, func(n *node) bool { return n != w.before && n.Order == order })
	}
	sent := w.body.Order
	if sent == nil || *sent == "" {
		if w.before == nil || w.before.parent != w.parent && taken(w.next.Order) {
			w.next.Order = lastOrder(w.parent)
		}
		return nil
	}
	order, err := strconv.ParseInt(*sent, 10, 64)
	switch {
	case err != nil || !orders.MatchString(*sent):
		return refuse(codeDeptParam)
	case taken(order):
		return refuse(codeOrderTaken)
	}
	w.next.Order = order
	return nil
}

func (w *departmentWrite) units() error {
	ids := w.body.UnitIDs
	if ids == nil {
		return nil
	}
	if len(*ids) > 1 {
		return refuse(codeDeptParam)
	}
	for _, id := range *ids {
		unit := w.c.server.org.units[id]
		switch {
		case unit == nil:
			return refuse(codeUnitUnknown)
		case len(unit.Departments) >= w.c.server.org.limits.unit:
			return refuse(codeUnitDepartments)
		}
	}
	w.next.UnitIDs = slices.Clone(*ids)
	return nil
}

// hrbps is about those who look after the people of a department.
func (w *departmentWrite) hrbps() error {
	ids := w.body.HRBPs
	if ids == nil {
		return nil
	}
	if len(*ids) > maxHRBPs {
		return refuse(codeHRBP)
	}
	w.next.HRBPs = nil
	for _, id := range *ids {
		u, err := w.c.view.findUser(id)
		if err != nil || u.Status.IsResigned {
			return refuse(codeHRBP)
		}
		if !slices.Contains(w.next.HRBPs, u.OpenID) {
			w.next.HRBPs = append(w.next.HRBPs, u.OpenID)
		}
	}
	return nil
}

// chat is about the department's chat, which can be made here but not removed.
func (w *departmentWrite) chat() error {
	b := &w.body
	if b.GroupChatTypes != nil {
		for _, value := range *b.GroupChatTypes {
			if w.c.server.org.checkEmployeeType(value) != nil {
				return refuse(codeGroupChatTypes)
			}
		}
		w.next.GroupChatEmployeeTypes = slices.Clone(*b.GroupChatTypes)
	}
	if b.CreateGroupChat != nil && *b.CreateGroupChat && w.next.ChatID == "" {
		w.next.ChatID = w.c.server.org.ids.chatID()
	}
	return nil
}
