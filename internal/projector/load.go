package projector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// What is loaded here is read outside the page's transaction. It can only be
// stale if somebody else moved the checkpoint since, or swapped the generation,
// and then the page's own move fails and everything is loaded again.

const loadStates = `
SELECT f.tenant_key, f.entity_kind, f.entity_id, f.state, f.valid_from
FROM unnest(@tenants::text[], @kinds::text[], @ids::text[]) AS k (tenant_key, entity_kind, entity_id)
JOIN directory.fold_state f USING (tenant_key, entity_kind, entity_id)`

// load loads what a page's records and changes are about, in one round trip: the
// turn of the generation, the entities that are not in the map yet as nil, new
// where nothing is stored, and when the last complete sweep of each tenant began.
func (p *Projector) load(ctx context.Context, f *folded, entities map[directory.Key]*entity) (swept map[string]time.Time, err error) {
	b := &pgx.Batch{}
	p.queueSettings(b, f.page.To)
	p.queueTurn(b, &f.turn)
	p.queueEntities(b, entities)
	swept = map[string]time.Time{}
	p.queueSweeps(b, f.page, swept)
	if err := p.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("load %d entities: %w", len(entities), err)
	}
	return swept, nil
}

func (p *Projector) queueEntities(b *pgx.Batch, entities map[directory.Key]*entity) {
	if len(entities) == 0 {
		return
	}
	var tenants, kinds, ids []string
	for _, k := range slices.SortedFunc(maps.Keys(entities), compareKeys) {
		entities[k] = &entity{state: directory.NewState(k), edges: newEdges(nil)}
		tenants, kinds, ids = append(tenants, k.TenantKey), append(kinds, string(k.Kind)), append(ids, k.ID)
	}
	b.Queue(p.sql(loadStates), pgx.NamedArgs{"tenants": tenants, "kinds": kinds, "ids": ids}).Query(func(rows pgx.Rows) error {
		var key directory.Key
		var raw []byte
		var validFrom *time.Time
		_, err := pgx.ForEachRow(rows, []any{&key.TenantKey, &key.Kind, &key.ID, &raw, &validFrom}, func() error {
			state, err := directory.UnmarshalState(key, raw)
			if err != nil {
				return err
			}
			e := &entity{state: state, edges: newEdges(nil), named: directory.NamesOf(state)}
			if validFrom != nil {
				e.stored, e.validFrom = true, *validFrom
				e.edges = newEdges(openEdges(state))
			}
			entities[key] = e
			return nil
		})
		return err
	})
}

// openEdges are the edges that history has open for a stored state: they are
// made from it and from nothing else.
func openEdges(s *directory.State) map[string]edge {
	switch s.Key.Kind {
	case directory.KindUser:
		return memberships(directory.UserOf(s))
	case directory.KindDepartment:
		return leaders(directory.DepartmentOf(s))
	default:
		return nil
	}
}

const loadLastSweeps = `
SELECT tenant_key, max(started_at)
FROM directory.sweeps
WHERE tenant_key = ANY (@tenants::text[]) AND completed_at IS NOT NULL
GROUP BY tenant_key`

func (p *Projector) queueSweeps(b *pgx.Batch, page eventlog.Page, swept map[string]time.Time) {
	seen := map[string]bool{}
	var tenants []string
	for _, r := range page.Records {
		if !seen[r.TenantKey] {
			seen[r.TenantKey] = true
			tenants = append(tenants, r.TenantKey)
		}
	}
	b.Queue(p.sql(loadLastSweeps), pgx.NamedArgs{"tenants": tenants}).Query(func(rows pgx.Rows) error {
		var tenant string
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&tenant, &at}, func() error {
			swept[tenant] = at
			return nil
		})
		return err
	})
}

const loadPlaces = `
SELECT open_department_id, coalesce(parent_department_id, ''), removed_at IS NULL, path, depth
FROM directory.departments
WHERE tenant_key = @tenant_key`

// replant draws the tree of each tenant again of which department rows are
// written in this page, since a row holds its place, and notes which others it
// moved.
func (p *Projector) replant(ctx context.Context, f *folded) error {
	tenants := map[string]bool{}
	touched := map[directory.Key]*entity{}
	for _, e := range f.entities {
		if e.state.Key.Kind != directory.KindDepartment || !e.state.Known() {
			continue
		}
		touched[e.state.Key] = e
		tenants[e.state.Key.TenantKey] = tenants[e.state.Key.TenantKey] || e.row
	}
	for tenant, moved := range tenants {
		if !moved {
			continue
		}
		if err := p.replantTenant(ctx, f, tenant, touched); err != nil {
			return err
		}
	}
	return nil
}

func (p *Projector) replantTenant(ctx context.Context, f *folded, tenant string, touched map[directory.Key]*entity) error {
	rows, err := p.db.Query(ctx, p.sql(loadPlaces), pgx.NamedArgs{"tenant_key": tenant})
	if err != nil {
		return err
	}
	var nodes []directory.Node
	stored := map[string]directory.Place{}
	var node directory.Node
	var place directory.Place
	_, err = pgx.ForEachRow(rows, []any{&node.ID, &node.ParentID, &node.Exists, &place.Path, &place.Depth}, func() error {
		stored[node.ID] = place
		if touched[directory.Key{TenantKey: tenant, Kind: directory.KindDepartment, ID: node.ID}] == nil {
			nodes = append(nodes, node)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, e := range touched {
		if key.TenantKey == tenant {
			nodes = append(nodes, e.node())
		}
	}
	for id, place := range directory.Tree(nodes) {
		if e := touched[directory.Key{TenantKey: tenant, Kind: directory.KindDepartment, ID: id}]; e != nil && e.row {
			e.place = place // written with the row
			continue
		}
		// Moved by others: the place alone, not the row's own position.
		if was, ok := stored[id]; ok && was != place {
			f.places = append(f.places, placeRow{TenantKey: tenant, OpenDepartmentID: id, Path: place.Path, Depth: place.Depth})
		}
	}
	slices.SortFunc(f.places, func(a, b placeRow) int { return strings.Compare(a.Path, b.Path) })
	return nil
}
