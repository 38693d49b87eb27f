package directory_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// TestEventAndAPIAgree folds what one thing looks like in an event and in an
// answer: the second must be no news.
func TestEventAndAPIAgree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		event, answer string // members
		department    bool   // of a department
	}{
		{"a department's order is an int here and a string there", `"order":2000`, `"order":"2000"`, true},
		{"leading zeros are no part of an order", `"order":7`, `"order":"007"`, true},
		{"HRBPs are objects here and strings there", `"department_hrbps":[{"union_id":"on_2","user_id":"u2","open_id":"ou_2"},{"open_id":"ou_1"}]`, `"department_hrbps":["ou_1","ou_2","ou_1"]`, true},
		{"leaders have no order of their own", `"leaders":[{"leaderType":1,"leaderID":"ou_1"},{"leaderType":2,"leaderID":"ou_3"},{"leaderType":2,"leaderID":"ou_2"}]`, `"leaders":[{"leaderID":"ou_2","leaderType":2},{"leaderID":"ou_3","leaderType":"2"},{"leaderID":"ou_1","leaderType":1}]`, true},
		{"who leads twice leads once, and mainly", `"leaders":[{"leaderType":2,"leaderID":"ou_1"},{"leaderType":1,"leaderID":"ou_1"}]`, `"leaders":[{"leaderType":1,"leaderID":"ou_1"}]`, true},
		{"a leader without a type is the main one", `"leaders":[{"leaderID":"ou_1"}]`, `"leaders":[{"leaderType":1,"leaderID":"ou_1"}]`, true},
		{"unit ids are a set", `"unit_ids":["b","a"]`, `"unit_ids":["a","b","b"]`, true},
		{"the root is 0, empty or absent", `"parent_department_id":""`, `"parent_department_id":"0"`, true},

		{"numbers may be strings", `"join_time":1615381702,"employee_type":2,"gender":1`, `"join_time":"1615381702","employee_type":"2","gender":"1"`, false},
		{"strings may be numbers", `"employee_no":80000001,"geo":true`, `"employee_no":"80000001","geo":"true"`, false},
		{"booleans may be strings or numbers", `"mobile_visible":true,"is_tenant_manager":0`, `"mobile_visible":"true","is_tenant_manager":"false"`, false},
		{"no join time and no employee type are zero", `"join_time":0,"employee_type":0`, `"join_time":"0","employee_type":""`, false},
		{"a text has one spelling", `"name":"\u5f20\u4e09\u003c","city":"a\/b"`, `"name":"张三<","city":"a/b"`, false},
		{"an avatar's size and signature are no part of it", `"avatar":{"avatar_72":"https://s1.example/v2_a?s=72&x=1","avatar_240":"https://s1.example/v2_a"}`, `"avatar":{"avatar_240":"https://s3.example/v2_a?sign=2","avatar_72":"http://s9.example/v2_a#y"}`, false},
		{"dotted-line leaders are a set", `"dotted_line_leader_user_ids":["ou_2","ou_1"]`, `"dotted_line_leader_user_ids":["ou_1","ou_2"]`, false},
		{"custom attributes have no order of their own", `"custom_attrs":[{"type":"TEXT","id":"C-2","value":{"text":"b"}},{"id":"C-1"}]`, `"custom_attrs":[{"id":"C-1"},{"id":"C-2","type":"TEXT","value":{"text":"b"}}]`, false},
		{"a top-level is_frozen is no field", `"is_frozen":true`, `"is_frozen":false`, false},
		{"what only writes know is no field", `"avatar_key":"a","subscription_ids":[1],"need_send_notification":true,"notification_option":{}`, `"avatar_key":"b"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key, id := zhang, `"open_id":"ou_1",`
			if c.department {
				key, id = sales, `"open_department_id":"od-1",`
			}
			state, _ := fold(t, key, created(1, "{"+id+c.event+"}"))
			change := directory.Decode(listed(60, "{"+id+c.answer+"}")).Changes[0]
			if e := state.Apply(change); e.News || e.Version || len(e.Hints) > 0 {
				t.Errorf("effect = %+v, state %s", e, marshal(t, state))
			}
		})
	}
}

func TestCountryAndGenericUsersComeFromObservationsOnly(t *testing.T) {
	t.Parallel()
	const seen = `{"open_id":"ou_1","country":"CN","custom_attrs":[{"id":"C-1","type":"TEXT","value":{"text":"a"}},{"id":"C-0","type":"GENERIC_USER","value":{"generic_user":{"id":"ou_2","type":1}}}]}`
	const generic = `{"id":"C-0","type":"GENERIC_USER","value":{"generic_user":{"id":"ou_2","type":1}}}`
	checkRules(t, zhang, []rule{
		{
			name: "carried along in an event they are not looked at",
			records: []directory.Record{
				listed(1, seen),
				updated(2, `{"open_id":"ou_1","country":"中国","custom_attrs":[{"id":"C-1","type":"TEXT","value":{"text":"b"}},{"id":"C-0","type":"GENERIC_USER","value":{"generic_user":{"id":"3e3cf96b","type":1}}}]}`, `{}`),
			},
			want: `{"country":"CN","custom_attrs":[` + generic + `,{"id":"C-1","type":"TEXT","value":{"text":"b"}}]}`,
		},
		{
			name: "a country that changed is asked for",
			records: []directory.Record{
				listed(1, seen),
				updated(2, `{"open_id":"ou_1","country":"日本"}`, `{"country":"中国"}`),
			},
			want:  `{"country":"CN","custom_attrs":[` + generic + `,{"id":"C-1","type":"TEXT","value":{"text":"a"}}]}`,
			hints: hints{incomplete},
		},
		{
			name: "a country that was cleared is asked for",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","country":"CN"}`),
				updated(2, `{"open_id":"ou_1"}`, `{"country":"中国"}`),
			},
			want:  `{"country":"CN"}`,
			hints: hints{incomplete},
		},
		{
			name: "an attribute that names a user and may have changed is asked for",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","custom_attrs":[{"id":"C-0","type":"GENERIC_USER","value":{"generic_user":{"id":"3e3cf96b","type":1}}}]}`, `{"custom_attrs":[]}`),
			},
			want:  `{}`,
			hints: hints{incomplete},
		},
		{
			name: "attributes that were cleared are cleared, but for those that name a user, which are asked for",
			records: []directory.Record{
				listed(1, seen),
				updated(2, `{"open_id":"ou_1"}`, `{"custom_attrs":[{"id":"C-0","type":"GENERIC_USER"},{"id":"C-1","type":"TEXT"}]}`),
			},
			want:  `{"country":"CN","custom_attrs":[` + generic + `]}`,
			hints: hints{incomplete},
		},
		{
			name: "attributes that were set for the first time may not be in old_object: they are asked for where none are known",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","country":"","custom_attrs":[]}`),
				updated(2, `{"open_id":"ou_1","country":"中国","custom_attrs":[{"id":"C-0","type":"GENERIC_USER"}]}`, `{}`),
			},
			want:  `{}`,
			hints: hints{incomplete},
		},
		{
			name: "of two events at one instant the one that changed the attributes wins",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","custom_attrs":[{"id":"C-1","value":{"text":"new"}}]}`, `{"custom_attrs":[]}`),
				updated(2, `{"open_id":"ou_1","city":"x","custom_attrs":[{"id":"C-1","value":{"text":"old"}}]}`, `{"city":"y"}`),
				updated(2, `{"open_id":"ou_1","geo":"x","custom_attrs":[{"id":"C-1","value":{"text":"old"}}]}`, `{"geo":"y"}`),
			},
			want: `{"city":"x","geo":"x","custom_attrs":[{"id":"C-1","value":{"text":"new"}}]}`,
		},
		{
			name: "attributes that name nobody and changed are no doubt",
			records: []directory.Record{
				listed(1, seen),
				updated(2, `{"open_id":"ou_1","custom_attrs":[]}`, `{"custom_attrs":[{"id":"C-1","type":"TEXT"}]}`),
			},
			want: `{"country":"CN","custom_attrs":[` + generic + `]}`,
		},
	})
}

