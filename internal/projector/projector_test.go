package projector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "t1"

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// bundle is a log with a projector that the test moves by hand.
type bundle struct {
	pool      *pgxpool.Pool
	log       *eventlog.Log
	projector *projector.Projector
	events    int
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return bundleOn(t, pgtest.DB(t))
}

func bundleOn(t *testing.T, pool *pgxpool.Pool) *bundle {
	t.Helper()
	log, err := eventlog.Open(t.Context(), pool, eventlog.Options{TenantKey: tenant, AppID: "cli_1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bundle{pool: pool, log: log, projector: projector.New(pool, log, projector.Options{})}
}

// event is a Feishu event that happened some minutes after begin, and arrived
// at once.
func (b *bundle) event(eventType string, minute int, object, old string) directory.Record {
	b.events++
	body := `{"schema":"2.0","header":{},"event":{"object":` + object
	if old != "" {
		body += `,"old_object":` + old
	}
	return directory.Record{
		OccurredAt: begin.Add(time.Duration(minute) * time.Minute), EventID: fmt.Sprintf("e%04d", b.events),
		EventType: eventType, Source: directory.SourceWebhook, Payload: json.RawMessage(body + `}}`),
	}
}

func observed(t *testing.T, kind directory.Kind, minute int, object string) directory.Record {
	t.Helper()
	id, err := directory.ObjectID(kind, json.RawMessage(object))
	if err != nil {
		t.Fatal(err)
	}
	r, err := directory.NewObservation(
		directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"},
		kind, id, begin.Add(time.Duration(minute)*time.Minute),
		directory.Observation{Object: json.RawMessage(object), Listed: true, SkewMarginMS: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b *bundle) append(t *testing.T, records ...directory.Record) {
	t.Helper()
	if _, err := b.log.Append(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
}

// project moves the read model to the end of the log, page by page.
func (b *bundle) project(t *testing.T, pageSize int) {
	t.Helper()
	for {
		from, err := b.log.Checkpoint(t.Context(), projector.Consumer)
		if err != nil {
			t.Fatal(err)
		}
		records, err := b.log.Read(t.Context(), from, pageSize)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return
		}
		page := eventlog.Page{Consumer: projector.Consumer, From: from, To: records[len(records)-1].Position, Records: records}
		if err := b.projector.Project(t.Context(), page); err != nil {
			t.Fatal(err)
		}
	}
}

// lines reads a query's rows as texts.
func lines(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []string {
	t.Helper()
	out, err := queryLines(t.Context(), pool, sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func queryLines(ctx context.Context, pool *pgxpool.Pool, sql string, args ...any) ([]string, error) {
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func TestProject(t *testing.T) {
	t.Parallel()

	t.Run("an observed organisation shows in the current tables", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t,
			observed(t, directory.KindDepartment, 0, `{"open_department_id":"od-a","name":"研发","parent_department_id":"0","order":"10","member_count":2,"leaders":[{"leaderType":1,"leaderID":"ou_1"}]}`),
			observed(t, directory.KindDepartment, 0, `{"open_department_id":"od-b","name":"平台","parent_department_id":"od-a","order":"20"}`),
			observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"张三","join_time":1600000000,"status":{"is_resigned":false,"is_frozen":false},"department_ids":["od-a","od-b"],"orders":[{"department_id":"od-a","user_order":3,"department_order":1},{"department_id":"od-b","user_order":0,"department_order":9}]}`),
		)
		b.project(t, 100)

		want(t, lines(t, b.pool, `SELECT path || ' ' || depth || ' ' || name || ' ' || coalesce(member_count::text, '-') FROM directory.departments ORDER BY path`),
			"/0/od-a/ 1 研发 2", "/0/od-a/od-b/ 2 平台 -")
		want(t, lines(t, b.pool, `SELECT name || ' ' || join_time::date || ' ' || department_ids::text || ' ' || is_resigned FROM directory.users`),
			"张三 2020-09-13 {od-a,od-b} false")
		want(t, lines(t, b.pool, `SELECT open_department_id || ' ' || is_primary_dept || ' ' || user_order FROM directory.memberships ORDER BY 1`),
			"od-a false 3", "od-b true 0")
		want(t, lines(t, b.pool, `SELECT open_department_id || ' ' || open_id || ' ' || leader_type FROM directory.department_leaders`),
			"od-a ou_1 1")
	})

	t.Run("each record that changes something makes one version", func(t *testing.T) {
		t.Parallel()
		for _, pageSize := range []int{1, 2, 100} {
			b := setup(t)
			user := func(minute int, name, department string) directory.Record {
				return observed(t, directory.KindUser, minute, `{"open_id":"ou_1","name":"`+name+`","department_ids":["`+department+`"],"status":{"is_resigned":false}}`)
			}
			b.append(t,
				user(1, "a", "od-1"),
				user(2, "a", "od-1"), // nothing new
				user(3, "b", "od-1"),
				user(4, "b", "od-2"),
				b.event(directory.EventUserDeleted, 5, `{"open_id":"ou_1"}`, `{"open_id":"ou_1","department_ids":["od-2"]}`),
			)
			b.project(t, pageSize)
			want(t, lines(t, b.pool, `
				SELECT concat_ws(' ', from_position, nullif(to_position, 9223372036854775807), name, department_ids::text, removed_reason, to_char(valid_from AT TIME ZONE 'UTC', 'MI:SS'))
				FROM history.users ORDER BY from_position`),
				"1 3 a {od-1} 00:50", "3 4 b {od-1} 02:50", "4 5 b {od-2} 03:50", "5 b {od-2} RESIGNED 05:00")
			want(t, lines(t, b.pool, `
				SELECT concat_ws(' ', open_department_id, from_position, nullif(to_position, 9223372036854775807))
				FROM history.memberships ORDER BY from_position`),
				"od-1 1 4", "od-2 4 5")
			want(t, lines(t, b.pool, `SELECT concat_ws(' ', name, removed_reason, position) FROM directory.users`), "b RESIGNED 5")
			want(t, lines(t, b.pool, `SELECT open_id FROM directory.memberships`))
		}
	})

	t.Run("a record older than the last makes a version that was never valid", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t,
			b.event(directory.EventUserCreated, 5, `{"open_id":"ou_1","name":"a"}`, ""),
			b.event(directory.EventUserUpdated, 2, `{"open_id":"ou_1","city":"北京"}`, `{"city":""}`),
			b.event(directory.EventUserUpdated, 9, `{"open_id":"ou_1","name":"c"}`, `{"name":"a"}`),
		)
		b.project(t, 100)
		want(t, lines(t, b.pool, `
			SELECT concat_ws(' ', name, city, to_char(valid_from AT TIME ZONE 'UTC', 'MI'), to_char(nullif(valid_to, 'infinity') AT TIME ZONE 'UTC', 'MI'))
			FROM history.users ORDER BY from_position`),
			"a 05 05", "a 北京 05 09", "c 北京 09")
	})

	t.Run("moving a department moves what hangs below it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dept := func(minute int, id, parent string) directory.Record {
			return observed(t, directory.KindDepartment, minute, `{"open_department_id":"`+id+`","name":"`+id+`","parent_department_id":"`+parent+`"}`)
		}
		b.append(t, dept(0, "od-c", "od-b"), dept(0, "od-a", "0"), dept(0, "od-b", "od-a"))
		b.project(t, 1) // the child comes before its parents
		want(t, lines(t, b.pool, `SELECT path FROM directory.departments ORDER BY path`),
			"/0/od-a/", "/0/od-a/od-b/", "/0/od-a/od-b/od-c/")

		b.append(t, b.event(directory.EventDepartmentUpdated, 1, `{"open_department_id":"od-b"}`, `{"parent_department_id":"od-a"}`))
		b.project(t, 1)
		want(t, lines(t, b.pool, `SELECT path FROM directory.departments ORDER BY path`),
			"/0/od-a/", "/0/od-b/", "/0/od-b/od-c/")

		b.append(t, b.event(directory.EventDepartmentDeleted, 2, `{"open_department_id":"od-b"}`, `{"open_department_id":"od-b"}`))
		b.project(t, 1)
		want(t, lines(t, b.pool, `SELECT path FROM directory.departments WHERE removed_at IS NULL ORDER BY path`),
			"/0/od-a/", "/od-c/")

		b.append(t, b.event(directory.EventDepartmentUpdated, 3, `{"open_department_id":"od-a","parent_department_id":"od-c"}`, `{"parent_department_id":"0"}`),
			b.event(directory.EventDepartmentUpdated, 3, `{"open_department_id":"od-c","parent_department_id":"od-a"}`, `{"parent_department_id":"od-b"}`))
		b.project(t, 100)
		want(t, lines(t, b.pool, `SELECT path || depth FROM directory.departments WHERE removed_at IS NULL ORDER BY path`),
			"/od-a/0", "/od-c/0")
	})

	t.Run("a department that is moved by others keeps the position of its own last change", func(t *testing.T) {
		t.Parallel()
		for _, pageSize := range []int{1, 100} {
			b := setup(t)
			dept := func(minute int, id, parent string) directory.Record {
				return observed(t, directory.KindDepartment, minute, `{"open_department_id":"`+id+`","name":"`+id+`","parent_department_id":"`+parent+`"}`)
			}
			b.append(t, dept(0, "od-a", "0"), dept(0, "od-b", "od-a"), dept(0, "od-c", "0"))
			b.project(t, 100)
			b.append(t, dept(1, "od-b", "od-a"), // nothing new
				b.event(directory.EventDepartmentUpdated, 2, `{"open_department_id":"od-a","parent_department_id":"od-c"}`, `{"parent_department_id":"0"}`))
			b.project(t, pageSize)
			want(t, lines(t, b.pool, `SELECT path || ' ' || depth || ' ' || position FROM directory.departments ORDER BY path`),
				"/0/od-c/ 1 3", "/0/od-c/od-a/ 2 5", "/0/od-c/od-a/od-b/ 3 2")
		}
	})

	t.Run("what is in doubt is queued, what cannot be read is parked", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(t,
			observed(t, directory.KindUser, 1, `{"open_id":"ou_1","name":"a","employee_type":{"x":1},"department_ids":["od-1"]}`),
			b.event(directory.EventUserUpdated, 2, `{"open_id":"ou_1","name":"b"}`, `{"name":"a","department_ids":["od-1"]}`),
			b.event(directory.EventUserUpdated, 3, `{"name":"nobody"}`, ""),
			directory.Record{OccurredAt: begin, EventID: "odd", EventType: directory.EventUserUpdated, Payload: json.RawMessage(`["no event"]`)},
		)
		b.project(t, 100)
		want(t, lines(t, b.pool, `SELECT concat_ws(' ', position, entity_kind, entity_id, field, error) FROM mirror.event_log_parked ORDER BY position`),
			"1 user ou_1 employee_type wrong type",
			"3 user   no open_id", "4 user   the payload is no event: wrong type")
		want(t, lines(t, b.pool, `SELECT entity_id || ' ' || reasons::text || ' ' || to_char(not_before AT TIME ZONE 'UTC', 'MI:SS') FROM mirror.reread_queue`),
			"ou_1 {late,placement,undecodable} 02:11")
		want(t, lines(t, b.pool, `SELECT name FROM directory.users`), "b")
	})

	t.Run("a sweep's end brings the member counts and makes no version", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		origin := directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"}
		started, err := directory.NewSweepStarted(origin, begin, directory.SweepStarted{Range: "all"})
		if err != nil {
			t.Fatal(err)
		}
		seven := int64(7)
		completed, err := directory.NewSweepCompleted(origin, begin.Add(time.Hour), directory.SweepCompleted{
			StartedAt: begin, MemberCounts: []directory.MemberCount{{OpenDepartmentID: "od-a", At: begin.Add(time.Minute), MemberCount: &seven}},
		})
		if err != nil {
			t.Fatal(err)
		}
		b.append(t, started, observed(t, directory.KindDepartment, 0, `{"open_department_id":"od-a","name":"a","member_count":6}`), completed)
		b.project(t, 1)
		want(t, lines(t, b.pool, `SELECT member_count::text FROM directory.departments`), "7")
		want(t, lines(t, b.pool, `SELECT from_position::text FROM history.departments`), "2")
		want(t, lines(t, b.pool, `SELECT sweep_id || ' ' || (completed_at - started_at)::text FROM directory.sweeps`), "s1 01:00:00")
	})
}

func TestEveryColumnOfTheReadModelIsDescribed(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	want(t, lines(t, pool, `
		SELECT c.oid::regclass || '.' || coalesce(a.attname, '')
		FROM pg_class c
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace::regnamespace::text IN ('directory', 'history', 'analytics', 'mirror') AND c.relkind IN ('r', 'v')
		  AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)`))
}
