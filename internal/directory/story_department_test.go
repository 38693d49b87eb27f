package directory_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

var (
	departmentTexts = []string{"name", "department_id", "leader_user_id", "chat_id"}
	departmentLists = []string{"leaders", "department_hrbps", "unit_ids"}
	// departmentCarried are the fields of events; order is an int there.
	departmentCarried = slices.Concat(departmentTexts, departmentLists, []string{"order", "parent_department_id", "status"})
	departmentSilent  = []string{"i18n_name"}
)

func departmentEventForm(field string, v any) any {
	switch field {
	case "order":
		n, err := strconv.Atoi(v.(string))
		if err != nil {
			panic(err)
		}
		return n
	case "department_hrbps":
		var people []any
		for _, id := range v.([]string) {
			people = append(people, map[string]any{"open_id": id, "union_id": "on_" + id})
		}
		return people
	default:
		return v
	}
}

func newDepartmentStory(t *rapid.T) *story {
	s := &story{t: t, key: sales, now: 1000, habits: drawHabits(t, slices.Concat(departmentTexts[1:], departmentLists, []string{"order"}))}
	s.truth = truth{"name": "a", "i18n_name": map[string]any{"en_us": "a"}, "order": "1", "parent_department_id": "0", "status": map[string]any{"is_deleted": false}}
	s.note(true)
	if rapid.Bool().Draw(t, "announced") {
		s.departmentEvent("created", nil)
	} else {
		s.tell(s.observeDepartment(s.now, true))
	}
	return s
}

func (s *story) departmentEvent(verb string, before truth) {
	object := s.render(s.truth, departmentCarried, s.cleared, departmentEventForm)
	if s.truth["parent_department_id"] == "0" {
		delete(object, "parent_department_id")
		unset(object, "parent_department_id", s.cleared) // what the root is in events is not documented
	}
	old := ""
	if before != nil {
		was := map[string]any{}
		for _, field := range changed(before, s.truth) {
			v, had := before[field]
			switch {
			case slices.Contains(departmentSilent, field), s.hidden[field]:
			case !had:
				unset(was, field, s.before)
			default:
				was[field] = departmentEventForm(field, v)
			}
		}
		old = text(was)
	}
	if verb == "deleted" {
		old = text(map[string]any{"open_department_id": s.key.ID, "status": map[string]any{"is_deleted": false}})
		object["status"] = map[string]any{"is_deleted": false}
	}
	s.tell(event("contact.department."+verb+"_v3", s.now, text(object), old))
}

func (s *story) observeDepartment(seconds float64, inList bool) directory.Record {
	then := s.at(seconds)
	fields := slices.Concat(departmentCarried, departmentSilent)
	object := s.render(then.truth, fields, s.answered, s.answerForm)
	o := directory.Observation{Listed: inList}
	for _, field := range fields {
		if _, set := then.truth[field]; !set && !s.hidden[field] && s.answered != formEmpty {
			o.Empty = append(o.Empty, field)
		}
	}
	o.Object = json.RawMessage(text(object))
	return observation(seconds, o)
}

func (s *story) changeDepartment() {
	before := maps.Clone(s.truth)
	draw := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(s.t, label) }
	what := draw("change", "rename", "text", "clear", "move", "order", "leaders", "hrbps", "units", "silent", "observe", "observe", "delete")
	switch {
	case !s.end().alive: // Feishu answers no more, and nothing happens to it
		return
	case what == "observe":
		s.tell(s.observeDepartment(s.now, rapid.Bool().Draw(s.t, "in a list")))
		return
	}
	switch what {
	case "rename":
		name := draw("name", "a", "b", "<部>")
		s.truth["name"], s.truth["i18n_name"] = name, map[string]any{"en_us": name}
	case "text":
		s.truth[draw("field", departmentTexts[1:]...)] = draw("value", "ou_1", "ou_2")
	case "clear":
		delete(s.truth, draw("field", slices.Concat(departmentTexts[1:], departmentLists)...))
	case "move":
		s.truth["parent_department_id"] = draw("parent", "0", "od-8", "od-9")
	case "order":
		s.truth["order"] = draw("order", "1", "2000")
	case "leaders":
		s.truth["leaders"] = []any{map[string]any{"leaderType": 1, "leaderID": draw("leader", "ou_1", "ou_2")}}
	case "hrbps":
		s.truth["department_hrbps"] = []string{draw("hrbp", "ou_1", "ou_2")}
	case "units":
		s.truth["unit_ids"] = []string{draw("unit", "u1", "u2")}
	case "silent":
		s.truth["i18n_name"] = map[string]any{"en_us": draw("english", "x", "y")}
	case "delete":
		s.note(false)
		s.departmentEvent("deleted", before)
		return
	}
	s.note(true)
	if fields := changed(before, s.truth); len(fields) > 0 && what != "silent" && !s.allHidden(fields) {
		s.departmentEvent("updated", before)
	}
}

func TestALifeOfADepartment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newDepartmentStory(t)
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			s.wait()
			s.changeDepartment()
		}
		answer := func(seconds float64) directory.Record {
			if !s.at(seconds).alive { // Feishu's not-exist code, proven
				return missing(seconds, s.key, directory.ReasonDeleted)
			}
			return s.observeDepartment(seconds, false)
		}
		checkStory(s, answer, departmentCarried, departmentSilent)
	})
}
