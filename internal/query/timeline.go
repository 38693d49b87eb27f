package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// A timeline is read version by version, newest first, and a change is the
// difference of two that follow each other. Differences are taken of the messages
// that the caller may see, so what is withheld makes none; and versions without a
// difference are passed over while the page fills, so that neither a short page nor
// a page too many tells of them. What else would tell is left out: how long a
// version was valid.

// The kinds of changes.
const (
	changeCreated  = "created"
	changeUpdated  = "updated"
	changeRemoved  = "removed"
	changeReturned = "returned"
)

// fewestVersions are read at once, however small the page: few of them may be
// visible.
const fewestVersions = 50

// version is how an entity was from one record of the log on.
type version struct {
	position int64
	gone     bool
	entity   proto.Message // what the caller may see of it, and asked for
	cause    *pb.ChangeCause
}

// versionReader reads versions of the entities of one kind. Its statement has the
// columns of the moment, whether the entity exists, versionColumns, and the
// entity's.
type versionReader struct {
	statement string
	// row makes what a row is scanned into, and what makes the entity of it: nil
	// where the row is of no version.
	row func(terms) (targets []any, finish func() (entity proto.Message, gone bool))
}

// versionColumns are those of a version v beside the entity's; l is its record.
const versionColumns = `
    v.from_position, l.recorded_at, l.occurred_at, l.event_type, l.source,
    EXISTS (
        SELECT
        FROM mirror.removal_set AS r
        WHERE r.sweep_id = CASE WHEN l.event_type LIKE 'mirror.%.missing' AND l.correlation_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                THEN l.correlation_id::uuid END
          AND r.entity_kind = l.entity_kind
          AND r.decided_at IS NOT NULL)`

