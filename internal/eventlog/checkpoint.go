package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Checkpoint returns the position up to which the consumer's effects are
// committed; 0 for a consumer that never moved.
func (l *Log) Checkpoint(ctx context.Context, consumer string) (directory.Position, error) {
	var position int64
	err := l.pool.QueryRow(ctx, selectCheckpoint, pgx.NamedArgs{"consumer": consumer}).Scan(&position)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read the checkpoint of %s: %w", consumer, err)
	}
	return directory.Position(position), nil
}

const selectCheckpoint = `
SELECT position
FROM mirror.checkpoint
WHERE consumer = @consumer`

// MoveCheckpoint moves the consumer's checkpoint within the transaction that
// writes the effects. It MUST be the same transaction: that is what makes the
// effects happen exactly once. Where the checkpoint is not at from, nothing
// moves and the error is ErrCheckpointMoved; the caller MUST roll back.
func MoveCheckpoint(ctx context.Context, tx pgx.Tx, consumer string, from, to directory.Position) error {
	tag, err := tx.Exec(ctx, moveCheckpoint, moveArgs(consumer, from, to))
	return moved(tag, err, consumer, from, to)
}

// moveAlone moves a checkpoint in a transaction of its own, in one round trip.
func (l *Log) moveAlone(ctx context.Context, page Page) error {
	tag, err := l.pool.Exec(ctx, moveCheckpoint, moveArgs(page.Consumer, page.From, page.To))
	return moved(tag, err, page.Consumer, page.From, page.To)
}

// QueueMoveCheckpoint is MoveCheckpoint for a pipelined transaction: it queues
// the statement, and the batch's Close answers the error.
func QueueMoveCheckpoint(batch *pgx.Batch, consumer string, from, to directory.Position) {
	batch.Queue(moveCheckpoint, moveArgs(consumer, from, to)).Exec(func(tag pgconn.CommandTag) error {
		return moved(tag, nil, consumer, from, to)
	})
}

func moveArgs(consumer string, from, to directory.Position) pgx.NamedArgs {
	return pgx.NamedArgs{"consumer": consumer, "from": int64(from), "to": int64(to)}
}

func moved(tag pgconn.CommandTag, err error, consumer string, from, to directory.Position) error {
	if err == nil && tag.RowsAffected() != 1 {
		err = ErrCheckpointMoved
	}
	if err != nil {
		return fmt.Errorf("move the checkpoint of %s from %d to %d: %w", consumer, from, to, err)
	}
	return nil
}

// One row comes back where the checkpoint moved, none where it did not. Of two
// that begin a consumer at once, the second waits for the first and inserts
// nothing. The notification, sent at commit, wakes those who wait for the consumer.
const moveCheckpoint = `
WITH moved AS (
    UPDATE mirror.checkpoint
    SET position = @to,
        updated_at = now()
    WHERE consumer = @consumer AND position = @from
    RETURNING consumer
), begun AS (
    INSERT INTO mirror.checkpoint (consumer, position, updated_at)
    SELECT @consumer, @to, now()
    WHERE @from::bigint = 0
      AND NOT EXISTS (SELECT FROM mirror.checkpoint WHERE consumer = @consumer)
    ON CONFLICT DO NOTHING
    RETURNING consumer
)
SELECT pg_notify('mirror_checkpoint', consumer)
FROM (SELECT consumer FROM moved UNION ALL SELECT consumer FROM begun) AS one`
