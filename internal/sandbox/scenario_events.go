package sandbox

import "go.yaml.in/yaml/v3"

// eventFault reads what goes wrong with events.
func (p *scenarioReader) eventFault(n *yaml.Node) func(*Server) error {
	var f EventFault
	p.json(n, "event_fault", &f)
	if err := f.Check(); err != nil {
		p.fail(n, "event_fault: %w", err)
	}
	return func(s *Server) error { return s.AddEventFault(f) }
}

// breakConnections breaks the long connections of every app, all in one way.
func (p *scenarioReader) breakConnections(n *yaml.Node) func(*Server) error {
	how := SocketFault(p.text(n, "break_connections"))
	if err := how.Check(); err != nil {
		p.fail(n, "break_connections: %w", err)
	}
	return func(s *Server) error {
		for _, a := range s.Apps() {
			if _, err := s.BreakConnections(a.ID, how); err != nil {
				return err
			}
		}
		return nil
	}
}
