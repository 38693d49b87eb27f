package crawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

var (
	// ErrHeld says that removals wait for somebody's decision.
	ErrHeld = errors.New("removals are held")
	// ErrUnknownSweep is the answer to an id that no complete sweep has.
	ErrUnknownSweep = errors.New("no complete walk has this id: `backfill removals list` shows those that there are")
	// ErrSuperseded is the answer to a decision that comes too late: a later sweep
	// has looked again, and holds what is still missing.
	ErrSuperseded = errors.New("a later walk has looked again and replaced this set: see `backfill removals list`")
	// ErrNothingHeld is the answer to a decision that nobody waits for.
	ErrNothingHeld = errors.New("nothing of this walk waits for a decision")
)

// Removals are the sets of one sweep.
type Removals struct {
	SweepID     string       `json:"sweep_id"`
	TenantKey   string       `json:"tenant_key"`
	StartedAt   time.Time    `json:"started_at"`
	CompletedAt time.Time    `json:"completed_at"`
	Sets        []RemovalSet `json:"sets"`
	// Position is the log's end after an approval.
	Position directory.Position `json:"position,omitempty"`
}

func (r Removals) has(state setState) bool {
	for _, set := range r.Sets {
		if setState(set.State) == state {
			return true
		}
	}
	return false
}

func (r Removals) decided() bool {
	for _, set := range r.Sets {
		if set.DecidedAt != nil {
			return true
		}
	}
	return false
}

// Candidate is one entity of a set.
type Candidate struct {
	Kind    directory.Kind `json:"kind"`
	ID      string         `json:"id"`
	Name    string         `json:"name,omitempty"`
	Verdict string         `json:"verdict,omitempty"` // RESIGNED, DELETED, OUT_OF_RANGE, UNPROVEN, PRESENT; empty while not asked
	Code    int            `json:"code,omitempty"`    // Feishu's, where an error is the proof
}

const selectSweeps = `
SELECT sweep_id, tenant_key, started_at, completed_at
FROM (
    SELECT s.sweep_id::text, s.tenant_key, s.started_at, s.completed_at,
           row_number() OVER (PARTITION BY s.tenant_key ORDER BY s.completed_at DESC) AS n
    FROM mirror.sweep s
    WHERE s.state = 'complete'
      AND EXISTS (SELECT FROM mirror.removal_set r WHERE r.sweep_id = s.sweep_id AND r.candidates > 0)
) AS l
WHERE n <= 20
ORDER BY completed_at DESC`

// ListRemovals returns the last complete sweeps of each company that missed
// somebody, the newest first.
func ListRemovals(ctx context.Context, pool *pgxpool.Pool) ([]Removals, error) {
	rows, err := pool.Query(ctx, selectSweeps)
	if err != nil {
		return nil, fmt.Errorf("list the removals: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Removals, err error) {
		err = row.Scan(&r.SweepID, &r.TenantKey, &r.StartedAt, &r.CompletedAt)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the removals: %w", err)
	}
	for i := range list {
		if list[i].Sets, err = setsOf(ctx, pool, list[i].SweepID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

const selectSweep = `
SELECT sweep_id::text, tenant_key, started_at, completed_at
FROM mirror.sweep
WHERE sweep_id = @sweep_id AND state = 'complete' AND @tenant_key IN ('', tenant_key)`

// removalsOf reads the sets of a sweep as a person names it. The company is
// anybody's where tenantKey is empty.
func removalsOf(ctx context.Context, db querier, tenantKey, sweepID string) (Removals, error) {
	if _, err := uuid.Parse(sweepID); err != nil {
		return Removals{}, fmt.Errorf("%q: %w", sweepID, ErrUnknownSweep)
	}
	rows, err := db.Query(ctx, selectSweep, pgx.NamedArgs{"sweep_id": sweepID, "tenant_key": tenantKey})
	if err != nil {
		return Removals{}, fmt.Errorf("read the walk: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (r Removals, err error) {
		err = row.Scan(&r.SweepID, &r.TenantKey, &r.StartedAt, &r.CompletedAt)
		return r, err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Removals{}, fmt.Errorf("%q: %w", sweepID, ErrUnknownSweep)
	case err != nil:
		return Removals{}, fmt.Errorf("read the walk: %w", err)
	}
	if r.Sets, err = setsOf(ctx, db, sweepID); err != nil {
		return Removals{}, err
	}
	if r.has(setSuperseded) {
		return Removals{}, fmt.Errorf("%s: %w", sweepID, ErrSuperseded)
	}
	return r, nil
}

const selectCandidates = `
SELECT r.entity_kind, r.entity_id, coalesce(u.name, d.name, ''), coalesce(r.verdict, ''), r.code
FROM mirror.removal r
JOIN mirror.sweep s USING (sweep_id)
LEFT JOIN directory.users u ON r.entity_kind = 'user' AND u.tenant_key = s.tenant_key AND u.open_id = r.entity_id
LEFT JOIN directory.departments d
       ON r.entity_kind = 'department' AND d.tenant_key = s.tenant_key AND d.open_department_id = r.entity_id
WHERE r.sweep_id = @sweep_id
ORDER BY r.entity_kind, r.entity_id`

// ShowRemovals returns the sets of a sweep, and everybody in them.
func ShowRemovals(ctx context.Context, pool *pgxpool.Pool, sweepID string) (Removals, []Candidate, error) {
	r, err := removalsOf(ctx, pool, "", sweepID)
	if err != nil {
		return Removals{}, nil, err
	}
	rows, err := pool.Query(ctx, postgres.InOneGeneration(selectCandidates), pgx.NamedArgs{"sweep_id": sweepID})
	if err != nil {
		return Removals{}, nil, fmt.Errorf("read who was not seen: %w", err)
	}
	candidates, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one Candidate, err error) {
		err = row.Scan(&one.Kind, &one.ID, &one.Name, &one.Verdict, &one.Code)
		return one, err
	})
	if err != nil {
		return Removals{}, nil, fmt.Errorf("read who was not seen: %w", err)
	}
	return r, candidates, nil
}

const decideSets = `
UPDATE mirror.removal_set
SET state = @state, decided_at = clock_timestamp()
WHERE sweep_id = @sweep_id AND state = 'held'`

// RejectRemovals says that those whom a sweep holds are not to be asked for. They
// stay, and the next sweep holds them again if it does not see them either. The
// sweep must be of the company, unless tenantKey is empty.
func RejectRemovals(ctx context.Context, pool *pgxpool.Pool, tenantKey, sweepID string) (r Removals, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if r, err = removalsOf(ctx, tx, tenantKey, sweepID); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, decideSets, pgx.NamedArgs{"sweep_id": sweepID, "state": string(setRejected)})
		if err != nil {
			return fmt.Errorf("reject the removals: %w", err)
		}
		if tag.RowsAffected() == 0 && !r.has(setRejected) {
			return fmt.Errorf("%s: %w", sweepID, ErrNothingHeld)
		}
		r.Sets, err = setsOf(ctx, tx, sweepID)
		return err
	})
	return r, err
}

