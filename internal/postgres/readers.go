package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The roles of the cluster by which people read the mirror with SQL. What they
// may read is in mirror.sql_access (migration 10).
const (
	ReaderRole    = "orgmirror_reader"    // everything but the personal fields
	SensitiveRole = "orgmirror_sensitive" // the personal fields too
)

// GrantReaders makes the roles for SQL, as far as this user may, and gives them
// their rights anew. It returns the roles that are not there: the mirror works
// without them.
func GrantReaders(ctx context.Context, pool *pgxpool.Pool) (missing []string, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// One at a time, and no swap meanwhile.
		if _, err := tx.Exec(ctx, `LOCK TABLE mirror.generation IN SHARE UPDATE EXCLUSIVE MODE`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT mirror.create_reader_roles()`).Scan(&missing); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT mirror.grant_readers('directory', 'history', 'analytics')`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("grant the roles for SQL: %w", err)
	}
	return missing, nil
}
