package compat

import (
	"strings"

	"github.com/orgmirror/orgmirror/internal/query"
)

func departmentListMethods() []method {
	return []method{
		{name: "GET /contact/v3/departments/:department_id/children", people: byUserIDType, handle: listChildren},
		{name: "GET /contact/v3/departments", people: byUserIDType, handle: listDepartments},
		{name: "POST /contact/v3/departments/search", people: byUserIDType, handle: searchDepartments},
	}
}

// listChildren serves departments/:department_id/children.
func listChildren(c *call) error {
	return c.below(c.id("department_id"))
}

// below lists the departments directly below one, by order and then id, or with
// fetch_child all of them, depth first.
func (c *call) below(id string) error {
	p, err := c.pages(10, 50)
	if err != nil {
		return c.orUnknown(err, id)
	}
	deep, err := c.boolean("fetch_child")
	if err != nil {
		return c.orUnknown(err, id)
	}
	if !isID(id) {
		return unknownDepartment(c.kinds.department, id)
	}
	after := p.After(query.Key{Order: "-Infinity"})
	statement, args := selectChildren, []any{id, after.Order, after.ID, p.Limit()}
	if deep {
		statement, args = selectDescendants, []any{id, after.ID, p.Limit()}
	}
	var t target
	l, err := c.departmentsOf(statement, args, &t)
	if err != nil {
		return err
	}
	if err := c.found(t, id); err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

// A child is one that hangs on the department in path too: on a cycle everybody has
// a parent, and who followed these would never come to an end.
const selectChildren = `WITH ` + askedDepartment + `,
page AS (
    SELECT d.open_department_id, coalesce(d.order_number, 'Infinity') AS place
    FROM target AS t
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.parent_department_id = t.id
    WHERE d.path = t.path || d.open_department_id || '/'
      AND d.removed_at IS NULL
      AND (coalesce(d.order_number, 'Infinity'), d.open_department_id) > ($5::text::numeric, $6)
    ORDER BY place, d.open_department_id
    LIMIT $7
)
SELECT ` + query.MomentColumns + `,` + targetColumns + `, coalesce(p.place, 0)::text, coalesce(p.open_department_id, ''),` + departmentColumns + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.open_department_id) ON true
ORDER BY p.place, p.open_department_id`

// The bounds are sub-selects and not joined columns: that is how the planner sees a
// range. The key of a page is a path.
const selectDescendants = `WITH ` + askedDepartment + `,
page AS (
    SELECT d.open_department_id, d.path
    FROM directory.departments AS d
    WHERE d.tenant_key = $1
      AND d.path > greatest((SELECT t.path FROM target AS t), $5 COLLATE "C")
      AND d.path < (SELECT t.beyond FROM target AS t)
      AND d.removed_at IS NULL
    ORDER BY d.path
    LIMIT $6
)
SELECT ` + query.MomentColumns + `,` + targetColumns + `, '', coalesce(p.path, ''),` + departmentColumns + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.open_department_id) ON true
ORDER BY p.path`

// listDepartments serves the historic list: below a department as children does, and
// without one the departments from which the app's range begins.
func listDepartments(c *call) error {
	if parent := c.query.Get("parent_department_id"); parent != "" {
		return c.below(parent)
	}
	p, err := c.pages(10, 50)
	if err != nil {
		return err
	}
	deep, err := c.boolean("fetch_child")
	if err != nil {
		return err
	}
	l, err := c.departmentsOf(selectTops, []any{p.After(query.Key{}).ID, p.Limit(), deep}, nil)
	if err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

// Who sees the root is shown the root alone. Else the range begins where nothing
// the app sees is above: at the depth 0.
const selectTops = `WITH page AS (
    SELECT d.open_department_id, d.path
    FROM directory.departments AS d
    WHERE d.tenant_key = $1
      AND d.path > $4 COLLATE "C"
      AND d.removed_at IS NULL
      AND CASE WHEN ` + seesAll + ` AND EXISTS (SELECT FROM directory.departments AS r WHERE r.tenant_key = $1 AND r.open_department_id = '0')
               THEN d.open_department_id = '0'
               ELSE d.open_department_id <> '0' AND ($6 OR d.depth = 0 OR d.parent_department_id = '0')
          END
    ORDER BY d.path
    LIMIT $5
)
SELECT ` + query.MomentColumns + `, '', coalesce(p.path, ''),` + departmentColumns + query.FromMoment + `
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.open_department_id) ON true
ORDER BY p.path`

// searchDepartments finds departments by a part of their default names, by id. With
// Feishu it takes the token of a user, who sees what they may see; here there are
// apps only, and they see what the mirror has.
func searchDepartments(c *call) error {
	var body struct {
		Query *string `json:"query"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	if body.Query == nil || strings.TrimSpace(*body.Query) == "" || !isID(*body.Query) {
		return refuse(codeSearchParam)
	}
	c.searched = *body.Query
	p, err := c.pages(20, 50)
	if err != nil {
		return refuse(codeSearchParam)
	}
	l, err := c.departmentsOf(selectFound, []any{strings.TrimSpace(*body.Query), p.After(query.Key{}).ID, p.Limit()}, nil)
	if err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

const selectFound = `WITH page AS (
    SELECT d.open_department_id
    FROM directory.departments AS d
    WHERE d.tenant_key = $1
      AND d.open_department_id > $5
      AND d.open_department_id <> '0'
      AND d.removed_at IS NULL
      AND strpos(lower(d.name), lower($4)) > 0
    ORDER BY d.open_department_id
    LIMIT $6
)
SELECT ` + query.MomentColumns + `, '', coalesce(p.open_department_id, ''),` + departmentColumns + query.FromMoment + `
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.open_department_id) ON true
ORDER BY p.open_department_id`
