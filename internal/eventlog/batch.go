package eventlog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// appendBatch calls the append function and gives each row its answer. The call
// is a transaction of its own and leaves in one piece: no step of ours comes
// between the lock and the commit.
func appendBatch(ctx context.Context, conn *pgx.Conn, rows []*row) error {
	c := columnsOf(rows)
	var positions []int64
	var duplicates []bool
	err := conn.QueryRow(ctx, callAppend,
		c.occurredAts, c.tenantKeys, c.appIDs, c.eventIDs, c.eventTypes, c.schemaVersions,
		c.sources, c.entityKinds, c.entityIDs, c.correlationIDs, c.payloads,
	).Scan(&positions, &duplicates)
	if err != nil {
		return fmt.Errorf("append a batch of %d: %w", len(rows), err)
	}
	if len(positions) != len(rows) || len(duplicates) != len(rows) {
		return fmt.Errorf("append a batch of %d: %d answers", len(rows), len(positions))
	}
	for i, r := range rows {
		r.answer = Appended{Position: directory.Position(positions[i]), Duplicate: duplicates[i]}
		r.err = nil
	}
	return nil
}

const callAppend = `
SELECT positions, duplicates
FROM mirror.event_log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// columns are the rows as the function wants them.
type columns struct {
	occurredAts                                                                                         []time.Time
	tenantKeys, appIDs, eventIDs, eventTypes, sources, entityKinds, entityIDs, correlationIDs, payloads []string
	schemaVersions                                                                                      []int32
}

func columnsOf(rows []*row) columns {
	n := len(rows)
	text := make([]string, 9*n) // one allocation for nine columns
	next := func() []string {
		column := text[:n:n]
		text = text[n:]
		return column
	}
	c := columns{
		occurredAts: make([]time.Time, n), schemaVersions: make([]int32, n),
		tenantKeys: next(), appIDs: next(), eventIDs: next(), eventTypes: next(), sources: next(),
		entityKinds: next(), entityIDs: next(), correlationIDs: next(), payloads: next(),
	}
	for i, r := range rows {
		c.occurredAts[i] = r.record.OccurredAt
		c.tenantKeys[i] = r.record.TenantKey
		c.appIDs[i] = r.record.AppID
		c.eventIDs[i] = r.record.EventID
		c.eventTypes[i] = r.record.EventType
		c.schemaVersions[i] = int32(r.record.SchemaVersion) // a small number of ours
		c.sources[i] = string(r.record.Source)
		c.entityKinds[i] = string(r.record.EntityKind)
		c.entityIDs[i] = r.record.EntityID
		c.correlationIDs[i] = r.record.CorrelationID
		c.payloads[i] = r.payload
	}
	return c
}

// claimOwn mends the answers after an attempt whose outcome was unknown: if that
// attempt was committed, the records are found as duplicates of themselves. A
// duplicate is our own where it lies above the floor and equals what we sent in
// every column. (Another process that appended the very same record in that
// moment cannot be told apart; then both are told that they appended it.)
func claimOwn(ctx context.Context, conn *pgx.Conn, rows []*row, floor int64) error {
	byPosition := map[int64]*row{}
	var positions []int64
	for _, r := range rows {
		p := int64(r.answer.Position)
		// The batch's own repetitions point at their first, which alone is claimed.
		if _, seen := byPosition[p]; r.answer.Duplicate && p > floor && !seen {
			byPosition[p] = r
			positions = append(positions, p)
		}
	}
	if len(positions) == 0 {
		return nil
	}
	found, err := queryRecords(ctx, conn, selectByPosition, positions)
	if err != nil {
		return fmt.Errorf("look for the outcome of an append: %w", err)
	}
	for i := range found {
		if r := byPosition[int64(found[i].Position)]; r.stores(&found[i]) {
			r.answer.Duplicate = false
		}
	}
	return nil
}

const selectByPosition = `
SELECT ` + recordColumns + `
FROM mirror.event_log
WHERE position = ANY ($1)
ORDER BY position`

// stores says whether stored is what this row would have stored.
func (w *row) stores(stored *directory.Record) bool {
	r := &w.record
	return stored.OccurredAt.Equal(r.OccurredAt) &&
		stored.TenantKey == r.TenantKey && stored.AppID == r.AppID &&
		stored.EventID == r.EventID && stored.EventType == r.EventType &&
		stored.SchemaVersion == r.SchemaVersion && stored.Source == r.Source &&
		stored.EntityKind == r.EntityKind && stored.EntityID == r.EntityID &&
		stored.CorrelationID == r.CorrelationID && string(stored.Payload) == w.payload
}
