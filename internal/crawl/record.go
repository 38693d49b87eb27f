package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// sighting is one object of a page.
type sighting struct {
	kind   directory.Kind
	id     string
	at     time.Time
	object json.RawMessage
}

// record writes what a batch of pages says: first the observations that change
// something into the log, then the progress. Killed in between, the pages are
// fetched again and found to change nothing.
func (c *Crawler) record(ctx context.Context, s *sweep, batch []result) error {
	p := progressOf(batch)
	if p.unreadable > 0 {
		c.logger.WarnContext(ctx, "list items without a usable id were left out", slog.Int("items", p.unreadable))
	}
	records, err := c.news(ctx, s, p)
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
	turns      []turn                     // one for each page
	found      []task                     // lists that the pages led to
	unreadable int
}

// turn moves one list on.
type turn struct {
	task     // with the page to ask for next
	done     bool
	restart  bool
	listings int // usable items on the page
}

type departmentCount struct{ members, primary *int64 }

func progressOf(batch []result) *progress {
	p := &progress{counts: map[string]departmentCount{}}
	for _, r := range batch {
		kind := directory.KindDepartment
		if r.task.listing == listUsers {
			kind = directory.KindUser
		}
		var ids []string
		for _, object := range r.page.Items {
			id, err := directory.ObjectID(kind, object)
			if err != nil {
				p.unreadable++
				continue
			}
			p.sightings = append(p.sightings, sighting{kind: kind, id: id, at: r.page.RequestedAt, object: object})
			ids = append(ids, id)
		}
		rest, found := r.follow(ids)
		p.found = append(p.found, found...)
		t := turn{task: r.task, done: rest == nil, restart: r.restart, listings: len(ids)}
		if rest != nil {
			t.task = *rest
		}
		p.turns = append(p.turns, t)
	}
	return p
}

// news returns the records of those sightings that say anything new.
func (c *Crawler) news(ctx context.Context, s *sweep, p *progress) ([]directory.Record, error) {
	entities := map[directory.Kind]map[string]*known{}
	for _, kind := range []directory.Kind{directory.KindDepartment, directory.KindUser} {
		var ids []string
		for _, seen := range p.sightings {
			if seen.kind == kind {
				ids = append(ids, seen.id)
			}
		}
		slices.Sort(ids)
		var err error
		if entities[kind], err = truth(ctx, c.pool, c.cfg.TenantKey, kind, slices.Compact(ids)); err != nil {
			return nil, err
		}
	}
	var records []directory.Record
	for _, seen := range p.sightings {
		r, err := directory.NewObservation(c.origin(s), seen.kind, seen.id, seen.at, directory.Observation{
			Object: seen.object, Listed: true, SkewMarginMS: directory.DefaultSkewMargin.Milliseconds(),
		})
		if err != nil {
			return nil, err
		}
		entity := entities[seen.kind][seen.id]
		news, effect := entity.apply(directory.Decode(r))
		switch {
		case news:
			records = append(records, r)
		case effect.Row && seen.kind == directory.KindDepartment:
			d := directory.DepartmentOf(entity.State)
			p.counts[seen.id] = departmentCount{members: d.MemberCount, primary: d.PrimaryMemberCount}
		}
	}
	return records, nil
}

const insertSeen = `
INSERT INTO mirror.sweep_seen (sweep_id, entity_kind, entity_id, seen_at, member_count, primary_member_count)
SELECT @sweep_id, e.kind, e.id, e.at, e.members, e.primary_members
FROM unnest(@kinds::text[], @ids::text[], @ats::timestamptz[], @members::bigint[], @primaries::bigint[])
     AS e (kind, id, at, members, primary_members)
ON CONFLICT DO NOTHING
RETURNING entity_kind, entity_id`

const turnPage = `
UPDATE mirror.sweep_task t
SET page_token = n.page_token, done = n.done, items = CASE WHEN n.restart THEN 0 ELSE t.items + n.items END
FROM unnest(@listings::text[], @department_ids::text[], @page_tokens::text[], @dones::boolean[], @restarts::boolean[], @items::integer[])
     AS n (listing, department_id, page_token, done, restart, items)
WHERE t.sweep_id = @sweep_id AND t.listing = n.listing AND t.department_id = n.department_id`

const insertFound = insertTask + `
RETURNING listing, department_id`

const updateTotals = `
UPDATE mirror.sweep
SET appended = @appended, unchanged = @unchanged, unreadable = @unreadable, fields = @fields
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
		s.count(p, appended, fresh)
		_, err = tx.Exec(ctx, updateTotals, pgx.NamedArgs{
			"sweep_id": s.id, "appended": s.Appended, "unchanged": s.Unchanged, "unreadable": s.Unreadable, "fields": s.Fields,
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
	var members, primaries []*int64
	for _, e := range p.sightings {
		kinds, ids, ats = append(kinds, string(e.kind)), append(ids, e.id), append(ats, e.at)
		var count departmentCount
		if e.kind == directory.KindDepartment {
			count = p.counts[e.id]
		}
		members, primaries = append(members, count.members), append(primaries, count.primary)
	}
	fresh := map[directory.Key]bool{}
	rows, err := tx.Query(ctx, insertSeen, pgx.NamedArgs{
		"sweep_id": s.id, "kinds": kinds, "ids": ids, "ats": ats, "members": members, "primaries": primaries,
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
	var dones, restarts []bool
	var items []int
	for _, t := range turns {
		listings, departments, tokens = append(listings, string(t.listing)), append(departments, t.departmentID), append(tokens, t.pageToken)
		dones, restarts, items = append(dones, t.done), append(restarts, t.restart), append(items, t.listings)
	}
	tag, err := tx.Exec(ctx, turnPage, pgx.NamedArgs{
		"sweep_id": s.id, "listings": listings, "department_ids": departments, "page_tokens": tokens,
		"dones": dones, "restarts": restarts, "items": items,
	})
	if missing := int64(len(turns)) - tag.RowsAffected(); err == nil && missing != 0 {
		err = fmt.Errorf("%d of %d lists are not part of the sweep any more", missing, len(turns))
	}
	return err
}

// count adds a batch to the totals. Fields are counted once an entity.
func (s *sweep) count(p *progress, appended int, fresh map[directory.Key]bool) {
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
	}
}

func (s *sweep) countFields(e sighting) {
	var object map[string]json.RawMessage
	if json.Unmarshal(e.object, &object) != nil {
		return
	}
	if s.Fields[e.kind] == nil {
		s.Fields[e.kind] = map[string]int64{}
	}
	for field := range object {
		s.Fields[e.kind][field]++
	}
}

// advance replaces the lists in work by what follows them: the rest of a list
// first, so that its token does not grow old; then departments, since they tell
// what there is to do.
func (s *sweep) advance(p *progress, found []task) {
	s.open = slices.DeleteFunc(s.open, func(t task) bool { return t.listing == listRoot })
	var first, last []task
	for _, t := range p.turns {
		if !t.done {
			first = append(first, t.task)
		} else if t.listing == listUsers {
			s.tasksDone++
		}
	}
	for _, t := range found {
		if t.listing == listUsers {
			s.tasksTotal++
			last = append(last, t)
		} else {
			first = append(first, t)
		}
	}
	s.open = append(append(first, s.open...), last...)
}
