package query

// The statements of DiffOrganization. Their parameters are those of every
// statement ($1 to $3), the department ($4, empty for the whole company), and the
// two moments ($5 and $6, $7 and $8). They run in one transaction with
// settings of its own, see [Service.diff].

// organizationEnds has the two moments, and what of the tree of departments was
// asked for at each. A department below one that is gone heads a tree of its own,
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
user_states AS MATERIALIZED (
    SELECT c.id, e.side, v.from_position, v.here, v.name, v.department_ids, v.removed_reason,
           v.here AND ($4 = '' OR EXISTS (
               SELECT
               FROM unnest(v.department_ids) AS x (id)
               WHERE (e.side, x.id) IN (SELECT b.side, b.id FROM below AS b))) AS inside,
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
department_states AS MATERIALIZED (
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
entries AS (
    SELECT true AS person, k.rank, k.kind, a.id, CASE WHEN k.kind = 'left' THEN b.removed_reason END AS reason
    FROM user_states AS a
    JOIN user_states AS b ON b.id = a.id AND b.side = 1
    CROSS JOIN LATERAL (SELECT coalesce(a.here, false) AS was, coalesce(b.here, false) AS is) AS h
    CROSS JOIN LATERAL (SELECT CASE WHEN h.is AND NOT h.was THEN EXISTS (
        SELECT
        FROM history.users AS v
        WHERE v.tenant_key = $1 AND v.open_id = a.id AND v.from_position < a.from_position AND v.removed_at IS NULL) END AS before) AS e
    CROSS JOIN LATERAL (VALUES
        (1, 'joined', NOT h.was AND h.is AND NOT e.before),
        (2, 'returned', NOT h.was AND h.is AND e.before),
        (3, 'left', h.was AND NOT h.is),
        (4, 'moved', h.was AND h.is AND a.department_ids <> b.department_ids),
        (5, 'renamed', h.was AND h.is AND a.name <> b.name),
        (6, 'promoted', h.was AND h.is AND EXISTS (
            SELECT
            FROM jsonb_each_text(b.leads) AS n
            WHERE coalesce(n.value::int < (a.leads ->> n.key)::int, true))),
        (7, 'demoted', h.was AND h.is AND EXISTS (
            SELECT
            FROM jsonb_each_text(a.leads) AS n
            WHERE coalesce(n.value::int < (b.leads ->> n.key)::int, true)))
    ) AS k (rank, kind, holds)
    WHERE a.side = 0 AND (a.inside OR b.inside) AND k.holds
    UNION ALL
    SELECT false, k.rank, k.kind, a.id, CASE WHEN k.kind = 'department_removed' THEN b.removed_reason END
    FROM department_states AS a
    JOIN department_states AS b ON b.id = a.id AND b.side = 1
    CROSS JOIN LATERAL (SELECT coalesce(a.here, false) AS was, coalesce(b.here, false) AS is) AS h
    CROSS JOIN LATERAL (VALUES
        (8, 'department_created', NOT h.was AND h.is),
        (9, 'department_removed', h.was AND NOT h.is),
        (10, 'department_moved', h.was AND h.is AND a.parent <> b.parent),
        (11, 'department_renamed', h.was AND h.is AND a.name <> b.name)
    ) AS k (rank, kind, holds)
    WHERE a.side = 0 AND (a.inside OR b.inside) AND k.holds
)`

// selectDifferences has two rows for each difference, one for each moment.
const selectDifferences = organizationEntries + `,
page AS (
    SELECT n.person, n.rank, n.kind, n.id, n.reason
    FROM entries AS n
    WHERE (n.rank, n.id) > ($9, $10) AND (n.kind = ANY ($11::text[]) OR $11 IS NULL)
    ORDER BY n.rank, n.id
    LIMIT $12
)
SELECT p.person, p.rank, p.kind, p.id,
       CASE WHEN p.person AND e.user_id_type <> 'open_id' THEN (
                SELECT CASE WHEN e.user_id_type = 'union_id' THEN r.union_id ELSE r.user_id END
                FROM directory.users AS r
                WHERE r.tenant_key = $1 AND r.open_id = p.id)
            WHEN NOT p.person AND $3 <> 'open_department_id' AND p.id <> '0' THEN (
                SELECT r.department_id
                FROM directory.departments AS r
                WHERE r.tenant_key = $1 AND r.open_department_id = p.id)
            ELSE p.id
       END,
       p.reason, e.side,
       coalesce(u.here, d.here, false), coalesce(u.name, d.name), u.department_ids, u.leads, d.parent
FROM page AS p
CROSS JOIN ends AS e
LEFT JOIN user_states AS u ON p.person AND u.id = p.id AND u.side = e.side
LEFT JOIN department_states AS d ON NOT p.person AND d.id = p.id AND d.side = e.side
ORDER BY p.rank, p.id, e.side`

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
inside AS MATERIALIZED (
    SELECT e.side, v.open_id
    FROM ends AS e
    JOIN history.users AS v ON v.tenant_key = $1
    WHERE v.removed_at IS NULL AND` + versionHolds + `
      AND ($4 = '' OR EXISTS (
          SELECT
          FROM unnest(v.department_ids) AS x (id)
          WHERE (e.side, x.id) IN (SELECT b.side, b.id FROM below AS b)))
)
SELECT (SELECT count(*) FROM inside AS i WHERE i.side = 0),
       (SELECT count(*) FROM inside AS i WHERE i.side = 1),
       CASE WHEN $4 <> '' THEN (
           SELECT count(*)
           FROM inside AS a
           JOIN inside AS b ON b.open_id = a.open_id AND b.side = 1
           WHERE a.side = 0) END,
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
