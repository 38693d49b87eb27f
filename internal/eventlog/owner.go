package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Owner is whose log it is: the company and the app of its first record. The
// zero Owner is that of an empty log.
type Owner struct {
	TenantKey string
	AppID     string
}

// ReadOwner finds the owner of the log in a database.
func ReadOwner(ctx context.Context, pool *pgxpool.Pool) (Owner, error) {
	rows, err := pool.Query(ctx, selectOwner)
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

const selectOwner = `
SELECT tenant_key, app_id
FROM mirror.event_log
WHERE tenant_key <> ''
ORDER BY position
LIMIT 1`
