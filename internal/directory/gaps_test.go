package directory_test

import (
	"testing"

	"github.com/orgmirror/orgmirror/internal/directory"
)

func TestTiesAndGaps(t *testing.T) {
	t.Parallel()
	checkRules(t, zhang, []rule{
		{
			name: "two values at one instant are a doubt, whichever came first",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"c"}`, `{"name":"a"}`),
			},
			want:  `{"name":"c"}`, // by event id: no better than any
			hints: hints{incomplete, tie},
		},
		{
			name: "two values at one instant, the other way round",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"c"}`, `{"name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`),
			},
			want:  `{"name":"c"}`,
			hints: hints{incomplete, tie},
		},
		{
			name: "one value twice at one instant is none",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1","name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"b","city":"x"}`, `{"name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"b","geo":"y"}`, `{"name":"a"}`),
			},
			want:  `{"name":"b","city":"x","geo":"y"}`,
			hints: hints{incomplete},
		},
		{
			name: "a cleared and a set field at one instant are a doubt",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","city":"x"}`, `{"city":"y"}`),
				updated(2, `{"open_id":"ou_1"}`, `{"city":"y"}`),
			},
			want:  `{}`,
			hints: hints{incomplete, tie},
		},
		{
			name: "a field that was cleared and one set without being named are a doubt",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","city":"x"}`, `{}`),
				updated(2, `{"open_id":"ou_1"}`, `{"city":"y"}`),
			},
			want:  `{}`,
			hints: hints{incomplete, tie},
		},
		{
			name: "and the other way round",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1"}`, `{"city":"y"}`),
				updated(2, `{"open_id":"ou_1","city":"x"}`, `{}`),
			},
			want:  `{}`,
			hints: hints{incomplete, tie},
		},
		{
			name: "a re-read that is late enough settles a tie",
			records: []directory.Record{
				updated(2, `{"open_id":"ou_1","name":"b"}`, `{"name":"a"}`),
				updated(2, `{"open_id":"ou_1","name":"c"}`, `{"name":"a"}`),
				answered(13, `{"open_id":"ou_1","name":"c","status":{"is_resigned":false}}`),
			},
			want:  `{"name":"c","status":{"is_resigned":false}}`,
			hints: hints{tie, unknown},
		},
		{
			name: "two pictures with one path are no doubt",
			records: []directory.Record{
				created(1, `{"open_id":"ou_1"}`),
				updated(2, `{"open_id":"ou_1","avatar":{"avatar_72":"https://a/x.png?size=1"}}`, `{"avatar":{}}`),
				updated(2, `{"open_id":"ou_1","avatar":{"avatar_72":"https://b/x.png?size=2"}}`, `{"avatar":{}}`),
			},
			want:  `{}`,
			hints: hints{incomplete},
		},
		{
			name:    "an update of somebody unknown makes them known and asks for them",
			records: []directory.Record{updated(2, `{"open_id":"ou_1","name":"b"}`, `{}`)},
			want:    `{"name":"b"}`,
			hints:   hints{unknown},
		},
		{
			name:    "a departure of somebody unknown asks for them: Feishu still answers",
			records: []directory.Record{deleted(2, `{"open_id":"ou_1","name":"b"}`, `{"open_id":"ou_1","department_ids":["od-1"]}`)},
			want:    `{"department_ids":["od-1"],"status":{"is_resigned":true}}`,
			gone:    directory.ReasonResigned,
			hints:   hints{unknown},
		},
	})
}

func TestAnEventThatCameLateIsAskedAbout(t *testing.T) {
	t.Parallel()
	r := created(1, `{"open_id":"ou_1"}`)
	r.RecordedAt = r.OccurredAt.Add(60_000_000_001)
	rule{records: []directory.Record{r}, want: `{}`, hints: hints{incomplete, late}}.check(t, zhang)
	r.RecordedAt = r.OccurredAt.Add(60_000_000_000)
	rule{records: []directory.Record{r}, want: `{}`, hints: hints{incomplete}}.check(t, zhang)
}
