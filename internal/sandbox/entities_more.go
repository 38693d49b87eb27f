package sandbox

import "slices"

// Group is a user group. Type is 1 for a normal one, 2 for a dynamic one. Ids
// in Users and Departments are open ids.
type Group struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Type        int      `json:"type"`
	Users       []string `json:"users,omitempty"`       // sorted
	Departments []string `json:"departments,omitempty"` // sorted; only the admin console puts them there
	// AdminOnly marks a group with settings that the API does not cover: asking
	// for it answers 42029, though listings show it.
	AdminOnly bool `json:"admin_only,omitempty"`
}

func (g *Group) clone() Group {
	c := *g
	c.Users, c.Departments = slices.Clone(g.Users), slices.Clone(g.Departments)
	return c
}

// The values of Group.Type.
const (
	normalGroup  = 1
	dynamicGroup = 2
)

// Unit is a subsidiary or business unit, to which departments are bound.
type Unit struct {
	UnitID      string   `json:"unit_id"`
	Name        string   `json:"name"`
	UnitType    string   `json:"unit_type"`
	Departments []string `json:"departments,omitempty"` // open_department_ids, sorted
}

func (u *Unit) clone() Unit {
	c := *u
	c.Departments = slices.Clone(u.Departments)
	return c
}

// EmployeeType is a kind of employment. EnumValue is what users carry as
// employee_type, as text.
type EmployeeType struct {
	EnumID      string `json:"enum_id"`
	EnumValue   string `json:"enum_value"`
	Content     string `json:"content"`
	EnumType    int    `json:"enum_type"`   // 1 built in, 2 made by the company
	EnumStatus  int    `json:"enum_status"` // 1 active, 2 inactive
	I18nContent []Text `json:"i18n_content,omitempty"`
}

func (e *EmployeeType) clone() EmployeeType {
	c := *e
	c.I18nContent = slices.Clone(e.I18nContent)
	return c
}

// Text is a text in one language: zh_cn, en_us or ja_jp.
type Text struct {
	Locale string `json:"locale"`
	Value  string `json:"value"`
}

// CustomAttrDefinition describes a custom attribute of users.
type CustomAttrDefinition struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"` // TEXT, HREF, ENUMERATION, GENERIC_USER or PICTURE_ENUM
	Options  AttrOptions `json:"options"`
	I18nName []Text      `json:"i18n_name,omitempty"`
}

// AttrOptions are what can be chosen for an ENUMERATION or a PICTURE_ENUM.
type AttrOptions struct {
	DefaultOptionID string       `json:"default_option_id,omitempty"`
	OptionType      string       `json:"option_type,omitempty"` // TEXT or PICTURE
	Options         []AttrOption `json:"options,omitempty"`
}

// AttrOption is one of them. Value is a text or a picture's URL.
type AttrOption struct {
	ID    string `json:"id"`
	Value string `json:"value"`
	Name  string `json:"name,omitempty"` // of a picture
}

func (d *CustomAttrDefinition) clone() CustomAttrDefinition {
	c := *d
	c.Options.Options, c.I18nName = slices.Clone(d.Options.Options), slices.Clone(d.I18nName)
	return c
}
