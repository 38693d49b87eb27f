package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrQueueFull says that the writer cannot keep up. Nothing of the call was
	// appended; a webhook answers 503 and Feishu delivers again.
	ErrQueueFull = errors.New("the log's queue is full")
	// ErrForeignApp says that another app's records are in the log for this
	// tenant. open_ids of different apps differ, so the two must not mix.
	ErrForeignApp = errors.New("the log belongs to another app of this tenant")
	// ErrInvalidRecord says that a record can never be appended as it is.
	ErrInvalidRecord = errors.New("record cannot be appended")
	// ErrCheckpointMoved says that the checkpoint is not where the caller thought:
	// somebody else did the work. Roll back and read the checkpoint again.
	ErrCheckpointMoved = errors.New("the checkpoint has moved")
	// ErrHeld says that another process, or another subscription of this one,
	// works for the consumer.
	ErrHeld = errors.New("the consumer is held elsewhere")
	// ErrClosed says that the log or the subscriber has been closed.
	ErrClosed = errors.New("closed")
)

const (
	defaultQueueSize = 8192
	defaultTimeout   = 5 * time.Second
	defaultRetryFor  = 30 * time.Second
	defaultPoll      = time.Second
)

// Options are the settings of a Log. The zero value works.
type Options struct {
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics

	// AppID and TenantKey name the app that feeds this log. They fill the fields
	// that a record leaves empty; Open and Append refuse another app of the tenant.
	AppID, TenantKey string

	// QueueSize is how many records may wait for the writer; 8192 by default.
	QueueSize int

	// Timeout is how long the writer's session may hold the log against all
	// others, whatever happens to this process: its statement and its
	// idle-in-transaction time-out. 5 s by default.
	Timeout time.Duration

	// RetryFor is how long the writer goes on trying where the database does not
	// answer, before the producers get the error. 30 s by default.
	RetryFor time.Duration

	// PollInterval is how often the database is asked where no notification came;
	// 1 s by default.
	PollInterval time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.QueueSize <= 0 {
		o.QueueSize = defaultQueueSize
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.RetryFor <= 0 {
		o.RetryFor = defaultRetryFor
	}
	if o.PollInterval <= 0 {
		o.PollInterval = defaultPoll
	}
	return o
}

// Log is an open event log. Its methods may be called concurrently.
type Log struct {
	pool    *pgxpool.Pool
	opts    Options
	metrics *metrics
	queue   *queue
	writer  *writer
	ears    *ears
	awaits  *awaits

	stop    context.CancelFunc // ends what waits: listener, awaits
	writing sync.WaitGroup     // the writer
	others  sync.WaitGroup     // listener and awaits
	closing sync.Once
	closed  chan struct{}
}

// Open opens the log that the migrations made, and starts its writer. ctx
// bounds the opening only; Close ends the log.
//
// Where the cluster is not the one that the log was last opened in, the log was
// restored or moved, and gets a new log id.
func Open(ctx context.Context, pool *pgxpool.Pool, opts Options) (*Log, error) {
	opts = opts.withDefaults()
	head, err := settleHead(ctx, pool, opts.Logger)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	if err := refuseForeignApp(ctx, pool, opts.TenantKey, opts.AppID); err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &Log{
		pool:   pool,
		opts:   opts,
		queue:  newQueue(opts.QueueSize),
		stop:   stop,
		closed: make(chan struct{}),
	}
	if l.metrics, err = newMetrics(opts.Registerer, pool, l.queue); err != nil {
		stop()
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	l.ears = newEars(pool, opts.Logger)
	l.awaits = newAwaits(pool, opts.Logger, opts.PollInterval, l.ears)
	l.writer = &writer{
		pool: pool, opts: opts, queue: l.queue, ears: l.ears, metrics: l.metrics,
		closing: l.closed, head: int64(head.Position),
	}

	l.writing.Go(func() { l.writer.run(running) })
	l.others.Go(func() { l.ears.run(running) })
	l.others.Go(func() { l.awaits.run(running) })
	return l, nil
}

// Close writes what is queued and ends the log; where the database does not
// answer it gives up after the time-out. Appends that come later, and awaits
// that are under way, answer ErrClosed. Close the subscribers before: those of a
// closed log hear no notifications and only poll.
func (l *Log) Close() error {
	l.closing.Do(func() {
		close(l.closed)
		l.queue.close()
		l.writing.Wait()
		l.stop()
		l.others.Wait()
		l.metrics.unregister()
	})
	return nil
}
