package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// lateAfter is how far the read model may be behind: as in the service's status.
const lateAfter = time.Minute

// coreConsumer is the checkpoint of the read model.
const coreConsumer = "core"

// Database tells how far the read model is behind the log, and what of the log
// it could not read. The schema must be this program's.
func Database(ctx context.Context, pool *pgxpool.Pool) []Finding {
	var head, position, parked int64
	var waiting *time.Time // since when, on the database's clock
	var now time.Time
	err := pool.QueryRow(ctx, selectLag, pgx.NamedArgs{"consumer": coreConsumer}).Scan(&head, &position, &waiting, &now, &parked)
	if err != nil {
		return []Finding{Failed("lag", fmt.Errorf("read the log's end: %w", err), "see the server's log")}
	}
	findings := []Finding{lag(head, position, waiting, now)}
	if parked > 0 {
		findings = append(findings, Finding{
			Check: "parked", State: Warn, Says: fmt.Sprintf("%d parts of records could not be read", parked),
			Do: "mirror parked list shows them, mirror parked retry --all asks again",
		})
	} else {
		findings = append(findings, Finding{Check: "parked", State: OK, Says: "every record could be read"})
	}
	return findings
}

func lag(head, position int64, waiting *time.Time, now time.Time) Finding {
	f := Finding{Check: "lag", State: OK, Says: fmt.Sprintf("the read model is at the log's end, position %d", head)}
	var since time.Duration
	if waiting != nil {
		since = now.Sub(*waiting)
	}
	switch {
	case head == 0:
		f.State, f.Says, f.Do = Warn, "the log is empty", "run backfill"
	case head > position:
		f.Says = fmt.Sprintf("the read model is %d records behind, the first of them %s old", head-position, since.Round(time.Second))
		if since > lateAfter {
			f.State, f.Do = Warn, "run mirror serve, or see what it logs"
		}
	}
	return f
}

const selectLag = `
SELECT h.position, coalesce(c.position, 0),
       (SELECT l.recorded_at FROM mirror.event_log l WHERE l.position = coalesce(c.position, 0) + 1),
       statement_timestamp(),
       (SELECT count(*) FROM mirror.event_log_parked)
FROM mirror.event_log_head h
LEFT JOIN mirror.checkpoint c ON c.consumer = @consumer`
