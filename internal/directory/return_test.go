package directory_test

import (
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
)

func TestReturnOfAUser(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name: "being listed is a return",
			records: []directory.Record{
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				listed(60, `{"open_id":"ou_1","name":"a"}`),
			},
			want:  `{"name":"a","status":{"is_resigned":false}}`, // who is there is not resigned, whatever may be read of the status
			hints: hints{unknown},
		},
		{
			name: "an answer without a status is no return: Feishu answers for people who left",
			records: []directory.Record{
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				answered(60, `{"open_id":"ou_1","name":"a"}`),
			},
			want:  `{"name":"a","status":{"is_resigned":true}}`,
			gone:  resigned,
			hints: hints{unknown},
		},
		{
			name: "an answer with a status that does not tell is no return",
			records: []directory.Record{
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				answered(60, `{"open_id":"ou_1","status":{"is_frozen":false}}`),
				answered(80, `{"open_id":"ou_1","status":{}}`),
				answered(99, `{"open_id":"ou_1","status":{"is_resigned":[]}}`),
			},
			want:  `{"status":{"is_frozen":false,"is_resigned":true}}`,
			gone:  resigned,
			hints: hints{undecodable, unknown},
		},
		{
			name: "an answer that shows no resignation is a return",
			records: []directory.Record{
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				answered(60, `{"open_id":"ou_1","status":{"is_resigned":false}}`),
			},
			want:  `{"status":{"is_resigned":false}}`,
			hints: hints{unknown},
		},
		{
			name: "an answer for someone who has quit is no return: resigned comes after exited",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1","status":{"is_resigned":false,"is_exited":false}}`),
				missing(60, zhang, resigned),
				answered(80, `{"open_id":"ou_1","status":{"is_resigned":false,"is_exited":true}}`),
			},
			want: `{"status":{"is_exited":true,"is_resigned":false}}`,
			gone: resigned,
		},
		{
			name: "someone who is listed as resigned is gone",
			records: []directory.Record{
				listed(60, `{"open_id":"ou_1","status":{"is_resigned":true}}`),
			},
			want: `{"status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "a proof of absence counts ten seconds before it was asked for",
			records: []directory.Record{
				created(100, `{"open_id":"ou_1"}`),
				missing(105, zhang, resigned),
			},
			want:  `{"status":{"is_resigned":false}}`,
			hints: hints{incomplete},
		},
		{
			name: "someone who has quit and is still listed is there",
			records: []directory.Record{
				listed(60, `{"open_id":"ou_1","status":{"is_resigned":false,"is_exited":true}}`),
			},
			want: `{"status":{"is_exited":true,"is_resigned":false}}`,
		},
		{
			name: "an answer asked for within ten seconds of the departure does not undo it",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				deleted(100, `{"open_id":"ou_1"}`, `{}`),
				answered(105, `{"open_id":"ou_1","status":{"is_resigned":false}}`),
			},
			want: `{"status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "an update exists at time zero: it does not bring back who is gone, but asks",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				updated(3, `{"open_id":"ou_1","name":"a"}`, `{}`),
			},
			want:  `{"name":"a","status":{"is_resigned":true}}`,
			gone:  resigned,
			hints: hints{afterGoing},
		},
		{
			name: "who is gone and was heard of later is asked for in the other order as well",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				updated(3, `{"open_id":"ou_1","name":"a"}`, `{}`),
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
			},
			want:  `{"name":"a","status":{"is_resigned":true}}`,
			gone:  resigned,
			hints: hints{afterGoing},
		},
		{
			name: "who is proven to be gone and was heard of later is asked for",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				updated(200, `{"open_id":"ou_1","name":"a"}`, `{}`),
				missing(100, zhang, outOfRange),
			},
			want:  `{"name":"a"}`,
			gone:  outOfRange,
			hints: hints{afterGoing},
		},
		{
			name: "who is gone and was heard of at the same instant is asked for",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				updated(2, `{"open_id":"ou_1","name":"a"}`, `{}`),
			},
			want:  `{"name":"a","status":{"is_resigned":true}}`,
			gone:  resigned,
			hints: hints{afterGoing},
		},
		{
			name: "an answer of ours about someone gone is not asked for again",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				answered(60, `{"open_id":"ou_1","name":"a"}`),
			},
			want: `{"name":"a","status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "another picture after the departure is no sign of life",
			records: []directory.Record{
				listed(1, `{"open_id":"ou_1"}`),
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				updated(3, `{"open_id":"ou_1","avatar":{"avatar_72":"x"}}`, `{"avatar":{}}`),
			},
			want: `{"status":{"is_resigned":true}}`,
			gone: resigned,
		},
		{
			name: "created again is a return",
			records: []directory.Record{
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
				created(3, `{"open_id":"ou_1","status":{"is_resigned":false}}`),
			},
			want:  `{"status":{"is_resigned":false}}`,
			hints: hints{incomplete, unknown},
		},
		{
			name: "created and deleted at one instant are a doubt",
			records: []directory.Record{
				created(2, `{"open_id":"ou_1"}`),
				deleted(2, `{"open_id":"ou_1"}`, `{}`),
			},
			want:  `{"status":{"is_resigned":true}}`, // by event id: no better than the other
			gone:  resigned,
			hints: hints{incomplete, tie},
		},
	})
}
