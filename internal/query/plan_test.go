package query

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// plan is a statement, arguments, and the indexes that its plan has to use.
type plan struct {
	name, sql, args string
	indexes         []string
}

// check looks at a plan. None reads a whole table; one that walks may read a whole company.
func (p plan) check(t *testing.T, found string, walks bool) {
	t.Helper()
	for _, index := range p.indexes {
		if !strings.Contains(found, index) {
			t.Errorf("%s does not use %s:\n%s", p.name, index, found)
		}
	}
	for line := range strings.Lines(found) {
		if strings.Contains(line, "Seq Scan") && !strings.Contains(line, "event_log_head") {
			t.Errorf("%s reads a whole table: %s", p.name, line)
		}
	}
	whole := strings.Contains(found, "Index Cond: (tenant_key = 't'::text)\n") || strings.Contains(found, "Index Cond: (tenant_key = $1)\n")
	if whole && !walks {
		t.Errorf("%s reads a whole company:\n%s", p.name, found)
	}
	if strings.Contains(found, "JIT") {
		t.Errorf("%s is compiled:\n%s", p.name, found)
	}
}

// sessionsOn are sessions for reading on a filled database.
func sessionsOn(t *testing.T, fill string, searched, analyzed bool) *sessions {
	t.Helper()
	pool := pgtest.DB(t)
	if _, err := pool.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	if searched {
		fillSearch(t, pool, 8000)
	}
	if searched && analyzed {
		if _, err := pool.Exec(t.Context(), `ANALYZE directory.search_keys`); err != nil {
			t.Fatal(err)
		}
	}
	reading, err := openSessions(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reading.Close)
	return reading
}

