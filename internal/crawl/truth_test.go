package crawl

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

var byEntity = regexp.MustCompile(`(?:fold_state_pkey|event_log_entity_idx) .*\n\s+Index Cond: .*entity_id = k\.id`)

// TestTruthReadsByIndex asks for the plans of the two queries of every batch of
// pages, on tables that were filled a moment ago and that nobody analyzed.
func TestTruthReadsByIndex(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	for _, sql := range []string{
		`INSERT INTO directory.fold_state (tenant_key, entity_kind, entity_id, state)
		 SELECT 't1', 'user', 'ou_' || n, repeat(md5(n::text), 50) FROM generate_series(1, 20000) n`,
		`INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, event_id, entity_kind, entity_id, payload)
		 SELECT n, now(), now(), 't1', 'e' || n, 'user', 'ou_' || n, to_json(repeat(md5(n::text), 50)) FROM generate_series(1, 20000) n`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	ids := make([]string, 400)
	for i := range ids {
		ids[i] = fmt.Sprintf("ou_%d", i*50)
	}
	args := pgx.NamedArgs{"ids": ids, "consumer": coreConsumer, "tenant_key": "t1", "kind": "user", "position": int64(10)}
	for name, sql := range map[string]string{"states": selectStates, "tail": selectTail} {
		rows, err := pool.Query(t.Context(), "EXPLAIN "+sql, pgx.QueryExecModeExec, args)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(lines, "\n")
		// Without statistics the planner takes tenant and kind for rare, and reads
		// by them all that the tenant has.
		if !byEntity.MatchString(plan) {
			t.Errorf("%s does not look for one entity at a time:\n%s", name, plan)
		}
	}
}
