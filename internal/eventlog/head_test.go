package eventlog_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func head(t *testing.T, l *eventlog.Log) eventlog.Head {
	t.Helper()
	h, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHead(t *testing.T) {
	t.Parallel()
	l, _ := newLog(t, eventlog.Options{})
	empty := head(t, l)
	if empty.Position != 0 || empty.LogID == uuid.Nil || empty.RecordedAt.IsZero() {
		t.Errorf("head of an empty log = %+v", empty)
	}
	appendAll(t, l, records("e", 3)...)
	last := readAll(t, l)[2]
	want := eventlog.Head{LogID: empty.LogID, Position: 3, RecordedAt: last.RecordedAt}
	if got := head(t, l); got != want {
		t.Errorf("head = %+v, want %+v", got, want)
	}
	appendAll(t, l, records("e", 3)...) // duplicates move nothing
	if got := head(t, l); got != want {
		t.Errorf("head after duplicates = %+v, want %+v", got, want)
	}
}

func TestLogID(t *testing.T) {
	t.Parallel()

	t.Run("stays when the log is opened again", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		if a, b := head(t, l).LogID, head(t, open(t, pool, eventlog.Options{})).LogID; a != b {
			t.Errorf("log id was %s, is %s", a, b)
		}
	})

	t.Run("is new when the cluster is another, and one for all who open it at once", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		appendAll(t, l, record("a"))
		before := head(t, l)
		// What a restore into another cluster looks like.
		if _, err := pool.Exec(t.Context(), `UPDATE mirror.event_log_head SET system_identifier = '1'`); err != nil {
			t.Fatal(err)
		}
		var opening sync.WaitGroup
		ids := make([]uuid.UUID, 8)
		for i := range ids {
			opening.Go(func() {
				again, err := eventlog.Open(t.Context(), pool, eventlog.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				h, err := again.Head(t.Context())
				if err != nil {
					t.Error(err)
				}
				ids[i] = h.LogID
				_ = again.Close()
			})
		}
		opening.Wait()
		for _, id := range ids {
			if id == before.LogID || id != ids[0] {
				t.Errorf("log ids %v, want one new one for all; the old was %s", ids, before.LogID)
				break
			}
		}
		if after := head(t, l); after.Position != before.Position {
			t.Errorf("position was %d, is %d", before.Position, after.Position)
		}
	})

	t.Run("can be renewed by hand", func(t *testing.T) {
		t.Parallel()
		l, pool := newLog(t, eventlog.Options{})
		before := head(t, l).LogID
		id, err := eventlog.Renew(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		if got := head(t, l).LogID; got != id || got == before {
			t.Errorf("log id = %s, renewed to %s, was %s", got, id, before)
		}
	})
}

func TestOneAppPerTenant(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	l := open(t, pool, eventlog.Options{TenantKey: "tenant", AppID: "cli_m"})
	appendAll(t, l, directory.Record{EventID: "a"})
	tests := []struct {
		name, tenant, app string
		want              error
	}{
		{"the same app", "tenant", "cli_m", nil},
		{"an app that sorts before", "tenant", "cli_a", eventlog.ErrForeignApp},
		{"an app that sorts behind", "tenant", "cli_z", eventlog.ErrForeignApp},
		{"another tenant's app", "other", "cli_z", nil},
		{"no app", "", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			again, err := eventlog.Open(t.Context(), pool, eventlog.Options{TenantKey: tt.tenant, AppID: tt.app})
			if !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if err == nil {
				_ = again.Close()
			}
		})
	}
}

// The session is a superuser's, whom no privilege binds.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{})
	appendAll(t, l, records("e", 3)...)
	var superuser bool
	if err := pool.QueryRow(t.Context(), `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&superuser); err != nil {
		t.Fatal(err)
	}
	if !superuser {
		t.Fatal("this test needs to be a superuser")
	}
	for _, role := range []string{"origin", "replica"} { // replica switches off ordinary triggers
		for _, sql := range []string{
			`UPDATE mirror.event_log SET payload = '{}'`,
			`UPDATE mirror.event_log SET position = position + 10`,
			`DELETE FROM mirror.event_log WHERE position = 3`,
			`TRUNCATE mirror.event_log`,
			`TRUNCATE mirror.event_log CASCADE`,
			`INSERT INTO mirror.event_log SELECT * FROM mirror.event_log ON CONFLICT (position) DO UPDATE SET payload = '{}'`,
			`MERGE INTO mirror.event_log AS l USING (VALUES (1)) AS v (p) ON l.position = v.p WHEN MATCHED THEN DELETE`,
		} {
			t.Run(role+" "+sql, func(t *testing.T) {
				t.Parallel()
				tx, err := pool.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer tx.Rollback(t.Context())
				if _, err := tx.Exec(t.Context(), `SELECT set_config('session_replication_role', $1, true)`, role); err != nil {
					t.Fatal(err)
				}
				_, err = tx.Exec(t.Context(), sql)
				if eventlog.SQLState(err) != "42501" || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("error = %v, want the log's refusal", err)
				}
			})
		}
	}
}

// The owner of the tables, who is no superuser, may append and may not change.
func TestAppendOnlyForTheOwner(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{})
	appendAll(t, l, record("a"))
	var can bool
	err := pool.QueryRow(t.Context(), `
		SELECT bool_or(privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE'))
		FROM information_schema.role_table_grants
		WHERE table_schema = 'mirror' AND table_name = 'event_log'`).Scan(&can)
	if err != nil {
		t.Fatal(err)
	}
	if can {
		t.Error("a role holds UPDATE, DELETE or TRUNCATE on the log")
	}
}