// versions reads one chunk: those up to a position, newest first.
func (r versionReader) versions(ctx context.Context, s *Service, t terms, id string, upTo int64, limit int) (now moment, known bool, list []version, err error) {
	rows, err := s.pool.Query(ctx, r.statement, s.company(ctx), t.userIDType, t.departmentIDType, id, upTo, limit)
	if err != nil {
		return moment{}, false, nil, fmt.Errorf("read versions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := r.scan(rows, t, &now, &known)
		if err != nil {
			return moment{}, false, nil, fmt.Errorf("read versions: %w", err)
		}
		if v.entity != nil {
			list = append(list, v)
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, false, nil, fmt.Errorf("read versions: %w", err)
	}
	return now, known, list, nil
}

func (r versionReader) scan(rows pgx.Rows, t terms, now *moment, known *bool) (v version, err error) {
	var (
		position               *int64
		recordedAt, occurredAt *time.Time
		eventType, source      *string
		approved               bool
	)
	targets, finish := r.row(t)
	version := []any{&position, &recordedAt, &occurredAt, &eventType, &source, &approved}
	if err := rows.Scan(append(append(append(now.targets(), known), version...), targets...)...); err != nil {
		return v, err
	}
	if v.entity, v.gone = finish(); v.entity == nil {
		return v, nil
	}
	v.position = *position
	v.cause = &pb.ChangeCause{
		Position: v.position, RecordedAt: timestamp(recordedAt), OccurredAt: timestamp(occurredAt),
		Kind: causeOf(source, approved),
	}
	if eventType != nil {
		v.cause.EventType = *eventType
	}
	return v, nil
}

// causeOf is why a record is in the log, by the way that it came.
func causeOf(source *string, approved bool) string {
	switch {
	case approved:
		return "approval"
	case source == nil:
		return ""
	case *source == "webhook" || *source == "websocket":
		return "event"
	default:
		return *source
	}
}

// change is what one record changed.
type change struct {
	kind          string
	paths         []string
	before, after proto.Message // these paths of it; before is nil when created
	cause         *pb.ChangeCause
}

// changeBetween is the difference of two versions that follow each other; before
// is nil for the first one. It is none where nothing differs that the caller sees.
func changeBetween(before *version, after version) (c change, visible bool) {
	c = change{kind: changeUpdated, after: proto.Clone(after.entity), cause: after.cause}
	was := after.entity.ProtoReflect().Type().Zero() // nothing set
	switch {
	case before == nil:
		c.kind = changeCreated
	case before.gone && !after.gone:
		c.kind = changeReturned
	case !before.gone && after.gone:
		c.kind = changeRemoved
	}
	if before != nil {
		was = before.entity.ProtoReflect()
	}
	only := mask{}
	c.paths = only.addDifferences(nil, was, after.entity.ProtoReflect())
	if len(c.paths) == 0 {
		return change{}, false
	}
	slices.Sort(c.paths)
	only.apply(c.after.ProtoReflect())
	if before != nil {
		c.before = proto.Clone(before.entity)
		only.apply(c.before.ProtoReflect())
	}
	return c, true
}

// timelineKey is where a page of changes ends. Known is the position of the first
// page.
type timelineKey struct {
	Position int64 `json:"p"`
	Known    int64 `json:"k"`
}

func (k timelineKey) valid() bool { return k.Position > 0 && k.Known >= k.Position }

// timelineRequest is a request for the timeline of one entity.
type timelineRequest interface {
	directoryRequest
	pagedRequest
}

// timeline is an answered [timelineRequest].
type timeline struct {
	known   bool // the entity exists
	changes []change
	next    string
	meta    meta
}

func (s *Service) timeline(ctx context.Context, req timelineRequest, t terms, r versionReader, id string) (line timeline, err error) {
	p, err := pagingOf[timelineKey](s.company(ctx), req)
	if err != nil {
		return line, err
	}
	var now moment
	if line.meta, err = s.read(ctx, t.when, func(ctx context.Context) (_ moment, err error) {
		now, line.known, line.changes, err = s.changes(ctx, t, p, r, id)
		return now, err
	}); err != nil {
		return line, err
	}
	known := now.position
	if p.after != nil {
		if known = p.after.Known; known > now.position {
			return line, badField(reasonPageToken, "page_token", "the mirror has gone back to an earlier position: begin with the first page")
		}
		now.position = known
		if line.meta, err = s.metaOf(ctx, now); err != nil {
			return line, err
		}
	}
	keys := make([]timelineKey, len(line.changes))
	for i, c := range line.changes {
		keys[i] = timelineKey{Position: c.cause.GetPosition(), Known: known}
	}
	n, next, err := p.cut(now, keys, func(i int) int {
		c := line.changes[i]
		size := proto.Size(c.after)
		if c.before != nil {
			size += proto.Size(c.before)
		}
		return 2 * size // the paths and the cause are not more than that
	})
	line.changes, line.next = line.changes[:n], next
	return line, err
}

// changes reads as many as a page may have, and one more.
func (s *Service) changes(ctx context.Context, t terms, p paging[timelineKey], r versionReader, id string) (first moment, known bool, list []change, err error) {
	upTo := int64(lastPosition)
	if p.after != nil {
		upTo = p.after.Position - 1
	}
	chunk := max(p.limit()+1, fewestVersions)
	for begun := false; ; begun = true {
		now, there, versions, err := r.versions(ctx, s, t, id, upTo, chunk)
		if err != nil {
			return moment{}, false, nil, err
		}
		if !begun { // what is read later is older, and does not change any more
			first, known = now, there
			if err := p.check(now); err != nil {
				return moment{}, false, nil, err
			}
		}
		for i, after := range versions {
			var before *version
			switch {
			case i < len(versions)-1:
				before = &versions[i+1]
			case len(versions) == chunk:
				upTo = after.position // compared once what was before it is read
				continue
			}
			if c, visible := changeBetween(before, after); visible {
				if list = append(list, c); len(list) == p.limit() {
					return first, known, list, nil
				}
			}
		}
		if len(versions) < chunk {
			return first, known, list, nil
		}
	}
}

// addDifferences collects the fields in which two messages of one type differ, as
// paths, and adds them to the mask. Nested objects of ours are compared field by
// field, lists and instants as a whole.
func (m mask) addDifferences(above []string, a, b protoreflect.Message) (paths []string) {
	fields := b.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		steps := append(above[:len(above):len(above)], string(field.Name()))
		switch {
		case !a.Has(field) && !b.Has(field):
		case field.Message() != nil && !field.IsList() && field.Message().ParentFile().Package() == field.ParentFile().Package():
			paths = append(paths, m.addDifferences(steps, a.Get(field).Message(), b.Get(field).Message())...)
		case a.Has(field) != b.Has(field) || !a.Get(field).Equal(b.Get(field)):
			m.add(steps)
			paths = append(paths, strings.Join(steps, "."))
		}
	}
	return paths
}