func TestDottedLineLeadersOfAnEvent(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name: "ids of another kind tell that they changed, and not to whom",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","dotted_line_leader_user_ids":["ou_2"]}`),
				updated(2, `{"open_id":"ou_1","dotted_line_leader_user_ids":["3e3cf96b"]}`, `{"dotted_line_leader_user_ids":["4e3cf96b"]}`),
			},
			want:  `{"dotted_line_leader_user_ids":["ou_2"]}`,
			hints: hints{incomplete},
		},
		{
			name: "and where they did not change, nothing",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","dotted_line_leader_user_ids":["ou_2"]}`),
				updated(2, `{"open_id":"ou_1","city":"x","dotted_line_leader_user_ids":["3e3cf96b"]}`, `{"city":""}`),
			},
			want: `{"city":"x","dotted_line_leader_user_ids":["ou_2"]}`,
		},
		{
			name: "those of an observation are of the kind that was asked for",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","dotted_line_leader_user_ids":["3e3cf96b"]}`),
			},
			want: `{"dotted_line_leader_user_ids":["3e3cf96b"]}`,
		},
		{
			name: "they are cleared whatever kind the old ones have",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","dotted_line_leader_user_ids":["ou_2"]}`),
				updated(2, `{"open_id":"ou_1"}`, `{"dotted_line_leader_user_ids":["3e3cf96b"]}`),
			},
			want: `{}`,
		},
	})
}

