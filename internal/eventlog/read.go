package eventlog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Read returns the records after a position, in order, at most limit of them.
// What it returns begins right after the position and has no holes: positions
// become visible in their order.
func (l *Log) Read(ctx context.Context, after directory.Position, limit int) ([]directory.Record, error) {
	records, err := queryRecords(ctx, l.pool, selectPage, int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read the log after position %d: %w", after, err)
	}
	return records, nil
}

const recordColumns = `position, recorded_at, occurred_at, tenant_key, app_id, event_id, event_type,
       schema_version, source, entity_kind, entity_id, correlation_id, payload::text`

const selectPage = `
SELECT ` + recordColumns + `
FROM mirror.event_log
WHERE position > $1
ORDER BY position
LIMIT $2`

// querier is a pool or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// queryRecords plans the query anew at each call (QueryExecModeCacheDescribe):
// a plan kept from the time when the log was empty would sort the whole log.
func queryRecords(ctx context.Context, db querier, sql string, args ...any) ([]directory.Record, error) {
	rows, err := db.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRecord)
}

func scanRecord(row pgx.CollectableRow) (directory.Record, error) {
	var r directory.Record
	// The conversions spare pgx a search for the type behind each name.
	err := row.Scan((*int64)(&r.Position), &r.RecordedAt, &r.OccurredAt, &r.TenantKey, &r.AppID, &r.EventID, &r.EventType,
		&r.SchemaVersion, (*string)(&r.Source), (*string)(&r.EntityKind), &r.EntityID, &r.CorrelationID, (*[]byte)(&r.Payload))
	r.RecordedAt, r.OccurredAt = r.RecordedAt.UTC(), r.OccurredAt.UTC()
	return r, err
}

// readOn reads in one round trip where a consumer's checkpoint is, and the records
// after a position: where it should be.
func (l *Log) readOn(ctx context.Context, consumer string, after directory.Position, limit int) (checkpoint directory.Position, records []directory.Record, err error) {
	b := &pgx.Batch{}
	b.Queue(customPlans) // as in queryRecords
	b.Queue(selectCheckpoint, pgx.NamedArgs{"consumer": consumer}).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{(*int64)(&checkpoint)}, func() error { return nil })
		return err
	})
	b.Queue(selectPage, int64(after), limit).Query(func(rows pgx.Rows) error {
		records, err = pgx.CollectRows(rows, scanRecord)
		return err
	})
	if err := l.pool.SendBatch(ctx, b).Close(); err != nil {
		return 0, nil, fmt.Errorf("read the checkpoint of %s, and the log after position %d: %w", consumer, after, err)
	}
	return checkpoint, records, nil
}

const customPlans = `
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`
