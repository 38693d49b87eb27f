package projector_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/projector/compare"
)

// column is one of the read model's, and how to change it behind its back.
type column struct {
	Table, Name, Type string
	Key               bool
}

func (c column) changed() string {
	name := pgx.Identifier{c.Name}.Sanitize()
	switch c.Type {
	case "text":
		return `coalesce(` + name + `, '') || 'x'`
	case "integer", "bigint":
		return `CASE WHEN ` + name + ` > 1 THEN ` + name + ` - 1 ELSE coalesce(` + name + `, 0) + 1 END`
	case "numeric":
		return `coalesce(` + name + `, 0)::numeric(20, 1)` // the same number, written otherwise
	case "boolean":
		return `NOT coalesce(` + name + `, true)`
	case "jsonb":
		return `'{"x": 1}'`
	case "timestamp with time zone":
		return `CASE WHEN isfinite(` + name + `) THEN ` + name + ` - interval '1 us' ELSE '2040-01-01' END`
	case "text[]":
		return `coalesce(` + name + `, '{}') || 'x'::text`
	case "integer[]":
		return `coalesce(` + name + `, '{}') || 1`
	default:
		panic("no way to change a " + c.Type)
	}
}

// columns are all of them, by table.
func (b *bundle) columns(t *testing.T) map[string][]column {
	t.Helper()
	rows, err := b.pool.Query(t.Context(), `
		SELECT c.oid::regclass::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
		       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace::regnamespace::text IN ('directory', 'history') AND c.relkind = 'r'
		ORDER BY 1, a.attnum`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]column{}
	for _, c := range list {
		tables[c.Table] = append(tables[c.Table], c)
	}
	return tables
}

// TestVerifyFindsEveryColumn changes, round by round, one column of one row of
// every table, and expects to be told of each and of nothing else.
func TestVerifyFindsEveryColumn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 51, 300)
	if result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
		t.Fatalf("%v: %+v", err, result)
	}
	columns := b.columns(t)
	b.exec(t, `CREATE SCHEMA backup`)
	rounds := 0
	for table, list := range columns {
		rounds = max(rounds, len(list))
		b.exec(t, `CREATE TABLE backup.`+strings.ReplaceAll(table, ".", "_")+` AS SELECT * FROM `+table)
	}
	for round := range rounds {
		want, got := map[string]bool{}, map[string]bool{}
		for table, list := range columns {
			if round >= len(list) {
				continue
			}
			c := list[round]
			b.exec(t, `UPDATE `+table+` SET `+pgx.Identifier{c.Name}.Sanitize()+` = `+c.changed()+` WHERE ctid = (SELECT min(ctid) FROM `+table+`)`)
			if c.Key {
				want[table+" missing"], want[table+" extra"] = true, true
			} else {
				want[table+" changed "+c.Name] = true
			}
		}
		result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{})
		if !errors.Is(err, projector.ErrDifferent) {
			t.Fatalf("round %d: err = %v", round, err)
		}
		for _, d := range result.Differences {
			what := d.Table + " " + d.What
			for _, f := range d.Fields {
				what += " " + f.Name
				if string(f.Table) == string(f.Log) {
					t.Errorf("round %d: %s has the same values", round, what)
				}
			}
			got[what] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d (-changed +found):\n%s", round, diff)
		}
		for table := range columns {
			b.exec(t, `TRUNCATE `+table)
			b.exec(t, `INSERT INTO `+table+` SELECT * FROM backup.`+strings.ReplaceAll(table, ".", "_"))
		}
	}
	if _, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	want(t, schemas(t, b.pool), "analytics", "directory", "history")
}

