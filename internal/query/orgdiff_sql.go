package query

// The statements of DiffOrganization. Their parameters are those of every
// statement ($1 to $3), the department ($4, empty for the whole company), and the
// two moments ($5 and $6, $7 and $8). They run in one transaction with
// settings of its own, see [Service.diff].

// organizationEnds has the two moments, what of the tree of departments was asked
// for at each, and who was in it. (Every statement must name every parameter, so the
// moments have the id kind of people with them.) A department below one that is gone heads a tree of its own,
// as everywhere; UNION forgets what it had, so a cycle ends.
const organizationEnds = `WITH RECURSIVE ` + askedDepartment + `,
ends (side, at, position, user_id_type) AS (
    VALUES (0, $5::timestamptz, $6::bigint, $2::text), (1, $7::timestamptz, $8::bigint, $2)
),
below (side, id) AS (
    SELECT e.side, t.id
    FROM target AS t
    CROSS JOIN ends AS e
    WHERE t.id = '0'
       OR EXISTS (
           SELECT
           FROM history.departments AS v
           WHERE v.tenant_key = $1 AND v.open_department_id = t.id AND v.removed_at IS NULL AND` + versionHolds + `)
    UNION
    SELECT b.side, v.open_department_id
    FROM below AS b
    JOIN ends AS e ON e.side = b.side
    JOIN history.departments AS v ON v.tenant_key = $1 AND v.parent_department_id = b.id
    WHERE v.removed_at IS NULL AND` + versionHolds + `
),
members AS MATERIALIZED (
    SELECT DISTINCT b.side, v.open_id AS id
    FROM below AS b
    JOIN ends AS e ON e.side = b.side
    JOIN history.memberships AS v ON v.tenant_key = $1 AND v.open_department_id = b.id
    WHERE` + versionHolds + `
)`

