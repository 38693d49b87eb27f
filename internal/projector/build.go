package projector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// build makes a generation in one transaction, beside the serving one, as it is in
// the transaction's snapshot.
type build struct {
	*Projector
	conn     *pgx.Conn
	progress func(Progress)

	serving directory.Position // of the serving generation in the snapshot
	head    directory.Position // of the log in the snapshot
}

type buildOptions struct {
	// compared builds to the position of the serving generation, to be compared
	// with it; where that is empty there is nothing to compare, and the head is it.
	compared bool
	unlogged bool // writes no WAL: for what is rolled back
	keep     func(directory.Key) bool
}

// within runs f in the transaction of a build: one snapshot, and the serving
// generation held.
func (b *build) within(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, b.conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		// None of these takes the snapshot, which must not be older than the lock.
		if _, err := tx.Exec(ctx, buildSettings); err != nil {
			return fmt.Errorf("prepare the session: %w", err)
		}
		if err := postgres.HoldGeneration(ctx, tx); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, selectStart, pgx.NamedArgs{"consumer": Consumer}).Scan((*int64)(&b.serving), (*int64)(&b.head)); err != nil {
			return fmt.Errorf("read where the serving generation is: %w", err)
		}
		return f(tx)
	})
}

// Time-outs are for what others wait for; nobody waits for a build. Its sorts and
// joins are of whole tables.
const buildSettings = `
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL work_mem = '64MB';
SET LOCAL maintenance_work_mem = '256MB'`

const selectStart = `
SELECT coalesce(c.position, 0), h.position
FROM mirror.event_log_head h
LEFT JOIN mirror.checkpoint c ON c.consumer = @consumer`

// make makes a generation and fills it.
func (b *build) make(ctx context.Context, tx pgx.Tx, opts buildOptions) (*generation, error) {
	b.progress(Progress{Stage: StageCreate})
	g, err := b.create(ctx, tx, opts)
	if err != nil {
		return nil, err
	}
	upTo := b.serving
	if upTo == 0 && opts.compared {
		upTo = b.head
	}
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return b.fill(ctx, tx, g, upTo, opts) })
	if refusedContent(err) {
		// Some record says what the database cannot hold. The projector finds out
		// which, and leaves that one out, as it did when the record was new.
		if err = b.follower(tx, g).catchUp(ctx, upTo); err == nil {
			err = indexes(nil).restore(ctx, tx, g)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("fold the log up to %d: %w", upTo, err)
	}
	return g, nil
}

// create makes the schemas, with the serving ones' grants and comments, as their
// owner. A migration may have commented on the serving tables alone.
func (b *build) create(ctx context.Context, tx pgx.Tx, opts buildOptions) (*generation, error) {
	if err := bound(ctx, tx); err != nil {
		return nil, err
	}
	var number int
	if err := tx.QueryRow(ctx, becomeOwner).Scan(&number); err != nil {
		return nil, fmt.Errorf("become the owner of the read model: %w", err)
	}
	g := newGeneration(number)
	batch := &pgx.Batch{}
	batch.Queue(createGeneration, g.schema("directory"), g.schema("history"), g.schema("analytics"))
	for _, part := range []string{"directory", "history", "analytics"} {
		batch.Queue(`SELECT mirror.copy_grants($1, $2)`, part, g.schema(part))
		batch.Queue(`SELECT mirror.copy_comments($1, $2)`, part, g.schema(part))
	}
	batch.Queue(`INSERT INTO mirror.generation (number, state, search_version) VALUES ($1, 'built', $2)`, number, searchkey.Version)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("make generation %d: %w", number, err)
	}
	if opts.unlogged {
		if err := execEach(ctx, tx, selectUnlogged, g); err != nil {
			return nil, fmt.Errorf("make generation %d without WAL: %w", number, err)
		}
	}
	return g, nil
}

