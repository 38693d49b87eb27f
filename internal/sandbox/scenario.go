package sandbox

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// Scenario is a company, its apps and what happens to them, read from a file:
// see README and testdata/scenario.yaml. Everything in it is by names.
type Scenario struct {
	name     string
	generate *Config // people, departments, seed and shape; nil where the company is written out
	tenant   string
	set      []deed // before the service starts
	steps    []Step // after
}

// deed is something that is done to a sandbox, and the line that asks for it.
type deed struct {
	line int
	do   func(*staging) error
}

// staging is a sandbox whose company is being made.
type staging struct {
	*Server
	ids map[*personEntry]string // open_ids, for namesakes are allowed
}

// ReadScenario reads a scenario from a file.
func ReadScenario(path string) (*Scenario, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return ParseScenario(path, raw)
}

// ParseScenario reads a scenario. Its error names every mistake, each with the
// name of the file and the line.
func ParseScenario(name string, raw []byte) (*Scenario, error) {
	r := &reader{name: name}
	document := r.readDocument(raw)
	if document == nil {
		return nil, r.err()
	}
	p := &scenarioReader{reader: r, scenario: &Scenario{name: name}}
	p.read(document)
	if err := r.err(); err != nil {
		return nil, err
	}
	// People and departments first of all, then what refers to them.
	for _, deeds := range [][]deed{p.departments, p.people, p.links, p.rest} {
		p.scenario.set = append(p.scenario.set, deeds...)
	}
	return p.scenario, nil
}

// scenarioReader reads a scenario into deeds, sorted by what has to be there
// before.
type scenarioReader struct {
	*reader
	scenario                         *Scenario
	departments, people, links, rest []deed
}

func (p *scenarioReader) read(n *yaml.Node) {
	p.object(n, "scenario", fields{
		"generate": func(n *yaml.Node) {
			c := DefaultConfig()
			c.Shape = ShapeMixed
			p.object(n, "generate", fields{
				"people":      func(n *yaml.Node) { p.scalar(n, "people", &c.People) },
				"departments": func(n *yaml.Node) { p.scalar(n, "departments", &c.Departments) },
				"seed":        func(n *yaml.Node) { p.scalar(n, "seed", &c.Seed) },
				"shape":       func(n *yaml.Node) { c.Shape = Shape(p.text(n, "shape")) },
			}, nil)
			if err := c.check(); err != nil {
				p.fail(n, "generate: %w", err)
			}
			p.scenario.generate = &c
		},
		"company": p.company,
		"apps":    func(n *yaml.Node) { p.list(n, "apps", p.app) },
		"faults": func(n *yaml.Node) {
			p.list(n, "faults", func(n *yaml.Node) { p.last(n, p.fault(n)) })
		},
		"event_faults": func(n *yaml.Node) {
			p.list(n, "event_faults", func(n *yaml.Node) { p.last(n, p.eventFault(n)) })
		},
		"hidden":   func(n *yaml.Node) { p.last(n, p.hidden(n)) },
		"options":  func(n *yaml.Node) { p.last(n, p.options(n)) },
		"settings": func(n *yaml.Node) { p.last(n, p.settings(n)) },
		"steps":    func(n *yaml.Node) { p.list(n, "steps", p.step) },
	}, nil)
}

// last adds what is done when people and departments are there.
func (p *scenarioReader) last(n *yaml.Node, do func(*Server) error) {
	p.rest = append(p.rest, deed{n.Line, func(s *staging) error { return do(s.Server) }})
}

// company reads an organisation that is written out.
func (p *scenarioReader) company(n *yaml.Node) {
	p.object(n, "company", fields{
		"name": func(n *yaml.Node) { p.scenario.tenant = p.text(n, "name") },
		"departments": func(n *yaml.Node) {
			p.list(n, "departments", func(n *yaml.Node) { p.department(n, "") })
		},
		"people": func(n *yaml.Node) { p.list(n, "people", func(n *yaml.Node) { p.person(n, "") }) },
		"groups": func(n *yaml.Node) { p.list(n, "groups", p.group) },
		"units":  func(n *yaml.Node) { p.list(n, "units", p.unit) },
	}, nil)
}

// configure lets the scenario say what company there is.
func (sc *Scenario) configure(c Config) Config {
	if sc == nil {
		return c
	}
	c.People, c.Departments = 0, 0
	if g := sc.generate; g != nil {
		c.People, c.Departments, c.Seed, c.Shape = g.People, g.Departments, g.Seed, g.Shape
	}
	if sc.tenant != "" {
		c.TenantName = sc.tenant
	}
	return c
}

// stage makes the company and everything else that is there from the start.
func (s *Server) stage(sc *Scenario) error {
	s.silent = true
	defer func() { s.silent = false }()
	st := &staging{Server: s, ids: map[*personEntry]string{}}
	for _, d := range sc.set {
		if err := d.do(st); err != nil {
			return fmt.Errorf("%s:%d: %w", sc.name, d.line, err)
		}
	}
	return nil
}

// prepare makes a sandbox with its company, after a rehearsal of the scenario.
func prepare(c Config) (*Server, error) {
	if c.Scenario == nil {
		return newServer(c), nil
	}
	if err := rehearse(c); err != nil {
		return nil, err
	}
	s := newServer(c)
	return s, s.stage(c.Scenario)
}

// rehearse plays a scenario to its end on a sandbox that nobody sees, so that
// a wrong name is found before anything happens.
func rehearse(c Config) error {
	s := newServer(c)
	if err := s.stage(c.Scenario); err != nil {
		return err
	}
	s.silent, s.rehearsal = true, true
	for _, step := range c.Scenario.steps {
		if err := step.play(s, c.Scenario.name); err != nil {
			return err
		}
	}
	return nil
}
