package eventlog

import (
	"context"
	"fmt"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// A batch, and so a chunk of a long Append, is at most this long.
const (
	maxBatchRecords = 1000
	maxBatchBytes   = 1 << 20
)

// Appended is the log's answer to one record.
type Appended struct {
	// Position is the record's place in the log; 0 where it is not known to have one.
	Position directory.Position
	// Duplicate says that a record with this tenant, app and event id was in the
	// log before; Position is that one's. It is an answer, not an error.
	Duplicate bool
}

// Append stores records at the end of the log and answers in their order. It
// returns only after the commit: what has a position is durable.
//
// Up to 1 000 records of up to 1 MiB together (and no more than the queue holds)
// are appended whole, contiguous and in order; a longer call is cut into such
// parts, which keep their order, while other producers' records may come
// between them. Where one record is refused by the database, and its neighbours
// not, the neighbours stay in order, but another process's records may come
// between.
//
// A full queue fails the call at once with ErrQueueFull, before anything is
// appended. A call with more records than the queue holds works: once its first
// part is in, the later parts wait for room.
//
// With an error, the answers with a position still hold; the others MAY or may
// not have been stored (the caller's context ended, or the connection broke at
// the commit). To append the same records again is always safe, and then answers
// Duplicate for those that had been.
func (l *Log) Append(ctx context.Context, records ...directory.Record) ([]Appended, error) {
	rows := make([]row, len(records))
	for i, r := range records {
		var err error
		if rows[i], err = l.newRow(r); err != nil {
			return nil, fmt.Errorf("append record %d of %d: %w", i+1, len(records), err)
		}
	}
	answers := make([]Appended, len(rows))
	for done := 0; done < len(rows); {
		j := nextJob(rows[done:], l.opts.QueueSize)
		if err := l.enqueue(ctx, j, done > 0); err != nil {
			return answers, fmt.Errorf("append %d records: %w", len(records), err)
		}
		if err := j.collect(answers[done:]); err != nil {
			return answers, fmt.Errorf("append %d records: %w", len(records), err)
		}
		done += len(j.rows)
	}
	return answers, nil
}

// nextJob takes from rows what goes into one batch, at least one row.
func nextJob(rows []row, queueSize int) *job {
	j := &job{done: make(chan struct{})}
	n := 0
	for ; n < len(rows) && n < min(maxBatchRecords, queueSize); n++ {
		size := len(rows[n].payload)
		if n > 0 && j.size+size > maxBatchBytes {
			break
		}
		j.size += size
	}
	j.rows = rows[:n]
	return j
}

// enqueue hands a job to the writer and waits until it is done.
func (l *Log) enqueue(ctx context.Context, j *job, wait bool) error {
	var err error
	if wait {
		err = l.queue.putWhenRoom(ctx, j)
	} else {
		err = l.queue.put(j)
	}
	if err != nil {
		return err
	}
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		j.gone.Store(true) // not written at all where the writer has not taken it yet
		return context.Cause(ctx)
	}
}

// collect copies the answers of a job that is done, and returns its first error.
func (j *job) collect(into []Appended) error {
	var first error
	failed := 0
	for i := range j.rows {
		into[i] = j.rows[i].answer
		if j.rows[i].err != nil {
			if failed++; first == nil {
				first = j.rows[i].err
			}
		}
	}
	if failed > 1 {
		return fmt.Errorf("%d of %d failed, the first: %w", failed, len(j.rows), first)
	}
	return first
}
