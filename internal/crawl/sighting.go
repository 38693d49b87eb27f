package crawl

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// sighting is one object of a page.
type sighting struct {
	kind   directory.Kind
	id     string
	at     time.Time
	object json.RawMessage
	fields map[string]json.RawMessage // the object's members
	known  bool                       // it existed before the sweep began
	// historic is set where the list does not have all fields.
	historic bool
	had      []string // fields that the mirror had of it
	absent   absent   // those of them that the object lacks
}

// see takes in the objects of a page, and returns which departments are among
// them.
func (p *progress) see(o objects) (departments []string) {
	for _, object := range o.page.Items {
		id, err := directory.ObjectID(o.kind, object)
		if err != nil {
			p.unreadable++
			continue
		}
		e := sighting{kind: o.kind, id: id, at: o.page.RequestedAt, object: object}
		e.fields = membersOf(object) // where there are none, of no field can be said that it is absent
		p.sightings = append(p.sightings, e)
		if o.kind == directory.KindDepartment {
			departments = append(departments, id)
		}
	}
	return departments
}

// weigh notes the member counts of the scope's nodes.
func (s *sweep) weigh(nodes []sighting) {
	for _, e := range nodes {
		var count int64
		if e.kind == directory.KindDepartment && json.Unmarshal(e.fields["member_count"], &count) == nil {
			s.weights[e.id] = count
		}
	}
}

// news returns the records of those sightings that say anything new. Being on a
// list is a return; an answer to a question is not.
func (c *Crawler) news(ctx context.Context, s *sweep, p *progress, listed bool) ([]directory.Record, error) {
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
	for i := range p.sightings {
		seen := &p.sightings[i]
		r, err := directory.NewObservation(c.origin(s), seen.kind, seen.id, seen.at, directory.Observation{
			Object: seen.object, Listed: listed, SkewMarginMS: directory.DefaultSkewMargin.Milliseconds(),
		})
		if err != nil {
			return nil, err
		}
		entity := entities[seen.kind][seen.id]
		seen.known = entity.Exists() && entity.Since().Before(s.startedAt)
		seen.compare(entity.State, c.watched[seen.kind])
		gone := entity.Known() && !entity.Exists()
		news, effect := entity.apply(directory.Decode(r))
		if gone { // who comes back lacks what they had when they went
			seen.compare(entity.State, c.watched[seen.kind])
		}
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
