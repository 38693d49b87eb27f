package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// withheld are the columns that readers do not read, in any table.
var withheld = []string{"attributes", "custom_attrs", "email", "employee_no", "enterprise_email", "gender", "mobile"}

// as runs one statement with the rights of a role, and returns what PostgreSQL
// says of them.
func as(t *testing.T, pool *pgxpool.Pool, role, sql string) error {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+role); err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), sql)
	var refused *pgconn.PgError
	if err != nil && (!errors.As(err, &refused) || refused.Code != "42501") {
		t.Fatalf("%s: %v", sql, err)
	}
	return err
}

// column is one of the read model's.
type column struct{ Schema, Table, Kind, Name string }

func (c column) String() string {
	return fmt.Sprintf(`%s.%s."%s"`, c.Schema, c.Table, c.Name)
}

func columns(t *testing.T, pool *pgxpool.Pool, schemas ...string) []column {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
SELECT n.nspname::text, c.relname::text, c.relkind::text, a.attname::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'v')
ORDER BY 1, 2, a.attnum`, schemas)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Each column of each table and view is asked for with the rights of both roles.
func TestReadersReadWhatTheyMay(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	all := columns(t, pool, "directory", "history", "analytics", "mirror")
	if len(all) < 200 {
		t.Fatalf("found only %d columns", len(all))
	}
	seen := map[string]bool{}
	for _, c := range all {
		open := c.Schema != "mirror" && c.Table != "fold_state" && c.Table != "search_keys"
		personal := slices.Contains(withheld, c.Name)
		seen[c.Name] = true
		for role, may := range map[string]bool{postgres.ReaderRole: open && !personal, postgres.SensitiveRole: open} {
			err := as(t, pool, role, fmt.Sprintf(`SELECT "%s" FROM %s.%s LIMIT 1`, c.Name, c.Schema, c.Table))
			if (err == nil) != may {
				t.Errorf("%s reads %s: %v, want it to: %v", role, c, err, may)
			}
		}
	}
	for _, name := range withheld {
		if !seen[name] {
			t.Errorf("no table has a column %s", name)
		}
	}
	for _, role := range []string{postgres.ReaderRole, postgres.SensitiveRole} {
		for _, sql := range []string{
			`DELETE FROM directory.users`, `UPDATE directory.users SET name = ''`, `INSERT INTO directory.sweeps DEFAULT VALUES`, `TRUNCATE history.users`,
			`CREATE TABLE analytics.mine ()`, `SELECT mirror.create_reader_roles()`, `SELECT position FROM mirror.event_log`,
		} {
			if as(t, pool, role, sql) == nil {
				t.Errorf("%s may %s", role, sql)
			}
		}
	}
	// Neither through a condition, an order, a row or a view of another's.
	for _, sql := range []string{
		`SELECT open_id FROM directory.users WHERE mobile = '1'`, `SELECT open_id FROM history.users ORDER BY email`, `SELECT u FROM directory.users u`,
		`SELECT to_jsonb(u) FROM directory.users u`, `SELECT * FROM directory.users`, `TABLE history.users`, `SELECT count(gender) FROM directory.users`,
	} {
		if as(t, pool, postgres.ReaderRole, sql) == nil {
			t.Errorf("%s may %s", postgres.ReaderRole, sql)
		}
	}
}

// Who adds a table or a view decides who reads it.
func TestEveryTableHasItsReaders(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	rows, err := pool.Query(t.Context(), `SELECT name FROM mirror.sql_access WHERE object = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range columns(t, pool, "directory", "history", "analytics") {
		if !slices.Contains(listed, c.Table) {
			t.Errorf("%s.%s is not in mirror.sql_access: nobody reads it; say so with the role nobody, if that is meant", c.Schema, c.Table)
		}
	}
	rows, err = pool.Query(t.Context(), `SELECT name FROM mirror.sql_access WHERE object = 'column' AND role = 'sensitive' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(withheld, columns); diff != "" {
		t.Errorf("withheld columns (-want +got):\n%s", diff)
	}
}

// A database whose user may not make roles is as good as any other; and once
// somebody has made them they have their rights.
func TestReadersThatMayNotBeMade(t *testing.T) {
	t.Parallel()
	embedded := startEmbedded(t, pgtest.DataDir(t)) // a cluster where they are not yet
	admin := open(t, embedded.URL(""))
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`CREATE ROLE plain LOGIN`)
	exec(`CREATE DATABASE theirs OWNER plain`)
	pool := open(t, withRole(t, embedded.URL("theirs"), "plain"))

	if err := postgres.MigrateUp(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	missing, err := postgres.GrantReaders(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{postgres.ReaderRole, postgres.SensitiveRole}, missing); diff != "" {
		t.Errorf("missing roles (-want +got):\n%s", diff)
	}

	exec(`CREATE ROLE orgmirror_reader`)
	exec(`CREATE ROLE orgmirror_sensitive`)
	if missing, err = postgres.GrantReaders(t.Context(), pool); err != nil || len(missing) > 0 {
		t.Fatalf("missing %v, %v", missing, err)
	}
	inTheirs := open(t, embedded.URL("theirs"))
	if err := as(t, inTheirs, postgres.ReaderRole, `SELECT name FROM directory.users`); err != nil {
		t.Error(err)
	}
	if as(t, inTheirs, postgres.ReaderRole, `SELECT mobile FROM directory.users`) == nil {
		t.Error("the reader reads mobile numbers")
	}
	if err := as(t, inTheirs, postgres.SensitiveRole, `SELECT mobile FROM history.users`); err != nil {
		t.Error(err)
	}
	if err := postgres.MigrateDown(t.Context(), pool); err != nil {
		t.Error(err)
	}
}

// Databases of one cluster share the roles, also those that are migrated at once,
// and who undoes the migration in one takes nothing from the other.
func TestReadersOfSeveralDatabases(t *testing.T) {
	t.Parallel()
	pools := []*pgxpool.Pool{emptyDB(t), emptyDB(t), emptyDB(t)}
	var group sync.WaitGroup
	for _, pool := range pools {
		group.Go(func() {
			if err := postgres.MigrateUp(t.Context(), pool); err != nil {
				t.Error(err)
			}
			if missing, err := postgres.GrantReaders(t.Context(), pool); err != nil || len(missing) > 0 {
				t.Errorf("missing %v, %v", missing, err)
			}
		})
	}
	group.Wait()
	for newest(t, pools[0]) >= 10 {
		if err := postgres.MigrateDown(t.Context(), pools[0]); err != nil {
			t.Fatal(err)
		}
	}
	if as(t, pools[0], postgres.ReaderRole, `SELECT name FROM directory.users`) == nil {
		t.Error("the reader reads a database whose migration was undone")
	}
	if err := as(t, pools[1], postgres.ReaderRole, `SELECT name FROM directory.users`); err != nil {
		t.Error(err)
	}
}

// newest is the version of the newest migration that a database has.
func newest(t *testing.T, pool *pgxpool.Pool) (version int64) {
	t.Helper()
	status, err := postgres.MigrationStatus(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range status {
		if m.Applied() {
			version = m.Version
		}
	}
	return version
}

// A login that was given a role reads by it.
func TestGrantToLogin(t *testing.T) {
	t.Parallel()
	admin := open(t, pgtest.URL(t))
	name := "analyst_" + admin.Config().ConnConfig.Database
	for _, sql := range []string{`CREATE ROLE ` + name + ` LOGIN`, `GRANT orgmirror_reader TO ` + name} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.WithoutCancel(t.Context()), `DROP ROLE `+name); err != nil {
			t.Error(err)
		}
	})
	if err := as(t, admin, name, `SELECT * FROM analytics.headcount_by_department`); err != nil {
		t.Error(err)
	}
	if as(t, admin, name, `SELECT email FROM directory.users`) == nil {
		t.Error("it reads addresses")
	}
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// withRole makes whoever connects to an address act as a role.
func withRole(t *testing.T, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("role", role)
	u.RawQuery = q.Encode()
	return u.String()
}
