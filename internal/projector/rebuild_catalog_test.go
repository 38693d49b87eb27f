package projector_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/projector"
)

// catalog is everything that PostgreSQL knows of the read model, and of what others
// built on it, but the rows.
func catalog(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	return lines(t, pool, `
WITH ours AS (
    SELECT oid, nspname::text AS name FROM pg_namespace WHERE nspname IN ('directory', 'history', 'analytics', 'others')
), acls AS (
    SELECT 'schema ' || n.nspname AS object, n.nspowner AS owner, n.nspacl AS acl FROM pg_namespace n JOIN ours USING (oid)
    UNION ALL
    SELECT 'relation ' || c.oid::regclass, c.relowner, c.relacl FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
    UNION ALL
    SELECT 'column ' || c.oid::regclass || '.' || a.attname, c.relowner, a.attacl FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN ours ON ours.oid = c.relnamespace
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure, p.proowner, p.proacl FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
)
SELECT 'owner of ' || object || ' is ' || pg_get_userbyid(owner) FROM acls
UNION ALL
SELECT concat_ws(' ', object, 'grants', e.privilege_type, 'to', CASE WHEN e.grantee = 0 THEN 'public' ELSE pg_get_userbyid(e.grantee)::text END, e.is_grantable)
FROM acls CROSS JOIN LATERAL aclexplode(acl) e WHERE e.grantee <> owner
UNION ALL
SELECT concat_ws(' ', 'default', ours.name, d.defaclobjtype, e.privilege_type, e.grantee::regrole) FROM pg_default_acl d JOIN ours ON ours.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) e
UNION ALL
SELECT concat_ws(' ', 'comment', n.nspname, obj_description(n.oid)) FROM pg_namespace n JOIN ours USING (oid)
UNION ALL
SELECT concat_ws(' ', 'comment', c.oid::regclass, a.attname, coalesce(col_description(c.oid, a.attnum), obj_description(c.oid), '-'), format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(x.adbin, x.adrelid))
FROM pg_class c JOIN ours ON ours.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef x ON x.adrelid = c.oid AND x.adnum = a.attnum
UNION ALL
SELECT 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || coalesce(c.reloptions::text, '') || c.relpersistence::text FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
UNION ALL
SELECT 'index ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN ours ON ours.oid = c.relnamespace
UNION ALL
SELECT 'constraint ' || k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN ours ON ours.oid = k.connamespace
UNION ALL
SELECT 'view ' || c.oid::regclass || ' ' || pg_get_viewdef(c.oid) FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind = 'v'
ORDER BY 1`)
}

// role makes a role of the cluster, which the databases of other tests share.
func (b *bundle) role(t *testing.T) string {
	t.Helper()
	name := "analyst_" + lines(t, b.pool, `SELECT current_database()::text`)[0]
	b.exec(t, `CREATE ROLE `+name)
	t.Cleanup(func() {
		for _, sql := range []string{`DROP OWNED BY ` + name, `DROP ROLE ` + name} {
			if _, err := b.pool.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
				t.Error(err)
			}
		}
	})
	return name
}

