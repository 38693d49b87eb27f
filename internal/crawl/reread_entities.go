package crawl

import (
	"context"
	"fmt"
	"slices"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// rereading is a group of people or departments that are asked for together.
type rereading struct {
	records  []directory.Record
	outcomes map[string]outcome
	below    []string // departments that came into sight, or moved, with all below them
}

// entities asks for people or departments.
func (r *passing) entities(ctx context.Context, kind directory.Kind, rows []queued) (*rereading, error) {
	g := &rereading{outcomes: make(map[string]outcome, len(rows))}
	part, err := r.seesPart(ctx, kind)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, q := range rows {
		if !part && slices.Equal(q.reasons, []string{string(directory.HintSubtree)}) {
			g.outcomes[q.id] = outcomeNeedless
			continue
		}
		ids = append(ids, q.id)
	}
	if len(ids) == 0 {
		return g, nil
	}
	answers, beside, err := r.ask(ctx, kind, ids)
	if err != nil {
		return nil, fmt.Errorf("read %d %ss again: %w", len(ids), kind, err)
	}
	states, err := truth(ctx, r.cfg.Pool, r.cfg.TenantKey, kind, ids)
	if err != nil {
		return nil, err
	}
	closed, err := attrsClosed(ctx, r.cfg.Pool, r.cfg.TenantKey)
	if err != nil {
		return nil, err
	}
	seen := evidenceOf(kind, beside, closed)
	for _, q := range rows {
		if !slices.Contains(ids, q.id) {
			continue
		}
		a := answers[q.id]
		// Until its first answer the client does not know Feishu's clock.
		if a.at.Before(q.notBefore) {
			g.outcomes[q.id] = outcomeEarly
			continue
		}
		entity := states[q.id]
		before := directory.HangsOn(entity.State)
		record, o, err := judge(r.originOf(q), entity, a, seen)
		if err != nil {
			return nil, err
		}
		g.outcomes[q.id] = o
		if record != nil {
			g.records = append(g.records, *record)
		}
		after := directory.HangsOn(entity.State)
		if part && after != "" && (after != before || slices.Contains(q.reasons, string(directory.HintSubtree))) {
			g.below = append(g.below, q.id)
		}
	}
	return g, nil
}

// seesPart reports whether what came below a department has to be looked for.
func (r *passing) seesPart(ctx context.Context, kind directory.Kind) (bool, error) {
	if kind != directory.KindDepartment || r.cfg.Below == nil {
		return false, nil
	}
	last, err := lastScope(ctx, r.cfg.Pool, r.cfg.TenantKey)
	return last == scopeScoped, err
}

// originOf marks the answers to the sample, which nobody's event asked for.
func (r *passing) originOf(q queued) directory.Origin {
	o := r.origin
	if slices.Equal(q.reasons, []string{reasonSample}) {
		o.CorrelationID = samplePrefix + o.CorrelationID
	}
	return o
}

// judge says what an answer comes to, and returns its record where it says
// anything new.
func judge(origin directory.Origin, entity *known, a answer, seen evidence) (*directory.Record, outcome, error) {
	kind, id := entity.Key.Kind, entity.Key.ID
	var record directory.Record
	var err error
	switch {
	case a.object != nil:
		record, err = directory.NewObservation(origin, kind, id, a.at, directory.Observation{
			Object: a.object, Empty: seen.empty(kind, a.object), SkewMarginMS: directory.DefaultSkewMargin.Milliseconds(),
		})
	case a.outcome == outcomeGone && entity.Exists():
		record, err = directory.NewMissing(origin, kind, id, a.at, directory.Missing{Reason: directory.ReasonDeleted})
	default:
		return nil, a.outcome, nil
	}
	if err != nil {
		return nil, "", err
	}
	existed := entity.Exists()
	news, _ := entity.apply(directory.Decode(record))
	switch {
	case !news:
		return nil, outcomeUnchanged, nil
	case existed && !entity.Exists():
		return &record, outcomeGone, nil
	default:
		return &record, outcomeChanged, nil
	}
}
