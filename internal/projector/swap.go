package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/projector/compare"
)

// Readers wait while a swap waits for those before them, so it waits for an
// instant only, gives way, and tries again.
const (
	swapPause    = 100 * time.Millisecond // doubled up to a second
	swapPatience = 2 * time.Minute
	// swapLag is how many records the new generation may be behind when the serving
	// one's projector is stopped for the swap.
	swapLag = 1000
)

// The statements of a swap, in the order of the projector's own locks.
const (
	limitLocks     = `SET LOCAL lock_timeout = '50ms'`
	lockCheckpoint = `
SELECT position
FROM mirror.checkpoint
WHERE consumer = @consumer
FOR UPDATE`
	lockGeneration = `LOCK TABLE mirror.generation IN ACCESS EXCLUSIVE MODE`
	swapNames      = `SELECT mirror.swap_generation($1, $2)`
)

// ErrReadersHold says that a swap found no instant without a long reader.
var ErrReadersHold = errors.New("readers held the serving generation all the time")

// swap makes a generation serve, and the one that serves kept or retired.
func (p *Projector) swap(ctx context.Context, g *generation, keep bool, result *Rebuilt) error {
	serving, err := p.servingNumber(ctx)
	if err != nil {
		return err
	}
	until := time.Now().Add(swapPatience)
	for pause := swapPause; ; pause = min(2*pause, time.Second) {
		result.Attempts++
		var behind bool
		behind, err = p.trySwap(ctx, g, keep, result)
		switch {
		case err == nil && !behind:
			result.Swapped = true
			if keep {
				result.Kept = serving
			}
			p.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "generation swapped",
				slog.Int("generation", g.number), slog.Int64("position", int64(result.Position)), slog.Int("attempts", result.Attempts))
			return nil
		case behind && time.Now().Before(until):
			if err := p.followTo(ctx, g, 0); err != nil {
				return err
			}
			continue
		case behind:
			return fmt.Errorf("the log grew faster than the new generation followed, for %s", swapPatience)
		case !postgres.Transient(err):
			return err
		case time.Now().After(until):
			return fmt.Errorf("%w, %d times in %s: %w", ErrReadersHold, result.Attempts, swapPatience, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

const selectServing = `
SELECT number
FROM mirror.generation
WHERE state = 'serving'`

func (p *Projector) servingNumber(ctx context.Context) (number int, err error) {
	if err := p.pool.QueryRow(ctx, selectServing).Scan(&number); err != nil {
		return 0, fmt.Errorf("see which generation serves: %w", err)
	}
	return number, nil
}

// trySwap stops the serving generation's projector, lets the new one have what it
// lacks, and swaps, unless that is too much for a stop or a reader is in the way.
func (p *Projector) trySwap(ctx context.Context, g *generation, keep bool, result *Rebuilt) (behind bool, err error) {
	state := "retired"
	if keep {
		state = "kept"
	}
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, limitLocks); err != nil {
			return err
		}
		var serving directory.Position
		err := tx.QueryRow(ctx, lockCheckpoint, pgx.NamedArgs{"consumer": Consumer}).Scan((*int64)(&serving))
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		follower := p.follower(p.pool, g)
		at, err := follower.position(ctx)
		if err != nil {
			return err
		}
		if serving-at > swapLag {
			behind = true
			return nil
		}
		if err := follower.catchUp(ctx, max(serving, at)); err != nil {
			return err
		}
		result.Position = max(serving, at)
		if _, err := tx.Exec(ctx, lockGeneration); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, swapNames, g.number, state)
		return err
	})
	return behind, err
}

// dropLeftovers drops what does not serve and is not kept: of a rebuild that was
// killed, or that could not drop what it replaced.
func (p *Projector) dropLeftovers(ctx context.Context) error {
	return p.dropThose(ctx, "built", "retired")
}