// What is made belongs to who owns the serving tables, whoever rebuilds.
const becomeOwner = `
SELECT (SELECT coalesce(max(g.number), 0) + 1 FROM mirror.generation g)
FROM pg_namespace n
CROSS JOIN LATERAL set_config('role', CASE WHEN pg_get_userbyid(n.nspowner) = current_user THEN current_setting('role') ELSE pg_get_userbyid(n.nspowner) END, true) AS role
WHERE n.nspname = 'directory' AND role IS NOT NULL`

const createGeneration = `SELECT mirror.create_generation($1, $2, $3)`

// The server writes the statements, since only it knows how to quote.
const selectUnlogged = `
SELECT format('ALTER TABLE %s SET UNLOGGED', c.oid::regclass)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind = 'r'`

// execEach runs the statements that a query about a generation's schemas answers.
func execEach(ctx context.Context, tx pgx.Tx, query string, g *generation) error {
	rows, err := tx.Query(ctx, query, []string{g.schema("directory"), g.schema("history")})
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// fill folds the log into the generation.
func (b *build) fill(ctx context.Context, tx pgx.Tx, g *generation, upTo directory.Position, opts buildOptions) error {
	indexes, err := stripIndexes(ctx, tx, g)
	if err != nil {
		return fmt.Errorf("put off the indexes: %w", err)
	}
	columns, err := columnsOf(ctx, tx, g)
	if err != nil {
		return fmt.Errorf("read the columns: %w", err)
	}
	b.progress(Progress{Stage: StageFold, Total: upTo})
	fold := newBulk(newRowBuffers(columns), opts.keep)
	copyRows := copier(ctx, tx, g, columns)
	err = fold.run(ctx, b.log, upTo, copyRows, func(done directory.Position) {
		b.progress(Progress{Stage: StageFold, Done: done, Total: upTo})
	})
	if err != nil {
		return err
	}
	b.progress(Progress{Stage: StageIndex})
	if err := indexes.restore(ctx, tx, g); err != nil {
		return fmt.Errorf("make the indexes: %w", err)
	}
	_, err = tx.Exec(ctx, moveGeneration, pgx.NamedArgs{"number": g.number, "from": int64(0), "to": int64(upTo)})
	return err
}

// copier sends chunks by COPY, one after the other, over the transaction's
// connection.
func copier(ctx context.Context, tx pgx.Tx, g *generation, columns map[string][]string) func(chunk) error {
	return func(c chunk) error {
		names := make([]string, len(columns[c.table]))
		for i, name := range columns[c.table] {
			names[i] = pgx.Identifier{name}.Sanitize()
		}
		// COPY takes no parameters; the names are ours and the catalog's.
		sql := g.sql("COPY " + c.table + " (" + strings.Join(names, ", ") + ") FROM STDIN")
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(c.rows), sql); err != nil {
			return fmt.Errorf("copy rows of %s: %w", c.table, err)
		}
		return nil
	}
}

// columnsOf are the columns of each table, by its name as statements write it.
func columnsOf(ctx context.Context, tx pgx.Tx, g *generation) (map[string][]string, error) {
	columns := map[string][]string{}
	for _, part := range []string{"directory", "history"} {
		rows, err := tx.Query(ctx, selectColumns, g.schema(part))
		if err != nil {
			return nil, err
		}
		var table string
		var names []string
		if _, err := pgx.ForEachRow(rows, []any{&table, &names}, func() error {
			columns[part+"."+table] = names
			return nil
		}); err != nil {
			return nil, err
		}
	}
	if len(columns) == 0 {
		return nil, errors.New("the generation has no tables")
	}
	return columns, nil
}

const selectColumns = `
SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE n.nspname = $1 AND c.relkind = 'r'
GROUP BY c.relname`

// pageOf is a page as the log's subscriber would send it.
func pageOf(from directory.Position, records []directory.Record) eventlog.Page {
	return eventlog.Page{Consumer: Consumer, From: from, To: records[len(records)-1].Position, Records: records}
}
