package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector/compare"
)

// Errors of a rebuild that callers tell apart.
var (
	// ErrDifferent says that the tables are not what the log makes of itself.
	ErrDifferent = errors.New("the read model differs from what the log says")
	// ErrRebuilding says that another rebuild, verification or way back is running.
	ErrRebuilding = errors.New("another rebuild or verification is running")
	// ErrBound says that something was built on the tables that cannot follow a swap.
	ErrBound = errors.New("something is bound to the tables, and cannot be bound to others")
)

// Stage is a part of a rebuild's way.
type Stage string

// The stages, in their order.
const (
	StageCreate  Stage = "create"  // the schemas, empty
	StageFold    Stage = "fold"    // the log, and COPY
	StageIndex   Stage = "index"   // keys, indexes and statistics
	StageCompare Stage = "compare" // with the generation that serves
	StageFollow  Stage = "follow"  // what the log got since
	StageSwap    Stage = "swap"    // the names
	StageDrop    Stage = "drop"    // the generation that served
	StageDone    Stage = "done"
)

// Progress is how far a rebuild is.
type Progress struct {
	Stage Stage
	Done  directory.Position // of a fold
	Total directory.Position
}

// RebuildOptions say what a rebuild does.
type RebuildOptions struct {
	VerifyOnly        bool // compares, and leaves nothing behind
	AcceptDifferences bool // swaps also where the generations differ
	Keep              bool // keeps the generation that served, for Rollback
	Limit             int  // of the differences that are listed
	Progress          func(Progress)
}

// Rebuilt is what came of a rebuild.
type Rebuilt struct {
	Generation int                `json:"generation"`
	Compared   directory.Position `json:"compared_position"`  // where both were when they were compared; 0 where there was nothing to compare with
	Position   directory.Position `json:"position,omitempty"` // at the swap
	Swapped    bool               `json:"swapped"`
	Kept       int                `json:"kept_generation,omitempty"`
	Attempts   int                `json:"swap_attempts,omitempty"`
	Leftover   bool               `json:"leftover,omitempty"` // what served is still to be dropped: somebody uses it
	Digests    compare.Digests    `json:"digests"`
	Report
}

// Rebuild makes a new generation of the read model from the first record of the
// log, beside the one that serves, compares the two where both are at one
// position, lets the new one follow to the head, and swaps it in.
//
// Until the comparison is done everything happens in one transaction: a rebuild
// that is cancelled, killed or finds a difference leaves nothing. What one killed
// later leaves does not serve, and the next rebuild drops it. The price of the
// transaction is that VACUUM of the whole database waits for it.
//
// Where the two differ the error is ErrDifferent, and nothing was swapped unless
// differences are accepted.
func (p *Projector) Rebuild(ctx context.Context, opts RebuildOptions) (result Rebuilt, err error) {
	if opts.Progress == nil {
		opts.Progress = func(Progress) {}
	}
	conn, release, err := p.exclusive(ctx)
	if err != nil {
		return result, fmt.Errorf("rebuild: %w", err)
	}
	defer release()
	if err := p.dropLeftovers(ctx); err != nil {
		return result, fmt.Errorf("rebuild: drop what an earlier one left: %w", err)
	}
	build := &build{Projector: p, conn: conn, progress: opts.Progress}
	made, err := build.whole(ctx, opts, &result)
	if err != nil || made == nil {
		return result, wrapRebuild(err)
	}
	result.Generation = made.number
	opts.Progress(Progress{Stage: StageFollow})
	if err := p.followTo(ctx, made, 0); err != nil {
		return result, fmt.Errorf("rebuild: follow the log: %w", err)
	}
	opts.Progress(Progress{Stage: StageSwap})
	if err := p.swap(ctx, made, opts.Keep, &result); err != nil {
		return result, fmt.Errorf("rebuild: swap: %w", err)
	}
	if !opts.Keep {
		opts.Progress(Progress{Stage: StageDrop})
		result.Leftover = p.dropLeftovers(ctx) != nil
	}
	opts.Progress(Progress{Stage: StageDone})
	return result, nil
}

func wrapRebuild(err error) error {
	if err == nil || errors.Is(err, ErrDifferent) {
		return err
	}
	return fmt.Errorf("rebuild: %w", err)
}

// whole builds a generation and commits it. It returns nil where nothing was to be
// left.
func (b *build) whole(ctx context.Context, opts RebuildOptions, result *Rebuilt) (*generation, error) {
	var made *generation
	err := b.within(ctx, func(tx pgx.Tx) error {
		g, err := b.make(ctx, tx, buildOptions{compared: true})
		if err != nil {
			return err
		}
		if b.serving > 0 {
			b.progress(Progress{Stage: StageCompare})
			if err := b.prove(ctx, tx, g, opts, result); err != nil {
				return err
			}
		}
		if opts.VerifyOnly {
			return errLeaveNothing
		}
		made = g
		return nil
	})
	if errors.Is(err, errLeaveNothing) {
		return nil, nil
	}
	return made, err
}

