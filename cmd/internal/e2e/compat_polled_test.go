package e2e_test

import (
	"maps"
	"slices"
)

// aboutPolled are questions about what has no events: groups and their members, units
// and their departments, and the app's range.
func (v *vantage) aboutPolled(k idKinds) (all []question) {
	ask := func(q question, sizes ...int) {
		all = append(all, q)
		for _, size := range sizes {
			all = append(all, q.with("page_size", size))
		}
	}
	places := map[string]any{}
	if k.department != "" {
		places["department_id_type"] = k.department
	}
	ask(question{method: "contact.v3.scope.list", params: k.params()}, 1, 7, 100)
	for _, id := range append(slices.Sorted(maps.Keys(v.truth.Groups)), "none", "a b") {
		in := map[string]string{"group_id": id}
		ask(question{method: "contact.v3.group.get", path: in, params: k.params()})
		members := question{method: "contact.v3.groupMember.simplelist", path: in, params: map[string]any{}}
		kind := k.user
		if kind != "" {
			members = members.with("member_id_type", kind)
		}
		ask(members, 1, 100)
		ask(members.with("member_type", "user"))
		departments := question{method: members.method, path: in, params: map[string]any{"member_type": "department"}}
		if k.department == "department_id" {
			departments = departments.with("member_id_type", "department_id")
		}
		ask(departments, 1, 100)
	}
	for _, id := range append(slices.Sorted(maps.Keys(v.truth.Units)), "none") {
		ask(question{method: "contact.v3.unit.get", path: map[string]string{"unit_id": id}})
		ask(question{method: "contact.v3.unit.listDepartment", params: places}.with("unit_id", id), 1, 100)
	}
	ask(question{method: "contact.v3.unit.list"}, 1, 2, 100)
	ask(question{method: "contact.v3.group.simplelist"}, 1, 100)
	for _, kind := range []int{1, 2} {
		ask(question{method: "contact.v3.group.simplelist", params: map[string]any{"type": kind}}, 1, 3)
	}
	for i, id := range v.people(k) {
		belong := question{method: "contact.v3.group.memberBelong", params: map[string]any{"member_id": id}}
		if k.user != "" {
			belong = belong.with("member_id_type", k.user)
		}
		ask(belong)
		if i%10 == 0 {
			ask(belong.with("group_type", 1), 1)
			ask(belong.with("group_type", 2), 1000)
		}
	}
	return all
}

// polledMistakes are questions about groups, units and the range that are refused.
func (v *vantage) polledMistakes() (all []question) {
	group, unit := slices.Sorted(maps.Keys(v.truth.Groups))[0], slices.Sorted(maps.Keys(v.truth.Units))[0]
	person := slices.Min(slices.Collect(maps.Keys(v.truth.Users)))
	members := question{method: "contact.v3.groupMember.simplelist", path: map[string]string{"group_id": group}}
	belong := question{method: "contact.v3.group.memberBelong", params: map[string]any{"member_id": person}}
	bound := question{method: "contact.v3.unit.listDepartment", params: map[string]any{"unit_id": unit}}
	for q, most := range map[*question]int{
		&members: 100, {method: "contact.v3.group.simplelist"}: 100, &belong: 1000, {method: "contact.v3.unit.list"}: 100, &bound: 100, {method: "contact.v3.scope.list"}: 100,
	} {
		all = append(all, q.with("page_size", 0), q.with("page_size", -1), q.with("page_size", most+1), q.with("page_size", most), q.with("page_token", "x"))
	}
	return append(all,
		members.with("member_type", "group"), members.with("member_id_type", "email"), members.with("member_id_type", "department_id"),
		members.with("member_type", "department").with("member_id_type", "union_id"), members.with("member_type", "department").with("member_id_type", "email"),
		question{method: belong.method}, belong.with("member_id_type", "department_id"), belong.with("member_id_type", "email"), belong.with("group_type", 3),
		belong.with("member_id", "ou_none"), question{method: "contact.v3.group.simplelist", params: map[string]any{"type": 3}},
		question{method: bound.method}, bound.with("department_id_type", "x"), bound.with("unit_id", "none"),
		question{method: "contact.v3.scope.list", params: map[string]any{"user_id_type": "x"}},
		question{method: "contact.v3.group.get", path: map[string]string{"group_id": group}, params: map[string]any{"user_id_type": "x"}},
	)
}