// directoryPlans are the statements that questions about the directory ask.
func directoryPlans() []plan {
	listed := `'t', 'open_id', 'open_department_id', 'x', false, '', 51, 100` + strings.Repeat(`, NULL`, len(filterFields)+3)
	return []plan{
		{"user", selectUser, `'t', 'x'`, []string{"users_pkey", "checkpoint_pkey"}},
		{"users", selectUsers, `'t', 'user_id', 'department_id', '{x}'`, []string{"users_pkey", "users_user_id", "users_union_id", "departments_pkey"}},
		{"found users", selectFoundUsers, `'t', 'open_id', 'open_department_id', '{a}', false, -1, '', '', 51, false, '{}'`, []string{"search_keys_prefix", "search_keys_pkey", "users_pkey"}},
		{"found departments", selectFoundDepartments, `'t', 'open_id', 'open_department_id', '{a}', false, -1, '', '', 51, false, '{}'`, []string{"search_keys_prefix", "search_keys_pkey", "departments_pkey"}},
		{"translated", selectTranslated, `'t', 'email', '{x}', '{x}'`, []string{"users_pkey", "users_union_id", "users_user_id", "users_email", "users_enterprise_email", "users_mobile", "users_employee_no"}},
		{"managers", selectManagers, `'t', 'user_id', 'open_department_id', 'x', false`, []string{"users_pkey", "users_user_id", "users_union_id"}},
		{"dotted-line leaders", selectDottedLineLeaders, `'t', 'user_id', 'open_department_id', 'x', false`, []string{"users_pkey"}},
		{"leaders", selectLeaders, `'t', 'open_id', 'department_id', 'x', false`, []string{"department_leaders_pkey", "users_pkey"}},
		{"reports", selectReports, `'t', 'open_id', 'open_department_id', 'x', false, '', 51`, []string{"users_reports", "users_pkey"}},
		{"reports below", selectReportsBelow, `'t', 'open_id', 'open_department_id', 'x', false, '', 51, 5000`, []string{"users_reports", "users_pkey"}},
		{"user departments", selectUserDepartments, `'t', 'open_id', 'open_department_id', 'x', false`, []string{"users_pkey", "departments_pkey"}},
		{"departments", selectDepartments, `'t', 'open_id', 'department_id', '{x}'`, []string{"departments_pkey", "departments_department_id"}},
		{"descendants", selectDescendants, `'t', 'open_id', 'open_department_id', 'x', false, '{}', '{}', 51, 1000`, []string{"departments_siblings", "departments_pkey"}},
		{"way", selectWay, `'t', 'open_id', 'department_id', 'x'`, []string{"departments_pkey"}},
		{"counts", selectCounts, `'t', 'open_id', 'department_id', 'x'`, []string{"departments_path", "memberships_"}},
		{"users in order", selectUsersInOrder, listed, []string{"users_pkey"}},
		{"users by city", selectUsersByCity, listed, []string{"users_city_open_id"}},
		{"users by employee type", selectUsersByEmployeeType, listed, []string{"users_employee_type_open_id"}},
		{"users by join time", selectUsersByJoinTime, listed, []string{"users_join_time", "users_pkey"}},
		{"users by e-mail", selectUsersByEmail, listed, []string{"users_email"}},
		{"users by enterprise e-mail", selectUsersByEnterpriseEmail, listed, []string{"users_enterprise_email"}},
		{"users by mobile", selectUsersByMobile, listed, []string{"users_mobile"}},
		{"users by employee number", selectUsersByEmployeeNo, listed, []string{"users_employee_no"}},
		{"users of a department", selectUsersOfDepartment, listed, []string{"memberships_pkey", "users_pkey"}},
		{"users below a department", selectUsersBelow, listed, []string{"departments_path", "memberships_pkey", "users_pkey"}},
		{"members", selectMembers, `'t', 'open_id', 'open_department_id', 'x', false, '', 51, 1`, []string{"memberships_pkey", "users_pkey"}},
		{"members below", selectMembersBelow, `'t', 'open_id', 'open_department_id', 'x', false, '', 51, 100`, []string{"departments_path", "memberships_pkey", "users_pkey"}},
		{"department", selectDepartment, `'t', 'open_id', 'department_id', 'x'`, []string{"departments_pkey", "departments_department_id", "department_leaders_pkey"}},
		{"children", selectChildren, `'t', 'open_id', 'department_id', 'x', false, '-Infinity', '', 51`, []string{"departments_siblings", "departments_pkey"}},
		{"ancestors", selectAncestors, `'t', 'open_id', 'department_id', 'x'`, []string{"departments_pkey"}},
		{"group", selectGroup, `'t', 'x', 'department_id'`, []string{"groups_pkey"}},
		{"groups", selectGroups, `'t', 0, 'department_id', false, '', 51`, []string{"groups_pkey"}},
		{"group members", selectGroupMembers, `'t', 'union_id', 'department_id', 'x', false, '', '', '', 51`, []string{"groups_pkey", "group_members_pkey", "users_pkey", "departments_pkey"}},
		{"group users", selectGroupUsers, `'t', 'open_id', 'open_department_id', 'x', false, '', 51, true, 100`, []string{"group_members_pkey", "departments_path", "memberships_pkey", "users_pkey"}},
		{"user groups", selectUserGroups, `'t', 'user_id', 'open_department_id', 'x', false, true, '', 51`, []string{"users_user_id", "group_members_member", "groups_pkey"}},
		{"unit", selectUnit, `'t', 'x'`, []string{"units_pkey"}},
		{"units", selectUnits, `'t', false, '', 51`, []string{"units_pkey"}},
		{"unit departments", selectUnitDepartments, `'t', 'open_id', 'open_department_id', 'x', false, '', 51`, []string{"unit_departments_pkey", "departments_pkey"}},
		{"employee types", selectEmployeeTypes, `'t', false, '', 51`, []string{"employee_types_pkey"}},
		{"custom attributes", selectCustomAttributes, `'t', false, '', 51`, []string{"custom_attributes_pkey"}},
		{"scope nodes", selectScopeNodes, `'t', 'union_id', 'department_id', '', false, '', '', 51`, []string{"scopes_pkey", "users_pkey"}},
	}
}

