package projector_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// BenchmarkEvents projects events that change one field of somebody, each a
// version in history, in pages of so many: what a busy hour asks of the projector,
// and how much of it each page costs, whatever is in it.
func BenchmarkEvents(b *testing.B) {
	const people = 5000
	pool := benchPool(b)
	log, err := eventlog.Open(b.Context(), pool, eventlog.Options{TenantKey: tenant, AppID: "cli_1"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	core := projector.New(pool, log, projector.Options{})
	var records []directory.Record
	for i := range people {
		records = append(records, benchUser(b, i, 300))
	}
	project := func(records []directory.Record, size int) (took time.Duration) {
		b.Helper()
		head, err := log.Head(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		from := head.Position
		if _, err := log.Append(b.Context(), records...); err != nil {
			b.Fatal(err)
		}
		for range (len(records) + size - 1) / size {
			read, err := log.Read(b.Context(), from, size)
			if err != nil {
				b.Fatal(err)
			}
			to := read[len(read)-1].Position
			began := time.Now()
			if err := core.Project(b.Context(), eventlog.Page{Consumer: projector.Consumer, From: from, To: to, Records: read}); err != nil {
				b.Fatal(err)
			}
			took += time.Since(began)
			from = to
		}
		return took
	}
	project(records, projector.DefaultPageSize)
	if _, err := pool.Exec(b.Context(), "ANALYZE"); err != nil {
		b.Fatal(err)
	}
	number := time.Now().UnixNano() // event ids must be new
	for _, size := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("page=%d", size), func(b *testing.B) {
			events := make([]directory.Record, max(b.N, 1)*size)
			for i := range events {
				number++
				events[i] = benchEvent(b, number, int(number)%people)
			}
			took := project(events, size)
			b.ReportMetric(float64(len(events))/took.Seconds(), "records/s")
			b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "ms/page")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// benchEvent is an update of somebody's title.
func benchEvent(b testing.TB, number int64, person int) directory.Record {
	b.Helper()
	return benchUpdate(b, number, benchUser(b, person, 300), "job_title")
}

// benchUpdate is an update of one field of somebody who was observed.
func benchUpdate(b testing.TB, number int64, observation directory.Record, field string) directory.Record {
	b.Helper()
	var seen directory.Observation
	if err := json.Unmarshal(observation.Payload, &seen); err != nil {
		b.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(seen.Object, &object); err != nil {
		b.Fatal(err)
	}
	object[field] = fmt.Sprint("title ", number)
	payload, err := json.Marshal(map[string]any{"event": map[string]any{"object": object, "old_object": map[string]any{field: "another"}}})
	if err != nil {
		b.Fatal(err)
	}
	return directory.Record{
		OccurredAt: time.Now(), TenantKey: tenant, AppID: "cli_1", EventID: fmt.Sprint(number), EventType: directory.EventUserUpdated,
		SchemaVersion: directory.SchemaVersion, Source: directory.SourceWebhook, EntityKind: directory.KindUser, EntityID: object["open_id"].(string), Payload: payload,
	}
}