// Views, comments, grants and indexes are whole after a rebuild: those that the
// migrations made, and those that others did.
func TestRebuildKeepsWhatOthersMade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 21, 200)
	role := b.role(t)
	for _, sql := range []string{
		`GRANT USAGE ON SCHEMA directory, history, analytics TO ` + role,
		`GRANT SELECT ON ALL TABLES IN SCHEMA directory TO ` + role,
		`GRANT SELECT (open_id, name) ON history.users TO ` + role + ` WITH GRANT OPTION`,
		`GRANT INSERT ON directory.sweeps TO PUBLIC`,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA directory GRANT SELECT ON TABLES TO ` + role,
		`CREATE INDEX users_city ON directory.users USING btree (city) WHERE removed_at IS NULL`,
		`CREATE SCHEMA others`,
		`CREATE VIEW others.names WITH (security_barrier = true) AS SELECT open_id, name FROM directory.users`,
		`COMMENT ON VIEW others.names IS 'mine'`,
		`GRANT SELECT ON others.names TO ` + role,
		`CREATE VIEW others.short AS SELECT left(name, 1) AS initial FROM others.names`,
		`CREATE VIEW others.pairs AS SELECT n.name, d.name AS department FROM others.names n JOIN directory.memberships m USING (open_id) JOIN directory.departments d USING (tenant_key, open_department_id)`,
		`CREATE VIEW analytics.headcount AS SELECT count(*) AS people FROM directory.users WHERE removed_at IS NULL`,
		`COMMENT ON COLUMN analytics.headcount.people IS 'how many'`,
		`GRANT SELECT ON analytics.headcount TO ` + role,
		`CREATE TABLE analytics.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text NOT NULL, at serial)`,
		`CREATE FUNCTION analytics.headcount_twice() RETURNS bigint LANGUAGE sql AS 'SELECT 2 * people FROM analytics.headcount'`,
		`REVOKE EXECUTE ON FUNCTION analytics.headcount_twice() FROM PUBLIC`,
	} {
		b.exec(t, sql)
	}
	before := catalog(t, b.pool)
	for _, word := range []string{role, "users_city", "mine", "how many", "others.pairs", "headcount_twice"} {
		if !strings.Contains(strings.Join(before, "\n"), word) {
			t.Errorf("the catalog does not tell of %s", word)
		}
	}
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(before, catalog(t, b.pool)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", when, diff)
		}
		b.append(t, observed(t, directory.KindUser, 900, `{"open_id":"ou_`+strings.ReplaceAll(when, " ", "_")+`","name":"new","department_ids":["od-3"],"status":{"is_resigned":false}}`))
		b.project(t, 100)
		want(t, lines(t, b.pool, `SELECT count(*) || ' ' || (SELECT 2 * people = analytics.headcount_twice() FROM analytics.headcount) FROM others.names WHERE open_id = $1`, "ou_"+strings.ReplaceAll(when, " ", "_")), "1 true")
		want(t, lines(t, b.pool, `SELECT ((SELECT count(*) FROM directory.users) = (SELECT count(*) FROM others.short) AND (SELECT people FROM analytics.headcount) = (SELECT count(*) FROM directory.users WHERE removed_at IS NULL))::text`), "true")
	}
	if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Keep: true}); err != nil {
		t.Fatal(err)
	}
	check("after a rebuild")
	if _, err := b.projector.Rollback(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	check("after the way back")
	if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	check("after another one")
	if _, err := b.projector.DropKept(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after the drop")
}

// What cannot follow a swap is named before anything is done.
func TestRebuildRefusesWhatCannotFollow(t *testing.T) {
	t.Parallel()
	for object, sql := range map[string]string{
		"others.counts":     `CREATE MATERIALIZED VIEW others.counts AS SELECT count(*) FROM directory.users`,
		"analytics.counts":  `CREATE MATERIALIZED VIEW analytics.counts AS SELECT count(*) FROM history.users`,
		"others.watched":    `CREATE TABLE others.watched (tenant_key text COLLATE "C", open_id text COLLATE "C", FOREIGN KEY (tenant_key, open_id) REFERENCES directory.users)`,
		"others.name_of":    `CREATE FUNCTION others.name_of(u directory.users) RETURNS text LANGUAGE sql RETURN u.name`,
		"others.people":     `CREATE FUNCTION others.people() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM directory.users; END`,
		"others.tell":       `CREATE FUNCTION others.tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER tell_others AFTER INSERT ON directory.users FOR EACH ROW EXECUTE FUNCTION others.tell()`,
		"policy":            `CREATE POLICY mine ON directory.users USING (true)`,
		"publication":       `CREATE PUBLICATION changes FOR TABLE directory.users`,
		"directory.users ":  `ALTER TABLE directory.users ADD COLUMN mine text`,
		"history.users has": `ALTER TABLE history.users ALTER COLUMN gender TYPE bigint`,
	} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.company(t, 22, 50)
			b.exec(t, `CREATE SCHEMA others`)
			for _, statement := range strings.Split(sql, "; CREATE TRIGGER") {
				if strings.HasPrefix(statement, " tell_others") {
					statement = "CREATE TRIGGER" + statement
				}
				b.exec(t, statement)
			}
			before := contents(t, b.pool)
			_, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{AcceptDifferences: true})
			word := strings.TrimPrefix(object, "others.tell")
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Fatalf("err = %v, want one that names %s", err, object)
			}
			if !errors.Is(err, projector.ErrBound) && !strings.Contains(err.Error(), "different tables") {
				t.Errorf("err = %v, want ErrBound or ErrShape", err)
			}
			if diff := cmp.Diff(before, contents(t, b.pool)); diff != "" {
				t.Error(diff)
			}
			want(t, schemas(t, b.pool), "analytics", "directory", "history")
		})
	}
}

// A generation that was kept cannot come back after a migration that it missed.
func TestRollbackRefusesAnOlderSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 23, 50)
	if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{Keep: true}); err != nil {
		t.Fatal(err)
	}
	b.exec(t, `ALTER TABLE directory.users ADD COLUMN later text`)
	if _, err := b.projector.Rollback(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "migrated") {
		t.Errorf("err = %v", err)
	}
	want(t, lines(t, b.pool, `SELECT number || ' ' || state FROM mirror.generation ORDER BY 1`), "1 kept", "2 serving")
}

// A rebuild by an administrator leaves the tables to who owned them.
func TestRebuildByAnotherRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.company(t, 24, 50)
	owner := b.role(t)
	b.exec(t, `GRANT USAGE, CREATE ON SCHEMA mirror TO `+owner)
	b.exec(t, `GRANT ALL ON ALL TABLES IN SCHEMA mirror TO `+owner)
	b.exec(t, fmt.Sprintf(`GRANT CREATE ON DATABASE %s TO %s`, lines(t, b.pool, `SELECT current_database()::text`)[0], owner))
	for _, schema := range []string{"directory", "history", "analytics"} {
		b.exec(t, `ALTER SCHEMA `+schema+` OWNER TO `+owner)
		for _, table := range lines(t, b.pool, `SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace::regnamespace::text = $1 AND c.relkind IN ('r', 'v')`, schema) {
			b.exec(t, `ALTER TABLE `+table+` OWNER TO `+owner)
		}
		for _, routine := range lines(t, b.pool, `SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace::regnamespace::text = $1`, schema) {
			b.exec(t, `ALTER ROUTINE `+routine+` OWNER TO `+owner)
		}
	}
	before := catalog(t, b.pool)
	if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, catalog(t, b.pool)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