// organizationEntries finds the differences. Who is another at the second moment
// than at the first has a version that began in between, on the axis of the two
// moments; on the other axis they are the same, and nothing lies between. A leader
// changes with a version of the department. What an index is not meant for is hidden
// from the planner, which without statistics would take any.
const organizationEntries = organizationEnds + `,
changed_departments AS (
    SELECT v.open_department_id AS id
    FROM history.departments AS v
    WHERE v.valid_from > $5 AND v.valid_from <= $7 AND v.from_position + 0 <= $8 AND v.tenant_key || '' = $1
    UNION
    SELECT v.open_department_id
    FROM history.departments AS v
    WHERE v.from_position > $6 AND v.from_position <= $8 AND v.tenant_key || '' = $1
),
changed_users AS (
    SELECT v.open_id AS id
    FROM history.users AS v
    WHERE v.valid_from > $5 AND v.valid_from <= $7 AND v.from_position + 0 <= $8 AND v.tenant_key || '' = $1
    UNION
    SELECT v.open_id
    FROM history.users AS v
    WHERE v.from_position > $6 AND v.from_position <= $8 AND v.tenant_key || '' = $1
    UNION
    SELECT v.open_id
    FROM changed_departments AS c
    JOIN history.department_leaders AS v ON v.tenant_key = $1 AND v.open_department_id = c.id
),
user_ends AS (
    SELECT c.id, e.side, v.from_position, v.here, v.name, v.department_ids, v.removed_reason,
           v.here AND ($4 = '' OR (e.side, c.id) IN (SELECT m.side, m.id FROM members AS m)) AS inside,
           CASE WHEN v.here THEN (
               SELECT jsonb_object_agg(v.open_department_id, v.leader_type)
               FROM history.department_leaders AS v
               WHERE v.tenant_key = $1 AND v.open_id = c.id AND` + versionHolds + `) END AS leads
    FROM changed_users AS c
    CROSS JOIN ends AS e
    LEFT JOIN LATERAL (
        SELECT v.from_position, v.removed_at IS NULL AS here, v.name, v.department_ids, v.removed_reason
        FROM history.users AS v
        WHERE v.tenant_key = $1 AND v.open_id = c.id AND v.from_position <= e.position AND v.valid_from <= e.at
        ORDER BY v.from_position DESC
        LIMIT 1
    ) AS v ON true
),
user_pairs AS (
    SELECT a.id, a.side, a.from_position,
           coalesce(a.here, false) AS was, coalesce(lead(a.here) OVER w, false) AS is, a.inside OR lead(a.inside) OVER w AS inside,
           a.name AS name_before, lead(a.name) OVER w AS name_after, lead(a.removed_reason) OVER w AS removed_reason,
           a.department_ids AS departments_before, lead(a.department_ids) OVER w AS departments_after,
           a.leads AS leads_before, lead(a.leads) OVER w AS leads_after
    FROM user_ends AS a
    WINDOW w AS (PARTITION BY a.id ORDER BY a.side)
),
department_ends AS (
    SELECT c.id, e.side, v.here, v.name, v.parent, v.removed_reason,
           v.here AND ($4 = '' OR (e.side, c.id) IN (SELECT b.side, b.id FROM below AS b)) AS inside
    FROM changed_departments AS c
    CROSS JOIN ends AS e
    LEFT JOIN LATERAL (
        SELECT v.removed_at IS NULL AS here, v.name, v.parent_department_id AS parent, v.removed_reason
        FROM history.departments AS v
        WHERE v.tenant_key = $1 AND v.open_department_id = c.id AND v.from_position <= e.position AND v.valid_from <= e.at
        ORDER BY v.from_position DESC
        LIMIT 1
    ) AS v ON true
),
department_pairs AS (
    SELECT a.id, a.side,
           coalesce(a.here, false) AS was, coalesce(lead(a.here) OVER w, false) AS is, a.inside OR lead(a.inside) OVER w AS inside,
           a.name AS name_before, lead(a.name) OVER w AS name_after, lead(a.removed_reason) OVER w AS removed_reason,
           a.parent AS parent_before, lead(a.parent) OVER w AS parent_after
    FROM department_ends AS a
    WINDOW w AS (PARTITION BY a.id ORDER BY a.side)
),
entries AS (
    SELECT true AS person, k.rank, k.kind, p.id, CASE k.kind WHEN 'left' THEN p.removed_reason END AS reason,
           p.was, p.is, p.name_before, p.name_after, p.departments_before, p.departments_after, p.leads_before, p.leads_after,
           NULL::text AS parent_before, NULL::text AS parent_after
    FROM user_pairs AS p
    CROSS JOIN LATERAL (SELECT CASE WHEN p.is AND NOT p.was THEN EXISTS (
        SELECT
        FROM history.users AS v
        WHERE v.tenant_key = $1 AND v.open_id = p.id AND v.from_position < p.from_position AND v.removed_at IS NULL) END AS before) AS e
    CROSS JOIN LATERAL (VALUES
        (1, 'joined', NOT p.was AND p.is AND NOT e.before),
        (2, 'returned', NOT p.was AND p.is AND e.before),
        (3, 'left', p.was AND NOT p.is),
        (4, 'moved', p.was AND p.is AND p.departments_before <> p.departments_after),
        (5, 'renamed', p.was AND p.is AND p.name_before <> p.name_after),
        (6, 'promoted', p.was AND p.is AND EXISTS (
            SELECT
            FROM jsonb_each_text(p.leads_after) AS n
            WHERE coalesce(n.value::int < (p.leads_before ->> n.key)::int, true))),
        (7, 'demoted', p.was AND p.is AND EXISTS (
            SELECT
            FROM jsonb_each_text(p.leads_before) AS n
            WHERE coalesce(n.value::int < (p.leads_after ->> n.key)::int, true)))
    ) AS k (rank, kind, holds)
    WHERE p.side = 0 AND p.inside AND k.holds
    UNION ALL
    SELECT false, k.rank, k.kind, p.id, CASE k.kind WHEN 'department_removed' THEN p.removed_reason END,
           p.was, p.is, p.name_before, p.name_after, NULL, NULL, NULL, NULL, p.parent_before, p.parent_after
    FROM department_pairs AS p
    CROSS JOIN LATERAL (VALUES
        (8, 'department_created', NOT p.was AND p.is),
        (9, 'department_removed', p.was AND NOT p.is),
        (10, 'department_moved', p.was AND p.is AND p.parent_before <> p.parent_after),
        (11, 'department_renamed', p.was AND p.is AND p.name_before <> p.name_after)
    ) AS k (rank, kind, holds)
    WHERE p.side = 0 AND p.inside AND k.holds
)`

