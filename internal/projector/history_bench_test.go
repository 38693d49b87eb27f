package projector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// BenchmarkHistory says what history costs, in time and room: a company is observed
// (a first version each), and then some people get another title, and some another
// name. Sizes are of all tables and indexes of the schema history, as they lie on the
// disk and, net, after VACUUM FULL.
//
// Where history is left out, the database is told to do nothing where a statement
// writes there. The projector makes the rows and sends them all the same, so the
// difference is the database's work alone.
func BenchmarkHistory(b *testing.B) {
	for _, kept := range []bool{true, false} {
		b.Run(fmt.Sprintf("kept=%t", kept), func(b *testing.B) {
			for b.Loop() {
				benchHistory(b, kept)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func benchHistory(b *testing.B, kept bool) {
	b.Helper()
	const changes = 5000
	pool := pgtest.DB(b)
	log, err := eventlog.Open(b.Context(), pool, eventlog.Options{TenantKey: tenant, AppID: "cli_1"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	if !kept {
		leaveOutHistory(b, pool)
	}
	position, size := directory.Position(0), historySize(b, pool)
	project := func(what string, records int) {
		b.Helper()
		core := projector.New(pool, log, projector.Options{})
		began := time.Now()
		for to := position + directory.Position(records); position < to; {
			page, err := log.Read(b.Context(), position, projector.DefaultPageSize)
			if err != nil {
				b.Fatal(err)
			}
			next := page[len(page)-1].Position
			if err := core.Project(b.Context(), eventlog.Page{Consumer: projector.Consumer, From: position, To: next, Records: page}); err != nil {
				b.Fatal(err)
			}
			position = next
		}
		b.ReportMetric(float64(records)/time.Since(began).Seconds(), what+"s/s")
		grown := historySize(b, pool)
		for _, table := range historyTables(b, pool) {
			if _, err := pool.Exec(b.Context(), `VACUUM FULL `+table); err != nil {
				b.Fatal(err)
			}
		}
		net := historySize(b, pool)
		if kept {
			b.ReportMetric((grown-size)/float64(records), "history-bytes/"+what)
			b.ReportMetric((net-size)/float64(records), "net-history-bytes/"+what)
		}
		size = net
	}
	appendCompany(b, log)
	project("first", benchPeople+benchDepartments)
	number := int64(0)
	for _, change := range []struct{ what, field string }{{"change", "job_title"}, {"rename", "name"}} {
		events := make([]directory.Record, changes)
		for i := range events {
			number++
			events[i] = benchUpdate(b, number, benchUser(b, i*(benchPeople/changes), benchDepartments), change.field)
		}
		if _, err := log.Append(b.Context(), events...); err != nil {
			b.Fatal(err)
		}
		project(change.what, changes)
	}
}

func historyTables(b *testing.B, pool *pgxpool.Pool) []string {
	b.Helper()
	tables, err := queryLines(b.Context(), pool, `SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'history'::regnamespace AND c.relkind = 'r'`)
	if err != nil {
		b.Fatal(err)
	}
	return tables
}

func historySize(b *testing.B, pool *pgxpool.Pool) (bytes float64) {
	b.Helper()
	for _, table := range historyTables(b, pool) {
		var n int64
		if err := pool.QueryRow(b.Context(), `SELECT pg_total_relation_size($1::text::regclass)`, table).Scan(&n); err != nil {
			b.Fatal(err)
		}
		bytes += float64(n)
	}
	return bytes
}

// leaveOutHistory makes statements that write history do nothing. Not those of former
// search keys: where there are rules there is no ON CONFLICT.
func leaveOutHistory(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	for _, table := range historyTables(b, pool) {
		if table == "history.search_keys" {
			continue
		}
		for _, command := range []string{"INSERT", "UPDATE"} {
			if _, err := pool.Exec(b.Context(), `CREATE RULE nothing_at_`+command+` AS ON `+command+` TO `+table+` DO INSTEAD NOTHING`); err != nil {
				b.Fatal(err)
			}
		}
	}
}
