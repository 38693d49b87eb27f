package directory_test

import (
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
)

type hints = []directory.Hint

const (
	tie         = directory.HintTie
	unknown     = directory.HintUnknown
	afterGoing  = directory.HintAfterGoing
	unsure      = directory.HintPlacement
	incomplete  = directory.HintIncomplete
	subtree     = directory.HintSubtree
	late        = directory.HintLate
	undecodable = directory.HintUndecodable
)

func TestFieldsOfAnEvent(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name:    "what the object of a created event has is set, and the rest is asked for",
			records: []directory.Record{created(1, `{"open_id":"ou_1","name":"张三","city":"杭州"}`)},
			want:    `{"name":"张三","city":"杭州"}`,
			hints:   hints{incomplete},
		},
		{
			name: "what the object has although old_object does not name it is set",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"a","city":"x"}`, `{}`),
			},
			want:  `{"name":"a","city":"x"}`,
			hints: hints{incomplete},
		},
		{
			name: "a field that the object lacks and old_object names was cleared",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a","city":"x"}`),
				updated(2, `{"open_id":"ou_1","name":"a"}`, `{"city":"x"}`),
			},
			want:  `{"name":"a"}`,
			hints: hints{incomplete},
		},
		{
			name: "null is as good as absent",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a","city":"x","geo":"cn"}`),
				updated(2, `{"open_id":"ou_1","name":null,"city":null}`, `{"city":"x"}`),
			},
			want:  `{"name":"a","geo":"cn"}`,
			hints: hints{incomplete},
		},
		{
			name: "a field that both lack was hidden or not touched, and is never erased",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a","mobile":"+861"}`),
				updated(2, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`),
			},
			want:  `{"name":"b","mobile":"+861"}`,
			hints: hints{incomplete},
		},
		{
			name: "a cleared field is a value like any other and loses against a newer one",
			records: []directory.Record{
				updated(2, `{"open_id":"ou_1"}`, `{"city":"x"}`),
				updated(3, `{"open_id":"ou_1","city":"z"}`, `{}`),
			},
			want:  `{"city":"z"}`,
			hints: hints{unknown},
		},
		{
			name: "an empty text is a cleared field",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a","leader_user_id":"ou_2","email":"a@x"}`),
				updated(2, `{"open_id":"ou_1","name":"a","leader_user_id":"","email":""}`, `{"leader_user_id":"ou_2","email":"a@x"}`),
			},
			want:  `{"name":"a"}`,
			hints: hints{incomplete},
		},
		{
			name: "of two events at one instant the one whose old_object names the field wins",
			records: []directory.Record{ // Feishu sends mobile and e-mail changes apart
				created(1, `{"open_id":"ou_1","mobile":"1","email":"a"}`),
				updated(2, `{"open_id":"ou_1","mobile":"2","email":"a"}`, `{"mobile":"1"}`),
				updated(2, `{"open_id":"ou_1","mobile":"1","email":"b"}`, `{"email":"a"}`),
			},
			want:  `{"mobile":"2","email":"b"}`,
			hints: hints{incomplete},
		},
		{
			name: "a field that old_object only says was null is asked for",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","city":"x"}`),
				updated(2, `{"open_id":"ou_1"}`, `{"city":null}`),
			},
			want:  `{"city":"x"}`,
			hints: hints{incomplete},
		},
		{
			name: "names that the fold made for itself are not Feishu's to set or clear",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","department_ids":["od-1"],"orders":[{"department_id":"od-1"}],"status":{"is_frozen":true}}`),
				updated(2, `{"open_id":"ou_1","placement":[],"status.is_frozen":false,"custom_attrs.generic_user":[1]}`, `{}`),
				updated(3, `{"open_id":"ou_1"}`, `{"placement":1,"status.is_frozen":true,"custom_attrs.generic_user":1}`),
			},
			want:  `{"department_ids":["od-1"],"status":{"is_frozen":true}}`,
			hints: hints{incomplete},
		},
		{
			name: "a field of no type is kept as it is, cleared as any other",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","seat":{"z":[1, 2.50],"a":null},"shoe.size":44}`),
				updated(2, `{"open_id":"ou_1","seat":{"z":[1, 2.50],"a":null}}`, `{"shoe.size":44}`),
			},
			want:  `{"seat":{"a":null,"z":[1,2.50]}}`,
			hints: hints{incomplete},
		},
	})
}

