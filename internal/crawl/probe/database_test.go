package probe_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestDatabase(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	look := func() []string {
		var got []string
		for _, f := range probe.Database(t.Context(), pool) {
			got = append(got, string(f.State)+" "+f.Check+": "+f.Says)
		}
		return got
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"WARN lag: the log is empty", "OK parked: every record could be read"}, look()); diff != "" {
		t.Error(diff)
	}
	const insert = `
		INSERT INTO mirror.event_log (position, recorded_at, occurred_at, event_id, payload)
		VALUES ($1::bigint, now() - make_interval(mins => $2), now(), 'e' || $1::bigint, '{}')`
	exec(insert, 1, 9)
	exec(`UPDATE mirror.event_log_head SET position = 1`)
	exec(`INSERT INTO mirror.event_log_parked VALUES (1, 't', '', '', '', 'no id')`)
	if diff := cmp.Diff([]string{"WARN lag: the read model is 1 records behind, the first of them 9m0s old", "WARN parked: 1 parts of records could not be read"}, look()); diff != "" {
		t.Error(diff)
	}
	exec(`INSERT INTO mirror.checkpoint (consumer, position) VALUES ('core', 1)`)
	exec(insert, 2, 0)
	exec(`UPDATE mirror.event_log_head SET position = 2`)
	if got := look(); !strings.HasPrefix(got[0], "OK lag: the read model is 1 records behind") {
		t.Error(got)
	}
	pool.Close()
	if got := probe.Database(context.Background(), pool); got[0].State != probe.Fail {
		t.Errorf("%+v", got)
	}
}
