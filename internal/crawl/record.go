package crawl

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// record writes what a batch of pages says: first the observations that change
// something into the log, then the progress. Killed in between, the pages are
// fetched again and found to change nothing.
func (c *Crawler) record(ctx context.Context, s *sweep, batch []result) error {
	p := s.progressOf(batch)
	if p.unreadable > 0 {
		c.logger.WarnContext(ctx, "list items without a usable id were left out", slog.Int("items", p.unreadable))
	}
	records, err := c.news(ctx, s, p, true)
	if err != nil {
		return err
	}
	if len(records) > 0 {
		if _, err := c.log.Append(ctx, records...); err != nil {
			return fmt.Errorf("append %d observations: %w", len(records), err)
		}
	}
	return c.tick(ctx, s, p, len(records))
}

// progress is what a batch of pages adds to a sweep.
type progress struct {
	sightings  []sighting
	counts     map[string]departmentCount // where the counts are all that is new
	turns      []turn                     // one for each result
	found      []task                     // lists that the pages led to
	nested     []string                   // departments whose own subtrees need not be read any more
	unreadable int
	verdicts   func(context.Context, pgx.Tx) error // nil but where candidates are judged
}

// turn moves one list on.
type turn struct {
	task     // with the page to ask for next
	done     bool
	restart  bool
	refused  bool
	listings int // usable items on the page
}

type departmentCount struct{ members, primary *int64 }

func (s *sweep) progressOf(batch []result) *progress {
	p := &progress{counts: map[string]departmentCount{}}
	for _, r := range batch {
		before := len(p.sightings)
		var departments []string
		for _, o := range r.objects {
			departments = append(departments, p.see(o)...)
		}
		for i := before; r.task.listing == listIndependent && i < len(p.sightings); i++ {
			p.sightings[i].historic = true
		}
		if r.task.listing == listSubtree || r.task.listing == listChildren {
			p.nested = append(p.nested, s.nestedIn(departments)...)
		} else {
			s.weigh(p.sightings[before:])
		}
		rest, found := r.follow(departments)
		p.found = append(p.found, found...)
		t := turn{task: r.task, done: rest == nil, restart: r.restart, refused: r.refused}
		if r.stall.pages == 0 { // else it is the last page again
			t.listings = len(p.sightings) - before
		}
		if rest != nil {
			t.task = *rest
		}
		p.turns = append(p.turns, t)
	}
	return p
}

const insertSeen = `
INSERT INTO mirror.sweep_seen (sweep_id, entity_kind, entity_id, seen_at, known, member_count, primary_member_count)
SELECT @sweep_id, e.kind, e.id, e.at, e.known, e.members, e.primary_members
FROM unnest(@kinds::text[], @ids::text[], @ats::timestamptz[], @knowns::boolean[], @members::bigint[], @primaries::bigint[])
     AS e (kind, id, at, known, members, primary_members)
ON CONFLICT DO NOTHING
RETURNING entity_kind, entity_id`

const turnPage = `
UPDATE mirror.sweep_task t
SET page_token = n.page_token, done = n.done, refused = n.refused,
    items = CASE WHEN n.restart THEN 0 ELSE t.items + n.items END
FROM unnest(@listings::text[], @department_ids::text[], @page_tokens::text[], @dones::boolean[], @restarts::boolean[],
            @refuseds::boolean[], @items::integer[])
     AS n (listing, department_id, page_token, done, restart, refused, items)
WHERE t.sweep_id = @sweep_id AND t.listing = n.listing AND t.department_id = n.department_id`

const insertFound = insertTask + `
RETURNING listing, department_id`

const finishNested = `
UPDATE mirror.sweep_task
SET done = true
WHERE sweep_id = @sweep_id AND listing = 'subtree' AND department_id = ANY (@nested)`

const updateTotals = `
UPDATE mirror.sweep
SET appended = @appended, unchanged = @unchanged, unreadable = @unreadable, fields = @fields, absent = @absent
WHERE sweep_id = @sweep_id`

