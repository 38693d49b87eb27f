package projector_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/projector"
)

const day = 24 * 60 // minutes

// smallCompany is the company of docs/analytics.md.
func smallCompany(t *testing.T, b *bundle) {
	t.Helper()
	department := func(id, name, parent, leaders string) directory.Record {
		return observed(t, directory.KindDepartment, 0, `{"open_department_id":"`+id+`","name":"`+name+`","parent_department_id":"`+parent+`","order":"1",`+leaders+`"status":{"is_deleted":false}}`)
	}
	leader := func(id string) string {
		return `"leader_user_id":"` + id + `","leaders":[{"leaderType":1,"leaderID":"` + id + `"}],`
	}
	person := func(id, name, title, manager, employeeType, joined, departments string) string {
		if manager != "" {
			manager = `"leader_user_id":"` + manager + `",`
		}
		return `{"open_id":"` + id + `","name":"` + name + `","job_title":"` + title + `",` + manager + `"employee_type":` + employeeType + `,"join_time":` + joined + `,` + departments + `,"mobile":"+8613800000000","status":{"is_resigned":false}}`
	}
	in := func(departments ...string) string {
		var orders []string
		for i, d := range departments {
			orders = append(orders, `{"department_id":"`+d+`","user_order":0,"department_order":`+string(rune('9'-i))+`}`)
		}
		return `"department_ids":["` + strings.Join(departments, `","`) + `"],"orders":[` + strings.Join(orders, ",") + `]`
	}
	see := func(minute int, object string) directory.Record {
		return observed(t, directory.KindUser, minute, object)
	}
	b.append(t,
		observed(t, directory.KindDepartment, 0, `{"open_department_id":"0","status":{"is_deleted":false}}`),
		department("od-rd", "研发中心", "0", leader("ou_wang")),
		department("od-fe", "前端组", "od-rd", leader("ou_li")),
		department("od-be", "后端组", "od-rd", `"leaders":[{"leaderType":2,"leaderID":"ou_zhang"}],`),
		department("od-sales", "销售部", "0", leader("ou_sun")),
		b.raw(directory.EventEmployeeTypeCreated, 0, `{"new_enum":{"enum_id":"e1","enum_value":"1","content":"正式","enum_type":1,"enum_status":1}}`),
		b.raw(directory.EventEmployeeTypeCreated, 0, `{"new_enum":{"enum_id":"e2","enum_value":"2","content":"实习","enum_type":1,"enum_status":1}}`),
		see(1, person("ou_chen", "陈静", "总经理", "", "1", "1557072000", in("0"))),
		see(1, person("ou_wang", "王伟", "研发总监", "ou_chen", "1", "1580572800", in("od-rd"))),
		see(1, person("ou_li", "李娜", "前端组长", "ou_wang", "1", "1617206400", in("od-fe"))),
		see(1, person("ou_sun", "孙丽", "销售总监", "ou_chen", "1", "1627747200", in("od-sales"))),
		see(1, person("ou_zhao", "赵磊", "销售经理", "ou_sun", "1", "1640966400", in("od-sales"))),
		walked(t, 5),
		see(2*day, person("ou_zhang", "张敏", "工程师", "ou_li", "1", "1772380800", in("od-fe", "od-be"))), // 2 March in Shanghai
		see(31*day, person("ou_liu", "刘洋", "实习生", "ou_wang", "2", "1774972800", in("od-be"))),         // 1 April there, 31 March in UTC
		b.event(directory.EventUserDeleted, 45*day, `{"open_id":"ou_sun"}`, `{"open_id":"ou_sun","department_ids":["od-sales"]}`),
	)
	b.project(t, 7)
}

// walked ends a complete walk.
func walked(t *testing.T, minute int) directory.Record {
	t.Helper()
	r, err := directory.NewSweepCompleted(directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"},
		begin.Add(time.Duration(minute)*time.Minute), directory.SweepCompleted{StartedAt: begin})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// question is a statement of the page, and the answer that is beside it.
type question struct{ title, sql, answer string }

func questions(t *testing.T) (list []question) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "analytics.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile("(?s)## ([^\n]+)\n.*?```sql\n(.*?)```\n\n((?:\\|[^\n]*\n)+)").FindAllStringSubmatch(string(page), -1)
	for _, s := range sections {
		list = append(list, question{title: s[1], sql: s[2], answer: s[3]})
	}
	if n := strings.Count(string(page), "```sql"); n != len(list) {
		t.Fatalf("the page has %d statements, and %d of them have an answer", n, len(list))
	}
	return list
}

