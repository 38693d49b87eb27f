package projector_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Sessions keep the plans of their statements, and tables grow from nothing, with
// nobody to analyze them (the tests' server has no autovacuum): what a record
// costs must not grow with them.
func TestPlansWhileTablesGrow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const people, departments = 1500, 200
	var records []directory.Record
	for i := range departments {
		records = append(records, benchDepartment(t, i))
	}
	for i := range people {
		records = append(records, benchUser(t, i, departments))
		if i%2 == 1 { // somebody who came before: a version ends, another one begins
			records = append(records, benchEvent(t, int64(i), i/2))
		}
		if i%5 == 4 { // and moves
			moved := benchUser(t, i/2, departments-1)
			moved.EventID, moved.OccurredAt = fmt.Sprint("moved", i), begin.Add(directory.DefaultSkewMargin*2)
			records = append(records, moved)
		}
	}
	for chunk := range slices.Chunk(records, 40) {
		b.append(t, chunk...)
		b.project(t, 40)
	}
	for _, conn := range b.pool.AcquireAllIdle(t.Context()) {
		if _, err := conn.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
			t.Error(err)
		}
		conn.Release()
	}
	rows, err := b.pool.Query(t.Context(), `
		SELECT schemaname || '.' || relname, n_live_tup + n_dead_tup, coalesce(seq_tup_read, 0), coalesce(idx_tup_fetch, 0)
		FROM pg_stat_user_tables
		WHERE schemaname IN ('directory', 'history')
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var table string
	var size, scanned, fetched, ended int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &size, &scanned, &fetched}, func() error {
		if scanned > 0 || fetched > int64(len(records)) {
			t.Errorf("%d records: of the %d rows of %s %d were read by scans and %d by indexes", len(records), size, table, scanned, fetched)
		}
		if table == "history.users" {
			ended = fetched
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if ended == 0 {
		t.Error("nothing was read at all: the statistics are not those of the projector's sessions")
	}
}
