package projector_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Each test is one way in which events arrive in disorder that takes more than
// one entity, or a sweep. The others are in the fold's disorder_test.go.

// inAnyOrder projects the records in every order, each in a company of its own,
// one record a page and all in one, and looks at what came of them.
func inAnyOrder(t *testing.T, records func(b *bundle) []directory.Record, check func(t *testing.T, b *bundle, tenant string)) {
	t.Helper()
	for _, pageSize := range []int{1, 1000} {
		b := setup(t)
		all := records(b)
		var tenants []string
		for _, order := range orders(len(all)) {
			company := fmt.Sprint("company ", order)
			tenants = append(tenants, company)
			for _, i := range order {
				r := all[i]
				r.TenantKey = company
				b.append(t, r)
			}
		}
		b.project(t, pageSize)
		for _, company := range tenants {
			check(t, b, company)
		}
	}
}

// orders are all orders of n.
func orders(n int) [][]int {
	all := [][]int{nil}
	for i := range n { // i in every place of every order of those before
		var longer [][]int
		for _, order := range all {
			for at := range len(order) + 1 {
				longer = append(longer, slices.Insert(slices.Clone(order), at, i))
			}
		}
		all = longer
	}
	return all
}

func TestDisorderChildBeforeParent(t *testing.T) {
	t.Parallel()
	inAnyOrder(t, func(b *bundle) []directory.Record {
		return []directory.Record{
			b.event(directory.EventDepartmentCreated, 1, `{"open_department_id":"od-a","name":"a","parent_department_id":"0"}`, ""),
			b.event(directory.EventDepartmentCreated, 2, `{"open_department_id":"od-b","name":"b","parent_department_id":"od-a"}`, ""),
			b.event(directory.EventDepartmentCreated, 3, `{"open_department_id":"od-c","name":"c","parent_department_id":"od-b"}`, ""),
		}
	}, func(t *testing.T, b *bundle, tenant string) {
		t.Helper()
		want(t, lines(t, b.pool, `SELECT path || ' ' || depth FROM directory.departments WHERE tenant_key = $1 ORDER BY path`, tenant), "/0/od-a/ 1", "/0/od-a/od-b/ 2", "/0/od-a/od-b/od-c/ 3")
	})
}

// Until the parent comes its child heads a tree of its own.
func TestDisorderAParentThatNeverComes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(t, b.event(directory.EventDepartmentCreated, 2, `{"open_department_id":"od-b","name":"b","parent_department_id":"od-a"}`, ""))
	b.project(t, 100)
	want(t, lines(t, b.pool, `SELECT path || ' ' || parent_department_id FROM directory.departments`), "/od-b/ od-a")
}

func TestDisorderUserBeforeDepartment(t *testing.T) {
	t.Parallel()
	inAnyOrder(t, func(b *bundle) []directory.Record {
		return []directory.Record{
			b.event(directory.EventDepartmentCreated, 1, `{"open_department_id":"od-a","name":"a","parent_department_id":"0"}`, ""),
			b.event(directory.EventUserCreated, 2, `{"open_id":"ou_1","name":"x","orders":[{"department_id":"od-a","user_order":1,"department_order":1,"is_primary_dept":true}]}`, ""),
		}
	}, func(t *testing.T, b *bundle, tenant string) {
		t.Helper()
		want(t, lines(t, b.pool, `
			SELECT u.name || ' ' || d.name
			FROM directory.users u
			JOIN directory.memberships m USING (tenant_key, open_id)
			JOIN directory.departments d USING (tenant_key, open_department_id)
			WHERE tenant_key = $1`, tenant), "x a")
	})
}