func TestVerify(t *testing.T) {
	t.Parallel()

	t.Run("rows too few and too many", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 52, 200)
		b.exec(t, `DELETE FROM directory.memberships WHERE ctid = (SELECT min(ctid) FROM directory.memberships)`)
		b.exec(t, `INSERT INTO history.department_leaders (tenant_key, open_department_id, open_id, leader_type, from_position, valid_from) VALUES ('t1', 'od-0', 'ou_nobody', 2, 1, 'epoch')`)
		b.exec(t, `DELETE FROM history.search_keys WHERE ctid = (SELECT min(ctid) FROM history.search_keys)`)
		b.exec(t, `INSERT INTO history.search_keys VALUES ('t1', 'user', false, false, 'x', 'ou_0')`)
		result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{})
		if !errors.Is(err, projector.ErrDifferent) || result.Differs() != 4 {
			t.Fatalf("err = %v, %+v", err, result)
		}
		var got []string
		for _, d := range result.Differences {
			got = append(got, d.Table+" "+d.What)
		}
		want(t, got, "directory.memberships missing", "history.department_leaders extra", "history.search_keys missing", "history.search_keys extra")
	})

	t.Run("history is checked by itself too", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 53, 200)
		b.exec(t, `DROP INDEX history.users_open`)
		b.exec(t, `UPDATE history.users SET to_position = 9223372036854775807 WHERE (open_id, from_position) = (SELECT open_id, min(from_position) FROM history.users GROUP BY open_id HAVING count(*) > 1 ORDER BY 1 LIMIT 1)`)
		b.exec(t, `UPDATE history.departments SET valid_to = valid_from - interval '1 s' WHERE ctid = (SELECT min(ctid) FROM history.departments)`)
		result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{})
		if !errors.Is(err, projector.ErrDifferent) {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]compare.Broken{
			{Table: "history.departments", Rule: compare.Forward, Count: 1},
			{Table: "history.users", Rule: compare.OneOpen, Count: 1},
			{Table: "history.users", Rule: compare.NoOverlap, Count: 1},
		}, result.Broken); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("a log with a hole", func(t *testing.T) {
		t.Parallel()
		for _, where := range []string{`position = 5`, `position = 1`, `position = (SELECT max(position) FROM mirror.event_log)`} {
			b := setup(t)
			b.company(t, 54, 50)
			b.exec(t, `ALTER TABLE mirror.event_log DISABLE TRIGGER ALL`)
			b.exec(t, `GRANT DELETE ON mirror.event_log TO CURRENT_USER`)
			b.exec(t, `DELETE FROM mirror.event_log WHERE `+where)
			result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{})
			if !errors.Is(err, projector.ErrDifferent) || len(result.Broken) != 1 || result.Broken[0].Rule != compare.Dense {
				t.Errorf("%s: err = %v, %+v", where, err, result)
			}
			if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{AcceptDifferences: true}); err == nil {
				t.Errorf("%s: a log with a hole was rebuilt", where)
			}
		}
	})

	t.Run("a sample", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 55, 600)
		verify := func(s projector.Sample) projector.Verified {
			t.Helper()
			result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{Sample: s})
			if err != nil && !errors.Is(err, projector.ErrDifferent) {
				t.Fatal(err)
			}
			return result
		}
		if result := verify(projector.Sample{People: 7, Seed: 1}); result.Differs() != 0 || *result.People != 7 {
			t.Errorf("%+v", result)
		}
		b.exec(t, `UPDATE directory.users SET city = 'x'`)
		people := lines(t, b.pool, `SELECT open_id FROM directory.users`)
		if result := verify(projector.Sample{People: 7, Seed: 1}); result.Differs() != 7 {
			t.Errorf("%d of 7 were found", result.Differs())
		}
		if result := verify(projector.Sample{Percent: 50}); result.Differs() != int64((len(people)+1)/2) {
			t.Errorf("%d of %d were found", result.Differs(), len(people))
		}
		sampled := func(seed int64) (ids []string) {
			for _, d := range verify(projector.Sample{People: 5, Seed: seed}).Differences {
				ids = append(ids, string(d.Key["open_id"]))
			}
			return ids
		}
		if slices.Equal(sampled(1), sampled(2)) || !slices.Equal(sampled(3), sampled(3)) {
			t.Error("the seed does not choose the sample")
		}
		b.exec(t, `UPDATE directory.users SET city = NULL`)
		b.exec(t, `INSERT INTO history.search_keys SELECT tenant_key, 'user', false, false, 'x', open_id FROM directory.users`)
		if result := verify(projector.Sample{People: 7, Seed: 1}); result.Differs() != 7 {
			t.Errorf("%d of the former keys of 7 were found", result.Differs())
		}
		b.exec(t, `DELETE FROM history.search_keys WHERE key = 'x'`)
		b.exec(t, `UPDATE directory.departments SET depth = 7 WHERE open_department_id = 'od-1'`)
		b.exec(t, `DELETE FROM directory.users WHERE open_id = $1`, people[0])
		b.exec(t, `DELETE FROM directory.fold_state WHERE entity_id = $1`, people[0])
		if result := verify(projector.Sample{Percent: 100}); result.Differs() != 3 {
			t.Errorf("%+v", result)
		}
	})

	t.Run("the list has a limit, the counts have none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.company(t, 56, 200)
		b.exec(t, `UPDATE directory.users SET city = 'x'`)
		b.exec(t, `UPDATE history.users SET city = 'x'`)
		all := len(lines(t, b.pool, `SELECT 1::text FROM directory.users UNION ALL SELECT '' FROM history.users`))
		result, _ := b.projector.Verify(t.Context(), projector.VerifyOptions{Limit: 3})
		if len(result.Differences) != 3 || result.Differs() != int64(all) {
			t.Errorf("%d listed, %d of %d counted", len(result.Differences), result.Differs(), all)
		}
	})

	t.Run("an empty mirror", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil || result.Position != 0 {
			t.Errorf("%+v: %v", result, err)
		}
	})

	t.Run("the projector goes on meanwhile", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		l := b.company(t, 57, 200)
		result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{Progress: func(projector.Progress) {
			b.append(t, l.next())
			b.project(t, 100)
		}})
		if err != nil {
			t.Fatalf("%v: %+v", err, result)
		}
		if at, err := b.log.Checkpoint(t.Context(), projector.Consumer); err != nil || at <= result.Position {
			t.Errorf("at %d, verified %d: %v", at, result.Position, err)
		}
	})
}

