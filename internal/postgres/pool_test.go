package postgres_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.EmptyURL(t), ApplicationName: "backfill"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	got := map[string]string{}
	for _, setting := range []string{"application_name", "TimeZone"} {
		var value string
		if err := pool.QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&value); err != nil {
			t.Fatal(err)
		}
		got[setting] = value
	}
	if diff := cmp.Diff(map[string]string{"application_name": "backfill", "TimeZone": "UTC"}, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if limit := pool.Config().MaxConns; limit != 10 {
		t.Errorf("%d connections at most, want 10", limit)
	}
}

func TestOpenLeavesTheURLsWishesAlone(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{
		URL:      pgtest.EmptyURL(t) + "&pool_max_conns=3&timezone=Asia/Shanghai&application_name=mine&connect_timeout=7",
		MaxConns: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	config := pool.Config()
	got := []any{config.MaxConns, config.ConnConfig.ConnectTimeout.Seconds(), config.ConnConfig.RuntimeParams}
	want := []any{int32(3), 7.0, map[string]string{"timezone": "Asia/Shanghai", "application_name": "mine"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestOpenRefusesURLs(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"empty":                          "",
		"no URL":                         "hunter2",
		"a password with a slash":        "postgres://mirror:hunter2/x@db:5432/orgmirror",
		"a password with a percent sign": "postgres://mirror:hunter2%zz@db:5432/orgmirror",
		"a port that is no number":       "postgres://mirror:hunter2@db:port/orgmirror",
		"an unknown sslmode":             "postgres://mirror:hunter2@db:5432/orgmirror?sslmode=maybe",
		"pairs that do not parse":        "host=db password='hunter2 user=mirror",
		"the scheme of another database": "mysql://mirror:hunter2@db:3306/orgmirror",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := postgres.Open(t.Context(), postgres.Config{URL: url})
			if !errors.Is(err, postgres.ErrURL) {
				t.Errorf("error %v, want one of ErrURL", err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error shows the password: %v", err)
			}
		})
	}
}

func TestOpenExplains(t *testing.T) {
	t.Parallel()

	explains := func(t *testing.T, ctx context.Context, url string, want ...string) {
		t.Helper()
		_, err := postgres.Open(ctx, postgres.Config{URL: url})
		if err == nil {
			t.Fatal("no error")
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %q does not mention %q", err, part)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error shows the password: %v", err)
		}
	}

	t.Run("that nobody listens", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		listener.Close()
		explains(t, t.Context(), "postgres://mirror:hunter2@"+address+"/orgmirror?sslmode=disable",
			address, `database "orgmirror"`, `user "mirror"`, "refused", "is the server running", "MIRROR_DATABASE_URL")
	})

	t.Run("that the host is unknown", func(t *testing.T) {
		t.Parallel()
		explains(t, t.Context(), "postgres://mirror:hunter2@no-such-host.invalid/orgmirror", "no-such-host.invalid", "MIRROR_DATABASE_URL")
	})

	t.Run("that the server is none", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
				conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
				conn.Close()
			}
		}()
		explains(t, t.Context(), "postgres://mirror:hunter2@"+listener.Addr().String()+"/orgmirror?sslmode=disable", listener.Addr().String())
	})

	t.Run("that the database does not exist", func(t *testing.T) {
		t.Parallel()
		config, err := pgx.ParseConfig(pgtest.EmptyURL(t))
		if err != nil {
			t.Fatal(err)
		}
		explains(t, t.Context(), strings.Replace(config.ConnString(), config.Database, "missing", 1),
			`database "missing"`, "does not exist", "CREATE DATABASE")
	})

	t.Run("that the password is wrong", func(t *testing.T) {
		t.Parallel()
		dir := newCluster(t)
		hba := filepath.Join(dir, "postgres/data/pg_hba.conf")
		content, err := os.ReadFile(hba)
		if err != nil {
			t.Fatal(err)
		}
		write(t, hba, "local all mirror scram-sha-256\n"+string(content))
		embedded := startEmbedded(t, dir)
		conn, err := pgx.Connect(t.Context(), embedded.URL(""))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), `CREATE ROLE mirror LOGIN PASSWORD 'correct'`); err != nil {
			t.Fatal(err)
		}
		url := strings.Replace(embedded.URL(""), "postgres@", "mirror:hunter2@", 1)
		explains(t, t.Context(), url, `user "mirror"`, "password authentication failed", "check user and password")
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: strings.Replace(url, "hunter2", "correct", 1)})
		if err != nil {
			t.Fatalf("with the right password: %v", err)
		}
		pool.Close()
	})
}

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	for version, allowed := range map[string]bool{"90624": false, "140018": false, "149999": false, "150000": true, "150018": true, "180004": true} {
		if err := postgres.CheckVersion(version); (err == nil) != allowed {
			t.Errorf("server_version_num %s: %v", version, err)
		}
	}
	if err := postgres.CheckVersion("140018"); err == nil || !strings.Contains(err.Error(), "14.18") || !strings.Contains(err.Error(), "15 or later") {
		t.Errorf("error %v, want both versions in it", err)
	}
}
