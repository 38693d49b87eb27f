package query

import "strings"

// The tables and parts that statements about the past have; see past.go. $at and
// $position are the moment's parameters.

// holdsThen is whether a version v holds at the moment; see versionHolds. + 0 hides
// from_position from the planner, which without statistics takes the first version of
// everybody for few.
const holdsThen = `
    v.from_position + 0 <= $position AND v.valid_from <= $at AND (v.to_position > $position OR v.valid_to > $at)`

// pastTables are the tables of directory as they were at the moment, for
// each that history has.
var pastTables = map[string]string{
	"users": `SELECT v.*, NULL::jsonb AS avatar FROM history.users AS v WHERE` + holdsThen,
	"departments": `SELECT v.*, NULL::bigint AS member_count, NULL::bigint AS primary_member_count, (` + pathThen + `) AS path
        FROM history.departments AS v WHERE` + holdsThen,
	"memberships":        `SELECT v.* FROM history.memberships AS v WHERE` + holdsThen,
	"department_leaders": `SELECT v.* FROM history.department_leaders AS v WHERE` + holdsThen,
	"groups":             `SELECT v.* FROM history.groups AS v WHERE` + holdsThen,
	"group_members":      `SELECT v.* FROM history.group_members AS v WHERE` + holdsThen,
	"units":              `SELECT v.* FROM history.units AS v WHERE` + holdsThen,
	"unit_departments":   `SELECT v.* FROM history.unit_departments AS v WHERE` + holdsThen,
	"employee_types":     `SELECT v.* FROM history.employee_types AS v WHERE` + holdsThen,
	"custom_attributes":  `SELECT v.* FROM history.custom_attributes AS v WHERE` + holdsThen,
	"scopes":             `SELECT v.* FROM history.scopes AS v WHERE` + holdsThen,
}

// pathThen is the path of a version v of a department, by the rules of the fold
// (directory.Tree): up to the root, which always exists, or to a department that
// nothing holds up, or to the first one on a cycle; one that is gone is on none. It is
// not evaluated where nobody asks for it.
const pathThen = `
    WITH RECURSIVE up AS (
        SELECT ARRAY[w.open_department_id] AS ids, w.parent_department_id AS above
        FROM (SELECT v.open_department_id, v.parent_department_id) AS w
        UNION ALL
        SELECT u.ids || u.above, p.parent_department_id
        FROM up AS u
        LEFT JOIN LATERAL (
            SELECT v.open_department_id, v.parent_department_id, v.removed_at
            FROM history.departments AS v
            WHERE v.tenant_key = $1 AND v.open_department_id = u.above AND` + holdsThen + `
            OFFSET 0 -- keeps the planner to a look into the index for each
        ) AS p ON true
        WHERE u.ids[cardinality(u.ids)] <> '0'
          AND NOT u.above = ANY (u.ids)
          AND (u.above = '0' OR (p.open_department_id IS NOT NULL AND p.removed_at IS NULL))
    )
    SELECT '/' || string_agg(x.id, '/' ORDER BY x.n DESC) || '/'
    FROM (
        SELECT u.ids[:coalesce(array_position(u.ids, u.above, CASE WHEN v.removed_at IS NULL THEN 1 ELSE 2 END), cardinality(u.ids))] AS ids
        FROM up AS u
        ORDER BY cardinality(u.ids) DESC
        LIMIT 1
    ) AS e
    CROSS JOIN unnest(e.ids) WITH ORDINALITY AS x (id, n)`

// pastParts are the parts of statements that are others in the past.
var pastParts = strings.NewReplacer(
	askedDepartment, askedDepartment+`,
tops AS (
    SELECT t.id, t.id = '0' OR EXISTS (
        SELECT FROM directory.departments AS d WHERE d.tenant_key = $1 AND d.open_department_id = t.id AND d.removed_at IS NULL) AS holds
    FROM target AS t
),
`+beneathThen,
	subtreeExtent, `extent AS (
    SELECT $5 OR count(*) >= $8 AS wide
    FROM beneath AS b
)`,
	subtreeDepartments, `(
            SELECT b.id
            FROM beneath AS b
            WHERE b.holds OR b.is_top
        )`,
	inSubtree, inBeneath,
	groupRoots, groupTopsThen+`,
`+beneathThen,
	groupExtent, `extent AS (
    SELECT $8 AND ($5 OR count(*) >= $9) AS wide
    FROM beneath AS b
)`,
	groupDepartments, `(SELECT DISTINCT b.id FROM beneath AS b WHERE b.holds)`,
	inGroupRoots, inBeneath,
)

// groupTopsThen are the departments that are members of a group; see groupRoots.
const groupTopsThen = `tops AS (
    SELECT d.open_department_id AS id, d.removed_at IS NULL AS holds
    FROM directory.group_members AS m
    JOIN directory.departments AS d ON d.tenant_key = $1 AND d.open_department_id = m.member_id
    WHERE $8 AND m.tenant_key = $1 AND m.group_id = $4 AND m.member_type = 'department' AND ($5 OR (m.removed_at IS NULL AND d.removed_at IS NULL))
)`

// beneathThen walks from tops down: who is beneath hangs on them in path. A
// department that is gone holds nothing. From a top that is on a cycle the walk would
// come back, and none of those on the cycle hangs on another: hence what is above is
// left out, but for what is gone, which is on no cycle. OFFSET keeps the planner to a
// look into the index for each.
const beneathThen = `above AS (
    SELECT p.id AS top, p.id
    FROM tops AS p
    UNION
    SELECT a.top, d.id
    FROM above AS a
    CROSS JOIN LATERAL (
        SELECT d.parent_department_id AS id
        FROM directory.departments AS d
        WHERE d.tenant_key = $1 AND d.open_department_id = a.id AND (d.removed_at IS NULL OR a.id = a.top)
        OFFSET 0
    ) AS d
    WHERE a.id <> '0'
),
beneath AS (
    SELECT p.id AS top, p.id, p.holds, true AS is_top
    FROM tops AS p
    UNION ALL
    SELECT b.top, d.id, d.holds, false
    FROM beneath AS b
    CROSS JOIN LATERAL (
        SELECT d.open_department_id AS id, d.removed_at IS NULL AS holds
        FROM directory.departments AS d
        WHERE d.tenant_key = $1 AND d.parent_department_id = b.id
        OFFSET 0
    ) AS d
    WHERE b.holds
      AND NOT (d.holds AND EXISTS (SELECT FROM above AS a WHERE a.top = b.top AND a.id = d.id))
)`

// inBeneath is whether a person u is in a department that is beneath. CASE keeps the
// look among them one into a hash table.
const inBeneath = `EXISTS (
              SELECT
              FROM unnest(u.department_ids) AS x (id)
              WHERE CASE WHEN x.id IN (SELECT b.id FROM beneath AS b WHERE $5 OR b.holds OR b.is_top) THEN true END)`
