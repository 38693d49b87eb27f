package crawl

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// secondLook is how far two lists must be apart that prove an absence together.
const secondLook = time.Minute

// settle looks for what the mirror has and a whole list lacks. What two lists lacked
// is gone; what this one is the first to lack is noted.
func (g *polling) settle(ctx context.Context, r *reading) error {
	absent, err := g.absent(ctx, r.kind, r.prefix, r.seen)
	if err != nil {
		return err
	}
	maps.DeleteFunc(absent, func(id string, _ *known) bool { return r.hidden != "" && strings.HasPrefix(id, r.hidden) })
	guarded, err := g.holds(ctx, r, absent)
	if err != nil {
		return err
	}
	held := guarded
	if g.approved {
		held = nil
	}
	if len(held) > 0 {
		g.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "removals are held", slog.String("resource", string(g.resource)),
			slog.String("kind", string(r.kind)), slog.Int("entities", len(held)))
	}
	ripe, err := g.missing(ctx, r, absent, held)
	if err != nil {
		return err
	}
	gone, err := g.remove(ctx, r, ripe, absent)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for id := range guarded {
		if !gone[id] {
			g.guarded++
		}
	}
	return nil
}

// holds returns of what a list lacks that which is not to be believed: all, where it is
// more groups or units than may go, which would be asked for otherwise; and all of what
// cannot be asked for, while nothing else says that there is none any more.
func (g *polling) holds(ctx context.Context, r *reading, absent map[string]*known) (held map[string]*known, err error) {
	is := false
	switch {
	case len(absent) == 0:
	case r.kind == directory.KindGroup, r.kind == directory.KindUnit:
		is = g.cfg.MaxRemovals.holds(int64(len(absent)), int64(len(absent)+len(r.seen)))
		if is && r.kind == directory.KindGroup {
			is, err = g.inRange(ctx, absent)
		}
	case r.kind == directory.KindScopeNode:
		return g.emptiedScope(ctx, r, absent)
	case r.kind == directory.KindCustomAttribute: // the company's switch: they are out of range, and no value is lost
	case len(r.seen) > 0:
	case r.kind == directory.KindGroupMember:
		is, err = g.unexpected(ctx, r)
	case r.kind == directory.KindUnitDepartment:
		is, err = g.stillBound(ctx, absent)
	default:
		is = true
	}
	if is {
		held = absent
	}
	return held, err
}

const selectRange = `
SELECT coalesce((SELECT range FROM mirror.sweep WHERE tenant_key = @tenant_key ORDER BY started_at DESC LIMIT 1), 'all')`

// inRange reports whether the app may see some of the groups that its list lacks, as
// far as another list tells: an app with a part of the company lists those groups that
// are nodes of its range. Of one that sees everybody nothing more is asked.
func (g *polling) inRange(ctx context.Context, absent map[string]*known) (bool, error) {
	var last scope
	if err := g.cfg.Pool.QueryRow(ctx, selectRange, g.args(nil)).Scan(&last); err != nil {
		return false, fmt.Errorf("read the range of the last sweep: %w", err)
	}
	if last == scopeAll {
		return true, nil
	}
	for id := range absent {
		if in, err := g.inScope(ctx, id); in || err != nil {
			return in, err
		}
	}
	return false, nil
}

// unexpected reports whether a group is said to have members of a sort of which its
// list has none.
func (g *polling) unexpected(ctx context.Context, r *reading) (bool, error) {
	group, memberType, _ := strings.Cut(strings.TrimSuffix(r.prefix, "/"), "/")
	states, err := truth(ctx, g.cfg.Pool, g.cfg.TenantKey, directory.KindGroup, []string{group})
	if err != nil {
		return false, err
	}
	of := directory.GroupOf(states[group].State)
	count := of.MemberUserCount
	if memberType == directory.LinkDepartment {
		count = of.MemberDepartmentCount
	}
	return count == nil || *count != 0, nil
}

