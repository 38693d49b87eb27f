package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// TestPastTreesAreThoseOfNow asks everything that follows edges of random companies,
// with cycles, with holes, and with departments and people that are gone; and again
// when they are the past. Whatever is asked takes both ways through a subtree.
func TestPastTreesAreThoseOfNow(t *testing.T) {
	t.Parallel()
	pool, s := modelService(t)
	past, err := os.ReadFile("testdata/past.sql")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for round := range modelRounds {
		departments, people, groups := randomCompany(t, pool, random)
		type answered struct {
			sql  string
			args []any
			now  [][]any
		}
		var all []answered
		ask := func(sql string, args ...any) {
			all = append(all, answered{sql, args, modelRows(t, t.Context(), s, sql, args...)})
		}
		unfiltered := make([]any, len(filterFields)+3)
		for _, removed := range []bool{false, true} {
			for _, d := range departments {
				ask(selectChildren, "t", openID, openDepartmentID, d, removed, "-Infinity", "", 50)
				ask(selectDescendants, "t", openID, openDepartmentID, d, removed, []string{}, []string{}, 50, 1000)
				ask(selectMembers, "t", openID, openDepartmentID, d, removed, "", 50, 1<<40)
				for _, wide := range []int{0, 100} {
					ask(selectMembersBelow, "t", openID, openDepartmentID, d, removed, "", 50, wide)
					ask(selectUsersBelow, append([]any{"t", openID, openDepartmentID, d, removed, "", 50, wide}, unfiltered...)...)
				}
			}
			for _, g := range groups {
				for _, wide := range []int{0, 100} {
					ask(selectGroupUsers, "t", openID, openDepartmentID, g, removed, "", 50, true, wide)
				}
			}
			for _, p := range people {
				ask(selectUserGroups, "t", openID, openDepartmentID, p, removed, true, "", 50)
				ask(selectManagers, "t", openID, openDepartmentID, p, removed)
				ask(selectReportsBelow, "t", openID, openDepartmentID, p, removed, "", 50, 0)
				ask(selectReportsBelow, "t", openID, openDepartmentID, p, removed, "", 50, 100)
			}
		}
		for _, d := range departments {
			ask(selectAncestors, "t", openID, openDepartmentID, d)
			ask(selectWay, "t", openID, openDepartmentID, d)
			ask(selectCounts, "t", openID, openDepartmentID, d)
		}
		modelExec(t, pool, string(past))
		then := context.WithValue(t.Context(), pastKey{}, asOf{at: endOfTime, position: 99})
		for _, a := range all {
			if diff := gocmp.Diff(a.now, modelRows(t, then, s, a.sql, a.args...), gocmp.Comparer(func(a, b pgtype.Numeric) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); diff != "" {
				t.Fatalf("round %d: %v in the past (-now +then):\n%s\nof %.300s", round, a.args, diff, a.sql)
			}
		}
	}
}

func modelRows(t *testing.T, ctx context.Context, s *Service, sql string, args ...any) (all [][]any) { //nolint:revive // the context is of the time
	t.Helper()
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, values[len((&moment{}).targets()):])
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\nin %s", err, sql)
	}
	return all
}

// randomCompany fills the tables, and returns whom one may ask about.
func randomCompany(t *testing.T, pool *pgxpool.Pool, random *rand.Rand) (departments, people, groups []string) {
	t.Helper()
	for _, table := range []string{"departments", "users", "memberships", "groups", "group_members"} {
		modelExec(t, pool, `DELETE FROM directory.`+table)
	}
	nodes := []directory.Node{{ID: directory.RootDepartmentID, Exists: random.IntN(3) > 0}}
	for i := range 16 {
		n := directory.Node{ID: fmt.Sprintf("d%02d", i), ParentID: fmt.Sprintf("d%02d", random.IntN(9)), Exists: random.IntN(6) > 0}
		if random.IntN(4) == 0 {
			n.ParentID = directory.RootDepartmentID
		}
		nodes = append(nodes, n)
	}
	places := directory.Tree(nodes)
	for _, n := range nodes {
		departments = append(departments, n.ID)
		if n.ID == directory.RootDepartmentID && !n.Exists {
			continue // it has no row
		}
		modelExec(t, pool, `INSERT INTO directory.departments (tenant_key, open_department_id, parent_department_id, order_number, path, depth, attributes, removed_at, position)
			VALUES ('t', $1, nullif($2, ''), $3, $4, $5, '{}', CASE WHEN $6 THEN now() END, 1)`,
			n.ID, n.ParentID, random.IntN(4), places[n.ID].Path, places[n.ID].Depth, !n.Exists)
	}
	for i := range 14 {
		id, gone := fmt.Sprintf("p%02d", i), random.IntN(5) == 0
		people = append(people, id)
		in := []string{departments[random.IntN(len(departments))]}
		if other := departments[random.IntN(len(departments))]; other != in[0] {
			in = append(in, other)
		}
		modelExec(t, pool, `INSERT INTO directory.users (tenant_key, open_id, leader_user_id, department_ids, attributes, removed_at, position)
			VALUES ('t', $1, $2, $3, '{}', CASE WHEN $4 THEN now() END, 1)`, id, fmt.Sprintf("p%02d", random.IntN(16)), in, gone)
		for _, d := range in {
			if !gone {
				modelExec(t, pool, `INSERT INTO directory.memberships (tenant_key, open_department_id, open_id, is_primary_dept, position) VALUES ('t', $1, $2, $3, 1)`, d, id, d == in[0])
			}
		}
	}
	for i := range 4 {
		id := fmt.Sprintf("g%d", i)
		groups = append(groups, id)
		modelExec(t, pool, `INSERT INTO directory.groups (tenant_key, group_id, attributes, position) VALUES ('t', $1, '{}', 1)`, id)
		for range 3 {
			for _, m := range []string{departments[random.IntN(len(departments))], people[random.IntN(len(people))]} {
				kind := map[bool]string{true: "user", false: "department"}[strings.HasPrefix(m, "p")]
				modelExec(t, pool, `INSERT INTO directory.group_members (tenant_key, group_id, member_type, member_id, removed_at, position)
					VALUES ('t', $1, $2, $3, CASE WHEN $4 THEN now() END, 1) ON CONFLICT DO NOTHING`, id, kind, m, random.IntN(5) == 0)
			}
		}
	}
	return departments, people, groups
}
