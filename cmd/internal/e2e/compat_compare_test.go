package e2e_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// leftOut are the fields in which the mirror's answers may differ from Feishu's,
// and why. There are no others.
var leftOut = []struct {
	field  string
	always bool // else between sweeps only
	reason string
}{
	{"assign_info", true, "seats; only GET shows them, one person at a time, and no event tells of them"},
	{"department_path", true, "only the token of a person shows it"},
	{"avatar", true, "URLs change from call to call; the mirror has those that it saw last"},
	{"avatar_key", true, "the picture's key: only users/batch shows it, and none of the lists that the mirror is made from"},
	{"member_count", false, "people below a department: no event moves it, the next sweep does"},
	{"primary_member_count", false, "likewise"},
}

// inOrder are the lists whose order Feishu says. All others are compared as sets.
var inOrder = []string{"user_list", "options"}

// comparison compares what two services answer.
type comparison struct {
	swept bool // the mirror has just swept: counts are right
	calls int
	found []string // differences
}

func (c *comparison) ignores(field string) bool {
	return slices.ContainsFunc(leftOut, func(l struct {
		field  string
		always bool
		reason string
	},
	) bool {
		return l.field == field && (l.always || !c.swept)
	})
}

// ask asks both one question, and all pages of it, and compares.
func (c *comparison) ask(t *testing.T, feishu, mirror asker, q question) {
	t.Helper()
	one := func(a asker) []replied {
		if q.list() {
			return pages(t, a, q)
		}
		return []replied{a.ask(t, q)}
	}
	c.compare(q, one(feishu), one(mirror))
}

// compare notes a difference, if there is one.
func (c *comparison) compare(q question, want, got []replied) {
	c.calls += len(want)
	if d := gocmp.Diff(c.told(q, want), c.told(q, got)); d != "" {
		c.found = append(c.found, fmt.Sprintf("%s (-Feishu +mirror):\n%s", q, d))
	}
}

// told is what a client learns: of a list the shape of each page, and the entries
// of all of them together.
func (c *comparison) told(q question, replies []replied) any {
	var shapes []any
	entries := map[string][]any{}
	for _, r := range replies {
		shape := map[string]any{"status": r.status, "code": r.code, "msg": r.msg, "failed": r.failed}
		data, _ := c.normal("", r.data).(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(data)) {
			list, is := data[name].([]any)
			if !is || !q.list() {
				shape["data."+name] = data[name]
				continue
			}
			shape["length of "+name] = len(list)
			entries[name] = append(entries[name], list...)
		}
		shapes = append(shapes, shape)
	}
	for _, list := range entries {
		if !strings.HasSuffix(q.method, ".parent") { // the nearest first
			slices.SortFunc(list, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
		}
	}
	return map[string]any{"pages": shapes, "entries": entries}
}

// normal is a value without what is left out, and with its sets sorted.
func (c *comparison) normal(field string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		all := map[string]any{}
		for name, inner := range v {
			if !c.ignores(name) {
				all[name] = c.normal(name, inner)
			}
		}
		return all
	case []any:
		all := make([]any, 0, len(v))
		for _, inner := range v {
			all = append(all, c.normal(field, inner))
		}
		if !slices.Contains(inOrder, field) && field != "items" {
			slices.SortFunc(all, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
		}
		return all
	default:
		return value
	}
}

// report fails the test where anything differs.
func (c *comparison) report(t *testing.T, when string) {
	t.Helper()
	t.Logf("%s: %d calls compared, %d of them differ", when, c.calls, len(c.found))
	if c.calls < 100 {
		t.Errorf("only %d calls", c.calls)
	}
	const most = 12
	for i, d := range c.found {
		if i == most {
			t.Errorf("%s: and %d more", when, len(c.found)-most)
			return
		}
		t.Errorf("%s: %s", when, d)
	}
}
