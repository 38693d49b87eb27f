package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// departmentNamed finds a department by its name, by the end of its path (研发/后端),
// or by one of its ids; "" is the root.
func (s *Server) departmentNamed(ref string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if ref == "" || ref == "root" {
		return rootID, nil
	}
	for _, index := range []map[string]*node{s.org.departments, s.org.byCustom} {
		if n := index[ref]; n != nil {
			return n.OpenDepartmentID, nil
		}
	}
	path := strings.Split(ref, "/")
	slices.Reverse(path)
	var found []*node
	for _, n := range s.org.departments {
		if n.endsIn(path) {
			found = append(found, n)
		}
	}
	// A full path is that department, also where another path ends likewise.
	if len(found) > 1 {
		for _, n := range found {
			if n.depth() == len(path) {
				return n.OpenDepartmentID, nil
			}
		}
	}
	switch len(found) {
	case 0:
		return "", errUnknown("department", ref)
	case 1:
		return found[0].OpenDepartmentID, nil
	default:
		return "", fmt.Errorf("%d departments are called %q: say more of the path, as in 研发/后端, or an id", len(found), ref)
	}
}

// endsIn tells whether the department and those above it have these names.
func (n *node) endsIn(names []string) bool {
	for _, name := range names {
		if n == nil || n.parent == nil || n.Name != name {
			return false
		}
		n = n.parent
	}
	return true
}

// personNamed finds a person by name, by e-mail, or by one of their ids. Who is
// here goes before who left.
func (s *Server) personNamed(ref string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, u := range []*User{s.org.users[ref], s.org.byUserID.any(ref), s.org.byEmail.any(ref), s.org.byMobile.any(ref)} {
		if u != nil && ref != "" {
			return u.OpenID, nil
		}
	}
	var here, left []string
	for id, u := range s.org.users {
		switch {
		case u.Name != ref:
		case u.Status.IsResigned:
			left = append(left, id)
		default:
			here = append(here, id)
		}
	}
	if len(here) == 0 {
		here = left
	}
	switch len(here) {
	case 0:
		return "", errUnknown("person", ref)
	case 1:
		return here[0], nil
	default:
		return "", fmt.Errorf("%d people are called %q: name one by user_id, open_id or e-mail", len(here), ref)
	}
}

func (s *Server) peopleNamed(refs []string) ([]string, error) { return each(refs, s.personNamed) }

func (s *Server) departmentsNamed(refs []string) ([]string, error) {
	return each(refs, s.departmentNamed)
}

func each(refs []string, find func(string) (string, error)) ([]string, error) {
	var ids []string
	for _, ref := range refs {
		id, err := find(ref)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
