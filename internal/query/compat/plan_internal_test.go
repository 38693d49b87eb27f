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
	company, err := os.ReadFile("../testdata/company.sql")
	if err != nil {
		t.Fatal(err)
	}
	pool := pgtest.DB(t)
	for _, sql := range []string{string(company), "VACUUM ANALYZE"} {
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
