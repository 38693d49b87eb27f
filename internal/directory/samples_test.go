package directory_test

// The shapes of Feishu's pages "user created", "user updated", "user deleted",
// their sisters for departments, "get user" and "get department", composed
// from the documented keys, and what has gone wrong with such payloads.
var samplePayloads = []string{
	benchEvent,
	`{"schema":"2.0","header":{"event_id":"e1","event_type":"contact.user.created_v3","create_time":"1608725989000","token":"","app_id":"cli_1","tenant_key":"t"},"event":{"object":{"open_id":"ou_1","union_id":"on_1","user_id":"e33","name":"Z","mobile":"+86","status":{"is_frozen":false,"is_resigned":false,"is_activated":false,"is_exited":false,"is_unjoin":true},"department_ids":["od-a"],"leader_user_id":"ou_9","join_time":1615381702,"employee_type":1,"orders":[{"department_id":"od-a","user_order":100,"department_order":100,"is_primary_dept":true}],"custom_attrs":[]}}}`,
	`{"event":{"object":{"open_id":"ou_1","union_id":"on_1","name":"Z","department_ids":["od-b"],"status":{"is_frozen":false,"is_resigned":false,"is_activated":true,"is_exited":false,"is_unjoin":false}},"old_object":{"department_ids":["od-a"],"orders":[{"department_id":"od-a","user_order":0,"department_order":1,"is_primary_dept":true}]}}}`,
	`{"event":{"object":{"open_id":"ou_1","name":"张三","country":"中国","gender":1,"avatar":{"avatar_72":"https://x/a?b=1&c=2"},"dotted_line_leader_user_ids":["ou_2"],"positions":[{"position_code":"1","is_major":true}],"time_zone":"Asia/Shanghai","custom_attrs":[{"type":"GENERIC_USER","id":"C-1","value":{"text":"","url":"","pc_url":"","option_id":"","option_value":"","name":"","picture_url":"","generic_user":{"id":"9b2fabg5","type":1}}}]},"old_object":{"mobile":"+861","email":"","status":{"is_frozen":true},"custom_attrs":[{"type":"TEXT","id":"C-2","value":{"text":"x"}}],"leader_user_id":null}}}`,
	`{"event":{"object":{"open_id":"ou_1","mobile":"+86","status":{"is_resigned":false}},"old_object":{"department_ids":["od-a","od-b"],"open_id":"ou_1"}}}`,
	`{"event":{"object":{"open_department_id":"od-x","department_id":"D1","name":"R&D","parent_department_id":"od-new","order":100,"status":{"is_deleted":false},"leaders":[{"leaderType":1,"leaderID":"ou_1"}],"department_hrbps":[{"union_id":"on_1","user_id":"u1","open_id":"ou_1"}],"chat_id":"oc_1","unit_ids":["u"]},"old_object":{"parent_department_id":"od-old","name":"R"}}}`,
	`{"event":{"object":{"open_department_id":"od-x","status":{"is_deleted":true}},"old_object":{"open_department_id":"od-x","status":{"is_deleted":false}}}}`,
	`{"object":` + benchUser + `,"empty":["geo","mobile"],"listed":true,"skew_margin_ms":10000}`,
	`{"object":{"city":"","country":"","department_ids":["0"],"description":"","employee_no":"80000001","employee_type":1,"en_name":"","gender":0,"is_tenant_manager":true,"job_title":"","join_time":0,"mobile_visible":true,"name":"…","open_id":"ou_1","assign_info":[{"subscription_id":"1","start_time":"1674981000"}],"department_path":[{"department_id":"0","department_name":{"name":"x","i18n_name":{"zh_cn":""}}}]},"skew_margin_ms":10000}`,
	`{"object":{"department_id":"789456123","open_department_id":"od-x","parent_department_id":"0","name":"…","i18n_name":{"zh_cn":"","ja_jp":"","en_us":""},"order":"2000","member_count":2,"primary_member_count":2,"leader_user_id":"ou_1","leaders":[{"leaderType":1,"leaderID":"ou_1"}],"chat_id":"oc_1","unit_ids":["BU121"],"group_chat_employee_types":[1],"department_hrbps":["ou_1"],"status":{"is_deleted":false}},"listed":true}`,
	`{"reason":"OUT_OF_RANGE"}`,
	`{"started_at":"2026-01-02T03:04:05Z","departments":1,"member_counts":[{"open_department_id":"od-x","at":"2026-01-02T03:04:05Z","member_count":3}]}`,
	`{"event":{"old_enum":{"enum_id":"exGeIjow7zIqWMy+ONkFxA==","enum_value":"6","content":"a","enum_type":2,"enum_status":2,"i18n_content":[{"locale":"zh_cn","value":"a"}]},"new_enum":{"enum_id":"exGeIjow7zIqWMy+ONkFxA==","enum_value":"6","content":"b","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"en_us","value":"b"},{"locale":"en_us","value":""}]}}}`,
	`{"event":{"object":{"contact_field_key":["C-1","C-2"],"allow_open_query":false},"old_object":{"contact_field_key":["C-1"],"allow_open_query":true}}}`,
	`{"event":{"added":{"departments":[{"open_department_id":"od-x","order":"100"}],"users":[],"user_groups":[]},"removed":{"departments":[],"users":[{"open_id":"ou_1"}],"user_groups":[{"user_group_id":"g"}]}}}`,
	`{"object":{"id":"C-1","type":"ENUMERATION","options":{"default_option_id":"1","option_type":"TEXT","options":[{"id":"1","value":"x"}]},"i18n_name":[{"locale":"zh_cn","value":"字段"}]},"listed":true}`,
	`{"object":{"id":"g1","group_id":"c1","name":"x","description":"","type":2,"member_user_count":3,"department_scope_list":["od-1"],"dynamic_group_rule":{"expressions":[]}},"listed":true}`,
	`{"object":{"group_id":"g1","member_type":"user","member_id":"ou_1"},"listed":true,"skew_margin_ms":10000}`,
	`{"object":{"unit_id":"BU1","name":"x","unit_type":"y"},"empty":["name"],"listed":true}`,
	`{"mirror.raw":"AAEC"}`,
	`{"event":{"object":{"open_id":"ou_1","name":"a\u0000\ud800","x":1e400,"y":[[[[1]]]],"order":"1","join_time":"9223372036854775807","city":7,"status":[],"orders":[{}]},"old_object":{"city":{},"a\"b":1}}}`,
	`{"event":null,"object":null}`,
	`null`, ``, `{`, `[]`,
}

var sampleTypes = []string{
	"contact.user.created_v3", "contact.user.updated_v3", "contact.user.deleted_v3",
	"contact.department.created_v3", "contact.department.updated_v3", "contact.department.deleted_v3",
	"mirror.user.observed", "mirror.department.observed", "mirror.user.missing", "mirror.department.missing",
	"mirror.sweep.started", "mirror.sweep.completed", "contact.scope.updated_v3",
	"contact.employee_type_enum.created_v3", "contact.employee_type_enum.actived_v3", "contact.employee_type_enum.deactivated_v3",
	"contact.employee_type_enum.updated_v3", "contact.employee_type_enum.deleted_v3", "contact.custom_attr_event.updated_v3",
	"mirror.employee_type.observed", "mirror.custom_attribute.observed", "mirror.employee_type.missing", "mirror.custom_attribute.missing",
	"mirror.group.observed", "mirror.group_member.observed", "mirror.unit.observed", "mirror.unit_department.observed", "mirror.scope_node.observed",
	"mirror.group.missing", "mirror.group_member.missing", "mirror.unit.missing", "mirror.unit_department.missing", "mirror.scope_node.missing",
}
