package projector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// rereadDelay is how much later than an entity's newest event a re-read must
// be sent to win against it.
const rereadDelay = directory.DefaultSkewMargin + time.Second

// folded is a page ready to be written.
type folded struct {
	page     eventlog.Page
	turn     int64     // of the generation that everything was loaded from
	entities []*entity // in the order of their keys
	sweeps   []sweepRow
	parked   []parkedRow
	rereads  map[directory.Key]*rereadRow
	delays   map[directory.Key]time.Time // until when an event keeps its entity from being re-read
	asks     map[sweepAsk]*sweepRequestRow
	places   []placeRow         // departments whose place in the tree moved without a record of their own
	behind   []directory.Source // of each event that was older than the newest record of its entity
}

// fold decodes a page, loads what it touches, and applies it record by record.
func (p *Projector) fold(ctx context.Context, page eventlog.Page) (*folded, error) {
	f := newFolded(page)
	decoded := make([]directory.Decoded, len(page.Records))
	entities := map[directory.Key]*entity{}
	for i, r := range page.Records {
		decoded[i] = directory.Decode(r)
		for _, c := range decoded[i].Changes {
			entities[c.Key] = nil // until they are loaded
		}
	}
	swept, err := p.load(ctx, f, entities)
	if err != nil {
		return nil, err
	}
	for i, r := range page.Records {
		f.apply(r, decoded[i], entities, swept)
		if p.opts.RereadEvery {
			f.verify(r, decoded[i])
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(entities), compareKeys) {
		f.entities = append(f.entities, entities[key])
	}
	if err := p.replant(ctx, f); err != nil {
		return nil, fmt.Errorf("place the departments: %w", err)
	}
	return f, nil
}

func newFolded(page eventlog.Page) *folded {
	return &folded{
		page: page, rereads: map[directory.Key]*rereadRow{}, delays: map[directory.Key]time.Time{}, asks: map[sweepAsk]*sweepRequestRow{},
	}
}

func compareKeys(a, b directory.Key) int {
	if c := strings.Compare(a.TenantKey, b.TenantKey); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// apply folds one record. swept holds, by tenant, the start of the last
// complete sweep before the record.
func (f *folded) apply(r directory.Record, d directory.Decoded, entities map[directory.Key]*entity, swept map[string]time.Time) {
	for _, problem := range d.Problems {
		f.parked = append(f.parked, parkedRow{
			Position: r.Position, TenantKey: problem.Key.TenantKey, EntityKind: problem.Key.Kind,
			EntityID: problem.Key.ID, Field: problem.Field, Error: problem.Err,
		})
	}
	behind := false
	for _, c := range d.Changes {
		e := entities[c.Key]
		behind = behind || c.Event && c.Time.Before(e.state.Newest())
		hints := e.apply(r.Position, c)
		if c.Event && c.Time.Before(swept[c.Key.TenantKey]) {
			hints = append(hints, directory.HintBeforeSweep)
		}
		if r.Source == directory.SourceReread {
			// A re-read that raises the same doubt again would go on for ever.
			hints = slices.DeleteFunc(hints, func(h directory.Hint) bool { return h == directory.HintUndecodable })
		}
		f.reread(r.Position, c, hints)
		f.delay(c)
	}
	if behind {
		f.behind = append(f.behind, r.Source)
	}
	f.ask(r, d.AskSweep, swept)
	if s := d.Sweep; s != nil {
		f.sweep(newSweepRow(r.Position, *s))
		if s.CompletedAt.After(s.StartedAt) && s.StartedAt.After(swept[s.TenantKey]) {
			swept[s.TenantKey] = s.StartedAt
		}
	}
}

func (f *folded) reread(position directory.Position, c directory.Change, hints []directory.Hint) {
	if len(hints) == 0 {
		return
	}
	row := f.rereads[c.Key]
	if row == nil {
		row = &rereadRow{TenantKey: c.Key.TenantKey, EntityKind: c.Key.Kind, EntityID: c.Key.ID}
		f.rereads[c.Key] = row
	}
	row.Position = position
	row.Reasons = append(row.Reasons, hints...)
	slices.Sort(row.Reasons)
	row.Reasons = slices.Compact(row.Reasons)
	if at := c.Time.Add(rereadDelay); at.After(row.NotBefore) {
		row.NotBefore = at
	}
}

// sweep notes a sweep's mark. One statement writes a row once, so of a sweep that
// begins and ends in one page the end counts, which says when it began.
func (f *folded) sweep(row sweepRow) {
	for i, s := range f.sweeps {
		if s.TenantKey == row.TenantKey && s.SweepID == row.SweepID {
			f.sweeps[i] = row
			return
		}
	}
	f.sweeps = append(f.sweeps, row)
}

// delay moves back a re-read that was asked for earlier: sent before the newest
// event of its entity had its time, the answer would lose against it.
func (f *folded) delay(c directory.Change) {
	if at := c.Time.Add(rereadDelay); c.Event && at.After(f.delays[c.Key]) {
		f.delays[c.Key] = at
	}
}

// verify asks for whatever an event is about.
func (f *folded) verify(r directory.Record, d directory.Decoded) {
	for _, c := range d.Changes {
		if c.Event {
			f.reread(r.Position, c, []directory.Hint{directory.HintEvent})
		}
	}
}

// sweepAsk is what a request for a sweep is known by.
type sweepAsk struct {
	tenantKey string
	reason    directory.SweepReason
}

// ask asks for a sweep, unless a complete one began late enough to have seen
// what the record tells of.
func (f *folded) ask(r directory.Record, reason directory.SweepReason, swept map[string]time.Time) {
	at := r.OccurredAt.Add(rereadDelay)
	if reason == "" || !swept[r.TenantKey].Before(at) {
		return
	}
	key := sweepAsk{r.TenantKey, reason}
	row := f.asks[key]
	if row == nil {
		row = &sweepRequestRow{TenantKey: r.TenantKey, Reason: reason}
		f.asks[key] = row
	}
	row.Position = r.Position
	if at.After(row.NotBefore) {
		row.NotBefore = at
	}
}

// entity is one user, department or definition while a page is folded.
type entity struct {
	state     *directory.State
	validFrom time.Time // of the open version; zero before the first
	stored    bool      // the open version is in history already
	touched   bool      // the state has to be written
	row       bool      // the current row has to be written

	named    directory.Names            // as stored
	former   map[searchkey.Key]struct{} // what it was found by, and lost
	place    directory.Place            // departments: as stored, then as drawn
	position directory.Position
	versions []version
	closed   *ending // how the stored version ends
	edges    edges   // memberships of a user, leaders of a department
}

// version is one row of history.
type version struct {
	user       directory.User
	department directory.Department
	definition *definitionRow // of every other kind
	span
}

// span is how long a version or an edge holds, on both axes.
type span struct {
	from, to           directory.Position
	validFrom, validTo time.Time // validTo is zero while it lasts
}

// ending closes a stored row.
type ending struct {
	position directory.Position
	at       time.Time
}

// lasting is the to_position of what has not ended.
const lasting = directory.Position(1<<63 - 1)

func (e *entity) apply(position directory.Position, c directory.Change) []directory.Hint {
	effect := e.state.Apply(c)
	e.touched = e.touched || effect.Touched
	if !e.state.Known() {
		return effect.Hints // fields of something that nobody has seen: kept, not shown
	}
	if effect.Row {
		e.row, e.position = true, position
	}
	if effect.Version {
		e.version(position, c.Time)
	}
	return effect.Hints
}

// node is the entity's link in the tree; the zero Node for a user, and for a
// department that is not known.
func (e *entity) node() directory.Node {
	if e.state.Key.Kind != directory.KindDepartment || !e.state.Known() {
		return directory.Node{}
	}
	return departmentNode(directory.DepartmentOf(e.state))
}

func departmentNode(d directory.Department) directory.Node {
	n := directory.Node{ID: d.OpenDepartmentID, Exists: d.RemovedAt == nil}
	if d.ParentDepartmentID != nil {
		n.ParentID = *d.ParentDepartmentID
	}
	return n
}

// version ends the open version and begins the next. On Feishu's axis it never
// begins before the one it replaces: a record that is older than the last one
// makes a version that was never valid.
func (e *entity) version(position directory.Position, at time.Time) {
	if at.Before(e.validFrom) {
		at = e.validFrom
	}
	e.validFrom = at
	next := version{span: span{from: position, to: lasting, validFrom: at}}
	switch e.state.Key.Kind {
	case directory.KindUser:
		next.user = directory.UserOf(e.state)
		e.edges.move(memberships(next.user), position, at)
	case directory.KindDepartment:
		next.department = directory.DepartmentOf(e.state)
		e.edges.move(leaders(next.department), position, at)
	default:
		next.definition = newDefinitionRow(e.state)
	}
	if n := len(e.versions); n > 0 {
		last := &e.versions[n-1]
		if last.from == position { // the same record again: it makes one version
			*last = next
			return
		}
		last.to, last.validTo = position, at
	} else if e.stored {
		e.closed = &ending{position: position, at: at}
	}
	e.versions = append(e.versions, next)
}
