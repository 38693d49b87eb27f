package crawl

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const selectSweepTenant = `
SELECT tenant_key
FROM mirror.sweep
WHERE sweep_id = $1 AND state = 'complete'`

// TenantOf returns the company that a complete sweep was of.
func TenantOf(ctx context.Context, pool *pgxpool.Pool, sweepID string) (tenantKey string, err error) {
	if _, err := uuid.Parse(sweepID); err != nil {
		return "", fmt.Errorf("%q: %w", sweepID, ErrUnknownSweep)
	}
	err = pool.QueryRow(ctx, selectSweepTenant, sweepID).Scan(&tenantKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("%q: %w", sweepID, ErrUnknownSweep)
	}
	if err != nil {
		return "", fmt.Errorf("read the walk: %w", err)
	}
	return tenantKey, nil
}
