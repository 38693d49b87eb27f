package eventlog_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// Two subscribers for one consumer, handlers that fail before and after their
// commit, sessions that are killed, appends beside: each effect exactly once.
func TestEffectsHappenExactlyOnce(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	first, pool := newLog(t, eventlog.Options{PollInterval: 20 * time.Millisecond})
	second := open(t, pool, eventlog.Options{PollInterval: 20 * time.Millisecond})
	effects(t, pool)

	var mu sync.Mutex
	dice := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	var working sync.WaitGroup
	defer working.Wait() // after both subscribers are closed
	for _, l := range []*eventlog.Log{first, second} {
		messages, s := follow(t, l, "core", eventlog.SubscriberOptions{PageSize: 7})
		working.Go(func() {
			for msg := range messages {
				page, _ := eventlog.PageOf(msg)
				fate := dice(10)
				if fate == 0 {
					msg.Nack() // failed before it did anything
					continue
				}
				if err := handle(msg.Context(), pool, page); err != nil || fate == 1 {
					msg.Nack() // failed, or so it thinks
					continue
				}
				msg.Ack()
			}
		})
		defer s.Close()
	}
	const total = 600
	for i := range total / 20 {
		appendAll(t, first, records(string(rune('a'+i)), 20)...)
		if i%3 == 0 {
			kill(t, pool, []string{"log consumer", "log listener", "log writer"}[dice(3)])
		}
		if i%5 == 0 { // let it go on for a while
			if err := first.Await(t.Context(), "core", directory.Position(10*i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := second.Await(t.Context(), "core", total); err != nil {
		t.Fatal(err)
	}
	var n, distinct, greatest int
	err := pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT position), max(position) FROM effects`).Scan(&n, &distinct, &greatest)
	if err != nil {
		t.Fatal(err)
	}
	if n != total || distinct != total || greatest != total {
		t.Errorf("%d effects of %d records up to %d, want %d", n, distinct, greatest, total)
	}
}

// Watermill's router drives the subscriber: what panics or fails is sent again.
func TestRouter(t *testing.T) {
	t.Parallel()
	l, pool := newLog(t, eventlog.Options{PollInterval: never})
	effects(t, pool)
	appendAll(t, l, records("e", 30)...)
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	router.AddMiddleware(middleware.CorrelationID, middleware.Recoverer)
	attempts := 0
	subscriber := eventlog.NewSubscriber(l, eventlog.SubscriberOptions{PageSize: 10, RetryPause: time.Millisecond})
	router.AddConsumerHandler("core", "core", subscriber, func(msg *message.Message) error {
		attempts++
		page, ok := eventlog.PageOf(msg)
		switch {
		case !ok:
			return errors.New("no page")
		case attempts == 1:
			panic("the first time")
		case attempts == 2:
			return errors.New("the second time")
		}
		return handle(msg.Context(), pool, page)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- router.Run(ctx) }()
	if err := l.Await(t.Context(), "core", 30); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM effects`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 30 || attempts != 5 {
		t.Errorf("%d effects in %d attempts, want 30 in 5", n, attempts)
	}
}
