package crawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// staleAfter is how old an interrupted sweep may be and still be taken up.
// What an older one saw is no proof of anything any more.
const staleAfter = 24 * time.Hour

const selectRunning = `
SELECT sweep_id::text, started_at, app_id, range, appended, unchanged, unreadable, fields, absent
FROM mirror.sweep
WHERE tenant_key = @tenant_key AND state = 'running'`

const abandonSweep = `
UPDATE mirror.sweep
SET state = 'abandoned'
WHERE sweep_id = @sweep_id`

// takeUp returns the interrupted sweep, if it is worth going on with, else a
// new one that is not stored yet.
func (c *Crawler) takeUp(ctx context.Context) (*sweep, error) {
	rows, err := c.pool.Query(ctx, selectRunning, pgx.NamedArgs{"tenant_key": c.cfg.TenantKey})
	if err != nil {
		return nil, fmt.Errorf("look for an interrupted sweep: %w", err)
	}
	s, err := pgx.CollectExactlyOneRow(rows, scanSweep)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return newSweep(uuid.NewString()), nil
	case err != nil:
		return nil, fmt.Errorf("look for an interrupted sweep: %w", err)
	}
	if err := s.loadProgress(ctx, c.pool); err != nil {
		return nil, err
	}
	// One that has not come beyond its first request has nothing to go on from.
	if s.appID != c.cfg.AppID || c.client.Now().Sub(s.startedAt) > staleAfter || s.has(listRoot) {
		return newSweep(uuid.NewString()), c.abandon(ctx, s)
	}
	s.resumed = true
	return s, nil
}

func (c *Crawler) abandon(ctx context.Context, s *sweep) error {
	if _, err := c.pool.Exec(ctx, abandonSweep, pgx.NamedArgs{"sweep_id": s.id}); err != nil {
		return fmt.Errorf("abandon a sweep: %w", err)
	}
	return nil
}

// scanSweep reads the columns of selectRunning.
func scanSweep(row pgx.CollectableRow) (*sweep, error) {
	s := newSweep("")
	var fields, absent []byte
	err := row.Scan(&s.id, &s.startedAt, &s.appID, &s.scope, &s.Appended, &s.Unchanged, &s.Unreadable, &fields, &absent)
	if err != nil {
		return nil, err
	}
	return s, errors.Join(json.Unmarshal(fields, &s.Fields), json.Unmarshal(absent, &s.Absent))
}

const selectOpenTasks = `
SELECT listing, department_id, page_token
FROM mirror.sweep_task
WHERE sweep_id = @sweep_id AND NOT done
ORDER BY listing, department_id`

const selectProgress = `
SELECT (SELECT count(*) FROM mirror.sweep_task
        WHERE sweep_id = @sweep_id AND listing IN ('users', 'independent', 'group_users') AND done),
       (SELECT count(*) FROM mirror.sweep_task
        WHERE sweep_id = @sweep_id AND listing IN ('users', 'independent', 'group_users')),
       (SELECT count(*) FROM mirror.sweep_seen WHERE sweep_id = @sweep_id AND entity_kind = 'user'),
       (SELECT count(*) FROM mirror.sweep_seen WHERE sweep_id = @sweep_id AND entity_kind = 'department')`

func (s *sweep) loadProgress(ctx context.Context, pool *pgxpool.Pool) error {
	args := pgx.NamedArgs{"sweep_id": s.id}
	rows, err := pool.Query(ctx, selectOpenTasks, args)
	if err != nil {
		return fmt.Errorf("read the sweep's open lists: %w", err)
	}
	var t task
	_, err = pgx.ForEachRow(rows, []any{&t.listing, &t.departmentID, &t.pageToken}, func() error {
		s.queue(t)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the sweep's open lists: %w", err)
	}
	if err := pool.QueryRow(ctx, selectProgress, args).Scan(&s.tasksDone, &s.tasksTotal, &s.users, &s.departments); err != nil {
		return fmt.Errorf("read the sweep's progress: %w", err)
	}
	return nil
}

const deleteOldTasks = `
DELETE FROM mirror.sweep_task t
USING mirror.sweep s
WHERE s.sweep_id = t.sweep_id AND s.tenant_key = @tenant_key`

const deleteOldSeen = `
DELETE FROM mirror.sweep_seen e
USING mirror.sweep s
WHERE s.sweep_id = e.sweep_id AND s.tenant_key = @tenant_key`

const deleteOldAbsent = `
DELETE FROM mirror.sweep_absent a
USING mirror.sweep s
WHERE s.sweep_id = a.sweep_id AND s.tenant_key = @tenant_key`

const insertSweep = `
INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at, range)
VALUES (@sweep_id, @tenant_key, @app_id, 'running', @started_at, @range)`

const insertTask = `
INSERT INTO mirror.sweep_task (sweep_id, listing, department_id)
SELECT @sweep_id, l.listing, l.department_id
FROM unnest(@listings::text[], @department_ids::text[]) AS l (listing, department_id)
ON CONFLICT DO NOTHING`

// begin stores a new sweep, with its only list so far.
func (c *Crawler) begin(ctx context.Context, s *sweep, startedAt time.Time, first task) error {
	s.startedAt = startedAt
	s.queue(first)
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"sweep_id": s.id, "tenant_key": c.cfg.TenantKey, "app_id": c.cfg.AppID, "started_at": startedAt, "range": string(s.scope),
			"listings": []string{string(first.listing)}, "department_ids": []string{first.departmentID},
		}
		for _, sql := range []string{deleteOldTasks, deleteOldSeen, deleteOldAbsent, insertSweep, insertTask} {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin a sweep: %w", err)
	}
	return nil
}