// TestRebuildRandomLogs rebuilds logs that nobody chose.
func TestRebuildRandomLogs(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 5))
	for range 4 {
		b := setup(t)
		l := newLife(random.Uint64())
		for range 3 {
			b.live(t, l, random)
			if result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
				t.Fatalf("%v: %+v", err, result)
			}
			if result, err := b.projector.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
				t.Fatalf("%v: %+v", err, result)
			}
		}
	}
}

// TestRebuildLeavesOutWhatTheDatabaseRefuses has a database that refuses a value,
// in every generation.
func TestRebuildLeavesOutWhatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refuse(t, b)
	b.company(t, 61, 100)
	b.append(t,
		observed(t, directory.KindUser, 800, `{"open_id":"ou_0","name":"refused","department_ids":["od-1"]}`),
		observed(t, directory.KindUser, 801, `{"open_id":"ou_1","name":"taken","department_ids":["od-1"]}`))
	b.project(t, 100)
	if parked := b.parked(t); len(parked) != 1 {
		t.Fatalf("parked %v", parked)
	}
	const indexesOfUsers = `SELECT indexname FROM pg_indexes WHERE schemaname = 'directory' AND tablename = 'users' ORDER BY indexname`
	before, indexes := contents(t, b.pool), lines(t, b.pool, indexesOfUsers)
	b.exec(t, `DROP TRIGGER refuse ON directory.users`)
	b.exec(t, `
		CREATE OR REPLACE FUNCTION mirror.create_generation_analytics(directory_schema text, history_schema text, analytics_schema text) RETURNS void
		LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE format('CREATE SCHEMA %I', analytics_schema);
			EXECUTE format('CREATE TRIGGER refuse BEFORE INSERT ON %I.users FOR EACH ROW WHEN (NEW.name = ''refused'') EXECUTE FUNCTION refuse()', directory_schema);
		END $$`)
	result, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{})
	if err != nil {
		t.Fatalf("%v: %+v", err, result)
	}
	if diff := cmp.Diff(before, contents(t, b.pool)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(indexes, lines(t, b.pool, indexesOfUsers)); diff != "" {
		t.Errorf("indexes (-before +after):\n%s", diff)
	}
	if parked := b.parked(t); len(parked) != 1 {
		t.Errorf("the rebuild parked again: %v", parked)
	}
}
