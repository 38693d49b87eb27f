package compat

import (
	"context"

	"github.com/orgmirror/orgmirror/internal/query"
)

func unitMethods() []method {
	return []method{
		{name: "GET /contact/v3/unit/:unit_id", handle: getUnit},
		{name: "GET /contact/v3/unit", handle: listUnits},
		{name: "GET /contact/v3/unit/list_department", handle: listUnitDepartments},
	}
}

// unsetUnit is what Feishu shows of a unit though it is not set.
var unsetUnit = []unset{{"name", "unit_id", emptyText}, {"unit_type", "unit_id", emptyText}}

func unitObject(id string, attributes []byte) (object, error) {
	o, err := objectOf(attributes)
	if err != nil {
		return nil, err
	}
	o.text("unit_id", id)
	o.fill(unsetUnit)
	return o, nil
}

// getUnit serves unit/:unit_id.
func getUnit(c *call) error {
	id := c.id("unit_id")
	if !isID(id) {
		return refuse(codeUnitID)
	}
	l, err := c.units(selectUnit, id)
	switch {
	case err != nil:
		return err
	case len(l.entries) == 0:
		return refuse(codeUnitID)
	}
	c.data = object{"unit": l.entries[0]}.append(nil)
	return nil
}

const selectUnit = `SELECT ` + query.MomentColumns + `, n.unit_id, n.attributes` + query.FromMoment + `
LEFT JOIN directory.units AS n ON n.tenant_key = $1 AND n.unit_id = $2 AND n.removed_at IS NULL`

// listUnits serves unit: all units, by id.
func listUnits(c *call) error {
	p, err := c.pages(50, 100)
	if err != nil {
		return shortTokenText(err)
	}
	l, err := c.units(selectUnits, p.After(query.Key{}).ID, p.Limit())
	if err != nil {
		return err
	}
	return shortTokenText(c.answerPage("unitlist", p, l))
}

const selectUnits = `WITH page AS (
    SELECT n.unit_id, n.attributes
    FROM directory.units AS n
    WHERE n.tenant_key = $1 AND n.unit_id > $2 AND n.removed_at IS NULL
    ORDER BY n.unit_id
    LIMIT $3
)
SELECT ` + query.MomentColumns + `, p.unit_id, p.attributes` + query.FromMoment + `
LEFT JOIN page AS p ON true
ORDER BY p.unit_id`

func (c *call) units(statement string, args ...any) (l listing, err error) {
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var (
			id         *string
			attributes []byte
		)
		l = listing{}
		err := c.rows(ctx, &l.now, statement, append([]any{c.service.Company(ctx)}, args...), []any{&id, &attributes}, func() error {
			if id == nil {
				return nil
			}
			o, err := unitObject(*id, attributes)
			if err == nil {
				l.add(o.append(nil), query.Key{ID: *id})
			}
			return err
		})
		return l.now, err
	})
	return l, err
}

// listUnitDepartments serves unit/list_department: the departments bound to a unit
// that the app sees, by open_department_id.
func listUnitDepartments(c *call) error {
	p, err := c.pages(50, 100)
	if err != nil {
		return shortTokenText(err)
	}
	id := c.query.Get("unit_id")
	if !isID(id) {
		return refuse(codeUnitID)
	}
	var (
		l  listing
		in *string
	)
	err = c.read(func(ctx context.Context) (query.Moment, error) {
		var key, place *string
		l, in = listing{}, nil
		args := []any{c.service.Company(ctx), c.kinds.department, id, p.After(query.Key{}).ID, p.Limit()}
		err := c.rows(ctx, &l.now, selectUnitDepartments, args, []any{&in, &key, &place}, func() error {
			if key != nil {
				l.add(object{"unit_id": marshal(id), "department_id": marshal(place)}.append(nil), query.Key{ID: *key})
			}
			return nil
		})
		return l.now, err
	})
	switch {
	case err != nil:
		return err
	case in == nil:
		return refuse(codeUnitID)
	}
	return shortTokenText(c.answerPage("departmentlist", p, l))
}

const selectUnitDepartments = `WITH target AS (
    SELECT n.unit_id AS id
    FROM directory.units AS n
    WHERE n.tenant_key = $1 AND n.unit_id = $3 AND n.removed_at IS NULL
),
page AS (
    SELECT b.open_department_id AS key,
           CASE WHEN $2 = 'open_department_id' OR b.open_department_id = '0' THEN b.open_department_id ELSE d.department_id END AS id
    FROM target AS t
    JOIN directory.unit_departments AS b ON b.tenant_key = $1 AND b.unit_id = t.id AND b.open_department_id > $4
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = b.open_department_id
    WHERE b.removed_at IS NULL AND d.removed_at IS NULL
    ORDER BY b.open_department_id
    LIMIT $5
)
SELECT ` + query.MomentColumns + `, t.id, p.key, coalesce(p.id, '')` + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN page AS p ON true
ORDER BY p.key`
