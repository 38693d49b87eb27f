package sandbox

import (
	"context"

	"github.com/orgmirror/orgmirror/internal/sandbox/push"
)

// What the sandbox says about the delivery of events.
type (
	// Subscription is how an app wants its events: by webhook, by long
	// connection, or not at all.
	Subscription = push.Subscription
	// EventRecord is an event in the history of its app.
	EventRecord = push.Record
	// EventFault is something that goes wrong with events or long connections.
	EventFault = push.Fault
	// EndpointFault and HandshakeFault are for clients that open a long connection.
	EndpointFault = push.EndpointFault
	// HandshakeFault refuses the upgrade of a long connection.
	HandshakeFault = push.HandshakeFault
	// SocketFault is how a long connection breaks.
	SocketFault = push.SocketFault
	// Delivery are the settings of delivery: deadlines, retries, chunks.
	Delivery = push.Settings
	// ClientConfig is what clients of long connections are told.
	ClientConfig = push.ClientConfig
	// Secret is a text that shows itself to nobody.
	Secret = push.Secret
)

// Modes of a Subscription, states of an EventRecord, kinds of a SocketFault.
const (
	ModeNone           = push.ModeNone
	ModeWebhook        = push.ModeWebhook
	ModeLongConnection = push.ModeLongConnection

	EventPending      = push.Pending
	EventRetrying     = push.Retrying
	EventDelivered    = push.Delivered
	EventLost         = push.Lost
	EventUnsubscribed = push.Unsubscribed

	SocketDropped  = push.SocketDropped
	SocketHalfOpen = push.SocketHalfOpen
)

// Subscribe sets how an app gets its events, those included that wait already.
// No app is subscribed at first. A webhook has to answer a challenge, and for
// long connections a client must be there, unless the subscription is Unchecked.
// An app of the marketplace is sent its app_ticket at once.
func (s *Server) Subscribe(ctx context.Context, appID string, sub Subscription) error {
	s.mu.RLock()
	a := s.apps[appID]
	s.mu.RUnlock()
	if a == nil {
		return errUnknown("app", appID)
	}
	if err := s.hub.Subscribe(ctx, appID, sub); err != nil {
		return err
	}
	if a.store && sub.Mode != ModeNone {
		s.sendTicket(a)
	}
	return nil
}

// Subscriptions tells how apps get their events, by app id.
func (s *Server) Subscriptions() map[string]Subscription { return s.hub.Subscriptions() }

// Events is the history of an app's events, oldest first: the newest ten
// thousand, or as many as SetDelivery says.
func (s *Server) Events(appID string) []EventRecord { return s.hub.Events(appID) }

// ForgetEvents empties an app's history; what is still to be delivered will be.
func (s *Server) ForgetEvents(appID string) { s.hub.Forget(appID) }

// WaitEvents returns when every event is delivered or lost. With retries that
// are as slow as Feishu's, FlushEvents is the one for tests.
func (s *Server) WaitEvents(ctx context.Context) error { return s.hub.Wait(ctx) }

// FlushEvents makes everything due at once that waits for its time, retries and
// delayed events alike, and returns when every event is delivered or lost.
func (s *Server) FlushEvents(ctx context.Context) error { return s.hub.Flush(ctx) }

// SetDelivery lets change work on how events are delivered.
func (s *Server) SetDelivery(change func(*Delivery)) {
	s.hub.Change(func(d *push.Settings, _ *push.Behaviour) { change(d) })
}

// Delivery tells how events are delivered.
func (s *Server) Delivery() Delivery { return s.hub.Settings() }

// AddEventFault sets a fault of events. Where several fit an event, the one set
// first has it.
func (s *Server) AddEventFault(f EventFault) error { return s.hub.AddFault(f) }

// EventFaults lists the faults of events that have not been used up.
func (s *Server) EventFaults() []EventFault { return s.hub.Faults() }

// ClearEventFaults removes all faults of events. What they have done is done.
func (s *Server) ClearEventFaults() { s.hub.ClearFaults() }

// Connections counts the long connections of an app, half-open ones included.
func (s *Server) Connections(appID string) int { return s.hub.Connections(appID) }

// BreakConnections breaks all long connections of an app and tells how many.
func (s *Server) BreakConnections(appID string, how SocketFault) (int, error) {
	if err := how.Check(); err != nil {
		return 0, err
	}
	return s.hub.Break(appID, how), nil
}
