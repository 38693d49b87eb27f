package directory_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

var (
	userTexts   = []string{"name", "en_name", "city", "job_title", "mobile", "email", "employee_no", "leader_user_id", "user_id"}
	userNumbers = []string{"join_time", "employee_type", "gender"}
	userLists   = []string{"dotted_line_leader_user_ids", "custom_attrs"}
	// userCarried are the fields of events, all of them with placement and
	// status as the read model shows them.
	userCarried = slices.Concat(userTexts, userNumbers, userLists, []string{"country", "is_tenant_manager", "department_ids", "orders", "status"})
	userSilent  = []string{"description", "geo"}
)

const inPlain, inGeneric = "C-1", "C-2"

var countries = map[any]any{"CN": "中国", "JP": "日本", "DE": "德国"}

// eventForm is how events show what the API shows otherwise.
func eventForm(field string, v any) any {
	switch field {
	case "country":
		return countries[v]
	case "custom_attrs": // events name users by user_id
		return json.RawMessage(strings.ReplaceAll(text(v), `"ou_`, `"user_`))
	default:
		return v
	}
}

func (s *story) answerForm(_ string, v any) any {
	if n, isNumber := v.(int); isNumber && s.asText {
		return strconv.Itoa(n)
	}
	return v
}

func attr(id, kind, value string) map[string]any {
	if kind == "GENERIC_USER" {
		return map[string]any{"id": id, "type": kind, "value": map[string]any{"generic_user": map[string]any{"id": value, "type": 1}}}
	}
	return map[string]any{"id": id, "type": kind, "value": map[string]any{"text": value}}
}

func status(flags ...string) map[string]any {
	all := map[string]any{}
	for _, f := range []string{"is_frozen", "is_resigned", "is_activated", "is_exited", "is_unjoin"} {
		all[f] = slices.Contains(flags, f)
	}
	return all
}

// place puts the person somewhere.
func (s *story) place() {
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"0", "od-1", "od-2", "od-3"}), 1, 3, rapid.ID[string]).Draw(s.t, "departments")
	slices.Sort(ids)
	primary := rapid.IntRange(0, len(ids)-1).Draw(s.t, "primary")
	var orders []any
	for i, id := range ids {
		o := map[string]any{"department_id": id, "user_order": rapid.IntRange(0, 2).Draw(s.t, "order"), "department_order": i, "is_primary_dept": i == primary}
		if i == primary {
			o["department_order"] = 9
		}
		orders = append(orders, o)
	}
	s.truth["department_ids"], s.truth["orders"] = ids, orders
}

func newUserStory(t *rapid.T) *story {
	s := &story{t: t, key: zhang, now: 1000, habits: drawHabits(t, slices.Concat(userTexts, userNumbers, userLists, []string{"country"}))}
	s.truth = truth{"name": "a", "status": status("is_activated"), "description": "-"}
	s.place()
	s.note(true)
	if rapid.Bool().Draw(t, "announced") {
		s.userEvent("created", nil)
	} else {
		s.tell(s.observeUser(s.now, true))
	}
	return s
}

// userEvent tells of a change: the object as it is now, and what changed as it
// was.
func (s *story) userEvent(verb string, before truth) {
	object := s.render(s.truth, slices.Concat(userTexts, userNumbers, userLists, []string{"country", "is_tenant_manager", "status", "department_ids", "orders"}), s.cleared, eventForm)
	switch rapid.SampledFrom([]string{"", "", "department_ids", "orders", "both", "no value"}).Draw(s.t, "dropped") {
	case "department_ids":
		delete(object, "department_ids")
	case "orders":
		delete(object, "orders")
	case "both":
		delete(object, "orders")
		delete(object, "department_ids")
	case "no value":
		object["orders"], object["department_ids"] = []any{}, nil
	}
	old := ""
	if before != nil {
		old = text(s.oldUser(before))
	}
	if verb == "deleted" {
		delete(object, "department_ids")
		delete(object, "orders")
		object["status"] = status()
		old = text(map[string]any{"open_id": s.key.ID, "department_ids": before["department_ids"]})
	}
	s.tell(event("contact.user."+verb+"_v3", s.now, text(object), old))
}

func (s *story) oldUser(before truth) map[string]any {
	old := map[string]any{}
	for _, field := range changed(before, s.truth) {
		if slices.Contains(userSilent, field) || s.hidden[field] {
			continue
		}
		v, had := before[field]
		switch {
		case !had:
			unset(old, field, s.before)
		case field == "status" && rapid.Bool().Draw(s.t, "partial status"):
			was, is := before[field].(map[string]any), s.truth[field].(map[string]any)
			part := map[string]any{}
			for _, flag := range changed(was, is) {
				part[flag] = was[flag]
			}
			old[field] = part
		default:
			old[field] = eventForm(field, v)
		}
	}
	return old
}