// errLeaveNothing rolls back what was only made to be looked at.
var errLeaveNothing = errors.New("leave nothing behind")

// prove compares the generation with the one that serves; both are at the position
// that this transaction's snapshot shows.
func (b *build) prove(ctx context.Context, tx pgx.Tx, g *generation, opts RebuildOptions, result *Rebuilt) error {
	made := compare.Suffix(g.schema(""))
	tables, err := comparedTables(ctx, tx, made)
	if err != nil {
		return err
	}
	result.Compared = b.serving
	if result.Digests, err = compare.Compare(ctx, tx, tables, compare.Serving, made); err != nil {
		return err
	}
	differ := map[string]bool{}
	for _, s := range result.Digests.Differing {
		differ[s.Kind] = true
	}
	tables = slices.DeleteFunc(tables, func(t compare.Table) bool { return !differ[t.String()] })
	if err := result.rows(ctx, tx, tables, made, compare.Sample{}, opts.Limit); err != nil {
		return err
	}
	if len(result.Digests.Differing) > 0 && !opts.AcceptDifferences {
		return ErrDifferent
	}
	return nil
}

// exclusive takes a connection and, on it, the lock that lets only one rebuild at
// a time change what generations there are. The lock ends with the connection,
// hence with this process.
func (p *Projector) exclusive(ctx context.Context) (*pgx.Conn, func(), error) {
	acquired, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	conn := acquired.Hijack() // its settings and its lock are not for others
	release := func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, _ = conn.Exec(ending, `SELECT pg_advisory_unlock_all()`) // at once; the end of the session would do it a moment later
		conn.Close(ending)
	}
	var got bool
	if err := conn.QueryRow(ctx, tryRebuildLock).Scan(&got); err != nil {
		release()
		return nil, nil, fmt.Errorf("take the lock of rebuilds: %w", err)
	}
	if !got {
		release()
		return nil, nil, fmt.Errorf("%w: wait for its end", ErrRebuilding)
	}
	// So that the server notices when this process is killed while it makes an
	// index. Not every platform can.
	_, _ = conn.Exec(ctx, `SET client_connection_check_interval = '500ms'`)
	return conn, release, nil
}

const tryRebuildLock = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror rebuild', 0))`

// followTo projects the log into a generation that does not serve, up to a
// position; 0 is the head as it is when that is reached.
func (p *Projector) followTo(ctx context.Context, g *generation, upTo directory.Position) error {
	return p.follower(p.pool, g).catchUp(ctx, upTo)
}

// follower is a projector into another generation.
func (p *Projector) follower(db database, g *generation) *Projector {
	return &Projector{pool: p.pool, log: p.log, opts: p.opts, metrics: newMetrics(nil), db: db, into: g}
}

func (p *Projector) catchUp(ctx context.Context, upTo directory.Position) error {
	at, err := p.position(ctx)
	if err != nil {
		return err
	}
	for upTo == 0 || at < upTo {
		limit := p.opts.PageSize
		if upTo > 0 {
			limit = int(min(directory.Position(limit), upTo-at))
		}
		records, err := p.log.Read(ctx, at, limit)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
		to := records[len(records)-1].Position
		if err := p.Project(ctx, pageOf(at, records)); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// position is how far a generation that does not serve is.
func (p *Projector) position(ctx context.Context) (at directory.Position, err error) {
	err = p.db.QueryRow(ctx, selectGenerationPosition, pgx.NamedArgs{"number": p.into.number}).Scan((*int64)(&at))
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("%w: %d", ErrNoGeneration, p.into.number)
	}
	if err != nil {
		return 0, fmt.Errorf("read the position of generation %d: %w", p.into.number, err)
	}
	return at, nil
}

const selectGenerationPosition = `
SELECT position
FROM mirror.generation
WHERE number = @number AND state <> 'serving'`

// bound lists what was built on the serving tables and cannot follow a swap.
func bound(ctx context.Context, db database) error {
	rows, err := db.Query(ctx, `SELECT object FROM mirror.generation_dependents('') WHERE NOT follows`)
	if err != nil {
		return fmt.Errorf("see what was built on the tables: %w", err)
	}
	objects, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("see what was built on the tables: %w", err)
	}
	if len(objects) > 0 {
		return fmt.Errorf("%w: %s: drop it, rebuild, and make it again", ErrBound, strings.Join(objects, ", "))
	}
	return nil
}
