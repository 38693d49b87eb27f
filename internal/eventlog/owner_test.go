package eventlog_test

import (
	"testing"

	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestReadOwner(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	owner, err := eventlog.ReadOwner(t.Context(), pool)
	if err != nil || owner != (eventlog.Owner{}) {
		t.Errorf("owner of an empty log = %+v, %v", owner, err)
	}
	_, err = pool.Exec(t.Context(), `
INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, event_type, schema_version, source, entity_kind, entity_id, correlation_id, payload)
VALUES (1, now(), now(), '', 'cli_1', 'e1', 'odd', 1, 'webhook', '', '', '', '{}'),
       (2, now(), now(), 't1', 'cli_1', 'e2', 'odd', 1, 'webhook', '', '', '', '{}')`)
	if err != nil {
		t.Fatal(err)
	}
	owner, err = eventlog.ReadOwner(t.Context(), pool)
	if want := (eventlog.Owner{TenantKey: "t1", AppID: "cli_1"}); err != nil || owner != want {
		t.Errorf("owner = %+v, %v, want %+v", owner, err, want)
	}
}
