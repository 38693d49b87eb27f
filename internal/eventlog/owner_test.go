package eventlog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestOwnersOfSeveralCompanies(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	if owners, err := eventlog.ReadOwners(t.Context(), pool); err != nil || len(owners) != 0 {
		t.Errorf("owners of an empty log = %+v, %v", owners, err)
	}
	_, err := pool.Exec(t.Context(), `
INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, event_type, schema_version, source, entity_kind, entity_id, correlation_id, payload)
SELECT n, now(), now(), (ARRAY['t2', '', 't1', 't3'])[n % 4 + 1], (ARRAY['cli_2', 'cli_x', 'cli_1', 'cli_3'])[n % 4 + 1], 'e' || n, 'odd', 1, 'webhook', 'user', 'u' || n % 7, '', '{}'
FROM generate_series(4, 103) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	t1, t2, t3 := eventlog.Owner{TenantKey: "t1", AppID: "cli_1"}, eventlog.Owner{TenantKey: "t2", AppID: "cli_2"}, eventlog.Owner{TenantKey: "t3", AppID: "cli_3"}
	owners, err := eventlog.ReadOwners(t.Context(), pool)
	if diff := cmp.Diff([]eventlog.Owner{t1, t2, t3}, owners); err != nil || diff != "" {
		t.Errorf("owners: %v (-want +got):\n%s", err, diff)
	}
	for key, want := range map[string]eventlog.Owner{"t1": t1, "t3": t3, "t4": {}, "": {}} {
		if got, err := eventlog.OwnerOf(t.Context(), pool, key); err != nil || got != want {
			t.Errorf("owner of %q = %+v, %v, want %+v", key, got, err, want)
		}
	}
	for _, test := range []struct{ known, want eventlog.Owner }{
		{eventlog.Owner{}, t2}, // of the first record
		{eventlog.Owner{AppID: "cli_3"}, t3},
		{eventlog.Owner{TenantKey: "t1"}, t1},
		{eventlog.Owner{TenantKey: "t1", AppID: "cli_3"}, t1},
		{eventlog.Owner{AppID: "cli_9"}, t2},
		{eventlog.Owner{TenantKey: "t9", AppID: "cli_3"}, t2},
	} {
		if got, err := eventlog.FindOwner(t.Context(), pool, test.known); err != nil || got != test.want {
			t.Errorf("with %+v the owner is %+v, %v, want %+v", test.known, got, err, test.want)
		}
	}
}
