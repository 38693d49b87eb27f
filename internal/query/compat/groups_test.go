package compat_test

import (
	"net/http"
	"testing"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.is(b.get("app", "/contact/v3/group/g1"), `{"group":{"description":"","id":"g1","member_department_count":0,"member_user_count":2,"name":"One","type":1}}`)
	b.is(b.get("app", "/contact/v3/group/simplelist"), `{"has_more":false,"grouplist":[{"description":"","group_id":"g1","id":"g1","member_department_count":0,"member_user_count":2,"name":"One","type":1}]}`)
	b.is(b.get("app", "/contact/v3/group/simplelist?type=2&department_id_type=department_id"), `{"has_more":false,"grouplist":[
		{"department_scope_list":["0","A"],"description":"","group_id":"g2","id":"g2","member_department_count":0,"member_user_count":0,"name":"Two","type":2}]}`)
	// Who left is in no group, whatever the last list said.
	const members = "/contact/v3/group/g1/member/simplelist"
	b.is(b.get("app", members), `{"has_more":false,"memberlist":[{"member_id":"ou_ann","member_type":"user"},{"member_id":"ou_dim","member_type":"user"}]}`)
	b.is(b.get("app", members+"?member_type=user&member_id_type=user_id"), `{"has_more":false,"memberlist":[{"member_id":"ann","member_type":"user"},{"member_id":"","member_type":"user"}]}`)
	b.is(b.get("other", members+"?member_type=department"), `{"has_more":false,"memberlist":[{"member_id":"od-a","member_type":"department"}]}`)
	b.is(b.get("other", members+"?member_type=department&member_id_type=department_id"), `{"has_more":false,"memberlist":[{"member_id":"A","member_type":"department"}]}`)
	b.is(b.get("app", "/contact/v3/group/member_belong?member_id=ou_ann"), `{"group_list":["g1","g2"],"has_more":false}`)
	b.is(b.get("other", "/contact/v3/group/member_belong?member_id=on_ann&member_id_type=union_id&group_type=2"), `{"group_list":["g2"],"has_more":false}`)
	for path, code := range map[string]int{
		"/contact/v3/group/g3": 42002, "/contact/v3/group/none": 42002, "/contact/v3/group/g3/member/simplelist": 42002, "/contact/v3/group/simplelist?type=3": 99992402,
		members + "?member_type=x": 41074, members + "?member_id_type=x": 41071, members + "?member_id_type=department_id": 41072, members + "?page_size=101": 40011,
		"/contact/v3/group/member_belong": 40001, "/contact/v3/group/member_belong?member_id=ou_del": 41073, "/contact/v3/group/member_belong?member_id=none": 41073,
		"/contact/v3/group/member_belong?member_id=ou_ann&member_id_type=department_id": 41071, "/contact/v3/group/member_belong?member_id=ou_ann&group_type=3": 41074,
	} {
		b.refused(b.get("app", path), http.StatusBadRequest, code)
	}
	b.refused(b.get("app", "/contact/v3/group/g4"), http.StatusForbidden, 42009)
	b.refused(b.get("app", "/contact/v3/group/member_belong?member_id=ou_far"), http.StatusForbidden, 41050)
	for _, path := range []string{members, members + "?member_id_type=open_id", "/contact/v3/group/member_belong?member_id=ou_ann"} {
		r := b.get("other", path)
		b.refused(r, http.StatusBadRequest, 99992361)
		if len(r.Error.Fields) != 1 || r.Error.Fields[0].Field != "member_id_type" {
			t.Errorf("%s: the parameter is not named: %s", path, r.Raw)
		}
	}
	if r := b.get("other", "/contact/v3/group/g1"); r.Code != 0 {
		t.Errorf("a group has no ids of people: %s", r.Raw)
	}
}

func TestUnitsAndScopes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.is(b.get("other", "/contact/v3/unit/u1"), `{"unit":{"name":"Unit","unit_id":"u1","unit_type":"sub"}}`)
	b.is(b.get("other", "/contact/v3/unit"), `{"has_more":false,"unitlist":[{"name":"Unit","unit_id":"u1","unit_type":"sub"}]}`)
	b.is(b.get("other", "/contact/v3/unit/list_department?unit_id=u1&department_id_type=department_id"), `{"departmentlist":[{"department_id":"A","unit_id":"u1"}],"has_more":false}`)
	for _, path := range []string{"/contact/v3/unit/u2", "/contact/v3/unit/none", "/contact/v3/unit/list_department", "/contact/v3/unit/list_department?unit_id=u2"} {
		b.refused(b.get("app", path), http.StatusBadRequest, 43051)
	}

	b.is(b.get("app", "/contact/v3/scopes"), `{"department_ids":["od-a"],"group_ids":["g1"],"has_more":false,"user_ids":["ou_ann"]}`)
	first := b.get("app", "/contact/v3/scopes?page_size=1&user_id_type=user_id&department_id_type=department_id")
	if token, _ := first.Data["page_token"].(string); token == "" {
		t.Errorf("the first page: %s", first.Raw)
	} else {
		b.is(b.get("app", "/contact/v3/scopes?page_size=2&user_id_type=user_id&department_id_type=department_id&page_token="+token),
			`{"department_ids":["A"],"group_ids":["g1"],"has_more":false,"user_ids":[]}`)
	}
	b.refused(b.get("other", "/contact/v3/scopes"), http.StatusBadRequest, 99992361)
}
