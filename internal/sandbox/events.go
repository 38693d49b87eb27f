package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox/push"
)

// eventScopes are the permissions, any of which an app needs for events about
// the directory.
var eventScopes = []string{scopeBase, scopeLegacy, scopeAccess}

// tell is where changes become events. The lock is held.
func (s *Server) tell(changes []change) {
	if len(changes) == 0 {
		return
	}
	now := s.now()
	apps := slices.Sorted(maps.Keys(s.apps))
	gone := map[string]*User{}
	for i := range changes {
		if c := &changes[i]; c.entity == KindUser && c.userAfter == nil {
			gone[c.userBefore.OpenID] = c.userBefore
		}
	}
	for i := range changes {
		var shared []string // event_ids, where apps share them
		for _, id := range apps {
			for j, e := range s.eventsFor(s.apps[id], &changes[i], gone) {
				if !s.options.SharedEventIDs {
					shared = nil
				}
				for len(shared) <= j {
					shared = append(shared, newEventID())
				}
				event := push.Event{
					ID: shared[j], Type: e.eventType, Created: now, Tenant: s.cfg.TenantKey,
					Payload: e.payload, Ordered: s.options.OrderedEvents,
				}
				if s.options.ObjectAsPushed {
					event.Refresh = s.asPushed(id, &changes[i], e)
				}
				s.hub.Send(id, event)
			}
		}
	}
}

// eventsFor are the events that an app gets for a change.
func (s *Server) eventsFor(a *app, c *change, gone map[string]*User) []told {
	switch {
	case !a.may(eventScopes), c.followUp && !s.options.FollowUpEvents, c.by == a && s.options.SilentOwnWrites:
		return nil
	}
	t := &teller{view: view{org: s.org, app: a, hidden: a.hiddenInEvents}, options: &s.options, gone: gone}
	switch {
	case c.reach != nil:
		if c.reach.app == a {
			return t.rangeEvents(c.reach)
		}
	case c.attrs != nil:
		return t.attrsEvents(c.attrs)
	case c.entity == KindUser:
		return t.userEvents(c)
	case c.entity == KindDepartment:
		return t.departmentEvents(c)
	case c.entity == kindEmployeeType:
		return t.employeeTypeEvents(c)
	}
	return nil // groups and units have no events
}

// newEventID is random, whatever the seed: whoever remembers the events of
// another run must not take those of this one for duplicates.
func newEventID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// ticketEvent is the type of the event that brings an app of the marketplace
// its app_ticket, and ticketEvery how often it comes unasked.
const (
	ticketEvent = "app_ticket"
	ticketEvery = time.Hour
)

// sendTicket makes a new app_ticket and sends it.
func (s *Server) sendTicket(a *app) {
	s.hub.Send(a.id, push.Event{
		ID: newEventID(), Type: ticketEvent, Created: s.now(), Unasked: true, Legacy: true,
		Payload: marshal(map[string]string{"app_id": a.id, "app_ticket": s.tokens.newTicket(a.id), "type": ticketEvent}),
	})
}

// sendTickets keeps the apps of the marketplace in tickets until ctx ends.
func (s *Server) sendTickets(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.mu.RLock()
			for _, a := range s.apps {
				if a.store {
					s.sendTicket(a)
				}
			}
			s.mu.RUnlock()
		}
	}
}

// servePush serves the long connections, which stand beside the contact API on
// the same port. A base URL that ends in a slash brings two of them.
func (s *Server) servePush(w http.ResponseWriter, r *http.Request) bool {
	switch "/" + strings.TrimLeft(r.URL.Path, "/") {
	case push.EndpointPath:
		s.hub.ServeEndpoint(w, r)
	case push.SocketPath:
		s.hub.ServeSocket(w, r)
	default:
		return false
	}
	return true
}

// pushApp is an app as the hub needs to know it.
func (s *Server) pushApp(id string) (push.App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.apps[id]
	if a == nil {
		return push.App{}, false
	}
	return push.App{Secret: a.secret, Store: a.store}, true
}
