package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// TestComparisonFindsEveryDifference plants differences of every kind: in each
// field of the sandbox's table of permissions, in the tables, one at a time.
func TestComparisonFindsEveryDifference(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 40, 8)
	everythingSet(t, server)
	database := pgtest.URL(t)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+database)...)
	backfill(t, env)
	truth := trueFacts(t, server, server.AppID())
	same := func() []string { return truth.differ(mirrored(t, database, nil)) }
	if wrong := same(); len(wrong) > 0 {
		t.Fatalf("after a backfill differ %q", wrong)
	}

	for _, p := range planted(t, truth) {
		before := dump(t, database, p.table)
		execute(t, database, p.statement)
		wrong := same()
		if !slices.ContainsFunc(wrong, func(name string) bool { return strings.HasPrefix(name, p.of+" ") && strings.Contains(name, p.names) }) {
			t.Errorf("%s: the comparison finds %q", p.statement, wrong)
		}
		restore(t, database, p.table, before)
	}
	if wrong := same(); len(wrong) > 0 {
		t.Errorf("when all is as it was differ %q", wrong)
	}
}

// everythingSet gives somebody a value of every field, so that each can differ.
func everythingSet(t *testing.T, server *sandbox.Server) {
	t.Helper()
	truth := server.Truth()
	var people, departments []string
	for id := range truth.Users {
		people = append(people, id)
	}
	for id := range truth.Departments {
		departments = append(departments, id)
	}
	slices.Sort(people)
	slices.Sort(departments)
	server.AllowOpenQuery(true)
	attr, err := server.AddCustomAttr(textAttr(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.AddUnit(sandbox.Unit{Name: "单位", UnitType: "子公司", Departments: departments[:1]}); err != nil {
		t.Fatal(err)
	}
	if err := server.ChangeUser(people[0], func(u *sandbox.User) {
		u.EnName, u.Nickname, u.Email, u.EnterpriseEmail, u.Gender = "En", "Nick", "a@example.com", "a@corp.example.com", 1
		u.Description, u.LeaderUserID, u.DottedLine, u.City, u.Country, u.Geo = "签", people[1], people[2:3], "北京", "CN", "cn"
		u.WorkStation, u.JoinTime, u.EmployeeNo, u.JobTitle, u.JobLevelID, u.JobFamilyID = "A座", 1_600_000_000, "no-1", "架构师", "level", "family"
		u.CustomAttrs = []sandbox.CustomAttr{{ID: attr.ID, Type: attr.Type, Value: sandbox.CustomAttrValue{Text: "值"}}}
	}); err != nil {
		t.Fatal(err)
	}
	if err := server.ChangeDepartment(departments[0], func(d *sandbox.Department) {
		d.ChatID, d.HRBPs, d.GroupChatEmployeeTypes, d.I18nName = "oc_1", people[3:4], []int{1}, sandbox.I18nName{EnUS: "Dept"}
		d.LeaderUserID, d.Leaders = "", []sandbox.Leader{{LeaderType: 1, LeaderID: people[4]}, {LeaderType: 2, LeaderID: people[5]}}
	}); err != nil {
		t.Fatal(err)
	}
}

// plant is a difference in a table.
type plant struct {
	table, statement string
	of, names        string // what the comparison must find: a fact of that kind whose name has that
}

// planted are differences of every kind.
func planted(t *testing.T, truth facts) []plant {
	t.Helper()
	all := slices.Concat(plantedInFields(t, truth, sandbox.KindUser, "users", "open_id"),
		plantedInFields(t, truth, sandbox.KindDepartment, "departments", "open_department_id"))
	one := func(table, statement, of, names string) {
		statement = strings.ReplaceAll(statement, "TABLE", "directory."+table)
		all = append(all, plant{table, strings.ReplaceAll(statement, "ONE", "WHERE ctid = (SELECT min(ctid) FROM directory."+table+")"), of, names})
	}
	for _, flag := range userFlags {
		one("users", "UPDATE TABLE SET "+flag+" = NOT "+flag+" ONE", "user", flag)
	}
	one("users", "UPDATE TABLE SET removed_at = now() ONE", "user", "exists")
	one("users", "INSERT INTO TABLE (tenant_key, open_id, attributes, position) VALUES ('t', 'ou_nobody', '{}', 1)", "user", "ou_nobody exists")
	one("departments", "UPDATE TABLE SET removed_at = now() WHERE open_department_id <> '0'", "department", "exists")
	one("departments", "INSERT INTO TABLE (tenant_key, open_department_id, path, depth, attributes, position) VALUES ('t', 'od-none', '', 0, '{}', 1)", "department", "od-none exists")
	one("memberships", "DELETE FROM TABLE ONE", "membership", "")
	one("memberships", "UPDATE TABLE SET open_department_id = 'od-none' ONE", "membership", "od-none")
	one("memberships", "UPDATE TABLE SET is_primary_dept = NOT is_primary_dept ONE", "membership", "is_primary_dept")
	one("memberships", "UPDATE TABLE SET user_order = user_order + 1 ONE", "membership", "user_order")
	one("memberships", "UPDATE TABLE SET department_order = department_order + 1 ONE", "membership", "department_order")
	one("department_leaders", "DELETE FROM TABLE ONE", "leader", "")
	one("department_leaders", "UPDATE TABLE SET leader_type = 3 - leader_type ONE", "leader", "leader_type")
	for _, column := range []string{"enum_value", "content", "enum_type", "enum_status", "i18n_content"} {
		one("employee_types", "UPDATE TABLE SET "+column+" = NULL ONE", "employee_type", column)
	}
	one("employee_types", "DELETE FROM TABLE ONE", "employee_type", "exists")
	for _, column := range []string{"type", "i18n_name"} {
		one("custom_attributes", "UPDATE TABLE SET "+column+" = NULL ONE", "custom_attribute", column)
	}
	one("custom_attributes", "UPDATE TABLE SET options = NULL WHERE options IS NOT NULL", "custom_attribute", "options")
	one("custom_attributes", "DELETE FROM TABLE ONE", "custom_attribute", "exists")
	return all
}

// plantedInFields takes each field of the sandbox's table of permissions away
// from somebody who has it: from the column alone, and from the attributes alone.
func plantedInFields(t *testing.T, truth facts, kind sandbox.Kind, table, key string) (all []plant) {
	t.Helper()
	for _, field := range compared(kind, nil) {
		id := ""
		for _, name := range slices.Sorted(maps.Keys(truth)) {
			parts := strings.Fields(name)
			// A parent that is not there is the root, so that one has to be another.
			atTheTop := field == "parent_department_id" && strings.Trim(truth[name], `"`) == "0"
			if parts[0] == string(kind) && parts[2] == field && parts[1] != "0" && !atTheTop {
				id = parts[1]
				break
			}
		}
		if id == "" {
			t.Errorf("nobody has %s.%s, so that nothing was compared", kind, field)
			continue
		}
		if field == key {
			continue // without it nothing else is the same either
		}
		where := fmt.Sprintf(" WHERE %s = '%s'", key, id)
		all = append(all, plant{table, "UPDATE directory." + table + ` SET "` + field + `" = NULL` + where, string(kind), " " + field})
		if !slices.Contains(inColumnsOnly, field) {
			all = append(all, plant{table, "UPDATE directory." + table + " SET attributes = attributes - '" + field + "'" + where, string(kind), " " + field})
		}
	}
	return all
}
