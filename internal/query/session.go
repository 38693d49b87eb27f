package query

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// prepareSession makes a database session one for reading.
//
// Every statement here is planned once for each session and kept
// (force_generic_plan): planning them costs several times what running them
// does, and PostgreSQL's own choice replans those whose parameters switch parts
// off. The plans must then be right whatever the tables held when they were made
// (serve may start on an empty database), so they are kept to the indexes. All
// statements are written for nested loops over indexes; none wants a hash of a
// table. JIT would compile some of them for longer than they run.
//
// It is SET and not a start-up parameter, since poolers refuse unknown ones.
const prepareSession = `
SET default_transaction_read_only = on;
SET plan_cache_mode = force_generic_plan;
SET jit = off;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off`

// openSessions makes a pool for reading with the address and limits of another.
// It connects when first used.
func openSessions(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Pool, error) {
	cfg := pool.Config()
	before := cfg.AfterConnect
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if before != nil {
			if err := before(ctx, conn); err != nil {
				return err
			}
		}
		if _, err := conn.Exec(ctx, prepareSession); err != nil {
			return fmt.Errorf("prepare a session for reading: %w", err)
		}
		return nil
	}
	reading, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("set up sessions for reading: %w", err)
	}
	return reading, nil
}
