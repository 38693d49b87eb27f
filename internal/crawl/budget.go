package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrMonthlyBudget is the answer when the configured number of calls a month is
// spent.
var ErrMonthlyBudget = errors.New("the monthly budget of calls is spent (MIRROR_FEISHU_MONTHLY_CALLS)")

// blockSize is how many calls are reserved at once: few round trips, and little
// lost when the process dies. The first blocks of an endpoint are smaller.
const (
	blockSize      = 25
	firstBlockSize = 5
)

// BudgetConfig says whose calls are counted, and how many there may be.
type BudgetConfig struct {
	AppID        string
	TenantKey    string // empty until it is known; then calls are counted apart
	Rates        Rates
	MonthlyCalls int64 // 0 is no limit
	Logger       *slog.Logger
}

// Budget paces the calls of all processes of one app: it implements
// feishu.Limiter. Calls are reserved in PostgreSQL in blocks, each call with a
// slot of its own; a slot that is missed is lost, never made up for.
type Budget struct {
	pool *pgxpool.Pool
	cfg  BudgetConfig

	mu        sync.Mutex
	endpoints map[string]*allowance
}

// allowance is the block in hand for one endpoint. Its mutex is held while a
// new one is fetched: the others wait for that, too.
type allowance struct {
	mu       sync.Mutex
	id       int64
	slots    []slot // not given out yet
	unused   int    // slots of this block that nobody used
	nextSize int
}

// slot is when one call may be sent, on this process's clock, and the reservation
// that it is part of.
type slot struct {
	from, until time.Time
	block       int64
}

func (s slot) missed() bool { return time.Now().After(s.until) }

// NewBudget returns a budget. Close it to give back what was not used.
func NewBudget(pool *pgxpool.Pool, cfg BudgetConfig) *Budget {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Budget{pool: pool, cfg: cfg, endpoints: map[string]*allowance{}}
}

func (b *Budget) allowance(endpoint string) *allowance {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.endpoints[endpoint]
	if a == nil {
		a = &allowance{nextSize: firstBlockSize}
		b.endpoints[endpoint] = a
	}
	return a
}

// free reports whether nothing is limited, so that nothing need be counted.
func (b *Budget) free(endpoint string) bool {
	return b.cfg.MonthlyCalls == 0 && b.cfg.Rates.of(endpoint) == Rate{}
}

// Take blocks until one call to the endpoint may be sent.
func (b *Budget) Take(ctx context.Context, endpoint string) error {
	if b.free(endpoint) {
		return ctx.Err()
	}
	for {
		slot, err := b.nextSlot(ctx, endpoint)
		if err != nil {
			return fmt.Errorf("reserve calls: %w", err)
		}
		if err := sleepUntil(ctx, slot.from); err != nil {
			return err
		}
		shut, err := b.shut(ctx, endpoint)
		switch {
		case err != nil:
			return err
		case shut:
			err = b.drop(ctx, endpoint, slot)
		case !slot.missed():
			return nil
		}
		if err != nil {
			return err
		}
		// Woken too late: others may have calls where ours would now fall.
	}
}

const selectShut = `
SELECT EXISTS (SELECT
               FROM mirror.call_window
               WHERE app_id = @app_id AND tenant_key = @tenant_key AND endpoint = @endpoint AND not_before > clock_timestamp())`

// shut reports whether Feishu has refused somebody since the slot was reserved.
// It is asked right before each call: what a process has in hand lasts for most
// of a second, and a refusal binds all of them at once.
func (b *Budget) shut(ctx context.Context, endpoint string) (shut bool, err error) {
	if err := b.pool.QueryRow(ctx, selectShut, b.key(endpoint)).Scan(&shut); err != nil {
		return false, fmt.Errorf("ask whether %s may be called: %w", endpoint, err)
	}
	return shut, nil
}

// drop gives back what is left of a slot's block, the slot included.
func (b *Budget) drop(ctx context.Context, endpoint string, s slot) error {
	a := b.allowance(endpoint)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.id != s.block {
		return nil // somebody else has dropped it
	}
	a.unused++
	return b.giveBack(ctx, a)
}

func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextSlot gives out the next slot that is not over yet.
func (b *Budget) nextSlot(ctx context.Context, endpoint string) (slot, error) {
	a := b.allowance(endpoint)
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for len(a.slots) > 0 {
			next := a.slots[0]
			a.slots = a.slots[1:]
			if !next.missed() {
				return next, nil
			}
			a.unused++
		}
		if err := b.refill(ctx, endpoint, a); err != nil {
			return slot{}, err
		}
	}
}

