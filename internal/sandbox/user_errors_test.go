package sandbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The codes that Feishu documents for each method that writes people.
func documentedForUsers() map[string][]int {
	return map[string][]int{
		"create": codes(`40001 40003 40004 40021 41001 41002 41003 41004 41005 41006 41007 41008 41009 41010 41011 41012 41013 41014
			41015 41016 41017 41018 41019 41020 41021 41022 41025 41027 41028 41029 41030 41031 41032 41033 41034 41035 41036 41037 41038
			41040 41041 41042 41043 41044 41045 41046 41047 41048 41051 41052 41053 41054 41055 41059 41060 41063 41068 41069 41070 41071
			41072 41410 44001 44004 44006 44007 44008 44009 44012 44013 44016 44018 44019 44020 44021 44022 44023 44024 44038 44039 44040
			44044 44045 44046 44047 44048 44050 44051 44054 44055 44056 44060 44061`),
		"delete": codes(`40001 40004 41050 41052 44037 44042 44062`),
		"patch": codes(`40001 40004 41001 41002 41003 41004 41005 41006 41009 41010 41011 41014 41016 41017 41018 41019 41020 41021 41022
			41023 41024 41025 41028 41029 41030 41031 41032 41033 41034 41035 41036 41037 41038 41040 41041 41042 41043 41044 41045 41046
			41047 41048 41050 41051 41056 41057 41059 41060 41063 41068 41069 41070 41071 41072 41410 42006 42008 44001 44002 44003 44006
			44007 44008 44010 44011 44013 44014 44015 44016 44017 44018 44019 44020 44024 44025 44035 44036 44038 44041 44044 44045 44046
			44047 44048 44049 44050 44051 44052 44053 44057 44058 44059`),
		"put": codes(`40001 40004 40016 41001 41002 41003 41004 41005 41006 41009 41010 41011 41013 41014 41015 41016 41017 41018 41019
			41020 41021 41022 41023 41024 41025 41028 41029 41030 41031 41032 41033 41034 41035 41036 41037 41038 41040 41041 41042 41043
			41044 41045 41046 41047 41048 41050 41051 41059 41060 41063 41068 41069 41070 41071 41072 41410 42006 44001 44002 44006 44007
			44008 44010 44011 44013 44014 44015 44016 44017 44018 44019 44020 44024 44025 44035 44036 44038`),
		"resurrect":      codes(`44028 44029 44030 44031 44032 44033 44034 41007 41008 44023 44041 44046 44047 44048 44050`),
		"update_user_id": codes(`40001 41009 41011 41013 41050 41054`),
		"basic_batch":    codes(`40001`),
		"list":           codes(`41050 40011 40012 40004`),
	}
}

// What is out of reach of the methods that write people, and why.
func beyondUsers() []unreachable {
	return []unreachable{
		{"", codes(`40003 44025`), "nothing breaks and nothing is contended by itself; ask for a fault"},
		{"", codes(`41007 41008 44004 44009 44012 44023 44046 44047 44049 44052 44060 44061`), "seats, plans and Feishu's guard against abuse: the company may hire without end"},
		{"", codes(`41013`), "Feishu does not say how often is too often"},
		{"", codes(`41014 41037`), "nobody judges words and pictures"},
		{"", codes(`41015`), "idp_type is not documented, and ignored"},
		{"", codes(`41018 41019 41020 41021 41023 41024 41031`), "positions are not documented, and ignored"},
		{"", codes(`41022 42008`), "there is one tenant"},
		{"", codes(`41027 41028 41029 41032`), "people may be in several departments here"},
		{"", codes(`41051`), "the id stands in the path"},
		{"", codes(`41055`), "a mobile is required anyway"},
		{"", codes(`41068 41069`), "mailboxes have no aliases and no recycle bin"},
		{"", codes(`41070 41071 41072`), "44006, 44007 and 44008 say the same"},
		{"", codes(`41057`), "41059 says the same"},
		{"", codes(`44013 44015 44016`), "mailboxes have no passwords"},
		{"", codes(`44017`), "apps stand above every administrator"},
		{"", codes(`44018 44019`), "the company is verified, and Feishu's rather than Lark's"},
		{"", codes(`44035`), "the gateway knows the department ids first: 99992357, 99992380"},
		{"", codes(`44040`), "the company may choose where data is kept"},
		{"", codes(`44041 44042 44053 44062`), "nobody is anonymous, half taken back, or managed from elsewhere"},
		{"", codes(`44054 44055 44056 44057 44058 44059`), "there is no end of cities and titles"},
		{"create", codes(`41052`), "nobody inherits from a new person"},
		{"patch", codes(`41011 41043`), "the method cannot change user_id"},
		{"put", codes(`41011 41043 40016`), "the method cannot change user_id, and the name is the person's"},
		{"patch", codes(`44038`), "here it means a guard against abuse; geo cannot be changed"},
		{"put", codes(`44038`), "here it means a guard against abuse; geo cannot be changed"},
		{"list", codes(`41050`), "who is out of range is left out"},
	}
}

