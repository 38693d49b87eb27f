package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// eventControls are about events: who is subscribed, what was sent, what goes
// wrong.
func (s *Server) eventControls(on route) {
	on("GET /events", func(r *http.Request) (any, error) { return s.Events(s.appOf(r)), nil })
	on("DELETE /events", func(r *http.Request) (any, error) { s.ForgetEvents(s.appOf(r)); return nil, nil })
	on("POST /events/wait", func(r *http.Request) (any, error) { return nil, within(r, s.WaitEvents) })
	on("POST /events/flush", func(r *http.Request) (any, error) { return nil, within(r, s.FlushEvents) })

	on("GET /subscriptions", func(*http.Request) (any, error) { return s.Subscriptions(), nil })
	on("PUT /subscriptions/{app_id}", func(r *http.Request) (any, error) {
		var sub Subscription
		if err := decode(r, &sub); err != nil {
			return nil, err
		}
		return nil, s.Subscribe(r.Context(), r.PathValue("app_id"), sub)
	})
	on("DELETE /subscriptions/{app_id}", func(r *http.Request) (any, error) {
		return nil, s.Subscribe(r.Context(), r.PathValue("app_id"), Subscription{})
	})

	on("GET /event_faults", func(*http.Request) (any, error) { return s.EventFaults(), nil })
	on("POST /event_faults", func(r *http.Request) (any, error) {
		var f EventFault
		if err := decode(r, &f); err != nil {
			return nil, err
		}
		return nil, s.AddEventFault(f)
	})
	on("DELETE /event_faults", func(*http.Request) (any, error) { s.ClearEventFaults(); return nil, nil })

	on("GET /connections/{app_id}", func(r *http.Request) (any, error) {
		return map[string]int{"connections": s.Connections(r.PathValue("app_id"))}, nil
	})
	on("POST /connections/{app_id}/{how}", func(r *http.Request) (any, error) {
		n, err := s.BreakConnections(r.PathValue("app_id"), SocketFault(r.PathValue("how")))
		return map[string]int{"connections": n}, err
	})
	on("GET /delivery", func(*http.Request) (any, error) { return s.Delivery(), nil })
	on("PATCH /delivery", s.patchDelivery)
}

// appOf is the app that a control names, the first one where it names none.
func (s *Server) appOf(r *http.Request) string {
	if app := r.URL.Query().Get("app_id"); app != "" {
		return app
	}
	return s.AppID()
}

// within waits for no longer than the caller does, and ten seconds where
// timeout_ms says nothing else.
func within(r *http.Request, wait func(context.Context) error) error {
	limit := 10 * time.Second
	if ms, err := strconv.Atoi(r.URL.Query().Get("timeout_ms")); err == nil {
		limit = time.Duration(ms) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	return wait(ctx)
}

func (s *Server) patchDelivery(r *http.Request) (any, error) {
	raw, err := body(r)
	if err != nil {
		return nil, err
	}
	s.SetDelivery(func(d *Delivery) {
		next := *d
		if keys(raw)["client_config"] {
			client := d.ClientConfig() // what is not given stays
			next.Client = &client
		}
		if err = merge(raw, &next); err == nil {
			*d = next
		}
	})
	return s.Delivery(), err
}
