package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// selectResources are the tables, a line a row, as resourcesSeen writes what the app
// may see.
const selectResources = `
SELECT concat_ws(' ', 'group', group_id, name, description, type, member_user_count, member_department_count) FROM directory.groups WHERE removed_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'member', group_id, member_type, member_id) FROM directory.group_members WHERE removed_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'unit', unit_id, name, unit_type) FROM directory.units WHERE removed_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'bound', unit_id, open_department_id) FROM directory.unit_departments WHERE removed_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'type', enum_id, content, enum_value, enum_status) FROM directory.employee_types WHERE removed_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'attribute', id, type) FROM directory.custom_attributes WHERE removed_at IS NULL
UNION ALL
SELECT concat_ws(' ', 'node', node_type, node_id) FROM directory.scopes WHERE removed_at IS NULL`

// resourcesSeen is what the app may see of what is polled, by the sandbox's own word.
func (c *company) resourcesSeen(t *testing.T) (lines []string) {
	t.Helper()
	seen, err := c.sandbox.SeenBy(c.sandbox.AppID())
	must(t, err)
	add := func(kind, id string, object json.RawMessage, names ...string) {
		var all map[string]any
		must(t, json.Unmarshal(object, &all))
		line := []string{kind, id}
		for _, name := range names {
			if v, has := all[name]; has && v != "" {
				line = append(line, fmt.Sprint(v))
			}
		}
		lines = append(lines, strings.Join(line, " "))
	}
	truth := c.sandbox.Truth()
	for id, g := range seen.Groups {
		add("group", id, g.Group, "name", "description", "type", "member_user_count", "member_department_count")
		for _, u := range g.Users {
			lines = append(lines, "member "+id+" user "+u)
		}
		for _, d := range g.Departments {
			lines = append(lines, "member "+id+" department "+d)
		}
		lines = append(lines, "node group "+id)
	}
	for id, u := range seen.Units {
		add("unit", id, u.Unit, "name", "unit_type")
		for _, d := range u.Departments {
			lines = append(lines, "bound "+id+" "+d)
		}
	}
	for id, e := range seen.EmployeeTypes {
		add("type", id, e, "content", "enum_value", "enum_status")
	}
	for id, a := range seen.CustomAttrs {
		add("attribute", id, a, "type")
	}
	for id, d := range truth.Departments { // of all staff: the first level, and the people of the root
		if d.ParentDepartmentID == directory.RootDepartmentID {
			lines = append(lines, "node department "+id)
		}
	}
	for id, u := range truth.Users {
		if slices.Contains(u.DepartmentIDs, directory.RootDepartmentID) {
			lines = append(lines, "node user "+id)
		}
	}
	slices.Sort(lines)
	return lines
}

