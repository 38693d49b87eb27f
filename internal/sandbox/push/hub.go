package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config is what a hub needs from the service around it.
type Config struct {
	Settings  Settings
	Behaviour Behaviour
	// App looks up who wants to open a long connection.
	App func(id string) (App, bool)
	// Now is the time that receivers get to see. Waits are real time.
	Now func() time.Time
}

// App is an application as far as a hub needs to know it.
type App struct {
	Secret string
	Store  bool // of the marketplace: webhooks only
}

// Hub delivers the events of all apps. All methods may be called at any time
// and from any goroutine; events move while Run runs.
type Hub struct {
	cfg    Config
	client *http.Client
	faults faults
	wake   chan struct{} // something may be due
	ended  chan struct{} // Run has come to its end

	mu          sync.Mutex // guards what follows
	settings    Settings
	behaviour   Behaviour
	boxes       map[string]*outbox
	tickets     map[string]ticket // for long connections that are about to be opened
	sent        uint64            // events, to number them
	outstanding int               // events that are neither delivered nor lost
	flushing    int               // calls of Flush: nothing waits for its time
	idle        chan struct{}     // closed when outstanding falls to 0
}

// ErrEnded is returned for what a hub can do no more.
var ErrEnded = errors.New("the sandbox has ended")

// New makes a hub. Run delivers what Send gives it.
func New(cfg Config) *Hub {
	dialer := &net.Dialer{Timeout: connectWithin}
	return &Hub{
		cfg: cfg,
		client: &http.Client{
			Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute},
			// Anything but 200 is a failure, a redirect too.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		wake: make(chan struct{}, 1), ended: make(chan struct{}), idle: make(chan struct{}),
		settings: cfg.Settings, behaviour: cfg.Behaviour,
		boxes: map[string]*outbox{}, tickets: map[string]ticket{},
	}
}

// Run pushes events until ctx ends, and returns when every push has ended. It
// is called once.
func (h *Hub) Run(ctx context.Context) {
	var pushes sync.WaitGroup
	defer close(h.ended)
	defer h.client.CloseIdleConnections()
	defer pushes.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := h.begin(func(d *delivery) {
			pushes.Go(func() {
				h.push(ctx, d)
				h.nudge()
			})
		})
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// begin starts the pushes that are due, and tells how long until the next is.
func (h *Hub) begin(start func(*delivery)) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	wait := time.Hour
	for _, box := range h.boxes {
		for box.running < max(1, h.settings.Parallel) {
			d := box.queue.first()
			if d == nil {
				break
			}
			if until := d.due.Sub(now); until > 0 && h.flushing == 0 {
				wait = min(wait, until)
				break
			}
			box.queue.remove(d)
			box.running++
			start(d)
		}
	}
	return wait
}

// nudge lets Run look again.
func (h *Hub) nudge() {
	select {
	case h.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Send puts an event into the history of an app and, where the app is
// subscribed to it, into its outbox.
func (h *Hub) Send(app string, e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	box := h.box(app)
	r := &Record{ID: e.ID, Type: e.Type, Created: e.Created, State: Unsubscribed}
	defer func() {
		r.Event = e.Payload // as a fault has left it
		box.history.add(r, cmp.Or(h.settings.History, usualHistory))
	}()
	if !box.subscription.wants(&e) {
		return
	}
	fault := h.faults.event(app, &e)
	if fault.Lose {
		r.State = Lost
		return
	}
	r.State = Pending
	h.sent++
	d := &delivery{
		box: box, event: e, fault: fault, record: r, number: h.sent,
		due: time.Now().Add(time.Duration(fault.DelayMS) * time.Millisecond),
	}
	h.outstanding++
	box.take(d)
	h.nudge()
}

// box is the outbox of an app. The lock is held.
func (h *Hub) box(app string) *outbox {
	if h.boxes[app] == nil {
		h.boxes[app] = &outbox{app: app}
	}
	return h.boxes[app]
}

// Subscribe sets how an app gets its events, also those that wait already.
// Before it saves a webhook it challenges it, as Feishu does, and before it
// saves a long connection one must be there.
func (h *Hub) Subscribe(ctx context.Context, app string, s Subscription) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	known, ok := h.cfg.App(app)
	switch {
	case !ok:
		return errors.New("subscribe: there is no such app")
	case s.Mode == ModeLongConnection && known.Store:
		return errors.New("subscribe: an app of the marketplace gets its events by webhook only")
	case s.Mode == ModeWebhook && !s.Unchecked:
		if err := h.challenge(ctx, &s); err != nil {
			return fmt.Errorf("subscribe: challenge the webhook: %w", err)
		}
	case s.Mode == ModeLongConnection && !s.Unchecked && h.Connections(app) == 0:
		return errors.New("subscribe: no long connection is open; start the client first")
	}
	s.EventTypes = slices.Clone(s.EventTypes)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.box(app).subscription = s
	h.nudge()
	return nil
}

// Subscriptions tells how apps get their events.
func (h *Hub) Subscriptions() map[string]Subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := map[string]Subscription{}
	for app, box := range h.boxes {
		if box.subscription.Mode != ModeNone {
			list[app] = box.subscription
		}
	}
	return list
}

// Change lets change work on how events are delivered.
func (h *Hub) Change(change func(*Settings, *Behaviour)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.settings, &h.behaviour)
	h.nudge()
}

// Settings tells how events are delivered.
func (h *Hub) Settings() Settings {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settings
}

// Events is the history of an app, oldest first.
func (h *Hub) Events(app string) []Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	box := h.boxes[app]
	if box == nil {
		return nil
	}
	return box.history.list(cmp.Or(h.settings.History, usualHistory))
}

// Forget empties the history of an app. What is in the outbox stays there.
func (h *Hub) Forget(app string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if box := h.boxes[app]; box != nil {
		box.history.records = nil
	}
}

// AddFault sets a fault. Where several fit, the one set first has it.
func (h *Hub) AddFault(f Fault) error { return h.faults.add(f) }

// Faults lists the faults that are not used up, with what is left of their
// counts.
func (h *Hub) Faults() []Fault { return h.faults.all() }

// ClearFaults removes all faults.
func (h *Hub) ClearFaults() { h.faults.clear() }
