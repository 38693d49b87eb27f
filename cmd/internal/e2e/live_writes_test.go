package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

type object = map[string]any

// writes are all kinds of changes of which apps are told.
func (c *liveCompany) writes() []liveAct {
	user, department, enum := "/contact/v3/users", "/contact/v3/departments", "/contact/v3/employee_type_enums"
	api := func(method, path string, id func() string, below string, body func() object) liveAct {
		return liveAct{"API " + method + " " + path + below, func() bool {
			at := path
			if id != nil {
				at += "/" + url.PathEscape(id())
			}
			return c.call(method, at+below, body())
		}}
	}
	nothing := func() object { return object{} }
	person, left := func() string { return c.one(c.people) }, func() string { return c.one(c.gone) }
	place, kind := func() string { return c.one(c.departments) }, func() string { return c.one(c.types) }
	acts := []liveAct{
		api(http.MethodPost, user, nil, "", c.newPerson),
		api(http.MethodPatch, user, person, "", c.someFields),
		api(http.MethodPatch, user, person, "", c.somePlacement),
		api(http.MethodPut, user, person, "", c.newPerson),
		api(http.MethodDelete, user, person, "", nothing),
		api(http.MethodPost, user, left, "/resurrect", nothing),
		api(http.MethodPatch, user, person, "/update_user_id", func() object { return object{"new_user_id": c.someUserID()} }),
		api(http.MethodPost, department, nil, "", c.newDepartment),
		api(http.MethodPatch, department, place, "", c.someDepartmentFields),
		api(http.MethodPut, department, place, "", c.newDepartment),
		api(http.MethodDelete, department, place, "", nothing),
		api(http.MethodPatch, department, place, "/update_department_id", func() object { return object{"new_department_id": fmt.Sprint("D", c.random.IntN(60))} }),
		api(http.MethodPost, enum, nil, "", c.newType),
		api(http.MethodPut, enum, kind, "", c.newType),
		{"API POST " + department + "/unbind_department_chat", func() bool {
			return c.call(http.MethodPost, department+"/unbind_department_chat", object{"department_id": c.one(c.departments)})
		}},
		api(http.MethodDelete, enum, kind, "", nothing),
	}
	return append(acts, c.administration()...)
}

// someUserID is one that somebody may have had before.
func (c *liveCompany) someUserID() string { return fmt.Sprint("u", c.random.IntN(150)) }

func (c *liveCompany) newPerson() object {
	return object{
		"name": c.new("人"), "mobile": fmt.Sprintf("+86139%08d", c.random.IntN(100_000_000)), "department_ids": []string{c.one(c.departments)},
		"employee_type": 1 + c.random.IntN(5), "city": pick(c.random, "", "上海"), "en_name": pick(c.random, "", "Bo"),
		"leader_user_id": pick(c.random, "", c.one(c.people)), "user_id": c.someUserID(),
	}
}

func (c *liveCompany) someFields() object {
	all := object{
		"name": c.new("名"), "en_name": pick(c.random, "", c.new("Al")), "nickname": pick(c.random, "", c.new("阿")), "city": pick(c.random, "", "北京", "杭州"),
		"country": pick(c.random, "", "CN", "JP"), "work_station": pick(c.random, "", "A座"), "job_title": pick(c.random, "", "架构师"), "gender": c.random.IntN(3),
		"email": pick(c.random, "", c.new("a")+"@example.com"), "enterprise_email": "", "employee_no": pick(c.random, "", c.new("7")),
		"join_time": pick(c.random, 0, 1_600_000_000+c.random.IntN(1000)), "description": pick(c.random, "", c.new("签")), "leader_user_id": pick(c.random, "", c.one(c.people)),
		"dotted_line_leader_user_ids": pick(c.random, []string{}, []string{c.one(c.people)}), "is_frozen": c.random.IntN(2) == 0,
		"mobile_visible": c.random.IntN(2) == 0, "mobile": fmt.Sprintf("+86138%08d", c.random.IntN(100_000_000)),
	}
	names := slices.Sorted(maps.Keys(all))
	some := object{}
	for range 1 + c.random.IntN(4) {
		name := names[c.random.IntN(len(names))]
		some[name] = all[name]
	}
	return some
}

func (c *liveCompany) somePlacement() object {
	a, b := c.one(c.departments), c.one(c.departments)
	if a == b {
		return object{"department_ids": []string{a}}
	}
	return object{"department_ids": []string{a, b}, "orders": []object{
		{"department_id": a, "user_order": c.random.IntN(100), "department_order": 1, "is_primary_dept": true},
		{"department_id": b, "user_order": c.random.IntN(100), "department_order": 0, "is_primary_dept": false},
	}}
}

func (c *liveCompany) newDepartment() object {
	return object{"name": c.new("部"), "parent_department_id": pick(c.random, "0", c.one(c.departments), c.one(c.departments)), "leader_user_id": pick(c.random, "", c.one(c.people))}
}

func (c *liveCompany) someDepartmentFields() object {
	all := object{
		"name": c.new("部"), "parent_department_id": pick(c.random, "0", c.one(c.departments)), "leader_user_id": pick(c.random, "", c.one(c.people)),
		"order": fmt.Sprint(100 + c.random.IntN(100_000)), "create_group_chat": true, "i18n_name": object{"en_us": c.new("Dept")},
		"department_hrbps": pick(c.random, []string{}, []string{c.one(c.people)}), "group_chat_employee_types": []int{1 + c.random.IntN(5)},
		"leaders": []object{{"leaderType": 1, "leaderID": c.one(c.people)}, {"leaderType": 2, "leaderID": c.one(c.people)}},
	}
	names := slices.Sorted(maps.Keys(all))
	name := names[c.random.IntN(len(names))]
	return object{name: all[name]}
}

func (c *liveCompany) newType() object {
	return object{"content": c.new("型"), "enum_type": 2, "enum_status": 1 + c.random.IntN(2), "i18n_content": []object{{"locale": "en_us", "value": c.new("Type")}}}
}
