package query

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// TestPlansOfHistory is TestPlans for questions about time: on a history of
// 80 000 versions, with statistics and before the first ANALYZE.
func TestPlansOfHistory(t *testing.T) {
	t.Parallel()
	company, err := os.ReadFile("testdata/company.sql")
	if err != nil {
		t.Fatal(err)
	}
	fresh, _, _ := strings.Cut(string(company), "ANALYZE")
	for name, fill := range map[string]string{
		"fresh":    fresh + historyOf(t, 20_000),
		"analyzed": string(company) + historyOf(t, 20_000) + "ANALYZE history.users, history.departments, history.department_leaders",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.DB(t)
			if _, err := pool.Exec(t.Context(), fill); err != nil {
				t.Fatal(err)
			}
			reading, err := openSessions(t.Context(), pool)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(reading.Close)
			hour := `now() - interval '1 hour', 120000, 'infinity', 120000`
			positions := `'infinity', 119990, 'infinity', 120000`
			for _, s := range []struct {
				name, sql, args string
				comparing       bool // with the settings of DiffOrganization
				indexes         []string
			}{
				{"a person's versions", selectUserVersions, `'t', 'user_id', 'department_id', 'x', 9, 52`, false, []string{"users_pkey", "event_log_pkey", "removal_set_pkey"}},
				{"a department's versions", selectDepartmentVersions, `'t', 'open_id', 'open_department_id', 'x', 9, 52`, false, []string{"departments_pkey", "department_leaders_pkey", "event_log_pkey"}},
				{"an hour", selectDifferences, `'t', 'open_id', 'open_department_id', '', ` + hour + `, 0, '', NULL, 51`, true, []string{"users_valid_from", "departments_valid_from", "users_pkey", "departments_pkey", "department_leaders_user"}},
				{"an hour below a department", selectDifferenceCounts, `'t', 'open_id', 'open_department_id', 'x', ` + hour, true, []string{"users_valid_from", "departments_siblings"}},
				{"people below a department", selectHeadcounts, `'t', 'open_id', 'open_department_id', 'x', ` + hour, true, []string{"departments_siblings", "memberships_pkey"}},
				{"a few positions", selectDifferences, `'t', 'open_id', 'open_department_id', '', ` + positions + `, 0, '', NULL, 51`, true, []string{"users_from_position", "departments_from_position", "users_pkey"}},
				{"names", selectDepartmentNames, `'t', 'open_department_id', ` + hour + `, '{0}', '{x}'`, true, []string{"departments_pkey"}},
				{"history's start", selectHistoryStart, `'t'`, false, []string{"sweeps_completed"}},
				{"the position of an instant", selectPositionRecorded, `now(), 120000`, true, []string{"event_log_pkey"}},
			} {
				plan := planWith(t, reading, s.comparing, s.sql, s.args)
				for _, index := range s.indexes {
					if !strings.Contains(plan, index) {
						t.Errorf("%s does not use %s:\n%s", s.name, index, plan)
					}
				}
				for line := range strings.Lines(plan) {
					if strings.Contains(line, "Seq Scan") && !strings.Contains(line, "event_log_head") {
						t.Errorf("%s reads a whole table: %s", s.name, line)
					}
				}
				whole := strings.Contains(plan, "Index Cond: (tenant_key = 't'::text)\n") || strings.Contains(plan, "Index Cond: (tenant_key = $1)\n")
				if whole && s.name != "history's start" { // which is the first of all sweeps
					t.Errorf("%s reads a whole company:\n%s", s.name, plan)
				}
			}
		})
	}
}

func planWith(t *testing.T, reading *sessions, compare bool, sql, args string) (plan string) {
	t.Helper()
	tx, err := reading.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if compare {
		if _, err := tx.Exec(t.Context(), comparing, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
	}
	return planOf(t, tx.Conn(), sql, args)
}

// TestPlansOfThePast is TestPlans for the same statements about the past.
func TestPlansOfThePast(t *testing.T) {
	t.Parallel()
	resources, err := os.ReadFile("testdata/company_resources.sql")
	if err != nil {
		t.Fatal(err)
	}
	var rows string
	for _, text := range []string{companyOf(t, 20_000), string(resources)} {
		some, _, _ := strings.Cut(text, "ANALYZE")
		rows += some
	}
	rows += historyOf(t, 20_000)
	for name, fill := range map[string]string{"fresh": rows, "analyzed": rows + "; ANALYZE"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := pgtest.DB(t)
			if _, err := pool.Exec(t.Context(), fill); err != nil {
				t.Fatal(err)
			}
			fillSearch(t, pool, 8000)
			if name == "analyzed" {
				if _, err := pool.Exec(t.Context(), `ANALYZE directory.search_keys`); err != nil {
					t.Fatal(err)
				}
			}
			reading, err := openSessions(t.Context(), pool)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(reading.Close)
			// What history has no index for, and a search, are asked in other ways.
			otherwise := []string{"found users", "found departments", "users by city", "users by employee type", "users by join time"}
			plans := slices.DeleteFunc(directoryPlans(), func(p plan) bool { return slices.Contains(otherwise, p.name) })
			plans = append(plans,
				plan{"found users", selectPastUsers, `'t', 'open_id', 'open_department_id', '{a}', false, -1, '', '', 51, '{}'`, []string{"search_keys_prefix", "search_keys_pkey", "users_pkey"}},
				plan{"found departments", selectPastDepartments, `'t', 'open_id', 'open_department_id', '{a}', false, -1, '', '', 51, '{}'`, []string{"search_keys_prefix", "search_keys_pkey", "departments_pkey"}})
			for _, s := range plans {
				n := strings.Count(s.args, ",") + 1
				plan := planWith(t, reading, false, pastStatement(s.sql, n), s.args+`, now() - interval '20 days', 120000`)
				for _, index := range s.indexes {
					if index == "departments_path" {
						index = "departments_siblings" // subtrees are walked from their tops
					}
					if !strings.Contains(plan, index) {
						t.Errorf("%s does not use %s:\n%s", s.name, index, plan)
					}
				}
				for line := range strings.Lines(plan) {
					if strings.Contains(line, "Seq Scan") && !strings.Contains(line, "event_log_head") {
						t.Errorf("%s reads a whole table: %s", s.name, line)
					}
				}
				// The walks that are meant: those of TestPlans, and tables of a handful of rows.
				meant := []string{"members", "users of a department", "groups", "user groups", "employee types", "custom attributes"}
				if strings.Contains(plan, "Index Cond: (tenant_key = $1)\n") && !slices.Contains(meant, s.name) {
					t.Errorf("%s reads a whole company:\n%s", s.name, plan)
				}
				if strings.Contains(plan, "JIT") {
					t.Errorf("%s is compiled:\n%s", s.name, plan)
				}
			}
		})
	}
}
