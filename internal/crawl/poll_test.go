package crawl_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// polled is all that is polled, in one form: a line an entity.
type polled []string

// resourcesSeen is what the app may see of it, by the sandbox's own word.
func (b *bundle) resourcesSeen(t *testing.T) (lines polled) {
	t.Helper()
	seen, err := b.sandbox.SeenBy(b.sandbox.AppID())
	must(t, err)
	for id, g := range seen.Groups {
		lines = append(lines, "group "+id+" "+fieldsOf(t, g.Group, "name", "description", "type", "member_user_count", "member_department_count"))
		for _, user := range g.Users {
			lines = append(lines, "group_member "+directory.LinkID(id, "user", user))
		}
		for _, department := range g.Departments {
			lines = append(lines, "group_member "+directory.LinkID(id, "department", department))
		}
	}
	for id, u := range seen.Units {
		lines = append(lines, "unit "+id+" "+fieldsOf(t, u.Unit, "name", "unit_type"))
		for _, department := range u.Departments {
			lines = append(lines, "unit_department "+directory.LinkID(id, department))
		}
	}
	for id, e := range seen.EmployeeTypes {
		lines = append(lines, "employee_type "+id+" "+fieldsOf(t, e, "content", "enum_value", "enum_type", "enum_status"))
	}
	for id, a := range seen.CustomAttrs {
		lines = append(lines, "custom_attribute "+id+" "+fieldsOf(t, a, "type"))
	}
	for _, node := range b.scopeNodes(t) {
		lines = append(lines, "scope_node "+node)
	}
	slices.Sort(lines)
	return lines
}

// scopeNodes asks the sandbox as an app does: the truth call does not name them.
func (b *bundle) scopeNodes(t *testing.T) (nodes []string) {
	t.Helper()
	for token, more := "", true; more; {
		page, err := b.client.Scopes(t.Context(), token)
		must(t, err)
		for of, ids := range map[string][]string{"user": page.UserIDs, "department": page.DepartmentIDs, "group": page.GroupIDs} {
			for _, id := range ids {
				nodes = append(nodes, directory.LinkID(of, id))
			}
		}
		token, more = page.PageToken, page.HasMore
	}
	return nodes
}

func fieldsOf(t *testing.T, object json.RawMessage, names ...string) string {
	t.Helper()
	var all map[string]json.RawMessage
	must(t, json.Unmarshal(object, &all))
	var values []string
	for _, name := range names {
		if value := string(all[name]); value != `""` && value != "" {
			values = append(values, name+"="+value)
		}
	}
	return strings.Join(values, " ")
}

