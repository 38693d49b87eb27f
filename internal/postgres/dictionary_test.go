package postgres_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

var update = flag.Bool("update", false, "write the data dictionary")

const dictionaryHead = `# Data dictionary

What can be read by SQL. This page is made of the comments in the database (` + "`make generate`" + `), which psql shows as well:
` + "`\\d+ directory.users`" + `. Questions with their statements are in [analytics.md](analytics.md).

**Who reads it**: *reader* are the roles ` + "`orgmirror_reader`" + ` and ` + "`orgmirror_sensitive`" + `, *sensitive* is the latter only, *nobody* neither
of them. The schema ` + "`mirror`" + ` holds the log and the mirror's working state, and is for nobody but the mirror.
`

// dictionaryRow is a schema, a table or view, or a column.
type dictionaryRow struct {
	Schema, SchemaComment string
	Table, Kind, Comment  string
	Key                   []string
	Column, Type          string
	Null                  bool
	Reader, Sensitive     bool
	ColumnComment         string
}

const selectDictionary = `
SELECT n.nspname::text AS schema, coalesce(obj_description(n.oid, 'pg_namespace'), '') AS schema_comment,
       c.relname::text AS table, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
       ARRAY (SELECT k.attname::text
              FROM pg_index i
              CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS u (attnum, place)
              JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = u.attnum
              WHERE i.indrelid = c.oid AND i.indisprimary
              ORDER BY u.place) AS key,
       a.attname::text AS column, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AND c.relkind = 'r' AS null,
       has_column_privilege('orgmirror_reader', c.oid, a.attnum, 'SELECT') AS reader,
       has_column_privilege('orgmirror_sensitive', c.oid, a.attnum, 'SELECT') AS sensitive,
       coalesce(col_description(c.oid, a.attnum), '') AS column_comment
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = ANY (@schemas) AND c.relkind IN ('r', 'v')
ORDER BY array_position(@schemas, n.nspname::text), c.relname COLLATE "C", a.attnum`

// The dictionary is what the database says of itself.
func TestDictionary(t *testing.T) {
	t.Parallel()
	pool := pgtest.DB(t)
	rows, err := pool.Query(t.Context(), selectDictionary, pgx.NamedArgs{"schemas": []string{"analytics", "directory", "history"}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[dictionaryRow])
	if err != nil {
		t.Fatal(err)
	}
	want := dictionary(t, list)
	path := filepath.Join("..", "..", "docs", "schema.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a page to be read
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run make generate (-want +got):\n%s", diff)
	}
}

func dictionary(t *testing.T, list []dictionaryRow) string {
	t.Helper()
	var page strings.Builder
	page.WriteString(dictionaryHead)
	var last dictionaryRow
	for _, r := range list {
		if r.SchemaComment == "" || r.Comment == "" || r.ColumnComment == "" {
			t.Errorf("%s.%s.%s is not described", r.Schema, r.Table, r.Column)
		}
		if r.Schema != last.Schema {
			fmt.Fprintf(&page, "\n## Schema %s\n\n%s\n", r.Schema, r.SchemaComment)
		}
		if r.Schema != last.Schema || r.Table != last.Table {
			fmt.Fprintf(&page, "\n### %s.%s\n\n%s\n", r.Schema, r.Table, r.Comment)
			if len(r.Key) > 0 {
				fmt.Fprintf(&page, "\nKey: `%s`.\n", strings.Join(r.Key, "`, `"))
			}
			page.WriteString("\n| column | type | who reads it | meaning |\n|---|---|---|---|\n")
		}
		readers := "nobody"
		switch {
		case r.Reader:
			readers = "reader"
		case r.Sensitive:
			readers = "sensitive"
		}
		kind := r.Type
		if r.Null {
			kind += ", or null"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", r.Column, kind, readers, strings.ReplaceAll(r.ColumnComment, "|", "\\|"))
		last = r
	}
	return page.String()
}
