package sandbox

import "slices"

// User finds a person, here or resigned, by open_id.
func (s *Server) User(openID string) (User, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := s.org.users[openID]
	if u == nil {
		return User{}, errUnknown("user", openID)
	}
	return u.clone(), nil
}

// Department finds a department by open_department_id; "0" is the root.
func (s *Server) Department(openID string) (Department, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.org.departments[openID]
	if n == nil {
		return Department{}, errUnknown("department", openID)
	}
	return n.clone(), nil
}

// AddUser brings a person in and returns them as they came out. Only a name is
// needed: ids are made, no department means the root, no status flag means an
// activated account, no employee type a regular one. DepartmentIDs alone is
// enough: the first one becomes the primary department.
func (s *Server) AddUser(u User) (User, error) {
	var out User
	err := s.mutate(nil, func() error {
		added, err := s.org.addUser(u.clone())
		if err == nil {
			out = added.clone()
		}
		return err
	})
	return out, err
}

// ChangeUser lets change work on a copy of a person and takes the result over,
// or refuses it whole with an *Error. Of DepartmentIDs and Orders it is enough
// to change one. Setting Status.IsResigned makes the person resign.
func (s *Server) ChangeUser(openID string, change func(*User)) error {
	return s.changeUser(openID, func(u *User) error { change(u); return nil })
}

func (s *Server) changeUser(openID string, change func(*User) error) error {
	return s.mutate(nil, func() error {
		u := s.org.users[openID]
		if u == nil {
			return errUnknown("user", openID)
		}
		next := u.clone()
		if err := change(&next); err != nil {
			return err
		}
		return s.org.changeUser(u, next)
	})
}

// MoveUser puts a person into these departments and no others; the first one
// is primary.
func (s *Server) MoveUser(openID string, departments ...string) error {
	return s.ChangeUser(openID, func(u *User) { u.DepartmentIDs = slices.Clone(departments) })
}

// SetLeader makes somebody the direct leader of a person; "" takes the leader
// away.
func (s *Server) SetLeader(openID, leader string) error {
	return s.ChangeUser(openID, func(u *User) { u.LeaderUserID = leader })
}

// ResignUser makes a person leave. They are listed nowhere any more, nobody
// refers to them, and users/:user_id and users/batch still answer with ids,
// name and status.
func (s *Server) ResignUser(openID string) error {
	return s.ChangeUser(openID, func(u *User) { u.Status = Status{IsResigned: true, IsActivated: u.Status.IsActivated} })
}

// EraseUser removes a person without a trace: their ids are unknown then.
func (s *Server) EraseUser(openID string) error {
	return s.mutate(nil, func() error {
		u := s.org.users[openID]
		if u == nil {
			return errUnknown("user", openID)
		}
		s.org.eraseUser(u)
		delete(s.overrides, entityKey{KindUser, openID})
		return nil
	})
}

// AddDepartment makes a department and returns it as it came out. Only a name
// is needed: ids are made, no parent means the root, no order the last place.
func (s *Server) AddDepartment(d Department) (Department, error) {
	var out Department
	err := s.mutate(nil, func() error {
		n, err := s.org.addDepartment(d.clone())
		if err == nil {
			out = n.clone()
		}
		return err
	})
	return out, err
}

// ChangeDepartment lets change work on a copy of a department and takes the
// result over, or refuses it whole with an *Error. Of LeaderUserID and the
// main one of Leaders it is enough to change one.
func (s *Server) ChangeDepartment(openID string, change func(*Department)) error {
	return s.changeDepartment(openID, func(d *Department) error { change(d); return nil })
}

func (s *Server) changeDepartment(openID string, change func(*Department) error) error {
	return s.mutate(nil, func() error {
		n := s.org.departments[openID]
		if n == nil {
			return errUnknown("department", openID)
		}
		next := n.clone()
		if err := change(&next); err != nil {
			return err
		}
		return s.org.changeDepartment(n, next)
	})
}

// MoveDepartment puts a department, with everything below, under another
// parent.
func (s *Server) MoveDepartment(openID, parent string) error {
	return s.ChangeDepartment(openID, func(d *Department) { d.ParentDepartmentID = parent })
}

// SetDepartmentLeader makes somebody the main leader of a department; "" takes
// the leader away.
func (s *Server) SetDepartmentLeader(openID, leader string) error {
	return s.ChangeDepartment(openID, func(d *Department) { d.LeaderUserID = leader })
}

// RemoveDepartment removes a department that has neither people (43011) nor
// departments (43012) in it.
func (s *Server) RemoveDepartment(openID string) error {
	return s.mutate(nil, func() error {
		n := s.org.departments[openID]
		if n == nil {
			return errUnknown("department", openID)
		}
		if err := s.org.removeDepartment(n); err != nil {
			return err
		}
		delete(s.overrides, entityKey{KindDepartment, openID})
		return nil
	})
}