// sweep is a sweep of which nothing but its two marks was appended: it saw
// everybody, and nothing had changed.
func sweep(t *testing.T, from, to int) []directory.Record {
	t.Helper()
	origin := directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "sweep" + time.Duration(from).String()}
	started, err := directory.NewSweepStarted(origin, begin.Add(time.Duration(from)*time.Minute), directory.SweepStarted{Range: "all"})
	if err != nil {
		t.Fatal(err)
	}
	completed, err := directory.NewSweepCompleted(origin, begin.Add(time.Duration(to)*time.Minute), directory.SweepCompleted{
		StartedAt: begin.Add(time.Duration(from) * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	return []directory.Record{started, completed}
}

// answered is the answer to a re-read.
func answered(t *testing.T, minute int, object string) directory.Record {
	t.Helper()
	id, err := directory.ObjectID(directory.KindUser, []byte(object))
	if err != nil {
		t.Fatal(err)
	}
	r, err := directory.NewObservation(
		directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceReread, CorrelationID: "r1"},
		directory.KindUser, id, begin.Add(time.Duration(minute)*time.Minute),
		directory.Observation{Object: []byte(object), SkewMarginMS: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const reread = `SELECT entity_id || ' ' || reasons::text FROM mirror.reread_queue ORDER BY 1`

// The sweep saw the new city's successor and appended nothing, for the mirror had
// it already; the event of the city between comes after it.
func TestDisorderALateEventAfterAnUnchangedSweepOfAField(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(t, observed(t, directory.KindUser, 0, `{"open_id":"ou_1","name":"x","city":"北京","status":{"is_resigned":false}}`))
	b.append(t, sweep(t, 60, 70)...)
	b.append(t, b.event(directory.EventUserUpdated, 30, `{"open_id":"ou_1","name":"x","city":"上海"}`, `{"city":"北京"}`))
	b.project(t, 100)
	want(t, lines(t, b.pool, `SELECT city FROM directory.users`), "上海") // by the rules, and in doubt
	want(t, lines(t, b.pool, reread), "ou_1 {before_sweep,late}")
	b.append(t, answered(t, 80, `{"open_id":"ou_1","name":"x","city":"北京","status":{"is_resigned":false}}`))
	b.project(t, 100)
	want(t, lines(t, b.pool, `SELECT city FROM directory.users`), "北京")
}

func TestDisorderALateEventAfterAnUnchangedSweepOfExistence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(t, observed(t, directory.KindUser, 0, `{"open_id":"ou_1","name":"x","department_ids":["od-1"],"status":{"is_resigned":false}}`))
	b.append(t, sweep(t, 60, 70)...) // left and came back before it
	b.append(t, b.event(directory.EventUserDeleted, 30, `{"open_id":"ou_1"}`, `{"open_id":"ou_1","department_ids":["od-1"]}`))
	b.project(t, 100)
	want(t, lines(t, b.pool, `SELECT removed_reason FROM directory.users`), "RESIGNED")
	want(t, lines(t, b.pool, reread), "ou_1 {before_sweep,late}")
	b.append(t, answered(t, 80, `{"open_id":"ou_1","name":"x","department_ids":["od-1"],"status":{"is_resigned":false,"is_exited":false}}`))
	b.project(t, 100)
	want(t, lines(t, b.pool, `SELECT coalesce(removed_reason, 'here') || ' ' || department_ids::text FROM directory.users`), "here {od-1}")
	want(t, lines(t, b.pool, `SELECT open_department_id FROM directory.memberships`), "od-1")
}

func TestDisorderReusedUserIDAndDepartmentID(t *testing.T) {
	t.Parallel()
	inAnyOrder(t, func(b *bundle) []directory.Record {
		return []directory.Record{
			b.event(directory.EventUserCreated, 1, `{"open_id":"ou_1","user_id":"zhang3"}`, ""),
			b.event(directory.EventUserDeleted, 2, `{"open_id":"ou_1","user_id":"zhang3"}`, `{"open_id":"ou_1"}`),
			b.event(directory.EventUserCreated, 3, `{"open_id":"ou_2","user_id":"zhang3"}`, ""),
			b.event(directory.EventDepartmentUpdated, 4, `{"open_department_id":"od-1","department_id":"D2"}`, `{"department_id":"D1"}`),
			b.event(directory.EventDepartmentUpdated, 5, `{"open_department_id":"od-2","department_id":"D1"}`, `{"department_id":"D9"}`),
		}
	}, func(t *testing.T, b *bundle, tenant string) {
		t.Helper()
		want(t, lines(t, b.pool, `SELECT concat_ws(' ', open_id, user_id, removed_reason) FROM directory.users WHERE tenant_key = $1 ORDER BY 1`, tenant), "ou_1 zhang3 RESIGNED", "ou_2 zhang3")
		want(t, lines(t, b.pool, `SELECT concat_ws(' ', open_department_id, department_id) FROM directory.departments WHERE tenant_key = $1 ORDER BY 1`, tenant), "od-1 D2", "od-2 D1")
	})
}

// Whether Feishu tells that somebody led a department or a person when they
// leave is not documented: the references stay until it does, and nobody is
// lost by them.
func TestDisorderResignationOfALeader(t *testing.T) {
	t.Parallel()
	inAnyOrder(t, func(b *bundle) []directory.Record {
		return []directory.Record{
			b.event(directory.EventDepartmentCreated, 1, `{"open_department_id":"od-1","name":"a","parent_department_id":"0","leaders":[{"leaderType":1,"leaderID":"ou_1"}]}`, ""),
			b.event(directory.EventUserCreated, 1, `{"open_id":"ou_2","name":"y","leader_user_id":"ou_1","department_ids":["od-1"]}`, ""),
			b.event(directory.EventUserCreated, 1, `{"open_id":"ou_1","name":"x","department_ids":["od-1"]}`, ""),
			b.event(directory.EventUserDeleted, 2, `{"open_id":"ou_1"}`, `{"open_id":"ou_1","department_ids":["od-1"]}`),
		}
	}, func(t *testing.T, b *bundle, tenant string) {
		t.Helper()
		want(t, lines(t, b.pool, `SELECT open_id FROM directory.memberships WHERE tenant_key = $1`, tenant), "ou_2")
		want(t, lines(t, b.pool, `SELECT open_id FROM directory.department_leaders WHERE tenant_key = $1`, tenant), "ou_1")
		want(t, lines(t, b.pool, `SELECT leader_user_id FROM directory.users WHERE removed_at IS NULL AND tenant_key = $1`, tenant), "ou_1")
	})

	b := setup(t)
	b.append(t,
		b.event(directory.EventDepartmentCreated, 1, `{"open_department_id":"od-1","name":"a","leaders":[{"leaderType":1,"leaderID":"ou_1"}]}`, ""),
		b.event(directory.EventUserCreated, 1, `{"open_id":"ou_2","name":"y","leader_user_id":"ou_1"}`, ""),
		b.event(directory.EventUserDeleted, 2, `{"open_id":"ou_1"}`, `{"open_id":"ou_1"}`),
		b.event(directory.EventDepartmentUpdated, 2, `{"open_department_id":"od-1","name":"a"}`, `{"leaders":[{"leaderType":1,"leaderID":"ou_1"}]}`),
		b.event(directory.EventUserUpdated, 2, `{"open_id":"ou_2","name":"y"}`, `{"leader_user_id":"ou_1"}`))
	b.project(t, 100)
	want(t, lines(t, b.pool, `SELECT open_id FROM directory.department_leaders`))
	want(t, lines(t, b.pool, `SELECT coalesce(leader_user_id, '-') FROM directory.users WHERE open_id = 'ou_2'`), "-")
}
