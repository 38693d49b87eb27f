package eventlog_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// fullPubSub, set to anything, makes TestPubSub run at full size.
const fullPubSub = "ORGMIRROR_TEST_PUBSUB_FULL"

// TestPubSub runs Watermill's suite for subscribers against ours: 15 of its 16
// tests, one of them (TestReconnect) without the race detector only. The other
// one, TestNewSubscriberReceivesOldMessages, runs below.
//
// The suite thinks in topics of messages, we in consumers of one log. So a small
// publisher appends each message as a record, and the subscriber under test, with
// a page size of 1, is wrapped: the wrapper opens the page, passes over records of
// other topics, and passes answers on. Each test of the suite has its own log.
func TestPubSub(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	u := &universe{urls: filepath.Join(t.TempDir(), "url"), logs: map[string]*eventlog.Log{}}
	features := tests.Features{
		ConsumerGroups:  true,
		GuaranteedOrder: true,
		Persistent:      true,
		// Fewer messages and subscribers, the same tests. Each of our consumers reads
		// the whole log one record a page, so that twenty topics cost twenty times as
		// much; the full size takes two minutes.
		ForceShort: os.Getenv(fullPubSub) == "",

		// False: a handler that only acknowledges may see a page again, when the
		// session was lost between its Ack and the move of the checkpoint. Exactly
		// once is what a handler gets that moves the checkpoint with its effects, and
		// TestEffectsHappenExactlyOnce proves it. (True would also skip two tests.)
		ExactlyOnceDelivery: false,
		// False: the weaker form of GuaranteedOrder, which we do not need.
		GuaranteedOrderWithSingleSubscriber: false,
		// False: any number of subscribers work side by side.
		RequireSingleInstance: false,
		// False: for the suite a new subscriber is the same consumer, which goes on
		// where it was. As a new consumer it does receive old messages: see
		// TestNewConsumerReceivesOldMessages, the suite's test with such consumers.
		NewSubscriberReceivesOldMessages: false,
		// False: contexts do not travel through a database.
		ContextPreserved: false,
	}
	if !raceEnabled { // the suite's own TestReconnect has a data race
		// The tests' server is shared with other tests and cannot be restarted. To
		// cut off every session of the test's database is the same to a client.
		features.RestartServiceCommand = []string{
			"sh", "-c", childRole + "='cut everybody off' " + childURL + `="$(cat "$1")" exec "$2"`, "sh", u.urls, binary,
		}
	}
	tests.TestPubSub(t, features, u.oneGroup, u.pubSub)
}

func TestNewConsumerReceivesOldMessages(t *testing.T) {
	t.Parallel()
	u := &universe{logs: map[string]*eventlog.Log{}}
	features := tests.Features{Persistent: true, GuaranteedOrder: true, NewSubscriberReceivesOldMessages: true}
	tests.TestNewSubscriberReceivesOldMessages(t, tests.TestContext{TestID: tests.NewTestID(), Features: features}, u.newGroup)
}

// universe keeps one log per test of the suite.
type universe struct {
	urls string // file with the database of the test that restarts it

	mu   sync.Mutex
	logs map[string]*eventlog.Log
}

func (u *universe) log(t *testing.T) *eventlog.Log {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.logs[t.Name()]
	if l == nil {
		pool := poolOf(t, u.url(t))
		l = open(t, pool, eventlog.Options{PollInterval: 100 * time.Millisecond})
		u.logs[t.Name()] = l
	}
	return l
}

func (u *universe) url(t *testing.T) string {
	t.Helper()
	url := pgtest.URL(t)
	if filepath.Base(filepath.Dir(t.Name())) == "TestReconnect" {
		if err := os.WriteFile(u.urls, []byte(url), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return url
}

func (u *universe) pubSub(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	t.Helper()
	l := u.log(t)
	s := &topicSubscriber{group: group, Subscriber: eventlog.NewSubscriber(l, eventlog.SubscriberOptions{
		PageSize:        1,
		RetryPause:      time.Millisecond,
		CheckpointOnAck: true, // the suite's handlers know of no checkpoint
	})}
	t.Cleanup(func() { _ = s.Close() })
	return topicPublisher{l}, s
}

func (u *universe) oneGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return u.pubSub(t, "group")
}

func (u *universe) newGroup(t *testing.T) (message.Publisher, message.Subscriber) {
	t.Helper()
	return u.pubSub(t, watermill.NewUUID())
}

// envelope is a message as a payload.
type envelope struct {
	UUID     string
	Metadata message.Metadata
	Payload  []byte
}

type topicPublisher struct{ log *eventlog.Log }

func (p topicPublisher) Publish(topic string, messages ...*message.Message) error {
	var all []directory.Record
	for _, m := range messages {
		payload, err := json.Marshal(envelope{m.UUID, m.Metadata, m.Payload})
		if err != nil {
			return err
		}
		all = append(all, directory.Record{EventID: topic + "/" + m.UUID, EventType: topic, Payload: payload})
	}
	_, err := p.log.Append(context.Background(), all...)
	return err
}

func (topicPublisher) Close() error { return nil }

type topicSubscriber struct {
	*eventlog.Subscriber
	group    string
	unpacker sync.WaitGroup
}

func (s *topicSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	pages, err := s.Subscriber.Subscribe(ctx, s.group+"/"+topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	s.unpacker.Go(func() {
		defer close(out)
		for packed := range pages {
			page, ok := eventlog.PageOf(packed)
			if !ok || len(page.Records) != 1 {
				panic("not a page of one record")
			}
			if page.Records[0].EventType != topic {
				packed.Ack()
				continue
			}
			var e envelope
			if err := json.Unmarshal(page.Records[0].Payload, &e); err != nil {
				panic(err)
			}
			pass(packed, e, out)
		}
	})
	return out, nil
}

// pass hands on the message of a page, and its answer back.
func pass(packed *message.Message, e envelope, out chan<- *message.Message) {
	msg := message.NewMessageWithContext(packed.Context(), e.UUID, e.Payload)
	msg.Metadata = e.Metadata
	select {
	case out <- msg:
	case <-packed.Context().Done():
		packed.Nack()
		return
	}
	select {
	case <-msg.Acked():
		packed.Ack()
	case <-msg.Nacked():
		packed.Nack()
	case <-packed.Context().Done():
		packed.Nack()
	}
}

func (s *topicSubscriber) Close() error {
	err := s.Subscriber.Close()
	s.unpacker.Wait()
	return err
}
