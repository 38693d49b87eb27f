package query

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/postgres"
)

// prepareSession makes a database session one for reading.
//
// Every statement here is planned once for each session and kept
// (force_generic_plan): planning them costs several times what running them
// does, and PostgreSQL's own choice replans those whose parameters switch parts
// off. All are written for nested loops over indexes, and kept to that whatever
// the statistics say: before the first ANALYZE they say that a company has a
// handful of rows, which may as well be read whole. Lists walk an index in their own
// order and stop when the page is full, which a bitmap cannot. JIT would compile some of them
// for longer than they run.
//
// It is SET and not a start-up parameter, since poolers refuse unknown ones.
const prepareSession = `
SET default_transaction_read_only = on;
SET plan_cache_mode = force_generic_plan;
SET jit = off;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_bitmapscan = off`

// sessions are those for reading.
type sessions struct {
	*pgxpool.Pool

	planned atomic.Int64 // the log's position when plans were last thrown away
}

// Query is the pool's, and reads one generation of the read model; so whatever is
// asked here does. What is asked is asked of the moment that the context is about.
func (s *sessions) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	sql, args = atMoment(ctx, sql, args)
	return s.Pool.Query(ctx, postgres.InOneGeneration(sql), args...)
}

// QueryRow is the same for one row.
func (s *sessions) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	sql, args = atMoment(ctx, sql, args)
	return s.Pool.QueryRow(ctx, postgres.InOneGeneration(sql), args...)
}

// firstPlans is up to which position a plan made on an empty database does no harm.
const firstPlans = 1000

// replan throws the sessions, and with them the plans, away whenever the log has
// doubled. On an empty table all indexes look alike, and a plan made there may use
// the wrong one: until ANALYZE comes by, that is, which nobody promises.
func (s *sessions) replan(position int64) {
	if last := s.planned.Load(); position >= 2*last+firstPlans && s.planned.CompareAndSwap(last, position) {
		s.Reset()
	}
}

// openSessions makes a pool for reading with the address and limits of another.
// It connects when first used.
func openSessions(ctx context.Context, pool *pgxpool.Pool) (*sessions, error) {
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
	return &sessions{Pool: reading}, nil
}
