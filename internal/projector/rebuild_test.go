package projector_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// company appends some life of a company that has everything that the fold knows,
// and projects it.
func (b *bundle) company(t *testing.T, seed uint64, records int) *life {
	t.Helper()
	l := newLife(seed)
	origin := directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"}
	started, err := directory.NewSweepStarted(origin, begin, directory.SweepStarted{Range: "all"})
	if err != nil {
		t.Fatal(err)
	}
	completed, err := directory.NewSweepCompleted(origin, begin.Add(time.Hour), directory.SweepCompleted{StartedAt: begin})
	if err != nil {
		t.Fatal(err)
	}
	b.append(t, started)
	for range 2 {
		batch := make([]directory.Record, records/2)
		for i := range batch {
			batch[i] = l.next()
			batch[i].EventID += fmt.Sprintf("-%d", seed)
		}
		b.append(t, batch...)
		b.append(t, b.definitions()...)
	}
	b.append(t, completed)
	b.project(t, 100)
	return l
}

// definitions are records of the small kinds.
func (b *bundle) definitions() []directory.Record {
	b.events++
	return []directory.Record{
		b.raw(directory.EventEmployeeTypeCreated, b.events, fmt.Sprintf(`{"new_enum":{"enum_id":"e1","enum_value":"6","content":"type %d","enum_type":2,"enum_status":1,"i18n_content":[{"locale":"zh_cn","value":"类"}]}}`, b.events)),
		b.raw(directory.EventCustomAttrsUpdated, b.events, fmt.Sprintf(`{"object":{"contact_field_key":["C-1","C-2"],"allow_open_query":%v}}`, b.events%2 == 0)),
	}
}

// contents are the rows of all tables of the read model.
func contents(t *testing.T, pool *pgxpool.Pool) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range lines(t, pool, `
		SELECT c.oid::regclass::text FROM pg_class c
		WHERE c.relnamespace::regnamespace::text IN ('directory', 'history') AND c.relkind = 'r' ORDER BY 1`) {
		all[table] = lines(t, pool, `SELECT to_jsonb(r)::text FROM `+table+` r ORDER BY 1`) //nolint:gosec // a name from the catalog
	}
	return all
}

// schemas are those that a generation could be.
func schemas(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	return lines(t, pool, `SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^(directory|history|analytics)' ORDER BY 1`)
}

