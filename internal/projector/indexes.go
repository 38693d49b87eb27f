package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Rows are copied into tables without indexes, and indexes are made of whole
// tables: each is made once, in order, instead of grown row by row. Which there
// are is what the migrations made; here they are taken off and put back.

// indexes are the statements that put them back.
type indexes []string

// stripIndexes takes off a generation's keys and indexes, but for what a view
// depends on.
func stripIndexes(ctx context.Context, tx pgx.Tx, g *generation) (put indexes, err error) {
	rows, err := tx.Query(ctx, selectIndexes, []string{g.schema("directory"), g.schema("history")})
	if err != nil {
		return nil, err
	}
	type index struct {
		Drop, Create string
		Comment      *string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, i.Drop)
			return err
		})
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == dependentObjects {
			continue
		}
		if err != nil {
			return nil, err
		}
		put = append(put, i.Create)
		if i.Comment != nil {
			put = append(put, *i.Comment)
		}
	}
	return put, nil
}

// dependentObjects is the SQLSTATE of what cannot be dropped, because something
// depends on it.
const dependentObjects = "2BP01"

const selectIndexes = `
SELECT CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s', c.oid::regclass)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, k.conname) END,
       CASE WHEN k.oid IS NULL THEN pg_get_indexdef(c.oid)
            ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) END,
       CASE WHEN obj_description(c.oid) IS NOT NULL THEN format('COMMENT ON INDEX %s IS %L', c.oid::regclass, obj_description(c.oid)) END
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u')
WHERE n.nspname = ANY ($1)
ORDER BY i.indisprimary DESC, c.relname`

// restore puts the indexes back, adds those that somebody gave the serving tables
// besides, and takes statistics.
func (put indexes) restore(ctx context.Context, tx pgx.Tx, g *generation) error {
	for _, statement := range put {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	for _, part := range []string{"directory", "history"} {
		rows, err := tx.Query(ctx, selectAddedIndexes, part, g.schema(part))
		if err != nil {
			return err
		}
		added, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, statement := range added {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
	}
	return execEach(ctx, tx, selectAnalyze, g)
}

// The name of the table follows the first ON of an index's definition.
const selectAddedIndexes = `
SELECT regexp_replace(pg_get_indexdef(c.oid), ' ON (ONLY )?\S+ USING ', format(' ON %I.%I USING ', $2::text, t.relname))
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = to_regnamespace($1) AND i.indisvalid
  AND to_regclass(format('%I.%I', $2::text, t.relname)) IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_class o WHERE o.relnamespace = to_regnamespace($2) AND o.relname = c.relname)`

const selectAnalyze = `
SELECT format('ANALYZE %s', c.oid::regclass)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind = 'r'`