// errand is the company in which requests about people are refused.
type errand struct {
	*kit
	u, other, both, gone, exited, inactive, chief sandbox.User
	longGone, noMobile, noEmail, noUserID         sandbox.User       // left: too long ago, or somebody else has what was theirs
	a, b, full                                    sandbox.Department // nobody else fits into the last
	narrow, basic, few                            string             // tokens of apps: of department a, of contact:user.base, of contact:contact
	person                                        string
	create, put                                   object // bodies that would do
}

func newErrand(t *testing.T) *errand {
	t.Helper()
	k := start(t, sandbox.Config{})
	e := &errand{kit: k}
	e.a, e.b, e.full = k.department(sandbox.Department{Name: "甲"}), k.department(sandbox.Department{Name: "乙"}), k.department(sandbox.Department{Name: "丙"})
	first, second := e.a.OpenDepartmentID, e.b.OpenDepartmentID
	leaver := func(u sandbox.User) sandbox.User {
		u.Name, u.DepartmentIDs = "离", []string{first}
		u = k.user(u)
		if err := k.ResignUser(u.OpenID); err != nil {
			t.Fatal(err)
		}
		return u
	}
	e.noMobile = leaver(sandbox.User{Mobile: "+8613800000001"})
	e.noEmail = leaver(sandbox.User{Email: "li@mail.sandbox.example.com"})
	e.noUserID = leaver(sandbox.User{UserID: "li"})
	e.longGone = k.user(sandbox.User{Name: "离", Status: sandbox.Status{IsResigned: true}})
	e.gone = leaver(sandbox.User{UserID: "gone", Mobile: "+8613800000009", Email: "gone@example.com"})
	e.chief = k.user(sandbox.User{Name: "总", IsTenantManager: true})
	e.u = k.user(sandbox.User{Name: "王伟", UserID: "wang", Mobile: "+8613800000001", DepartmentIDs: []string{first}})
	e.other = k.user(sandbox.User{
		Name: "李娜", UserID: "li", Mobile: "+8613800000002", Email: "li@mail.sandbox.example.com", EnterpriseEmail: "na.li@mail.sandbox.example.com", EmployeeNo: "E2",
		DepartmentIDs: []string{second},
	})
	e.both = k.user(sandbox.User{Name: "双", Email: "zhang@example.com", DepartmentIDs: []string{first, second}})
	e.exited = k.user(sandbox.User{Name: "退", Status: sandbox.Status{IsExited: true}})
	e.inactive = k.user(sandbox.User{
		Name: "未", Status: sandbox.Status{IsUnjoin: true}, Mobile: "+8613800000008",
		Email: "wei@mail.sandbox.example.com", EnterpriseEmail: "wei@mail.sandbox.example.com",
	})
	for range 5 {
		k.user(sandbox.User{Name: "众", DepartmentIDs: []string{e.full.OpenDepartmentID}})
	}
	sandbox.SetLimits(k.Server, 100, 100, 5)
	sandbox.DefineFields(k.Server, []sandbox.CustomAttrDefinition{
		{ID: "C-1", Type: "TEXT"},
		{ID: "C-2", Type: "HREF"},
		{ID: "C-3", Type: "GENERIC_USER"},
		{ID: "C-4", Type: "ENUMERATION", Options: sandbox.AttrOptions{Options: []sandbox.AttrOption{{ID: "o1", Value: "S"}}}},
	}, []sandbox.EmployeeType{{EnumID: "x==", EnumValue: "1", EnumStatus: 1}, {EnumID: "y==", EnumValue: "6", EnumStatus: 2}})
	e.narrow = k.appToken(sandbox.App{Range: sandbox.Range{Departments: []string{e.a.OpenDepartmentID}}})
	e.basic = k.appToken(sandbox.App{Permissions: []string{"contact:user.base"}})
	e.few = k.appToken(sandbox.App{Permissions: []string{"contact:contact"}})
	e.person = k.in(e.both.OpenID)
	e.create = object{"name": "新", "mobile": "13900000000", "department_ids": []string{e.a.OpenDepartmentID}, "employee_type": 1}
	k.do(http.MethodPost, "/contact/v3/users", with(e.create, object{"mobile": "13900000001"}), "client_token", "t1").wantCode(t, 200, 0)
	e.put = object{"name": "王伟", "mobile": "13800000001", "department_ids": []string{e.a.OpenDepartmentID}, "employee_type": 1}
	return e
}