// DropKept drops the generations that were kept, and says which.
func (p *Projector) DropKept(ctx context.Context) (dropped []int, err error) {
	_, release, err := p.exclusive(ctx)
	if err != nil {
		return nil, fmt.Errorf("drop what was kept: %w", err)
	}
	defer release()
	list, err := p.Generations(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range list {
		if g.State == "kept" {
			dropped = append(dropped, g.Number)
		}
	}
	if len(dropped) == 0 {
		return nil, fmt.Errorf("%w: none is kept", ErrNoGeneration)
	}
	return dropped, p.dropThose(ctx, "kept", "built", "retired")
}

func (p *Projector) dropThose(ctx context.Context, states ...string) error {
	rows, err := p.pool.Query(ctx, selectDroppable, states)
	if err != nil {
		return fmt.Errorf("list what is to be dropped: %w", err)
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return fmt.Errorf("list what is to be dropped: %w", err)
	}
	for _, number := range numbers {
		if err := p.drop(ctx, number); err != nil {
			return err
		}
	}
	return nil
}

const selectDroppable = `
SELECT number
FROM mirror.generation
WHERE state = ANY ($1)
ORDER BY number`

// drop waits a little for those who still read the tables by an older name.
func (p *Projector) drop(ctx context.Context, number int) (err error) {
	const attempts = 5
	for range attempts {
		err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '1s'`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `SELECT mirror.drop_generation($1)`, number)
			return err
		})
		if err == nil || !postgres.Transient(err) {
			break
		}
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == dependentObjects {
		return fmt.Errorf("%w: %s", ErrBound, refused.Message)
	}
	if err != nil {
		return fmt.Errorf("drop generation %d: %w", number, err)
	}
	p.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "generation dropped", slog.Int("generation", number))
	return nil
}

// Rollback lets the generation that was kept last follow to the head, and swaps it
// in again. The one that serves is kept in its place.
func (p *Projector) Rollback(ctx context.Context, progress func(Progress)) (result Rebuilt, err error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	_, release, err := p.exclusive(ctx)
	if err != nil {
		return result, fmt.Errorf("roll back: %w", err)
	}
	defer release()
	var number int
	err = p.pool.QueryRow(ctx, selectKept).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		return result, fmt.Errorf("roll back: %w: none is kept (mirror rebuild --keep keeps one)", ErrNoGeneration)
	}
	if err != nil {
		return result, fmt.Errorf("roll back: %w", err)
	}
	g := newGeneration(number)
	result.Generation = number
	if err := p.fits(ctx, g); err != nil {
		return result, fmt.Errorf("roll back to generation %d: %w", number, err)
	}
	progress(Progress{Stage: StageFollow})
	if err := p.followTo(ctx, g, 0); err != nil {
		return result, fmt.Errorf("roll back to generation %d: follow the log: %w", number, err)
	}
	progress(Progress{Stage: StageSwap})
	if err := p.swap(ctx, g, true, &result); err != nil {
		return result, fmt.Errorf("roll back to generation %d: swap: %w", number, err)
	}
	if err := p.awaitSearch(ctx); err != nil { // it may be from before an upgrade
		return result, fmt.Errorf("roll back to generation %d: %w", number, err)
	}
	progress(Progress{Stage: StageDone})
	return result, nil
}

const selectKept = `
SELECT number
FROM mirror.generation
WHERE state = 'kept'
ORDER BY ended_at DESC
LIMIT 1`

// fits makes sure that a kept generation has the tables that this program writes:
// migrations since then changed the serving one only.
func (p *Projector) fits(ctx context.Context, g *generation) error {
	if err := bound(ctx, p.pool); err != nil {
		return err
	}
	kept := compare.Suffix(g.schema(""))
	if _, err := compare.Tables(ctx, p.pool, compare.Serving, kept); err != nil {
		return fmt.Errorf("%w: the schema was migrated since it was kept: mirror rebuild makes a new one", err)
	}
	return nil
}