func (c *company) resourcesMirrored(t *testing.T) []string {
	t.Helper()
	rows, err := c.db.Pool.Query(t.Context(), selectResources)
	must(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	slices.Sort(lines)
	return lines
}

// minuteLater makes what was missing so for more than a minute, and the last poll as old.
func (c *company) minuteLater(t *testing.T) {
	t.Helper()
	for _, sql := range []string{
		`UPDATE mirror.poll_missing SET missing_at = missing_at - interval '62 s'`,
		`UPDATE mirror.poll SET tried_at = tried_at - interval '62 s'`,
	} {
		_, err := c.db.Pool.Exec(t.Context(), sql)
		must(t, err)
	}
}

// resourceChange changes something of what is polled, upstream; it may be refused.
func (c *company) resourceChange(random *rand.Rand) error {
	truth := c.sandbox.Truth()
	pick := func(ids []string) string {
		if len(ids) == 0 {
			return "" // which is refused
		}
		return ids[random.IntN(len(ids))]
	}
	some := func(ids []string, most int) (chosen []string) {
		for range random.IntN(most + 1) {
			chosen = append(chosen, pick(ids))
		}
		slices.Sort(chosen)
		return slices.Compact(chosen)
	}
	people, departments := slices.Sorted(maps.Keys(truth.Users)), slices.Sorted(maps.Keys(truth.Departments))
	groups, units := slices.Sorted(maps.Keys(truth.Groups)), slices.Sorted(maps.Keys(truth.Units))
	name := fmt.Sprintf("名%d", random.IntN(1_000_000))
	switch random.IntN(12) {
	case 0, 1:
		_, err := c.sandbox.AddGroup(sandbox.Group{Name: name, Type: 1, Users: some(people, 30), Departments: some(departments, 3)})
		return err
	case 2:
		_, err := c.sandbox.AddGroup(sandbox.Group{Name: name, Type: 2, Users: some(people, 30)})
		return err
	case 3, 4, 5:
		return c.sandbox.ChangeGroup(pick(groups), func(g *sandbox.Group) {
			g.Name, g.Description = name, []string{"", "x"}[random.IntN(2)]
			g.Users = some(people, 30)
			if g.Type == 1 {
				g.Departments = some(departments, 3)
			}
		})
	case 6:
		return c.sandbox.RemoveGroup(pick(groups))
	case 7:
		_, err := c.sandbox.AddUnit(sandbox.Unit{Name: name, UnitType: "x", Departments: some(departments, 2)})
		return err
	case 8:
		return c.sandbox.ChangeUnit(pick(units), func(u *sandbox.Unit) { u.Name, u.Departments = name, some(departments, 2) })
	case 9:
		return c.sandbox.RemoveUnit(pick(units))
	case 10:
		if types := slices.Sorted(maps.Keys(truth.EmployeeTypes)); random.IntN(2) == 0 {
			return c.sandbox.RemoveEmployeeType(pick(types))
		}
		_, err := c.sandbox.AddEmployeeType(sandbox.EmployeeType{Content: name})
		return err
	default:
		if random.IntN(3) == 0 {
			return c.sandbox.RemoveCustomAttr(pick(slices.Sorted(maps.Keys(truth.CustomAttrs))))
		}
		_, err := c.sandbox.AddCustomAttr(sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: name}}})
		return err
	}
}

