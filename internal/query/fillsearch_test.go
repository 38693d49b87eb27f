package query

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
)

// FillSearch makes the search keys of what a test put into the tables, as the
// projector does.
func FillSearch(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	fillSearch(tb, pool, 1<<62)
}

// fillSearch does so for what records up to a position made.
func fillSearch(tb testing.TB, pool *pgxpool.Pool, upTo int64) {
	tb.Helper()
	fill := func(kind directory.Kind, sql string) {
		rows, err := pool.Query(tb.Context(), sql+` WHERE position <= $1`, upTo)
		if err != nil {
			tb.Fatal(err)
		}
		var (
			tenant, id string
			n          directory.Names
			keys       [][]any
		)
		n.Person = kind == directory.KindUser
		if _, err := pgx.ForEachRow(rows, []any{&tenant, &id, &n.Name, &n.EnName, &n.Nickname, &n.I18nName, &n.Email, &n.EnterpriseEmail, &n.EmployeeNo}, func() error {
			for _, k := range searchkey.Of(n) {
				keys = append(keys, []any{tenant, string(kind), id, k.Text, k.Part, k.Sensitive})
			}
			return nil
		}); err != nil {
			tb.Fatal(err)
		}
		if _, err := pool.CopyFrom(tb.Context(), pgx.Identifier{"directory", "search_keys"},
			[]string{"tenant_key", "entity_kind", "entity_id", "key", "part", "sensitive"}, pgx.CopyFromRows(keys)); err != nil {
			tb.Fatal(err)
		}
	}
	if _, err := pool.Exec(tb.Context(), `DELETE FROM directory.search_keys`); err != nil {
		tb.Fatal(err)
	}
	fill(directory.KindUser, `
		SELECT tenant_key, open_id, coalesce(name, ''), coalesce(en_name, ''), coalesce(nickname, ''), '',
		       coalesce(email, ''), coalesce(enterprise_email, ''), coalesce(employee_no, '')
		FROM directory.users`)
	fill(directory.KindDepartment, `
		SELECT tenant_key, open_department_id, coalesce(name, ''), '', '', coalesce(i18n_name::text, ''), '', '', ''
		FROM directory.departments`)
}
