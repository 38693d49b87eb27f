package compat

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// asReading is how the sessions of package query are set.
const asReading = `
SET plan_cache_mode = force_generic_plan;
SET jit = off;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off`

// No statement reads a whole table, or a whole company where an index should serve:
// only searching for a part of a name, or for who is in no department, or has a
// number, goes through all.
func TestPlans(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	fill := []string{filled, "VACUUM ANALYZE"}
	company, err := os.ReadFile("../testdata/company.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range append([]string{string(company)}, fill...) {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), asReading); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		name, sql, args string
		indexes         []string
		all             bool // goes through all
	}{
		{"user", selectUser, `'t', 'x'`, []string{"users_pkey"}, false},
		{"users", selectUsers, `'t', 'user_id', 'department_id', '{x}'`, []string{"users_pkey", "users_user_id", "users_union_id", "departments_pkey"}, false},
		{"members", selectMembers, `'t', 'open_id', 'open_department_id', 'x', 1, '', 51`, []string{"memberships_pkey", "users_pkey"}, false},
		{"independent", selectIndependent, `'t', 'open_id', 'open_department_id', '', 51`, []string{"users_pkey"}, true},
		{"people", selectPeople, `'t', 'open_id', '{x}', '{x}'`, []string{"users_email", "users_mobile"}, false},
		{"department", selectDepartment, `'t', 'open_id', 'department_id', 'x'`, []string{"departments_pkey", "departments_department_id", "department_leaders_pkey"}, false},
		{"departments", selectDepartments, `'t', 'open_id', 'department_id', '{x}'`, []string{"departments_pkey", "departments_department_id"}, false},
		{"parents", selectParents, `'t', 'open_id', 'department_id', 'x', '', 51`, []string{"departments_pkey"}, false},
		{"children", selectChildren, `'t', 'open_id', 'department_id', 'x', '-Infinity', '', 51`, []string{"departments_siblings"}, false},
		{"descendants", selectDescendants, `'t', 'open_id', 'department_id', 'x', '', 51`, []string{"departments_path"}, false},
		{"tops", selectTops, `'t', 'open_id', 'department_id', '', 51, false`, []string{"departments_path"}, true},
		{"found", selectFound, `'t', 'open_id', 'department_id', 'x', '', 51`, []string{"departments_pkey"}, true},
		{"employee types", selectEmployeeTypes, `'t', 1, '', 51`, nil, true},
		{"group", selectGroup, `'t', 'department_id', 'x'`, []string{"groups_pkey"}, false},
		{"groups", selectGroups, `'t', 'department_id', 1, '', 51`, []string{"groups_pkey"}, false},
		{"groups of a member", selectGroupsOf, `'t', 'user_id', 'x', 0, '', 51`, []string{"group_members_member", "groups_pkey", "users_user_id"}, false},
		{"members of a group", selectGroupMembers, `'t', 'open_id', 'x', 'user', '', 51`, []string{"group_members_pkey", "users_pkey"}, false},
		{"unit", selectUnit, `'t', 'x'`, []string{"units_pkey"}, false},
		{"units", selectUnits, `'t', '', 51`, []string{"units_pkey"}, false},
		{"departments of a unit", selectUnitDepartments, `'t', 'department_id', 'x', '', 51`, []string{"unit_departments_pkey"}, false},
		{"scopes", selectScopes, `'t', 'open_id', 'department_id', -1, '', 51`, []string{"scopes_pkey"}, true},
		{"custom attributes", selectCustomAttrs, `'t', 1, '', 51`, []string{"custom_attributes_pkey"}, true},
	} {
		plan := planOf(t, conn.Conn(), s.sql, s.args)
		for _, index := range s.indexes {
			if !strings.Contains(plan, index) {
				t.Errorf("%s does not use %s:\n%s", s.name, index, plan)
			}
		}
		before := ""
		for line := range strings.Lines(plan) {
			// Of walks there are a few a day, and they are looked at for the root only.
			if strings.Contains(line, "Seq Scan") && !strings.Contains(line, "event_log_head") && !strings.Contains(line, "on sweep s") {
				t.Errorf("%s reads a whole table: %s", s.name, line)
			}
			// The settings have one row a company.
			if strings.HasSuffix(line, "Index Cond: (tenant_key = $1)\n") && !s.all && !strings.Contains(before, "custom_attr_settings") {
				t.Errorf("%s reads a whole company:\n%s", s.name, plan)
			}
			before = line
		}
	}
}

// filled are groups and units of the company, as many as Feishu allows.
const filled = `
INSERT INTO directory.groups (tenant_key, group_id, type, attributes, position)
SELECT 't', 'g' || i, 1 + i % 2, '{}', 1 FROM generate_series(1, 500) AS i;
INSERT INTO directory.group_members (tenant_key, group_id, member_type, member_id, position)
SELECT 't', 'g' || 1 + (i + j * 7) % 500, 'user', u.open_id, 1
FROM (SELECT open_id, row_number() OVER (ORDER BY open_id) AS i FROM directory.users WHERE tenant_key = 't') AS u
CROSS JOIN generate_series(1, 3) AS j
ON CONFLICT DO NOTHING;
INSERT INTO directory.units (tenant_key, unit_id, attributes, position)
SELECT 't', 'u' || i, '{}', 1 FROM generate_series(1, 1000) AS i;
INSERT INTO directory.unit_departments (tenant_key, unit_id, open_department_id, position)
SELECT 't', 'u' || 1 + row_number() OVER () % 1000, open_department_id, 1 FROM directory.departments WHERE tenant_key = 't';
INSERT INTO directory.scopes (tenant_key, node_type, node_id, position)
SELECT 't', 'user', open_id, 1 FROM directory.users WHERE tenant_key = 't' LIMIT 1000`

func planOf(t *testing.T, conn *pgx.Conn, sql, args string) string {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "PREPARE asked AS "+sql); err != nil {
		t.Fatalf("%v\nin %s", err, sql)
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE asked("+args+")", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%v\nin %s", err, sql)
	}
	if _, err := conn.Exec(t.Context(), "DEALLOCATE asked"); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// Whatever a custom attribute or an object holds, it is translated or left alone.
func FuzzTranslate(f *testing.F) {
	f.Add(`{"custom_attrs":[{"id":"C-1","value":{"generic_user":{"id":"ou_a"}}}],"orders":[{"department_id":"od-a"}],"leader_user_id":"ou_a"}`)
	f.Add(`{"custom_attrs":[{"value":{"generic_user":{"id":7}}},{}],"department_ids":["od-a","0",""]}`)
	f.Add(`{"custom_attrs":null,"orders":[],"leader_user_id":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := objectOf([]byte(text))
		if err != nil || o == nil {
			return
		}
		c := &call{kinds: kinds{user: unionID, department: departmentID}}
		p := &person{users: []byte(`{"ou_a":"on_a"}`), departments: []byte(`{"od-a":"A"}`)}
		if c.translate(o, p) != nil {
			return
		}
		out := o.append(nil)
		if _, err := objectOf(out); err != nil {
			t.Errorf("%s became %s: %v", text, out, err)
		}
	})
}
