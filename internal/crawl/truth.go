package crawl

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// coreConsumer is the checkpoint of the tables that truth reads.
const coreConsumer = "core"

// The true state of an entity is what the projector has folded plus the records
// that it has not reached. The two are read one after the other: the log only
// grows, so what follows the first one's checkpoint follows it exactly. LIMIT
// and OFFSET keep the planner to one look into the index an entity: joined freely
// it read the whole table, forty times as long, for every batch of pages.
const selectStates = `
SELECT coalesce(c.position, 0), k.id, f.state,
       ARRAY (SELECT p.field
              FROM mirror.event_log_parked p
              WHERE p.tenant_key = @tenant_key AND p.entity_kind = @kind AND p.entity_id = k.id)
FROM unnest(@ids::text[]) AS k (id)
LEFT JOIN mirror.checkpoint c ON c.consumer = @consumer
LEFT JOIN LATERAL (SELECT s.state
                   FROM directory.fold_state s
                   WHERE s.tenant_key = @tenant_key AND s.entity_kind = @kind AND s.entity_id = k.id
                   LIMIT 1) f ON true`

const selectTail = `
SELECT l.position, l.recorded_at, l.occurred_at, l.tenant_key, l.app_id, l.event_id, l.event_type, l.schema_version,
       l.source, l.entity_kind, l.entity_id, l.correlation_id, l.payload
FROM unnest(@ids::text[]) AS k (id)
CROSS JOIN LATERAL (SELECT *
                    FROM mirror.event_log e
                    WHERE e.tenant_key = @tenant_key AND e.entity_kind = @kind AND e.entity_id = k.id AND e.position > @position
                    OFFSET 0) l
ORDER BY l.position`

// known is what the mirror knows of an entity.
type known struct {
	*directory.State
	parked map[string]bool // the fields that the log has told to be unreadable
}

// apply folds a record, and reports whether it says anything new: a change, or
// a field that cannot be read and was not told of yet.
func (k *known) apply(d directory.Decoded) (news bool, effect directory.Effect) {
	for _, c := range d.Changes {
		if c.Key == k.Key {
			effect = k.Apply(c)
			news = news || effect.News
		}
	}
	for _, p := range d.Problems {
		if p.Key == k.Key && !k.parked[p.Field] {
			k.parked[p.Field] = true
			news = true
		}
	}
	return news, effect
}

// truth returns what is known of some entities of one kind, new states for
// those that nobody has heard of.
func truth(ctx context.Context, pool *pgxpool.Pool, tenantKey string, kind directory.Kind, ids []string) (map[string]*known, error) {
	entities := make(map[string]*known, len(ids))
	if len(ids) == 0 {
		return entities, nil
	}
	args := pgx.NamedArgs{"ids": ids, "consumer": coreConsumer, "tenant_key": tenantKey, "kind": string(kind)}
	var position directory.Position
	var id string
	var raw *string
	var parked []string
	// Planned anew each time: a plan kept from when the log was empty reads all of it.
	rows, err := pool.Query(ctx, postgres.InOneGeneration(selectStates), pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return nil, fmt.Errorf("read the states of %d %ss: %w", len(ids), kind, err)
	}
	_, err = pgx.ForEachRow(rows, []any{&position, &id, &raw, &parked}, func() error {
		key := directory.Key{TenantKey: tenantKey, Kind: kind, ID: id}
		k := &known{State: directory.NewState(key), parked: make(map[string]bool, len(parked))}
		for _, field := range parked {
			k.parked[field] = true
		}
		entities[id] = k
		if raw == nil {
			return nil
		}
		var err error
		k.State, err = directory.UnmarshalState(key, []byte(*raw))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of %d %ss: %w", len(ids), kind, err)
	}
	args["position"] = int64(position)
	if err := foldTail(ctx, pool, args, entities); err != nil {
		return nil, fmt.Errorf("read what the log says of %d %ss after %d: %w", len(ids), kind, position, err)
	}
	return entities, nil
}

func foldTail(ctx context.Context, pool *pgxpool.Pool, args pgx.NamedArgs, entities map[string]*known) error {
	rows, err := pool.Query(ctx, selectTail, pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return err
	}
	var r directory.Record
	var payload []byte
	_, err = pgx.ForEachRow(rows, []any{
		&r.Position, &r.RecordedAt, &r.OccurredAt, &r.TenantKey, &r.AppID, &r.EventID, &r.EventType, &r.SchemaVersion,
		&r.Source, &r.EntityKind, &r.EntityID, &r.CorrelationID, &payload,
	}, func() error {
		r.Payload = payload
		if k := entities[r.EntityID]; k != nil {
			k.apply(directory.Decode(r))
		}
		return nil
	})
	return err
}
