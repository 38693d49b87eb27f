package eventlog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// job is what one producer waits for: records that go into one batch together.
type job struct {
	rows []row
	size int           // bytes of the payloads
	gone atomic.Bool   // the producer no longer waits
	done chan struct{} // closed when each row has its answer or its error
}

// queue is where jobs wait for the writer. It is bounded in records.
type queue struct {
	limit int
	ready chan struct{} // one token: there is something to take, or the queue was closed

	mu      sync.Mutex
	jobs    []*job
	records int
	closed  bool
	room    chan struct{} // closed, and made anew, whenever the writer takes jobs
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{})}
}

// put adds a job, or fails at once.
func (q *queue) put(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.records+len(j.rows) > q.limit {
		return ErrQueueFull
	}
	q.jobs = append(q.jobs, j)
	q.records += len(j.rows)
	q.signal()
	return nil
}

// putWhenRoom adds a job, and waits for room where there is none.
func (q *queue) putWhenRoom(ctx context.Context, j *job) error {
	for {
		q.mu.Lock()
		room := q.room
		q.mu.Unlock()
		if err := q.put(j); !errors.Is(err, ErrQueueFull) {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take waits for jobs and returns as many as fit into one batch, at least one.
// Jobs whose producers have gone are dropped. It returns nil when the queue is
// closed and empty.
func (q *queue) take(maxRecords, maxBytes int) []*job {
	for {
		if jobs, closed := q.takeNow(maxRecords, maxBytes); len(jobs) > 0 || closed {
			return jobs
		}
		<-q.ready
	}
}

func (q *queue) takeNow(maxRecords, maxBytes int) (taken []*job, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	records, bytes, n := 0, 0, 0
	for _, j := range q.jobs {
		if !j.gone.Load() {
			if len(taken) > 0 && (records+len(j.rows) > maxRecords || bytes+j.size > maxBytes) {
				break
			}
			taken = append(taken, j)
			records += len(j.rows)
			bytes += j.size
		}
		q.records -= len(j.rows)
		n++
	}
	if n > 0 {
		clear(q.jobs[:n]) // lets the records go
		q.jobs = q.jobs[n:]
		close(q.room)
		q.room = make(chan struct{})
	}
	return taken, q.closed
}

// depth is how many records wait.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.records
}

// close refuses new jobs. Those that wait are still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.room) // those who wait for room learn it
	q.room = make(chan struct{})
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
