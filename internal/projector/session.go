package projector

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// on is the projector with a session of its own for a page: what is loaded, and
// what is written.
func (p *Projector) on(conn *pgxpool.Conn) *Projector {
	q := *p
	q.db = conn
	return &q
}

// queueSettings begins a transaction of the projector's.
//
// Every statement is planned once for each session and kept: planning a page's
// statements took longer than running them for one record. All are nested loops
// over indexes, and are kept to that whatever the statistics say, as in the
// sessions of package query.
//
// The commit does not wait for the disk: a crash takes back the last pages with
// their checkpoint, and the log, which does wait, has them still.
//
// Where a rebuild writes, tables are as large as they ever get, pages follow each
// other, and plans are made anew.
func (p *Projector) queueSettings(b *pgx.Batch, to directory.Position) {
	if p.into != nil {
		b.Queue(customPlans)
		return
	}
	if conn, own := p.db.(*pgxpool.Conn); own && outgrown(conn, int64(to)) {
		b.Queue(`DISCARD PLANS`)
	}
	b.Queue(pageSettings)
}

const customPlans = `
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`

const pageSettings = `
SELECT set_config('synchronous_commit', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true)`

// firstPlans is up to which position a plan made on an empty database does no harm.
const firstPlans = 100

// plannedAt is where a session keeps the position when plans were last thrown away.
const plannedAt = "projector.planned"

// outgrown reports whether the log has doubled since the session's plans were
// made. On an empty table all indexes look alike, and a plan made there may use
// the wrong one, until ANALYZE comes by.
func outgrown(conn *pgxpool.Conn, position int64) bool {
	of := conn.Conn().PgConn().CustomData()
	last, _ := of[plannedAt].(int64)
	if position < 2*last+firstPlans {
		return false
	}
	of[plannedAt] = position
	return true
}

// commit runs a batch that begins a transaction, and commits it where all of it
// went well.
func commit(ctx context.Context, conn *pgxpool.Conn, b *pgx.Batch) error {
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		_, _ = conn.Exec(ctx, `ROLLBACK`) // or the pool closes the session
		return err
	}
	tag, err := conn.Exec(ctx, `COMMIT`)
	if err == nil && tag.String() != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
