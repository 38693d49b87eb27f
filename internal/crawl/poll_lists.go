package crawl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// The lists that a resource's own list leads to.
const (
	listMemberUsers       = "user/"       // and the group
	listMemberDepartments = "department/" // and the group
	listUnitDepartments   = "unit/"       // and the unit
)

// polledList is one list of a poll.
type polledList struct {
	name     string // in mirror.poll_list
	kind     directory.Kind
	prefix   string // of the keys of its entities
	endpoint string
	page     func(ctx context.Context, token string) (listPage, error)
}

// listPage is one page of it.
type listPage struct {
	items []listed
	more  bool
	token string
	at    time.Time
	// torn is set where something on it has no usable id: what the list lacks may
	// be that.
	torn bool
	// hidden are what the ids begin with of which this page may not say that there
	// are none.
	hidden string
}

// listed is one entity of a list.
type listed struct {
	id     string
	object []byte
	at     time.Time
}

func (g *polling) list(name string) polledList {
	c := g.cfg.Client
	of := name[strings.IndexByte(name, '/')+1:]
	switch {
	case name == string(ResourceScope):
		return polledList{name: name, kind: directory.KindScopeNode, endpoint: feishu.EndpointScopes, page: g.scopePage}
	case name == string(ResourceGroups):
		return polledList{name: name, kind: directory.KindGroup, endpoint: feishu.EndpointGroups, page: g.groupsPage}
	case name == string(ResourceUnits):
		return polledList{name: name, kind: directory.KindUnit, endpoint: feishu.EndpointUnits, page: objectsOf(directory.KindUnit, c.Units)}
	case name == string(ResourceEmployeeTypes):
		return polledList{name: name, kind: directory.KindEmployeeType, endpoint: feishu.EndpointEmployeeTypes, page: objectsOf(directory.KindEmployeeType, c.EmployeeTypes)}
	case name == string(ResourceCustomAttributes):
		return polledList{name: name, kind: directory.KindCustomAttribute, endpoint: feishu.EndpointCustomAttrs, page: objectsOf(directory.KindCustomAttribute, c.CustomAttrs)}
	case strings.HasPrefix(name, listMemberUsers):
		return g.members(name, of, directory.LinkUser, feishu.MemberUser)
	case strings.HasPrefix(name, listMemberDepartments):
		return g.members(name, of, directory.LinkDepartment, feishu.MemberDepartment)
	default:
		return polledList{
			name: name, kind: directory.KindUnitDepartment, prefix: directory.LinkID(of, ""), endpoint: feishu.EndpointUnitDepartments,
			page: func(ctx context.Context, token string) (listPage, error) {
				page, err := c.UnitDepartments(ctx, of, token)
				p := listPage{more: page.HasMore, token: page.PageToken, at: page.RequestedAt}
				p.links(directory.KindUnitDepartment, []string{of}, page.IDs)
				return p, err
			},
		}
	}
}

func (g *polling) members(name, group, memberType string, of feishu.MemberType) polledList {
	return polledList{
		name: name, kind: directory.KindGroupMember, prefix: directory.LinkID(group, memberType, ""), endpoint: feishu.EndpointGroupMembers,
		page: func(ctx context.Context, token string) (listPage, error) {
			page, err := g.cfg.Client.GroupMembers(ctx, group, of, token)
			p := listPage{more: page.HasMore, token: page.PageToken, at: page.RequestedAt}
			p.links(directory.KindGroupMember, []string{group, memberType}, page.IDs)
			return p, err
		},
	}
}

// leadsTo returns the lists of what was found on a resource's own list.
func (l polledList) leadsTo(found []listed) (names []string) {
	for _, f := range found {
		switch l.kind {
		case directory.KindGroup:
			names = append(names, listMemberUsers+f.id, listMemberDepartments+f.id)
		case directory.KindUnit:
			names = append(names, listUnitDepartments+f.id)
		}
	}
	return names
}

// objectsOf reads pages of objects.
func objectsOf(kind directory.Kind, next func(context.Context, string) (feishu.Page, error)) func(context.Context, string) (listPage, error) {
	return func(ctx context.Context, token string) (listPage, error) {
		page, err := next(ctx, token)
		p := listPage{more: page.HasMore, token: page.PageToken, at: page.RequestedAt}
		for _, object := range page.Items {
			id, err := directory.ObjectID(kind, object)
			if err != nil {
				p.torn = true
				continue
			}
			p.items = append(p.items, listed{id: id, object: object, at: page.RequestedAt})
		}
		return p, err
	}
}

