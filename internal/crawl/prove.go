package crawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// outageFrom answers in a row that are none mean that Feishu is away. Fewer mean
// that it has trouble with somebody.
const outageFrom = 3

// proof is a candidate and what was found out about it.
type proof struct {
	id      string
	verdict verdict // empty: the batch left it out
	code    int
	at      time.Time // of the request, on Feishu's clock
	object  json.RawMessage
}

// prover asks for the candidates of one set.
type prover struct {
	*Crawler
	sweep *sweep
	kind  directory.Kind

	mu       sync.Mutex
	outages  int
	denied   int       // Feishu's code, once it said that the app may not ask for one
	coverage *coverage // what the sweep did not walk; read when first needed: after the sweep
	covered  bool      // that was tried
}

// prove asks Feishu for each candidate of a set, and appends who is proven to be
// gone. It goes on where it was killed.
func (c *Crawler) prove(ctx context.Context, s *sweep, kind directory.Kind) error {
	p := &prover{Crawler: c, sweep: s, kind: kind}
	if err := p.all(ctx, false, feishu.PageSize, p.askBatch); err != nil {
		return fmt.Errorf("ask for the %ss that were not seen: %w", kind, err)
	}
	// As many at once as a kill may cost.
	if err := p.all(ctx, true, p.cfg.Workers, p.askSingly); err != nil {
		return fmt.Errorf("ask for the %ss that were not seen: %w", kind, err)
	}
	return p.finish(ctx)
}

const selectUnjudged = `
SELECT r.entity_id, EXISTS (SELECT FROM mirror.sweep_seen e
                            WHERE e.sweep_id = r.sweep_id AND e.entity_kind = r.entity_kind AND e.entity_id = r.entity_id)
FROM mirror.removal r
WHERE r.sweep_id = @sweep_id AND r.entity_kind = @kind AND r.verdict IS NULL AND r.dropped = @dropped
ORDER BY r.entity_id
LIMIT @size`

