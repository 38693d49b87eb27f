package projector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// bulkPage is how many records are read and folded at once by a rebuild.
const bulkPage = 5000

// bulk folds a log from its first record on and keeps every entity in memory, so
// that nothing is loaded and each row is written once: a version when it ends, the
// rest at the end of the log. It is the projector's own fold, on pages that never
// end.
type bulk struct {
	entities map[directory.Key]*entity
	sweeps   map[sweepKey]sweepRow
	rows     *rowBuffers
	keep     func(directory.Key) bool // nil keeps all
	position directory.Position
}

type sweepKey struct{ tenantKey, sweepID string }

func newBulk(rows *rowBuffers, keep func(directory.Key) bool) *bulk {
	return &bulk{entities: map[directory.Key]*entity{}, sweeps: map[sweepKey]sweepRow{}, rows: rows, keep: keep}
}

// decodedPage is a page with what its records say.
type decodedPage struct {
	records []directory.Record
	decoded []directory.Decoded
}

// run folds the log up to a position. What is to be written goes through write, in
// chunks, while the next pages are read and folded.
func (b *bulk) run(ctx context.Context, log *eventlog.Log, upTo directory.Position, write func(chunk) error, progress func(directory.Position)) error {
	group, ctx := errgroup.WithContext(ctx)
	pages := make(chan decodedPage, 2)
	chunks := make(chan chunk, 8)
	group.Go(func() error {
		defer close(pages)
		return readPages(ctx, log, upTo, b.keep, pages)
	})
	group.Go(func() error {
		defer close(chunks)
		send := func(c chunk) error {
			select {
			case chunks <- c:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		for page := range pages {
			if err := b.page(page, send); err != nil {
				return err
			}
			progress(b.position)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return b.finish(send)
	})
	group.Go(func() error {
		for c := range chunks {
			if err := write(c); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// readPages reads and decodes the log from its beginning.
func readPages(ctx context.Context, log *eventlog.Log, upTo directory.Position, keep func(directory.Key) bool, pages chan<- decodedPage) error {
	for from := directory.Position(0); from < upTo; {
		records, err := log.Read(ctx, from, int(min(bulkPage, upTo-from)))
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return fmt.Errorf("read the log up to %d: it ends at %d", upTo, from)
		}
		for i := range records {
			if want := from + directory.Position(i) + 1; records[i].Position != want {
				return fmt.Errorf("%w: record %d is missing", ErrLogTorn, want)
			}
		}
		page := decodedPage{records: records, decoded: make([]directory.Decoded, len(records))}
		for i, r := range records {
			page.decoded[i] = decodeKept(r, keep)
		}
		from = records[len(records)-1].Position
		select {
		case pages <- page:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// ErrLogTorn says that the log has a hole, which nothing of ours can make.
var ErrLogTorn = errors.New("the log has a hole")

// decodeKept leaves out what is said of entities that nobody wants.
func decodeKept(r directory.Record, keep func(directory.Key) bool) directory.Decoded {
	d := directory.Decode(r)
	if keep != nil {
		d.Changes = slices.DeleteFunc(d.Changes, func(c directory.Change) bool { return !keep(c.Key) })
	}
	return d
}

// page folds one page and hands out the versions that ended in it.
func (b *bulk) page(p decodedPage, send func(chunk) error) error {
	f := newFolded(eventlog.Page{})
	touched := map[directory.Key]bool{}
	for i, r := range p.records {
		for _, c := range p.decoded[i].Changes {
			if b.entities[c.Key] == nil {
				b.entities[c.Key] = &entity{state: directory.NewState(c.Key), edges: newEdges(nil)}
			}
			touched[c.Key] = true
		}
		// Hints, and what they depend on, are of no interest here.
		f.apply(r, p.decoded[i], b.entities, map[string]time.Time{})
	}
	for _, s := range f.sweeps {
		b.sweeps[sweepKey{s.TenantKey, s.SweepID}] = s
	}
	t := (&folded{}).tables()
	for _, key := range slices.SortedFunc(maps.Keys(touched), compareKeys) {
		if ended := b.entities[key].cutEnded(); ended != nil {
			t.entity(ended)
		}
	}
	b.position = p.records[len(p.records)-1].Position
	return b.put(&t, send)
}

// cutEnded takes out of an entity the versions and edges that have ended, as an
// entity with nothing else; nil where there are none.
func (e *entity) cutEnded() *entity {
	ended := &entity{state: e.state, edges: newEdges(nil)}
	if n := len(e.versions) - 1; n > 0 {
		e.followNames()
		ended.versions = e.versions[:n]
		e.versions = []version{e.versions[n]}
	}
	if len(e.edges.open) < len(e.edges.spans) {
		ended.edges.spans, e.edges.spans = e.edges.cut()
	}
	if len(ended.versions) == 0 && len(ended.edges.spans) == 0 {
		return nil
	}
	return ended
}

// cut divides the spans into those that ended and those that last.
func (e *edges) cut() (ended, lasts []edgeSpan) {
	clear(e.since)
	for _, s := range e.spans {
		if s.to == lasting {
			e.since[s.other] = len(lasts)
			lasts = append(lasts, s)
		} else {
			ended = append(ended, s)
		}
	}
	return ended, lasts
}

// finish hands out all that is current.
func (b *bulk) finish(send func(chunk) error) error {
	b.plant()
	const step = 1000
	keys := slices.SortedFunc(maps.Keys(b.entities), compareKeys)
	for some := range slices.Chunk(keys, step) {
		f := &folded{}
		for _, key := range some {
			f.entities = append(f.entities, b.entities[key])
		}
		states, err := stateRows(f.entities)
		if err != nil {
			return err
		}
		t := f.tables()
		if err := b.put(&t, send); err != nil {
			return err
		}
		put(b.rows, "directory.fold_state", states)
		for _, key := range some {
			delete(b.entities, key) // the memory is for what is left
		}
	}
	sweeps := slices.SortedFunc(maps.Values(b.sweeps), func(x, y sweepRow) int {
		return cmp.Or(strings.Compare(x.TenantKey, y.TenantKey), strings.Compare(x.SweepID, y.SweepID))
	})
	put(b.rows, "directory.sweeps", sweeps)
	return b.rows.flush(0, send)
}

// plant draws every tenant's tree, once.
func (b *bulk) plant() {
	nodes := map[string][]directory.Node{}
	for key, e := range b.entities {
		if key.Kind == directory.KindDepartment && e.state.Known() {
			nodes[key.TenantKey] = append(nodes[key.TenantKey], e.node())
		}
	}
	for tenant, of := range nodes {
		for id, place := range directory.Tree(of) {
			if e := b.entities[directory.Key{TenantKey: tenant, Kind: directory.KindDepartment, ID: id}]; e != nil {
				e.place = place
			}
		}
	}
}

// put encodes a page's rows. There are no endings among them, and nothing to
// delete: nothing was written before that could end.
func (b *bulk) put(t *tables, send func(chunk) error) error {
	put(b.rows, "directory.users", t.users)
	put(b.rows, "directory.departments", t.departments)
	put(b.rows, "directory.memberships", t.members)
	put(b.rows, "directory.department_leaders", t.leaders)
	put(b.rows, "directory.search_keys", t.keys)
	put(b.rows, "history.users", t.userVersions)
	put(b.rows, "history.departments", t.departmentVersions)
	put(b.rows, "history.memberships", t.memberVersions)
	put(b.rows, "history.department_leaders", t.leaderVersions)
	put(b.rows, "history.search_keys", t.formerKeys)
	for _, kind := range slices.Sorted(maps.Keys(t.definitions)) {
		put(b.rows, "directory."+definitionTable(kind), t.definitions[kind].now)
		put(b.rows, "history."+definitionTable(kind), t.definitions[kind].versions)
	}
	if b.rows.err != nil {
		return b.rows.err
	}
	return b.rows.flush(chunkSize, send)
}

// definitionTable is the table of one of the small kinds, in both schemas.
func definitionTable(kind directory.Kind) string {
	if kind == directory.KindScopeNode {
		return "scopes"
	}
	return string(kind) + "s"
}