func TestRebuild(t *testing.T) {
	t.Parallel()

	t.Run("the new generation is the old one, row by row, and takes its place", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 3, 2000)
		before, oids := contents(t, b.pool), lines(t, b.pool, `SELECT 'directory.users'::regclass::oid::text`)
		for table, rows := range before {
			if len(rows) == 0 {
				t.Errorf("%s is empty: the company does not try it", table)
			}
		}
		var stages []projector.Stage
		result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Progress: func(p projector.Progress) {
			if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
				stages = append(stages, p.Stage)
			}
		}})
		if err != nil {
			t.Fatalf("%v\n%+v", err, result)
		}
		if diff := cmp.Diff(before, contents(t, b.pool)); diff != "" {
			t.Errorf("the read model changed (-before +after):\n%s", diff)
		}
		if !result.Swapped || result.Generation != 2 || result.Digests.Subtrees == 0 || len(result.Digests.Differing) > 0 || result.Compared == 0 {
			t.Errorf("result %+v", result)
		}
		if cmp.Equal(oids, lines(t, b.pool, `SELECT 'directory.users'::regclass::oid::text`)) {
			t.Error("the tables are the same ones")
		}
		want(t, schemas(t, b.pool), "analytics", "directory", "history")
		want(t, lines(t, b.pool, `SELECT number || ' ' || state FROM mirror.generation`), "2 serving")
		if diff := cmp.Diff([]projector.Stage{"create", "fold", "index", "compare", "follow", "swap", "drop", "done"}, stages); diff != "" {
			t.Errorf("stages:\n%s", diff)
		}
	})

	t.Run("what is appended meanwhile is followed, and afterwards goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		l := b.company(t, 4, 300)
		more := func() {
			for range 50 {
				b.append(t, l.next())
			}
		}
		result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Progress: func(p projector.Progress) {
			if p.Stage == projector.StageCompare || p.Stage == projector.StageSwap {
				more() // the second time nobody projects it before the swap
			}
			if p.Stage == projector.StageSwap {
				b.project(t, 7)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		more()
		b.project(t, 7)
		undisturbed := setup(t)
		undisturbed.copyLog(t, b)
		undisturbed.project(t, 500)
		if diff := cmp.Diff(contents(t, undisturbed.pool), contents(t, b.pool)); diff != "" {
			t.Errorf("(-undisturbed +rebuilt):\n%s", diff)
		}
		checkHistory(t, b.pool)
		if result.Position <= result.Compared {
			t.Errorf("compared at %d, swapped at %d", result.Compared, result.Position)
		}
	})

	t.Run("differences stop it, unless they are accepted, and a kept generation is a way back", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 5, 300)
		right := contents(t, b.pool)
		b.exec(t, `UPDATE directory.departments SET name = 'tampered' WHERE open_department_id = 'od-3'`)
		b.exec(t, `DELETE FROM history.users WHERE ctid = (SELECT ctid FROM history.users ORDER BY open_id, from_position LIMIT 1)`)
		wrong := contents(t, b.pool)

		for _, opts := range []projector.RebuildOptions{{}, {VerifyOnly: true}} {
			result, err := b.projector.Rebuild(t.Context(), opts)
			if !errors.Is(err, projector.ErrDifferent) || result.Swapped {
				t.Fatalf("%+v: err = %v, result %+v", opts, err, result)
			}
			if got := result.Differs(); got != 2 || len(result.Differences) != 2 {
				t.Errorf("%d rows differ, want 2: %+v", got, result.Differences)
			}
			subtrees := map[string]bool{}
			for _, s := range result.Digests.Differing {
				subtrees[s.Kind+" "+s.Department+fmt.Sprint(s.Itself)] = true
			}
			if !subtrees["directory.departments od-3true"] || subtrees["directory.users od-3true"] {
				t.Errorf("differing subtrees %v", subtrees)
			}
			if diff := cmp.Diff(wrong, contents(t, b.pool)); diff != "" {
				t.Errorf("it changed something:\n%s", diff)
			}
			want(t, schemas(t, b.pool), "analytics", "directory", "history")
		}

		result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{AcceptDifferences: true, Keep: true})
		if err != nil || result.Kept != 1 {
			t.Fatalf("err = %v, result %+v", err, result)
		}
		if diff := cmp.Diff(right, contents(t, b.pool)); diff != "" {
			t.Errorf("(-log +rebuilt):\n%s", diff)
		}
		want(t, schemas(t, b.pool), "analytics", "analytics_1", "directory", "directory_1", "history", "history_1")

		if _, err := b.projector.Rollback(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wrong, contents(t, b.pool)); diff != "" {
			t.Errorf("(-kept +rolled back):\n%s", diff)
		}
		if _, err := b.projector.Rollback(t.Context(), nil); err != nil { // and forth
			t.Fatal(err)
		}
		if diff := cmp.Diff(right, contents(t, b.pool)); diff != "" {
			t.Errorf("(-log +rolled forward):\n%s", diff)
		}
		dropped, err := b.projector.DropKept(t.Context())
		if err != nil || !cmp.Equal(dropped, []int{1}) {
			t.Errorf("dropped %v: %v", dropped, err)
		}
		want(t, schemas(t, b.pool), "analytics", "directory", "history")
		if _, err := b.projector.Rollback(t.Context(), nil); !errors.Is(err, projector.ErrNoGeneration) {
			t.Errorf("rolled back to nothing: %v", err)
		}
	})

	t.Run("a read model that is empty is rebuilt to the head", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 6, 200)
		right := contents(t, b.pool)
		lost := setup(t)
		lost.copyLog(t, b)
		result, err := lost.projector.Rebuild(t.Context(), projector.RebuildOptions{})
		if err != nil || result.Compared != 0 {
			t.Fatalf("err = %v, result %+v", err, result)
		}
		if diff := cmp.Diff(right, contents(t, lost.pool)); diff != "" {
			t.Errorf("(-undisturbed +rebuilt):\n%s", diff)
		}
		lost.project(t, 100) // from where the rebuild is
		want(t, lines(t, lost.pool, `SELECT consumer || ' ' || position FROM mirror.checkpoint`), fmt.Sprintf("core %d", result.Position))
	})

	t.Run("one at a time", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 7, 20)
		var second error
		_, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Progress: func(p projector.Progress) {
			if p.Stage == projector.StageCompare {
				_, second = b.projector.Verify(t.Context(), projector.VerifyOptions{})
			}
		}})
		if err != nil || !errors.Is(second, projector.ErrRebuilding) {
			t.Errorf("first %v, second %v", err, second)
		}
	})
}

func (b *bundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := b.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\nin %.200s", err, sql)
	}
}
