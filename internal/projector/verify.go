package projector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector/compare"
)

// Report is what a comparison of the tables with the log found.
type Report struct {
	Tables      []TableReport        `json:"tables,omitempty"`
	Differences []compare.Difference `json:"differences,omitempty"` // the first ones
	Broken      []compare.Broken     `json:"broken,omitempty"`
}

// TableReport says how many rows of a table differ.
type TableReport struct {
	Table   string `json:"table"`
	Differs int64  `json:"differs"`
}

// Differs counts the rows that differ.
func (r *Report) Differs() (n int64) {
	for _, t := range r.Tables {
		n += t.Differs
	}
	return n
}

// rows compares tables row by row.
func (r *Report) rows(ctx context.Context, db compare.Database, tables []compare.Table, made compare.Suffix, sample compare.Sample, limit int) error {
	for _, t := range tables {
		left := math.MaxInt32
		if limit > 0 {
			left = max(0, limit-len(r.Differences))
		}
		differ, found, err := compare.Rows(ctx, db, t, compare.Serving, made, sample, left)
		if err != nil {
			return err
		}
		r.Tables = append(r.Tables, TableReport{Table: t.String(), Differs: differ})
		r.Differences = append(r.Differences, found...)
	}
	return nil
}

// VerifyOptions say how much is verified.
type VerifyOptions struct {
	Sample   Sample
	Limit    int // of the differences that are listed; 0 is all
	Progress func(Progress)
}

// Sample is how many people are verified; everything that is no person always is.
// The zero value is all of them.
type Sample struct {
	People  int
	Percent float64
	Seed    int64 // another one samples others
}

// Verified is what came of a verification.
type Verified struct {
	Position directory.Position `json:"position"`
	People   *int               `json:"sampled_people,omitempty"`
	Report
}

// Verify folds the log again, up to where the serving generation is, and compares
// every row of its tables with what comes of that, column by column. It checks, by
// itself, that in history each entity has one open version and no two that overlap,
// and that the log has no holes.
//
// It leaves nothing behind. What it needs meanwhile is room for a second read
// model, without indexes. Where something is wrong the error is ErrDifferent.
func (p *Projector) Verify(ctx context.Context, opts VerifyOptions) (result Verified, err error) {
	if opts.Progress == nil {
		opts.Progress = func(Progress) {}
	}
	conn, release, err := p.exclusive(ctx)
	if err != nil {
		return result, fmt.Errorf("verify: %w", err)
	}
	defer release()
	b := &build{Projector: p, conn: conn, progress: opts.Progress}
	err = b.within(ctx, func(tx pgx.Tx) error {
		if err := b.verify(ctx, tx, opts, &result); err != nil {
			return err
		}
		return errLeaveNothing
	})
	switch {
	case !errors.Is(err, errLeaveNothing):
		return result, fmt.Errorf("verify: %w", err)
	case result.Differs() > 0 || len(result.Broken) > 0:
		return result, ErrDifferent
	}
	opts.Progress(Progress{Stage: StageDone})
	return result, nil
}

func (b *build) verify(ctx context.Context, tx pgx.Tx, opts VerifyOptions, result *Verified) error {
	result.Position = b.serving
	sample, keep, err := opts.Sample.draw(ctx, tx)
	if err != nil {
		return fmt.Errorf("draw the sample: %w", err)
	}
	if keep != nil {
		n := len(sample.People)
		result.People = &n
	}
	if result.Broken, err = brokenBefore(ctx, tx); err != nil {
		return err
	}
	if torn(result.Broken) {
		return nil // there is no fold of such a log
	}
	g, err := b.make(ctx, tx, buildOptions{unlogged: true, keep: keep})
	if err != nil {
		return err
	}
	b.progress(Progress{Stage: StageCompare})
	made := compare.Suffix(g.schema(""))
	tables, err := comparedTables(ctx, tx, made)
	if err != nil {
		return err
	}
	return result.rows(ctx, tx, tables, made, sample, opts.Limit)
}

// comparedTables lists the tables that are as the log makes them: search keys that an
// older version of the code made are not, until the projector comes by.
func comparedTables(ctx context.Context, tx pgx.Tx, made compare.Suffix) ([]compare.Table, error) {
	tables, err := compare.Tables(ctx, tx, compare.Serving, made)
	if err != nil {
		return nil, err
	}
	ready, err := searchReady(ctx, tx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(tables, func(t compare.Table) bool { return t.Name == "search_keys" && !ready }), nil
}

// brokenBefore checks the rules that need no second read model.
func brokenBefore(ctx context.Context, tx pgx.Tx) ([]compare.Broken, error) {
	tables, err := compare.Tables(ctx, tx, compare.Serving, compare.Serving)
	if err != nil {
		return nil, err
	}
	return compare.Invariants(ctx, tx, tables, compare.Serving)
}

func torn(broken []compare.Broken) bool {
	for _, b := range broken {
		if b.Rule == compare.Dense {
			return true
		}
	}
	return false
}

// draw chooses the people, from the log and from the tables: of whom only one of
// the two knows is just who must be found.
func (s Sample) draw(ctx context.Context, tx pgx.Tx) (compare.Sample, func(directory.Key) bool, error) {
	if s.People == 0 && s.Percent == 0 {
		return compare.Sample{}, nil, nil
	}
	rows, err := tx.Query(ctx, selectSample, pgx.NamedArgs{"seed": s.Seed, "people": s.People, "percent": s.Percent})
	if err != nil {
		return compare.Sample{}, nil, err
	}
	people, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return compare.Sample{}, nil, err
	}
	wanted := make(map[string]bool, len(people))
	for _, id := range people {
		wanted[id] = true
	}
	return compare.Sample{People: append([]string{}, people...)}, func(key directory.Key) bool {
		return key.Kind != directory.KindUser || wanted[key.ID]
	}, nil
}

const selectSample = `
WITH people AS (
    SELECT DISTINCT l.entity_id AS id FROM mirror.event_log l WHERE l.entity_kind = 'user' AND l.entity_id <> ''
    UNION
    SELECT f.entity_id FROM directory.fold_state f WHERE f.entity_kind = 'user'
    UNION
    SELECT u.open_id FROM directory.users u
)
SELECT p.id
FROM people p
ORDER BY hashtextextended(p.id, @seed::bigint), p.id
LIMIT CASE WHEN @people::bigint > 0 THEN @people::bigint
           ELSE (SELECT ceil(count(*) * @percent::float8 / 100)::bigint FROM people) END`