const selectDifferences = organizationEntries + `,
page AS (
    SELECT n.person, n.rank, n.kind, n.id, n.reason, n.was, n.is, n.name_before, n.name_after,
           n.departments_before, n.departments_after, n.leads_before, n.leads_after, n.parent_before, n.parent_after
    FROM entries AS n
    WHERE (n.rank, n.id) > ($9, $10) AND (n.kind = ANY ($11::text[]) OR $11 IS NULL)
    ORDER BY n.rank, n.id
    LIMIT $12
)
SELECT p.person, p.rank, p.kind, p.id,
       CASE WHEN p.person AND $2 <> 'open_id' THEN (
                SELECT CASE WHEN $2 = 'union_id' THEN r.union_id ELSE r.user_id END
                FROM directory.users AS r
                WHERE r.tenant_key = $1 AND r.open_id = p.id)
            WHEN NOT p.person AND $3 <> 'open_department_id' AND p.id <> '0' THEN (
                SELECT r.department_id
                FROM directory.departments AS r
                WHERE r.tenant_key = $1 AND r.open_department_id = p.id)
            ELSE p.id
       END,
       p.reason,
       p.was, p.name_before, p.departments_before, p.leads_before, p.parent_before,
       p.is, p.name_after, p.departments_after, p.leads_after, p.parent_after
FROM page AS p
ORDER BY p.rank, p.id`

// selectDepartmentNames names departments as they were, by the sides $7 and the
// ids $8. Its parameters are its own: no column of it is another statement's.
const selectDepartmentNames = `WITH ends (side, at, position) AS (
    VALUES (0, $3::timestamptz, $4::bigint), (1, $5::timestamptz, $6::bigint)
)
SELECT n.side, n.id,
       CASE WHEN $2 = 'open_department_id' OR n.id = '0' THEN n.id
            ELSE coalesce((SELECT r.department_id
                           FROM directory.departments AS r
                           WHERE r.tenant_key = $1 AND r.open_department_id = n.id), '')
       END,
       v.name
FROM unnest($7::int[], $8::text[]) AS n (side, id)
JOIN ends AS e ON e.side = n.side
LEFT JOIN LATERAL (
    SELECT v.name
    FROM history.departments AS v
    WHERE v.tenant_key = $1 AND v.open_department_id = n.id AND v.from_position <= e.position AND v.valid_from <= e.at
    ORDER BY v.from_position DESC
    LIMIT 1
) AS v ON true`

// selectDifferenceCounts counts the differences by kind.
const selectDifferenceCounts = organizationEntries + `
SELECT n.kind, count(*)
FROM entries AS n
GROUP BY n.kind`

// selectHeadcounts counts people and departments at each moment, and, below a
// department, who was there at both.
const selectHeadcounts = organizationEnds + `,
counted AS (
    SELECT m.side, count(*) AS people
    FROM members AS m
    WHERE $4 <> ''
    GROUP BY m.side
    UNION ALL
    SELECT e.side, count(*)
    FROM ends AS e
    JOIN history.users AS v ON v.tenant_key = $1
    WHERE $4 = '' AND v.removed_at IS NULL AND` + versionHolds + `
    GROUP BY e.side
)
SELECT coalesce((SELECT c.people FROM counted AS c WHERE c.side = 0), 0),
       coalesce((SELECT c.people FROM counted AS c WHERE c.side = 1), 0),
       CASE WHEN $4 <> '' THEN (
           SELECT count(*)
           FROM members AS m
           WHERE m.side = 0 AND m.id IN (SELECT n.id FROM members AS n WHERE n.side = 1)) END,
       d.before, d.after
FROM (
    SELECT count(*) FILTER (WHERE x.side = 0) AS before, count(*) FILTER (WHERE x.side = 1) AS after
    FROM (
        SELECT b.side
        FROM below AS b
        WHERE $4 <> ''
        UNION ALL
        SELECT e.side
        FROM ends AS e
        JOIN history.departments AS v ON v.tenant_key = $1
        WHERE $4 = '' AND v.removed_at IS NULL AND` + versionHolds + `
    ) AS x
) AS d`
