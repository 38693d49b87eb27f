package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// Every form of statement still answers, and takes the lock that holds off a swap.
func TestInOneGeneration(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	for _, sql := range []string{
		`SELECT count(*) FROM directory.users WHERE tenant_key = $1`,
		"\nSELECT count(*)\nFROM directory.users\nWHERE tenant_key = $1",
		`WITH u AS (SELECT FROM directory.users WHERE tenant_key = $1) SELECT count(*) FROM u`,
		"\n\tWITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT count(*) FROM n JOIN directory.users ON tenant_key = $1",
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeExec} {
			for range 2 { // the second time with a plan that was kept
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					var n, locks int
					if err := tx.QueryRow(t.Context(), postgres.InOneGeneration(sql), mode, "t").Scan(&n); err != nil {
						return err
					}
					err := tx.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'mirror.generation'::regclass`).Scan(&locks)
					if locks != 1 {
						t.Errorf("%s (mode %v) holds no generation", sql, mode)
					}
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", postgres.InOneGeneration(sql), err)
				}
			}
		}
	}
}

// The lock comes before the snapshot: what is committed while a reader waits for
// it is seen.
func TestReadGeneration(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	swap, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer swap.Rollback(t.Context())
	for _, sql := range []string{`LOCK TABLE mirror.generation IN ACCESS EXCLUSIVE MODE`, `UPDATE mirror.generation SET turn = 7`} {
		if _, err := swap.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	turn := make(chan int, 1)
	go func() {
		var seen int
		err := postgres.ReadGeneration(t.Context(), pool, func(tx pgx.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT turn FROM mirror.generation`).Scan(&seen)
		})
		if err != nil {
			t.Error(err)
		}
		turn <- seen
	}()
	for waits := false; !waits; {
		if err := pool.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_locks WHERE relation = 'mirror.generation'::regclass AND NOT granted`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := swap.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-turn; got != 7 {
		t.Errorf("the reader saw turn %d: its snapshot is older than its lock", got)
	}
	err = postgres.ReadGeneration(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM mirror.generation`)
		return err
	})
	if err == nil {
		t.Error("a reader could write")
	}
}