// asReader runs a statement as the reader does, in Shanghai.
func asReader(t *testing.T, pool *pgxpool.Pool, sql string) string {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	for _, set := range []string{`SET LOCAL ROLE ` + postgres.ReaderRole, `SET LOCAL TIME ZONE 'Asia/Shanghai'`} {
		if _, err := tx.Exec(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := tx.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol) // values as text
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	defer rows.Close()
	var table strings.Builder
	line := func(cells []string) { table.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	var names []string
	for _, f := range rows.FieldDescriptions() {
		names = append(names, f.Name)
	}
	line(names)
	table.WriteString(strings.Repeat("|---", len(names)) + "|\n")
	for rows.Next() {
		var cells []string
		for _, v := range rows.RawValues() {
			cells = append(cells, string(v))
		}
		line(cells)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return table.String()
}

// The page's questions have the page's answers, before and after a rebuild, and
// each view has one.
func TestQuestionsOfTheDocumentation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	smallCompany(t, b)
	list := questions(t)
	check := func(when string) {
		t.Helper()
		for _, q := range list {
			if diff := cmp.Diff(q.answer, asReader(t, b.pool, q.sql)); diff != "" {
				t.Errorf("%s, %s (-page +database):\n%s", q.title, when, diff)
			}
		}
	}
	check("projected")
	if _, err := b.projector.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	check("rebuilt")
	for _, view := range lines(t, b.pool, `
		SELECT viewname::text FROM pg_views WHERE schemaname = 'analytics'
		UNION ALL
		SELECT proname::text || '(' FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace`) {
		asked := false
		for _, q := range list {
			asked = asked || strings.Contains(q.sql, "analytics."+view)
		}
		if !asked {
			t.Errorf("docs/analytics.md asks nothing of analytics.%s", view)
		}
	}
}

// A generation that is made on an empty log has the views and the grants too.
func TestGenerationsHaveTheReadersGrants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const grants = `
		SELECT concat_ws(' ', c.relname, a.attname, coalesce(e.privilege_type, f.privilege_type), coalesce(e.grantee, f.grantee)::regrole)
		FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN LATERAL aclexplode(c.relacl) e ON e.grantee <> c.relowner
		LEFT JOIN LATERAL aclexplode(a.attacl) f ON e.grantee IS NULL OR f.grantee <> e.grantee
		WHERE c.relnamespace::regnamespace::text IN ('directory' || $1, 'history' || $1, 'analytics' || $1) AND c.relkind IN ('r', 'v')
		ORDER BY 1`
	serving := lines(t, b.pool, grants, "")
	b.exec(t, `SELECT mirror.create_generation('directory_77', 'history_77', 'analytics_77')`)
	made := lines(t, b.pool, grants, "_77")
	if diff := cmp.Diff(serving, made); diff != "" {
		t.Errorf("grants of a new generation (-serving +new):\n%s", diff)
	}
	if all := strings.Join(made, "\n"); !strings.Contains(all, "users mobile SELECT orgmirror_sensitive") || strings.Contains(all, "users mobile SELECT orgmirror_reader") {
		t.Errorf("the grants are not those that they should be:\n%s", all)
	}
}

// The numbers where the company is less orderly than it should be.
func TestAnalyticsOfAnUnrulyCompany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	person := func(minute int, id, rest string) directory.Record {
		return observed(t, directory.KindUser, minute, `{"open_id":"`+id+`","name":"`+id+`",`+rest+`"status":{"is_resigned":false}}`)
	}
	gone := func(minute int, id string, reason directory.Reason) directory.Record {
		r, err := directory.NewMissing(directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s1"},
			directory.KindUser, id, begin.Add(time.Duration(minute)*time.Minute), directory.Missing{Reason: reason})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	b.append(t,
		// Two who lead each other, somebody below them, and one who leads herself.
		person(1, "ou_a", `"leader_user_id":"ou_b","department_ids":["od-lost"],`),
		person(1, "ou_b", `"leader_user_id":"ou_a","department_ids":["od-x"],`),
		person(1, "ou_c", `"leader_user_id":"ou_b","department_ids":["od-x","od-y"],`),
		person(1, "ou_self", `"leader_user_id":"ou_self","department_ids":[],`),
		person(1, "ou_orphan", `"leader_user_id":"ou_never","department_ids":["od-gone"],"employee_type":9,`),
		// od-x has a parent that is not here, od-y is below it, od-gone was deleted.
		observed(t, directory.KindDepartment, 1, `{"open_department_id":"od-x","name":"x","parent_department_id":"od-unseen","leaders":[{"leaderType":1,"leaderID":"ou_c"}],"status":{"is_deleted":false}}`),
		observed(t, directory.KindDepartment, 1, `{"open_department_id":"od-y","name":"y","parent_department_id":"od-x","leader_user_id":"ou_never","status":{"is_deleted":false}}`),
		observed(t, directory.KindDepartment, 1, `{"open_department_id":"od-gone","name":"z","parent_department_id":"0","status":{"is_deleted":false}}`),
		b.event(directory.EventDepartmentDeleted, 5, `{"open_department_id":"od-gone"}`, `{"open_department_id":"od-gone"}`),
		// One leaves, is deleted later, comes back and leaves again; one only goes out of sight.
		person(1, "ou_twice", `"join_time":1700000000,`),
		b.event(directory.EventUserDeleted, 2*day, `{"open_id":"ou_twice"}`, `{"open_id":"ou_twice"}`),
		gone(3*day, "ou_twice", directory.ReasonDeleted),
		person(40*day, "ou_twice", `"join_time":1700000000,`),
		b.event(directory.EventUserDeleted, 70*day, `{"open_id":"ou_twice"}`, `{"open_id":"ou_twice"}`),
		person(1, "ou_hidden", ``),
		gone(10*day, "ou_hidden", directory.ReasonOutOfRange),
	)
	b.project(t, 4)
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', name, direct_reports, all_reports) FROM analytics.span_of_control ORDER BY 1`),
		"ou_a 1 2", "ou_b 2 2")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', open_id, coalesce(gone_leader_user_id, '-'), open_department_id) FROM analytics.people_without_manager ORDER BY 1`),
		"ou_orphan ou_never od-gone", "ou_self ou_self")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', name, depth, direct_people, all_people, direct_primary_people, all_primary_people) FROM analytics.headcount_by_department ORDER BY 1`),
		"x 0 2 2 1 1", "y 1 1 1 0 0")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', depth, departments, people) FROM analytics.departments_by_depth ORDER BY 1`),
		"0 1 2", "1 1 1")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', name, gone_leader_user_id, deputies, direct_people) FROM analytics.departments_without_leader ORDER BY 1`),
		"y ou_never 0 1")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', month, joiners, leavers) FROM analytics.joiners_and_leavers_by_month ORDER BY month`),
		"2023-11-01 1 0", "2026-03-01 0 1", "2026-05-01 0 1")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', month, people) FROM analytics.headcount_by_month WHERE month < '2026-06-01' ORDER BY month`),
		"2026-03-01 5", "2026-04-01 6", "2026-05-01 5")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', coalesce(employee_type::text, '-'), name, people) FROM analytics.headcount_by_employee_type ORDER BY 1`),
		"- 4", "9 1")
}