func TestStatusIsFiveFields(t *testing.T) {
	t.Parallel()
	const all = `{"open_id":"ou_1","status":{"is_frozen":false,"is_resigned":false,"is_activated":true,"is_exited":false,"is_unjoin":false}}`
	checkRules(t, zhang, []rule{
		{
			name: "a partial status sets what it has",
			records: []directory.Record{
				listed(1, all),
				updated(2, `{"open_id":"ou_1","status":{"is_frozen":true}}`, `{"status":{"is_frozen":false}}`),
			},
			want: `{"status":{"is_frozen":true,"is_resigned":false,"is_activated":true,"is_exited":false,"is_unjoin":false}}`,
		},
		{
			name: "the flags of a partial old_object are those that changed",
			records: []directory.Record{
				listed(1, all),
				updated(2, `{"open_id":"ou_1","status":{"is_frozen":true,"is_unjoin":false}}`, `{"status":{"is_frozen":false}}`),
				updated(2, `{"open_id":"ou_1","status":{"is_frozen":false,"is_unjoin":true}}`, `{"status":{"is_unjoin":false}}`),
			},
			want: `{"status":{"is_frozen":true,"is_resigned":false,"is_activated":true,"is_exited":false,"is_unjoin":true}}`,
		},
		{
			name: "a flag that changed and is not shown is asked for",
			records: []directory.Record{
				listed(1, all),
				updated(2, `{"open_id":"ou_1","status":{"is_frozen":true}}`, `{"status":{"is_activated":false,"is_frozen":false}}`),
			},
			want:  `{"status":{"is_frozen":true,"is_resigned":false,"is_activated":true,"is_exited":false,"is_unjoin":false}}`,
			hints: hints{incomplete},
		},
		{
			name: "a status that changed and is not shown is asked for",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","status":{"is_frozen":true}}`),
				updated(2, `{"open_id":"ou_1"}`, `{"status":{"is_frozen":true}}`),
			},
			want:  `{"status":{"is_frozen":true}}`,
			hints: hints{incomplete},
		},
		{
			name: "flags that cannot be read are left, the others apply",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","status":{"is_frozen":false,"is_unjoin":true}}`),
				updated(2, `{"open_id":"ou_1","status":{"is_frozen":"perhaps","is_unjoin":"false","is_new":3}}`, `{"status":{"is_frozen":true}}`),
				updated(3, `{"open_id":"ou_1","status":[]}`, `{"status":7}`),
			},
			want:  `{"status":{"is_frozen":false,"is_unjoin":false}}`,
			hints: hints{undecodable},
		},
	})
}