// observeUser is what the API showed at a second: a list, or an answer.
func (s *story) observeUser(seconds float64, inList bool) directory.Record {
	then := s.at(seconds)
	fields := slices.Concat(userCarried, userSilent)
	if !then.alive && !s.leftover {
		fields = []string{"name", "status"}
	}
	object := s.render(then.truth, fields, s.answered, s.answerForm)
	if !then.alive && s.leftover {
		object["department_ids"], object["orders"] = []any{}, []any{}
	}
	o := directory.Observation{Listed: inList}
	for _, field := range fields {
		if _, set := then.truth[field]; !set && !s.hidden[field] && (s.answered != formEmpty || field == "mobile" || field == "email") {
			o.Empty = append(o.Empty, field)
		}
	}
	o.Object = json.RawMessage(text(object))
	return observation(seconds, o)
}

// change changes one thing, and tells of it as Feishu would.
func (s *story) changeUser() {
	before := maps.Clone(s.truth)
	alive := s.end().alive
	draw := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(s.t, label) }
	what := draw("change", "text", "text", "clear", "number", "country", "dotted", "plain attribute", "generic attribute", "manager", "freeze", "exit", "move", "silent", "leave", "observe", "observe")
	switch {
	case what == "observe":
		s.tell(s.observeUser(s.now, alive && rapid.Bool().Draw(s.t, "in a list")))
		return
	case !alive:
		s.comeBack()
		return
	}
	switch what {
	case "text":
		s.truth[draw("field", userTexts...)] = draw("value", "ou_5", "ou_6", "<张>&", "x")
	case "clear":
		delete(s.truth, draw("field", slices.Concat(userTexts[1:], userNumbers, userLists, []string{"country"})...))
	case "number":
		s.truth[draw("field", userNumbers...)] = rapid.IntRange(1, 3).Draw(s.t, "value")
	case "country":
		s.truth["country"] = draw("country", "CN", "JP", "DE")
	case "dotted":
		s.truth["dotted_line_leader_user_ids"] = [][]string{{"ou_7"}, {"ou_7", "ou_8"}}[rapid.IntRange(0, 1).Draw(s.t, "leaders")]
	case "plain attribute":
		s.setAttr(0, attr(inPlain, "TEXT", draw("text", "x", "y")))
	case "generic attribute":
		s.setAttr(1, attr(inGeneric, "GENERIC_USER", draw("user", "ou_1", "ou_2")))
	case "manager":
		s.truth["is_tenant_manager"] = rapid.Bool().Draw(s.t, "manager")
	case "freeze":
		s.truth["status"] = status(draw("flag", "is_frozen", "is_activated", "is_unjoin"))
	case "exit":
		s.truth["status"] = status("is_exited")
	case "move":
		s.place()
	case "silent":
		s.truth[draw("field", userSilent...)] = fmt.Sprint(rapid.IntRange(1, 9).Draw(s.t, "value"))
	case "leave":
		s.truth["status"] = status("is_resigned")
		s.note(false)
		s.userEvent("deleted", before)
		return
	}
	s.note(true)
	if fields := changed(before, s.truth); len(fields) > 0 && what != "silent" && !s.allHidden(fields) {
		s.userEvent("updated", before)
	}
}

func (s *story) allHidden(fields []string) bool {
	return !slices.ContainsFunc(fields, func(f string) bool { return !s.hidden[f] })
}

// comeBack resurrects a person, by a created event or an updated one.
func (s *story) comeBack() {
	before := maps.Clone(s.truth)
	s.truth["status"] = status("is_activated")
	s.place()
	s.note(true)
	s.userEvent(rapid.SampledFrom([]string{"created", "updated"}).Draw(s.t, "back by"), before)
}

// setAttr sets the plain (0) or the generic (1) custom attribute.
func (s *story) setAttr(i int, a map[string]any) {
	had := map[string]any{}
	attrs, _ := s.truth["custom_attrs"].([]any)
	for _, other := range attrs {
		m, _ := other.(map[string]any)
		had[fmt.Sprint(m["id"])] = m
	}
	had[[]string{inPlain, inGeneric}[i]] = a
	var all []any
	for _, id := range slices.Sorted(maps.Keys(had)) {
		all = append(all, had[id])
	}
	s.truth["custom_attrs"] = all
}

func TestALifeOfAUser(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newUserStory(t)
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			s.wait()
			s.changeUser()
		}
		checkStory(s, func(seconds float64) directory.Record { return s.observeUser(seconds, false) }, userCarried, userSilent)
	})
}
