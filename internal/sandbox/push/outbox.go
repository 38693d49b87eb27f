package push

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"time"
)

// outbox holds what is on its way to one app. Hub.mu guards it.
type outbox struct {
	app          string
	subscription Subscription
	history      history
	queue        queue       // what waits for its next push
	running      int         // pushes under way
	ordered      []*delivery // of the ordered kind; only the first is in the queue or under way
	held         []*delivery // waits in the queue for later events to be pushed
	clients      []*connection
}

// delivery is an event on its way.
type delivery struct {
	box    *outbox
	event  Event
	fault  Fault
	record *Record
	number uint64    // of the event
	due    time.Time // of the next push
	place  int       // in the queue

	// Only the push under way, of which there is one at most, touches these.
	failed int
	repeat int      // pushes that came after a success
	deaf   int      // answers that a fault has kept away
	first  *request // what was posted first, where retries repeat it
}

// reorderWithin ends the wait for later events that do not come.
const reorderWithin = 10 * time.Second

// take puts a new delivery into the queue, or behind those that must go first.
func (b *outbox) take(d *delivery) {
	if d.event.Ordered {
		b.ordered = append(b.ordered, d)
		if len(b.ordered) > 1 {
			return
		}
	}
	if d.fault.Reorder > 0 {
		d.due = time.Now().Add(reorderWithin)
		b.held = append(b.held, d)
	}
	b.queue.add(d)
}

// passed tells those that are held that a later event was pushed.
func (b *outbox) passed(later *delivery) {
	b.held = slices.DeleteFunc(b.held, func(d *delivery) bool {
		if d == later {
			return true // its time has come otherwise
		}
		if d.number > later.number {
			return false
		}
		if d.fault.Reorder--; d.fault.Reorder > 0 {
			return false
		}
		b.queue.hasten(d)
		return true
	})
}

// push makes one push of an event and sees to what follows from its outcome.
func (h *Hub) push(ctx context.Context, d *delivery) {
	h.mu.Lock()
	s, settings, behaviour := d.box.subscription, h.settings, h.behaviour
	h.mu.Unlock()

	err := h.deliver(ctx, d, &s, &settings, &behaviour)
	if err == nil && d.deaf < d.fault.LoseAcks {
		d.deaf++
		err = errors.New("the answer did not arrive")
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	d.box.running--
	if ctx.Err() != nil {
		return // the end of everything is no failure of the receiver
	}
	h.pushed(d, err, &s, &settings, &behaviour)
}

func (h *Hub) deliver(ctx context.Context, d *delivery, s *Subscription, settings *Settings, behaviour *Behaviour) error {
	switch s.Mode {
	case ModeWebhook:
		return h.post(ctx, d, s, settings, behaviour)
	case ModeLongConnection:
		return h.sendByConnection(ctx, d, settings)
	case ModeNone:
	}
	return errors.New("the app is not subscribed any more")
}

// pushed books the outcome of a push. The lock is held.
func (h *Hub) pushed(d *delivery, err error, s *Subscription, settings *Settings, behaviour *Behaviour) {
	r := d.record
	attempt := Attempt{At: h.cfg.Now()}
	if err != nil {
		attempt.Error = err.Error()
	}
	r.Attempts = append(r.Attempts, attempt)
	if len(r.Attempts) == 1 {
		d.box.passed(d)
	}
	if err == nil || r.State == Delivered {
		r.State = Delivered
		if d.repeat < d.fault.Duplicates {
			d.repeat++
			d.due = time.Now()
			d.box.queue.add(d)
			return
		}
		h.settle(d)
		return
	}
	d.failed++
	wait, more := settings.wait(d.failed, s.Mode != ModeLongConnection || !behaviour.NoQuickRetry)
	if !more || behaviour.LoseWithoutClients && errors.Is(err, errNobody) {
		r.State = Lost
		h.settle(d)
		return
	}
	r.State = Retrying
	d.due = time.Now().Add(wait)
	d.box.queue.add(d)
}

// settle lets go of an event that is delivered or lost.
func (h *Hub) settle(d *delivery) {
	if d.event.Ordered {
		d.box.ordered = d.box.ordered[1:]
		if len(d.box.ordered) > 0 {
			d.box.queue.add(d.box.ordered[0])
		}
	}
	if h.outstanding--; h.outstanding == 0 {
		close(h.idle)
		h.idle = make(chan struct{})
	}
}

// Wait returns when every event is delivered or lost, or ctx ends.
func (h *Hub) Wait(ctx context.Context) error {
	h.mu.Lock()
	idle, none := h.idle, h.outstanding == 0
	h.mu.Unlock()
	if none {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-h.ended:
		return ErrEnded
	}
}

// Flush lets no event wait for its time, neither for a retry nor for a fault,
// and returns when every event is delivered or lost, or ctx ends.
func (h *Hub) Flush(ctx context.Context) error {
	h.mu.Lock()
	h.flushing++
	h.nudge()
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.flushing--
	}()
	return h.Wait(ctx)
}

// queue is a heap of deliveries: the one that is due first, and of those that
// are due together the older event.
type queue struct{ list []*delivery }

func (q *queue) first() *delivery {
	if len(q.list) == 0 {
		return nil
	}
	return q.list[0]
}

func (q *queue) add(d *delivery)    { heap.Push(q, d) }
func (q *queue) remove(d *delivery) { heap.Remove(q, d.place) }

// hasten makes a delivery due before all others, if it waits.
func (q *queue) hasten(d *delivery) {
	if d.place < len(q.list) && q.list[d.place] == d {
		d.due = time.Time{}
		heap.Fix(q, d.place)
	}
}

// Len is for container/heap, like the four that follow.
func (q *queue) Len() int { return len(q.list) }

// Less puts what is due first, and older, in front.
func (q *queue) Less(i, j int) bool {
	a, b := q.list[i], q.list[j]
	return a.due.Before(b.due) || a.due.Equal(b.due) && a.number < b.number
}

// Swap keeps the places.
func (q *queue) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.list[i].place, q.list[j].place = i, j
}

// Push is for container/heap; add is for us.
func (q *queue) Push(x any) {
	d, ok := x.(*delivery)
	if !ok {
		panic("push: a queue holds deliveries")
	}
	d.place = len(q.list)
	q.list = append(q.list, d)
}

// Pop is for container/heap; remove is for us.
func (q *queue) Pop() any {
	last := len(q.list) - 1
	d := q.list[last]
	q.list[last] = nil
	q.list = q.list[:last]
	return d
}
