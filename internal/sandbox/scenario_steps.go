package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Step is one thing that happens in a scenario after the start.
type Step struct {
	Line int    `json:"line"`
	What string `json:"what"` // hire, move, wait, …

	at   *time.Duration // since the start, where the step has a time of its own
	wait time.Duration
	hold bool // until ContinueScenario
	do   func(*Server) error
}

// play does what the step does, without any waiting.
func (st Step) play(s *Server, name string) error {
	if st.do == nil {
		return nil
	}
	if err := st.do(s); err != nil {
		return fmt.Errorf("%s:%d: %s: %w", name, st.Line, st.What, err)
	}
	return nil
}

// step reads an object with one thing to do, and maybe a time for it.
func (p *scenarioReader) step(n *yaml.Node) {
	st := Step{Line: n.Line}
	known := fields{"at": func(n *yaml.Node) {
		at := p.duration(n, "at")
		st.at = &at
	}}
	once := func(what string, read func(*yaml.Node)) {
		known[what] = func(n *yaml.Node) {
			if st.What != "" {
				p.fail(n, "step: it does two things, %s and %s; make it two steps", st.What, what)
			}
			st.What = what
			read(n)
		}
	}
	once("wait", func(n *yaml.Node) {
		if st.hold = n.Value == "continue"; !st.hold {
			st.wait = p.duration(n, "wait")
		}
	})
	for what, read := range p.actions() {
		once(what, func(n *yaml.Node) { st.do = read(n) })
	}
	p.object(n, "step", known, nil)
	if st.What == "" && len(p.errs) == 0 {
		p.fail(n, "step: it does nothing; it may %s", strings.Join(stepNames(known), ", "))
	}
	p.scenario.steps = append(p.scenario.steps, st)
}

