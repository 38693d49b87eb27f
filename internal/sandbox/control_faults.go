package sandbox

import (
	"fmt"
	"net/http"
)

// AddFault sets a fault. Where several fit a call, the one set first has it.
func (s *Server) AddFault(f Fault) error {
	_, err := s.addFault(f)
	return err
}

func (s *Server) addFault(f Fault) (Fault, error) {
	if err := f.expand(); err != nil {
		return f, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.validate(&f); err != nil {
		return f, fmt.Errorf("add fault: %w", err)
	}
	return s.faults.add(f, s.cfg.Clock())
}

// Faults lists the faults that have not been used up, with what is left of
// their counts.
func (s *Server) Faults() []Fault { return s.faults.all(s.cfg.Clock()) }

// RemoveFault ends a fault before its time.
func (s *Server) RemoveFault(id string) error {
	if !s.faults.remove(id) {
		return errUnknown("fault", id)
	}
	return nil
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() { s.faults.clear() }

func (s *Server) faultControls(on route) {
	on("GET /faults", func(*http.Request) (any, error) { return s.Faults(), nil })
	on("GET /faults/presets", func(*http.Request) (any, error) { return Presets(), nil })
	on("POST /faults", s.postFault)
	on("DELETE /faults", func(*http.Request) (any, error) { s.ClearFaults(); return nil, nil })
	on("DELETE /faults/{id}", func(r *http.Request) (any, error) { return nil, s.RemoveFault(r.PathValue("id")) })
	on("GET /hidden", func(*http.Request) (any, error) { return s.HiddenFields(), nil })
	on("PUT /hidden/{kind}/{field}", func(r *http.Request) (any, error) {
		return nil, s.HideField(Kind(r.PathValue("kind")), r.PathValue("field"))
	})
	on("DELETE /hidden/{kind}/{field}", func(r *http.Request) (any, error) {
		s.ShowField(Kind(r.PathValue("kind")), r.PathValue("field"))
		return nil, nil
	})
	on("PUT /overrides/{kind}/{id}/{field}", s.putOverride)
	on("DELETE /overrides", func(*http.Request) (any, error) { s.ClearOverrides(); return nil, nil })
	on("POST /permissions/revoke", s.postRevoke)
	on("POST /permissions/grant", s.postGrant)
	on("POST /tokens/expire", func(*http.Request) (any, error) { s.ExpireTokens(); return nil, nil })
}

func (s *Server) postFault(r *http.Request) (any, error) {
	var f Fault
	if err := decode(r, &f); err != nil {
		return nil, err
	}
	return s.addFault(f)
}
