package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// rangeEntry is an app's range by names.
type rangeEntry struct {
	departments, people, groups []string
	nobody                      bool
}

func (p *scenarioReader) readRange(n *yaml.Node, more fields) *rangeEntry {
	e := &rangeEntry{}
	known := fields{
		"departments": func(n *yaml.Node) { e.departments = p.texts(n, "departments") },
		"people":      func(n *yaml.Node) { e.people = p.texts(n, "people") },
		"groups":      func(n *yaml.Node) { e.groups = p.texts(n, "groups") },
		"nobody":      func(n *yaml.Node) { p.scalar(n, "nobody", &e.nobody) },
	}
	for name, read := range more {
		known[name] = read
	}
	p.object(n, "range", known, nil)
	return e
}

func (e *rangeEntry) find(s *Server) (r Range, err error) {
	r.Nobody = e.nobody
	if r.Departments, err = s.departmentsNamed(e.departments); err != nil {
		return r, err
	}
	if r.Users, err = s.peopleNamed(e.people); err != nil {
		return r, err
	}
	r.Groups, err = each(e.groups, s.groupNamed)
	return r, err
}

func (s *Server) groupNamed(ref string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, g := range s.org.groups {
		if id == ref || g.Name == ref {
			return id, nil
		}
	}
	return "", errUnknown("group", ref)
}

// app reads an app, or what is to be different about the first one.
func (p *scenarioReader) app(n *yaml.Node) {
	var a App
	reach := &rangeEntry{}
	p.object(n, "app", fields{
		"id":            func(n *yaml.Node) { a.ID = p.text(n, "id") },
		"secret":        func(n *yaml.Node) { a.Secret = p.text(n, "secret") },
		"store":         func(n *yaml.Node) { p.scalar(n, "store", &a.Store) },
		"permissions":   func(n *yaml.Node) { a.Permissions = append([]string{}, p.texts(n, "permissions")...) },
		"range":         func(n *yaml.Node) { reach = p.readRange(n, nil) },
		"monthly_calls": func(n *yaml.Node) { p.scalar(n, "monthly_calls", &a.MonthlyCalls) },
	}, nil)
	for _, scope := range a.Permissions {
		if !slices.Contains(Permissions(), scope) {
			p.fail(n, "app: there is no permission %q that this sandbox knows; GET /permissions lists them", scope)
		}
	}
	p.last(n, func(s *Server) error {
		made := a
		var err error
		if made.Range, err = reach.find(s); err != nil {
			return err
		}
		made.ID = cmp.Or(made.ID, s.AppID())
		if made.ID != s.AppID() {
			return s.AddApp(made)
		}
		return s.amendApp(made)
	})
}

// amendApp gives the first app other permissions and another range.
func (s *Server) amendApp(a App) error {
	if a.Secret != "" && a.Secret != s.AppSecret() || a.Store {
		return errors.New("the secret and the kind of the first app are not the scenario's to say")
	}
	for _, scope := range Permissions() {
		change := s.GrantScope
		if a.Permissions != nil && !slices.Contains(a.Permissions, scope) {
			change = s.RevokeScope
		}
		if err := change(a.ID, scope); err != nil {
			return err
		}
	}
	if err := s.SetMonthlyCalls(a.ID, a.MonthlyCalls); err != nil {
		return err
	}
	return s.SetRange(a.ID, a.Range)
}

// fault reads a fault: as ParseFault does, or an object of a Fault's JSON names,
// with below and range by names.
func (p *scenarioReader) fault(n *yaml.Node) func(*Server) error {
	var f Fault
	var reach *rangeEntry
	if n.Kind == yaml.ScalarNode {
		var err error
		if f, err = ParseFault(p.text(n, "fault")); err != nil {
			p.fail(n, "%w", err)
		}
	} else {
		below := ""
		p.object(n, "fault", fields{
			"below": func(n *yaml.Node) { below = p.text(n, "below") },
			"range": func(n *yaml.Node) { reach = p.readRange(n, nil) },
		}, func(*yaml.Node, *yaml.Node) {})
		p.json(subset(n, "below", "range"), "fault", &f)
		if err := f.expand(); err != nil {
			p.fail(n, "fault: %w; there are %s", err, presetNames())
		}
		f.Below = below
	}
	return func(s *Server) (err error) {
		set := f
		if set.Below != "" {
			if set.Below, err = s.departmentNamed(set.Below); err != nil {
				return err
			}
		}
		if reach != nil {
			r, err := reach.find(s)
			if err != nil {
				return err
			}
			set.Range = &r
		}
		return s.AddFault(set)
	}
}

// hidden reads fields by kind.
func (p *scenarioReader) hidden(n *yaml.Node) func(*Server) error {
	return p.visibility(n, (*Server).HideField)
}

