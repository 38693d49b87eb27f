package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sound checks everything that must hold of a company at any time, each count
// and index against a plain recount.
func sound(o *organisation) error {
	direct := map[string][]seat{}
	inside := map[string]map[string]bool{}
	primary := map[string]int{}
	for id, u := range o.users {
		if id != u.OpenID || o.byUnion[u.UnionID] != u {
			return fmt.Errorf("user %s is indexed wrongly", id)
		}
		if u.Status.IsResigned {
			continue
		}
		if err := soundUser(o, u); err != nil {
			return fmt.Errorf("user %s: %w", id, err)
		}
		for i, order := range u.Orders {
			direct[order.DepartmentID] = append(direct[order.DepartmentID], seat{order.UserOrder, u})
			for n := o.departments[order.DepartmentID]; n != nil; n = n.parent {
				if inside[n.OpenDepartmentID] == nil {
					inside[n.OpenDepartmentID] = map[string]bool{}
				}
				inside[n.OpenDepartmentID][id] = true
				if i == 0 {
					primary[n.OpenDepartmentID]++
				}
			}
		}
	}
	if len(o.byUnion) != len(o.users) || len(o.byCustom) != len(o.departments) {
		return errors.New("an index has entries of what is gone")
	}
	below := 0
	for id, n := range o.departments {
		slices.SortFunc(direct[id], compareSeats)
		if !slices.Equal(n.members, direct[id]) {
			return fmt.Errorf("department %s lists %d members, want %d", id, len(n.members), len(direct[id]))
		}
		if n.MemberCount != len(inside[id]) || n.PrimaryMemberCount != primary[id] {
			return fmt.Errorf("department %s counts %d and %d, want %d and %d", id, n.MemberCount, n.PrimaryMemberCount, len(inside[id]), primary[id])
		}
		if err := soundDepartment(o, n); err != nil {
			return fmt.Errorf("department %s: %w", id, err)
		}
		below += len(n.children)
	}
	if all := o.descendantsOf(o.root); below != len(o.departments)-1 || len(all) != below || !slices.IsSortedFunc(all, compareNodes) {
		return fmt.Errorf("%d children and %d descendants of the root in %d departments", below, len(all), len(o.departments))
	}
	return nil
}

func soundUser(o *organisation, u *User) error {
	if len(u.Orders) == 0 || len(u.Orders) != len(u.DepartmentIDs) {
		return fmt.Errorf("orders %v, departments %v", u.Orders, u.DepartmentIDs)
	}
	for i, order := range u.Orders {
		if order.DepartmentID != u.DepartmentIDs[i] || o.departments[order.DepartmentID] == nil ||
			order.IsPrimaryDept != (i == 0) || i > 0 && order.DepartmentOrder > u.Orders[i-1].DepartmentOrder ||
			slices.Contains(u.DepartmentIDs[:i], order.DepartmentID) {
			return fmt.Errorf("orders %v, departments %v", u.Orders, u.DepartmentIDs)
		}
	}
	if o.byUserID.current[u.UserID] != u || u.Mobile != "" && o.byMobile.current[u.Mobile] != u || u.Email != "" && o.byEmail.current[u.Email] != u {
		return errors.New("user_id, mobile or email is not theirs alone")
	}
	for _, id := range append([]string{u.LeaderUserID}, u.DottedLine...) {
		if leader := o.users[id]; id != "" && (leader == nil || leader == u || leader.Status.IsResigned) {
			return fmt.Errorf("led by %q", id)
		}
	}
	return nil
}

func soundDepartment(o *organisation, n *node) error {
	if n.parent == nil {
		if n != o.root {
			return errors.New("no parent")
		}
		return nil
	}
	if n.parent.OpenDepartmentID != n.ParentDepartmentID || !slices.Contains(n.parent.children, n) || !under(n, o.root) || n.depth() > maxLevels {
		return errors.New("not where it says")
	}
	if !slices.IsSortedFunc(n.children, compareNodes) || o.byCustom[n.DepartmentID] != n || n.Name == "" {
		return errors.New("children out of order, or an id or name is wrong")
	}
	var mains []string
	for _, l := range n.Leaders {
		if u := o.users[l.LeaderID]; u == nil || u.Status.IsResigned {
			return fmt.Errorf("led by %q", l.LeaderID)
		}
		if l.LeaderType == mainLeader {
			mains = append(mains, l.LeaderID)
		}
	}
	if len(mains) > 1 || strings.Join(mains, "") != n.LeaderUserID {
		return fmt.Errorf("main leaders %q, leader_user_id %q", mains, n.LeaderUserID)
	}
	return nil
}

