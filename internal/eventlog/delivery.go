package eventlog

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Page is what one message carries: contiguous records for one consumer.
type Page struct {
	Consumer string             `json:"consumer"`
	From     directory.Position `json:"from"` // the checkpoint before the page
	To       directory.Position `json:"to"`   // and after it: the last record's position
	Records  []directory.Record `json:"-"`    // From+1 to To
}

type pageKey struct{}

// PageOf returns the page that a message of a Subscriber carries. It travels in
// the message's context, so a middleware that replaces the context must derive
// it from the old one. The payload has consumer, from and to only: enough for a
// log line, and nothing personal.
func PageOf(msg *message.Message) (Page, bool) {
	page, ok := msg.Context().Value(pageKey{}).(Page)
	return page, ok
}

// deliver sends pages until the lock is lost or ctx ends.
func (s *Subscriber) deliver(ctx context.Context, consumer string, h *hold, out chan<- *message.Message) {
	working, end := until(ctx, h.lost)
	defer end()
	retry := pauses{first: s.opts.RetryPause, most: 50 * s.opts.RetryPause}
	var checkpoint directory.Position
	known := false               // whether checkpoint is what the database says
	var ahead []directory.Record // read already, behind checkpoint
	for working.Err() == nil {
		var err error
		if !known {
			checkpoint, err = s.log.Checkpoint(working, consumer)
		}
		var page Page
		if err == nil {
			known = true
			page, err = s.nextPage(working, consumer, checkpoint, ahead)
		}
		var advanced bool
		if err == nil {
			advanced, ahead, err = s.hand(ctx, working, page, out)
		}
		if advanced {
			checkpoint = page.To
			retry.reset()
			continue
		}
		known, ahead = false, nil
		if working.Err() == nil {
			if err != nil {
				s.log.opts.Logger.LogAttrs(working, slog.LevelWarn, "page not delivered, trying again",
					slog.String("consumer", consumer), slog.Any("error", err))
			}
			retry.wait(working)
		}
	}
}

// nextPage makes a page of the records behind the checkpoint. Where none were
// read ahead it waits for them.
func (s *Subscriber) nextPage(ctx context.Context, consumer string, checkpoint directory.Position, records []directory.Record) (Page, error) {
	poll := time.NewTimer(s.opts.PollInterval)
	defer poll.Stop()
	for {
		var err error
		appended := s.log.ears.appended.heard()
		if len(records) == 0 {
			records, err = s.log.Read(ctx, checkpoint, s.opts.PageSize)
		}
		if err == nil {
			err = checkHoles(checkpoint, records)
		}
		if err != nil {
			return Page{}, err
		}
		if n := len(records); n > 0 {
			return Page{Consumer: consumer, From: checkpoint, To: records[n-1].Position, Records: records}, nil
		}
		poll.Reset(s.opts.PollInterval)
		select {
		case <-appended:
		case <-poll.C:
		case <-ctx.Done():
			return Page{}, context.Cause(ctx)
		}
	}
}

// hand gives the page to the handler and waits for its answer. It reports
// whether the checkpoint now is at the page's end, and what follows there.
func (s *Subscriber) hand(ctx, working context.Context, page Page, out chan<- *message.Message) (bool, []directory.Record, error) {
	payload, err := json.Marshal(page)
	if err != nil {
		return false, nil, err
	}
	handling, done := context.WithCancel(working)
	defer done()
	msg := message.NewMessageWithContext(context.WithValue(handling, pageKey{}, page), watermill.NewUUID(), payload)
	select {
	case out <- msg:
	case <-working.Done():
		return false, nil, nil
	}
	// Not working.Done: after a lost lock the handler must end before another
	// message is sent, or one process would work on two pages at once. Its context
	// has ended, so it will.
	select {
	case <-msg.Acked():
	case <-msg.Nacked():
		return false, nil, nil
	case <-ctx.Done():
		return false, nil, nil
	}
	done()
	return s.settle(working, page)
}

// settle finds out where the checkpoint is after an Ack: it is not taken from the
// handler, since who acknowledges without having moved it would lose a page. In
// passing it reads what follows.
func (s *Subscriber) settle(ctx context.Context, page Page) (bool, []directory.Record, error) {
	if s.opts.CheckpointOnAck {
		err := s.log.moveAlone(ctx, page)
		return err == nil, nil, err
	}
	s.log.ears.moved.ring() // the notification comes later, or not at all
	checkpoint, ahead, err := s.log.readOn(ctx, page.Consumer, page.To, s.opts.PageSize)
	if err == nil && checkpoint == page.From {
		s.log.opts.Logger.LogAttrs(ctx, slog.LevelError, "page acknowledged, but its checkpoint was not moved; it comes again",
			slog.String("consumer", page.Consumer), slog.Int64("position", int64(page.From)))
	}
	return err == nil && checkpoint == page.To, ahead, err
}