func TestUserOfShowsEveryField(t *testing.T) {
	t.Parallel()
	key := zhang
	key.ID = "ou_7dab8a3d3cdcc9da365777c7ad535d64"
	state, _ := fold(t, key, listed(60, benchUser, "geo"))
	u := directory.UserOf(state)
	text := func(s string) *string { return &s }
	number := func(n int64) *int64 { return &n }
	yes, no := true, false
	joined := time.Unix(1615381702, 0).UTC()
	want := directory.User{
		OpenID: key.ID, UnionID: text("on_576833b917gda3d939b9a3c2d53e72c8"), UserID: text("3e3cf96b"),
		Name: text("张三"), EnName: text("San Zhang"), Nickname: text("阿三"),
		Email: text("zhangsan@example.cn"), EnterpriseEmail: text("zhangsan@corp.example.cn"), Mobile: text("+8613800138000"),
		MobileVisible: &yes, Gender: number(1),
		IsFrozen: &no, IsResigned: &no, IsActivated: &yes, IsExited: &no, IsUnjoin: &no,
		Placements: []directory.Placement{
			{DepartmentID: "od-4e6ac4d14bcd5071a37a39de902c7141", UserOrder: number(100), DepartmentOrder: number(2), IsPrimaryDept: &yes},
			{DepartmentID: "od-8f2f7b1dd6dd4a1aa9fcd6c44cf4fa20", UserOrder: number(7), DepartmentOrder: number(1), IsPrimaryDept: &no},
		},
		LeaderUserID: text("ou_7dab8a3d3cdcc9da365777c7ad535d63"),
		City:         text("杭州"), Country: text("CN"), WorkStation: text("12-34"), JoinTime: &joined, IsTenantManager: &no,
		EmployeeNo: text("80000001"), EmployeeType: number(1), JobTitle: text("工程师"),
		JobLevelID: text("mga5oa8ayjlp9rb"), JobFamilyID: text("mga5oa8ayjlpkzy"), Description: text("签名"),
		DottedLineLeaderUserIDs: []string{"ou_7dab8a3d3cdcc9da365777c7ad535d62"},
	}
	given, ok := decodeJSON(t, benchUser).(map[string]any)
	if !ok {
		t.Fatal("no object")
	}
	for field, got := range map[string]json.RawMessage{"avatar": u.Avatar, "custom_attrs": u.CustomAttrs} {
		if diff := cmp.Diff(given[field], decodeJSON(t, string(got))); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
	for _, field := range []string{"avatar", "open_id", "is_frozen"} { // an ornament, the key, derived
		delete(given, field)
	}
	if diff := cmp.Diff(any(given), decodeJSON(t, string(u.Attributes))); diff != "" {
		t.Errorf("attributes: %s", diff)
	}
	u.Avatar, u.CustomAttrs, u.Attributes = nil, nil, nil
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
}

func TestDepartmentOfShowsEveryField(t *testing.T) {
	t.Parallel()
	const object = `{"department_id":"D1","open_department_id":"od-1","parent_department_id":"od-0","name":"销售","i18n_name":{"en_us":"Sales"},
 "order":"2000","member_count":2,"primary_member_count":1,"leader_user_id":"ou_1","leaders":[{"leaderType":1,"leaderID":"ou_1"}],"chat_id":"oc_1",
 "unit_ids":["BU121"],"group_chat_employee_types":[1,2],"department_hrbps":["ou_2"],"status":{"is_deleted":false}}`
	state, _ := fold(t, sales, listed(60, object))
	d := directory.DepartmentOf(state)
	text := func(s string) *string { return &s }
	number := func(n int64) *int64 { return &n }
	want := directory.Department{
		OpenDepartmentID: "od-1", DepartmentID: text("D1"), Name: text("销售"), I18nName: json.RawMessage(`{"en_us":"Sales"}`),
		ParentDepartmentID: text("od-0"), LeaderUserID: text("ou_1"), ChatID: text("oc_1"), Order: text("2000"),
		UnitIDs: []string{"BU121"}, Leaders: []directory.Leader{{Type: 1, OpenID: "ou_1"}}, DepartmentHRBPs: []string{"ou_2"},
		GroupChatEmployeeTypes: []int64{1, 2}, MemberCount: number(2), PrimaryMemberCount: number(1),
	}
	given, ok := decodeJSON(t, object).(map[string]any)
	if !ok {
		t.Fatal("no object")
	}
	for _, field := range []string{"open_department_id", "member_count", "primary_member_count"} {
		delete(given, field)
	}
	if diff := cmp.Diff(any(given), decodeJSON(t, string(d.Attributes))); diff != "" {
		t.Errorf("attributes: %s", diff)
	}
	d.Attributes = nil
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}