// stillBound reports whether a department of those that a unit's list lacks is said
// to be bound to the unit none the less.
func (g *polling) stillBound(ctx context.Context, absent map[string]*known) (bool, error) {
	units := map[string]string{} // by department
	for _, state := range absent {
		d := directory.UnitDepartmentOf(state.State)
		units[d.OpenDepartmentID] = d.UnitID
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(units)), judgedAtOnce) {
		states, err := truth(ctx, g.cfg.Pool, g.cfg.TenantKey, directory.KindDepartment, some)
		if err != nil {
			return false, err
		}
		for id, state := range states {
			if !state.Known() || state.Exists() && slices.Contains(directory.DepartmentOf(state.State).UnitIDs, units[id]) {
				return true, nil
			}
		}
	}
	return false, nil
}

// emptiedScope returns the nodes of those sorts of which the app's range lost all, and
// not for the reason that these people or departments or groups are gone.
func (g *polling) emptiedScope(ctx context.Context, r *reading, absent map[string]*known) (map[string]*known, error) {
	kinds := map[string]directory.Kind{
		directory.LinkUser: directory.KindUser, directory.LinkDepartment: directory.KindDepartment, directory.LinkGroup: directory.KindGroup,
	}
	lost := map[string][]string{} // by sort
	for _, state := range absent {
		n := directory.ScopeNodeOf(state.State)
		lost[n.NodeType] = append(lost[n.NodeType], n.NodeID)
	}
	for id := range r.seen {
		of, _, _ := strings.Cut(id, "/")
		delete(lost, of)
	}
	if len(r.seen) > 0 { // of people alone an answer may say nothing
		delete(lost, directory.LinkDepartment)
		delete(lost, directory.LinkGroup)
	}
	held := map[string]*known{}
	for of, ids := range lost {
		states, err := truth(ctx, g.cfg.Pool, g.cfg.TenantKey, kinds[of], ids)
		if err != nil {
			return nil, err
		}
		there := false
		for _, state := range states {
			there = there || !state.Known() || state.Exists()
		}
		for _, id := range ids {
			if key := directory.LinkID(of, id); there {
				held[key] = absent[key]
			}
		}
	}
	return held, nil
}

const selectMissing = `
SELECT entity_id
FROM mirror.poll_missing
WHERE tenant_key = @tenant_key AND entity_kind = @kind AND entity_id = ANY (@absent::text[]) AND entity_id <> ALL (@held::text[]) AND missing_at <= @ripe
ORDER BY entity_id`

const insertMissing = `
INSERT INTO mirror.poll_missing AS m (tenant_key, entity_kind, entity_id, missing_at, hasten)
SELECT @tenant_key, @kind, id, @at, id <> ALL (@held::text[])
FROM unnest(@absent::text[]) AS id
ON CONFLICT (tenant_key, entity_kind, entity_id) DO UPDATE SET hasten = m.hasten AND excluded.hasten`

const deleteMissing = `
DELETE FROM mirror.poll_missing
WHERE tenant_key = @tenant_key AND entity_kind = @kind AND entity_id >= @from AND (@to = '' OR entity_id < @to)
  AND entity_id <> ALL (@absent::text[])`

// keysOf is never nil, which would be NULL.
func keysOf(entities map[string]*known) []string {
	return slices.AppendSeq([]string{}, maps.Keys(entities))
}

const addHeld = `
UPDATE mirror.poll
SET held = held + cardinality(@held::text[])
WHERE tenant_key = @tenant_key AND resource = @resource`

// missing notes what a list lacks, and returns what a list before it lacked, too, and
// is not held.
func (g *polling) missing(ctx context.Context, r *reading, absent, held map[string]*known) (ripe []string, err error) {
	args := g.args(pgx.NamedArgs{
		"kind": string(r.kind), "from": r.prefix, "to": beyond(r.prefix), "at": r.begunAt, "ripe": r.begunAt.Add(-secondLook),
		"absent": keysOf(absent), "held": keysOf(held),
	})
	g.mu.Lock()
	g.done.Held += int64(len(held))
	g.mu.Unlock()
	err = pgx.BeginFunc(ctx, g.cfg.Pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectMissing, args)
		if err != nil {
			return err
		}
		if ripe, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		for _, sql := range []string{insertMissing, deleteMissing, addHeld} {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("note what a list lacks: %w", err)
	}
	return ripe, nil
}
