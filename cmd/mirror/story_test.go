package main

import (
	"testing"
	"time"
)

// The story of a small company in 2026, on Feishu's clock:
//
//	1 March   the first walk: 研发中心 (led by 赵敏) with 前端组 and 后端组, and 销售部;
//	          赵敏, 李雷, 韩梅梅, and 王伟 in sales
//	10 March  陈静 is hired into 前端组
//	12 March  李雷 has another mobile number, and no other change
//	20 March  王伟 leaves
//	25 March  a reorganisation: 平台组 is founded, 后端组 is closed and 韩梅梅 goes to
//	          平台组, which she leads; 前端组 is 体验组 now and belongs to 销售部; 赵敏
//	          hands 研发中心 over to 李雷, who is a member of both
//	2 April   王伟 comes back, as 王小伟
const (
	created, updated, deleted = "created_v3", "updated_v3", "deleted_v3"

	userEvent, departmentEvent = "contact.user.", "contact.department."
)

func storyOf(t *testing.T) *past {
	t.Helper()
	p := newPast(t)
	p.append(t, sweep(t, "11111111-1111-1111-1111-111111111111", day(time.March, 1, 9), []string{
		`{"open_department_id": "0", "name": "公司"}`,
		`{"open_department_id": "od-rd", "department_id": "RD", "name": "研发中心", "parent_department_id": "0", "leader_user_id": "ou_zhao", "leaders": [{"leaderType": 1, "leaderID": "ou_zhao"}]}`,
		`{"open_department_id": "od-fe", "department_id": "FE", "name": "前端组", "parent_department_id": "od-rd"}`,
		`{"open_department_id": "od-be", "department_id": "BE", "name": "后端组", "parent_department_id": "od-rd"}`,
		`{"open_department_id": "od-sales", "department_id": "SALES", "name": "销售部", "parent_department_id": "0"}`,
	}, []string{
		`{"open_id": "ou_zhao", "union_id": "on_zhao", "user_id": "zhao", "name": "赵敏", "department_ids": ["od-rd"], "status": {"is_resigned": false}}`,
		`{"open_id": "ou_li", "union_id": "on_li", "user_id": "li", "name": "李雷", "mobile": "+8613800000001", "gender": 1, "job_title": "工程师", "leader_user_id": "ou_zhao", "department_ids": ["od-fe"], "status": {"is_resigned": false, "is_frozen": false}}`,
		`{"open_id": "ou_han", "union_id": "on_han", "user_id": "han", "name": "韩梅梅", "department_ids": ["od-be"], "status": {"is_resigned": false}}`,
		`{"open_id": "ou_wang", "union_id": "on_wang", "user_id": "wang", "name": "王伟", "department_ids": ["od-sales"], "status": {"is_resigned": false}}`,
	})...)
	p.append(t, p.event(userEvent+created, day(time.March, 10, 9),
		`{"open_id": "ou_chen", "union_id": "on_chen", "user_id": "chen", "name": "陈静", "department_ids": ["od-fe"]}`, ""))
	p.append(t, p.event(userEvent+updated, day(time.March, 12, 9),
		`{"open_id": "ou_li", "mobile": "+8613800000002"}`, `{"mobile": "+8613800000001"}`))
	p.append(t, p.event(userEvent+deleted, day(time.March, 20, 9),
		`{"open_id": "ou_wang", "name": "王伟"}`, `{"open_id": "ou_wang", "department_ids": ["od-sales"]}`))
	p.append(t,
		p.event(departmentEvent+created, day(time.March, 25, 9),
			`{"open_department_id": "od-pl", "department_id": "PL", "name": "平台组", "parent_department_id": "od-rd", "leader_user_id": "ou_han", "leaders": [{"leaderType": 1, "leaderID": "ou_han"}]}`, ""),
		p.event(userEvent+updated, day(time.March, 25, 10),
			`{"open_id": "ou_han", "department_ids": ["od-pl"]}`, `{"department_ids": ["od-be"]}`),
		p.event(departmentEvent+deleted, day(time.March, 25, 11),
			`{"open_department_id": "od-be", "status": {"is_deleted": true}}`, ""),
		p.event(departmentEvent+updated, day(time.March, 25, 12),
			`{"open_department_id": "od-fe", "name": "体验组", "parent_department_id": "od-sales"}`, `{"name": "前端组", "parent_department_id": "od-rd"}`),
		p.event(departmentEvent+updated, day(time.March, 25, 13),
			`{"open_department_id": "od-rd", "leader_user_id": "ou_li", "leaders": [{"leaderType": 1, "leaderID": "ou_li"}]}`,
			`{"leader_user_id": "ou_zhao", "leaders": [{"leaderType": 1, "leaderID": "ou_zhao"}]}`),
		p.event(userEvent+updated, day(time.March, 25, 14),
			`{"open_id": "ou_li", "job_title": "主管", "mobile": "+8613800000003", "department_ids": ["od-fe", "od-rd"]}`,
			`{"job_title": "工程师", "mobile": "+8613800000002", "department_ids": ["od-fe"]}`),
	)
	p.append(t, sweep(t, "22222222-2222-2222-2222-222222222222", day(time.April, 2, 9), nil, []string{
		`{"open_id": "ou_wang", "union_id": "on_wang", "user_id": "wang", "name": "王小伟", "department_ids": ["od-sales"], "status": {"is_resigned": false}}`,
	})...)
	return p
}
