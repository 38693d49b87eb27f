package projector_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// raw is an event with a body of its own.
func (b *bundle) raw(eventType string, minute int, body string) directory.Record {
	r := b.event(eventType, minute, `{}`, "")
	r.Payload = json.RawMessage(`{"schema":"2.0","header":{},"event":` + body + `}`)
	return r
}

func TestProjectDefinitions(t *testing.T) {
	t.Parallel()

	t.Run("employee types are kept, with their history", func(t *testing.T) {
		t.Parallel()
		for _, pageSize := range []int{1, 100} {
			b := setup(t)
			b.append(t,
				b.raw(directory.EventEmployeeTypeCreated, 1, `{"new_enum":{"enum_id":"a/b==","enum_value":"6","content":"临时","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"zh_cn","value":"临时"}]}}`),
				b.raw(directory.EventEmployeeTypeUpdated, 2, `{"old_enum":{"enum_id":"a/b==","enum_value":"6","content":"临时","enum_type":2,"enum_status":1},"new_enum":{"enum_id":"a/b==","enum_value":"6","content":"短期","enum_type":2,"enum_status":1}}`),
				b.raw(directory.EventEmployeeTypeDeactivated, 3, `{"old_enum":{"enum_id":"a/b==","enum_status":1},"new_enum":{"enum_id":"a/b==","enum_status":2}}`),
				b.raw(directory.EventEmployeeTypeDeleted, 4, `{"old_enum":{"enum_id":"a/b==","enum_status":2}}`),
			)
			b.project(t, pageSize)
			want(t, lines(t, b.pool, `SELECT concat_ws(' ', enum_id, enum_value, content, enum_type, enum_status, i18n_content, removed_reason, position) FROM directory.employee_types`),
				`a/b== 6 短期 2 2 [{"value": "临时", "locale": "zh_cn"}] DELETED 4`)
			want(t, lines(t, b.pool, `
				SELECT concat_ws(' ', from_position, nullif(to_position, 9223372036854775807), content, enum_status, removed_reason, to_char(valid_from AT TIME ZONE 'UTC', 'MI'))
				FROM history.employee_types ORDER BY from_position`),
				"1 2 临时 1 01", "2 3 短期 1 02", "3 4 短期 2 03", "4 短期 2 DELETED 04")
		}
	})

	t.Run("custom attributes are read again, and out of range while the switch is off", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		origin := directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceReread, CorrelationID: "r1"}
		definition, err := directory.NewObservation(origin, directory.KindCustomAttribute, "C-1", begin,
			directory.Observation{Object: json.RawMessage(`{"id":"C-1","type":"TEXT","i18n_name":[{"locale":"zh_cn","value":"工位"}]}`), Listed: true, SkewMarginMS: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		b.append(t, definition,
			b.raw(directory.EventCustomAttrsUpdated, 1, `{"object":{"contact_field_key":["C-1","C-2"],"allow_open_query":true},"old_object":{"contact_field_key":["C-1"],"allow_open_query":true}}`))
		b.project(t, 1)
		want(t, lines(t, b.pool, `SELECT concat_ws(' ', id, type, removed_reason) FROM directory.custom_attributes`), "C-1 TEXT")
		want(t, lines(t, b.pool, `SELECT allow_open_query::text FROM directory.custom_attr_settings`), "true")
		b.append(t, b.raw(directory.EventCustomAttrsUpdated, 2, `{"object":{"contact_field_key":["C-1","C-2"],"allow_open_query":false},"old_object":{"contact_field_key":["C-1","C-2"],"allow_open_query":true}}`))
		b.project(t, 1)
		want(t, lines(t, b.pool, `SELECT concat_ws(' ', id, type, removed_reason) FROM directory.custom_attributes ORDER BY 1`), "C-1 TEXT OUT_OF_RANGE", "C-2 OUT_OF_RANGE")
		want(t, lines(t, b.pool, `SELECT allow_open_query::text FROM history.custom_attr_settings ORDER BY from_position`), "true", "false")
		want(t, lines(t, b.pool, `SELECT concat_ws(' ', from_position, nullif(to_position, 9223372036854775807), removed_reason) FROM history.custom_attributes WHERE id = 'C-1' ORDER BY 1`),
			"1 3", "3 OUT_OF_RANGE")
		want(t, lines(t, b.pool, `SELECT entity_kind || ' ' || entity_id || ' ' || reasons::text FROM mirror.reread_queue`), "custom_attr_setting custom_attrs {definitions,late}")
	})
}

func TestSweepRequests(t *testing.T) {
	t.Parallel()
	const requests = `SELECT reason || ' ' || to_char(not_before AT TIME ZONE 'UTC', 'MI:SS') FROM mirror.sweep_request ORDER BY 1`
	b := setup(t)
	scope := func(minute int) directory.Record {
		return b.raw(directory.EventScopeUpdated, minute, `{"added":{"departments":[]},"removed":{"users":[{"open_id":"ou_1"}],"departments":[{"open_department_id":"od-1"}]}}`)
	}
	b.append(t,
		observed(t, directory.KindUser, 0, `{"open_id":"ou_1","name":"x"}`), observed(t, directory.KindDepartment, 0, `{"open_department_id":"od-1"}`),
		scope(20), scope(10),
		b.raw(directory.EventCustomAttrsUpdated, 30, `{"object":{"allow_open_query":true},"old_object":{"allow_open_query":false}}`))
	b.project(t, 100)
	want(t, lines(t, b.pool, requests), "custom_attrs 30:11", "scope 20:11")
	want(t, lines(t, b.pool, `SELECT open_id FROM directory.users WHERE removed_at IS NULL`), "ou_1")
	want(t, lines(t, b.pool, `SELECT open_department_id FROM directory.departments WHERE removed_at IS NULL`), "od-1")

	b.append(t, sweep(t, 25, 40)...) // began before the switch was turned
	b.project(t, 100)
	want(t, lines(t, b.pool, requests), "custom_attrs 30:11")
	b.append(t, scope(15)) // told late: the sweep has seen it
	b.project(t, 100)
	want(t, lines(t, b.pool, requests), "custom_attrs 30:11")
	b.append(t, sweep(t, 31, 40)...)
	b.project(t, 100)
	want(t, lines(t, b.pool, requests))
}

