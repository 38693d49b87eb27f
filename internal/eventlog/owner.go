package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Owner is a company whose records are in a log, and its app: that of its first
// record, since a log belongs to one app for each company. The zero Owner is that
// of an empty log.
type Owner struct {
	TenantKey string
	AppID     string
}

// ReadOwner finds the owner of a log that is of one company: that of its first
// record.
func ReadOwner(ctx context.Context, pool *pgxpool.Pool) (Owner, error) {
	return queryOwner(ctx, pool, selectOwner)
}

const selectOwner = `
SELECT tenant_key, app_id
FROM mirror.event_log
WHERE tenant_key <> ''
ORDER BY position
LIMIT 1`

// OwnerOf finds a company in the log; the zero Owner where it is not there.
func OwnerOf(ctx context.Context, pool *pgxpool.Pool, tenantKey string) (Owner, error) {
	if tenantKey == "" {
		return Owner{}, nil
	}
	return queryOwner(ctx, pool, selectOwnerOf, tenantKey)
}

// In the index of entities, whatever else is in the log.
const selectOwnerOf = `
SELECT tenant_key, app_id
FROM mirror.event_log
WHERE tenant_key = $1
ORDER BY entity_kind, entity_id, position
LIMIT 1`

// FindOwner finds the company that fits what a program knows of the only one that
// it is for: its key, or else its app. Where none fits it is that of the log's
// first record, so that the caller sees whose the log is instead; the zero Owner
// where the log is empty.
func FindOwner(ctx context.Context, pool *pgxpool.Pool, known Owner) (Owner, error) {
	if owner, err := OwnerOf(ctx, pool, known.TenantKey); err != nil || owner != (Owner{}) {
		return owner, err
	}
	owners, err := ReadOwners(ctx, pool)
	if err != nil {
		return Owner{}, err
	}
	for _, owner := range owners {
		if known.TenantKey == "" && known.AppID != "" && owner.AppID == known.AppID {
			return owner, nil
		}
	}
	return ReadOwner(ctx, pool)
}

// ReadOwners finds all companies in the log, by their keys.
func ReadOwners(ctx context.Context, pool *pgxpool.Pool) ([]Owner, error) {
	rows, err := pool.Query(ctx, selectOwners)
	if err != nil {
		return nil, fmt.Errorf("read whose log it is: %w", err)
	}
	owners, err := pgx.CollectRows(rows, pgx.RowToStructByName[Owner])
	if err != nil {
		return nil, fmt.Errorf("read whose log it is: %w", err)
	}
	return owners, nil
}

// One probe of the index of entities for each company, from one to the next.
const selectOwners = `
WITH RECURSIVE company AS (
    (SELECT l.tenant_key, l.app_id
     FROM mirror.event_log AS l
     WHERE l.tenant_key > ''
     ORDER BY l.tenant_key, l.entity_kind, l.entity_id, l.position
     LIMIT 1)
    UNION ALL
    SELECT n.tenant_key, n.app_id
    FROM company AS c
    CROSS JOIN LATERAL (
        SELECT l.tenant_key, l.app_id
        FROM mirror.event_log AS l
        WHERE l.tenant_key > c.tenant_key
        ORDER BY l.tenant_key, l.entity_kind, l.entity_id, l.position
        LIMIT 1
    ) AS n
)
SELECT tenant_key, app_id
FROM company`

func queryOwner(ctx context.Context, pool *pgxpool.Pool, sql string, args ...any) (Owner, error) {
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return Owner{}, fmt.Errorf("read whose log it is: %w", err)
	}
	owner, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Owner])
	if errors.Is(err, pgx.ErrNoRows) {
		return Owner{}, nil
	}
	if err != nil {
		return Owner{}, fmt.Errorf("read whose log it is: %w", err)
	}
	return owner, nil
}
