package query

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
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
			reading := sessionsOn(t, fill, false, false)
			hour := `now() - interval '1 hour', 120000, 'infinity', 120000`
			positions := `'infinity', 119990, 'infinity', 120000`
			for _, s := range []struct {
				plan

				comparing bool // with the settings of DiffOrganization
			}{
				{plan{"a person's versions", selectUserVersions, `'t', 'user_id', 'department_id', 'x', 9, 52`, []string{"users_pkey", "event_log_pkey", "removal_set_pkey"}}, false},
				{plan{"a department's versions", selectDepartmentVersions, `'t', 'open_id', 'open_department_id', 'x', 9, 52`, []string{"departments_pkey", "department_leaders_pkey", "event_log_pkey"}}, false},
				{plan{"an hour", selectDifferences, `'t', 'open_id', 'open_department_id', '', ` + hour + `, 0, '', NULL, 51`, []string{"users_valid_from", "departments_valid_from", "users_pkey", "departments_pkey", "department_leaders_user"}}, true},
				{plan{"an hour below a department", selectDifferenceCounts, `'t', 'open_id', 'open_department_id', 'x', ` + hour, []string{"users_valid_from", "departments_siblings"}}, true},
				{plan{"people below a department", selectHeadcounts, `'t', 'open_id', 'open_department_id', 'x', ` + hour, []string{"departments_siblings", "memberships_pkey"}}, true},
				{plan{"a few positions", selectDifferences, `'t', 'open_id', 'open_department_id', '', ` + positions + `, 0, '', NULL, 51`, []string{"users_from_position", "departments_from_position", "users_pkey"}}, true},
				{plan{"names", selectDepartmentNames, `'t', 'open_department_id', ` + hour + `, '{0}', '{x}'`, []string{"departments_pkey"}}, true},
				{plan{"history's start", selectHistoryStart, `'t'`, []string{"sweeps_completed"}}, false},
				{plan{"the position of an instant", selectPositionRecorded, `now(), 120000`, []string{"event_log_pkey"}}, true},
			} {
				plan := planWith(t, reading, s.comparing, s.sql, s.args)
				s.check(t, plan, s.name == "history's start") // which is the first of all sweeps
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
			reading := sessionsOn(t, fill, true, name == "analyzed")
			// What history has no index for, and a search, are asked in other ways.
			otherwise := []string{"found users", "found departments", "users by city", "users by employee type", "users by join time"}
			plans := slices.DeleteFunc(directoryPlans(), func(p plan) bool { return slices.Contains(otherwise, p.name) })
			plans = append(plans,
				plan{"found users", selectPastUsers, `'t', 'open_id', 'open_department_id', '{a}', false, -1, '', '', 51, '{}', false`, []string{"search_keys_prefix", "search_keys_pkey", "users_pkey"}},
				plan{"found departments", selectPastDepartments, `'t', 'open_id', 'open_department_id', '{a}', false, -1, '', '', 51, '{}', false`, []string{"search_keys_prefix", "search_keys_pkey", "departments_pkey"}})
			for _, s := range plans {
				n := strings.Count(s.args, ",") + 1
				plan := planWith(t, reading, false, pastStatement(s.sql, n), s.args+`, now() - interval '20 days', 120000`)
				if i := slices.Index(s.indexes, "departments_path"); i >= 0 {
					s.indexes[i] = "departments_siblings" // subtrees are walked from their tops
				}
				// The walks that are meant: those of TestPlans, and tables of a handful of rows.
				meant := []string{"members", "users of a department", "groups", "user groups", "employee types", "custom attributes"}
				s.check(t, plan, slices.Contains(meant, s.name))
			}
		})
	}
}
