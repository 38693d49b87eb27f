//go:build unix

// Package pgtest gives each test a database of its own on a real PostgreSQL.
//
// The first call in a test binary starts a throw-away server from the programs
// that package cluster finds, in memory where there is room, and migrates one
// database; each test then gets a copy of it. The server ends with the test
// binary, however that ends, and its folder goes with it. No TestMain is needed,
// and no goroutine stays behind for goleak to find.
//
// MIRROR_TEST_DATABASE_URL names a running server to use instead, as a role that
// may create databases and roles: to test against another major version, say. What an
// earlier, killed run left there is dropped by the next one.
//
// A test never skips for want of a database: it fails and says what is missing.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/postgres"
)

// serverURLVariable names a server to use instead of a throw-away one.
const serverURLVariable = "MIRROR_TEST_DATABASE_URL"

// maxConns is small because many tests share the server's connections.
const maxConns = 10

// DB returns a pool on a new database with the mirror's schema. At the end of the
// test the pool is closed and the database dropped; a connection that the test
// still holds then is cut, and the test fails.
func DB(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: URL(t), ApplicationName: t.Name(), MaxConns: maxConns})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { closePool(t, pool) }) // runs before the drop that URL registered
	return pool
}

// URL returns the address of a new database with the mirror's schema, dropped at
// the end of the test.
func URL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, func(s *server) string { return s.template })
}

// EmptyURL returns the address of a new database without the mirror's schema,
// dropped at the end of the test.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, func(*server) string { return "template0" })
}

// DataDir returns a new folder for an embedded server, for tests that start the
// mirror's programs without a database URL. Other than t.TempDir's it can be
// entered by the account under which root runs the server. A server left running
// there at the end of the test is stopped, once its users are gone.
func DataDir(t testing.TB) string {
	t.Helper()
	dir, err := newFolder(tempBase())
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stopEmbedded(dir), os.RemoveAll(dir)); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return dir
}

// stopEmbedded takes over the server of a data directory, if one runs there, and
// leaves it as its last user.
func stopEmbedded(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "postgres", "data", "postmaster.pid")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	embedded, err := postgres.StartEmbedded(ctx, postgres.EmbeddedConfig{DataDir: dir})
	if err != nil {
		return fmt.Errorf("stop the embedded server of a test: %w", err)
	}
	return embedded.Close()
}

func newDatabase(t testing.TB, template func(*server) string) string {
	t.Helper()
	s, err := theServer()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := fmt.Sprintf("%s%d_%d", databasePrefix(), os.Getpid(), databases.Add(1))
	if err := s.create(t.Context(), name, template(s)); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return s.url(name)
}

// databases numbers the databases of this test binary.
var databases atomic.Int64

// closePool waits for connections in use, which a test that ended should not
// have, and after a while cuts them off.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Errorf("pgtest: %d connections still in use at the end of the test", pool.Stat().AcquiredConns())
	}
}

// create copies a template. FILE_COPY is the quicker strategy on a server that
// does not wait for its disk.
func (s *server) create(ctx context.Context, name, template string) error {
	return s.admin(ctx, "create database", "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)+" STRATEGY FILE_COPY")
}

func (s *server) drop(ctx context.Context, name string) error {
	return s.admin(ctx, "drop database", awaitSessions(name), "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
}

// awaitSessions is a statement that waits until the sessions of a database are
// gone, or for a tenth of a second: DROP DATABASE itself looks only that often,
// and sessions just closed need a millisecond to end.
func awaitSessions(database string) string {
	return `
DO $$
BEGIN
    FOR i IN 1..50 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = ` + literal(database) + `);
        PERFORM pg_sleep(0.002);
    END LOOP;
END $$`
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// admin runs statements on the server's one connection for such. On a busy machine
// a new connection takes longer than all else that a new database needs.
func (s *server) admin(ctx context.Context, what string, statements ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.conn.IsClosed() { // closed where a context ended during a statement
		conn, err := pgx.Connect(ctx, s.adminURL)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		s.conn = conn
	}
	for _, statement := range statements {
		if _, err := s.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// url addresses another database of the same server.
func (s *server) url(database string) string {
	u, err := url.Parse(s.adminURL)
	if err != nil {
		return s.adminURL // cannot be: startup has parsed it
	}
	u.Path = "/" + database
	return u.String()
}