func (p *scenarioReader) visibility(n *yaml.Node, change func(*Server, Kind, string) error) func(*Server) error {
	var wanted []fieldOf
	for _, kind := range []Kind{KindUser, KindDepartment, KindTenant} {
		wanted = append(wanted, fieldOf{kind: kind})
	}
	known := fields{}
	for i := range wanted {
		known[string(wanted[i].kind)] = func(n *yaml.Node) { wanted[i].fields = p.texts(n, "fields") }
	}
	p.object(n, "hidden", known, nil)
	return func(s *Server) error {
		for _, w := range wanted {
			for _, field := range w.fields {
				if err := change(s, w.kind, field); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// fieldOf are fields of one kind of things.
type fieldOf struct {
	kind   Kind
	fields []string
}

// options reads Options by their JSON names.
func (p *scenarioReader) options(n *yaml.Node) func(*Server) error {
	p.json(n, "options", &Options{})
	return func(s *Server) error {
		s.SetOptions(func(o *Options) { (&reader{}).json(n, "", o) }) // it was read above without an error
		return nil
	}
}

// settings reads what PATCH /settings takes, with clock_skew as a time.
func (p *scenarioReader) settings(n *yaml.Node) func(*Server) error {
	var do []func(*Server)
	p.object(n, "settings", fields{
		"rate_limits": func(n *yaml.Node) {
			var on bool
			p.scalar(n, "rate_limits", &on)
			do = append(do, func(s *Server) { s.SetRateLimits(on) })
		},
		"big_department": func(n *yaml.Node) {
			var size int
			p.scalar(n, "big_department", &size)
			do = append(do, func(s *Server) { s.SetBigDepartment(size) })
		},
		"clock_skew": func(n *yaml.Node) {
			skew := p.duration(n, "clock_skew")
			do = append(do, func(s *Server) { s.SetClockSkew(skew) })
		},
	}, nil)
	return func(s *Server) error {
		for _, set := range do {
			set(s)
		}
		return nil
	}
}

// group reads a user group.
func (p *scenarioReader) group(n *yaml.Node) {
	g := Group{Type: normalGroup}
	var people, departments []string
	p.object(n, "group", fields{
		"id":          func(n *yaml.Node) { g.ID = p.text(n, "id") },
		"name":        func(n *yaml.Node) { g.Name = p.text(n, "name") },
		"description": func(n *yaml.Node) { g.Description = p.text(n, "description") },
		"people":      func(n *yaml.Node) { people = p.texts(n, "people") },
		"departments": func(n *yaml.Node) { departments = p.texts(n, "departments") },
	}, nil)
	if g.ID == "" || g.Name == "" {
		p.fail(n, "group: it needs an id and a name")
	}
	p.links = append(p.links, deed{n.Line, func(s *staging) (err error) {
		made := g
		if made.Users, err = s.peopleNamed(people); err != nil {
			return err
		}
		if made.Departments, err = s.departmentsNamed(departments); err != nil {
			return err
		}
		return s.enterGroup(made)
	}})
}

// unit reads a unit with the departments that are bound to it.
func (p *scenarioReader) unit(n *yaml.Node) {
	var u Unit
	var departments []string
	p.object(n, "unit", fields{
		"id":          func(n *yaml.Node) { u.UnitID = p.text(n, "id") },
		"name":        func(n *yaml.Node) { u.Name = p.text(n, "name") },
		"type":        func(n *yaml.Node) { u.UnitType = p.text(n, "type") },
		"departments": func(n *yaml.Node) { departments = p.texts(n, "departments") },
	}, nil)
	if u.UnitID == "" || u.Name == "" {
		p.fail(n, "unit: it needs an id and a name")
	}
	p.links = append(p.links, deed{n.Line, func(s *staging) (err error) {
		made := u
		if made.Departments, err = s.departmentsNamed(departments); err != nil {
			return err
		}
		return s.enterUnit(made)
	}})
}

func (s *Server) enterGroup(g Group) error {
	return s.mutate(nil, func() error {
		if s.org.groups[g.ID] != nil {
			return fmt.Errorf("the group id %q is taken", g.ID)
		}
		s.org.groups[g.ID] = &g
		s.org.groupChanges++
		return nil
	})
}

func (s *Server) enterUnit(u Unit) error {
	err := s.mutate(nil, func() error {
		if s.org.units[u.UnitID] != nil {
			return fmt.Errorf("the unit id %q is taken", u.UnitID)
		}
		s.org.units[u.UnitID] = &u
		return nil
	})
	for _, id := range u.Departments {
		err = errors.Join(err, s.ChangeDepartment(id, func(d *Department) { d.UnitIDs = []string{u.UnitID} }))
	}
	return err
}