// Approve asks Feishu for each whom the sweep holds, and removes who is proven
// to be gone. Killed in the middle it can be called again, and the next walk
// goes on with it, too.
func (c *Crawler) Approve(ctx context.Context, sweepID string) (Removals, error) {
	return c.ApproveThen(ctx, sweepID, func() {})
}

// ApproveThen is Approve that tells when the decision is stored. Asking Feishu
// comes after it, and takes as long as it takes.
func (c *Crawler) ApproveThen(ctx context.Context, sweepID string, decided func()) (Removals, error) {
	release, err := c.lock(ctx)
	if err != nil {
		return Removals{}, err
	}
	defer release()
	r, err := removalsOf(ctx, c.pool, c.cfg.TenantKey, sweepID)
	if err != nil {
		return Removals{}, err
	}
	if _, err := c.pool.Exec(ctx, decideSets, pgx.NamedArgs{"sweep_id": sweepID, "state": string(setProving)}); err != nil {
		return Removals{}, fmt.Errorf("approve the removals: %w", err)
	}
	if !r.has(setHeld) && !r.has(setProving) && (r.has(setRejected) || !r.decided()) {
		return Removals{}, fmt.Errorf("%s: %w", sweepID, ErrNothingHeld)
	}
	decided()
	if err := c.finishApproved(ctx); err != nil {
		return Removals{}, err
	}
	if r.Sets, err = setsOf(ctx, c.pool, sweepID); err != nil {
		return Removals{}, err
	}
	head, err := c.log.Head(ctx)
	r.Position = head.Position
	return r, err
}

const selectApproved = `
SELECT sweep_id::text, started_at, app_id, range, appended, unchanged, unreadable, fields, absent
FROM mirror.sweep s
WHERE tenant_key = @tenant_key AND app_id = @app_id AND state = 'complete'
  AND EXISTS (SELECT FROM mirror.removal_set r WHERE r.sweep_id = s.sweep_id AND r.state = 'proving')`

// finishApproved proves what was approved. There is one such sweep at the most:
// the next complete one supersedes.
func (c *Crawler) finishApproved(ctx context.Context) error {
	rows, err := c.pool.Query(ctx, selectApproved, pgx.NamedArgs{"tenant_key": c.cfg.TenantKey, "app_id": c.cfg.AppID})
	if err != nil {
		return fmt.Errorf("look for approved removals: %w", err)
	}
	sweeps, err := pgx.CollectRows(rows, scanSweep)
	if err != nil {
		return fmt.Errorf("look for approved removals: %w", err)
	}
	for _, s := range sweeps {
		if err := s.loadProgress(ctx, c.pool); err != nil {
			return err
		}
		if err := c.walk(ctx, s); err != nil { // of a department that turned out to be there, before a kill
			return err
		}
		if err := c.remove(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
