package projector

import (
	"context"
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

// load returns a working entity for each key, new where nothing is stored.
func (p *Projector) load(ctx context.Context, keys []directory.Key) (map[directory.Key]*entity, error) {
	entities := make(map[directory.Key]*entity, len(keys))
	if len(keys) == 0 {
		return entities, nil
	}
	var tenants, kinds, ids []string
	for _, k := range keys {
		entities[k] = &entity{state: directory.NewState(k), edges: newEdges(nil)}
		tenants, kinds, ids = append(tenants, k.TenantKey), append(kinds, string(k.Kind)), append(ids, k.ID)
	}
	// Planned anew each time: a plan kept from when the table was empty reads all of it.
	rows, err := p.db.Query(ctx, p.sql(loadStates), pgx.QueryExecModeCacheDescribe, pgx.NamedArgs{"tenants": tenants, "kinds": kinds, "ids": ids})
	if err != nil {
		return nil, err
	}
	var key directory.Key
	var raw []byte
	var validFrom *time.Time
	_, err = pgx.ForEachRow(rows, []any{&key.TenantKey, &key.Kind, &key.ID, &raw, &validFrom}, func() error {
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
	return entities, err
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

// loadSweeps returns when the last complete sweep of each tenant began.
func (p *Projector) loadSweeps(ctx context.Context, page eventlog.Page) (map[string]time.Time, error) {
	seen := map[string]bool{}
	var tenants []string
	for _, r := range page.Records {
		if !seen[r.TenantKey] {
			seen[r.TenantKey] = true
			tenants = append(tenants, r.TenantKey)
		}
	}
	swept := map[string]time.Time{}
	rows, err := p.db.Query(ctx, p.sql(loadLastSweeps), pgx.NamedArgs{"tenants": tenants})
	if err != nil {
		return nil, err
	}
	var tenant string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&tenant, &at}, func() error {
		swept[tenant] = at
		return nil
	})
	return swept, err
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
