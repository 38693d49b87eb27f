package eventlog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestRead(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, eventlog.Options{})
	appendAll(t, l, records("e", 25)...)
	tests := []struct {
		after directory.Position
		limit int
		first directory.Position // 0: nothing
		n     int
	}{
		{0, 10, 1, 10},
		{10, 10, 11, 10},
		{20, 10, 21, 5},
		{25, 10, 0, 0},
		{1000, 10, 0, 0},
		{0, 1, 1, 1},
		{0, 1000, 1, 25},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d after %d", tt.limit, tt.after), func(t *testing.T) {
			t.Parallel()
			page, err := l.Read(t.Context(), tt.after, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) != tt.n {
				t.Fatalf("%d records, want %d", len(page), tt.n)
			}
			if err := eventlog.CheckHoles(tt.after, page); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckHoles(t *testing.T) {
	t.Parallel()
	at := func(positions ...directory.Position) (all []directory.Record) {
		for _, p := range positions {
			all = append(all, directory.Record{Position: p})
		}
		return all
	}
	for _, whole := range [][]directory.Record{nil, at(8), at(8, 9, 10)} {
		if err := eventlog.CheckHoles(7, whole); err != nil {
			t.Errorf("%d records without a hole: %v", len(whole), err)
		}
	}
	for _, holed := range [][]directory.Record{at(9), at(8, 10), at(7, 8), at(8, 8)} {
		if eventlog.CheckHoles(7, holed) == nil {
			t.Errorf("no hole seen in %+v", holed)
		}
	}
}

// The page must come from the primary key alone, also where nothing has been
// analyzed yet: the tests' server has no autovacuum. (In a log of a few dozen pages
// the planner may read and sort all of it, which is no dearer.)
func TestPlanOfRead(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{})
	have := 0
	for _, size := range []int{1_000, 20_000} {
		for have < size {
			have += len(appendAll(t, l, records(fmt.Sprint("e", have, "-"), 1000)...))
		}
		for _, after := range []int{0, size / 2, size - 10} {
			for _, limit := range []int{1, 500} {
				plan := explain(t, pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+eventlog.SelectPage, pgx.QueryExecModeCacheDescribe, after, limit))
				text := fmt.Sprint(plan)
				if size > 1_000 && (!strings.Contains(text, "event_log_pkey") || strings.Contains(text, "Sort") || strings.Contains(text, "Seq Scan")) {
					t.Errorf("%d records, %d after %d: plan %v", size, limit, after, text)
				}
				// 500 records of about 400 bytes stand on some 30 pages.
				if buffers := plan["Shared Hit Blocks"].(float64) + plan["Shared Read Blocks"].(float64); buffers > 60 {
					t.Errorf("%d records, %d after %d: %v buffers", size, limit, after, buffers)
				}
			}
		}
	}
}

// One session plans on the empty log and keeps its plans while the log grows: the
// search for known ids must go through the ids' index alone all the time.
func TestPlanOfAppend(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	session, err := eventlog.WriterSession(t.Context(), pool, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(t.Context())
	const calls, batch = 30, 200
	for i := range calls {
		var positions []int64
		var duplicates []bool
		err := session.QueryRow(t.Context(), bareCall, appendArgs(records(fmt.Sprint("e", i, "-"), batch))...).Scan(&positions, &duplicates)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := session.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
		t.Fatal(err)
	}
	var scanned, byID int64
	err = session.QueryRow(t.Context(), `
		SELECT sum(i.idx_tup_read) FILTER (WHERE i.indexrelname <> 'event_log_pkey') + min(t.seq_tup_read),
		       sum(i.idx_scan) FILTER (WHERE i.indexrelname = 'event_log_event_id_key')
		FROM pg_stat_user_indexes AS i
		JOIN pg_stat_user_tables AS t USING (relid)
		WHERE i.schemaname = 'mirror' AND i.relname = 'event_log'`).Scan(&scanned, &byID)
	if err != nil {
		t.Fatal(err)
	}
	// No id was known, so an index scan by id reads nothing, and no other may be made.
	if scanned != 0 || byID < calls*batch {
		t.Errorf("append read %d entries of other records, and looked %d times by id (%d records)", scanned, byID, calls*batch)
	}
}

func explain(t *testing.T, row pgx.Row) map[string]any {
	t.Helper()
	var text []byte
	if err := row.Scan(&text); err != nil {
		t.Fatal(err)
	}
	var plans []struct{ Plan map[string]any }
	if err := json.Unmarshal(text, &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan
}
