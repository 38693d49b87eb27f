// Package readonly runs a query that a person wrote, and lets it change nothing.
//
// A read-only transaction alone does not promise that: its first statement may
// be SET TRANSACTION READ WRITE, and the next one writes. Here
//
//   - the query is one statement, which the extended protocol keeps: the server
//     refuses a text that holds two;
//   - it is the text of a cursor, in which the server's grammar has room for
//     SELECT, VALUES, TABLE and WITH only (EXPLAIN and SHOW run beside it);
//   - the transaction is read-only and has taken its snapshot, after which no
//     statement and no function can make it read-write;
//   - where the connection's user may, it gives up its rights for those of
//     pg_read_all_data, so that a superuser's functions, which reach beyond the
//     tables (files, other sessions), are out of reach of a slip;
//   - the transaction is rolled back and the connection closed, with whatever
//     the query set in the session.
//
// It is a guard against mistakes by somebody who has the connection's password,
// not against that person.
package readonly

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrRefused says that the server did not accept the query; the connection is sound.
var ErrRefused = errors.New("the query was refused")

// Result is what a query answered, each value as PostgreSQL writes it.
type Result struct {
	Columns []string
	Rows    [][]Value
	More    bool // there were more rows than asked for
}

// Value is one value.
type Value struct {
	Text string
	Null bool
}

// Query runs one statement and returns its first rows, at most limit of them;
// all of them if it is 0.
func Query(ctx context.Context, pool *pgxpool.Pool, query string, limit int) (Result, error) {
	acquired, err := pool.Acquire(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("connect: %w", err)
	}
	conn := acquired.Hijack() // nobody may get it after us
	defer conn.Close(context.WithoutCancel(ctx))

	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return Result{}, fmt.Errorf("begin a read-only transaction: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // the connection is closed right after
	if err := giveUpRights(ctx, tx); err != nil {
		return Result{}, err
	}
	result, err := run(ctx, conn.PgConn(), query, limit)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return Result{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return result, err
}

// giveUpRights also takes the transaction's snapshot.
func giveUpRights(ctx context.Context, tx pgx.Tx) error {
	var may bool
	if err := tx.QueryRow(ctx, mayOnlyRead).Scan(&may); err != nil {
		return fmt.Errorf("look up the user's rights: %w", err)
	}
	if !may {
		return nil
	}
	if _, err := tx.Exec(ctx, onlyRead); err != nil {
		return fmt.Errorf("give up the user's rights: %w", err)
	}
	return nil
}

const mayOnlyRead = `SELECT pg_has_role('pg_read_all_data', 'MEMBER')`

const onlyRead = `SET LOCAL ROLE pg_read_all_data`

const (
	declare  = "DECLARE query NO SCROLL CURSOR FOR "
	fetchAll = "FETCH ALL FROM query"
)

func run(ctx context.Context, conn *pgconn.PgConn, query string, limit int) (Result, error) {
	words := strings.Fields(query)
	if len(words) > 0 && slices.Contains([]string{"EXPLAIN", "SHOW"}, strings.ToUpper(words[0])) {
		return fetch(ctx, conn, query, limit)
	}
	if _, err := conn.ExecParams(ctx, declare+query, nil, nil, nil, nil).Close(); err != nil {
		return Result{}, err
	}
	if limit == 0 {
		return fetch(ctx, conn, fetchAll, limit)
	}
	// The count is no parameter: FETCH takes none.
	return fetch(ctx, conn, fmt.Sprintf("FETCH FORWARD %d FROM query", limit+1), limit)
}

// fetch runs one statement with values in text form.
func fetch(ctx context.Context, conn *pgconn.PgConn, statement string, limit int) (Result, error) {
	reader := conn.ExecParams(ctx, statement, nil, nil, nil, nil)
	var result Result
	for _, field := range reader.FieldDescriptions() {
		result.Columns = append(result.Columns, field.Name)
	}
	for reader.NextRow() {
		if limit > 0 && len(result.Rows) == limit {
			result.More = true
			continue
		}
		row := make([]Value, len(reader.Values()))
		for i, v := range reader.Values() {
			row[i] = Value{Text: string(v), Null: v == nil}
		}
		result.Rows = append(result.Rows, row)
	}
	_, err := reader.Close()
	return result, err
}
