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

	"github.com/orgmirror/orgmirror/internal/directory"
)

// staleAfter is how old an interrupted sweep may be and still be taken up.
// What an older one saw is no proof of anything any more.
const staleAfter = 24 * time.Hour

// listing is what a task reads.
type listing string

const (
	listRoot     listing = "root"     // GET of the root department
	listSubtree  listing = "subtree"  // all departments below one
	listChildren listing = "children" // the departments right below one
	listUsers    listing = "users"    // the people of one department
)

// task is one list of a sweep, and the page of it to ask for next.
type task struct {
	listing      listing
	departmentID string
	pageToken    string
}

// sweep is a walk in progress.
type sweep struct {
	id          string
	startedAt   time.Time // on Feishu's clock; zero until the first answer
	resumed     bool
	open        []task
	tasksDone   int64 // lists of people that were read to the end
	tasksTotal  int64 // lists of people known so far
	users       int64 // distinct people seen
	departments int64 // distinct departments seen, the root included
	memberships int64 // counted at the end
	totals
}

// totals are the sweep's own counters; they are written with every page.
type totals struct {
	Appended   int64
	Unchanged  int64
	Unreadable int64
	Fields     map[directory.Kind]map[string]int64
}

const selectRunning = `
SELECT sweep_id::text, started_at, app_id, appended, unchanged, unreadable, fields
FROM mirror.sweep
WHERE tenant_key = @tenant_key AND state = 'running'`

const abandonSweep = `
UPDATE mirror.sweep
SET state = 'abandoned'
WHERE sweep_id = @sweep_id`

// takeUp returns the interrupted sweep, if it is worth going on with, else a
// new one that is not stored yet.
func (c *Crawler) takeUp(ctx context.Context) (*sweep, error) {
	s := &sweep{totals: totals{Fields: map[directory.Kind]map[string]int64{}}}
	var appID string
	var fields []byte
	err := c.pool.QueryRow(ctx, selectRunning, pgx.NamedArgs{"tenant_key": c.cfg.TenantKey}).
		Scan(&s.id, &s.startedAt, &appID, &s.Appended, &s.Unchanged, &s.Unreadable, &fields)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		s.id = uuid.NewString()
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("look for an interrupted sweep: %w", err)
	case appID != c.cfg.AppID || c.client.Now().Sub(s.startedAt) > staleAfter:
		if _, err := c.pool.Exec(ctx, abandonSweep, pgx.NamedArgs{"sweep_id": s.id}); err != nil {
			return nil, fmt.Errorf("abandon a sweep: %w", err)
		}
		return &sweep{id: uuid.NewString(), totals: totals{Fields: map[directory.Kind]map[string]int64{}}}, nil
	}
	if err := json.Unmarshal(fields, &s.Fields); err != nil {
		return nil, fmt.Errorf("read the interrupted sweep's fields: %w", err)
	}
	s.resumed = true
	return s, s.loadProgress(ctx, c.pool)
}

const selectOpenTasks = `
SELECT listing, department_id, page_token
FROM mirror.sweep_task
WHERE sweep_id = @sweep_id AND NOT done
ORDER BY listing, department_id`

