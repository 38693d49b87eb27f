package sandbox

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// department reads a department with everything in it: its name, or an object.
// Path is the path of the one above, "" for the root.
func (p *scenarioReader) department(n *yaml.Node, path string) {
	d := &departmentEntry{}
	below := func(name string) string {
		if path == "" {
			return name
		}
		return path + "/" + name
	}
	var inside []func(path string)
	if n.Kind == yaml.ScalarNode {
		d.Name = p.text(n, "department")
	} else {
		p.object(n, "department", fields{
			"name":     func(n *yaml.Node) { d.Name = p.text(n, "name") },
			"leader":   func(n *yaml.Node) { d.leader = p.text(n, "leader") },
			"deputies": func(n *yaml.Node) { d.deputies = p.texts(n, "deputies") },
			"hrbps":    func(n *yaml.Node) { d.hrbps = p.texts(n, "hrbps") },
			"staff":    func(n *yaml.Node) { p.scalar(n, "staff", &d.staff) },
			"people": func(n *yaml.Node) {
				inside = append(inside, func(path string) {
					p.list(n, "people", func(n *yaml.Node) { p.person(n, path) })
				})
			},
			"departments": func(n *yaml.Node) {
				inside = append(inside, func(path string) {
					p.list(n, "departments", func(n *yaml.Node) { p.department(n, path) })
				})
			},
		}, func(*yaml.Node, *yaml.Node) {})
		p.json(subset(n, "name", "leader", "deputies", "hrbps", "staff", "people", "departments"), "department", &d.Department)
	}
	if d.Name == "" {
		p.fail(n, "department: it needs a name")
		return
	}
	d.path = below(d.Name)
	p.departments = append(p.departments, deed{n.Line, func(s *staging) error { return d.make(s.Server, path) }})
	if d.staff != 0 {
		p.people = append(p.people, deed{n.Line, d.fill})
	}
	p.links = append(p.links, deed{n.Line, d.link})
	for _, read := range inside {
		read(d.path)
	}
}

// departmentEntry is a department as a scenario has it.
type departmentEntry struct {
	Department
	path, leader    string
	deputies, hrbps []string
	staff           int // people without a name of their own
}

func (d *departmentEntry) make(s *Server, under string) error {
	parent, err := s.departmentNamed(under)
	if err != nil {
		return err
	}
	made := d.Department
	made.ParentDepartmentID = parent
	_, err = s.AddDepartment(made)
	return err
}

// fill hires people whom the scenario does not name.
func (d *departmentEntry) fill(s *staging) error {
	id, err := s.departmentNamed(d.path)
	if err != nil {
		return err
	}
	if d.staff < 0 || d.staff > mostMembers {
		return fmt.Errorf("staff must be from 0 to %d", mostMembers)
	}
	return s.mutate(nil, func() error {
		if s.living == nil {
			s.living = newLiving(s.Server, s.cfg.Seed)
		}
		for range d.staff {
			s.living.hireInto(s.org.departments[id])
		}
		s.living = nil // life begins when everybody is there
		return nil
	})
}

// link gives the department its leaders, once they are there.
func (d *departmentEntry) link(s *staging) error {
	if d.leader == "" && len(d.deputies)+len(d.hrbps) == 0 {
		return nil
	}
	id, err := s.departmentNamed(d.path)
	if err != nil {
		return err
	}
	var leaders []Leader
	if d.leader != "" {
		main, err := s.personNamed(d.leader)
		if err != nil {
			return err
		}
		leaders = []Leader{{LeaderType: mainLeader, LeaderID: main}}
	}
	deputies, err := s.peopleNamed(d.deputies)
	if err != nil {
		return err
	}
	for _, id := range deputies {
		leaders = append(leaders, Leader{LeaderType: deputyLeader, LeaderID: id})
	}
	hrbps, err := s.peopleNamed(d.hrbps)
	if err != nil {
		return err
	}
	return s.ChangeDepartment(id, func(n *Department) { n.Leaders, n.HRBPs = leaders, hrbps })
}

// personEntry is a person as a scenario has it.
type personEntry struct {
	User
	departments []string
	leader      string
	dotted      []string
}

// readPerson reads a person: a name, or an object with the names that the
// contact API has for their fields, and departments, leader and dotted_line by
// name.
func (p *scenarioReader) readPerson(n *yaml.Node) *personEntry {
	e := &personEntry{User: User{MobileVisible: true}}
	if n.Kind == yaml.ScalarNode {
		e.Name = p.text(n, "person")
	} else {
		p.object(n, "person", fields{
			"name":        func(n *yaml.Node) { e.Name = p.text(n, "name") },
			"departments": func(n *yaml.Node) { e.departments = p.texts(n, "departments") },
			"leader":      func(n *yaml.Node) { e.leader = p.text(n, "leader") },
			"dotted_line": func(n *yaml.Node) { e.dotted = p.texts(n, "dotted_line") },
		}, func(*yaml.Node, *yaml.Node) {})
		p.json(subset(n, "name", "departments", "leader", "dotted_line"), "person", &e.User)
	}
	if e.Name == "" {
		p.fail(n, "person: a name is needed")
	}
	return e
}

// person reads somebody who is there from the start; home is the department in
// which they stand in the file.
func (p *scenarioReader) person(n *yaml.Node, home string) {
	e := p.readPerson(n)
	if home != "" {
		e.departments = append([]string{home}, e.departments...)
	}
	p.people = append(p.people, deed{n.Line, func(s *staging) (err error) {
		s.ids[e], err = e.hire(s.Server)
		return err
	}})
	p.links = append(p.links, deed{n.Line, func(s *staging) error { return e.link(s.Server, s.ids[e]) }})
}

func (e *personEntry) hire(s *Server) (string, error) {
	u := e.clone()
	for _, ref := range e.departments {
		id, err := s.departmentNamed(ref)
		if err != nil {
			return "", err
		}
		u.DepartmentIDs = append(u.DepartmentIDs, id)
	}
	added, err := s.AddUser(u)
	return added.OpenID, err
}

// link gives the person their leaders, once they are there.
func (e *personEntry) link(s *Server, id string) error {
	if e.leader == "" && len(e.dotted) == 0 {
		return nil
	}
	leader := ""
	if e.leader != "" {
		var err error
		if leader, err = s.personNamed(e.leader); err != nil {
			return err
		}
	}
	dotted, err := s.peopleNamed(e.dotted)
	if err != nil {
		return err
	}
	return s.ChangeUser(id, func(u *User) { u.LeaderUserID, u.DottedLine = leader, dotted })
}
