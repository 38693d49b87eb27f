package crawl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// Between sweeps a sample goes round all entities, whether anybody doubts them
// or not: what a re-read finds then is drift, and how many it asked for is known.
const (
	// sampleEvery and sampleSize make one batch call an hour for each kind, 1 500
	// a month of the 10 000 that Feishu's smallest plan has, and look at 1 200
	// people a day: enough to see one lost event in a hundred within hours.
	sampleEvery = time.Hour
	sampleSize  = feishu.PageSize

	// reasonSample is why an entity is read again that nobody doubts.
	reasonSample = "sample"
	// samplePrefix begins the correlation of what the sample found.
	samplePrefix = "sample:"
)

const selectSampled = `
SELECT after_id, sampled_at
FROM mirror.sample
WHERE tenant_key = @tenant_key AND entity_kind = @kind
FOR UPDATE`

const pickUsers = `
(SELECT open_id, 0 AS round FROM directory.users
 WHERE tenant_key = @tenant_key AND removed_at IS NULL AND open_id > @after
 ORDER BY open_id LIMIT @size)
UNION ALL
(SELECT open_id, 1 FROM directory.users
 WHERE tenant_key = @tenant_key AND removed_at IS NULL AND open_id <= @after
 ORDER BY open_id LIMIT @size)
ORDER BY round, open_id
LIMIT @size`

const pickDepartments = `
(SELECT open_department_id, 0 AS round FROM directory.departments
 WHERE tenant_key = @tenant_key AND removed_at IS NULL AND open_department_id > @after AND open_department_id <> @root
 ORDER BY open_department_id LIMIT @size)
UNION ALL
(SELECT open_department_id, 1 FROM directory.departments
 WHERE tenant_key = @tenant_key AND removed_at IS NULL AND open_department_id <= @after AND open_department_id <> @root
 ORDER BY open_department_id LIMIT @size)
ORDER BY round, open_department_id
LIMIT @size`

// Whoever is queued already is read again for a better reason.
const queueSample = `
INSERT INTO mirror.reread_queue (tenant_key, entity_kind, entity_id, reasons, not_before, position)
SELECT @tenant_key, @kind, unnest(@ids::text[]), ARRAY[@reason], @now, 0
ON CONFLICT DO NOTHING`

const moveSample = `
INSERT INTO mirror.sample (tenant_key, entity_kind, after_id, sampled_at, entities)
VALUES (@tenant_key, @kind, @after, @now, @entities)
ON CONFLICT (tenant_key, entity_kind) DO UPDATE SET
    after_id = excluded.after_id, sampled_at = excluded.sampled_at, entities = mirror.sample.entities + excluded.entities`

// sample queues the next entities of each kind, if an hour has passed.
func (d *Drift) sample(ctx context.Context, now time.Time) error {
	for _, kind := range removalKinds {
		pick := postgres.InOneGeneration(pickUsers)
		if kind == directory.KindDepartment {
			pick = postgres.InOneGeneration(pickDepartments)
		}
		err := pgx.BeginFunc(ctx, d.cfg.Pool, func(tx pgx.Tx) error { return d.sampleKind(ctx, tx, kind, pick, now) })
		if err != nil {
			return fmt.Errorf("sample the %ss: %w", kind, err)
		}
	}
	return nil
}

func (d *Drift) sampleKind(ctx context.Context, tx pgx.Tx, kind directory.Kind, pick string, now time.Time) error {
	args := pgx.NamedArgs{
		"tenant_key": d.cfg.TenantKey, "kind": string(kind), "root": directory.RootDepartmentID,
		"size": sampleSize, "reason": reasonSample, "now": now,
	}
	var after string
	var at time.Time
	err := tx.QueryRow(ctx, selectSampled, args).Scan(&after, &at)
	if errors.Is(err, pgx.ErrNoRows) { // it begins in an hour: what has just been walked need not be
		args["after"], args["entities"] = "", 0
		_, err = tx.Exec(ctx, moveSample, args)
		return err
	}
	if err != nil || now.Sub(at) < sampleEvery {
		return err
	}
	args["after"] = after
	rows, err := tx.Query(ctx, pick, args)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id string, err error) {
		var round int
		err = row.Scan(&id, &round)
		return id, err
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	args["ids"], args["after"], args["entities"] = ids, ids[len(ids)-1], len(ids)
	for _, sql := range []string{queueSample, moveSample} {
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return nil
}