const selectProgress = `
SELECT (SELECT count(*) FILTER (WHERE done) FROM mirror.sweep_task WHERE sweep_id = @sweep_id AND listing = 'users'),
       (SELECT count(*) FROM mirror.sweep_task WHERE sweep_id = @sweep_id AND listing = 'users'),
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
		s.open = append(s.open, t)
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

const insertSweep = `
INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at)
VALUES (@sweep_id, @tenant_key, @app_id, 'running', @started_at)`

const insertTask = `
INSERT INTO mirror.sweep_task (sweep_id, listing, department_id)
SELECT @sweep_id, l.listing, l.department_id
FROM unnest(@listings::text[], @department_ids::text[]) AS l (listing, department_id)
ON CONFLICT DO NOTHING`

// begin stores a new sweep, with the root as its only list.
func (c *Crawler) begin(ctx context.Context, s *sweep, startedAt time.Time) error {
	s.startedAt = startedAt
	s.open = []task{{listing: listRoot, departmentID: directory.RootDepartmentID}}
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"sweep_id": s.id, "tenant_key": c.cfg.TenantKey, "app_id": c.cfg.AppID, "started_at": startedAt,
			"listings": []string{string(listRoot)}, "department_ids": []string{directory.RootDepartmentID},
		}
		for _, sql := range []string{deleteOldTasks, deleteOldSeen, insertSweep, insertTask} {
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

const completeSweep = `
UPDATE mirror.sweep
SET state = 'complete', completed_at = @completed_at, memberships = @memberships, candidates = @candidates
WHERE sweep_id = @sweep_id`

// Who is in several departments was listed in each.
const countMemberships = `
SELECT coalesce(sum(items), 0)
FROM mirror.sweep_task
WHERE sweep_id = @sweep_id AND listing = 'users'`

// complete appends the sweep's last record and closes it.
func (c *Crawler) complete(ctx context.Context, s *sweep) (map[directory.Kind]int64, error) {
	candidates := map[directory.Kind]int64{}
	for _, kind := range []directory.Kind{directory.KindDepartment, directory.KindUser} {
		ids, err := c.candidates(ctx, s, kind)
		if err != nil {
			return nil, fmt.Errorf("count the %ss that were not seen: %w", kind, err)
		}
		candidates[kind] = int64(len(ids))
	}
	counts, err := c.memberCounts(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := c.pool.QueryRow(ctx, countMemberships, pgx.NamedArgs{"sweep_id": s.id}).Scan(&s.memberships); err != nil {
		return nil, fmt.Errorf("count the memberships: %w", err)
	}
	at := c.client.Now()
	end, err := directory.NewSweepCompleted(c.origin(s), at, directory.SweepCompleted{
		StartedAt: s.startedAt, Departments: s.departments, Users: s.users, Memberships: s.memberships,
		Appended: s.Appended, Candidates: candidates, MemberCounts: counts,
	})
	if err != nil {
		return nil, err
	}
	if _, err := c.log.Append(ctx, end); err != nil {
		return nil, fmt.Errorf("append the sweep's end: %w", err)
	}
	_, err = c.pool.Exec(ctx, completeSweep, pgx.NamedArgs{"sweep_id": s.id, "completed_at": at, "memberships": s.memberships, "candidates": candidates})
	if err != nil {
		return nil, fmt.Errorf("close the sweep: %w", err)
	}
	return candidates, nil
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

// The first part is what the read model has, the second what the log has beyond
// it. Both are more than the candidates; truth decides. EXCEPT hashes or sorts,
// whatever the planner thinks of tables that were filled a moment ago.
const selectUnseen = `
(SELECT entity_id
 FROM directory.fold_state
 WHERE tenant_key = @tenant_key AND entity_kind = @kind
 UNION
 SELECT entity_id
 FROM mirror.event_log
 WHERE position > coalesce((SELECT position FROM mirror.checkpoint WHERE consumer = @consumer), 0)
   AND tenant_key = @tenant_key AND entity_kind = @kind)
EXCEPT
SELECT entity_id
FROM mirror.sweep_seen
WHERE sweep_id = @sweep_id AND entity_kind = @kind
ORDER BY 1`

// candidates returns who existed before the sweep began and was not seen by it.
func (c *Crawler) candidates(ctx context.Context, s *sweep, kind directory.Kind) ([]string, error) {
	rows, err := c.pool.Query(ctx, selectUnseen, pgx.QueryExecModeCacheDescribe, pgx.NamedArgs{
		"sweep_id": s.id, "tenant_key": c.cfg.TenantKey, "kind": string(kind), "consumer": coreConsumer,
	})
	if err != nil {
		return nil, err
	}
	unseen, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var ids []string
	for len(unseen) > 0 {
		chunk := unseen[:min(len(unseen), 500)]
		unseen = unseen[len(chunk):]
		states, err := truth(ctx, c.pool, c.cfg.TenantKey, kind, chunk)
		if err != nil {
			return nil, err
		}
		for _, id := range chunk {
			if st := states[id]; st.Exists() && st.Since().Before(s.startedAt) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}
