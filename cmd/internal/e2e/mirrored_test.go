package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// userFlags are what is in a person's status, a column each.
var userFlags = []string{"is_activated", "is_exited", "is_frozen", "is_resigned", "is_unjoin"}

// mirrored are the facts as the mirror's tables have them: of each field the
// column where there is one, and what attributes say, which must be the same.
func mirrored(t *testing.T, database string, permissions []string) facts {
	t.Helper()
	all := facts{}
	eachRow(t, database, `SELECT open_id, to_jsonb(u) FROM directory.users u WHERE removed_at IS NULL`, func(id string, row map[string]json.RawMessage) {
		all.user(id, joined(t, row), compared(sandbox.KindUser, permissions))
		for _, flag := range userFlags {
			all.put("user "+id, flag, row[flag])
		}
	})
	eachRow(t, database, `SELECT open_department_id, to_jsonb(d) FROM directory.departments d WHERE removed_at IS NULL`, func(id string, row map[string]json.RawMessage) {
		all.department(id, joined(t, row), compared(sandbox.KindDepartment, permissions))
	})
	eachRow(t, database, `SELECT open_department_id || ' ' || open_id, to_jsonb(m) FROM directory.memberships m`, func(id string, row map[string]json.RawMessage) {
		for _, field := range []string{"is_primary_dept", "user_order", "department_order"} {
			all.put("membership "+id, field, row[field])
		}
	})
	eachRow(t, database, `SELECT open_department_id || ' ' || open_id, to_jsonb(l) FROM directory.department_leaders l`, func(id string, row map[string]json.RawMessage) {
		all.put("leader "+id, "leader_type", row["leader_type"])
	})
	for kind, query := range map[string]string{
		"employee_type":    `SELECT enum_id, to_jsonb(e) FROM directory.employee_types e WHERE removed_at IS NULL`,
		"custom_attribute": `SELECT id, to_jsonb(a) FROM directory.custom_attributes a WHERE removed_at IS NULL`,
	} {
		eachRow(t, database, query, func(id string, row map[string]json.RawMessage) {
			object := joined(t, row)
			for _, ours := range []string{"tenant_key", "attributes", "removed_at", "removed_reason", "position"} {
				delete(object, ours)
			}
			all.definitions(t, kind, map[string]json.RawMessage{id: json.RawMessage(text(object))})
		})
	}
	return all
}

// inColumnsOnly are fields that attributes leave out: they make no version, or
// are derived from others.
var inColumnsOnly = []string{"avatar", "member_count", "primary_member_count", "is_frozen"}

// joined is a row in which a column that says another thing than its attribute
// shows both.
func joined(t *testing.T, row map[string]json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	attributes, object := members(t, row["attributes"]), maps.Clone(row)
	for field, column := range row {
		_, has := attributes[field]
		a, b := oneForm(field, column), oneForm(field, attributes[field])
		switch {
		case a == b, slices.Contains(inColumnsOnly, field), !has && !slices.Contains(comparedAnywhere(), field):
		case field == "parent_department_id" && a == "0": // under the root is who has no other parent
		case strings.HasSuffix(field, "_id") && a == keyOf(row): // attributes are without the key
		default:
			object[field] = json.RawMessage(text(fmt.Sprintf("column %s, attribute %s", a, b)))
		}
	}
	return object
}

// keyOf is what a row is known by.
func keyOf(row map[string]json.RawMessage) string {
	for _, key := range []string{"open_id", "open_department_id"} {
		if id, has := row[key]; has {
			return plain(id)
		}
	}
	return ""
}

func comparedAnywhere() []string {
	return append(compared(sandbox.KindUser, nil), compared(sandbox.KindDepartment, nil)...)
}