// links adds what a page of ids joins to what the list is of.
func (p *listPage) links(kind directory.Kind, of, ids []string) {
	for _, id := range ids {
		key := directory.LinkID(append(append([]string{}, of...), id)...)
		if !directory.IsID(kind, key) {
			p.torn = true
			continue
		}
		p.items = append(p.items, listed{id: key, object: directory.LinkObject(kind, key), at: p.at})
	}
}

// groupsPage reads the groups of both types, the normal ones first: Feishu has a
// list for each.
func (g *polling) groupsPage(ctx context.Context, token string) (listPage, error) {
	of, mark := feishu.NormalGroups, "normal:"
	rest, dynamic := strings.CutPrefix(token, "dynamic:")
	if dynamic {
		of, mark = feishu.DynamicGroups, "dynamic:"
	} else {
		rest = strings.TrimPrefix(token, mark)
	}
	p, err := objectsOf(directory.KindGroup, func(ctx context.Context, token string) (feishu.Page, error) {
		return g.cfg.Client.Groups(ctx, of, token)
	})(ctx, rest)
	switch {
	case p.more:
		p.token = mark + p.token
	case !dynamic:
		p.more, p.token = true, "dynamic:"
	}
	return p, err
}

// scopePage reads the nodes of what the app may see. An answer without a list of
// people has either none or may not show them.
func (g *polling) scopePage(ctx context.Context, token string) (listPage, error) {
	page, err := g.cfg.Client.Scopes(ctx, token)
	p := listPage{more: page.HasMore, token: page.PageToken, at: page.RequestedAt}
	p.links(directory.KindScopeNode, []string{directory.LinkUser}, page.UserIDs)
	p.links(directory.KindScopeNode, []string{directory.LinkDepartment}, page.DepartmentIDs)
	p.links(directory.KindScopeNode, []string{directory.LinkGroup}, page.GroupIDs)
	if !page.HasUserIDs {
		p.hidden = directory.LinkUser + "/"
	}
	return p, err
}

// openList is a list that has still to be read, and from which page on.
type openList struct{ name, token string }

const selectOpenLists = `
SELECT list, page_token
FROM mirror.poll_list
WHERE tenant_key = @tenant_key AND resource = @resource
ORDER BY list`

func (g *polling) openLists(ctx context.Context) ([]openList, error) {
	rows, err := g.cfg.Pool.Query(ctx, selectOpenLists, g.args(nil))
	if err != nil {
		return nil, fmt.Errorf("read the poll's open lists: %w", err)
	}
	lists, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l openList, err error) {
		err = row.Scan(&l.name, &l.token)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the poll's open lists: %w", err)
	}
	return lists, nil
}

// reading is a list while it is read.
type reading struct {
	polledList
	token    string
	seen     map[string]bool
	begunAt  time.Time
	torn     bool   // what it lacks proves nothing
	hidden   string // what the ids begin with of which no page said anything
	restarts int
	calls    int64    // since the progress was last noted
	chunk    []listed // since the progress was last noted
}

// begin begins a list at a page. Of one that was interrupted the first pages are not
// known any more: it tells what there is, and not what there is not.
func (l polledList) begin(token string, restarts int) *reading {
	return &reading{polledList: l, token: token, seen: map[string]bool{}, torn: token != "", restarts: restarts}
}

// read reads a list to its end, and settles it.
func (g *polling) read(ctx context.Context, l polledList, open openList) error {
	r := l.begin(open.token, 0)
	var still stall
	for pages := 1; ; pages++ {
		r.calls++
		page, err := l.page(ctx, r.token)
		if errors.Is(err, feishu.ErrPageToken) && r.token != "" && r.restarts < maxRestarts {
			calls := r.calls
			r, still = l.begin("", r.restarts+1), stall{}
			r.calls = calls
			continue
		}
		if err == nil {
			still, err = after(still, page.more, objectsIn(page.items))
		}
		if err != nil {
			return fmt.Errorf("read the list %s: %w", l.endpoint, err)
		}
		r.take(page, pages == 1)
		if page.more && pages%noteEvery != 0 {
			continue
		}
		if err := g.note(ctx, r, page.more); err != nil {
			return err
		}
		if !page.more {
			return nil
		}
	}
}

func objectsIn(items []listed) []json.RawMessage {
	objects := make([]json.RawMessage, len(items))
	for i, item := range items {
		objects[i] = item.object
	}
	return objects
}

// take takes in a page.
func (r *reading) take(page listPage, first bool) {
	if r.begunAt.IsZero() {
		r.begunAt = page.at
	}
	r.token, r.torn = page.token, r.torn || page.torn
	if first || page.hidden == "" {
		r.hidden = page.hidden // shown by one page is shown
	}
	for _, item := range page.items {
		if !r.seen[item.id] {
			r.seen[item.id] = true
			r.chunk = append(r.chunk, item)
		}
	}
}
