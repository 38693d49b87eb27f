package e2e_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// facts are what there is to know of a company, one by one: a name such as
// "user ou_1 city", and a value in one form, whoever says it. What has no value
// is no fact.
type facts map[string]string

// notMirrored are the fields that the permission table shows to an app and the
// mirror does not promise, each with the reason.
var notMirrored = map[string]string{
	"user.avatar_key":             "an input of writes: lists show the picture, which is compared",
	"user.department_path":        "only for calls in a person's name",
	"user.assign_info":            "licences: only the answer about one person has them, and no event tells",
	"user.subscription_ids":       "an input of writes",
	"user.status":                 "compared flag by flag",
	"user.orders":                 "compared as memberships",
	"department.leaders":          "compared one by one",
	"department.leaders.leaderID": "a part of leaders",
	"department.status":           "says is_deleted: who is deleted is not there",
}

// compared are the fields of a kind that an app with these permissions may see,
// as the sandbox's table says; null is every permission.
func compared(kind sandbox.Kind, permissions []string) []string {
	var fields []string
	for _, f := range sandbox.FieldPermissions() {
		may := len(f.Any) == 0 || permissions == nil ||
			slices.ContainsFunc(f.Any, func(scope string) bool { return slices.Contains(permissions, scope) })
		if _, left := notMirrored[string(f.Kind)+"."+f.Field]; f.Kind == kind && may && !left {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

// trueFacts are the facts as the sandbox shows them to an app. Nobody else is
// asked which fields there are.
func trueFacts(t *testing.T, server *sandbox.Server, appID string) facts {
	t.Helper()
	seen, err := server.SeenBy(appID)
	if err != nil {
		t.Fatal(err)
	}
	var permissions []string
	for _, a := range server.Apps() {
		if a.ID == appID {
			permissions = a.Permissions
		}
	}
	all := facts{}
	if seen.Root != nil {
		all.department("0", members(t, seen.Root), compared(sandbox.KindDepartment, permissions))
	}
	for id, raw := range seen.Departments {
		d := members(t, raw)
		all.department(id, d, compared(sandbox.KindDepartment, permissions))
		for _, leader := range list(t, d["leaders"]) {
			l := members(t, leader)
			all.put("leader "+id+" "+plain(l["leaderID"]), "leader_type", l["leaderType"])
		}
	}
	for id, raw := range seen.Users {
		u := members(t, raw)
		all.user(id, u, compared(sandbox.KindUser, permissions))
		if u["status"] != nil {
			for flag, value := range members(t, u["status"]) {
				all.put("user "+id, flag, value)
			}
		}
		for _, order := range list(t, u["orders"]) {
			o := members(t, order)
			of := "membership " + plain(o["department_id"]) + " " + id
			for _, field := range []string{"is_primary_dept", "user_order", "department_order"} {
				all.put(of, field, o[field])
			}
		}
	}
	all.definitions(t, "employee_type", seen.EmployeeTypes)
	all.definitions(t, "custom_attribute", seen.CustomAttrs)
	return all
}

func (all facts) user(id string, u map[string]json.RawMessage, fields []string) {
	all.put("user "+id, "exists", json.RawMessage("true"))
	for _, field := range fields {
		all.put("user "+id, field, u[field])
	}
}

func (all facts) department(id string, d map[string]json.RawMessage, fields []string) {
	all.put("department "+id, "exists", json.RawMessage("true"))
	for _, field := range fields {
		all.put("department "+id, field, d[field])
	}
}

func (all facts) definitions(t *testing.T, kind string, objects map[string]json.RawMessage) {
	t.Helper()
	for id, raw := range objects {
		all.put(kind+" "+id, "exists", json.RawMessage("true"))
		for field, value := range members(t, raw) {
			all.put(kind+" "+id, field, value)
		}
	}
}

// put adds a fact, if there is a value.
func (all facts) put(of, field string, value json.RawMessage) {
	if text := oneForm(field, value); text != "" {
		all[of+" "+field] = text
	}
}

// differ are the names of facts on which two disagree.
func (all facts) differ(other facts) []string {
	var names []string
	for name, value := range all {
		if other[name] != value {
			names = append(names, name)
		}
	}
	for name := range other {
		if _, has := all[name]; !has {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sets are fields whose lists have no order.
var sets = []string{"department_ids", "unit_ids", "department_hrbps", "group_chat_employee_types", "dotted_line_leader_user_ids", "custom_attrs", "i18n_name", "i18n_content"}

// oneForm writes a value so that what means the same reads the same: numbers
// as text, what is empty not at all, times as seconds, pictures by their paths.
func oneForm(field string, raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "unreadable: " + string(raw)
	}
	value = trim(value)
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil && field == "join_time" {
			return fmt.Sprint(at.Unix())
		}
		if v == "0" && (field == "join_time" || field == "employee_type") {
			return ""
		}
		return v
	case []any:
		if slices.Contains(sets, field) {
			slices.SortFunc(v, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
		}
	}
	return text(value)
}

func text(value any) string {
	raw, err := json.Marshal(value) // sorts the members of objects
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return string(raw)
}

// trim leaves out what is empty, and turns numbers into text and URLs of
// pictures into their paths.
func trim(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return nil
		}
		if u, err := url.Parse(v); err == nil && strings.Contains(u.Host, "feishucdn") {
			return u.Path
		}
	case json.Number:
		return v.String()
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = trim(v[i])
		}
	case map[string]any:
		for name := range v {
			if v[name] = trim(v[name]); v[name] == nil {
				delete(v, name)
			}
		}
		if len(v) == 0 {
			return nil
		}
	}
	return value
}

func members(t *testing.T, raw json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return all
}

func list(t *testing.T, raw json.RawMessage) (items []json.RawMessage) {
	t.Helper()
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, &items); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return items
}

// plain is a JSON string without its quotes.
func plain(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }
