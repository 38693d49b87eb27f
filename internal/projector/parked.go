package projector

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Parked is a part of a record that could not be read.
type Parked struct {
	Position   directory.Position `json:"position"`
	RecordedAt time.Time          `json:"recorded_at,omitzero"`
	OccurredAt time.Time          `json:"occurred_at,omitzero"`
	TenantKey  string             `json:"tenant_key"`
	EventType  string             `json:"event_type"`
	EntityKind directory.Kind     `json:"entity_kind"`
	EntityID   string             `json:"-"`     // names a person: who lists need not see it
	Field      string             `json:"field"` // empty where the whole record is meant
	Error      string             `json:"error"` // without the value
}

// Class is the kind of error, without its particulars.
func (p Parked) Class() string {
	class, _, _ := strings.Cut(p.Error, ":")
	return class
}

// ListParked returns what is parked after a position, oldest first, at most
// limit rows; 0 is all.
func ListParked(ctx context.Context, pool *pgxpool.Pool, after directory.Position, limit int) ([]Parked, error) {
	parked, err := queryParked(ctx, pool, selectParked, pgx.NamedArgs{"after": int64(after), "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("list the parked records: %w", err)
	}
	return parked, nil
}

// A limit of NULL is none.
const selectParked = `
SELECT p.position, l.recorded_at, l.occurred_at, p.tenant_key, l.event_type, p.entity_kind, p.entity_id, p.field, p.error
FROM mirror.event_log_parked p
JOIN mirror.event_log l ON l.position = p.position
WHERE p.position > @after
ORDER BY p.position, p.entity_kind, p.entity_id, p.field
LIMIT nullif(@limit::bigint, 0)`

// ParkedAt returns what is parked of one record; nothing where the record was
// read in full.
func ParkedAt(ctx context.Context, pool *pgxpool.Pool, position directory.Position) ([]Parked, error) {
	parked, err := queryParked(ctx, pool, selectParkedAt, pgx.NamedArgs{"position": int64(position)})
	if err != nil {
		return nil, fmt.Errorf("read what is parked of record %d: %w", position, err)
	}
	return parked, nil
}

const selectParkedAt = `
SELECT p.position, l.recorded_at, l.occurred_at, p.tenant_key, l.event_type, p.entity_kind, p.entity_id, p.field, p.error
FROM mirror.event_log_parked p
JOIN mirror.event_log l ON l.position = p.position
WHERE p.position = @position
ORDER BY p.entity_kind, p.entity_id, p.field`

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func queryParked(ctx context.Context, db querier, sql string, args pgx.NamedArgs) ([]Parked, error) {
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Parked, err error) {
		err = row.Scan(&p.Position, &p.RecordedAt, &p.OccurredAt, &p.TenantKey, &p.EventType, &p.EntityKind, &p.EntityID, &p.Field, &p.Error)
		p.RecordedAt, p.OccurredAt = p.RecordedAt.UTC(), p.OccurredAt.UTC()
		return p, err
	})
}