// TestPlans asks for the plan of each statement as a session for reading makes
// it, with statistics and before the first ANALYZE.
func TestPlans(t *testing.T) {
	t.Parallel()
	resources, err := os.ReadFile("testdata/company_resources.sql")
	if err != nil {
		t.Fatal(err)
	}
	var fresh, analyzed string
	for _, text := range []string{companyOf(t, 20_000), string(resources)} {
		rows, _, found := strings.Cut(text, "ANALYZE")
		if !found {
			t.Fatal("the company is never analyzed")
		}
		fresh, analyzed = fresh+rows, analyzed+text
	}
	for name, fill := range map[string]string{"fresh": fresh, "analyzed": analyzed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading := sessionsOn(t, fill, true, name == "analyzed")
			for _, s := range append(directoryPlans(), plan{name: "past", sql: selectPast, args: `'t', 1`, indexes: []string{"event_log_pkey", "sweeps_"}}) {
				conn, err := reading.Acquire(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				plan := planOf(t, conn.Conn(), s.sql, s.args)
				conn.Release()
				// The walks that are meant: who left, only where asked for; sweeps from the newest back; all groups.
				s.check(t, plan, slices.Contains([]string{"members", "past", "users of a department", "groups", "user groups"}, s.name))
			}
		})
	}
}

// TestSearchReadsNoMoreThanItAnswers counts the blocks that a search touches, whatever
// comes before its prefix and however many fit.
func TestSearchReadsNoMoreThanItAnswers(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	if _, err := pool.Exec(t.Context(), companyOf(t, 8000)); err != nil {
		t.Fatal(err)
	}
	FillSearch(t, pool)
	if _, err := pool.Exec(t.Context(), `VACUUM ANALYZE directory.search_keys`); err != nil {
		t.Fatal(err)
	}
	reading, err := openSessions(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reading.Close)
	for _, query := range []string{"z", "zw", "王", "明", "p"} {
		var found []string
		rows, err := reading.Pool.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) "+
			strings.NewReplacer("$11", "NULL", "$10", "false", "$1", "'t'", "$2", "'open_id'", "$3", "'open_department_id'", "$4", "'{"+query+"}'",
				"$5", "false", "$6", "-1", "$7", "''", "$8", "''", "$9", "51").Replace(selectFoundUsers), pgx.QueryExecModeSimpleProtocol)
		if err == nil {
			found, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks := 0
		for _, line := range found {
			if _, err := fmt.Sscanf(strings.TrimSpace(line), "Buffers: shared hit=%d", &blocks); err == nil {
				break // of the whole
			}
		}
		if blocks == 0 || blocks > 2500 {
			t.Errorf("%q touches %d blocks, want some hundred:\n%s", query, blocks, strings.Join(found, "\n"))
		}
	}
}

// TestPlansOfAnEmptyDatabaseAreForgotten fills the database under a service that
// has planned everything already.
func TestPlansOfAnEmptyDatabaseAreForgotten(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	reading, err := openSessions(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reading.Close)
	session := func() (pid uint32) {
		conn, err := reading.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
		return conn.Conn().PgConn().PID()
	}
	first := session()
	reading.replan(firstPlans - 1)
	if session() != first {
		t.Error("a small log made a new session")
	}
	reading.replan(firstPlans)
	second := session()
	if second == first {
		t.Error("the session that planned on an empty database is still there")
	}
	reading.replan(2 * firstPlans)
	if session() != second {
		t.Error("a log that has not doubled made a new session")
	}
	reading.replan(3 * firstPlans)
	if session() == second {
		t.Error("a log three times as long kept the session")
	}
}

func planOf(t *testing.T, conn *pgx.Conn, sql, args string) string {
	t.Helper()
	if _, err := conn.Exec(t.Context(), "PREPARE asked AS "+sql); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE asked("+args+")", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "DEALLOCATE asked"); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
