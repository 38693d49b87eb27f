package probe

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// mostLists is how many departments are asked for their people until some are
// found: most departments have somebody.
const mostLists = 5

// sampler looks at a few objects, and at what the app is refused.
type sampler struct {
	client  *feishu.Client
	refused map[string]error // by endpoint: for want of a permission
	scoped  bool
	scope   feishu.ScopesPage

	users, departments sample
}

// sample is what objects of a kind showed.
type sample struct {
	ids     []string
	objects int
	fields  map[string]bool
}

// add notes which fields an object has.
func (s *sample) add(kind directory.Kind, raw json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return
	}
	if s.fields == nil {
		s.fields = map[string]bool{}
	}
	for field, value := range object {
		if string(value) != "null" {
			s.fields[field] = true
		}
	}
	s.objects++
	if id, err := directory.ObjectID(kind, raw); err == nil && len(s.ids) < feishu.PageSize {
		s.ids = append(s.ids, id)
	}
}

// allowed notes a refusal for want of a permission, and passes on other errors.
func (s *sampler) allowed(endpoint string, err error) (bool, error) {
	if errors.Is(err, feishu.ErrPermission) {
		s.refused[endpoint] = err
		return false, nil
	}
	return err == nil, err
}

// sample makes each call once or a few times. Its error is one that ends the
// examination: Feishu does not answer any more.
func (s *sampler) sample(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.root, s.scopes, s.tree, s.people, s.again, s.one, s.lists} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// root tells the range.
func (s *sampler) root(ctx context.Context) error {
	_, err := s.client.Department(ctx, root)
	if errors.Is(err, feishu.ErrNoAuthority) {
		s.scoped = true
		return nil
	}
	_, err = s.allowed(feishu.EndpointDepartment, err)
	return err
}

func (s *sampler) scopes(ctx context.Context) error {
	page, err := s.client.Scopes(ctx, "")
	ok, err := s.allowed(feishu.EndpointScopes, err)
	if ok {
		s.scope = page
	}
	return err
}

// tree looks at departments: those below the root, or those of the range.
func (s *sampler) tree(ctx context.Context) error {
	if s.scoped {
		s.departments.ids = firstIDs(s.scope.DepartmentIDs)
		if len(s.departments.ids) == 0 {
			return nil
		}
		// Whether they may be listed is found out below the first of them.
		return s.children(ctx, s.departments.ids[0])
	}
	return s.children(ctx, root)
}

func (s *sampler) children(ctx context.Context, id string) error {
	page, err := s.client.DepartmentChildren(ctx, id, true, "")
	if errors.Is(err, feishu.ErrTooBig) {
		page, err = s.client.DepartmentChildren(ctx, id, false, "")
	}
	ok, err := s.allowed(feishu.EndpointDepartmentChildren, err)
	if !ok {
		return err
	}
	for _, item := range page.Items {
		s.departments.add(directory.KindDepartment, item)
	}
	return nil
}

// people looks at the people of the first departments that have some.
func (s *sampler) people(ctx context.Context) error {
	places := s.departments.ids
	if !s.scoped {
		places = append([]string{root}, places...)
	}
	for _, id := range places[:min(len(places), mostLists)] {
		page, err := s.client.UsersByDepartment(ctx, id, "")
		ok, err := s.allowed(feishu.EndpointUsersByDepartment, err)
		if !ok {
			return err
		}
		for _, item := range page.Items {
			s.users.add(directory.KindUser, item)
		}
		if s.users.objects > 0 {
			return nil
		}
	}
	s.users.ids = firstIDs(s.scope.UserIDs) // of a range of single people, say
	return nil
}

// again looks the same ones up, as the mirror does to prove that somebody left.
func (s *sampler) again(ctx context.Context) error {
	if len(s.departments.ids) > 0 {
		page, err := s.client.DepartmentsBatch(ctx, s.departments.ids)
		if ok, err := s.allowed(feishu.EndpointDepartmentsBatch, err); err != nil {
			return err
		} else if ok {
			s.departments.page(directory.KindDepartment, page)
		}
	}
	if len(s.users.ids) > 0 {
		page, err := s.client.UsersBatch(ctx, s.users.ids)
		if ok, err := s.allowed(feishu.EndpointUsersBatch, err); err != nil {
			return err
		} else if ok {
			s.users.page(directory.KindUser, page)
		}
	}
	return nil
}

// page adds objects, and counts them only where they were not counted yet.
func (s *sample) page(kind directory.Kind, page feishu.Page) {
	before, ids := s.objects, s.ids
	for _, item := range page.Items {
		s.add(kind, item)
	}
	s.ids = ids
	if before > 0 {
		s.objects = before
	}
}

// one looks a single person up: there are fields that only this call shows.
func (s *sampler) one(ctx context.Context) error {
	if len(s.users.ids) == 0 {
		return nil
	}
	object, err := s.client.User(ctx, s.users.ids[0])
	if errors.Is(err, feishu.ErrNotFound) || errors.Is(err, feishu.ErrNoAuthority) {
		return nil // gone since it was listed
	}
	ok, err := s.allowed(feishu.EndpointUser, err)
	if ok {
		s.users.page(directory.KindUser, feishu.Page{Items: []json.RawMessage{object.Raw}})
	}
	return err
}

// lists looks whether what has no events may be listed.
func (s *sampler) lists(ctx context.Context) error {
	groups, err := s.client.Groups(ctx, feishu.NormalGroups, "")
	if ok, err := s.listed(feishu.EndpointGroups, err); err != nil {
		return err
	} else if ok {
		if id := firstOf(directory.KindGroup, groups); id != "" {
			_, err := s.client.GroupMembers(ctx, id, feishu.MemberUser, "")
			if _, err := s.listed(feishu.EndpointGroupMembers, err); err != nil {
				return err
			}
		}
	}
	units, err := s.client.Units(ctx, "")
	if ok, err := s.listed(feishu.EndpointUnits, err); err != nil {
		return err
	} else if ok {
		if id := firstOf(directory.KindUnit, units); id != "" {
			_, err := s.client.UnitDepartments(ctx, id, "")
			if _, err := s.listed(feishu.EndpointUnitDepartments, err); err != nil {
				return err
			}
		}
	}
	_, err = s.client.EmployeeTypes(ctx, "")
	if _, err := s.listed(feishu.EndpointEmployeeTypes, err); err != nil {
		return err
	}
	_, err = s.client.CustomAttrs(ctx, "")
	_, err = s.listed(feishu.EndpointCustomAttrs, err)
	return err
}

// listed is allowed for a list that Feishu may refuse for other reasons, too: the
// company's plan has no units, a group is outside the app's range.
func (s *sampler) listed(endpoint string, err error) (bool, error) {
	var e *feishu.Error
	if errors.As(err, &e) && e.Code != 0 && !errors.Is(err, feishu.ErrPermission) && !errors.Is(err, feishu.ErrQuota) &&
		!errors.Is(err, feishu.ErrCredentials) && !errors.Is(err, feishu.ErrUnavailable) {
		return false, nil
	}
	return s.allowed(endpoint, err)
}

// firstOf is the id of the first object of a page; empty where there is none.
func firstOf(kind directory.Kind, page feishu.Page) string {
	for _, item := range page.Items {
		if id, err := directory.ObjectID(kind, item); err == nil {
			return id
		}
	}
	return ""
}

func firstIDs(ids []string) []string { return ids[:min(len(ids), feishu.PageSize)] }
