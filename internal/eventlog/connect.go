package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// keepalive is how often a connection that only listens, or only holds a lock,
// is asked whether it still lives; connectTimeout is how long any single step on
// such a connection may take.
const (
	keepalive      = 30 * time.Second
	connectTimeout = 5 * time.Second
)

// connect opens a connection outside the pool. The log's sessions differ from
// the pool's in their settings, live long, and must not take what queries need.
func connect(ctx context.Context, pool *pgxpool.Pool, job string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	poolConfig := pool.Config()
	config := poolConfig.ConnConfig
	if poolConfig.BeforeConnect != nil { // may fetch the password
		if err := poolConfig.BeforeConnect(ctx, config); err != nil {
			return nil, fmt.Errorf("connect for the %s: %w", job, err)
		}
	}
	config.RuntimeParams["application_name"] = sessionName(config.RuntimeParams["application_name"], job)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect for the %s: %w", job, err)
	}
	if _, err := conn.Exec(ctx, settleSession); err != nil {
		closeConn(ctx, conn)
		return nil, fmt.Errorf("set up the session of the %s: %w", job, err)
	}
	return conn, nil
}

// sessionName is what pg_stat_activity shows. The server cuts it at 63 bytes;
// the job is the part to keep.
func sessionName(application, job string) string {
	const most = 63
	if room := max(0, most-len(job)-1); len(application) > room {
		application = application[:room]
	}
	return strings.TrimSpace(application + " " + job)
}

// These sessions are idle for hours on purpose.
const settleSession = `SET idle_session_timeout = 0`

// settleWriter limits what the writer's session can do to others. Where the
// process is stopped in the middle of an append, the server ends the session
// and so frees the head.
func settleWriter(ctx context.Context, conn *pgx.Conn, timeout time.Duration) error {
	ms := func(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }
	args := pgx.NamedArgs{"whole": ms(timeout), "half": ms(timeout / 2), "double": ms(2 * timeout)}
	for _, sql := range []string{setWriterTimeouts, setTransactionTimeout} {
		if _, err := conn.Exec(ctx, sql, args); err != nil {
			return fmt.Errorf("set the writer's time-outs: %w", err)
		}
	}
	return nil
}

const setWriterTimeouts = `
SELECT set_config('lock_timeout', @half, false), -- shorter than the statement's, or it would never be the one to fire
       set_config('statement_timeout', @whole, false),
       set_config('idle_in_transaction_session_timeout', @whole, false),
       set_config('default_transaction_isolation', 'read committed', false), -- the append needs a snapshot per statement
       set_config('default_transaction_read_only', 'off', false),
       set_config('synchronous_commit', -- a position means durable, whatever the database's default
                  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`

// From PostgreSQL 17 on there is a limit for a session that stops between two
// messages of one append, which the other time-outs do not see.
const setTransactionTimeout = `
SELECT set_config('transaction_timeout', @double, false)
WHERE current_setting('server_version_num')::int >= 170000`

// awaitNotification waits for a notification, and makes sure now and then that
// the connection still lives: a half-open one would be silent for ever.
func awaitNotification(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, keepalive)
		n, err := conn.WaitForNotification(waiting)
		timedOut := waiting.Err() != nil
		cancel()
		switch {
		case err == nil:
			return n, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !timedOut || conn.IsClosed():
			return nil, err
		}
		if err := ping(ctx, conn); err != nil {
			return nil, err
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

// closeConn says good-bye, so that the server lets go of locks at once, also when
// ctx has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // there is nothing to do about it
}

// sqlState is the server's code, "" where the error is not the server's.
func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

// until returns a context that ends with ctx or when end is closed, and the
// function that ends it.
func until(ctx context.Context, end <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var guard sync.WaitGroup
	guard.Go(func() {
		select {
		case <-end:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); guard.Wait() }
}

// pauses are the waits between attempts: doubled each time, with jitter so that
// processes that failed together do not come back together.
type pauses struct {
	first, most time.Duration
	next        time.Duration
}

// wait sleeps for the next pause, or until ctx ends.
func (p *pauses) wait(ctx context.Context) {
	p.next = min(max(2*p.next, p.first), p.most)
	timer := time.NewTimer(p.next/2 + rand.N(p.next/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (p *pauses) reset() { p.next = 0 }
