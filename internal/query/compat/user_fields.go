package compat

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/orgmirror/orgmirror/internal/query"
)

// A person's columns: userColumns are those of a user u in the id kinds asked for
// ($2, $3), nativeUserColumns the same in the ids that the mirror keeps, without a
// thought for others. person.targets has the same order.
const (
	nativeUserColumns = `
    u.open_id, u.attributes, u.avatar, u.is_frozen, u.removed_reason,
    (SELECT s.allow_open_query FROM directory.custom_attr_settings AS s WHERE s.tenant_key = $1),
    NULL::jsonb, NULL::jsonb`

	userColumns = `
    u.open_id, u.attributes, u.avatar, u.is_frozen, u.removed_reason,
    (SELECT s.allow_open_query FROM directory.custom_attr_settings AS s WHERE s.tenant_key = $1),
    CASE WHEN $2 <> 'open_id' THEN (
        SELECT jsonb_object_agg(r.open_id, CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END)
        FROM directory.users AS r
        WHERE r.tenant_key = $1
          AND r.open_id = ANY (
              array_append(u.dotted_line_leader_user_ids, u.leader_user_id)
              || ARRAY(SELECT x.a #>> '{value,generic_user,id}'
                       FROM jsonb_array_elements(CASE WHEN jsonb_typeof(u.custom_attrs) = 'array' THEN u.custom_attrs END) AS x (a)))
          AND CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END IS NOT NULL)
    END,
    CASE WHEN $3 <> 'open_department_id' THEN (
        SELECT jsonb_object_agg(d.open_department_id, d.department_id)
        FROM directory.departments AS d
        WHERE d.tenant_key = $1
          AND d.open_department_id = ANY (u.department_ids)
          AND d.department_id IS NOT NULL
          AND (d.removed_at IS NULL OR d.removed_reason = 'OUT_OF_RANGE'))
    END`
)

// person is a row of a user.
type person struct {
	openID      *string // NULL where there is none
	attributes  []byte
	avatar      []byte
	frozen      *bool
	gone        *string // why
	openQuery   *bool   // whether apps may see custom attributes; NULL: nobody said they may not
	users       []byte
	departments []byte
}

func (p *person) targets() []any {
	return []any{&p.openID, &p.attributes, &p.avatar, &p.frozen, &p.gone, &p.openQuery, &p.users, &p.departments}
}

// Why something is gone, as the read model says.
const (
	goneResigned   = "RESIGNED"
	goneOutOfRange = "OUT_OF_RANGE"
)

func (p *person) is(reason string) bool { return p.gone != nil && *p.gone == reason }

// answers tells whether Feishu answers for the person when asked by id: it does for
// people who resigned.
func (p *person) answers() bool { return p.openID != nil && (p.gone == nil || p.is(goneResigned)) }

// userFields are the fields of people that not every method shows.
type userFields struct {
	frozen bool // is_frozen at the top level
	hidden []string
}

// The methods' fields, after the table in Feishu's pages on users. avatar_key, which
// users/batch shows, and assign_info, which GET does, are in none of the lists that
// the mirror is made from.
var (
	getFields      = userFields{}
	listFields     = userFields{frozen: true}
	historicFields = userFields{frozen: true, hidden: []string{"nickname", "geo", "job_level_id", "job_family_id", "dotted_line_leader_user_ids"}}
)

// unsetUser is what Feishu shows of a person though it is not set. Of e-mail
// addresses, nicknames, leaders and the like it shows no key then.
var unsetUser = []unset{
	{"city", "status", emptyText},
	{"country", "status", emptyText},
	{"work_station", "status", emptyText},
	{"job_title", "status", emptyText},
	{"employee_no", "status", emptyText},
	{"employee_type", "status", zero},
	{"join_time", "status", zero},
	{"en_name", "name", emptyText},
	{"description", "mobile_visible", emptyText},
}

// ofResigned are the fields that are left of people who resigned.
var ofResigned = []string{"name", "status", "union_id", "user_id"}

// user is a person as a method shows them to the client.
func (c *call) user(p *person, shown userFields) (object, error) {
	o, err := objectOf(p.attributes)
	if err != nil {
		return nil, fmt.Errorf("read a person's attributes: %w", err)
	}
	if p.is(goneResigned) {
		left := object{}
		for _, name := range ofResigned {
			if raw, set := o[name]; set {
				left[name] = raw
			}
		}
		return c.named(left, p), nil
	}
	if err := c.translate(o, p); err != nil {
		return nil, fmt.Errorf("translate a person's references: %w", err)
	}
	if len(p.avatar) > 0 {
		o["avatar"] = p.avatar
	}
	if shown.frozen && p.frozen != nil {
		o["is_frozen"] = marshal(*p.frozen)
	}
	o.fill(unsetUser)
	if _, set := o["mobile"]; !set && c.mobiles {
		o["mobile"] = emptyText
	}
	for _, name := range shown.hidden {
		delete(o, name)
	}
	if p.openQuery != nil && !*p.openQuery {
		delete(o, "custom_attrs") // what is kept is from before the administrators said no
	}
	if !c.client.Sees(query.RoleSensitive) {
		for _, name := range query.SensitiveFields() {
			delete(o, name)
		}
	} else if slices.ContainsFunc(query.SensitiveFields(), func(name string) bool { _, has := o[name]; return has }) {
		c.withheld++
	}
	return c.named(o, p), nil
}

// named puts the open_id in, where the client may have it.
func (c *call) named(o object, p *person) object {
	if !c.hidesOpenID() {
		o.text("open_id", *p.openID)
	}
	return o
}

// translate brings the references of a person into the id kinds asked for.
func (c *call) translate(o object, p *person) error {
	people, err := referencesOf(p.users, c.kinds.user == openID)
	if err != nil {
		return err
	}
	places, err := referencesOf(p.departments, c.kinds.department == openDepartmentID)
	if err != nil {
		return err
	}
	for _, err := range []error{
		people.one(o, "leader_user_id"), people.list(o, "dotted_line_leader_user_ids"), people.attrs(o),
		places.list(o, "department_ids"), places.objects(o, "orders", "department_id"),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// attrs translates the custom attributes that name somebody.
func (r references) attrs(o object) error {
	raw, set := o["custom_attrs"]
	if r == nil || !set {
		return nil
	}
	var all []object
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	buf := []byte{'['}
	for i, attr := range all {
		if err := r.attr(attr); err != nil {
			return err
		}
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = attr.append(buf)
	}
	o["custom_attrs"] = append(buf, ']')
	return nil
}

func (r references) attr(attr object) error {
	value, err := objectOf(attr["value"])
	if err != nil || value["generic_user"] == nil {
		return nil //nolint:nilerr // of another type than documented: as Feishu gave it
	}
	who, err := objectOf(value["generic_user"])
	if err != nil {
		return err
	}
	if err := r.one(who, "id"); err != nil {
		return err
	}
	if who["id"] == nil {
		delete(value, "generic_user")
	} else {
		value["generic_user"] = who.append(nil)
	}
	attr["value"] = value.append(nil)
	return nil
}
