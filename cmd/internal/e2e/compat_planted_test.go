package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The comparison finds whatever is planted into an answer: another value, type or
// key of any field, an entry too many or too few, another page, code or status.
func TestCompatFindsPlantedDifferences(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	c := startCompat(t, 3)
	seen := newVantage()
	seen.look(c.server)
	seen.every = 40
	c.goFeishu.person = c.person()
	planted := map[string]int{}
	for _, q := range seen.questions(true) {
		replies := []replied{c.goFeishu.ask(t, q)}
		if q.list() {
			replies = pages(t, c.goFeishu, q)
		}
		name := fmt.Sprint(q.method, " ", replies[0].code)
		if planted[name] > 300 { // of answers of one kind a few will do
			continue
		}
		for _, other := range variants(t, replies) {
			all := comparison{swept: true}
			all.compare(q, replies, other.replies)
			if len(all.found) == 0 {
				t.Fatalf("%s: %s is not found", q, other.what)
			}
			planted[name]++
		}
		all := comparison{swept: true}
		if all.compare(q, replies, again(t, replies)); len(all.found) > 0 {
			t.Fatalf("%s differs from itself: %s", q, all.found[0])
		}
	}
	total := 0
	for _, n := range planted {
		total += n
	}
	t.Logf("%d differences planted into answers of %d kinds", total, len(planted))
	for method := range c.goFeishu.methods() {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(planted)), func(name string) bool { return strings.HasPrefix(name, method+" 0") }) && seen.asks(method) {
			t.Errorf("nothing was planted into %s", method)
		}
	}

	c.plantInTables(t, seen)
}

// plantInTables lets the mirror itself be wrong: what differs in the tables differs
// in the answers.
func (c *compatRun) plantInTables(t *testing.T, seen *vantage) {
	t.Helper()
	questions := sampled(seen)
	ask := func() []string {
		all := comparison{swept: true}
		for _, q := range questions {
			all.ask(t, c.goFeishu, c.goMirror, q)
		}
		return all.found
	}
	if found := ask(); len(found) > 0 {
		t.Fatalf("before anything is planted: %s", found[0])
	}
	for _, plant := range []struct{ what, table, sql string }{
		{"names", "users", `UPDATE directory.users SET attributes = jsonb_set(attributes, '{name}', '"X"')`},
		// One of each, since not every department and group is asked about.
		{"a membership", "memberships", `DELETE FROM directory.memberships
			WHERE open_id IN (SELECT min(open_id) FROM directory.memberships GROUP BY open_department_id)`},
		{"user_ids", "users", `UPDATE directory.users SET user_id = 'x' || user_id`},
		{"a flag", "users", `UPDATE directory.users SET is_frozen = NOT is_frozen`},
		{"a parent", "departments", `UPDATE directory.departments SET attributes = jsonb_set(attributes, '{parent_department_id}', '"0"') WHERE depth > 1`},
		{"a department", "departments", `UPDATE directory.departments SET removed_at = now(), removed_reason = 'DELETED'
			WHERE open_department_id IN (SELECT min(open_department_id) FROM directory.departments WHERE depth > 1 GROUP BY parent_department_id)`},
		{"a label", "employee_types", `UPDATE directory.employee_types SET attributes = jsonb_set(attributes, '{content}', '"X"')`},
		{"an attribute", "custom_attributes", `UPDATE directory.custom_attributes SET removed_at = now(), removed_reason = 'DELETED'`},
		{"a group's name", "groups", `UPDATE directory.groups SET attributes = jsonb_set(attributes, '{name}', '"X"')`},
		{"a group", "groups", `UPDATE directory.groups SET removed_at = now(), removed_reason = 'DELETED' WHERE group_id IN (SELECT min(group_id) FROM directory.groups)`},
		{"a member", "group_members", `UPDATE directory.group_members SET removed_at = now() WHERE member_id IN (SELECT min(member_id) FROM directory.group_members GROUP BY group_id)`},
		{"a unit", "units", `UPDATE directory.units SET attributes = jsonb_set(attributes, '{unit_type}', '"X"')`},
		{"a binding", "unit_departments", `DELETE FROM directory.unit_departments`},
		{"a node of the range", "scopes", `DELETE FROM directory.scopes WHERE node_type = 'group'`},
		{"counts", "departments", `UPDATE directory.departments SET member_count = member_count + 1`},
	} {
		kept := dump(t, c.db.url, plant.table)
		execute(t, c.db.url, plant.sql)
		if len(ask()) == 0 {
			t.Errorf("%s that were planted in the mirror are not found", plant.what)
		}
		restore(t, c.db.url, plant.table, kept)
	}
	if found := ask(); len(found) > 0 {
		t.Errorf("after everything was put back: %s", found[0])
	}
}

