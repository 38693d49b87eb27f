package crawl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// hidden names the fields that were lost with a permission, as far as can be
// told: from many objects at once, or without any object that shows them still.
func (s *sweep) hidden() map[directory.Kind][]AbsentField {
	all := map[directory.Kind][]AbsentField{}
	for _, kind := range []directory.Kind{directory.KindDepartment, directory.KindUser} {
		for _, f := range watchedFields(kind) {
			a := s.Absent[kind][f.name].less(s.explained[kind][f.name])
			if a.many() || a.Gone > 0 && a.Readable == 0 && s.Fields[kind][f.name] == 0 {
				all[kind] = append(all[kind], AbsentField{Field: f.name, Permission: f.permission})
			}
		}
	}
	return all
}

const selectAbsent = `
SELECT entity_id, seen_at, fields
FROM mirror.sweep_absent
WHERE sweep_id = @sweep_id AND entity_kind = @kind AND entity_id > @after
ORDER BY entity_id
LIMIT 500`

// missed is a row of mirror.sweep_absent.
type missed struct {
	id     string
	at     time.Time
	fields []string
}

// clear appends that fields are not set any more. Killed in the middle it begins
// again, and finds that what it has appended is no news.
func (c *Crawler) clear(ctx context.Context, s *sweep) error {
	for _, kind := range removalKinds {
		s.explained[kind] = map[string]absence{}
		if err := c.eachAbsent(ctx, s, kind, c.explain); err != nil {
			return err
		}
	}
	hidden := s.hidden()
	closed, err := attrsClosed(ctx, c.pool, c.cfg.TenantKey)
	if err != nil {
		return err
	}
	for _, kind := range removalKinds {
		keep := func(name string) bool {
			return closed && name == customAttrs || slices.ContainsFunc(hidden[kind], func(f AbsentField) bool { return f.Field == name })
		}
		err := c.eachAbsent(ctx, s, kind, func(ctx context.Context, s *sweep, kind directory.Kind, chunk []missed) error {
			for i := range chunk {
				chunk[i].fields = slices.DeleteFunc(chunk[i].fields, keep)
			}
			return c.clearFields(ctx, s, kind, chunk)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachAbsent goes through the absences of a kind, 500 entities at a time.
func (c *Crawler) eachAbsent(ctx context.Context, s *sweep, kind directory.Kind,
	do func(context.Context, *sweep, directory.Kind, []missed) error,
) error {
	for after := ""; ; {
		rows, err := c.pool.Query(ctx, selectAbsent, pgx.NamedArgs{"sweep_id": s.id, "kind": string(kind), "after": after})
		if err != nil {
			return fmt.Errorf("read the %s fields that are absent: %w", kind, err)
		}
		chunk, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m missed, err error) {
			err = row.Scan(&m.id, &m.at, &m.fields)
			return m, err
		})
		if err != nil {
			return fmt.Errorf("read the %s fields that are absent: %w", kind, err)
		}
		if len(chunk) == 0 {
			return nil
		}
		after = chunk[len(chunk)-1].id
		if err := do(ctx, s, kind, chunk); err != nil {
			return err
		}
	}
}

// explain counts the absences that nobody need wonder about: of a leader who is
// gone, and of what has been cleared since. When somebody with thirty reports
// leaves, thirty lose their leader at once.
func (c *Crawler) explain(ctx context.Context, s *sweep, kind directory.Kind, chunk []missed) error {
	states, err := truth(ctx, c.pool, c.cfg.TenantKey, kind, ids(chunk))
	if err != nil {
		return err
	}
	var people []string
	for _, m := range chunk {
		for _, name := range m.fields {
			people = append(people, references(states[m.id].State, name)...)
		}
	}
	slices.Sort(people)
	leaders, err := truth(ctx, c.pool, c.cfg.TenantKey, directory.KindUser, slices.Compact(people))
	if err != nil {
		return err
	}
	here := func(id string) bool { return leaders[id].Exists() }
	for _, m := range chunk {
		for _, name := range m.fields {
			referred := references(states[m.id].State, name)
			if states[m.id].Has(name) && (len(referred) == 0 || slices.ContainsFunc(referred, here)) {
				continue
			}
			one := absence{Had: 1, Gone: 1}
			if !isOwn(c.watched[kind], name) {
				one.Readable = 1
			}
			s.explained[kind][name] = s.explained[kind][name].plus(one)
		}
	}
	return nil
}

func isOwn(fields []watched, name string) bool {
	return slices.ContainsFunc(fields, func(f watched) bool { return f.name == name && f.own })
}

// refers reports whether a field names people.
func refers(name string) bool {
	switch name {
	case "leader_user_id", "leaders", "dotted_line_leader_user_ids", "department_hrbps":
		return true
	}
	return false
}

// references returns the people whom a field names.
func references(s *directory.State, name string) []string {
	var one *string
	var many []string
	switch {
	case s.Key.Kind == directory.KindUser && name == "leader_user_id":
		one = directory.UserOf(s).LeaderUserID
	case s.Key.Kind == directory.KindUser && name == "dotted_line_leader_user_ids":
		many = directory.UserOf(s).DottedLineLeaderUserIDs
	case name == "leader_user_id":
		one = directory.DepartmentOf(s).LeaderUserID
	case name == "department_hrbps":
		many = directory.DepartmentOf(s).DepartmentHRBPs
	case name == "leaders":
		for _, l := range directory.DepartmentOf(s).Leaders {
			many = append(many, l.OpenID)
		}
	}
	if one != nil {
		many = append(many, *one)
	}
	return many
}

func ids(chunk []missed) []string {
	list := make([]string, len(chunk))
	for i, m := range chunk {
		list[i] = m.id
	}
	return list
}

// clearFields appends an observation for each entity that has a field which it
// should not have, and still lacks when it is asked for again. The object in it is
// the key alone: the rest of what was seen is in the log already, where it was news.
func (c *Crawler) clearFields(ctx context.Context, s *sweep, kind directory.Kind, chunk []missed) error {
	states, err := truth(ctx, c.pool, c.cfg.TenantKey, kind, ids(chunk))
	if err != nil {
		return err
	}
	empty := func(m missed) (directory.Record, error) {
		return directory.NewEmptiness(c.origin(s), kind, m.id, m.at, m.fields)
	}
	var news []missed // else a kill would have all of them asked for again
	for _, m := range chunk {
		r, err := empty(m)
		if err != nil {
			return err
		}
		as := known{State: states[m.id].Clone(), parked: map[string]bool{}}
		if is, _ := as.apply(directory.Decode(r)); is {
			news = append(news, m)
		}
	}
	if news, err = c.lookAgain(ctx, kind, news); err != nil {
		return fmt.Errorf("ask again for %ss without some fields: %w", kind, err)
	}
	var records []directory.Record
	for _, m := range news {
		r, err := empty(m)
		if err != nil {
			return err
		}
		if is, _ := states[m.id].apply(directory.Decode(r)); is {
			records = append(records, r)
		}
	}
	if len(records) == 0 {
		return nil
	}
	if _, err := c.log.Append(ctx, records...); err != nil {
		return fmt.Errorf("append that fields of %d %ss are not set: %w", len(records), kind, err)
	}
	s.Appended += int64(len(records))
	return nil
}

// lookAgain leaves those fields that a second answer lacks too: one that was cut
// short somewhere inside Feishu looks like one of which the fields are not set.
// An app that may not ask in batches has to do with the first.
func (c *Crawler) lookAgain(ctx context.Context, kind directory.Kind, all []missed) (sure []missed, err error) {
	for chunk := range slices.Chunk(all, feishu.PageSize) {
		page, err := c.batch(ctx, kind, ids(chunk))
		switch {
		case errors.Is(err, feishu.ErrPermission):
			return all, nil
		case errors.Is(err, feishu.ErrNoAuthority), errors.Is(err, feishu.ErrNotFound):
			continue // somebody among them; the next sweep tells
		case err != nil:
			return nil, err
		}
		p := progress{}
		p.see(objects{kind: kind, page: page})
		for _, m := range chunk {
			i := slices.IndexFunc(p.sightings, func(e sighting) bool { return e.id == m.id && e.fields != nil })
			if i < 0 {
				continue
			}
			m.at = p.sightings[i].at
			m.fields = slices.DeleteFunc(m.fields, func(name string) bool { return shows(p.sightings[i].fields, name) })
			if len(m.fields) > 0 {
				sure = append(sure, m)
			}
		}
	}
	return sure, nil
}
