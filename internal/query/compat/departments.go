package compat

import (
	"slices"

	"github.com/orgmirror/orgmirror/internal/query"
)

func departmentMethods() []method {
	return []method{
		{name: "GET /contact/v3/departments/:department_id", people: byUserIDType, handle: getDepartment},
		{name: "GET /contact/v3/departments/batch", people: byUserIDType, handle: batchDepartments},
		{name: "GET /contact/v3/departments/parent", people: byUserIDType, handle: listParents},
	}
}

// getDepartment serves departments/:department_id.
func getDepartment(c *call) error {
	id := c.id("department_id")
	if !isID(id) {
		return unknownDepartment(c.kinds.department, id)
	}
	var t target
	l, err := c.departmentsOf(selectDepartment, []any{id}, &t)
	if err != nil {
		return err
	}
	if err := c.found(t, id); err != nil {
		return err
	}
	c.data = object{"department": l.entries[0]}.append(nil)
	return nil
}

const selectDepartment = `WITH ` + askedDepartment + `
SELECT ` + query.MomentColumns + `,` + targetColumns + `, '', '',` + departmentColumns + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = t.id`

// orUnknown is a refusal of a call, unless the department that it names is to blame:
// Feishu's gateway looks at ids before the method does at anything.
func (c *call) orUnknown(refused error, id string) error {
	if !isID(id) {
		return unknownDepartment(c.kinds.department, id)
	}
	var t target
	if _, err := c.departmentsOf(selectDepartment, []any{id}, &t); err != nil {
		return err
	}
	if err := c.found(t, id); err != nil {
		return err
	}
	return refused
}

// batchDepartments serves departments/batch. Ids that do not exist, or that the app
// does not see, are dropped.
func batchDepartments(c *call) error {
	ids := c.query["department_ids"]
	switch {
	case len(ids) == 0:
		return invalidField("department_ids", "", "department_ids is required")
	case len(ids) > maxBatch:
		return refuse(codePageSize).saying("page size is more than 50 error")
	}
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !isID(id) })
	l, err := c.departmentsOf(selectDepartments, []any{known}, nil)
	if err != nil {
		return err
	}
	c.data = object{"items": join(l.entries)}.append(nil)
	return nil
}

const selectDepartments = `WITH asked AS (
    SELECT d.open_department_id AS id, min(a.n) AS n
    FROM unnest($4::text[]) WITH ORDINALITY AS a (id, n)
    JOIN directory.departments AS d
        ON d.tenant_key = $1
       AND d.removed_at IS NULL
       AND d.open_department_id = CASE
           WHEN $3 = 'open_department_id' OR a.id = '0' THEN a.id
           ELSE (
               SELECT r.open_department_id
               FROM directory.departments AS r
               WHERE r.tenant_key = $1 AND r.department_id = a.id AND r.removed_at IS NULL
               ORDER BY r.open_department_id
               LIMIT 1)
           END
    WHERE d.open_department_id <> '0' OR ` + seesAll + `
    GROUP BY d.open_department_id
)
SELECT ` + query.MomentColumns + `, '', '',` + departmentColumns + query.FromMoment + `
LEFT JOIN (asked AS a JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = a.id) ON true
ORDER BY a.n`

// listParents serves departments/parent: the departments above one, the nearest
// first, without itself and without the root, as far as the app sees them.
func listParents(c *call) error {
	id := c.query.Get("department_id")
	if id == "" {
		return refuse(codeNoDepartmentID)
	}
	p, err := c.pages(20, 50)
	if err != nil {
		return c.orUnknown(err, id)
	}
	if !isID(id) {
		return unknownDepartment(c.kinds.department, id)
	}
	var t target
	l, err := c.departmentsOf(selectParents, []any{id, p.After(query.Key{}).ID, p.Limit()}, &t)
	if err != nil {
		return err
	}
	if err := c.found(t, id); err != nil {
		return err
	}
	return c.answerPage("items", p, l)
}

// The walk goes on above the last one shown, wherever that is now; where it is
// above the department no more there is nothing left to show.
const selectParents = `WITH ` + askedDepartment + `,
line AS (
    SELECT p.id, p.n
    FROM target AS t
    CROSS JOIN unnest(string_to_array(trim(BOTH '/' FROM t.path), '/')) WITH ORDINALITY AS p (id, n)
    WHERE p.id <> t.id AND p.id <> '0'
),
page AS (
    SELECT l.id, l.n
    FROM line AS l
    WHERE $5 = '' OR l.n < (SELECT o.n FROM line AS o WHERE o.id = $5)
    ORDER BY l.n DESC
    LIMIT $6
)
SELECT ` + query.MomentColumns + `,` + targetColumns + `, '', coalesce(p.id, ''),` + departmentColumns + query.FromMoment + `
LEFT JOIN target AS t ON true
LEFT JOIN (page AS p JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = p.id AND d.removed_at IS NULL) ON true
ORDER BY p.n DESC`
