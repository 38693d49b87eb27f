package crawl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// rereadWorkers is how many calls for re-reads are under way at once.
const rereadWorkers = 4

// queued is a row of mirror.reread_queue.
type queued struct {
	kind      directory.Kind
	id        string
	reasons   []string
	notBefore time.Time
	position  directory.Position
}

const selectDue = `
SELECT entity_kind, entity_id, reasons, not_before, position
FROM mirror.reread_queue
WHERE tenant_key = @tenant_key AND entity_kind = ANY (@kinds::text[]) AND not_before <= @now
ORDER BY not_before, entity_kind, entity_id
LIMIT @limit`

// passing is one pass over the queue.
type passing struct {
	*Rereader
	origin directory.Origin
	pace   *pace
}

// pass asks for what is due, until nothing is or the lock has been held for
// long enough.
func (r *Rereader) pass(ctx context.Context, pace *pace) error {
	p := &passing{Rereader: r, pace: pace, origin: directory.Origin{
		TenantKey: r.cfg.TenantKey, AppID: r.cfg.AppID, Source: directory.SourceReread, CorrelationID: uuid.NewString(),
	}}
	for until := time.Now().Add(passFor); time.Now().Before(until); {
		kinds, _ := r.kinds()
		rows, err := p.due(ctx, kinds)
		if err != nil {
			return fmt.Errorf("read the re-read queue: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		if err := p.settleAll(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

func (r *passing) due(ctx context.Context, kinds []string) ([]queued, error) {
	rows, err := r.cfg.Pool.Query(ctx, selectDue, pgx.NamedArgs{
		"tenant_key": r.cfg.TenantKey, "kinds": kinds, "now": r.cfg.Client.Now(), "limit": 2 * rereadWorkers * feishu.PageSize,
	})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (q queued, err error) {
		err = row.Scan(&q.kind, &q.id, &q.reasons, &q.notBefore, &q.position)
		return q, err
	})
}

// settleAll settles rows kind by kind, as many at a time as a batch takes. A kind
// that fails rests, and keeps no other from being asked for.
func (r *passing) settleAll(ctx context.Context, rows []queued) error {
	byKind := map[directory.Kind][]queued{}
	for _, q := range rows {
		kind := q.kind
		if kind == directory.KindCustomAttribute {
			kind = directory.KindCustomAttrSetting // one list tells of both
		}
		byKind[kind] = append(byKind[kind], q)
	}
	group := errgroup.Group{}
	group.SetLimit(rereadWorkers)
	errs := make([]error, 0, len(rows))
	failed := make(chan error, len(rows))
	for kind, rows := range byKind {
		for chunk := range slices.Chunk(rows, feishu.PageSize) {
			group.Go(func() error {
				if err := r.settle(ctx, kind, chunk); err != nil {
					for _, q := range chunk {
						r.rest(q.kind)
					}
					failed <- err
					return nil
				}
				r.rested(kind)
				return nil
			})
		}
	}
	_ = group.Wait() // they tell by the channel
	close(failed)
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// settle asks for a few entities of one kind, appends what is new, and strikes
// them off.
func (r *passing) settle(ctx context.Context, kind directory.Kind, rows []queued) error {
	g := &rereading{}
	var at time.Time // of a list's first request
	var err error
	switch kind {
	case directory.KindUser, directory.KindDepartment:
		g, err = r.entities(ctx, kind, rows)
	case directory.KindEmployeeType:
		at, g.records, err = r.definitions().employeeTypes(ctx)
	default:
		at, g.records, err = r.definitions().customAttributes(ctx)
	}
	if err != nil {
		return err
	}
	if len(g.records) > 0 {
		if _, err := r.cfg.Log.Append(ctx, g.records...); err != nil {
			return fmt.Errorf("append %d re-reads: %w", len(g.records), err)
		}
	}
	if len(g.below) > 0 {
		if _, err := r.cfg.Below(ctx, g.below...); err != nil {
			return fmt.Errorf("read what is below %d departments: %w", len(g.below), err)
		}
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(q queued) bool {
		return g.outcomes[q.id] == outcomeEarly || g.outcomes == nil && at.Before(q.notBefore)
	})
	if err := r.strike(ctx, rows); err != nil {
		return fmt.Errorf("strike off %d re-reads: %w", len(rows), err)
	}
	for _, q := range rows {
		o := g.outcomes[q.id]
		if o == "" {
			o = outcomeListed
		}
		r.metrics.done(q, o)
	}
	return nil
}

func (r *passing) definitions() *definitions {
	return &definitions{client: r.cfg.Client, pool: r.cfg.Pool, tenantKey: r.cfg.TenantKey, origin: r.origin, pace: r.pace}
}

// Whoever was asked for again since stays.
const strikeOff = `
DELETE FROM mirror.reread_queue q
USING unnest(@kinds::text[], @ids::text[], @not_befores::timestamptz[], @positions::bigint[])
      AS d (entity_kind, entity_id, not_before, position)
WHERE q.tenant_key = @tenant_key AND q.entity_kind = d.entity_kind AND q.entity_id = d.entity_id
  AND q.not_before = d.not_before AND q.position = d.position`

func (r *passing) strike(ctx context.Context, rows []queued) error {
	if len(rows) == 0 {
		return nil
	}
	var kinds, ids []string
	var notBefores []time.Time
	var positions []int64
	for _, q := range rows {
		kinds, ids = append(kinds, string(q.kind)), append(ids, q.id)
		notBefores, positions = append(notBefores, q.notBefore), append(positions, int64(q.position))
	}
	_, err := r.cfg.Pool.Exec(ctx, strikeOff, pgx.NamedArgs{
		"tenant_key": r.cfg.TenantKey, "kinds": kinds, "ids": ids, "not_befores": notBefores, "positions": positions,
	})
	return err
}
