package crawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// longestGap is for how long nobody may have listened to events before a sweep
// has to look what they told. Feishu sends again for seven hours, but not what it
// believes to have delivered.
const longestGap = 15 * time.Minute

// The reasons of the service's own for a sweep, beside directory.SweepReason's.
const (
	reasonDown    = "down"    // no service ran
	reasonSilence = "silence" // the long connection brought nothing, not even an answer to a ping
)

// Listening is how it stands with Feishu's events, as the service sees it.
type Listening struct {
	Events    string // none, webhook or websocket
	Connected bool   // by a long connection
	Red       bool   // events do not come, and will not until somebody has looked
	Problem   string
	// HeardAt is until when events would have come in: the last frame of a long
	// connection, else now. Zero: not yet.
	HeardAt time.Time
}

// Attendance keeps mirror.service up to date, by which a process that begins
// knows for how long nobody listened, and others know how this one does.
type Attendance struct {
	pool  *pgxpool.Pool
	heard bool // by this process
}

// NewAttendance returns the attendance of a process that begins.
func NewAttendance(pool *pgxpool.Pool) *Attendance { return &Attendance{pool: pool} }

const selectHeard = `
SELECT heard_at
FROM mirror.service
WHERE tenant_key = @tenant_key
FOR UPDATE`

const upsertService = `
INSERT INTO mirror.service AS s (tenant_key, began_at, checked_at, heard_at, events, connected, red, problem)
VALUES (@tenant_key, @now, @now, @heard_at, @events, @connected, @red, @problem)
ON CONFLICT (tenant_key) DO UPDATE SET
    checked_at = excluded.checked_at, heard_at = greatest(s.heard_at, excluded.heard_at),
    events = excluded.events, connected = excluded.connected, red = excluded.red, problem = excluded.problem`

const askForSweep = `
INSERT INTO mirror.sweep_request AS q (tenant_key, reason, not_before, position)
VALUES (@tenant_key, @reason, @now, 0)
ON CONFLICT (tenant_key, reason) DO UPDATE SET not_before = greatest(q.not_before, excluded.not_before)`

// Note says how it stands at an instant. Where nobody had listened for long, it
// asks for a sweep; that is kept, so that a kill does not forget it.
func (a *Attendance) Note(ctx context.Context, tenantKey string, l Listening, now time.Time) error {
	args := pgx.NamedArgs{
		"tenant_key": tenantKey, "now": now, "events": l.Events, "connected": l.Connected, "red": l.Red, "problem": l.Problem,
		"heard_at": nil, "reason": reasonSilence,
	}
	if !l.HeardAt.IsZero() {
		args["heard_at"] = l.HeardAt
	}
	if !a.heard {
		args["reason"] = reasonDown
	}
	err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		var before *time.Time
		if err := tx.QueryRow(ctx, selectHeard, args).Scan(&before); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, upsertService, args); err != nil {
			return err
		}
		if before == nil || l.HeardAt.Sub(*before) <= longestGap {
			return nil
		}
		_, err := tx.Exec(ctx, askForSweep, args)
		return err
	})
	if err != nil {
		return fmt.Errorf("note how the service does: %w", err)
	}
	a.heard = a.heard || !l.HeardAt.IsZero()
	return nil
}

// heedFor is for how long it is believed what a service said of itself.
const heedFor = 2 * time.Minute

const selectListening = `
SELECT events, connected, red, problem, heard_at
FROM mirror.service
WHERE tenant_key = @tenant_key AND checked_at > @since`

// ReadListening returns what the company's service says of itself; the zero
// Listening where none runs.
func ReadListening(ctx context.Context, pool *pgxpool.Pool, tenantKey string, now time.Time) (l Listening, err error) {
	var heard *time.Time
	args := pgx.NamedArgs{"tenant_key": tenantKey, "since": now.Add(-heedFor)}
	err = pool.QueryRow(ctx, selectListening, args).Scan(&l.Events, &l.Connected, &l.Red, &l.Problem, &heard)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Listening{}, nil
	case err != nil:
		return Listening{}, fmt.Errorf("read how the service does: %w", err)
	}
	if heard != nil {
		l.HeardAt = *heard
	}
	return l, nil
}
