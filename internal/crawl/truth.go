package crawl

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// coreConsumer is the checkpoint of the tables that truth reads.
const coreConsumer = "core"

// The true state of an entity is what the projector has folded plus the records
// that it has not reached. The two are read one after the other: the log only
// grows, so what follows the first one's checkpoint follows it exactly.
const selectStates = `
SELECT coalesce(c.position, 0), k.id, f.state
FROM unnest(@ids::text[]) AS k (id)
LEFT JOIN mirror.checkpoint c ON c.consumer = @consumer
LEFT JOIN directory.fold_state f ON f.tenant_key = @tenant_key AND f.entity_kind = @kind AND f.entity_id = k.id`

const selectTail = `
SELECT l.position, l.recorded_at, l.occurred_at, l.tenant_key, l.app_id, l.event_id, l.event_type, l.schema_version,
       l.source, l.entity_kind, l.entity_id, l.correlation_id, l.payload
FROM unnest(@ids::text[]) AS k (id)
JOIN mirror.event_log l ON l.tenant_key = @tenant_key AND l.entity_kind = @kind AND l.entity_id = k.id
WHERE l.position > @position
ORDER BY l.position`

// truth returns the true states of some entities of one kind, new ones for
// those that nobody has heard of.
func truth(ctx context.Context, pool *pgxpool.Pool, tenantKey string, kind directory.Kind, ids []string) (map[string]*directory.State, error) {
	states := make(map[string]*directory.State, len(ids))
	if len(ids) == 0 {
		return states, nil
	}
	args := pgx.NamedArgs{"ids": ids, "consumer": coreConsumer, "tenant_key": tenantKey, "kind": string(kind)}
	var position directory.Position
	var id string
	var raw *string
	// Planned anew each time: a plan kept from when the log was empty reads all of it.
	rows, err := pool.Query(ctx, selectStates, pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return nil, fmt.Errorf("read the states of %d %ss: %w", len(ids), kind, err)
	}
	_, err = pgx.ForEachRow(rows, []any{&position, &id, &raw}, func() error {
		key := directory.Key{TenantKey: tenantKey, Kind: kind, ID: id}
		states[id] = directory.NewState(key)
		if raw == nil {
			return nil
		}
		state, err := directory.UnmarshalState(key, []byte(*raw))
		states[id] = state
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of %d %ss: %w", len(ids), kind, err)
	}
	args["position"] = int64(position)
	if err := foldTail(ctx, pool, args, states); err != nil {
		return nil, fmt.Errorf("read what the log says of %d %ss after %d: %w", len(ids), kind, position, err)
	}
	return states, nil
}

func foldTail(ctx context.Context, pool *pgxpool.Pool, args pgx.NamedArgs, states map[string]*directory.State) error {
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
		for _, c := range directory.Decode(r).Changes {
			if state := states[c.Key.ID]; state != nil && state.Key == c.Key {
				state.Apply(c)
			}
		}
		return nil
	})
	return err
}
