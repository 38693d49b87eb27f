package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// SubscriberOptions are the settings of a Subscriber. The zero value works.
type SubscriberOptions struct {
	// PageSize is how many records a message carries at most; 500 by default.
	PageSize int

	// PollInterval is how often the log is read where no notification came, and
	// how often a standby asks for the lock; the log's own by default.
	PollInterval time.Duration

	// RetryPause is the first pause after a Nack, doubled up to fifty times of it;
	// 100 ms by default.
	RetryPause time.Duration

	// NoWait makes Subscribe answer ErrHeld where another holds the consumer,
	// instead of standing by until it lets go.
	NoWait bool

	// CheckpointOnAck makes the subscriber move the checkpoint when a message is
	// acknowledged. It is for handlers whose effects are not in this database, such
	// as publishing elsewhere, and makes them at-least-once. Handlers that write
	// to this database MUST NOT use it: they move the checkpoint themselves, with
	// MoveCheckpoint, in the transaction of their effects.
	CheckpointOnAck bool
}

func (o SubscriberOptions) withDefaults(log Options) SubscriberOptions {
	if o.PageSize <= 0 {
		o.PageSize = 500
	}
	if o.PollInterval <= 0 {
		o.PollInterval = log.PollInterval
	}
	if o.RetryPause <= 0 {
		o.RetryPause = 100 * time.Millisecond
	}
	return o
}

// Subscriber follows the log: a Watermill message.Subscriber whose topic is the
// consumer's name and whose messages are pages.
//
// The handler of a message MUST open its own transaction, write the effects of
// the page (PageOf), move the checkpoint from Page.From to Page.To in it, commit,
// and then acknowledge. Where anything fails it rolls back and sends a Nack; the
// subscriber then reads checkpoint and page again. An old page is never sent
// twice: what comes after a Nack is what the checkpoint says.
//
// The next message is sent only after the answer to the one before. A message's
// context ends with its Ack or Nack, with the subscription, and when the lock is
// lost; the handler's transaction should run in it.
type Subscriber struct {
	log  *Log
	opts SubscriberOptions

	mu        sync.Mutex
	closed    bool
	closing   chan struct{}
	held      map[string]int
	following sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber returns a subscriber to the log.
func NewSubscriber(l *Log, opts SubscriberOptions) *Subscriber {
	return &Subscriber{log: l, opts: opts.withDefaults(l.opts), closing: make(chan struct{}), held: map[string]int{}}
}

// Subscribe sends the consumer's pages from its checkpoint on, until ctx ends or
// Close is called; then the channel is closed.
//
// Of several subscriptions for one consumer, in however many processes, one is
// served and the others stand by.
func (s *Subscriber) Subscribe(ctx context.Context, consumer string) (<-chan *message.Message, error) {
	if consumer == "" {
		return nil, errors.New("subscribe to the log: no consumer named")
	}
	var first *hold
	if s.opts.NoWait {
		h, conn, err := s.log.tryHold(ctx, nil, consumer)
		if conn != nil {
			closeConn(ctx, conn)
		}
		if err != nil {
			return nil, fmt.Errorf("subscribe %s to the log: %w", consumer, err)
		}
		first = h
	}
	out := make(chan *message.Message)

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		if first != nil {
			first.release(ctx)
		}
		return nil, fmt.Errorf("subscribe %s to the log: %w", consumer, ErrClosed)
	}
	s.log.ears.need()
	s.following.Go(func() {
		defer close(out)
		ctx, end := until(ctx, s.closing)
		defer end()
		s.follow(ctx, consumer, first, out)
	})
	return out, nil
}

// Close ends all subscriptions and waits until they are gone. Messages that
// were not acknowledged come again to the next subscriber.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.following.Wait()
	return nil
}

// Held says whether this subscriber works for the consumer at the moment, and
// does not merely stand by.
func (s *Subscriber) Held(consumer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[consumer] > 0
}

func (s *Subscriber) setHeld(consumer string, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[consumer] += by
}

// follow takes the consumer's lock and delivers while it has it, again and again.
func (s *Subscriber) follow(ctx context.Context, consumer string, h *hold, out chan<- *message.Message) {
	for {
		if h == nil {
			var err error
			if h, err = s.acquire(ctx, consumer); err != nil {
				return
			}
		}
		s.setHeld(consumer, 1)
		s.deliver(ctx, consumer, h, out)
		s.setHeld(consumer, -1)
		h.release(ctx)
		h = nil
		if ctx.Err() != nil {
			return
		}
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "consumer's lock lost, delivery stopped", slog.String("consumer", consumer))
	}
}

// checkHoles makes sure that a page begins right after the checkpoint and has no
// holes. The log cannot have any; a log that somebody tampered with can.
func checkHoles(from directory.Position, records []directory.Record) error {
	for i := range records {
		if want := from + directory.Position(i) + 1; records[i].Position != want {
			return fmt.Errorf("the log has a hole: position %d is missing", want)
		}
	}
	return nil
}