// all judges candidates in groups, until none is left.
func (p *prover) all(ctx context.Context, dropped bool, size int, ask func(context.Context, []string) ([]proof, error)) error {
	for {
		rows, err := p.pool.Query(ctx, selectUnjudged, pgx.NamedArgs{
			"sweep_id": p.sweep.id, "kind": string(p.kind), "dropped": dropped, "size": size,
		})
		if err != nil {
			return fmt.Errorf("read the candidates: %w", err)
		}
		var ids []string
		seen := map[string]bool{}
		var id string
		var since bool
		if _, err := pgx.ForEachRow(rows, []any{&id, &since}, func() error {
			ids, seen[id] = append(ids, id), since
			return nil
		}); err != nil {
			return fmt.Errorf("read the candidates: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		states, err := truth(ctx, p.pool, p.cfg.TenantKey, p.kind, ids)
		if err != nil {
			return err
		}
		proofs, unsettled := p.settled(ids, seen, states)
		if len(unsettled) > 0 {
			asked, err := ask(ctx, unsettled)
			if err != nil {
				return err
			}
			proofs = append(proofs, asked...)
		}
		if err := p.judge(ctx, proofs, states); err != nil {
			return err
		}
	}
}

// settled are those of whom the mirror has heard since they became candidates:
// by an event, a re-read, the walk of a department that was there after all, or
// a proof that was appended before a kill. No call is spent on them.
func (p *prover) settled(ids []string, seen map[string]bool, states map[string]*known) (proofs []proof, rest []string) {
	for _, id := range ids {
		entity := states[id]
		reason, _ := entity.Gone()
		switch {
		case reason != directory.ReasonNone:
			proofs = append(proofs, proof{id: id, verdict: removed(reason)})
		case seen[id], !entity.Since().Before(p.sweep.startedAt):
			proofs = append(proofs, proof{id: id, verdict: verdictPresent})
		default:
			rest = append(rest, id)
		}
	}
	return proofs, rest
}

// askBatch asks for up to 50 at once.
func (p *prover) askBatch(ctx context.Context, ids []string) ([]proof, error) {
	found := map[string]proof{}
	page, err := p.batch(ctx, p.kind, ids)
	if err := p.weigh(err); err != nil {
		return nil, err
	}
	for _, object := range page.Items { // none where the batch was refused: then each is asked for by itself
		if id, err := directory.ObjectID(p.kind, object); err == nil {
			found[id] = proof{id: id, verdict: verdictOf(p.kind, object), at: page.RequestedAt, object: object}
		}
	}
	proofs := make([]proof, len(ids))
	for i, id := range ids {
		proofs[i] = found[id]
		proofs[i].id = id
	}
	return proofs, nil
}

// askSingly asks for each by itself.
func (p *prover) askSingly(ctx context.Context, ids []string) ([]proof, error) {
	proofs := make([]proof, len(ids))
	group, asking := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() (err error) {
			proofs[i], err = p.askOne(asking, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return proofs, nil
}

func (p *prover) askOne(ctx context.Context, id string) (proof, error) {
	unproven := proof{id: id, verdict: verdictUnproven, code: p.deniedBy()}
	if unproven.code != 0 {
		return unproven, nil
	}
	before := p.client.Now()
	object, err := p.get(ctx, p.kind, id)
	if err == nil {
		_ = p.weigh(nil)
		if got, _ := directory.ObjectID(p.kind, object.Raw); got != id {
			return unproven, nil // an answer, but about somebody else or nobody
		}
		return proof{id: id, verdict: verdictOf(p.kind, object.Raw), at: object.RequestedAt, object: object.Raw}, nil
	}
	if err := p.weigh(err); err != nil {
		return proof{}, err
	}
	var answer *feishu.Error
	if errors.As(err, &answer) {
		unproven.code = answer.Code
	}
	switch {
	case errors.Is(err, feishu.ErrNotFound):
		return proof{id: id, verdict: removed(directory.ReasonDeleted), code: unproven.code, at: before}, nil
	case unproven.code == codeNoUser, unproven.code == codeNoDepartment:
		outside, err := p.outside(ctx, id)
		if outside {
			return proof{id: id, verdict: removed(directory.ReasonOutOfRange), code: unproven.code, at: before}, err
		}
		return unproven, err
	}
	return unproven, nil
}

// Feishu's codes for a user and a department outside the contact scope.
const (
	codeNoUser       = 41050
	codeNoDepartment = 40004
)

// weigh looks at how a call ended, and returns the error where asking on is of
// no use: nothing was learned then, and the next run goes on.
func (p *prover) weigh(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var answer *feishu.Error
	switch {
	case err == nil:
		p.outages = 0
		return nil
	case !errors.As(err, &answer), errors.Is(err, feishu.ErrQuota), errors.Is(err, feishu.ErrCredentials):
		return err
	case errors.Is(err, feishu.ErrUnavailable):
		if p.outages++; p.outages >= outageFrom {
			return err
		}
		return nil
	case errors.Is(err, feishu.ErrPermission) && answer.Endpoint != feishu.EndpointUsersBatch && answer.Endpoint != feishu.EndpointDepartmentsBatch:
		p.denied = answer.Code
	}
	p.outages = 0
	return nil
}

// deniedBy is the code of Feishu's refusal to show the app anybody singly.
func (p *prover) deniedBy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.denied
}

// outside reports whether an entity is known to be outside the app's range.
func (p *prover) outside(ctx context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock() // the others wait for the scope to be read
	if !p.covered {
		k, err := p.readCoverage(ctx)
		if ctx.Err() != nil {
			return false, err
		}
		if err != nil {
			p.logger.WarnContext(ctx, "who is out of range cannot be told", slog.Any("error", err))
		}
		if k != nil {
			if err := p.unwalked(ctx, p.sweep, k); err != nil {
				return false, err
			}
		}
		p.coverage, p.covered = k, true
	}
	if p.coverage == nil {
		return false, nil
	}
	states, err := truth(ctx, p.pool, p.cfg.TenantKey, p.kind, []string{id})
	if err != nil {
		return false, err
	}
	covered, err := p.covers(ctx, p.coverage, p.kind, states[id].State)
	return !covered && err == nil, err
}
