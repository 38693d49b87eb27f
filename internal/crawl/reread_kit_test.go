package crawl_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
)

// rereader works on the queue of the bundle's company.
func (b *bundle) rereader(t *testing.T) *crawl.Rereader {
	t.Helper()
	rates, err := crawl.ParseRates("off")
	must(t, err)
	r, err := crawl.NewRereader(crawl.RereadConfig{
		Client: b.client, Pool: b.pool, Log: b.log, TenantKey: b.tenant(), AppID: b.sandbox.AppID(), Rates: rates,
		Below: b.crawler.WalkBelow,
	})
	must(t, err)
	return r
}

func (b *bundle) tenant() string { return b.sandbox.Truth().Tenant.TenantKey }

func (b *bundle) state(t *testing.T, kind directory.Kind, id string) *directory.State {
	t.Helper()
	s := b.folded(t)[directory.Key{TenantKey: b.tenant(), Kind: kind, ID: id}]
	if s == nil {
		t.Fatalf("the log says nothing of the %s", kind)
	}
	return s
}

// queue asks for entities, as the projector would have some time ago.
func (b *bundle) queue(t *testing.T, kind directory.Kind, due time.Time, ids ...string) {
	t.Helper()
	b.queueFor(t, directory.HintTie, kind, due, ids...)
}

func (b *bundle) queueFor(t *testing.T, reason directory.Hint, kind directory.Kind, due time.Time, ids ...string) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `
		INSERT INTO mirror.reread_queue (tenant_key, entity_kind, entity_id, reasons, not_before, position)
		SELECT $1, $2, id, ARRAY[$5], $3, 1 FROM unnest($4::text[]) AS id`, b.tenant(), string(kind), due, ids, string(reason))
	must(t, err)
}

func (b *bundle) queued(t *testing.T) []string {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT entity_kind || ' ' || entity_id FROM mirror.reread_queue ORDER BY 1`)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return all
}

// reread are the observations that re-reads appended, as kind, id and type.
func (b *bundle) reread(t *testing.T) []string {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `SELECT entity_id || ' ' || event_type FROM mirror.event_log WHERE source = 'reread' ORDER BY 1`)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return all
}

func (b *bundle) asked(endpoint string) int { return b.sandbox.Stats()[endpoint].Calls }

func past() time.Time { return time.Now().Add(-time.Minute) }

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// eventually waits for a condition, and fails after a minute without it.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// observedLongAgo appends an observation of an hour ago.
func (b *bundle) observedLongAgo(t *testing.T, id, object string) {
	t.Helper()
	r, err := directory.NewObservation(
		directory.Origin{TenantKey: b.tenant(), AppID: b.sandbox.AppID(), Source: directory.SourceBackfill, CorrelationID: "s0"},
		directory.KindUser, id, time.Now().Add(-time.Hour),
		directory.Observation{Object: json.RawMessage(object), Listed: true, SkewMarginMS: 10_000})
	must(t, err)
	_, err = b.log.Append(t.Context(), r)
	must(t, err)
}
