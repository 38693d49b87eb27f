package projector

import (
	"cmp"
	"slices"
	"strings"
)

// An event says nothing new of a doubt that is queued already, but a re-read
// sent too soon after it would lose against it.
const delayRereads = `
UPDATE mirror.reread_queue q
SET not_before = r.not_before
FROM jsonb_to_recordset($1::jsonb) AS r (tenant_key text, entity_kind text, entity_id text, not_before timestamptz)
WHERE q.tenant_key = r.tenant_key
  AND q.entity_kind = r.entity_kind
  AND q.entity_id = r.entity_id
  AND q.not_before < r.not_before`

const upsertSweepRequests = `
INSERT INTO mirror.sweep_request AS q
SELECT * FROM jsonb_populate_recordset(NULL::mirror.sweep_request, $1::jsonb)
ON CONFLICT (tenant_key, reason) DO UPDATE SET
    not_before = greatest(q.not_before, excluded.not_before),
    position = excluded.position`

const deleteSweepRequests = `
DELETE FROM mirror.sweep_request q
USING jsonb_to_recordset($1::jsonb) AS r (tenant_key text, started_at timestamptz)
WHERE q.tenant_key = r.tenant_key
  AND q.not_before <= r.started_at`

// queueSweepRequests notes what asks for a sweep, and strikes off what the
// sweeps that ended in this page have seen.
func (f *folded) queueSweepRequests(b *batch) {
	asks := make([]*sweepRequestRow, 0, len(f.asks))
	for _, row := range f.asks {
		asks = append(asks, row)
	}
	slices.SortFunc(asks, func(a, b *sweepRequestRow) int {
		return cmp.Or(strings.Compare(a.TenantKey, b.TenantKey), strings.Compare(string(a.Reason), string(b.Reason)))
	})
	b.add(upsertSweepRequests, len(asks), asks)
	var done []sweepRow
	for _, s := range f.sweeps {
		if s.CompletedAt != nil {
			done = append(done, s)
		}
	}
	b.add(deleteSweepRequests, len(done), done)
}
