package compat

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/orgmirror/orgmirror/internal/query"
)

// departmentColumns are those of a department d in the id kinds asked for ($2, $3).
// department.targets has the same order.
const departmentColumns = `
    d.open_department_id, d.attributes, d.member_count, d.primary_member_count, d.removed_reason,
    CASE WHEN $2 <> 'open_id' THEN (
        SELECT jsonb_object_agg(r.open_id, CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END)
        FROM directory.users AS r
        WHERE r.tenant_key = $1
          AND r.open_id = ANY (
              array_append(d.department_hrbps, d.leader_user_id)
              || ARRAY(SELECT l.open_id
                       FROM directory.department_leaders AS l
                       WHERE l.tenant_key = $1 AND l.open_department_id = d.open_department_id))
          AND CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END IS NOT NULL)
    END,
    CASE WHEN $3 <> 'open_department_id' THEN (
        SELECT jsonb_build_object(p.open_department_id, p.department_id)
        FROM directory.departments AS p
        WHERE p.tenant_key = $1 AND p.open_department_id = d.parent_department_id AND p.department_id IS NOT NULL)
    END`

// department is a row of one.
type department struct {
	id             *string // NULL where there is none
	attributes     []byte
	members        *int64
	primaryMembers *int64
	gone           *string
	users          []byte
	departments    []byte
}

func (d *department) targets() []any {
	return []any{&d.id, &d.attributes, &d.members, &d.primaryMembers, &d.gone, &d.users, &d.departments}
}

// unsetDepartment is what Feishu shows of a department though it is not set.
var unsetDepartment = []unset{
	{"i18n_name", "name", json.RawMessage(`{"en_us":"","ja_jp":"","zh_cn":""}`)},
	{"unit_ids", "order", emptyList},
}

// department is one as all methods show it to the client.
func (c *call) department(d *department) (object, error) {
	o, err := objectOf(d.attributes)
	if err != nil {
		return nil, fmt.Errorf("read a department's attributes: %w", err)
	}
	if *d.id == rootID {
		o = object{"department_id": marshal(rootID), "name": emptyText}
	} else if err := c.place(o, d); err != nil {
		return nil, fmt.Errorf("translate a department's references: %w", err)
	}
	o.text("open_department_id", *d.id)
	if d.members != nil {
		o["member_count"] = marshal(*d.members)
	}
	if d.primaryMembers != nil {
		o["primary_member_count"] = marshal(*d.primaryMembers)
	}
	return o, nil
}

// place brings the references of a department into the id kinds asked for, and fills
// in what is not set.
func (c *call) place(o object, d *department) error {
	people, err := referencesOf(d.users, c.kinds.user == openID)
	if err != nil {
		return err
	}
	places, err := referencesOf(d.departments, c.kinds.department == openDepartmentID)
	if err != nil {
		return err
	}
	for _, err := range []error{
		people.one(o, "leader_user_id"), people.list(o, "department_hrbps"), people.objects(o, "leaders", "leaderID"),
		places.one(o, "parent_department_id"), o.localise("i18n_name"),
	} {
		if err != nil {
			return err
		}
	}
	o.fill(unsetDepartment)
	return nil
}

// localise gives an i18n object the names that are not set.
func (o object) localise(name string) error {
	raw, set := o[name]
	if !set {
		return nil
	}
	names, err := objectOf(raw)
	if err != nil {
		return err
	}
	for _, locale := range []string{"en_us", "ja_jp", "zh_cn"} {
		if names[locale] == nil {
			names[locale] = emptyText
		}
	}
	o[name] = names.append(nil)
	return nil
}

// askedDepartment is the department that a request names by $4: asked resolves the
// id kind, target is empty where the mirror has none. The paths of the departments
// below it lie between path and beyond ("0" follows "/").
const askedDepartment = `asked AS (
    SELECT CASE
        WHEN $3 = 'open_department_id' OR $4 = '0' THEN $4
        ELSE ( -- reused after a deletion: whichever is there now, else which went last
            SELECT d.open_department_id
            FROM directory.departments AS d
            WHERE d.tenant_key = $1 AND d.department_id = $4
            ORDER BY d.removed_at IS NOT NULL, d.removed_at DESC, d.open_department_id
            LIMIT 1)
        END AS id
),
target AS (
    SELECT d.open_department_id AS id, d.removed_reason AS gone, d.path, left(d.path, -1) || '0' AS beyond
    FROM asked AS a
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = a.id
    WHERE a.id <> '0' OR ` + seesAll + `
)`

// seesAll tells whether the app's range is everybody, and with it the root: as the
// last complete walk found it. The root's row stays when the range is narrowed.
const seesAll = `coalesce((
        SELECT s.range
        FROM mirror.sweep AS s
        WHERE s.tenant_key = $1 AND s.state = 'complete'
        ORDER BY s.started_at DESC
        LIMIT 1), 'all') = 'all'`

const targetColumns = ` t.id, t.gone`

// target is the department that a call is about.
type target struct{ id, gone *string }

func (t *target) targets() []any { return []any{&t.id, &t.gone} }

// found refuses a department that is not there for the app.
func (c *call) found(t target, asked string) error {
	switch {
	case t.id != nil && t.gone == nil:
		return nil
	case t.id != nil && *t.gone == goneOutOfRange, t.id == nil && asked == rootID:
		return refuse(codeNoDepartment)
	default:
		return unknownDepartment(c.kinds.department, asked)
	}
}

// departmentsOf reads a list of departments. The statement's columns are the
// moment's, those of the department asked about where there is a target, the key's,
// and the department's; without departments it has one row. $1 to $3 are the tenant
// and the id kinds.
func (c *call) departmentsOf(statement string, args []any, t *target) (l listing, err error) {
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var (
			d       department
			key     query.Key
			targets []any
		)
		l = listing{}
		if t != nil {
			*t = target{}
			targets = t.targets()
		}
		targets = append(append(targets, &key.Order, &key.ID), d.targets()...)
		args := append([]any{c.service.Company(ctx), c.kinds.user, c.kinds.department}, args...)
		err := c.rows(ctx, &l.now, statement, args, targets, func() error {
			if d.id == nil {
				return nil
			}
			o, err := c.department(&d)
			if err == nil {
				l.add(o.append(nil), key)
			}
			return err
		})
		return l.now, err
	})
	return l, err
}
