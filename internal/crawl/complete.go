package crawl

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// ErrRefused is the answer where Feishu would not show a department that it had
// listed: what could be read is in the log, but nobody's absence is proven.
var ErrRefused = errors.New("some lists were refused by Feishu, so the walk is not complete and nobody was removed; the next run begins anew")

const countRefused = `
SELECT count(*)
FROM mirror.sweep_task
WHERE sweep_id = @sweep_id AND refused`

// whole fails where a list was refused. Such a sweep is given up: were it taken
// up again, it would never end.
func (c *Crawler) whole(ctx context.Context, s *sweep) error {
	var refused int64
	if err := c.pool.QueryRow(ctx, countRefused, pgx.NamedArgs{"sweep_id": s.id}).Scan(&refused); err != nil {
		return fmt.Errorf("count the refused lists: %w", err)
	}
	if refused == 0 {
		return nil
	}
	if err := c.abandon(ctx, s); err != nil {
		return err
	}
	return fmt.Errorf("%w (%d lists)", ErrRefused, refused)
}

const completeSweep = `
UPDATE mirror.sweep
SET state = 'complete', completed_at = @completed_at, appended = @appended, unchanged = @unchanged, memberships = @memberships,
    candidates = @candidates, hidden = @hidden
WHERE sweep_id = @sweep_id`

const supersedeSets = `
UPDATE mirror.removal_set r
SET state = 'superseded'
FROM mirror.sweep s
WHERE s.sweep_id = r.sweep_id AND s.tenant_key = @tenant_key AND s.sweep_id <> @sweep_id AND r.state IN ('held', 'proving')`

const deleteOldRemovals = `
DELETE FROM mirror.removal r
USING mirror.sweep s
WHERE s.sweep_id = r.sweep_id AND s.tenant_key = @tenant_key AND s.sweep_id <> @sweep_id`

// Who is in several departments was listed in each.
const countMemberships = `
SELECT coalesce(sum(items), 0)
FROM mirror.sweep_task
WHERE sweep_id = @sweep_id AND listing = 'users'`

// complete appends the sweep's last record and closes it. What earlier sweeps
// held is theirs no more: this one has looked again.
func (c *Crawler) complete(ctx context.Context, s *sweep) error {
	sets, err := setsOf(ctx, c.pool, s.id)
	if err != nil {
		return err
	}
	candidates := map[directory.Kind]int64{}
	for _, set := range sets {
		candidates[set.Kind] = set.Candidates
	}
	counts, err := c.memberCounts(ctx, s)
	if err != nil {
		return err
	}
	if err := c.pool.QueryRow(ctx, countMemberships, pgx.NamedArgs{"sweep_id": s.id}).Scan(&s.memberships); err != nil {
		return fmt.Errorf("count the memberships: %w", err)
	}
	at := c.client.Now()
	end, err := directory.NewSweepCompleted(c.origin(s), at, directory.SweepCompleted{
		StartedAt: s.startedAt, Departments: s.departments, Users: s.users, Memberships: s.memberships,
		Appended: s.Appended, Candidates: candidates, MemberCounts: counts,
	})
	if err != nil {
		return err
	}
	if _, err := c.log.Append(ctx, end); err != nil {
		return fmt.Errorf("append the sweep's end: %w", err)
	}
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"sweep_id": s.id, "tenant_key": c.cfg.TenantKey, "completed_at": at, "appended": s.Appended, "unchanged": s.Unchanged,
			"memberships": s.memberships, "candidates": candidates, "hidden": s.hidden(),
		}
		for _, sql := range []string{supersedeSets, deleteOldRemovals, completeSweep} {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("close the sweep: %w", err)
	}
	return nil
}

const selectMemberCounts = `
SELECT entity_id, seen_at, member_count, primary_member_count
FROM mirror.sweep_seen
WHERE sweep_id = @sweep_id AND entity_kind = 'department'
  AND (member_count IS NOT NULL OR primary_member_count IS NOT NULL)
ORDER BY entity_id`

func (c *Crawler) memberCounts(ctx context.Context, s *sweep) ([]directory.MemberCount, error) {
	rows, err := c.pool.Query(ctx, selectMemberCounts, pgx.NamedArgs{"sweep_id": s.id})
	if err != nil {
		return nil, fmt.Errorf("read the member counts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m directory.MemberCount, err error) {
		err = row.Scan(&m.OpenDepartmentID, &m.At, &m.MemberCount, &m.PrimaryMemberCount)
		return m, err
	})
}