// resourcesMirrored is what the log says of the same.
func (b *bundle) resourcesMirrored(t *testing.T) (lines polled) {
	t.Helper()
	named := map[directory.Kind][]string{
		directory.KindGroup:           {"name", "description", "type", "member_user_count", "member_department_count"},
		directory.KindUnit:            {"name", "unit_type"},
		directory.KindEmployeeType:    {"content", "enum_value", "enum_type", "enum_status"},
		directory.KindCustomAttribute: {"type"},
		directory.KindGroupMember:     nil, directory.KindUnitDepartment: nil, directory.KindScopeNode: nil,
	}
	for key, s := range b.folded(t) {
		names, is := named[key.Kind]
		if !is || !s.Exists() {
			continue
		}
		line := string(key.Kind) + " " + key.ID
		if names != nil {
			line += " " + fieldsOf(t, directory.LifeOf(s).Attributes, names...)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func (b *bundle) equalsResources(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(b.resourcesSeen(t), b.resourcesMirrored(t)); diff != "" {
		t.Errorf("resources (-seen +mirrored):\n%s", diff)
	}
}

// pollAll polls everything once.
func (b *bundle) pollAll(t *testing.T, p *crawl.Poller) map[crawl.Resource]crawl.Polled {
	t.Helper()
	all := map[crawl.Resource]crawl.Polled{}
	for _, r := range crawl.Resources() {
		done, err := p.Poll(t.Context(), r)
		must(t, err)
		all[r] = done
	}
	return all
}

func (b *bundle) count(t *testing.T, sql string) (n int64) {
	t.Helper()
	must(t, b.pool.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// minuteLater makes what was missing so for more than a minute.
func (b *bundle) minuteLater(t *testing.T) {
	t.Helper()
	_, err := b.pool.Exec(t.Context(), `UPDATE mirror.poll_missing SET missing_at = missing_at - interval '61 s'`)
	must(t, err)
}

// pollTwice polls everything by two lists a minute apart.
func (b *bundle) pollTwice(t *testing.T, p *crawl.Poller) map[crawl.Resource]crawl.Polled {
	t.Helper()
	b.pollAll(t, p)
	b.minuteLater(t)
	return b.pollAll(t, p)
}

// resources is a company with enough of everything.
func resources(t *testing.T) (*bundle, *crawl.Poller) {
	t.Helper()
	b := setup(t, 300, 40)
	b.sandbox.AllowOpenQuery(true)
	truth := b.sandbox.Truth()
	bound := map[string]bool{}
	for _, u := range truth.Units {
		for _, id := range u.Departments {
			bound[id] = true
		}
	}
	free := slices.DeleteFunc(slices.Sorted(maps.Keys(truth.Departments)), func(id string) bool { return bound[id] })
	_, err := b.sandbox.AddUnit(sandbox.Unit{UnitID: "BU1", Name: "子公司", UnitType: "x", Departments: free[:3]})
	must(t, err)
	return b, b.poller(t)
}

func TestPoll(t *testing.T) {
	t.Parallel()
	b, p := resources(t)
	truth := b.sandbox.Truth()
	if len(truth.Groups) < 2 || len(truth.Units) < 2 || len(truth.CustomAttrs) < 2 {
		t.Fatalf("%d groups, %d units, %d attributes: the test does not test", len(truth.Groups), len(truth.Units), len(truth.CustomAttrs))
	}
	dynamic, err := b.sandbox.AddGroup(sandbox.Group{Name: "动态", Type: 2, Users: b.people(t, 150)})
	must(t, err)
	normal, err := b.sandbox.AddGroup(sandbox.Group{
		Name: "普通", Description: "x", Users: b.people(t, 3), Departments: slices.Sorted(maps.Keys(truth.Departments))[:2],
	})
	must(t, err)
	b.backfill(t) // what the departments say of their units is known
	b.pollAll(t, p)
	b.equalsResources(t)
	for _, done := range b.pollAll(t, p) {
		if done.Appended != 0 || !done.Complete || done.Missing != 0 || done.Held != 0 {
			t.Errorf("again: %+v", done)
		}
	}

	// Created, changed and removed between two polls.
	const unit = "BU1"
	added, err := b.sandbox.AddEmployeeType(sandbox.EmployeeType{Content: "临时"})
	must(t, err)
	attribute, err := b.sandbox.AddCustomAttr(sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: "工位"}}})
	must(t, err)
	must(t, b.sandbox.ChangeGroup(normal.ID, func(g *sandbox.Group) {
		g.Name, g.Description = "改名", ""
		g.Users, g.Departments = append(g.Users[1:], dynamic.Users[5]), g.Departments[:1]
	}))
	must(t, b.sandbox.ChangeUnit(unit, func(u *sandbox.Unit) { u.Name = "改名" }))
	b.pollTwice(t, p)
	b.equalsResources(t)

	must(t, b.sandbox.RemoveGroup(normal.ID))
	must(t, b.sandbox.RemoveUnit(unit))
	must(t, b.sandbox.RemoveEmployeeType(added.EnumID))
	must(t, b.sandbox.RemoveCustomAttr(attribute.ID))
	before := b.resourcesMirrored(t)
	b.pollAll(t, p)
	// Nothing goes by one list; what the group and the unit hold was not asked for.
	if diff := cmp.Diff(before, b.resourcesMirrored(t)); diff != "" {
		t.Errorf("after one list (-before +after):\n%s", diff)
	}
	b.pollAll(t, p)
	if diff := cmp.Diff(before, b.resourcesMirrored(t)); diff != "" {
		t.Errorf("after two lists within a minute (-before +after):\n%s", diff)
	}
	b.minuteLater(t)
	b.pollAll(t, p)
	b.equalsResources(t)
	for kind, id := range map[directory.Kind]string{
		directory.KindGroup: normal.ID, directory.KindUnit: unit, directory.KindEmployeeType: added.EnumID, directory.KindCustomAttribute: attribute.ID,
	} {
		if reason, _ := b.state(t, kind, id).Gone(); reason != directory.ReasonDeleted {
			t.Errorf("%s is gone for %q", kind, reason)
		}
	}
	if n := b.count(t, `SELECT count(*) FROM mirror.poll_missing`); n != 0 {
		t.Errorf("%d are still missing", n)
	}

	// And back.
	again, err := b.sandbox.AddGroup(normal)
	must(t, err)
	if again.ID != normal.ID {
		t.Fatal("not the same group")
	}
	b.pollAll(t, p)
	b.equalsResources(t)
}

// An event that is newer than a list wins, whichever comes first.
func TestPollLosesToEvents(t *testing.T) {
	t.Parallel()
	b, p := resources(t)
	added, err := b.sandbox.AddEmployeeType(sandbox.EmployeeType{Content: "临时"})
	must(t, err)
	b.pollAll(t, p)
	event := func(id, verb, body string) {
		b.append(t, directory.Record{
			OccurredAt: b.client.Now(), EventID: id, EventType: "contact.employee_type_enum." + verb + "_v3", Source: directory.SourceWebhook,
			EntityKind: directory.KindEmployeeType, EntityID: added.EnumID, Payload: []byte(`{"event":` + body + `}`),
		})
	}
	event("e1", "deleted", `{"old_enum":{"enum_id":"`+added.EnumID+`"}}`)
	b.pollAll(t, p) // the list was asked for within ten seconds of the event
	if b.state(t, directory.KindEmployeeType, added.EnumID).Exists() {
		t.Error("a list undid a deletion that it may not have known of")
	}
	event("e2", "created", `{"new_enum":{"enum_id":"`+added.EnumID+`","content":"短期"}}`)
	must(t, b.sandbox.RemoveEmployeeType(added.EnumID))
	b.pollTwice(t, p)
	if !b.state(t, directory.KindEmployeeType, added.EnumID).Exists() {
		t.Error("a list undid a creation that it may not have known of")
	}
}

func TestPollRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		endpoint, permission string
		resource             crawl.Resource
		complete             bool // the resource's own list is another one
	}{
		{feishu.EndpointGroups, "contact:group:readonly", crawl.ResourceGroups, false},
		{feishu.EndpointGroupMembers, "contact:group:readonly", crawl.ResourceGroups, true},
		{feishu.EndpointUnits, "contact:unit:readonly", crawl.ResourceUnits, false},
		{feishu.EndpointUnitDepartments, "contact:unit:readonly", crawl.ResourceUnits, true},
		{feishu.EndpointEmployeeTypes, "contact:contact.base:readonly", crawl.ResourceEmployeeTypes, false},
		{feishu.EndpointCustomAttrs, "contact:contact.base:readonly", crawl.ResourceCustomAttributes, false},
		{feishu.EndpointScopes, "contact:contact.base:readonly", crawl.ResourceScope, false},
	} {
		t.Run(c.endpoint, func(t *testing.T) {
			t.Parallel()
			b, p := resources(t)
			b.pollAll(t, p)
			before := b.resourcesMirrored(t)
			must(t, b.sandbox.RevokePermission(c.endpoint))
			b.sandbox.ResetStats()
			all := b.pollTwice(t, p)
			for r, done := range all {
				switch {
				case r != c.resource:
					if len(done.Refusals) != 0 || !done.Complete {
						t.Errorf("another resource: %+v", done)
					}
				case len(done.Refusals) != 1 || done.Refusals[0].Endpoint != c.endpoint || !slices.Contains(done.Refusals[0].Permissions, c.permission):
					t.Errorf("refusals %+v", done.Refusals)
				case done.Complete != c.complete || done.Missing != 0:
					t.Errorf("%+v", done)
				}
			}
			if diff := cmp.Diff(before, b.resourcesMirrored(t)); diff != "" {
				t.Errorf("what may not be read was taken for gone (-before +after):\n%s", diff)
			}
			if n := b.calls(c.endpoint); n > 8 { // and not for each group again
				t.Errorf("%d calls were refused", n)
			}
			b.sandbox.GrantPermission(c.endpoint)
			for r, done := range b.pollAll(t, p) {
				if len(done.Refusals) != 0 || !done.Complete {
					t.Errorf("%s, granted again: %+v", r, done)
				}
			}
		})
	}
}

// TestPollsCatchUpInDoubt has a poll that another process began about when the walk
// did: each has a clock of its own of Feishu's, up to a second behind.
func TestPollsCatchUpInDoubt(t *testing.T) {
	t.Parallel()
	b := setup(t, 60, 10)
	b.backfill(t)
	p := b.poller(t, crawl.ResourceUnits)
	_, err := p.Poll(t.Context(), crawl.ResourceUnits)
	must(t, err)
	var polledAt time.Time
	must(t, b.pool.QueryRow(t.Context(), `SELECT tried_at FROM mirror.poll WHERE resource = 'units'`).Scan(&polledAt))
	listed := func(since time.Time) bool {
		all, err := p.CatchUp(t.Context(), since)
		must(t, err)
		return all[0].Listed > 0
	}
	if listed(polledAt.Add(-time.Minute)) {
		t.Error("what was polled a minute after the walk began is polled again")
	}
	if !listed(polledAt.Add(-time.Second)) {
		t.Error("a poll that may have begun before the walk was taken for a later one")
	}
}
