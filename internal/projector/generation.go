package projector

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// database is a pool, a session or a transaction.
type database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Begin(ctx context.Context) (pgx.Tx, error)
}

// generation is a read model that does not serve: its schemas have its number
// behind their names. The serving one is nil, and written as the statements have it.
type generation struct {
	number int
	names  *strings.Replacer
}

func newGeneration(number int) *generation {
	suffix := "_" + strconv.Itoa(number)
	return &generation{number: number, names: strings.NewReplacer(
		"directory.", "directory"+suffix+".", "history.", "history"+suffix+".",
	)}
}

// schema is the name of one of its schemas.
func (g *generation) schema(part string) string { return part + "_" + strconv.Itoa(g.number) }

// sql names the generation's schemas in a statement. Statements stay constants,
// with the names that serve; in them "directory." and "history." are nothing else.
func (g *generation) sql(statement string) string {
	if g == nil {
		return statement
	}
	return g.names.Replace(statement)
}

// sql is a statement that reads the projector's generation.
func (p *Projector) sql(statement string) string {
	if p.into == nil {
		return postgres.InOneGeneration(statement)
	}
	return p.into.sql(statement)
}

// queueTurn asks which swap the serving generation came by; see queueMove.
func (p *Projector) queueTurn(b *pgx.Batch, turn *int64) {
	if p.into == nil {
		b.Queue(selectTurn).QueryRow(func(row pgx.Row) error { return row.Scan(turn) })
	}
}

const selectTurn = `
SELECT turn
FROM mirror.generation
WHERE state = 'serving'`

// queueMove moves the position of the generation that is written from the page's
// beginning to its end, and fails where it is not there. What was loaded from one
// generation must not be written to the next: two that are swapped need not be
// equal.
func (p *Projector) queueMove(b *batch, f *folded) {
	if p.into == nil {
		eventlog.QueueMoveCheckpoint(&b.batch, Consumer, f.page.From, f.page.To)
		queueHold(b, f.turn) // after the checkpoint's lock, in the order of a swap
		return
	}
	b.batch.Queue(moveGeneration, pgx.NamedArgs{"number": p.into.number, "from": int64(f.page.From), "to": int64(f.page.To)}).Exec(wantOne)
}

// The position of a generation that does not serve is not among the consumers'
// checkpoints: nobody has to worry when it stands still.
const moveGeneration = `
UPDATE mirror.generation
SET position = @to
WHERE number = @number AND position = @from AND state <> 'serving'`

// queueHold holds the serving generation until the transaction's end, and fails
// where it is no more the one that was loaded from.
func queueHold(b *batch, turn int64) {
	b.batch.Queue(holdTurn, pgx.NamedArgs{"turn": turn}).Exec(wantOne)
}

const holdTurn = `
SELECT 1
FROM mirror.generation
WHERE state = 'serving' AND turn = @turn`

func wantOne(tag pgconn.CommandTag) error {
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%w: the generation was swapped", eventlog.ErrCheckpointMoved)
	}
	return nil
}

// ErrNoGeneration says that there is no generation to go back to, or to drop.
var ErrNoGeneration = errors.New("there is no such generation")

// Generation is one of the read models that are there.
type Generation struct {
	Number   int                `json:"number"`
	State    string             `json:"state"` // serving, kept, built or retired
	Position directory.Position `json:"position"`
}

// Generations lists the read models, oldest first.
func (p *Projector) Generations(ctx context.Context) ([]Generation, error) {
	rows, err := p.pool.Query(ctx, selectGenerations, pgx.NamedArgs{"consumer": Consumer})
	if err == nil {
		var list []Generation
		if list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Generation]); err == nil {
			return list, nil
		}
	}
	return nil, fmt.Errorf("list the generations: %w", err)
}

const selectGenerations = `
SELECT g.number, g.state, CASE g.state WHEN 'serving' THEN coalesce(c.position, 0) ELSE g.position END
FROM mirror.generation g
LEFT JOIN mirror.checkpoint c ON c.consumer = @consumer
ORDER BY g.number`