// What is polled changes at random, while Feishu misbehaves; in the end the tables say
// what Feishu says, and the log makes the same tables again.
func TestPollsOfALivingCompany(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			c := newCompany(t, 150, 30)
			c.sandbox.AllowOpenQuery(true)
			c.cfg.MaxRemovals, _ = crawl.ParseMaxRemovals("100%")
			w, err := OpenCrawl(t.Context(), c.cfg, c.db, slog.New(slog.DiscardHandler), nil)
			must(t, err)
			defer func() { must(t, w.Close()) }()
			poll := func(r crawl.Resource) (held int64, err error) {
				must(t, w.beside(t.Context(), func(ctx context.Context) (directory.Position, error) {
					var done crawl.Polled
					done, err = w.polls.Poll(ctx, r)
					held = done.Held
					head, err := c.log.Head(ctx)
					return head.Position, err
				}))
				return held, err
			}
			_, err = w.Backfill(t.Context())
			must(t, err)
			changed, refused, failed := 0, 0, 0
			for range 25 {
				for range 1 + random.IntN(4) {
					if err := c.resourceChange(random); err != nil {
						refused++ // such as two groups of one name
						continue
					}
					changed++
				}
				c.sandbox.ClearFaults()
				endpoint := []string{feishu.EndpointGroups, feishu.EndpointGroupMembers, feishu.EndpointUnits, feishu.EndpointUnitDepartments, feishu.EndpointEmployeeTypes, feishu.EndpointScopes}[random.IntN(6)]
				must(t, c.sandbox.AddFault([]sandbox.Fault{
					{Endpoint: endpoint, EmptyList: true, Count: 1 + random.IntN(3)},
					{Endpoint: endpoint, Status: 400, Code: 42009, Count: 1},
					{Endpoint: endpoint, PageLimit: 3, Count: -1},
					{Endpoint: endpoint, Truncate: true, Count: 1},
				}[random.IntN(4)]))
				if _, err := poll(crawl.Resources()[random.IntN(5)]); err != nil {
					failed++ // the next one goes on
				}
				if random.IntN(2) == 0 {
					c.minuteLater(t)
				}
			}
			c.sandbox.ClearFaults()
			if changed < 20 || refused > changed || failed > 15 {
				t.Fatalf("%d changes, %d refused, %d polls failed: the test does not test", changed, refused, failed)
			}
			_, err = w.Backfill(t.Context()) // what departments say of their units is known
			must(t, err)
			for range 4 {
				for _, r := range crawl.Resources() {
					held, err := poll(r)
					must(t, err)
					if held > 0 {
						_, err := crawl.ApprovePoll(t.Context(), c.db.Pool, r)
						must(t, err)
					}
				}
				c.minuteLater(t)
			}
			if diff := cmp.Diff(c.resourcesSeen(t), c.resourcesMirrored(t)); diff != "" {
				t.Errorf("(-seen +mirrored):\n%s", diff)
			}
			p := projector.New(c.db.Pool, c.log, projector.Options{})
			if result, err := p.Verify(t.Context(), projector.VerifyOptions{}); err != nil {
				t.Errorf("verify: %v: %+v", err, result)
			}
			if result, err := p.Rebuild(t.Context(), projector.RebuildOptions{}); err != nil {
				t.Errorf("rebuild: %v: %+v", err, result)
			}
			if diff := cmp.Diff(c.resourcesSeen(t), c.resourcesMirrored(t)); diff != "" {
				t.Errorf("rebuilt (-seen +mirrored):\n%s", diff)
			}
		})
	}
}

// The service polls by the clock, looks a second time where something is missing, and
// says when it did.
func TestServicePolls(t *testing.T) {
	t.Parallel()
	c := newCompany(t, 120, 20)
	c.backfill(t)
	kept, err := c.sandbox.AddGroup(sandbox.Group{Name: "留", Users: slices.Sorted(maps.Keys(c.sandbox.Truth().Users))[:5]})
	must(t, err)
	gone, err := c.sandbox.AddGroup(sandbox.Group{Name: "走", Users: kept.Users[:2]})
	must(t, err)
	c.serve(t)
	due := func(t *testing.T) {
		t.Helper()
		_, err := c.db.Pool.Exec(t.Context(), `UPDATE mirror.poll SET tried_at = tried_at - interval '7 hours'`)
		must(t, err)
	}
	is := func(want int) func() bool {
		return func() bool {
			var n int
			must(t, c.db.Pool.QueryRow(t.Context(), `
				SELECT count(*) FROM directory.groups g JOIN directory.group_members m USING (tenant_key, group_id)
				WHERE group_id = ANY ($1) AND g.removed_at IS NULL AND m.removed_at IS NULL`, []string{kept.ID, gone.ID}).Scan(&n))
			return n == want
		}
	}
	due(t)
	eventually(t, "both groups are mirrored", is(7))
	eventually(t, "the polls are done, which would say that nothing is due", func() bool {
		var n int
		must(t, c.db.Pool.QueryRow(t.Context(), `
			SELECT count(*) FROM mirror.poll WHERE started_at IS NOT NULL OR tried_at < now() - interval '6 hours'`).Scan(&n))
		return n == 0
	})
	must(t, c.sandbox.RemoveGroup(gone.ID))
	due(t)
	eventually(t, "one list lacks the group", func() bool {
		var n int
		must(t, c.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM mirror.poll_missing WHERE entity_id = $1`, gone.ID).Scan(&n))
		return n == 1
	})
	if !is(7)() {
		t.Error("one list was enough")
	}
	c.minuteLater(t) // and nothing else is due
	eventually(t, "the group is gone", is(5))
}
