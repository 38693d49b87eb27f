package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// removalKey orders the entities of removal sets.
type removalKey struct {
	Kind string `json:"k"`
	ID   string `json:"i"`
}

func (k removalKey) valid() bool { return !strings.ContainsRune(k.Kind+k.ID, 0) }

// ListHeldRemovals implements the RPC.
func (s *Service) ListHeldRemovals(ctx context.Context, req *pb.ListHeldRemovalsRequest) (*pb.ListHeldRemovalsResponse, error) {
	if err := s.mayOperate(ctx); err != nil {
		return nil, err
	}
	fresh, err := parseFreshness(req.GetAtLeastAsFresh())
	if err != nil {
		return nil, err
	}
	p, err := pagingOf[removalKey](s.company(ctx), req)
	if err != nil {
		return nil, err
	}
	var (
		now  moment
		page removalPage
	)
	meta, err := s.read(ctx, when{fresh: fresh}, func(ctx context.Context) (_ moment, err error) {
		now, page, err = s.removals(ctx, p, req.GetShowDecided())
		return now, err
	})
	if err != nil {
		return nil, err
	}
	sets, err := removalSets(page.sets)
	if err != nil {
		return nil, err
	}
	n, next, err := p.cut(now, page.keys, func(i int) int { return proto.Size(page.entities[i]) })
	if err != nil {
		return nil, err
	}
	return &pb.ListHeldRemovalsResponse{
		Sets: sets, Entities: page.entities[:n], NextPageToken: next,
		Position: meta.position, ConsistencyToken: meta.consistencyToken, MirroredAt: meta.mirroredAt,
		Staleness: meta.staleness, UpstreamConfirmedAt: meta.upstreamConfirmedAt,
	}, nil
}

// removalPage is a page of entities while it is read.
type removalPage struct {
	sets     []byte // JSON
	entities []*pb.RemovalCandidate
	keys     []removalKey
}

func (s *Service) removals(ctx context.Context, p paging[removalKey], decided bool) (now moment, page removalPage, err error) {
	var after removalKey
	if p.after != nil {
		after = *p.after
	}
	rows, err := s.pool.Query(ctx, selectHeldRemovals, s.company(ctx), decided, after.Kind, after.ID, p.limit())
	if err != nil {
		return moment{}, page, fmt.Errorf("list the held removals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			sweep, kind, id, name, verdict *string
			code                           *int32
		)
		if err := rows.Scan(append(now.targets(), &page.sets, &sweep, &kind, &id, &name, &verdict, &code)...); err != nil {
			return moment{}, page, fmt.Errorf("list the held removals: %w", err)
		}
		if id == nil {
			continue // the row of an empty page
		}
		one := &pb.RemovalCandidate{SweepId: *sweep, EntityKind: *kind, EntityId: *id, Code: code}
		if name != nil {
			one.Name = *name
		}
		if verdict != nil {
			one.Verdict = *verdict
		}
		page.entities, page.keys = append(page.entities, one), append(page.keys, removalKey{Kind: *kind, ID: *id})
	}
	if err := rows.Err(); err != nil {
		return moment{}, page, fmt.Errorf("list the held removals: %w", err)
	}
	return now, page, p.check(now)
}

// removalSets reads the JSON of removalSetColumns.
func removalSets(raw []byte) (list []*pb.RemovalSet, err error) {
	var sets []struct {
		SweepID     string     `json:"sweep_id"`
		EntityKind  string     `json:"entity_kind"`
		State       string     `json:"state"`
		Candidates  int64      `json:"candidates"`
		Live        int64      `json:"live"`
		MaxRemovals int64      `json:"max_removals"`
		StartedAt   *time.Time `json:"started_at"`
		CompletedAt *time.Time `json:"completed_at"`
		DecidedAt   *time.Time `json:"decided_at"`
		Resigned    int64      `json:"resigned"`
		Deleted     int64      `json:"deleted"`
		OutOfRange  int64      `json:"out_of_range"`
		Unproven    int64      `json:"unproven"`
		Present     int64      `json:"present"`
	}
	if err := unpack(raw, &sets); err != nil {
		return nil, fmt.Errorf("read the sets of removals: %w", err)
	}
	for _, s := range sets {
		list = append(list, &pb.RemovalSet{
			SweepId: s.SweepID, EntityKind: s.EntityKind, State: s.State,
			Entities: &s.Candidates, Live: &s.Live, MaxRemovals: &s.MaxRemovals,
			StartedAt: timestamp(s.StartedAt), CompletedAt: timestamp(s.CompletedAt), DecidedAt: timestamp(s.DecidedAt),
			Resigned: &s.Resigned, Deleted: &s.Deleted, OutOfRange: &s.OutOfRange, Unproven: &s.Unproven, Present: &s.Present,
		})
	}
	return list, nil
}

// removalSetJSON is the sets o of the sweeps w as one JSON text.
const removalSetJSON = `json_agg(json_build_object(
        'sweep_id', o.sweep_id, 'entity_kind', o.entity_kind, 'state', o.state,
        'candidates', o.candidates, 'live', o.live, 'max_removals', o.max_removals,
        'started_at', w.started_at, 'completed_at', w.completed_at, 'decided_at', o.decided_at,
        'resigned', o.resigned, 'deleted', o.deleted, 'out_of_range', o.out_of_range, 'unproven', o.unproven, 'present', o.present)
    ORDER BY o.entity_kind)`

const selectDecidedSets = `
SELECT ` + removalSetJSON + `
FROM mirror.sweep AS w
JOIN mirror.removal_set AS o ON o.sweep_id = w.sweep_id
WHERE w.tenant_key = $1 AND w.sweep_id = $2::text::uuid AND o.candidates > 0`

// A set that waits is the last complete sweep's: the next one replaces it.
const selectHeldRemovals = `WITH sweep AS (
    SELECT w.sweep_id, w.started_at, w.completed_at
    FROM mirror.sweep AS w
    WHERE w.tenant_key = $1 AND w.state = 'complete'
    ORDER BY w.completed_at DESC
    LIMIT 1
), sets AS (
    SELECT ` + removalSetJSON + ` AS list
    FROM sweep AS w
    JOIN mirror.removal_set AS o ON o.sweep_id = w.sweep_id
    WHERE o.candidates > 0 AND ($2 OR o.state IN ('held', 'proving'))
), page AS (
    SELECT r.sweep_id, r.entity_kind, r.entity_id, r.verdict, nullif(r.code, 0) AS code
    FROM sweep AS w
    JOIN mirror.removal_set AS o ON o.sweep_id = w.sweep_id AND ($2 OR o.state IN ('held', 'proving'))
    JOIN mirror.removal AS r ON r.sweep_id = o.sweep_id AND r.entity_kind = o.entity_kind
    WHERE (r.entity_kind, r.entity_id) > ($3, $4)
    ORDER BY r.entity_kind, r.entity_id
    LIMIT $5
)
SELECT ` + momentColumns + `, s.list, p.sweep_id::text, p.entity_kind, p.entity_id, coalesce(u.name, d.name), p.verdict, p.code` + fromMoment + `
LEFT JOIN sets AS s ON true
LEFT JOIN page AS p ON true
LEFT JOIN directory.users AS u ON p.entity_kind = 'user' AND u.tenant_key = $1 AND u.open_id = p.entity_id
LEFT JOIN directory.departments AS d ON p.entity_kind = 'department' AND d.tenant_key = $1 AND d.open_department_id = p.entity_id
ORDER BY p.entity_kind, p.entity_id`
