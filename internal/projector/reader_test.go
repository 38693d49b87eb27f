package projector_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector"
)

var sorted = cmp.Options{cmpopts.SortSlices(func(a, b string) bool { return a < b }), cmpopts.EquateEmpty()}

// TestReadersSeeOnePosition reads in a loop while a log is projected: each
// snapshot must be the company exactly as the records up to its position make
// it, in the current tables and in history.
func TestReadersSeeOnePosition(t *testing.T) {
	t.Parallel()
	const records = 3000
	b := setup(t)
	l := newLife(11)
	want := make([][]string, records+1) // by position
	states := map[directory.Key]*directory.State{}
	for i := range records {
		r := l.next()
		b.append(t, r)
		for _, c := range directory.Decode(r).Changes {
			if states[c.Key] == nil {
				states[c.Key] = directory.NewState(c.Key)
			}
			states[c.Key].Apply(c)
		}
		want[i+1] = people(states)
	}
	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return projector.New(b.pool, b.log, projector.Options{PageSize: 13}).Run(ctx) })
	seen := map[int64]bool{}
	for last := int64(0); last < records; {
		position, current, history := snapshot(t, b)
		if position < last {
			t.Fatalf("position went back from %d to %d", last, position)
		}
		last, seen[position] = position, true
		for name, got := range map[string][]string{"current": current, "history": history} {
			if diff := cmp.Diff(want[position], got, sorted); diff != "" {
				t.Fatalf("%s at position %d (-log +table):\n%s", name, position, diff)
			}
		}
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if len(seen) < 5 {
		t.Errorf("the reader saw %d positions: too few to mean anything", len(seen))
	}
}

func people(states map[directory.Key]*directory.State) []string {
	var out []string
	for key, s := range states {
		if key.Kind == directory.KindUser && s.Exists() {
			u := directory.UserOf(s)
			out = append(out, fmt.Sprintf("%s %s %v", key.ID, *u.Name, u.DepartmentIDs()))
		}
	}
	slices.Sort(out)
	return out
}

// snapshot reads position, people and memberships in one snapshot, from both
// schemas.
func snapshot(t *testing.T, b *bundle) (position int64, current, history []string) {
	t.Helper()
	err := pgx.BeginTxFunc(t.Context(), b.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		err := tx.QueryRow(t.Context(), `SELECT coalesce((SELECT position FROM mirror.checkpoint WHERE consumer = $1), 0)`, projector.Consumer).Scan(&position)
		if err != nil {
			return err
		}
		rows, err := tx.Query(t.Context(), `
			SELECT u.open_id || ' ' || u.name || ' [' || coalesce(string_agg(m.open_department_id, ' ' ORDER BY m.open_department_id), '') || ']'
			FROM directory.users u LEFT JOIN directory.memberships m USING (tenant_key, open_id)
			WHERE u.removed_at IS NULL
			GROUP BY u.open_id, u.name`)
		if err != nil {
			return err
		}
		if current, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		rows, err = tx.Query(t.Context(), `
			SELECT u.open_id || ' ' || u.name || ' [' || coalesce(string_agg(m.open_department_id, ' ' ORDER BY m.open_department_id), '') || ']'
			FROM history.users u
			LEFT JOIN history.memberships m ON m.tenant_key = u.tenant_key AND m.open_id = u.open_id AND m.from_position <= $1 AND $1 < m.to_position
			WHERE u.removed_at IS NULL AND u.from_position <= $1 AND $1 < u.to_position
			GROUP BY u.open_id, u.name`, position)
		if err != nil {
			return err
		}
		history, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return position, current, history
}
