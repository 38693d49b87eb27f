package crawl

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// course is what drift has to know of the log up to a position.
type course struct {
	at    directory.Position
	begun map[string]entry // how sweeps began that are not complete
	// complete are the last two sweeps, the newest first: what is removed on
	// approval bears the id of a sweep that was complete long before.
	complete [2]walked
	// first is the correlation of what was read first of a kind.
	first map[directory.Kind]string
}

// walked is a complete sweep.
type walked struct {
	id    string
	begun entry
}

const selectMarks = `
SELECT position, recorded_at, occurred_at, event_type, source, entity_kind, entity_id, correlation_id
FROM mirror.event_log
WHERE tenant_key = @tenant_key AND position <= @from
  AND entity_kind = @sweeps
ORDER BY position`

const selectFirst = `
SELECT DISTINCT ON (entity_kind)
       position, recorded_at, occurred_at, event_type, source, entity_kind, entity_id, correlation_id
FROM mirror.event_log
WHERE tenant_key = @tenant_key AND position <= @from AND entity_kind IN (@types, @attributes) AND event_type LIKE 'mirror.%'
ORDER BY entity_kind, position`

// readCourse reads it once; from then on it goes with the pages.
func readCourse(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, from directory.Position) (*course, error) {
	c := &course{at: from, begun: map[string]entry{}, first: map[directory.Kind]string{}}
	args["sweeps"] = string(directory.KindSweep)
	args["types"], args["attributes"] = string(directory.KindEmployeeType), string(directory.KindCustomAttribute)
	for _, sql := range []string{selectMarks, selectFirst} {
		rows, err := tx.Query(ctx, sql, args)
		if err != nil {
			return nil, fmt.Errorf("read the sweeps of the log: %w", err)
		}
		entries, err := pgx.CollectRows(rows, scanEntry)
		if err != nil {
			return nil, fmt.Errorf("read the sweeps of the log: %w", err)
		}
		for _, e := range entries {
			c.pass(e)
		}
	}
	c.at = from
	return c, nil
}

// pass goes on by one record.
func (c *course) pass(e entry) {
	c.at = e.position
	switch {
	case e.eventType == directory.EventSweepStarted:
		c.begun[e.id] = e
	case e.eventType == directory.EventSweepCompleted:
		c.complete = [2]walked{{id: e.id, begun: c.begun[e.id]}, c.complete[0]}
		delete(c.begun, e.id)
	case e.ours():
		if _, read := c.first[e.kind]; !read {
			c.first[e.kind] = e.correlation
		}
	}
}

// lookBefore is the last complete sweep before a record, other than its own.
func (c *course) lookBefore(e entry) (begun entry, ok bool) {
	for _, w := range c.complete {
		if w.id != "" && w.id != e.correlation {
			return w.begun, true
		}
	}
	return entry{}, false
}

// found returns the records of a page that are drift.
func (c *course) found(ctx context.Context, tx pgx.Tx, tenantKey string, page []entry) ([]entry, error) {
	type finding struct{ found, since entry } // since is how the sweep before it began
	var findings []finding
	var kinds, ids []string
	for _, e := range page {
		since, swept := c.lookBefore(e)
		newKind := c.first[e.kind] == "" || c.first[e.kind] == e.correlation
		definition := e.kind == directory.KindEmployeeType || e.kind == directory.KindCustomAttribute
		if e.findable() && swept && (!definition || !newKind) {
			findings = append(findings, finding{e, since})
			kinds, ids = append(kinds, string(e.kind)), append(ids, e.id)
		}
		c.pass(e)
	}
	c.at = page[len(page)-1].position
	if len(findings) == 0 {
		return nil, nil
	}
	histories, err := readHistories(ctx, tx, tenantKey, kinds, ids)
	if err != nil {
		return nil, err
	}
	all, err := readAnnouncements(ctx, tx, tenantKey)
	if err != nil {
		return nil, err
	}
	var drift []entry
	for _, f := range findings {
		if unannounced(f.found, f.since, histories[directory.Key{Kind: f.found.kind, ID: f.found.id}], all) {
			drift = append(drift, f.found)
		}
	}
	return drift, nil
}

// The same entity may be asked for twice.
const selectHistories = `
SELECT l.position, l.recorded_at, l.occurred_at, l.event_type, l.source, l.entity_kind, l.entity_id, l.correlation_id
FROM (SELECT DISTINCT kind, id FROM unnest(@kinds::text[], @ids::text[]) AS k (kind, id)) k
CROSS JOIN LATERAL (SELECT *
                    FROM mirror.event_log e
                    WHERE e.tenant_key = @tenant_key AND e.entity_kind = k.kind AND e.entity_id = k.id
                    OFFSET 0) l
ORDER BY l.position`

func readHistories(ctx context.Context, tx pgx.Tx, tenantKey string, kinds, ids []string) (map[directory.Key][]entry, error) {
	rows, err := tx.Query(ctx, selectHistories, pgx.QueryExecModeCacheDescribe, pgx.NamedArgs{"tenant_key": tenantKey, "kinds": kinds, "ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read the records of %d entities: %w", len(ids), err)
	}
	all, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("read the records of %d entities: %w", len(ids), err)
	}
	histories := map[directory.Key][]entry{}
	for _, e := range all {
		key := directory.Key{Kind: e.kind, ID: e.id}
		histories[key] = append(histories[key], e)
	}
	return histories, nil
}

const selectAnnouncements = `
SELECT position, recorded_at, occurred_at, event_type, source, entity_kind, entity_id, correlation_id
FROM mirror.event_log
WHERE tenant_key = @tenant_key AND entity_kind IN (@scope, @settings)`

// readAnnouncements returns the events that tell of more than one entity: there
// are few of them.
func readAnnouncements(ctx context.Context, tx pgx.Tx, tenantKey string) ([]entry, error) {
	rows, err := tx.Query(ctx, selectAnnouncements, pgx.QueryExecModeCacheDescribe, pgx.NamedArgs{
		"tenant_key": tenantKey, "scope": string(directory.KindScope), "settings": string(directory.KindCustomAttrSetting),
	})
	if err != nil {
		return nil, fmt.Errorf("read the changes of the range: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("read the changes of the range: %w", err)
	}
	return all, nil
}

// unannounced reports whether nobody told of what was found: history are the
// entity's records, all are events that tell of every entity, since is how the
// last complete sweep began.
func unannounced(found, since entry, history, all []entry) bool {
	look := since
	for _, e := range history {
		switch {
		case e.position >= found.position || !e.ours():
		case e.correlation == found.correlation:
			return false // the same sweep found it before, and it was judged then
		case e.position > look.position:
			look = e
		}
	}
	for _, e := range append(all[:len(all):len(all)], history...) {
		if e.ours() || e.occurredAt.After(found.occurredAt.Add(clockPlay)) || e.recordedAt.After(found.recordedAt.Add(driftGrace)) {
			continue
		}
		if e.position > look.position || !e.occurredAt.Before(look.occurredAt.Add(-2*clockPlay)) {
			return false
		}
	}
	return true
}

// clockPlay is how far Feishu's servers may be apart. An event that an answer
// could not win against, for that reason, may be told by the next one.
const clockPlay = directory.DefaultSkewMargin