// Whatever is changed, in whatever order, accepted or refused: the company
// stays sound.
func TestChangesKeepTheCompanySound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newServer(Config{
			People: rapid.IntRange(0, 30).Draw(t, "people"), Departments: rapid.IntRange(0, 12).Draw(t, "departments"), Seed: 1,
		}.withDefaults())
		changer := &changer{t: t, s: s}
		actions := rapid.SliceOfN(rapid.SampledFrom(changer.actions()), 1, 40).Draw(t, "actions")
		for _, a := range actions {
			err := a.do()
			var refused *Error
			if err != nil && !errors.As(err, &refused) {
				t.Fatalf("%s: %v", a.name, err)
			}
			if err := sound(s.org); err != nil {
				t.Fatalf("after %s: %v", a.name, err)
			}
		}
	})
}

type action struct {
	name string
	do   func() error
}

func (a action) String() string { return a.name }

// changer draws changes.
type changer struct {
	t *rapid.T
	s *Server
}

func (c *changer) user() string {
	all := slices.Sorted(maps.Keys(c.s.org.users))
	if len(all) == 0 {
		u, err := c.s.AddUser(User{Name: "王伟"})
		if err != nil {
			c.t.Fatal(err)
		}
		return u.OpenID
	}
	return rapid.SampledFrom(all).Draw(c.t, "user")
}

func (c *changer) department() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(c.s.org.departments))).Draw(c.t, "department")
}

func (c *changer) some() []string {
	return rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(c.s.org.departments))), 0, 3).Draw(c.t, "departments")
}

func (c *changer) actions() []action {
	s := c.s
	number := func() int { return rapid.IntRange(0, 3).Draw(c.t, "number") }
	return []action{
		{"add user", func() error {
			_, err := s.AddUser(User{Name: "李娜", DepartmentIDs: c.some(), Mobile: fmt.Sprint("+86", number())})
			return err
		}},
		{"move user", func() error { return s.MoveUser(c.user(), c.some()...) }},
		{"rank user", func() error {
			return s.ChangeUser(c.user(), func(u *User) {
				for i := range u.Orders {
					u.Orders[i].UserOrder, u.Orders[i].DepartmentOrder = number(), number()
				}
			})
		}},
		{"set leader", func() error { return s.SetLeader(c.user(), c.user()) }},
		{"set dotted line", func() error {
			leader := c.user()
			return s.ChangeUser(c.user(), func(u *User) { u.DottedLine = []string{leader} })
		}},
		{"resign user", func() error { return s.ResignUser(c.user()) }},
		{"take user back", func() error {
			return s.ChangeUser(c.user(), func(u *User) { u.Status = Status{IsActivated: true} })
		}},
		{"erase user", func() error { return s.EraseUser(c.user()) }},
		{"swap user_id", func() error {
			other, err := s.User(c.user())
			if err != nil {
				return err
			}
			return s.ChangeUser(c.user(), func(u *User) { u.UserID = other.UserID })
		}},
		{"add department", func() error {
			_, err := s.AddDepartment(Department{Name: "部", ParentDepartmentID: c.department(), Order: int64(number())})
			return err
		}},
		{"move department", func() error { return s.MoveDepartment(c.department(), c.department()) }},
		{"order department", func() error {
			return s.ChangeDepartment(c.department(), func(d *Department) { d.Order = int64(number()) })
		}},
		{"lead department", func() error { return s.SetDepartmentLeader(c.department(), c.user()) }},
		{"lead department together", func() error {
			leaders := []Leader{{LeaderType: number(), LeaderID: c.user()}, {LeaderType: number(), LeaderID: c.user()}}
			return s.ChangeDepartment(c.department(), func(d *Department) { d.Leaders = leaders })
		}},
		{"remove department", func() error { return s.RemoveDepartment(c.department()) }},
	}
}