func (b *Budget) key(endpoint string) pgx.NamedArgs {
	return pgx.NamedArgs{"app_id": b.cfg.AppID, "tenant_key": b.cfg.TenantKey, "endpoint": endpoint}
}

// refill reserves the next block in one transaction; the endpoint's row of
// mirror.call_window is the lock.
func (b *Budget) refill(ctx context.Context, endpoint string, a *allowance) error {
	if err := b.giveBack(ctx, a); err != nil {
		return err
	}
	rate, n := b.cfg.Rates.of(endpoint), a.nextSize
	var start, now time.Time      // on the database's clock
	var asked, received time.Time // around the reading of that clock, on ours
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		notBefore, err := lockWindow(ctx, tx, b.key(endpoint))
		if err != nil {
			return err
		}
		others, err := reservations(ctx, tx, b.key(endpoint))
		if err != nil {
			return err
		}
		asked = time.Now()
		if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
			return fmt.Errorf("read the database's clock: %w", err)
		}
		received = time.Now()
		start = now
		if notBefore.After(start) {
			start = notBefore
		}
		if rate != (Rate{}) {
			start, n = rate.schedule(start, others, n)
		}
		if n, err = b.spendMonth(ctx, tx, n); err != nil {
			return err
		}
		args := b.key(endpoint)
		args["calls"], args["starts_at"], args["ends_at"] = n, start, start.Add(time.Duration(n)*rate.spacing())
		return tx.QueryRow(ctx, insertReservation, args).Scan(&a.id)
	})
	if err != nil {
		return err
	}
	a.nextSize = blockSize
	a.slots = make([]slot, n)
	for i := range a.slots {
		wait := start.Sub(now) + time.Duration(i)*rate.spacing()
		// The database read its clock somewhere between the two.
		a.slots[i] = slot{from: received.Add(wait), until: asked.Add(wait + grace), block: a.id}
		if rate == (Rate{}) {
			a.slots[i].until = received.Add(time.Hour) // counted, not paced
		}
	}
	return nil
}

const shrinkReservation = `
UPDATE mirror.call_reservation
SET calls = calls - @unused
WHERE reservation_id = @id`

// giveBack returns what of the block in hand nobody used.
func (b *Budget) giveBack(ctx context.Context, a *allowance) error {
	unused := a.unused + len(a.slots)
	a.slots, a.unused = nil, 0
	if unused == 0 {
		return nil
	}
	args := b.key("")
	args["unused"], args["id"], args["calls"] = unused, a.id, -unused
	return pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, shrinkReservation, args); err != nil {
			return fmt.Errorf("give back %d calls: %w", unused, err)
		}
		if _, err := tx.Exec(ctx, spendCalls, args); err != nil {
			return fmt.Errorf("give back %d calls: %w", unused, err)
		}
		return nil
	})
}

const blockWindow = `
UPDATE mirror.call_window
SET not_before = greatest(not_before, clock_timestamp() + make_interval(secs => @seconds))
WHERE app_id = @app_id AND tenant_key = @tenant_key AND endpoint = @endpoint`

// Blocked keeps everybody from the endpoint until the time has passed: Feishu
// said so. Where nothing is limited there is no window to write it into; the
// client itself waits, and tells.
func (b *Budget) Blocked(ctx context.Context, endpoint string, until time.Duration) error {
	if b.free(endpoint) {
		return ctx.Err()
	}
	b.cfg.Logger.WarnContext(ctx, "rate limited by Feishu", slog.String("endpoint", endpoint), slog.Duration("wait", until))
	args := b.key(endpoint)
	args["seconds"] = until.Seconds()
	if _, err := b.pool.Exec(ctx, blockWindow, args); err != nil { // before all else: others are about to call
		return fmt.Errorf("block the endpoint: %w", err)
	}
	a := b.allowance(endpoint)
	a.mu.Lock()
	defer a.mu.Unlock()
	return b.giveBack(ctx, a)
}

// Close gives back what was not used.
func (b *Budget) Close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, a := range b.endpoints {
		a.mu.Lock()
		errs = append(errs, b.giveBack(ctx, a))
		a.mu.Unlock()
	}
	return errors.Join(errs...)
}
