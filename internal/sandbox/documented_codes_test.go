package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// documentedCodes are the codes that Feishu's pages list for each method.
var documentedCodes = map[string][]int{
	"POST /group":                         {40001, 40003, 42001, 42002, 42003, 42010, 42013, 42014, 42015, 42016, 42018, 42019, 42020, 42021, 42022, 42024, 42025, 42026, 42027, 47005, 47009},
	"PATCH /group/:group_id":              {40001, 40003, 42002, 42009, 42013, 42014, 42015, 42018, 42019, 42020, 42021, 42022, 42024, 42025, 42026, 47009},
	"DELETE /group/:group_id":             {40003, 42002, 42009, 42015, 42017},
	"GET /group/:group_id":                {40003, 42002, 42029},
	"GET /group/simplelist":               {40003, 40011, 40012},
	"GET /group/member_belong":            {40001, 40003, 40011, 40012, 41050, 41071, 41073, 41074},
	"GET /group/:group_id/member/list":    {40003, 40011, 40012, 41071, 41072, 41074, 42002, 42009},
	"POST /group/:group_id/member/add":    {40003, 40004, 41050, 41071, 41072, 41073, 41074, 42002, 42005, 42006, 42009, 42011, 42012},
	"POST /group/:group_id/member/adds":   {40001, 40003, 41050, 41071, 41073, 41074, 42002, 42005, 42006, 42009, 42012},
	"POST /group/:group_id/member/remove": {40003, 40004, 41050, 41071, 41072, 41073, 41074, 42002, 42009},
	"POST /group/:group_id/member/offs":   {40001, 40003, 40022, 41050, 41073, 41074, 42002, 42009},
	"POST /unit":                          {40003, 43050, 43051, 43052, 43053, 43055, 43056, 43059},
	"PATCH /unit/:unit_id":                {40003, 43051, 43052, 43055},
	"DELETE /unit/:unit_id":               {40003, 43051, 43057},
	"GET /unit/:unit_id":                  {40003, 43051},
	"GET /unit":                           {40003, 40011, 40012},
	"POST /unit/bind_department":          {40003, 40004, 43050, 43051, 43054, 43058},
	"POST /unit/unbind_department":        {40003, 40004, 43050, 43051, 43058},
	"GET /unit/list_department":           {40003, 40011, 40012, 43051},
	"POST /employee_type_enums":           {42301, 42302, 42303},
	"GET /custom_attrs":                   {40011, 40012},
}

// notReachable says why the sandbox never gives a documented code by itself. A
// fault gives any of them.
var notReachable = map[int]string{
	40003: "an internal error: only a fault makes one",
	42011: "departments become members in the admin console only; the control refuses the 21st",
	42020: "no document says which fields the rules of dynamic groups know",
	42021: "no document says which operators they know",
	42026: "no document says how many departments a group may be limited to",
}

// notReachableBy is the same for one method.
var notReachableBy = map[string]string{
	"POST /group/:group_id/member/add 40004":    "only people can be named, since departments become members in the admin console only",
	"POST /group/:group_id/member/remove 40004": "only people can be named, since departments become members in the admin console only",
}

// codeCase is one way to a code.
type codeCase struct {
	method string // as in documentedCodes, which has short names for the batch methods and lists of members
	status int
	code   int
	msg    string // where the method words the code in its own way
	call   func(o *office) reply
}

// by is a call of the main app.
func by(method, path, body string) func(*office) reply {
	return func(o *office) reply {
		before := o.Truth()
		r := o.invoke(method, o.fill(path), o.fill(body))
		if diff := cmp.Diff(before, o.Truth()); r.Code != 40022 && diff != "" {
			o.t.Errorf("a refused call leaves something behind (-before +after)\n%s", diff)
		}
		return r
	}
}

// byNarrow is a call of an app that sees the first department alone.
func byNarrow(method, path, body string) func(*office) reply {
	return func(o *office) reply { return o.narrow().invoke(method, o.fill(path), o.fill(body)) }
}

// after is a call of the main app in a company to which something was done.
func after(do func(o *office), method, path, body string) func(*office) reply {
	return func(o *office) reply {
		do(o)
		return by(method, path, body)(o)
	}
}

