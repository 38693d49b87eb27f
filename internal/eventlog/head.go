package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Head is the end of the log.
type Head struct {
	LogID      uuid.UUID          // identity of the log; positions of another one mean nothing here
	Position   directory.Position // of the last record, 0 in an empty log
	RecordedAt time.Time          // of the last record, or of the log's creation
}

// Head reads the end of the log.
func (l *Log) Head(ctx context.Context) (Head, error) {
	head, _, _, err := readHead(ctx, l.pool)
	if err != nil {
		return Head{}, fmt.Errorf("read the log's head: %w", err)
	}
	return head, nil
}

const selectHead = `
SELECT h.log_id, h.position, h.recorded_at, h.system_identifier, c.system_identifier::text
FROM mirror.event_log_head AS h, pg_control_system() AS c`

// readHead also returns the cluster that the log remembers, and the one it is in.
func readHead(ctx context.Context, pool *pgxpool.Pool) (head Head, was, is string, err error) {
	err = pool.QueryRow(ctx, selectHead).Scan(&head.LogID, (*int64)(&head.Position), &head.RecordedAt, &was, &is)
	if errors.Is(err, pgx.ErrNoRows) {
		err = errors.New("mirror.event_log_head is empty: the log's end is lost, restore the database")
	}
	head.RecordedAt = head.RecordedAt.UTC()
	return head, was, is, err
}

// settleHead reads the head, and gives the log a new id where it finds itself in
// another cluster than before.
func settleHead(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) (Head, error) {
	head, was, is, err := readHead(ctx, pool)
	if err != nil || was == is {
		return head, err
	}
	// Compare-and-set: of two processes that start together one renews the id,
	// and both go on with it.
	if _, err := pool.Exec(ctx, adoptLog, pgx.NamedArgs{"was": was, "is": is}); err != nil {
		return Head{}, fmt.Errorf("give the restored log a new id: %w", err)
	}
	head, _, _, err = readHead(ctx, pool)
	if err == nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "log found in another database cluster, new log id made",
			slog.String("log_id", head.LogID.String()), slog.Int64("position", int64(head.Position)))
	}
	return head, err
}

const adoptLog = `
UPDATE mirror.event_log_head
SET log_id = gen_random_uuid(),
    system_identifier = @is
WHERE system_identifier = @was`

// Renew gives the log a new id by hand: after a restore into the same cluster,
// which Open cannot notice. Processes that have the log open keep on; tokens
// with the old id are refused from now on.
func Renew(ctx context.Context, pool *pgxpool.Pool) (uuid.UUID, error) {
	var id uuid.UUID
	if err := pool.QueryRow(ctx, renewLog).Scan(&id); err != nil {
		return uuid.Nil, fmt.Errorf("give the log a new id: %w", err)
	}
	return id, nil
}

const renewLog = `
UPDATE mirror.event_log_head
SET log_id = gen_random_uuid()
RETURNING log_id`

// refuseForeignApp looks at the first and the last of the tenant's records in the
// index of entities: two probes, however long the log is. It is a guard against a
// wrong setting, not a lock: two apps that start on an empty log at once both pass.
func refuseForeignApp(ctx context.Context, pool *pgxpool.Pool, tenantKey, appID string) error {
	if appID == "" {
		return nil
	}
	var foreign bool
	args := pgx.NamedArgs{"tenant_key": tenantKey, "app_id": appID}
	if err := pool.QueryRow(ctx, selectForeignApp, args).Scan(&foreign); err != nil {
		return fmt.Errorf("look for other apps in the log: %w", err)
	}
	if foreign {
		return fmt.Errorf("%w: use that app's credentials, or another database", ErrForeignApp)
	}
	return nil
}

const selectForeignApp = `
SELECT coalesce(bool_or(app_id <> @app_id), false)
FROM (
    (SELECT app_id FROM mirror.event_log WHERE tenant_key = @tenant_key ORDER BY entity_kind, entity_id, position LIMIT 1)
    UNION ALL
    (SELECT app_id FROM mirror.event_log WHERE tenant_key = @tenant_key ORDER BY entity_kind DESC, entity_id DESC, position DESC LIMIT 1)
) AS ends`