func TestANewerEventMovesARereadBack(t *testing.T) {
	t.Parallel()
	const due = `SELECT entity_id || ' ' || reasons::text || ' ' || position || ' ' || to_char(not_before AT TIME ZONE 'UTC', 'MI:SS') FROM mirror.reread_queue ORDER BY 1`
	for _, pageSize := range []int{1, 100} {
		b := setup(t)
		plain := func(minute int, city string) directory.Record {
			return b.event(directory.EventUserUpdated, minute, `{"open_id":"ou_1","city":"`+city+`"}`, `{"city":"x"}`)
		}
		b.append(t,
			b.event(directory.EventUserCreated, 1, `{"open_id":"ou_1","name":"a"}`, ""),
			plain(5, "b"), plain(3, "c"),
			b.event(directory.EventUserUpdated, 9, `{"open_id":"ou_2"}`, `{}`))
		b.project(t, pageSize)
		// The tests' events are recorded long after they happened.
		want(t, lines(t, b.pool, due), "ou_1 {incomplete,late} 3 05:11", "ou_2 {late,unknown} 4 09:11")
	}
}

func TestRereadEveryAsksForWhateverAnEventIsAbout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.projector = projector.New(b.pool, b.log, projector.Options{RereadEvery: true})
	now := time.Now()
	r := b.event(directory.EventUserUpdated, 0, `{"open_id":"ou_1","city":"b"}`, `{"city":"a"}`)
	r.OccurredAt = now
	o := observed(t, directory.KindUser, 0, `{"open_id":"ou_1","name":"a"}`)
	b.append(t, o, r)
	b.project(t, 100)
	want(t, lines(t, b.pool, reread), "ou_1 {event}")
}

func TestRecordsAreCountedByClass(t *testing.T) {
	t.Parallel()
	b := setup(t)
	registry := prometheus.NewRegistry()
	b.projector = projector.New(b.pool, b.log, projector.Options{Registerer: registry})
	legacy := b.raw("user_add", 1, `{"open_id":"ou_1","type":"user_add"}`)
	strange := b.raw("contact.user_group.created_v3", 1, `{"object":{"open_id":"ou_1"}}`)
	b.append(t, legacy, strange, b.raw("im.message.receive_v1", 1, `{}`), b.event(directory.EventUserUpdated, 1, `{"open_id":"ou_1"}`, `{}`))
	b.project(t, 100)
	for class, n := range map[string]float64{"legacy": 1, "unknown": 2, "user": 1, "department": 0} {
		got, err := counter(registry, "orgmirror_projector_records_total", "class", class)
		if err != nil || got != n {
			t.Errorf("%v records of class %s, want %v (%v)", got, class, n, err)
		}
	}
	for _, reason := range []string{"unknown", "late"} {
		if n, err := counter(registry, "orgmirror_projector_rereads_queued_total", "reason", reason); err != nil || n != 1 {
			t.Errorf("%v re-reads queued as %s, want 1 (%v)", n, reason, err)
		}
	}
	want(t, lines(t, b.pool, `SELECT event_type FROM mirror.event_log ORDER BY position LIMIT 2`), "user_add", "contact.user_group.created_v3")
	want(t, lines(t, b.pool, `SELECT open_id FROM directory.users`), "ou_1")
}

// An event is out of order where its entity has heard of something newer: be it
// an event or what Feishu showed.
func TestReorderedEventsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	registry := prometheus.NewRegistry()
	b.projector = projector.New(b.pool, b.log, projector.Options{Registerer: registry})
	renamed := func(id string, minute int) directory.Record {
		return b.event(directory.EventUserUpdated, minute, `{"open_id":"`+id+`","name":"`+fmt.Sprint(minute)+`"}`, `{"name":"x"}`)
	}
	for i, c := range []struct {
		record    directory.Record
		reordered float64 // from then on
	}{
		{renamed("ou_1", 5), 0},
		{renamed("ou_2", 4), 0}, // of somebody else
		{renamed("ou_1", 3), 1},
		{renamed("ou_1", 5), 1}, // at the same instant
		{renamed("ou_1", 6), 1},
		{observed(t, directory.KindUser, 30, `{"open_id":"ou_1","name":"30"}`), 1},
		{renamed("ou_1", 29), 2},
		{renamed("ou_1", 31), 2},
		{observed(t, directory.KindUser, 25, `{"open_id":"ou_1","name":"25"}`), 2}, // no event
	} {
		b.append(t, c.record)
		b.project(t, 100)
		if n, err := counter(registry, "orgmirror_projector_reordered_total", "source", string(directory.SourceWebhook)); err != nil || n != c.reordered {
			t.Errorf("after the record %d: %v counted, want %v (%v)", i, n, c.reordered, err)
		}
	}
}

func counter(g prometheus.Gatherer, name, label, value string) (float64, error) {
	families, err := g.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) == 1 && m.GetLabel()[0].GetName() == label && m.GetLabel()[0].GetValue() == value {
				return m.GetCounter().GetValue(), nil
			}
		}
	}
	return -1, nil
}
