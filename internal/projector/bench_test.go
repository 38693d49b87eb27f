package projector_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
)

const (
	benchPeople      = 20_000
	benchDepartments = 1_500
)

// BenchmarkProject projects the observations of 20 000 people in 1 500
// departments into an empty read model, and for comparison upserts the same
// objects into a table of three columns, in pages of the same size.
//
// The cluster of the tests does not sync to disk; ORGMIRROR_BENCH_DATABASE_URL
// names an empty database on one that does.
func BenchmarkProject(b *testing.B) {
	pool := benchPool(b)
	log, err := eventlog.Open(b.Context(), pool, eventlog.Options{TenantKey: tenant, AppID: "cli_1"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	appendCompany(b, log)
	var projecting, upserting time.Duration
	for b.Loop() {
		if _, err := pool.Exec(b.Context(), `
			TRUNCATE directory.users, directory.departments, directory.memberships, directory.department_leaders, directory.fold_state, directory.sweeps, directory.search_keys, history.search_keys,
			         history.users, history.departments, history.memberships, history.department_leaders, mirror.reread_queue, mirror.event_log_parked;
			DELETE FROM mirror.checkpoint;
			DROP TABLE IF EXISTS bench_limit; CREATE TABLE bench_limit (tenant_key text, id text, doc jsonb, PRIMARY KEY (tenant_key, id));
			CHECKPOINT`); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		eachPage(b, log, func(page eventlog.Page) error {
			return projector.New(pool, log, projector.Options{}).Project(b.Context(), page)
		})
		projecting += time.Since(began)
		began = time.Now()
		eachPage(b, log, func(page eventlog.Page) error { return upsertPage(b, pool, page) })
		upserting += time.Since(began)
	}
	records := float64(b.N) * (benchPeople + benchDepartments)
	b.ReportMetric(records/projecting.Seconds(), "records/s")
	b.ReportMetric(records/upserting.Seconds(), "limit-records/s")
	b.ReportMetric(upserting.Seconds()/projecting.Seconds(), "of-limit")
	b.ReportMetric(0, "ns/op")
}

func benchPool(b *testing.B) *pgxpool.Pool {
	b.Helper()
	url := os.Getenv("ORGMIRROR_BENCH_DATABASE_URL")
	if url == "" {
		return pgtest.DB(b)
	}
	pool, err := postgres.Open(b.Context(), postgres.Config{URL: url, ApplicationName: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if err := postgres.MigrateUp(b.Context(), pool); err != nil {
		b.Fatal(err)
	}
	return pool
}

func appendCompany(b *testing.B, log *eventlog.Log) {
	b.Helper()
	var records []directory.Record
	for i := range benchDepartments {
		records = append(records, benchDepartment(b, i))
	}
	for i := range benchPeople {
		records = append(records, benchUser(b, i, benchDepartments))
	}
	for len(records) > 0 {
		n := min(1000, len(records))
		if _, err := log.Append(b.Context(), records[:n]...); err != nil {
			b.Fatal(err)
		}
		records = records[n:]
	}
}

// benchObservation is of a whole object, as a walk makes it.
func benchObservation(b testing.TB, kind directory.Kind, id string, object map[string]any) directory.Record {
	b.Helper()
	origin := directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "bench"}
	r, err := directory.NewObservation(origin, kind, id, begin, directory.Observation{Object: marshal(object), Listed: true, SkewMarginMS: 10_000})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func benchDepartment(b testing.TB, i int) directory.Record {
	b.Helper()
	parent := "0"
	if i >= 10 {
		parent = fmt.Sprintf("od-%032d", i/10-1)
	}
	id := fmt.Sprintf("od-%032d", i)
	return benchObservation(b, directory.KindDepartment, id, map[string]any{
		"open_department_id": id, "department_id": fmt.Sprint(i), "name": fmt.Sprintf("部门%d", i), "parent_department_id": parent, "order": fmt.Sprint(i),
		"member_count": 13, "leader_user_id": fmt.Sprintf("ou_%032d", i), "leaders": []any{map[string]any{"leaderType": 1, "leaderID": fmt.Sprintf("ou_%032d", i)}},
		"status": map[string]any{"is_deleted": false}, "i18n_name": map[string]any{"zh_cn": fmt.Sprintf("部门%d", i), "en_us": fmt.Sprintf("Dept %d", i)},
	})
}

func benchUser(b testing.TB, i, departments int) directory.Record {
	b.Helper()
	id, department := fmt.Sprintf("ou_%032d", i), fmt.Sprintf("od-%032d", i%departments)
	return benchObservation(b, directory.KindUser, id, map[string]any{
		"open_id": id, "union_id": fmt.Sprintf("on_%032d", i), "user_id": fmt.Sprintf("u%d", i), "name": fmt.Sprintf("张三%d", i), "en_name": fmt.Sprintf("San %d Zhang", i),
		"email": fmt.Sprintf("san%d@example.com", i), "mobile": fmt.Sprintf("+86138%08d", i), "mobile_visible": true, "gender": i % 3, "city": "北京", "country": "CN",
		"work_station": "A-1", "join_time": 1_600_000_000 + i, "employee_no": fmt.Sprint(i), "employee_type": 1, "job_title": "工程师", "is_tenant_manager": false,
		"leader_user_id": fmt.Sprintf("ou_%032d", i/13), "department_ids": []any{department},
		"avatar": map[string]any{"avatar_72": "https://a.example.com/x72", "avatar_240": "https://a.example.com/x240", "avatar_640": "https://a.example.com/x640", "avatar_origin": "https://a.example.com/x"},
		"orders": []any{map[string]any{"department_id": department, "user_order": i, "department_order": 1, "is_primary_dept": true}},
		"status": map[string]any{"is_frozen": false, "is_resigned": false, "is_activated": true, "is_exited": false, "is_unjoin": false},
	})
}

func eachPage(b *testing.B, log *eventlog.Log, handle func(eventlog.Page) error) {
	b.Helper()
	for from := directory.Position(0); ; {
		records, err := log.Read(b.Context(), from, projector.DefaultPageSize)
		if err != nil {
			b.Fatal(err)
		}
		if len(records) == 0 {
			return
		}
		to := records[len(records)-1].Position
		if err := handle(eventlog.Page{Consumer: projector.Consumer, From: from, To: to, Records: records}); err != nil {
			b.Fatal(err)
		}
		from = to
	}
}

func upsertPage(b *testing.B, pool *pgxpool.Pool, page eventlog.Page) error {
	b.Helper()
	var ids, docs []string
	for _, r := range page.Records {
		var o directory.Observation
		if err := json.Unmarshal(r.Payload, &o); err != nil {
			return err
		}
		ids, docs = append(ids, r.EntityID), append(docs, string(o.Object))
	}
	return pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(b.Context(), `
			INSERT INTO bench_limit SELECT 't1', * FROM unnest($1::text[], $2::jsonb[])
			ON CONFLICT (tenant_key, id) DO UPDATE SET doc = excluded.doc`, ids, docs)
		return err
	})
}
