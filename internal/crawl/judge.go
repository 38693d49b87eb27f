package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// judge writes what was found out: into the log who is gone, and what is new of
// those who are there; then the verdicts. Killed in between, the log is asked
// first (see settled).
func (p *prover) judge(ctx context.Context, proofs []proof, states map[string]*known) error {
	var records []directory.Record
	pr := &progress{counts: map[string]departmentCount{}}
	for i, f := range proofs {
		switch {
		case f.verdict == verdictPresent && f.object != nil:
			pr.see(objects{kind: p.kind, page: feishu.Page{Items: []json.RawMessage{f.object}, RequestedAt: f.at}})
			if p.kind == directory.KindDepartment {
				pr.found = append(pr.found, both(f.id)...)
			}
		case f.at.IsZero(), f.verdict == verdictUnproven, f.verdict == "":
		default:
			r, err := p.missing(f, states[f.id])
			if err != nil {
				return err
			}
			if news, _ := states[f.id].apply(directory.Decode(r)); news {
				records = append(records, r)
			}
			if states[f.id].Exists() {
				proofs[i].verdict = verdictPresent // something newer says so
			}
		}
	}
	p.sweep.weigh(pr.sightings)
	news, err := p.news(ctx, p.sweep, pr, false)
	if err != nil {
		return err
	}
	records = append(records, news...)
	if len(records) > 0 {
		if _, err := p.log.Append(ctx, records...); err != nil {
			return fmt.Errorf("append %d proofs: %w", len(records), err)
		}
	}
	pr.verdicts = func(ctx context.Context, tx pgx.Tx) error { return p.write(ctx, tx, proofs) }
	return p.tick(ctx, p.sweep, pr, len(news))
}

// missing makes the record of a proof. It was asked for after the mirror had last
// heard of the entity, whatever the clocks of two processes make of it: their
// ideas of Feishu's clock differ by up to a second.
func (p *prover) missing(f proof, entity *known) (directory.Record, error) {
	at := f.at
	if heard := entity.Since().Add(directory.DefaultSkewMargin); !at.After(heard) {
		at = heard.Add(time.Millisecond)
	}
	return directory.NewMissing(p.origin(p.sweep), p.kind, f.id, at, directory.Missing{Reason: directory.Reason(f.verdict)})
}

const writeVerdicts = `
UPDATE mirror.removal r
SET verdict = nullif(v.verdict, ''), code = v.code, dropped = r.dropped OR v.verdict = ''
FROM unnest(@ids::text[], @verdicts::text[], @codes::integer[]) AS v (id, verdict, code)
WHERE r.sweep_id = @sweep_id AND r.entity_kind = @kind AND r.entity_id = v.id`

func (p *prover) write(ctx context.Context, tx pgx.Tx, proofs []proof) error {
	var ids, verdicts []string
	var codes []int
	for _, f := range proofs {
		ids, verdicts, codes = append(ids, f.id), append(verdicts, string(f.verdict)), append(codes, f.code)
	}
	_, err := tx.Exec(ctx, writeVerdicts, pgx.NamedArgs{
		"sweep_id": p.sweep.id, "kind": string(p.kind), "ids": ids, "verdicts": verdicts, "codes": codes,
	})
	return err
}

const finishSet = `
UPDATE mirror.removal_set s
SET state = 'done', resigned = r.resigned, deleted = r.deleted, out_of_range = r.out_of_range,
    unproven = r.unproven, present = r.present
FROM (SELECT count(*) FILTER (WHERE verdict = 'RESIGNED')     AS resigned,
             count(*) FILTER (WHERE verdict = 'DELETED')      AS deleted,
             count(*) FILTER (WHERE verdict = 'OUT_OF_RANGE') AS out_of_range,
             count(*) FILTER (WHERE verdict = 'UNPROVEN')     AS unproven,
             count(*) FILTER (WHERE verdict = 'PRESENT')      AS present
      FROM mirror.removal
      WHERE sweep_id = @sweep_id AND entity_kind = @kind) r
WHERE s.sweep_id = @sweep_id AND s.entity_kind = @kind`

func (p *prover) finish(ctx context.Context) error {
	if _, err := p.pool.Exec(ctx, finishSet, pgx.NamedArgs{"sweep_id": p.sweep.id, "kind": string(p.kind)}); err != nil {
		return fmt.Errorf("close the set of %ss that were not seen: %w", p.kind, err)
	}
	return nil
}

const selectSets = `
SELECT entity_kind, state, candidates, live, max_removals, decided_at, resigned, deleted, out_of_range, unproven, present
FROM mirror.removal_set
WHERE sweep_id = @sweep_id
ORDER BY entity_kind`

// RemovalSet is whom of one kind a sweep did not see although they existed
// before it began.
type RemovalSet struct {
	Kind        directory.Kind `json:"kind"`
	State       string         `json:"state"` // held, proving, done, rejected or superseded
	Candidates  int64          `json:"candidates"`
	Live        int64          `json:"live"`         // how many there were before the sweep
	MaxRemovals int64          `json:"max_removals"` // how many may go without approval
	DecidedAt   *time.Time     `json:"decided_at,omitempty"`
	Resigned    int64          `json:"resigned"`
	Deleted     int64          `json:"deleted"`
	OutOfRange  int64          `json:"out_of_range"`
	Unproven    int64          `json:"unproven"`
	Present     int64          `json:"present"`
}

// Removed is how many of them went.
func (r RemovalSet) Removed() int64 { return r.Resigned + r.Deleted + r.OutOfRange }

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func setsOf(ctx context.Context, db querier, sweepID string) ([]RemovalSet, error) {
	rows, err := db.Query(ctx, selectSets, pgx.NamedArgs{"sweep_id": sweepID})
	if err != nil {
		return nil, fmt.Errorf("read the sweep's removals: %w", err)
	}
	sets, err := pgx.CollectRows(rows, scanSet)
	if err != nil {
		return nil, fmt.Errorf("read the sweep's removals: %w", err)
	}
	return sets, nil
}

func scanSet(row pgx.CollectableRow) (r RemovalSet, err error) {
	err = row.Scan(&r.Kind, &r.State, &r.Candidates, &r.Live, &r.MaxRemovals, &r.DecidedAt,
		&r.Resigned, &r.Deleted, &r.OutOfRange, &r.Unproven, &r.Present)
	return r, err
}
