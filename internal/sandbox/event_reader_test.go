package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// reader keeps a copy of the company from events alone, as simply as can be: an
// object's keys are set, keys that are only in old_object are cleared.
type reader struct {
	users, departments map[string]object
	people             map[string]string // open_ids by user_id, of people who left too
	seen               map[string]bool   // event ids
	blind              bool              // may not see who is meant in custom attributes
}

// newReader starts from what an app sees now.
func newReader(t testing.TB, k *kit, app string, blind bool) *reader {
	t.Helper()
	r := &reader{people: map[string]string{}, seen: map[string]bool{}, blind: blind}
	r.users, r.departments = r.truth(t, k, app)
	for id, u := range r.users {
		r.know(id, u)
	}
	return r
}

func (r *reader) know(openID string, u object) {
	if id, ok := u["user_id"].(string); ok {
		r.people[id] = openID
	}
}

// apply takes one event in, and again changes nothing.
func (r *reader) apply(t testing.TB, e sandbox.EventRecord) {
	t.Helper()
	if r.seen[e.ID] {
		return
	}
	r.seen[e.ID] = true
	body := decodeAs[struct {
		Object    object
		OldObject object `json:"old_object"`
	}](t, e.Event)
	entities, key := r.users, "open_id"
	if strings.HasPrefix(e.Type, "contact.department.") {
		entities, key = r.departments, "open_department_id"
	}
	id, ok := body.Object[key].(string)
	if !ok {
		t.Fatalf("%s has no %s: %s", e.Type, key, e.Event)
	}
	if strings.HasSuffix(e.Type, ".deleted_v3") {
		delete(entities, id)
		return
	}
	is := entities[id]
	if is == nil || strings.HasSuffix(e.Type, ".created_v3") {
		is = object{}
	}
	if key == "open_id" {
		r.know(id, body.Object)
	}
	for field, value := range body.Object {
		is[field] = r.plain(field, value)
	}
	for field := range body.OldObject {
		if _, has := body.Object[field]; !has {
			delete(is, field)
		}
	}
	dropEmpty(is)
	entities[id] = is
}

// plain brings a field of an event to the form in which readers compare.
func (r *reader) plain(field string, value any) any {
	switch field {
	case "department_hrbps":
		var ids []any
		for _, hrbp := range value.([]any) {
			ids = append(ids, hrbp.(object)["open_id"])
		}
		return ids
	case "custom_attrs":
		for _, attr := range value.([]any) {
			if person, ok := attr.(object)["value"].(object)["generic_user"].(object); ok {
				person["id"] = r.people[person["id"].(string)]
			}
		}
	}
	return value
}

// truth is what an app sees, in the fields that events carry, in that form.
func (r *reader) truth(t testing.TB, k *kit, app string) (users, departments map[string]object) {
	t.Helper()
	seen, err := k.SeenBy(app)
	must(t, err)
	read := func(all map[string]json.RawMessage, but ...string) map[string]object {
		out := map[string]object{}
		for id, raw := range all {
			o := decodeAs[object](t, raw)
			for _, field := range but {
				delete(o, field)
			}
			if order, ok := o["order"].(string); ok {
				var n float64
				_, err := fmt.Sscan(order, &n)
				must(t, err)
				o["order"] = n
			}
			if attrs, ok := o["custom_attrs"].([]any); ok && r.blind {
				for _, attr := range attrs {
					delete(attr.(object)["value"].(object), "generic_user")
				}
			}
			dropEmpty(o)
			out[id] = o
		}
		return out
	}
	users = read(seen.Users, "description", "geo", "avatar_key", "is_frozen")
	departments = read(seen.Departments, "i18n_name", "member_count", "primary_member_count", "group_chat_employee_types")
	return users, departments
}

// dropEmpty makes a field without a value and an absent one the same.
func dropEmpty(o object) {
	for field, value := range o {
		list, isList := value.([]any)
		if value == "" || isList && len(list) == 0 || field == "join_time" && value == 0.0 {
			delete(o, field)
		}
	}
}

// differences compares the reader's copy with the company.
func (r *reader) differences(t testing.TB, k *kit, app string) []string {
	t.Helper()
	users, departments := r.truth(t, k, app)
	return slices.Concat(differ("user", users, r.users), differ("department", departments, r.departments))
}

func differ(kind string, want, got map[string]object) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(want)) {
		switch {
		case got[id] == nil:
			out = append(out, fmt.Sprintf("%s %s is missing", kind, id))
		case !cmp.Equal(want[id], got[id]):
			out = append(out, fmt.Sprintf("%s %s differs (-want +got)\n%s", kind, id, cmp.Diff(want[id], got[id])))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if want[id] == nil {
			out = append(out, fmt.Sprintf("%s %s should not be there", kind, id))
		}
	}
	return out
}