// tick writes the progress, and what it makes of the open lists.
func (c *Crawler) tick(ctx context.Context, s *sweep, p *progress, appended int) error {
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		fresh, err := s.insertSeen(ctx, tx, p)
		if err != nil {
			return err
		}
		found, err := s.insertFound(ctx, tx, p.found)
		if err != nil {
			return err
		}
		if err := s.turnPages(ctx, tx, p.turns); err != nil {
			return err
		}
		if len(p.nested) > 0 {
			if _, err := tx.Exec(ctx, finishNested, pgx.NamedArgs{"sweep_id": s.id, "nested": p.nested}); err != nil {
				return err
			}
		}
		if p.verdicts != nil {
			if err := p.verdicts(ctx, tx); err != nil {
				return err
			}
		}
		if err := s.insertAbsent(ctx, tx, s.count(p, appended, fresh)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, updateTotals, pgx.NamedArgs{
			"sweep_id": s.id, "appended": s.Appended, "unchanged": s.Unchanged, "unreadable": s.Unreadable,
			"fields": s.Fields, "absent": s.Absent,
		})
		s.advance(p, found)
		return err
	})
	if err != nil {
		return fmt.Errorf("note the progress: %w", err)
	}
	return nil
}

// insertSeen notes the sightings and returns those that were the first of
// their entity.
func (s *sweep) insertSeen(ctx context.Context, tx pgx.Tx, p *progress) (map[directory.Key]bool, error) {
	var kinds, ids []string
	var ats []time.Time
	var knowns []bool
	var members, primaries []*int64
	for _, e := range p.sightings {
		kinds, ids, ats, knowns = append(kinds, string(e.kind)), append(ids, e.id), append(ats, e.at), append(knowns, e.known)
		var count departmentCount
		if e.kind == directory.KindDepartment {
			count = p.counts[e.id]
		}
		members, primaries = append(members, count.members), append(primaries, count.primary)
	}
	fresh := map[directory.Key]bool{}
	rows, err := tx.Query(ctx, insertSeen, pgx.NamedArgs{
		"sweep_id": s.id, "kinds": kinds, "ids": ids, "ats": ats, "knowns": knowns, "members": members, "primaries": primaries,
	})
	if err != nil {
		return nil, err
	}
	var key directory.Key
	_, err = pgx.ForEachRow(rows, []any{&key.Kind, &key.ID}, func() error {
		fresh[key] = true
		return nil
	})
	return fresh, err
}

// insertFound notes new lists and returns those that were not known.
func (s *sweep) insertFound(ctx context.Context, tx pgx.Tx, found []task) ([]task, error) {
	if len(found) == 0 {
		return nil, nil
	}
	listings, departments := columns(found)
	rows, err := tx.Query(ctx, insertFound, pgx.NamedArgs{"sweep_id": s.id, "listings": listings, "department_ids": departments})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t task, err error) {
		err = row.Scan(&t.listing, &t.departmentID)
		return t, err
	})
}

func columns(tasks []task) (listings, departments []string) {
	for _, t := range tasks {
		listings, departments = append(listings, string(t.listing)), append(departments, t.departmentID)
	}
	return listings, departments
}

func (s *sweep) turnPages(ctx context.Context, tx pgx.Tx, turns []turn) error {
	var listings, departments, tokens []string
	var dones, restarts, refuseds []bool
	var items []int
	for _, t := range turns {
		listings, departments, tokens = append(listings, string(t.listing)), append(departments, t.departmentID), append(tokens, t.pageToken)
		dones, restarts, refuseds = append(dones, t.done), append(restarts, t.restart), append(refuseds, t.refused)
		items = append(items, t.listings)
	}
	tag, err := tx.Exec(ctx, turnPage, pgx.NamedArgs{
		"sweep_id": s.id, "listings": listings, "department_ids": departments, "page_tokens": tokens,
		"dones": dones, "restarts": restarts, "refuseds": refuseds, "items": items,
	})
	if missing := int64(len(turns)) - tag.RowsAffected(); err == nil && missing != 0 {
		err = fmt.Errorf("%d of %d lists are not part of the sweep any more", missing, len(turns))
	}
	return err
}

// count adds a batch to the totals, and returns the sightings that were the first
// of their entity: fields are counted once an entity.
func (s *sweep) count(p *progress, appended int, fresh map[directory.Key]bool) (first []sighting) {
	s.Appended += int64(appended)
	s.Unchanged += int64(len(p.sightings) - appended)
	s.Unreadable += int64(p.unreadable)
	for _, e := range p.sightings {
		key := directory.Key{Kind: e.kind, ID: e.id}
		if !fresh[key] {
			continue
		}
		delete(fresh, key)
		if e.kind == directory.KindUser {
			s.users++
		} else {
			s.departments++
		}
		s.countFields(e)
		first = append(first, e)
	}
	return first
}