// drafts are refused whichever of the methods named takes them: C create, P
// patch, R put.
func (e *errand) drafts() []refusal {
	long, text := strings.Repeat("长", 256), func(key, value string) object { return object{key: value} }
	attr := func(a object) object { return object{"custom_attrs": []object{a}} }
	fifty := make([]string, 51)
	for i := range fifty {
		fifty[i] = e.a.OpenDepartmentID
	}
	first, second := e.a.OpenDepartmentID, e.b.OpenDepartmentID
	var out []refusal
	for _, d := range []struct {
		methods string
		more    object
		code    int
	}{
		{"CPR", text("city", strings.Repeat("长", 101)), 40001},
		{"CPR", text("work_station", long), 40001},
		{"CPR", object{"department_ids": []string{first, first}}, 40001},
		{"CPR", text("mobile", "138 0000 0002"), 41001},
		{"CPR", text("email", e.other.Email), 41002},
		{"CPR", object{"mobile": e.other.Mobile, "email": "zhang@example.com"}, 41003},
		{"CPR", text("mobile", "12345"), 41004},
		{"CPR", text("mobile", "8613800000003"), 41004},
		{"CPR", text("mobile", "+86238000000031"), 41004},
		{"CPR", text("email", "nobody"), 41005},
		{"CPR", text("name", ""), 41006},
		{"CR", object{"name": nil}, 41006},
		{"CPR", text("mobile", ""), 41009},
		{"CR", object{"mobile": nil}, 41009},
		{"CPR", object{"mobile": "", "email": "a@example.com"}, 41010},
		{"CR", object{"mobile": nil, "email": "a@example.com"}, 41010},
		{"C", text("user_id", "wang"), 41011},
		{"C", text("user_id", "has space"), 41012},
		{"CPR", object{"department_ids": []string{e.full.OpenDepartmentID}}, 41016},
		{"CPR", object{"department_ids": []string{}}, 41017},
		{"CR", object{"department_ids": nil}, 41017},
		{"CPR", object{"department_ids": []string{first}, "orders": []object{{"department_id": second}}}, 41025},
		{"CPR", object{"department_ids": []string{first}, "orders": []object{{"department_id": first}, {"department_id": first}}}, 41025},
		{"CPR", object{"department_ids": []string{first}, "orders": []object{{"user_order": 1}}}, 41025},
		{"CPR", object{"department_ids": fifty}, 41033},
		{"CPR", text("enterprise_email", "na.li@mail.sandbox.example.com"), 41034},
		{"CPR", text("enterprise_email", "-@mail.sandbox.example.com"), 41035},
		{"CPR", text("avatar_key", "a key"), 41036},
		{"CPR", object{"gender": 4}, 41038},
		{"CPR", text("name", " "), 41040},
		{"CPR", object{"department_ids": []string{""}}, 41041},
		{"CPR", object{"join_time": -1}, 41042},
		{"C", text("user_id", strings.Repeat("u", 65)), 41043},
		{"CPR", attr(object{"type": "TEXT", "value": object{"text": "x"}}), 41044},
		{"CPR", attr(object{"id": "C-9", "type": "TEXT", "value": object{"text": "x"}}), 41045},
		{"CPR", attr(object{"id": "C-1", "type": "TEXT"}), 41046},
		{"CPR", attr(object{"id": "C-3", "type": "GENERIC_USER", "value": object{}}), 41046},
		{"CPR", attr(object{"id": "C-2", "value": object{"url": "https://a"}}), 41047},
		{"CPR", attr(object{"id": "C-2", "value": object{"text": "a"}}), 41048},
		{"CPR", attr(object{"id": "C-2", "value": object{"text": "a", "url": "ftp://a"}}), 40001},
		{"CPR", attr(object{"id": "C-1", "type": "HREF", "value": object{"text": "a"}}), 40001},
		{"CPR", attr(object{"id": "C-1", "value": object{"text": strings.Repeat("长", 101)}}), 40001},
		{"CPR", attr(object{"id": "C-4", "value": object{"option_id": "o9"}}), 40001},
		{"CPR", attr(object{"id": "C-3", "value": object{"generic_user": object{"id": e.u.OpenID}}}), 99992360},
		{"C", object{"mobile": e.other.Mobile, "email": e.other.Email}, 41053},
		{"C", object{"need_send_notification": true, "notification_option": object{"channels": []string{"email"}}}, 41054},
		{"CPR", object{"employee_type": 9}, 41059},
		{"CPR", object{"employee_type": 6}, 41060},
		{"CR", object{"employee_type": nil}, 99992402},
		{"CPR", text("job_title", long), 41063},
		{"CPR", object{"department_ids": []string{first, second}, "orders": []object{{"department_id": first, "department_order": 1, "is_primary_dept": true}, {"department_id": second, "department_order": 2}}}, 41410},
		{"CPR", text("enterprise_email", "x@elsewhere.example.com"), 44001},
		{"CPR", text("name", long), 44006},
		{"CPR", text("en_name", long), 44007},
		{"CPR", text("nickname", long), 44008},
		{"CPR", text("mobile", "+12025550123"), 44020},
		{"CPR", text("leader_user_id", e.gone.OpenID), 44021},
		{"CPR", text("leader_user_id", "ou_nobody"), 44022},
		{"CP", object{"dotted_line_leader_user_ids": []string{e.chief.OpenID, "ou_nobody"}}, 44022},
		{"CPR", text("enterprise_email", e.other.Email), 44024},
		{"C", text("geo", "mars"), 44038},
		{"CP", text("job_level_id", "none"), 44044},
		{"CP", text("job_family_id", "none"), 44045},
		{"CP", object{"subscription_ids": []string{"1"}}, 44048},
		{"CP", text("employee_no", "E2"), 44051},
		{"CPR", object{"department_ids": []string{"od-none"}}, 99992357},
		{"CPR", object{"gender": "male"}, 99992402},
		{"CPR", object{"orders": object{}}, 99992402},
	} {
		for _, method := range d.methods {
			out = append(out, e.draft(method, d.more, d.code))
		}
	}
	return out
}

func (e *errand) draft(method rune, more object, code int) refusal {
	path := "/contact/v3/users/" + e.u.OpenID
	switch method {
	case 'C':
		return refusal{method: "create", verb: http.MethodPost, path: "/contact/v3/users", body: with(e.create, more), status: statusOf(code), code: code}
	case 'P':
		return refusal{method: "patch", verb: http.MethodPatch, path: path, body: with(object{}, more), status: statusOf(code), code: code}
	default:
		return refusal{method: "put", verb: http.MethodPut, path: path, body: with(e.put, more), status: statusOf(code), code: code}
	}
}

func statusOf(code int) int {
	switch {
	case slices.Contains([]int{41003, 41053}, code):
		return http.StatusConflict
	case slices.Contains([]int{40004, 41056, 44050}, code):
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}