// Who came and went, by day and by department, where people move, are sorted
// anew, go out of sight and come back.
func TestHeadcountTenureAndChurn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	person := func(minute int, id, orders string) directory.Record {
		return observed(t, directory.KindUser, minute, `{"open_id":"`+id+`","name":"`+id+`","orders":[`+orders+`],"status":{"is_resigned":false}}`)
	}
	in := func(department, order string) string {
		return `{"department_id":"` + department + `","user_order":` + order + `,"department_order":1}`
	}
	hidden, err := directory.NewMissing(directory.Origin{TenantKey: tenant, AppID: "cli_1", Source: directory.SourceBackfill, CorrelationID: "s2"},
		directory.KindUser, "ou_b", begin.Add(4*day*time.Minute), directory.Missing{Reason: directory.ReasonOutOfRange})
	if err != nil {
		t.Fatal(err)
	}
	b.append(t,
		observed(t, directory.KindDepartment, 0, `{"open_department_id":"od-x","name":"x","parent_department_id":"0"}`),
		person(1, "ou_a", in("od-x", "1")),
		person(1, "ou_b", in("od-x", "2")),
		walked(t, 5),
		person(1*day, "ou_a", in("od-x", "7")),
		person(2*day, "ou_a", in("od-y", "7")),
		person(3*day, "ou_c", in("od-x", "1")+","+in("od-y", "1")),
		hidden,
		person(5*day, "ou_b", in("od-x", "2")),
		b.event(directory.EventUserDeleted, 6*day, `{"open_id":"ou_c"}`, `{"open_id":"ou_c"}`),
		person(40*day, "ou_c", in("od-y", "1")),
	)
	b.project(t, 3)
	want(t, lines(t, b.pool, `
		SELECT concat_ws(' ', d.day, h.people)
		FROM unnest('{2026-02-28,2026-03-01,2026-03-04,2026-03-05,2026-03-06,2026-03-07,2026-04-30}'::date[]) AS d (day)
		LEFT JOIN LATERAL analytics.headcount_on(d.day) AS h ON true
		ORDER BY 1`),
		"2026-02-28", "2026-03-01 2", "2026-03-04 3", "2026-03-05 2", "2026-03-06 3", "2026-03-07 2", "2026-04-30 3")
	want(t, lines(t, b.pool, `
		SELECT concat_ws(' ', to_char(month, 'YYYY-MM'), open_department_id, coalesce(name, '-'), people_before, joined, moved_in, leavers, moved_out, people_after, churn)
		FROM analytics.churn_by_department
		ORDER BY month, open_department_id`),
		"2026-03 od-x x 2 2 0 1 2 1 0.667", "2026-03 od-y - 0 1 1 1 0 1 2.000", "2026-04 od-y - 1 1 0 0 0 2 0.000")
	want(t, lines(t, b.pool, `SELECT concat_ws(' ', open_id, joined_on, stated, left_on) FROM analytics.tenure ORDER BY 1`),
		"ou_a 2026-03-01 f", "ou_b 2026-03-01 f", "ou_c 2026-03-04 f")
	b.exec(t, `DELETE FROM directory.sweeps`)
	want(t, lines(t, b.pool, `SELECT people::text FROM analytics.headcount_on('2026-03-05')`))
	want(t, lines(t, b.pool, `SELECT open_department_id FROM analytics.churn_by_department`))
}
