package crawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const lockWindowRow = `
SELECT coalesce(nullif(not_before, '-infinity'), 'epoch')
FROM mirror.call_window
WHERE app_id = @app_id AND tenant_key = @tenant_key AND endpoint = @endpoint
FOR UPDATE`

const insertWindowRow = `
INSERT INTO mirror.call_window (app_id, tenant_key, endpoint)
VALUES (@app_id, @tenant_key, @endpoint)
ON CONFLICT DO NOTHING`

func lockWindow(ctx context.Context, tx pgx.Tx, key pgx.NamedArgs) (notBefore time.Time, err error) {
	err = tx.QueryRow(ctx, lockWindowRow, key).Scan(&notBefore)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err = tx.Exec(ctx, insertWindowRow, key); err == nil {
			err = tx.QueryRow(ctx, lockWindowRow, key).Scan(&notBefore)
		}
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("lock the window: %w", err)
	}
	return notBefore, nil
}

const deleteOldReservations = `
DELETE FROM mirror.call_reservation
WHERE app_id = @app_id AND tenant_key = @tenant_key AND endpoint = @endpoint
  AND ends_at < clock_timestamp() - interval '2 minutes'`

const selectReservations = `
SELECT calls, starts_at, ends_at
FROM mirror.call_reservation
WHERE app_id = @app_id AND tenant_key = @tenant_key AND endpoint = @endpoint
ORDER BY ends_at, reservation_id`

const insertReservation = `
INSERT INTO mirror.call_reservation (app_id, tenant_key, endpoint, calls, starts_at, ends_at)
VALUES (@app_id, @tenant_key, @endpoint, @calls, @starts_at, @ends_at)
RETURNING reservation_id`

func reservations(ctx context.Context, tx pgx.Tx, key pgx.NamedArgs) ([]block, error) {
	if _, err := tx.Exec(ctx, deleteOldReservations, key); err != nil {
		return nil, fmt.Errorf("delete old reservations: %w", err)
	}
	rows, err := tx.Query(ctx, selectReservations, key)
	if err != nil {
		return nil, fmt.Errorf("read the reservations: %w", err)
	}
	var blocks []block
	var one block
	_, err = pgx.ForEachRow(rows, []any{&one.calls, &one.from, &one.to}, func() error {
		blocks = append(blocks, one)
		return nil
	})
	return blocks, err
}

const spendCalls = `
INSERT INTO mirror.call_month AS m (app_id, tenant_key, month, calls)
VALUES (@app_id, @tenant_key, date_trunc('month', now() AT TIME ZONE 'UTC')::date, @calls)
ON CONFLICT (app_id, tenant_key, month) DO UPDATE SET calls = m.calls + excluded.calls
RETURNING calls`

// spendMonth counts n calls against the month and returns how many of them
// there may be.
func (b *Budget) spendMonth(ctx context.Context, tx pgx.Tx, n int) (int, error) {
	args := b.key("")
	args["calls"] = n
	var spent int64
	if err := tx.QueryRow(ctx, spendCalls, args).Scan(&spent); err != nil {
		return 0, fmt.Errorf("count the month's calls: %w", err)
	}
	over := spent - b.cfg.MonthlyCalls
	if b.cfg.MonthlyCalls == 0 || over <= 0 {
		return n, nil
	}
	if over >= int64(n) {
		return 0, ErrMonthlyBudget
	}
	args["calls"] = -over
	if err := tx.QueryRow(ctx, spendCalls, args).Scan(&spent); err != nil {
		return 0, fmt.Errorf("count the month's calls: %w", err)
	}
	return n - int(over), nil
}

const selectSpentCalls = `
SELECT coalesce(sum(calls), 0)
FROM mirror.call_month
WHERE app_id = @app_id AND tenant_key = @tenant_key AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date`

// Spent returns ErrMonthlyBudget where no call of this month is left. Calls that
// are reserved and may be given back count as made.
func (b *Budget) Spent(ctx context.Context) error {
	if b.cfg.MonthlyCalls == 0 {
		return nil
	}
	var spent int64
	if err := b.pool.QueryRow(ctx, selectSpentCalls, b.key("")).Scan(&spent); err != nil {
		return fmt.Errorf("count the month's calls: %w", err)
	}
	if spent >= b.cfg.MonthlyCalls {
		return ErrMonthlyBudget
	}
	return nil
}
