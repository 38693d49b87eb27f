package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func emptyDB(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.EmptyURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// TestMigrations takes the real migrations up, all the way down and up again.
func TestMigrations(t *testing.T) {
	t.Parallel()
	pool := emptyDB(t)

	if err := postgres.CheckSchema(t.Context(), pool); !errors.Is(err, postgres.ErrSchemaTooOld) {
		t.Fatalf("empty database: %v, want ErrSchemaTooOld", err)
	}
	if err := postgres.MigrateUp(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	first := objects(t, pool)
	if len(first) < 10 {
		t.Errorf("%d objects after migrating up: %v", len(first), first)
	}
	status, err := postgres.MigrationStatus(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for range status {
		if err := postgres.MigrateDown(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	if left := objects(t, pool); len(left) > 0 {
		t.Errorf("left after migrating all the way down: %v", left)
	}
	if err := postgres.MigrateDown(t.Context(), pool); !errors.Is(err, postgres.ErrNoMigration) {
		t.Errorf("one down too many: %v, want ErrNoMigration", err)
	}
	if err := postgres.MigrateUp(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if err := postgres.CheckSchema(t.Context(), pool); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(first, objects(t, pool)); diff != "" {
		t.Errorf("objects after up, down, up (-first +second):\n%s", diff)
	}
}

// objects lists schemas, relations, columns, functions, types and triggers that are not the server's own.
func objects(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		WITH own AS (
		    SELECT oid, nspname FROM pg_namespace
		    WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg_toast%'
		)
		SELECT 'schema ' || nspname FROM own WHERE nspname <> 'public'
		UNION ALL
		SELECT 'column ' || nspname || '.' || relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
		FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN own ON own.oid = relnamespace
		WHERE attnum > 0 AND NOT attisdropped AND relname !~ '^orgmirror_migration'
		UNION ALL
		SELECT 'function ' || nspname || '.' || proname || '(' || pg_get_function_identity_arguments(pg_proc.oid) || ')'
		FROM pg_proc JOIN own ON own.oid = pronamespace
		UNION ALL
		SELECT 'type ' || nspname || '.' || typname FROM pg_type JOIN own ON own.oid = typnamespace
		WHERE typtype IN ('d', 'e')
		UNION ALL
		SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found = append(found, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMigrateUpFromSeveralProcessesAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 1})
			if err != nil {
				t.Error(err)
				return
			}
			defer pool.Close()
			if err := postgres.MigrateUp(t.Context(), pool); err != nil {
				t.Error(err)
			}
			if err := postgres.CheckSchema(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	step := func(table string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE " + table + " ();\n-- +goose Down\nDROP TABLE " + table + ";\n")}
	}
	older := fstest.MapFS{"00001_a.sql": step("a"), "00002_b.sql": step("b")}
	newer := fstest.MapFS{"00001_a.sql": step("a"), "00002_b.sql": step("b"), "00003_c.sql": step("c")}

	names := func(t *testing.T, err, want error, parts ...string) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q does not mention %q", err, part)
			}
		}
	}

	t.Run("refuses a schema older than the program", func(t *testing.T) {
		t.Parallel()
		pool := emptyDB(t)
		if err := postgres.MigrateUpFrom(t.Context(), pool, older); err != nil {
			t.Fatal(err)
		}
		names(t, postgres.CheckSchemaOf(t.Context(), pool, newer), postgres.ErrSchemaTooOld, "version 2", "needs 3", "mirror migrate up")
	})

	t.Run("refuses a schema newer than the program, and nothing touches it", func(t *testing.T) {
		t.Parallel()
		pool := emptyDB(t)
		if err := postgres.MigrateUpFrom(t.Context(), pool, newer); err != nil {
			t.Fatal(err)
		}
		names(t, postgres.CheckSchemaOf(t.Context(), pool, older), postgres.ErrSchemaTooNew, "version 3", "up to 2", "newer release")
		names(t, postgres.MigrateUpFrom(t.Context(), pool, older), postgres.ErrSchemaTooNew)
		names(t, postgres.MigrateDownFrom(t.Context(), pool, older), postgres.ErrSchemaTooNew)
		if err := postgres.CheckSchemaOf(t.Context(), pool, newer); err != nil {
			t.Error(err)
		}
	})

	t.Run("lists the state of each migration", func(t *testing.T) {
		t.Parallel()
		pool := emptyDB(t)
		if err := postgres.MigrateUpFrom(t.Context(), pool, newer); err != nil {
			t.Fatal(err)
		}
		if err := postgres.MigrateDownFrom(t.Context(), pool, newer); err != nil {
			t.Fatal(err)
		}
		got, err := postgres.MigrationStatusFrom(t.Context(), pool, newer)
		if err != nil {
			t.Fatal(err)
		}
		var applied []bool
		for _, m := range got {
			applied = append(applied, m.Applied())
		}
		if diff := cmp.Diff([]bool{true, true, false}, applied); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
	})

	t.Run("changes nothing in an empty database", func(t *testing.T) {
		t.Parallel()
		pool := emptyDB(t)
		names(t, postgres.CheckSchemaOf(t.Context(), pool, older), postgres.ErrSchemaTooOld, "version 0", "needs 2")
		var tables int
		if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables); err != nil || tables > 0 {
			t.Errorf("%d tables, %v", tables, err)
		}
	})

	t.Run("leaves a migration that fails undone, and those before it done", func(t *testing.T) {
		t.Parallel()
		pool := emptyDB(t)
		broken := fstest.MapFS{"00001_a.sql": step("a"), "00002_b.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b ();\nSELECT no_such_column;\n")}}
		if err := postgres.MigrateUpFrom(t.Context(), pool, broken); err == nil || !strings.Contains(err.Error(), "no_such_column") {
			t.Errorf("error %v, want the statement's", err)
		}
		if err := postgres.MigrateUpFrom(t.Context(), pool, newer); err != nil {
			t.Errorf("with the migration repaired: %v", err)
		}
	})
}
