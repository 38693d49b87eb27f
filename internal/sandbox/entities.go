package sandbox

// rootID is the id of the root department, in both kinds of department id.
const rootID = "0"

// Tenant is the company that the sandbox plays, as tenant/v2/tenant/query
// shows it.
type Tenant struct {
	Name      string `json:"name"`
	DisplayID string `json:"display_id"`
	TenantTag int    `json:"tenant_tag"`
	TenantKey string `json:"tenant_key"`
	Avatar    string `json:"avatar,omitempty"`
	Domain    string `json:"domain"`
}

// User is a person. The JSON names are Feishu's; every reference to a user is
// an open_id and every reference to a department an open_department_id,
// whatever id kind a caller of the contact API later asks for.
type User struct {
	OpenID  string `json:"open_id"`
	UnionID string `json:"union_id"`
	UserID  string `json:"user_id"`

	Name            string `json:"name"`
	EnName          string `json:"en_name"`
	Nickname        string `json:"nickname"`
	Email           string `json:"email"`
	EnterpriseEmail string `json:"enterprise_email"`
	Mobile          string `json:"mobile"`
	MobileVisible   bool   `json:"mobile_visible"`
	Gender          int    `json:"gender"`
	AvatarKey       string `json:"avatar_key"`
	Description     string `json:"description"`

	Status          Status `json:"status"`
	IsTenantManager bool   `json:"is_tenant_manager"`

	// DepartmentIDs lists the departments in the order of Orders. Whoever
	// changes a user may give either of the two; see Server.ChangeUser.
	DepartmentIDs []string `json:"department_ids"`
	// Orders are sorted by DepartmentOrder, greatest first: the first one is
	// the primary department.
	Orders       []Order  `json:"orders"`
	LeaderUserID string   `json:"leader_user_id"`
	DottedLine   []string `json:"dotted_line_leader_user_ids,omitempty"`

	City         string       `json:"city"`
	Country      string       `json:"country"`
	Geo          string       `json:"geo"`
	WorkStation  string       `json:"work_station"`
	JoinTime     int64        `json:"join_time"` // epoch seconds, 0 = unset
	EmployeeNo   string       `json:"employee_no"`
	EmployeeType int          `json:"employee_type"`
	JobTitle     string       `json:"job_title"`
	JobLevelID   string       `json:"job_level_id"`
	JobFamilyID  string       `json:"job_family_id"`
	CustomAttrs  []CustomAttr `json:"custom_attrs,omitempty"`
	AssignInfo   []Seat       `json:"assign_info,omitempty"`
}

// Seat is a licence that somebody has. Only the controls assign any.
type Seat struct {
	SubscriptionID string   `json:"subscription_id"`
	LicensePlanKey string   `json:"license_plan_key"`
	ProductName    string   `json:"product_name"`
	I18nName       I18nName `json:"i18n_name"`
	StartTime      string   `json:"start_time"` // epoch seconds
	EndTime        string   `json:"end_time"`   // epoch seconds
}

// Status is the set of independent flags of a person's account.
type Status struct {
	IsFrozen    bool `json:"is_frozen"`
	IsResigned  bool `json:"is_resigned"`
	IsActivated bool `json:"is_activated"`
	IsExited    bool `json:"is_exited"`
	IsUnjoin    bool `json:"is_unjoin"`
}

// Order is a person's place in one department: UserOrder ranks the person
// among the members, DepartmentOrder the department among the person's own.
// The greater comes first in both.
type Order struct {
	DepartmentID    string `json:"department_id"`
	UserOrder       int    `json:"user_order"`
	DepartmentOrder int    `json:"department_order"`
	IsPrimaryDept   bool   `json:"is_primary_dept"`
}

// CustomAttr is one value of a custom attribute. Type is TEXT, HREF,
// ENUMERATION, PICTURE_ENUM or GENERIC_USER.
type CustomAttr struct {
	Type  string          `json:"type"`
	ID    string          `json:"id"`
	Value CustomAttrValue `json:"value"`
}

// CustomAttrValue holds the keys that the attribute's type uses; the others
// are empty.
type CustomAttrValue struct {
	Text        string `json:"text,omitempty"`
	URL         string `json:"url,omitempty"`
	PcURL       string `json:"pc_url,omitempty"`
	OptionID    string `json:"option_id,omitempty"`
	OptionValue string `json:"option_value,omitempty"`
	Name        string `json:"name,omitempty"`
	PictureURL  string `json:"picture_url,omitempty"`
	GenericUser string `json:"generic_user,omitempty"` // open_id
}

// Department is one department, with Feishu's JSON names and open ids as in
// User. Order is text in JSON, as it is in the contact API.
type Department struct {
	OpenDepartmentID       string   `json:"open_department_id"`
	DepartmentID           string   `json:"department_id"`
	ParentDepartmentID     string   `json:"parent_department_id"`
	Name                   string   `json:"name"`
	I18nName               I18nName `json:"i18n_name"`
	Order                  int64    `json:"order,string"`
	LeaderUserID           string   `json:"leader_user_id"`
	Leaders                []Leader `json:"leaders,omitempty"`
	ChatID                 string   `json:"chat_id"`
	UnitIDs                []string `json:"unit_ids,omitempty"`
	GroupChatEmployeeTypes []int    `json:"group_chat_employee_types,omitempty"`
	HRBPs                  []string `json:"department_hrbps,omitempty"`
	// MemberCount counts the people of the department and everything below,
	// each once; PrimaryMemberCount those whose primary department is there.
	// Both are kept by the sandbox, and ignored where a caller gives them.
	MemberCount        int `json:"member_count"`
	PrimaryMemberCount int `json:"primary_member_count"`
}

// I18nName is a department's name in other languages.
type I18nName struct {
	ZhCN string `json:"zh_cn"`
	JaJP string `json:"ja_jp"`
	EnUS string `json:"en_us"`
}

// Leader is one leader of a department: LeaderType 1 is the main one, 2 a
// deputy.
type Leader struct {
	LeaderType int    `json:"leaderType"`
	LeaderID   string `json:"leaderID"`
}

// mainLeader and deputyLeader are the values of Leader.LeaderType.
const (
	mainLeader   = 1
	deputyLeader = 2
)
