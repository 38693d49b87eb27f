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
	var records []directory.Record
	var outcomes map[string]outcome
	var at time.Time // of a list's first request
	var err error
	switch kind {
	case directory.KindUser, directory.KindDepartment:
		records, outcomes, err = r.entities(ctx, kind, rows)
	case directory.KindEmployeeType:
		at, records, err = r.definitions().employeeTypes(ctx)
	default:
		at, records, err = r.definitions().customAttributes(ctx)
	}
	if err != nil {
		return err
	}
	if len(records) > 0 {
		if _, err := r.cfg.Log.Append(ctx, records...); err != nil {
			return fmt.Errorf("append %d re-reads: %w", len(records), err)
		}
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(q queued) bool {
		return outcomes[q.id] == outcomeEarly || outcomes == nil && at.Before(q.notBefore)
	})
	if err := r.strike(ctx, rows); err != nil {
		return fmt.Errorf("strike off %d re-reads: %w", len(rows), err)
	}
	for _, q := range rows {
		o := outcomes[q.id]
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

// entities asks for people or departments.
func (r *passing) entities(ctx context.Context, kind directory.Kind, rows []queued) ([]directory.Record, map[string]outcome, error) {
	ids := make([]string, len(rows))
	for i, q := range rows {
		ids[i] = q.id
	}
	answers, err := r.ask(ctx, kind, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("read %d %ss again: %w", len(ids), kind, err)
	}
	states, err := truth(ctx, r.cfg.Pool, r.cfg.TenantKey, kind, ids)
	if err != nil {
		return nil, nil, err
	}
	closed, err := attrsClosed(ctx, r.cfg.Pool, r.cfg.TenantKey)
	if err != nil {
		return nil, nil, err
	}
	seen := evidenceOf(kind, answers, closed)
	outcomes := make(map[string]outcome, len(rows))
	var records []directory.Record
	for _, q := range rows {
		a := answers[q.id]
		// Until its first answer the client does not know Feishu's clock.
		if a.at.Before(q.notBefore) {
			outcomes[q.id] = outcomeEarly
			continue
		}
		record, o, err := judge(r.origin, states[q.id], a, seen)
		if err != nil {
			return nil, nil, err
		}
		outcomes[q.id] = o
		if record != nil {
			records = append(records, *record)
		}
	}
	return records, outcomes, nil
}

// judge says what an answer comes to, and returns its record where it says
// anything new.
func judge(origin directory.Origin, entity *known, a answer, seen evidence) (*directory.Record, outcome, error) {
	kind, id := entity.Key.Kind, entity.Key.ID
	var record directory.Record
	var err error
	switch {
	case a.object != nil:
		record, err = directory.NewObservation(origin, kind, id, a.at, directory.Observation{
			Object: a.object, Empty: seen.empty(kind, a.object), SkewMarginMS: directory.DefaultSkewMargin.Milliseconds(),
		})
	case a.outcome == outcomeGone && entity.Exists():
		record, err = directory.NewMissing(origin, kind, id, a.at, directory.Missing{Reason: directory.ReasonDeleted})
	default:
		return nil, a.outcome, nil
	}
	if err != nil {
		return nil, "", err
	}
	existed := entity.Exists()
	news, _ := entity.apply(directory.Decode(record))
	switch {
	case !news:
		return nil, outcomeUnchanged, nil
	case existed && !entity.Exists():
		return &record, outcomeGone, nil
	default:
		return &record, outcomeChanged, nil
	}
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
