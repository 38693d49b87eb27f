package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestErrorClassesByState(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code            string
		transient, data bool
	}{
		{"40001", true, false},
		{"40P01", true, false},
		{"55P03", true, false},
		{"25P03", true, false},
		{"08006", true, false},
		{"57P01", true, false},
		{"57P02", true, false},
		{"57P03", true, false},
		{"57P04", false, false},
		{"57014", false, false},
		{"53300", true, false},
		{"22P05", false, true},
		{"22021", false, true},
		{"23505", false, true},
		{"54000", false, true},
		{"42P01", false, false},
		{"28P01", false, false},
		{"XX000", false, false},
	} {
		err := fmt.Errorf("append: %w", &pgconn.PgError{Code: test.code})
		if got := postgres.Transient(err); got != test.transient {
			t.Errorf("Transient(%s) = %v", test.code, got)
		}
		if got := postgres.DataError(err); got != test.data {
			t.Errorf("DataError(%s) = %v", test.code, got)
		}
	}
	for _, err := range []error{nil, errors.New("something else"), context.Canceled, context.DeadlineExceeded} {
		if postgres.Transient(err) || postgres.DataError(err) {
			t.Errorf("%v is taken for an error of the database", err)
		}
	}
}

func TestErrorClassesOfRealErrors(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)

	fails := func(t *testing.T, ctx context.Context, conn interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	}, sql string, transient, data bool,
	) {
		t.Helper()
		_, err := conn.Exec(ctx, sql)
		if err == nil {
			t.Fatalf("%s: no error", sql)
		}
		if got := postgres.Transient(err); got != transient {
			t.Errorf("%s: Transient(%v) = %v", sql, err, got)
		}
		if got := postgres.DataError(err); got != data {
			t.Errorf("%s: DataError(%v) = %v", sql, err, got)
		}
	}
	connect := func(t *testing.T) *pgx.Conn {
		t.Helper()
		conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		return conn
	}

	t.Run("a character that text cannot hold", func(t *testing.T) {
		t.Parallel()
		fails(t, t.Context(), pool, `SELECT '{"name": "\u0000"}'::jsonb`, false, true)
	})
	t.Run("a statement that is wrong", func(t *testing.T) {
		t.Parallel()
		fails(t, t.Context(), pool, `SELECT * FROM no_such_table`, false, false)
	})
	t.Run("a connection that the server ends", func(t *testing.T) {
		t.Parallel()
		fails(t, t.Context(), connect(t), `SELECT pg_terminate_backend(pg_backend_pid())`, true, false)
	})
	t.Run("a connection that ended before", func(t *testing.T) {
		t.Parallel()
		conn := connect(t)
		_, _ = conn.Exec(t.Context(), `SELECT pg_terminate_backend(pg_backend_pid())`)
		fails(t, t.Context(), conn, `SELECT 1`, true, false)
	})
	t.Run("a lock not to be had", func(t *testing.T) {
		t.Parallel()
		holder, waiter := connect(t), connect(t)
		if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_lock(1)`); err != nil {
			t.Fatal(err)
		}
		if _, err := waiter.Exec(t.Context(), `SET lock_timeout = '10ms'`); err != nil {
			t.Fatal(err)
		}
		fails(t, t.Context(), waiter, `SELECT pg_advisory_lock(1)`, true, false)
	})
	t.Run("a caller who gave up", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		fails(t, ctx, connect(t), `SELECT pg_sleep(10)`, false, false)
	})
	t.Run("a server that is not there", func(t *testing.T) {
		t.Parallel()
		_, err := pgx.Connect(t.Context(), "postgres://mirror@127.0.0.1:1/orgmirror?sslmode=disable")
		if !postgres.Transient(err) {
			t.Errorf("Transient(%v) = false", err)
		}
	})
}
