//go:build unix

package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDB(t *testing.T) {
	t.Parallel()

	t.Run("has the mirror's schema", func(t *testing.T) {
		t.Parallel()
		if err := postgres.CheckSchema(t.Context(), pgtest.DB(t)); err != nil {
			t.Error(err)
		}
	})

	t.Run("is nobody else's", func(t *testing.T) {
		t.Parallel()
		first, second := pgtest.DB(t), pgtest.DB(t)
		if _, err := first.Exec(t.Context(), `CREATE TABLE mine ()`); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Exec(t.Context(), `CREATE TABLE mine ()`); err != nil {
			t.Errorf("the second database knows the first one's table: %v", err)
		}
	})

	t.Run("folds and sorts beyond ASCII", func(t *testing.T) {
		t.Parallel()
		var lower string
		if err := pgtest.DB(t).QueryRow(t.Context(), `SELECT lower('ÄÉ張')`).Scan(&lower); err != nil {
			t.Fatal(err)
		}
		if lower != "äé張" {
			t.Errorf("lower('ÄÉ張') = %q", lower)
		}
	})
}

func TestDatabaseIsDroppedAtTheEndOfTheTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("a test", func(t *testing.T) {
		if err := pgtest.DB(t).QueryRow(t.Context(), `SELECT current_database()`).Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	var exists bool
	err := pgtest.DB(t).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil {
		t.Fatal(err)
	}
	if name == "" || exists {
		t.Errorf("database %q exists after its test: %v", name, exists)
	}
}

func TestEmptyURL(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var tables int
	err = conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`).Scan(&tables)
	if err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("%d tables in an empty database", tables)
	}
}
