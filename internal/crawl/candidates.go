package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// setState is what has become of a set of candidates.
type setState string

const (
	setHeld       setState = "held"       // waits for approval; no call is spent on it
	setProving    setState = "proving"    // Feishu is asked for each
	setDone       setState = "done"       // all asked for
	setRejected   setState = "rejected"   // somebody said no
	setSuperseded setState = "superseded" // a later sweep looked again
)

// removalKinds are in the order in which their sets are made: whoever is in a
// department that turns out to be there must not become a candidate.
var removalKinds = [...]directory.Kind{directory.KindDepartment, directory.KindUser}

const selectSet = `
SELECT state
FROM mirror.removal_set
WHERE sweep_id = @sweep_id AND entity_kind = @kind`

const countLive = `
SELECT count(*)
FROM mirror.sweep_seen
WHERE sweep_id = @sweep_id AND entity_kind = @kind AND known AND entity_id <> @root`

const insertSet = `
INSERT INTO mirror.removal_set (sweep_id, entity_kind, state, candidates, live, max_removals)
VALUES (@sweep_id, @kind, @state, @candidates, @live, @max_removals)`

const insertCandidates = `
INSERT INTO mirror.removal (sweep_id, entity_kind, entity_id)
SELECT @sweep_id, @kind, unnest(@ids::text[])`

// setOf returns the state of a sweep's set of one kind, and makes the set where
// there is none.
func (c *Crawler) setOf(ctx context.Context, s *sweep, kind directory.Kind) (setState, error) {
	args := pgx.NamedArgs{"sweep_id": s.id, "kind": string(kind), "root": directory.RootDepartmentID}
	var state setState
	if err := c.pool.QueryRow(ctx, selectSet, args).Scan(&state); !errors.Is(err, pgx.ErrNoRows) {
		return state, err
	}
	ids, err := c.candidates(ctx, s, kind)
	if err != nil {
		return "", err
	}
	var seen int64
	if err := c.pool.QueryRow(ctx, countLive, args).Scan(&seen); err != nil {
		return "", err
	}
	candidates := int64(len(ids))
	live := seen + candidates
	switch {
	case candidates == 0:
		state = setDone
	case c.cfg.MaxRemovals.holds(candidates, live):
		state = setHeld
	default:
		state = setProving
	}
	args["state"], args["candidates"], args["live"], args["max_removals"] = string(state), candidates, live, c.cfg.MaxRemovals.of(live)
	args["ids"] = ids
	err = pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertSet, args); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertCandidates, args)
		return err
	})
	if state == setHeld {
		c.logger.WarnContext(ctx, "removals are held for approval", slog.String("sweep_id", s.id), slog.String("kind", string(kind)),
			slog.Int64("candidates", candidates), slog.Int64("live", live))
	}
	return state, err
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
// The root is always there, seen or not.
func (c *Crawler) candidates(ctx context.Context, s *sweep, kind directory.Kind) ([]string, error) {
	rows, err := c.pool.Query(ctx, postgres.InOneGeneration(selectUnseen), pgx.QueryExecModeCacheDescribe, pgx.NamedArgs{
		"sweep_id": s.id, "tenant_key": c.cfg.TenantKey, "kind": string(kind), "consumer": coreConsumer,
	})
	if err != nil {
		return nil, err
	}
	unseen, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	unseen = slices.DeleteFunc(unseen, func(id string) bool { return id == directory.RootDepartmentID })
	var ids []string
	for chunk := range slices.Chunk(unseen, 500) {
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

// remove finds out what became of those whom the walk did not see. Departments
// that are there after all are walked.
func (c *Crawler) remove(ctx context.Context, s *sweep) error {
	for _, kind := range removalKinds {
		state, err := c.setOf(ctx, s, kind)
		if err != nil {
			return fmt.Errorf("find the %ss that were not seen: %w", kind, err)
		}
		if state == setProving {
			if err := c.prove(ctx, s, kind); err != nil {
				return err
			}
		}
		if err := c.walk(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
