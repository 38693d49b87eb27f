package e2e_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/cluster"
)

// Where the database user may make no roles everything works but reading by SQL,
// and `migrate up` says what to do about that.
func TestMigrateWithoutTheRightToMakeRoles(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	conn, err := pgx.Connect(t.Context(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`CREATE ROLE plain LOGIN`)
	exec(`CREATE DATABASE theirs OWNER plain`)
	as := func(role string) string {
		t.Helper()
		address, err := url.Parse(cluster.SocketURL(d.dir, "theirs"))
		if err != nil {
			t.Fatal(err)
		}
		query := address.Query()
		query.Set("role", role)
		address.RawQuery = query.Encode()
		return address.String()
	}
	env := environment("MIRROR_DATABASE_URL=" + as("plain"))
	up := func() string {
		t.Helper()
		r := run(t, env, binary("mirror"), "migrate", "up")
		if r.code != 0 || !strings.Contains(r.stdout, "00010_analytics.sql") || strings.Contains(r.stdout, "not applied") {
			t.Errorf("exit code %d\n%s\n%s", r.code, r.stdout, r.stderr)
		}
		return r.stderr
	}
	for _, want := range []string{"CREATE ROLE orgmirror_reader;", "CREATE ROLE orgmirror_sensitive;", "mirror migrate up"} {
		if stderr := up(); !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	serve(t, env)
	exec(`CREATE ROLE orgmirror_reader`)
	exec(`CREATE ROLE orgmirror_sensitive`)
	if stderr := up(); strings.Contains(stderr, "CREATE ROLE") {
		t.Errorf("stderr asks for roles that are there:\n%s", stderr)
	}
	exec(`CREATE ROLE ann LOGIN`)
	exec(`GRANT orgmirror_reader TO ann`)
	ann, err := pgx.Connect(t.Context(), as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	defer ann.Close(t.Context())
	if _, err := ann.Exec(t.Context(), `SELECT name FROM directory.users`); err != nil {
		t.Error(err)
	}
	if _, err := ann.Exec(t.Context(), `SELECT mobile FROM directory.users`); err == nil {
		t.Error("ann reads mobile numbers")
	}
}