func TestFieldsOfADepartmentsEvent(t *testing.T) {
	t.Parallel()
	checkRules(t, sales, []rule{
		{
			name: "a renamed department is re-read, because its i18n_name is in no event",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","name":"a","i18n_name":{"zh_cn":"","en_us":"A"}}`),
				updated(2, `{"open_department_id":"od-1","name":"b"}`, `{"name":"a"}`),
			},
			want:  `{"name":"b","i18n_name":{"en_us":"A"}}`,
			hints: hints{incomplete},
		},
		{
			name: "a move alone asks for what it brings into sight only",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","parent_department_id":"od-0"}`),
				updated(2, `{"open_department_id":"od-1","parent_department_id":"od-2"}`, `{"parent_department_id":"od-0"}`),
			},
			want:  `{"parent_department_id":"od-2"}`,
			hints: hints{subtree},
		},
		{
			name: "a parent that was cleared, or is empty, is the root",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","parent_department_id":"od-0"}`),
				updated(2, `{"open_department_id":"od-1"}`, `{"parent_department_id":"od-0"}`),
			},
			want:  `{"parent_department_id":"0"}`,
			hints: hints{subtree},
		},
		{
			name:    "an empty parent is the root",
			records: []directory.Record{listed(1, `{"open_department_id":"od-1","parent_department_id":""}`)},
			want:    `{"parent_department_id":"0"}`,
		},
		{
			name: "a parent is never cleared by an observation, not even as an empty field",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","parent_department_id":"od-0"}`),
				listed(60, `{"open_department_id":"od-1"}`, "parent_department_id", "chat_id"),
			},
			want: `{"parent_department_id":"od-0"}`,
		},
		{
			name: "leaders without ids say nothing",
			records: []directory.Record{
				listed(1, `{"open_department_id":"od-1","leaders":[{"leaderType":2,"leaderID":"ou_2"},{"leaderType":1,"leaderID":"ou_1"}]}`),
				updated(2, `{"open_department_id":"od-1","leaders":[{"leaderType":1}]}`, `{}`),
				listed(60, `{"open_department_id":"od-1","leaders":[{"leaderType":1,"leaderID":""}]}`),
			},
			want: `{"leaders":[{"leaderType":1,"leaderID":"ou_1"},{"leaderType":2,"leaderID":"ou_2"}]}`,
		},
	})
}

func TestFieldsOfAnObservation(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name: "what it has is set, what it lacks is left, what the crawl lists as empty is cleared",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a","city":"x","geo":"cn","mobile":"1"}`),
				listed(60, `{"open_id":"ou_1","name":"b","city":""}`, "mobile"),
			},
			want:  `{"name":"b","geo":"cn"}`,
			hints: hints{incomplete},
		},
		{
			name: "an empty list is a value: not set",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","dotted_line_leader_user_ids":["ou_2"],"custom_attrs":[{"id":"C-1","type":"TEXT","value":{"text":"x"}},{"id":"C-2","type":"GENERIC_USER"}]}`),
				listed(60, `{"open_id":"ou_1","dotted_line_leader_user_ids":[],"custom_attrs":[]}`),
			},
			want: `{}`,
		},
		{
			name: "what is listed as empty although the object has it is not cleared",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","city":"x"}`, "city"),
			},
			want: `{"city":"x"}`,
		},
		{
			name: "null that is listed as empty is cleared",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","city":"x"}`),
				listed(60, `{"open_id":"ou_1","city":null}`, "city"),
			},
			want:  `{}`,
			hints: hints{incomplete},
		},
		{
			name: "an empty mobile or e-mail may be a hidden one and says nothing",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","mobile":"1","email":"a@x"}`),
				listed(60, `{"open_id":"ou_1","mobile":"","email":""}`),
			},
			want:  `{"mobile":"1","email":"a@x"}`,
			hints: hints{incomplete},
		},
		{
			name: "an empty mobile that the crawl knows to be readable is cleared",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","mobile":"1","email":"a@x"}`),
				listed(60, `{"open_id":"ou_1","mobile":"","email":""}`, "mobile"),
			},
			want:  `{"email":"a@x"}`,
			hints: hints{incomplete},
		},
		{
			name: "the fields that are several, or never cleared, are not cleared by name",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","department_ids":["od-1"],"status":{"is_frozen":true}}`),
				listed(60, `{"open_id":"ou_1"}`, "department_ids", "orders", "placement", "status", "status.is_frozen", "is_frozen", "open_id"),
			},
			want: `{"department_ids":["od-1"],"status":{"is_frozen":true}}`,
		},
		{
			name: "custom attributes listed as empty are all cleared",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","custom_attrs":[{"id":"C-1","type":"TEXT"},{"id":"C-2","type":"GENERIC_USER"}]}`),
				listed(60, `{"open_id":"ou_1"}`, "custom_attrs"),
			},
			want: `{}`,
		},
		{
			name: "it counts ten seconds before it was asked for, so an event of that time wins",
			records: []directory.Record{
				listed(20, `{"open_id":"ou_1","name":"seen"}`),
				updated(11, `{"open_id":"ou_1","name":"newer"}`, `{"name":"x"}`),
			},
			want: `{"name":"newer"}`,
		},
		{
			name: "an event of before those ten seconds loses",
			records: []directory.Record{
				listed(20, `{"open_id":"ou_1","name":"seen"}`),
				updated(9, `{"open_id":"ou_1","name":"older"}`, `{"name":"x"}`),
			},
			want: `{"name":"seen"}`,
		},
	})
}