// fill puts ids in the place of names in angle brackets.
func (o *office) fill(s string) string {
	return strings.NewReplacer("<wang>", o.wang.OpenID, "<li>", o.li.OpenID, "<gone>", o.gone.OpenID,
		"<first>", o.first.OpenDepartmentID, "<second>", o.second.OpenDepartmentID).Replace(s)
}

func TestDocumentedCodesOfResources(t *testing.T) {
	t.Parallel()
	cases := slices.Concat(groupCodes(), memberCodes(), unitCodes(), otherCodes())
	reached := map[string]bool{}
	for _, c := range cases {
		reached[fmt.Sprintf("%s %d", c.method, c.code)] = true
		t.Run(fmt.Sprintf("%s %d", c.method, c.code), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			r := c.call(o)
			r.wantCode(t, c.status, c.code)
			if c.msg != "" && r.Msg != c.msg {
				t.Errorf("msg %q, want %q", r.Msg, c.msg)
			}
		})
	}
	for method, codes := range documentedCodes {
		for _, code := range codes {
			key := fmt.Sprintf("%s %d", method, code)
			if reached[key] == (notReachable[code] != "" || notReachableBy[key] != "") {
				t.Errorf("%s: a test reaches it %v, and it is among those that are not reachable %v", key, reached[key], !reached[key])
			}
		}
	}
}