func stepNames(known fields) []string {
	var names []string
	for name := range known {
		if name != "at" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// actions are what a step may do: each reads its own part of the file.
func (p *scenarioReader) actions() map[string]func(*yaml.Node) func(*Server) error {
	each := func(what string, do func(s *Server, openID string) error) func(*yaml.Node) func(*Server) error {
		return func(n *yaml.Node) func(*Server) error {
			refs := p.texts(n, what)
			return func(s *Server) error {
				ids, err := s.peopleNamed(refs)
				for _, id := range ids {
					err = errors.Join(err, do(s, id))
				}
				return err
			}
		}
	}
	return map[string]func(*yaml.Node) func(*Server) error{
		"hire": p.hire, "move": p.move, "rename": p.rename, "change": p.change, "promote": p.promote, "lead": p.lead,
		"resign": each("resign", (*Server).ResignUser), "erase": each("erase", (*Server).EraseUser),
		"return":          each("return", (*Server).takeBack),
		"open_department": p.open, "close_department": p.closing, "reorganise": p.reorganise,
		"narrow": p.narrow, "widen": p.widen,
		"fault": p.fault, "clear_faults": p.flag("clear_faults", (*Server).ClearFaults),
		"event_fault": p.eventFault, "clear_event_faults": p.flag("clear_event_faults", (*Server).ClearEventFaults),
		"break_connections": p.breakConnections,
		"hide":              p.hidden, "show": func(n *yaml.Node) func(*Server) error {
			return p.visibility(n, func(s *Server, kind Kind, field string) error { s.ShowField(kind, field); return nil })
		},
		"expire_tokens": p.flag("expire_tokens", (*Server).ExpireTokens),
		"life":          p.life, "live": p.live,
		"options": p.options, "settings": p.settings,
	}
}

func (p *scenarioReader) flag(what string, do func(*Server)) func(*yaml.Node) func(*Server) error {
	return func(n *yaml.Node) func(*Server) error {
		var on bool
		if p.scalar(n, what, &on); !on {
			p.fail(n, "%s: only true makes sense here", what)
		}
		return func(s *Server) error { do(s); return nil }
	}
}

// texts of an object that are all there.
func (p *scenarioReader) named(n *yaml.Node, what string, needed ...string) map[string]string {
	values := map[string]string{}
	known := fields{}
	for _, name := range needed {
		known[name] = func(n *yaml.Node) { values[name] = p.text(n, name) }
	}
	p.object(n, what, known, nil)
	for _, name := range needed {
		if values[name] == "" && n.Kind == yaml.MappingNode {
			p.fail(n, "%s: %s is missing", what, name)
		}
	}
	return values
}

func (p *scenarioReader) hire(n *yaml.Node) func(*Server) error {
	e := p.readPerson(n)
	return func(s *Server) error {
		id, err := e.hire(s)
		if err != nil {
			return err
		}
		return e.link(s, id)
	}
}

// move puts a person into departments, the first one primary.
func (p *scenarioReader) move(n *yaml.Node) func(*Server) error {
	person, to := "", []string(nil)
	p.object(n, "move", fields{
		"person": func(n *yaml.Node) { person = p.text(n, "person") },
		"to":     func(n *yaml.Node) { to = p.texts(n, "to") },
	}, nil)
	if n.Kind == yaml.MappingNode && (person == "" || len(to) == 0) {
		p.fail(n, "move: person and to are needed")
	}
	return func(s *Server) error {
		id, err := s.personNamed(person)
		if err != nil {
			return err
		}
		departments, err := s.departmentsNamed(to)
		if err != nil {
			return err
		}
		return s.MoveUser(id, departments...)
	}
}

func (p *scenarioReader) rename(n *yaml.Node) func(*Server) error {
	kind := "person"
	if slices.ContainsFunc(n.Content, func(n *yaml.Node) bool { return n.Value == "department" }) {
		kind = "department"
	}
	v := p.named(n, "rename", kind, "to")
	return func(s *Server) error {
		if kind == "department" {
			id, err := s.departmentNamed(v[kind])
			if err != nil {
				return err
			}
			return s.ChangeDepartment(id, func(d *Department) { d.Name = v["to"] })
		}
		id, err := s.personNamed(v[kind])
		if err != nil {
			return err
		}
		return s.ChangeUser(id, func(u *User) { u.Name = v["to"] })
	}
}

// change edits fields of a person by the names that the contact API has.
func (p *scenarioReader) change(n *yaml.Node) func(*Server) error {
	person := ""
	p.object(n, "change", fields{"person": func(n *yaml.Node) { person = p.text(n, "person") }}, func(*yaml.Node, *yaml.Node) {})
	what := subset(n, "person")
	p.json(what, "change", &User{})
	if person == "" && n.Kind == yaml.MappingNode {
		p.fail(n, "change: person is missing")
	}
	return func(s *Server) error {
		id, err := s.personNamed(person)
		if err != nil {
			return err
		}
		return s.changeUser(id, func(u *User) error {
			r := &reader{}
			r.json(what, "change", u)
			return r.err()
		})
	}
}

// promote makes a person the leader of a department.
func (p *scenarioReader) promote(n *yaml.Node) func(*Server) error {
	v := p.named(n, "promote", "person", "leads")
	return func(s *Server) error {
		id, err := s.personNamed(v["person"])
		if err != nil {
			return err
		}
		department, err := s.departmentNamed(v["leads"])
		if err != nil {
			return err
		}
		return s.SetDepartmentLeader(department, id)
	}
}

// lead gives a person a direct leader.
func (p *scenarioReader) lead(n *yaml.Node) func(*Server) error {
	v := p.named(n, "lead", "person", "by")
	return func(s *Server) error {
		id, err := s.personNamed(v["person"])
		if err != nil {
			return err
		}
		by, err := s.personNamed(v["by"])
		if err != nil {
			return err
		}
		return s.SetLeader(id, by)
	}
}

// takeBack lets somebody return who has left, to where they were.
func (s *Server) takeBack(openID string) error {
	return s.ChangeUser(openID, func(u *User) { u.Status = Status{IsActivated: true} })
}
