package eventlog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// writer appends what producers queue, one batch after the other, on a
// connection of its own. A batch is what has come in while the one before was
// being written: under load batches grow by themselves, and nobody ever waits
// for a batch to fill.
type writer struct {
	pool    *pgxpool.Pool
	opts    Options
	queue   *queue
	ears    *ears
	metrics *metrics
	closing <-chan struct{} // closed: the log is being closed

	conn *pgx.Conn // nil while there is none
	head int64     // greatest position this writer has heard of
	lost bool      // given up for good: the log closes and the database does not answer
}

// run writes until the queue is closed and empty.
func (w *writer) run(ctx context.Context) {
	defer w.disconnect(ctx)
	for {
		jobs := w.queue.take(maxBatchRecords, maxBatchBytes)
		if jobs == nil {
			return
		}
		var rows []*row
		for _, j := range jobs {
			for i := range j.rows {
				rows = append(rows, &j.rows[i])
			}
		}
		w.write(ctx, rows, attempt{floor: w.head})
		w.finish(rows)
		for _, j := range jobs {
			close(j.done)
		}
	}
}

// attempt is what a batch, or the half of one, knows of its earlier attempts.
type attempt struct {
	unknown bool  // one of them may have been committed
	floor   int64 // greatest position heard of before the first
}

// write appends rows as one batch, and brings each to an answer or an error.
func (w *writer) write(ctx context.Context, rows []*row, a attempt) {
	retry := pauses{first: 10 * time.Millisecond, most: time.Second}
	var failing time.Time // since when
	for {
		if w.lost {
			fail(rows, ErrClosed)
			return
		}
		err := w.once(ctx, rows, a)
		if err == nil {
			return
		}
		verdict := judge(err)
		if verdict == badData || len(rows) > 1 && sqlState(err) == queryCanceled { // less work may be done in time
			w.bisect(ctx, rows, a, err)
			return
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		if verdict == hopeless || w.patienceIsOver(failing) {
			fail(rows, err)
			return
		}
		a.unknown = a.unknown || outcomeUnknown(err)
		w.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "append failed, trying again",
			slog.Int("records", len(rows)), slog.String("sqlstate", sqlState(err)), slog.Bool("outcome_unknown", a.unknown))
		if w.conn != nil && w.conn.IsClosed() || sqlState(err) == "" || sqlState(err) == readOnly {
			w.disconnect(ctx)
		}
		retry.wait(ctx)
	}
}

// once makes one attempt: the call, and after an attempt whose outcome is
// unknown the question which of the duplicates are our own.
func (w *writer) once(ctx context.Context, rows []*row, a attempt) error {
	// The server's own time-outs come first; this one is for a server, or a
	// network, that says nothing at all.
	ctx, cancel := context.WithTimeout(ctx, 2*w.opts.Timeout)
	defer cancel()
	if w.conn == nil {
		conn, err := connect(ctx, w.pool, "log writer")
		if err != nil {
			return err
		}
		w.conn = conn
		if err := settleWriter(ctx, conn, w.opts.Timeout); err != nil {
			w.disconnect(ctx)
			return err
		}
	}
	start := time.Now()
	if err := appendBatch(ctx, w.conn, rows); err != nil {
		return err
	}
	w.metrics.committed(len(rows), time.Since(start))
	if a.unknown {
		return claimOwn(ctx, w.conn, rows, a.floor)
	}
	return nil
}

// bisect finds the record that the database refuses, so that it alone fails.
// Alone, and in base64 if need be, it is tried once more: what came in must not
// be lost because it is odd.
func (w *writer) bisect(ctx context.Context, rows []*row, a attempt, cause error) {
	if len(rows) > 1 {
		half := len(rows) / 2
		w.write(ctx, rows[:half], a)
		w.write(ctx, rows[half:], a)
		return
	}
	r := rows[0]
	if r.raw {
		fail(rows, cause)
		return
	}
	w.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "payload refused by the database, keeping its bytes in base64",
		slog.String("record_source", string(r.record.Source)), slog.Int("bytes", len(r.payload)), slog.String("sqlstate", sqlState(cause)))
	r.keepRaw()
	w.write(ctx, rows, a)
}

// finish counts, remembers the head and wakes the readers of this process.
func (w *writer) finish(rows []*row) {
	appended := false
	for _, r := range rows {
		if r.err != nil {
			continue
		}
		w.head = max(w.head, int64(r.answer.Position))
		appended = appended || !r.answer.Duplicate
		w.metrics.answered(r)
	}
	if appended {
		w.ears.appended.ring() // the notification of the database comes later, or not at all
	}
}

// patienceIsOver says whether a batch that has been failing for a while is given
// up. A log that closes has less patience, and once it is out, none for the rest.
func (w *writer) patienceIsOver(failing time.Time) bool {
	patience := w.opts.RetryFor
	select {
	case <-w.closing:
		patience = min(patience, w.opts.Timeout)
		w.lost = w.lost || time.Since(failing) >= patience
	default:
	}
	return w.lost || time.Since(failing) >= patience
}

func (w *writer) disconnect(ctx context.Context) {
	if w.conn != nil {
		closeConn(ctx, w.conn)
		w.conn = nil
	}
}

func fail(rows []*row, err error) {
	for _, r := range rows {
		r.answer, r.err = Appended{}, err
	}
}

// verdict says what to do about an error of an append.
type verdict int

const (
	hopeless  verdict = iota // the producers get it
	badData                  // one of the records is at fault
	transient                // try again
)

const (
	readOnly      = "25006" // the server has become a standby: the next connection may find the new primary
	queryCanceled = "57014" // as a rule by statement_timeout
)

func judge(err error) verdict {
	code := sqlState(err)
	if code == "" { // the connection: nothing of the server's
		return transient
	}
	switch code[:2] {
	case "21", "22", "54": // cardinality; data; limits, such as the depth of the stack or the size of an index entry
		return badData
	case "08", "40", "53", "57", "58": // connection, rollback, resources, operator, system
		return transient
	}
	switch code {
	case "55P03", readOnly, "25P03", "25P04": // lock, idle-in-transaction and transaction time-outs
		return transient
	}
	return hopeless
}

// outcomeUnknown says whether the append may have been committed although it
// failed. An ERROR of the server means that it was rolled back; anything else,
// also a FATAL, may have come after the commit.
func outcomeUnknown(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.SeverityUnlocalized != "ERROR"
	}
	return !pgconn.SafeToRetry(err)
}
