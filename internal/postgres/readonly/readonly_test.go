package readonly_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/postgres/readonly"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	cases := []struct {
		name  string
		query string
		limit int
		want  readonly.Result
	}{
		{
			"values as PostgreSQL writes them", "SELECT 1 AS n, NULL AS nothing, '王芳' AS name, ARRAY[true] AS list;", 0,
			readonly.Result{Columns: []string{"n", "nothing", "name", "list"}, Rows: [][]readonly.Value{{{Text: "1"}, {Null: true}, {Text: "王芳"}, {Text: "{t}"}}}},
		},
		{
			"as many rows as asked for", "SELECT g FROM generate_series(1, 5) AS g", 2,
			readonly.Result{Columns: []string{"g"}, Rows: [][]readonly.Value{{{Text: "1"}}, {{Text: "2"}}}, More: true},
		},
		{
			"exactly as many rows as there are", "VALUES (1), (2)", 2,
			readonly.Result{Columns: []string{"column1"}, Rows: [][]readonly.Value{{{Text: "1"}}, {{Text: "2"}}}},
		},
		{"no rows", "SELECT FROM pg_class WHERE false", 10, readonly.Result{}},
		{"settings", "show transaction_read_only", 10, readonly.Result{Columns: []string{"transaction_read_only"}, Rows: [][]readonly.Value{{{Text: "on"}}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := readonly.Query(t.Context(), pool, c.query, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueryChangesNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE kept AS SELECT 1 AS n"); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `
CREATE FUNCTION escape() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('transaction_read_only', 'off', true);
    DELETE FROM kept;
END $$`); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"DELETE FROM kept",
		"WITH gone AS (DELETE FROM kept RETURNING *) SELECT * FROM gone",
		"SELECT 1; DELETE FROM kept",
		"SELECT 1; COMMIT; DELETE FROM kept",
		"COMMIT",
		"SET TRANSACTION READ WRITE",
		"SET TRANSACTION READ WRITE; DELETE FROM kept",
		"DO $$ BEGIN SET TRANSACTION READ WRITE; DELETE FROM kept; END $$",
		"SELECT set_config('transaction_read_only', 'off', false)",
		"SELECT escape()",
		"SELECT escape() FROM (SELECT set_config('role', 'none', true)) AS first",
		"EXPLAIN ANALYZE DELETE FROM kept",
		"EXPLAIN ANALYZE CREATE TABLE other AS SELECT 1",
		"EXPLAIN SELECT 1; DELETE FROM kept",
		"SHOW ALL; DELETE FROM kept",
		"COPY kept TO PROGRAM 'true'",
		"SELECT * INTO other FROM kept",
		"SELECT n FROM kept FOR UPDATE",
		"SELECT pg_read_file('PG_VERSION')",
		"CREATE TABLE other ()",
		"",
	} {
		if result, err := readonly.Query(t.Context(), pool, query, 0); !errors.Is(err, readonly.ErrRefused) {
			t.Errorf("%q: answer %v, error %v, want a refusal", query, result, err)
		}
		var left int
		if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&left); err != nil || left != 1 {
			t.Fatalf("%q: %d rows left (%v), want 1", query, left, err)
		}
	}
}

func TestQueryLeavesNoSessionBehind(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	if _, err := readonly.Query(t.Context(), pool, "SELECT set_config('application_name', 'left behind', false)", 0); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := pool.QueryRow(t.Context(), "SHOW application_name").Scan(&name); err != nil || strings.Contains(name, "left behind") {
		t.Errorf("application_name = %q (%v)", name, err)
	}
}
