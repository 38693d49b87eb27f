package eventlog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What tests outside the package need to see or to provoke.

var (
	CheckHoles = checkHoles
	LockKey    = lockKey
)

// SelectPage is the query behind Read.
const SelectPage = selectPage

// QueueDepth is how many records wait for the writer.
func QueueDepth(l *Log) int { return l.queue.depth() }

// WriterSession opens a session as the writer does.
func WriterSession(ctx context.Context, pool *pgxpool.Pool, timeout time.Duration) (*pgx.Conn, error) {
	conn, err := connect(ctx, pool, "log writer")
	if err != nil {
		return nil, err
	}
	return conn, settleWriter(ctx, conn, timeout)
}

// SQLState is the server's code of an error.
func SQLState(err error) string { return sqlState(err) }

// Waiters is how many Awaits are under way.
func Waiters(l *Log) int {
	l.awaits.mu.Lock()
	defer l.awaits.mu.Unlock()
	return len(l.awaits.waiting)
}
