package directory_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// A person as Feishu's pages "get user" and "user updated" show one with all
// permissions granted.
const (
	benchUser = `{"avatar":{"avatar_240":"https://s1-imfile.feishucdn.com/static-resource/v1/v2_aaaa?image_size=240x240&cut_type=&quality=&format=image&sticker_format=.webp","avatar_640":"https://s1-imfile.feishucdn.com/static-resource/v1/v2_aaaa?image_size=640x640&cut_type=&quality=&format=image&sticker_format=.webp","avatar_72":"https://s1-imfile.feishucdn.com/static-resource/v1/v2_aaaa?image_size=72x72&cut_type=&quality=&format=image&sticker_format=.webp","avatar_origin":"https://s1-imfile.feishucdn.com/static-resource/v1/v2_aaaa?image_size=noop&cut_type=&quality=&format=image&sticker_format=.webp"},"city":"杭州","country":"CN","custom_attrs":[{"id":"C-6704444222","type":"TEXT","value":{"text":"工位 12-34"}},{"id":"C-6704444333","type":"HREF","value":{"pc_url":"http://www.example.cn","text":"首页","url":"http://www.example.cn"}}],"department_ids":["od-4e6ac4d14bcd5071a37a39de902c7141","od-8f2f7b1dd6dd4a1aa9fcd6c44cf4fa20"],"description":"签名","dotted_line_leader_user_ids":["ou_7dab8a3d3cdcc9da365777c7ad535d62"],"email":"zhangsan@example.cn","employee_no":"80000001","employee_type":1,"en_name":"San Zhang","enterprise_email":"zhangsan@corp.example.cn","gender":1,"is_frozen":false,"is_tenant_manager":false,"job_family_id":"mga5oa8ayjlpkzy","job_level_id":"mga5oa8ayjlp9rb","job_title":"工程师","join_time":1615381702,"leader_user_id":"ou_7dab8a3d3cdcc9da365777c7ad535d63","mobile":"+8613800138000","mobile_visible":true,"name":"张三","nickname":"阿三","open_id":"ou_7dab8a3d3cdcc9da365777c7ad535d64","orders":[{"department_id":"od-4e6ac4d14bcd5071a37a39de902c7141","department_order":2,"is_primary_dept":true,"user_order":100},{"department_id":"od-8f2f7b1dd6dd4a1aa9fcd6c44cf4fa20","department_order":1,"is_primary_dept":false,"user_order":7}],"status":{"is_activated":true,"is_exited":false,"is_frozen":false,"is_resigned":false,"is_unjoin":false},"union_id":"on_576833b917gda3d939b9a3c2d53e72c8","user_id":"3e3cf96b","work_station":"12-34"}`

	benchEvent = `{"schema":"2.0","header":{"event_id":"5e3702a84e847582be8db7fb73283c02","event_type":"contact.user.updated_v3","create_time":"1700000000123","token":"","app_id":"cli_9f5343c580712544","tenant_key":"2ca1d211f64f6438"},"event":{"object":` +
		benchUser + `,"old_object":{"job_title":"实习生","orders":[{"department_id":"od-4e6ac4d14bcd5071a37a39de902c7141","department_order":1,"is_primary_dept":true,"user_order":0}],"department_ids":["od-4e6ac4d14bcd5071a37a39de902c7141"]}}}`
)

func benchRecords(b *testing.B) map[string]directory.Record {
	b.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	observed, err := directory.NewObservation(
		directory.Origin{TenantKey: "2ca1d211f64f6438", AppID: "cli_9f5343c580712544", Source: directory.SourceBackfill, CorrelationID: "0190f8d6-0000-7000-8000-000000000000"},
		directory.KindUser, "ou_7dab8a3d3cdcc9da365777c7ad535d64", at,
		directory.Observation{Object: json.RawMessage(benchUser), Empty: []string{"geo"}, Listed: true, SkewMarginMS: 10_000})
	if err != nil {
		b.Fatal(err)
	}
	return map[string]directory.Record{
		"observation": observed,
		"event": {
			OccurredAt: at.Add(time.Hour), RecordedAt: at.Add(time.Hour), TenantKey: "2ca1d211f64f6438", EventID: "5e3702a84e847582be8db7fb73283c02",
			EventType: directory.EventUserUpdated, Payload: json.RawMessage(benchEvent),
		},
	}
}

// BenchmarkFold is what a projector does to each record: decode it, fold it
// into a state that has all the fields already. To compare: the same text read
// by encoding/json alone.
func BenchmarkFold(b *testing.B) {
	records := benchRecords(b)
	b.Run("encoding/json", func(b *testing.B) {
		raw := records["observation"].Payload
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, name := range []string{"observation", "event"} {
		b.Run(name, func(b *testing.B) {
			r := records[name]
			b.SetBytes(int64(len(r.Payload)))
			b.ReportAllocs()
			state := directory.NewState(directory.Decode(r).Changes[0].Key)
			for b.Loop() {
				r.OccurredAt = r.OccurredAt.Add(time.Second) // newer each time: every field is written
				r.RecordedAt = r.OccurredAt
				d := directory.Decode(r)
				state.Apply(d.Changes[0])
			}
		})
	}
}

// BenchmarkState is what a projector does to each entity of a page.
func BenchmarkState(b *testing.B) {
	change := directory.Decode(benchRecords(b)["observation"]).Changes[0]
	state := directory.NewState(change.Key)
	state.Apply(change)
	raw, err := state.MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := state.MarshalJSON(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := directory.UnmarshalState(change.Key, raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			directory.UserOf(state)
		}
	})
}
