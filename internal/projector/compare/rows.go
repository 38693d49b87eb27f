package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What can be wrong with a row of the serving generation.
const (
	Missing = "missing" // it should be there
	Extra   = "extra"   // it should not
	Changed = "changed" // some of its fields are others
)

// Difference is one row that is not as the log makes it.
type Difference struct {
	Table  string                     `json:"table"`
	Key    map[string]json.RawMessage `json:"key"`
	What   string                     `json:"what"`
	Fields []Field                    `json:"fields,omitempty"` // that changed
}

// Field is one column in which a row differs. Its values are personal data.
type Field struct {
	Name  string          `json:"name"`
	Table json.RawMessage `json:"table,omitempty"` // what the table holds
	Log   json.RawMessage `json:"log,omitempty"`   // what the log makes of it
}

// Sample limits a comparison to some people, and leaves everything else whole.
type Sample struct {
	People []string // by open_id; nil is everybody
}

// condition selects the rows of a sample; $2 are the people.
func (s Sample) condition(t Table) string {
	switch {
	case s.People == nil:
		return ""
	case t.Name == "fold_state" || t.Name == "search_keys":
		return ` WHERE entity_kind <> 'user' OR entity_id = ANY ($2)`
	case t.Name == "users" || t.Name == "memberships":
		return ` WHERE open_id = ANY ($2)`
	default:
		return "" // department_leaders are the departments'
	}
}

// Rows compares a table row by row. It returns how many rows differ, and the first
// of them by key.
func Rows(ctx context.Context, db Database, t Table, serving, made Suffix, sample Sample, limit int) (int64, []Difference, error) {
	args := []any{limit}
	if sample.condition(t) != "" {
		args = append(args, sample.People)
	}
	total, found, err := rows(ctx, db, t, rowsStatement(t, serving, made, sample), args)
	if err != nil {
		return 0, nil, fmt.Errorf("compare %s: %w", t, err)
	}
	return total, found, nil
}

func rows(ctx context.Context, db Database, t Table, sql string, args []any) (total int64, found []Difference, err error) {
	answer, err := db.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return 0, nil, err
	}
	var was, want []byte
	_, err = pgx.ForEachRow(answer, []any{&total, &was, &want}, func() error {
		if was == nil && want == nil {
			return nil // the total alone
		}
		d, err := difference(t, was, want)
		found = append(found, d)
		return err
	})
	return total, found, err
}

// rowsStatement joins the rows' digests by key, which are short, and fetches whole
// rows only of those that differ.
func rowsStatement(t Table, serving, made Suffix, sample Sample) string {
	key := identifiers(t.Key)
	digest := func(s Suffix) string {
		return `SELECT ` + key + `, ` + rowDigest(t) + ` AS digest FROM ` + t.in(s) + ` AS r` + sample.condition(t)
	}
	return `
WITH differing AS MATERIALIZED (
    SELECT ` + key + `
    FROM (` + digest(serving) + `) AS a
    FULL JOIN (` + digest(made) + `) AS b USING (` + key + `)
    WHERE a.digest IS DISTINCT FROM b.digest
)
SELECT n.total, to_jsonb(a), to_jsonb(b)
FROM (SELECT count(*) AS total FROM differing) AS n
LEFT JOIN (SELECT * FROM differing ORDER BY ` + key + ` LIMIT $1) AS l ON true
LEFT JOIN ` + t.in(serving) + ` AS a USING (` + key + `)
LEFT JOIN ` + t.in(made) + ` AS b USING (` + key + `)
ORDER BY ` + key
}

// rowDigest is a row's columns as one number. The columns are named, since two
// tables may have them in different orders. Equal numbers can be written otherwise
// (1.0), and equal hashes would hide that.
func rowDigest(t Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		name, kind, _ := strings.Cut(c, " ")
		columns[i] = pgx.Identifier{name}.Sanitize()
		if kind == "numeric" {
			columns[i] += "::text"
		}
	}
	return `hash_record_extended(ROW(` + strings.Join(columns, ", ") + `), 0)`
}

// names are the columns without their types.
func (t Table) names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i], _, _ = strings.Cut(c, " ")
	}
	return names
}

// identifiers quotes names, which come from the catalog and nowhere else.
func identifiers(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = pgx.Identifier{name}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

func difference(t Table, was, want []byte) (Difference, error) {
	d := Difference{Table: t.String(), Key: map[string]json.RawMessage{}, What: Changed}
	var a, b map[string]json.RawMessage
	if err := errors.Join(unmarshal(was, &a), unmarshal(want, &b)); err != nil {
		return d, err
	}
	known := a
	switch {
	case a == nil:
		d.What, known = Missing, b
	case b == nil:
		d.What = Extra
	default:
		for _, name := range slices.Sorted(maps.Keys(b)) {
			if !bytes.Equal(a[name], b[name]) {
				d.Fields = append(d.Fields, Field{Name: name, Table: a[name], Log: b[name]})
			}
		}
	}
	for _, name := range t.Key {
		d.Key[name] = known[name]
	}
	return d, nil
}

func unmarshal(raw []byte, into *map[string]json.RawMessage) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
