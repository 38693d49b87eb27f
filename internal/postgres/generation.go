package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The read model is swapped for another by renaming its schemas (see migration
// 6), also while statements are on their way. PostgreSQL looks up one name after
// the other, so without care a statement could read two tables of one generation
// and a third of the next. Who reads mirror.generation first is safe: a swap
// locks that table against them, and they hold it off until their transaction ends.

// InOneGeneration makes a statement over the schemas directory, history and
// analytics read one generation of them. What it adds is analysed first, takes
// the lock, and is never run.
//
// It serves a statement that is a transaction of its own, or the first of one in
// READ COMMITTED; where later statements must see the same data use
// [ReadGeneration].
func InOneGeneration(sql string) string {
	const (
		with       = "WITH "
		recursive  = "RECURSIVE "
		generation = "generation_read AS (SELECT FROM mirror.generation)"
	)
	statement := strings.TrimLeft(sql, " \t\n")
	rest, ok := strings.CutPrefix(statement, with)
	if !ok {
		return with + generation + "\n" + statement
	}
	if body, ok := strings.CutPrefix(rest, recursive); ok {
		return with + recursive + generation + ", " + body
	}
	return with + generation + ", " + rest
}

// beginner is a pool or a connection.
type beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// ReadGeneration runs f in a read-only transaction that sees one snapshot of one
// generation. A swap waits for its end, so f must be quick.
func ReadGeneration(ctx context.Context, db beginner, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := HoldGeneration(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// HoldGeneration holds off a swap until the transaction's end. It must come first
// in it: unlike a SELECT it takes no snapshot before it has the lock, and one taken
// before would be of before a swap.
func HoldGeneration(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, holdGeneration); err != nil {
		return fmt.Errorf("hold the generation of the read model: %w", err)
	}
	return nil
}

const holdGeneration = `LOCK TABLE mirror.generation IN ACCESS SHARE MODE`
