package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// A field that an object lacks is either hidden from the app or not set, and
// Feishu does not say which. It is known to be readable where the object shows
// another field of the same permission, where it needs no permission, or, having
// a permission of its own, where other objects of this sweep have it. Then it is
// cleared, but at the end of the sweep only: when it went missing from many
// objects at once, what was lost is the permission.
const (
	hiddenFrom    = 20 // objects that lack it, at least
	hiddenPercent = 5  // of those that had it, and more
)

// absence is how often a field went missing in a sweep.
type absence struct {
	Had      int64 `json:"had"`      // objects of which the mirror had it
	Gone     int64 `json:"gone"`     // of these, objects that lack it
	Readable int64 `json:"readable"` // of these, objects that show that it is readable
}

func (a absence) plus(b absence) absence {
	return absence{Had: a.Had + b.Had, Gone: a.Gone + b.Gone, Readable: a.Readable + b.Readable}
}

func (a absence) less(b absence) absence {
	return absence{Had: a.Had - b.Had, Gone: a.Gone - b.Gone, Readable: a.Readable - b.Readable}
}

func (a absence) many() bool {
	return a.Gone >= hiddenFrom && a.Gone*100 > a.Had*hiddenPercent
}

// absent are the fields that an object lacks although the mirror has them.
type absent struct {
	readable []string // the object itself shows that they are readable
	own      []string // whether they are, other objects tell
	hidden   []string // nothing in the object shows that they are
}

// watched is a field whose absence may mean something.
type watched struct {
	name       string
	permission string // empty: every app sees it
	own        bool   // nothing else proves that it is readable
}

// customAttrs stand alone although their permission shows others, too: they have
// a switch of their own in the admin console.
const customAttrs = "custom_attrs"

// watchedFields lists them.
func watchedFields(kind directory.Kind) []watched {
	permissions := feishu.FieldPermissions(string(kind))
	shares := map[string]int{}
	for _, permission := range permissions {
		shares[permission]++
	}
	var fields []watched
	for _, name := range slices.Sorted(maps.Keys(permissions)) {
		p := permissions[name]
		fields = append(fields, watched{name: name, permission: p, own: shares[p] == 1 || name == customAttrs})
	}
	if kind == directory.KindDepartment {
		fields = append(fields, watched{name: "leaders"}, watched{name: "group_chat_employee_types"})
	}
	return fields
}

// unlisted are the fields that the historic list of users does not have.
func unlisted(name string) bool {
	switch name {
	case "nickname", "geo", "job_level_id", "job_family_id", "dotted_line_leader_user_ids":
		return true
	}
	return false
}

// shows reports whether an object has a field. E-mail addresses and mobile
// numbers have come as "" to apps without the permission.
func shows(object map[string]json.RawMessage, name string) bool {
	value, has := object[name]
	switch {
	case !has || string(value) == "null":
		return false
	case name == "email" || name == "mobile":
		return string(value) != `""`
	default:
		return true
	}
}

// proven are the permissions that an object shows to be there, the empty one
// among them.
func proven(object map[string]json.RawMessage, fields []watched) map[string]bool {
	shown := map[string]bool{"": true}
	for _, f := range fields {
		// employee_no has a second permission, which shows nothing else.
		if f.name != "employee_no" && shows(object, f.name) {
			shown[f.permission] = true
		}
	}
	return shown
}

// compare notes which of the fields that the mirror has the object lacks.
func (e *sighting) compare(known *directory.State, fields []watched) {
	if e.fields == nil || !known.Exists() || e.gone() != directory.ReasonNone {
		return // what Feishu shows of someone who left says nothing
	}
	shown := proven(e.fields, fields)
	for _, f := range fields {
		if !known.Has(f.name) || e.historic && unlisted(f.name) {
			continue
		}
		e.had = append(e.had, f.name)
		switch {
		case shows(e.fields, f.name):
		case f.own:
			e.absent.own = append(e.absent.own, f.name)
		case shown[f.permission]:
			e.absent.readable = append(e.absent.readable, f.name)
		default:
			e.absent.hidden = append(e.absent.hidden, f.name)
		}
	}
}

func (s *sweep) countFields(e sighting) {
	if s.Fields[e.kind] == nil {
		s.Fields[e.kind], s.Absent[e.kind] = map[string]int64{}, map[string]absence{}
	}
	for field := range e.fields {
		if shows(e.fields, field) {
			s.Fields[e.kind][field]++
		}
	}
	add := func(names []string, one absence) {
		for _, name := range names {
			s.Absent[e.kind][name] = s.Absent[e.kind][name].plus(one)
		}
	}
	add(e.had, absence{Had: 1})
	add(e.absent.readable, absence{Gone: 1, Readable: 1})
	add(e.absent.own, absence{Gone: 1})
	add(e.absent.hidden, absence{Gone: 1})
}

const insertAbsent = `
INSERT INTO mirror.sweep_absent (sweep_id, entity_kind, entity_id, seen_at, fields)
SELECT @sweep_id, e.kind, e.id, e.at, string_to_array(e.fields, ' ')
FROM unnest(@kinds::text[], @ids::text[], @ats::timestamptz[], @fields::text[]) AS e (kind, id, at, fields)
ON CONFLICT DO NOTHING`

// insertAbsent keeps what may have to be cleared. What has gone missing from too
// many is hidden for certain, and is not kept.
func (s *sweep) insertAbsent(ctx context.Context, tx pgx.Tx, seen []sighting) error {
	var kinds, ids, fields []string
	var ats []time.Time
	for _, e := range seen {
		var list string
		for _, name := range slices.Concat(e.absent.readable, e.absent.own) {
			gone := s.Absent[e.kind][name].Gone
			if gone > hiddenFrom && gone*100 > s.before[e.kind][name]*2*hiddenPercent && !refers(name) {
				continue
			}
			if list != "" {
				list += " "
			}
			list += name
		}
		if list != "" {
			kinds, ids, ats, fields = append(kinds, string(e.kind)), append(ids, e.id), append(ats, e.at), append(fields, list)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, insertAbsent, pgx.NamedArgs{"sweep_id": s.id, "kinds": kinds, "ids": ids, "ats": ats, "fields": fields})
	return err
}

const selectFieldsBefore = `
SELECT fields
FROM mirror.sweep
WHERE tenant_key = @tenant_key AND state = 'complete'
ORDER BY completed_at DESC
LIMIT 1`

// lookBack reads how many objects of the last complete sweep had each field.
func (c *Crawler) lookBack(ctx context.Context, s *sweep) error {
	rows, err := c.pool.Query(ctx, selectFieldsBefore, pgx.NamedArgs{"tenant_key": c.cfg.TenantKey})
	if err != nil {
		return fmt.Errorf("read the fields of the last sweep: %w", err)
	}
	raw, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err == nil && len(raw) > 0 {
		err = json.Unmarshal(raw[0], &s.before)
	}
	if err != nil {
		return fmt.Errorf("read the fields of the last sweep: %w", err)
	}
	return nil
}
