package crawl

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// judgedAtOnce is how many entities are looked up in one go.
const judgedAtOnce = 500

// note writes what some pages say: first what is new into the log, then the progress.
// Killed in between, they are read again and found to be no news. With a list's last
// page it looks for what the list lacks.
func (g *polling) note(ctx context.Context, r *reading, more bool) error {
	records, unchanged, err := g.news(ctx, r.kind, r.chunk)
	if err != nil {
		return err
	}
	if err := g.append(ctx, records); err != nil {
		return err
	}
	g.mu.Lock()
	g.done.Listed += int64(len(r.chunk))
	g.done.Appended += int64(len(records))
	g.done.Unchanged += int64(unchanged)
	g.mu.Unlock()
	if !more && !r.torn {
		if err := g.settle(ctx, r); err != nil {
			return err
		}
	}
	found := r.leadsTo(r.chunk)
	calls := r.calls
	r.chunk, r.calls = nil, 0
	if more {
		return g.turn(ctx, r, found, calls)
	}
	return g.end(ctx, r.polledList, found, calls)
}

func (g *polling) append(ctx context.Context, records []directory.Record) error {
	if len(records) == 0 {
		return nil
	}
	if _, err := g.cfg.Log.Append(ctx, records...); err != nil {
		return fmt.Errorf("append %d records: %w", len(records), err)
	}
	return nil
}

// news returns the records of what a list says that was not known. All fields of
// these kinds are readable, so what an object lacks is not set any more.
func (g *polling) news(ctx context.Context, kind directory.Kind, all []listed) (records []directory.Record, unchanged int, err error) {
	for some := range slices.Chunk(all, judgedAtOnce) {
		ids := make([]string, len(some))
		for i, l := range some {
			ids[i] = l.id
		}
		states, err := truth(ctx, g.cfg.Pool, g.cfg.TenantKey, kind, ids)
		if err != nil {
			return nil, 0, err
		}
		for _, l := range some {
			record, err := directory.NewObservation(g.origin, kind, l.id, l.at, directory.Observation{
				Object: l.object, Empty: states[l.id].Lacks(l.object), Listed: true, SkewMarginMS: directory.DefaultSkewMargin.Milliseconds(),
			})
			if err != nil {
				return nil, 0, err
			}
			if news, _ := states[l.id].apply(directory.Decode(record)); news {
				records = append(records, record)
			} else {
				unchanged++
			}
		}
	}
	return records, unchanged, nil
}

// The read model names what it has; what the projector has not reached, the log.
const selectKnown = `
SELECT coalesce(c.position, 0), coalesce(f.entity_id, '')
FROM (SELECT) one
LEFT JOIN mirror.checkpoint c ON c.consumer = @consumer
LEFT JOIN directory.fold_state f
       ON f.tenant_key = @tenant_key AND f.entity_kind = @kind AND f.entity_id >= @from AND (@to = '' OR f.entity_id < @to)`

const selectKnownTail = `
SELECT DISTINCT entity_id
FROM mirror.event_log
WHERE tenant_key = @tenant_key AND entity_kind = @kind AND entity_id >= @from AND (@to = '' OR entity_id < @to) AND position > @position`

// absent returns what the mirror has of a kind, of those whose ids begin with a
// prefix, and that was not seen.
func (g *polling) absent(ctx context.Context, kind directory.Kind, prefix string, seen map[string]bool) (map[string]*known, error) {
	ids, err := g.known(ctx, kind, prefix)
	if err != nil {
		return nil, fmt.Errorf("read what is known of kind %s: %w", kind, err)
	}
	maps.DeleteFunc(ids, func(id string, _ bool) bool { return seen[id] })
	all := map[string]*known{}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(ids)), judgedAtOnce) {
		states, err := truth(ctx, g.cfg.Pool, g.cfg.TenantKey, kind, some)
		if err != nil {
			return nil, err
		}
		for id, state := range states {
			if state.Exists() {
				all[id] = state
			}
		}
	}
	return all, nil
}

func (g *polling) known(ctx context.Context, kind directory.Kind, prefix string) (map[string]bool, error) {
	args := g.args(pgx.NamedArgs{"consumer": coreConsumer, "kind": string(kind), "from": prefix, "to": beyond(prefix)})
	ids := map[string]bool{}
	var position int64
	var id string
	rows, err := g.cfg.Pool.Query(ctx, postgres.InOneGeneration(selectKnown), pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return nil, err
	}
	if _, err := pgx.ForEachRow(rows, []any{&position, &id}, func() error {
		ids[id] = true
		return nil
	}); err != nil {
		return nil, err
	}
	args["position"] = position
	if rows, err = g.cfg.Pool.Query(ctx, selectKnownTail, pgx.QueryExecModeCacheDescribe, args); err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		ids[id] = true
		return nil
	})
	delete(ids, "")
	return ids, err
}

// beyond is the first text that comes after all that begin with a prefix; prefixes
// end in "/", which "0" follows. It is empty where nothing does.
func beyond(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix[:len(prefix)-1] + "0"
}

const turnList = `
UPDATE mirror.poll_list
SET page_token = @page_token
WHERE tenant_key = @tenant_key AND resource = @resource AND list = @list`

const endList = `
DELETE FROM mirror.poll_list
WHERE tenant_key = @tenant_key AND resource = @resource AND list = @list`

const addCalls = `
UPDATE mirror.poll
SET calls = calls + @calls
WHERE tenant_key = @tenant_key AND resource = @resource`

// turn notes how far a list has been read, and what lists were found on it.
func (g *polling) turn(ctx context.Context, r *reading, found []string, calls int64) error {
	return g.progress(ctx, turnList, g.args(pgx.NamedArgs{"list": r.name, "page_token": r.token, "lists": found, "calls": calls}))
}

// end strikes a list off.
func (g *polling) end(ctx context.Context, l polledList, found []string, calls int64) error {
	return g.progress(ctx, endList, g.args(pgx.NamedArgs{"list": l.name, "lists": found, "calls": calls}))
}

func (g *polling) progress(ctx context.Context, sql string, args pgx.NamedArgs) error {
	err := pgx.BeginFunc(ctx, g.cfg.Pool, func(tx pgx.Tx) error {
		for _, sql := range []string{insertLists, sql, addCalls} {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the progress of a poll: %w", err)
	}
	return nil
}
