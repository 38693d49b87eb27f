// Package compare finds where two generations of the read model differ: by
// digests, quickly and roughly, and by rows, exactly.
//
// It knows no table by name: it compares whatever the two have, column by column,
// as PostgreSQL writes the values; so a table or a column that a migration adds is
// compared from then on. It changes nothing. The two must be seen by one snapshot.
package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Database is a transaction, or what can be asked like one.
type Database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Suffix is what the schemas of a generation have behind their names: nothing for
// the one that serves.
type Suffix string

// Serving is the generation that serves.
const Serving Suffix = ""

func (s Suffix) schema(part string) string { return part + string(s) }

// parts are the schemas whose tables are compared; the third has views on them.
var parts = []string{"directory", "history"}

// Table is one that both generations have.
type Table struct {
	Part    string // directory or history
	Name    string
	Columns []string // with their types, sorted
	Key     []string // of the primary key, in its order
}

func (t Table) String() string { return t.Part + "." + t.Name }

// in names the table of a generation in a statement.
func (t Table) in(s Suffix) string { return pgx.Identifier{s.schema(t.Part), t.Name}.Sanitize() }

// ErrShape says that two generations have not the same tables and columns, so that
// neither can take the other's place.
var ErrShape = errors.New("the generations have different tables")

// Tables lists the tables that made has. The serving generation must have each of
// them with the same columns; what more there is in its schemas was put there by
// others.
func Tables(ctx context.Context, db Database, serving, made Suffix) ([]Table, error) {
	mine, err := tablesOf(ctx, db, made)
	if err != nil {
		return nil, err
	}
	theirs, err := tablesOf(ctx, db, serving)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, t := range mine {
		i := slices.IndexFunc(theirs, func(o Table) bool { return o.Part == t.Part && o.Name == t.Name })
		switch {
		case i < 0:
			problems = append(problems, fmt.Errorf("%w: %s%s has no %s", ErrShape, t.Part, serving, t.Name))
		case !slices.Equal(theirs[i].Columns, t.Columns):
			problems = append(problems, fmt.Errorf("%w: %s has the columns %s in one and %s in the other", ErrShape, t, strings.Join(theirs[i].Columns, " "), strings.Join(t.Columns, " ")))
		case len(t.Key) == 0:
			problems = append(problems, fmt.Errorf("%w: %s has no primary key", ErrShape, t))
		}
	}
	return mine, errors.Join(problems...)
}

func tablesOf(ctx context.Context, db Database, s Suffix) ([]Table, error) {
	var schemas []string
	for _, part := range parts {
		schemas = append(schemas, s.schema(part))
	}
	rows, err := db.Query(ctx, selectTables, pgx.NamedArgs{"schemas": schemas, "suffix": string(s)})
	if err == nil {
		var tables []Table
		if tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Table]); err == nil {
			return tables, nil
		}
	}
	return nil, fmt.Errorf("list the tables of a generation: %w", err)
}

const selectTables = `
SELECT left(n.nspname, length(n.nspname) - length(@suffix::text)), c.relname::text,
       ARRAY (SELECT a.attname::text || ' ' || format_type(a.atttypid, a.atttypmod)
              FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attname COLLATE "C"),
       ARRAY (SELECT a.attname::text
              FROM pg_index i
              CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE i.indrelid = c.oid AND i.indisprimary
              ORDER BY k.n)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (@schemas) AND c.relkind = 'r'
ORDER BY 1, 2`