func groupCodes() []codeCase {
	long := strings.Repeat("长", 101)
	const post, patch = "POST /group", "PATCH /group/:group_id"
	create := func(body string) func(*office) reply { return by(http.MethodPost, "/group", body) }
	change := func(body string) func(*office) reply { return by(http.MethodPatch, "/group/staff", body) }
	noGroups := func(o *office) { o.SetFeatures(sandbox.Features{Units: true}) }
	rule := func(rule string) string { return `{"name":"x","dynamic_group_rule":` + rule + `}` }
	return []codeCase{
		{post, 400, 40001, "parameter invalid", create(`[`)},
		{post, 400, 42001, "", create(`{}`)},
		{post, 400, 42002, "group_id invalid", create(`{"name":"x","group_id":"a b"}`)},
		{post, 400, 42003, "", create(`{"name":"x","type":2}`)},
		{post, 403, 42010, "", byNarrow(http.MethodPost, "/group", `{"name":"x"}`)},
		{post, 400, 42013, "", create(`{"name":"` + long + `"}`)},
		{post, 400, 42014, "", create(`{"name":"x","description":"` + strings.Repeat("长", 501) + `"}`)},
		{post, 400, 42015, "", after(noGroups, http.MethodPost, "/group", `{"name":"x"}`)},
		{post, 400, 42016, "", after(func(o *office) {
			for i := range 498 {
				if _, err := o.AddGroup(sandbox.Group{Name: fmt.Sprint(i)}); err != nil {
					o.t.Fatal(err)
				}
			}
		}, http.MethodPost, "/group", `{"name":"x"}`)},
		{post, 400, 42018, "", create(rule(`{}`))},
		{post, 400, 42019, "", create(rule(`{"expressions":[{"field":"city"}]}`))},
		{post, 400, 42022, "", create(rule(`{"expressions":[{"field":"city","operator":"equal"}]}`))},
		{post, 400, 42025, "", create(rule(`{"expressions":[{"field":"a","operator":"b","value":"c"},{"field":"a","operator":"b","values":["c"]}]}`))},
		{post, 400, 42024, "", create(rule(`{"expressions":[{"field":"city","operator":"equal","value":"x"}]}`))},
		{post, 400, 42027, "", create(`{"name":"x","visible_scope":{"visible_users":["<wang>","ou_none"]}}`)},
		{post, 400, 42027, "", create(`{"name":"x","visible_scope":{"visible_departments":["<first>","od-none"]}}`)},
		{post, 400, 47005, "", create(`{"name":"x","group_id":"staff"}`)},
		{post, 400, 47009, "", create(`{"name":"规则"}`)},

		{patch, 400, 40001, "parameter invalid", change(`{"name":""}`)},
		{patch, 400, 40001, "parameter invalid", change(`{"name":7}`)},
		{patch, 400, 42002, "invalid group_id", by(http.MethodPatch, "/group/none", `{"name":"x"}`)},
		{patch, 403, 42009, "no userGroup authority error", by(http.MethodPatch, "/group/rule", `{"name":"x"}`)},
		{patch, 403, 42009, "no userGroup authority error", byNarrow(http.MethodPatch, "/group/staff", `{"name":"x"}`)},
		{patch, 400, 42013, "", change(`{"name":"` + long + `"}`)},
		{patch, 400, 42014, "", change(`{"description":"` + strings.Repeat("长", 501) + `"}`)},
		{patch, 400, 42015, "", after(noGroups, http.MethodPatch, "/group/staff", `{"name":"x"}`)},
		{patch, 400, 42018, "", change(rule(`{}`))},
		{patch, 400, 42019, "", change(rule(`{"expressions":[{"operator":"equal"}]}`))},
		{patch, 400, 42022, "", change(rule(`{"expressions":[{"field":"city","operator":"equal"}]}`))},
		{patch, 400, 42024, "", change(rule(`{"expressions":[{"field":"city","operator":"equal","value":"x"}]}`))},
		{patch, 400, 42025, "", change(rule(`{"expressions":[{"field":"a","operator":"b","value":"c"},{"field":"a","operator":"b","values":["c"]}]}`))},
		{patch, 400, 47009, "", change(`{"name":"规则"}`)},

		{"DELETE /group/:group_id", 400, 42002, "", by(http.MethodDelete, "/group/none", "")},
		{"DELETE /group/:group_id", 403, 42009, "no user group authority error", by(http.MethodDelete, "/group/rule", "")},
		{"DELETE /group/:group_id", 403, 42009, "no user group authority error", func(o *office) reply {
			return o.asApp(sandbox.App{Range: sandbox.Range{Groups: []string{"staff"}}}).invoke(http.MethodDelete, "/group/staff", "")
		}},
		{"DELETE /group/:group_id", 400, 42015, "", after(noGroups, http.MethodDelete, "/group/staff", "")},
		{"DELETE /group/:group_id", 400, 42017, "", by(http.MethodDelete, "/group/staff", "")},
		{"GET /group/:group_id", 400, 42002, "", by(http.MethodGet, "/group/none", "")},
		{"GET /group/:group_id", 403, 42009, "", byNarrow(http.MethodGet, "/group/staff", "")},
		{"GET /group/:group_id", 400, 42029, "", after(func(o *office) {
			if err := o.ChangeGroup("staff", func(g *sandbox.Group) { g.AdminOnly = true }); err != nil {
				o.t.Fatal(err)
			}
		}, http.MethodGet, "/group/staff", "")},
		{"GET /group/simplelist", 400, 40011, "", by(http.MethodGet, "/group/simplelist?page_size=101", "")},
		{"GET /group/simplelist", 400, 40012, "page token is invalid error", by(http.MethodGet, "/group/simplelist?page_token=x", "")},
		{"GET /group/simplelist", 400, 99992402, "", by(http.MethodGet, "/group/simplelist?type=3", "")},
		{"GET /group/member_belong", 400, 40001, "param error", by(http.MethodGet, "/group/member_belong", "")},
		{"GET /group/member_belong", 400, 40011, "", by(http.MethodGet, "/group/member_belong?member_id=<wang>&page_size=1001", "")},
		{"GET /group/member_belong", 400, 40012, "page token is invalid", by(http.MethodGet, "/group/member_belong?member_id=<wang>&page_token=x", "")},
		{"GET /group/member_belong", 403, 41050, "", byNarrow(http.MethodGet, "/group/member_belong?member_id=li&member_id_type=user_id", "")},
		{"GET /group/member_belong", 400, 41071, "", by(http.MethodGet, "/group/member_belong?member_id=<wang>&member_id_type=email", "")},
		{"GET /group/member_belong", 400, 41073, "", by(http.MethodGet, "/group/member_belong?member_id=ou_none", "")},
		{"GET /group/member_belong", 400, 41074, "", by(http.MethodGet, "/group/member_belong?member_id=<wang>&group_type=3", "")},
	}
}
