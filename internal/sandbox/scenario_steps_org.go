package sandbox

import (
	"cmp"

	"go.yaml.in/yaml/v3"
)

// open makes a department.
func (p *scenarioReader) open(n *yaml.Node) func(*Server) error {
	d := &departmentEntry{}
	under := ""
	p.object(n, "open_department", fields{
		"name":   func(n *yaml.Node) { d.Name = p.text(n, "name") },
		"under":  func(n *yaml.Node) { under = p.text(n, "under") },
		"leader": func(n *yaml.Node) { d.leader = p.text(n, "leader") },
	}, nil)
	if d.Name == "" && n.Kind == yaml.MappingNode {
		p.fail(n, "open_department: name is missing")
	}
	return func(s *Server) error {
		parent, err := s.departmentNamed(under)
		if err != nil {
			return err
		}
		leader := ""
		if d.leader != "" {
			if leader, err = s.personNamed(d.leader); err != nil {
				return err
			}
		}
		_, err = s.AddDepartment(Department{Name: d.Name, ParentDepartmentID: parent, LeaderUserID: leader})
		return err
	}
}

// closing removes departments that are empty.
func (p *scenarioReader) closing(n *yaml.Node) func(*Server) error {
	refs := p.texts(n, "close_department")
	return func(s *Server) error {
		for _, ref := range refs {
			id, err := s.departmentNamed(ref)
			if err != nil {
				return err
			}
			if err := s.RemoveDepartment(id); err != nil {
				return err
			}
		}
		return nil
	}
}

// reorganise puts a department with everything in it under another one.
func (p *scenarioReader) reorganise(n *yaml.Node) func(*Server) error {
	v := p.named(n, "reorganise", "department", "under")
	return func(s *Server) error {
		ids, err := s.departmentsNamed([]string{v["department"], v["under"]})
		if err != nil {
			return err
		}
		return s.MoveDepartment(ids[0], ids[1])
	}
}

// narrow gives an app, the first one where none is named, another range.
func (p *scenarioReader) narrow(n *yaml.Node) func(*Server) error {
	app := ""
	reach := p.readRange(n, fields{"app": func(n *yaml.Node) { app = p.text(n, "app") }})
	if n.Kind == yaml.MappingNode && !reach.nobody && len(reach.departments)+len(reach.people)+len(reach.groups) == 0 {
		p.fail(n, "narrow: to what? Give departments, people, groups, or nobody: true")
	}
	return func(s *Server) error {
		r, err := reach.find(s)
		if err != nil {
			return err
		}
		return s.SetRange(cmp.Or(app, s.AppID()), r)
	}
}

// widen lets an app see everybody: its id, or true for the first one.
func (p *scenarioReader) widen(n *yaml.Node) func(*Server) error {
	app := p.text(n, "widen")
	if n.Tag == "!!bool" {
		app = ""
	}
	return func(s *Server) error { return s.SetRange(cmp.Or(app, s.AppID()), Range{}) }
}

// life lets things happen at a rate, or off.
func (p *scenarioReader) life(n *yaml.Node) func(*Server) error {
	text := p.text(n, "life")
	if text == "off" || text == "false" {
		return func(s *Server) error { s.StopLife(); return nil }
	}
	l, err := ParseLife(text)
	if err != nil {
		p.fail(n, "%w", err)
	}
	return func(s *Server) error {
		if s.rehearsal {
			return nil // nothing that takes time
		}
		l.Seed = s.cfg.Seed
		return s.StartLife(l)
	}
}

// live makes so many changes at once.
func (p *scenarioReader) live(n *yaml.Node) func(*Server) error {
	var changes int
	p.scalar(n, "live", &changes)
	if changes < 1 || changes > mostPerSecond {
		p.fail(n, "live: a number of changes from 1 to %d is expected here", mostPerSecond)
	}
	return func(s *Server) error {
		s.LiveOnce(changes)
		return nil
	}
}