// asks tells whether there is a question for a method.
func (v *vantage) asks(method string) bool {
	return slices.ContainsFunc(v.questions(true), func(q question) bool { return q.method == method })
}

// sampled are the questions of one pair of id kinds.
func sampled(v *vantage) []question {
	all := *v
	all.every = 3
	return slices.Concat(all.aboutPeople(idKinds{"user_id", ""}), all.aboutDepartments(idKinds{}), all.aboutTheRest(), all.aboutPolled(idKinds{"", "department_id"}))
}

// variant is an answer with one thing different in it.
type variant struct {
	what    string
	replies []replied
}

func again(t *testing.T, replies []replied) (all []replied) {
	t.Helper()
	for _, r := range replies {
		raw, err := json.Marshal(r.data)
		if err != nil {
			t.Fatal(err)
		}
		r.data = nil
		if err := json.Unmarshal(raw, &r.data); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// variants makes an answer different in each place.
func variants(t *testing.T, replies []replied) (all []variant) {
	t.Helper()
	add := func(what string, change func([]replied) []replied) {
		all = append(all, variant{what, change(again(t, replies))})
	}
	add("another code", func(r []replied) []replied { r[0].code++; return r })
	add("another status", func(r []replied) []replied { r[0].status++; return r })
	add("another text", func(r []replied) []replied { r[0].msg += "!"; return r })
	add("a page less", func(r []replied) []replied { return r[1:] })
	add("a page more", func(r []replied) []replied { return append(r, r[0]) })
	places := 0
	count := again(t, replies)
	for i := range count {
		alter(count[i].data, func(string) bool { places++; return false })
	}
	for at := range places {
		n := 0
		what := ""
		changed := again(t, replies)
		for i := range changed {
			changed[i].data = alter(changed[i].data, func(where string) bool {
				n++
				if n-1 == at {
					what = where
				}
				return n-1 == at
			})
		}
		all = append(all, variant{what, changed})
	}
	return all
}

// alter walks a value and changes it where it is told to: each value, key and entry
// that is not left out, once.
func alter(value any, here func(what string) bool) any {
	switch v := value.(type) {
	case map[string]any:
		every := comparison{swept: true}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if every.ignores(name) || name == "page_token" {
				continue
			}
			switch {
			case here("without " + name):
				delete(v, name)
			case here(name + " under another name"):
				v[name+"_"] = v[name]
				delete(v, name)
			default:
				v[name] = alter(v[name], here)
			}
		}
		return v
	case []any:
		if here("an entry more") {
			return append(v, "an entry")
		}
		if len(v) > 0 && here("an entry less") {
			return v[1:]
		}
		for i := range v {
			v[i] = alter(v[i], here)
		}
		return v
	case string:
		switch {
		case here("another text"):
			return v + "!"
		case here("a number for a text"):
			return 1
		}
		return v
	case float64:
		switch {
		case here("another number"):
			return v + 1
		case here("a text for a number"):
			return fmt.Sprint(v)
		}
		return v
	case bool:
		if here("the opposite") {
			return !v
		}
		return v
	default:
		return v
	}
}
