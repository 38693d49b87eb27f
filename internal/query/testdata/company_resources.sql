-- What the company of company.sql has beside people and departments: 200 groups of 200
-- people and two departments each, and some units.

INSERT INTO directory.groups (tenant_key, group_id, name, type, attributes, position)
SELECT 't', 'g' || i, 'group ' || i, 1 + i % 2, '{}', 1
FROM generate_series(1, 200) AS i;

INSERT INTO directory.group_members (tenant_key, group_id, member_type, member_id, position)
SELECT 't', g.group_id, 'user', u.open_id, 1
FROM directory.groups AS g
CROSS JOIN LATERAL (SELECT u.open_id
                    FROM directory.users AS u
                    WHERE u.tenant_key = 't' AND u.open_id > (SELECT min(x.open_id) FROM directory.users AS x WHERE x.tenant_key = 't')
                    ORDER BY u.open_id
                    LIMIT 200 OFFSET (g.position * 7)) AS u;

INSERT INTO directory.group_members (tenant_key, group_id, member_type, member_id, position)
SELECT 't', g.group_id, 'department', d.open_department_id, 1
FROM directory.groups AS g
CROSS JOIN LATERAL (SELECT d.open_department_id FROM directory.departments AS d WHERE d.tenant_key = 't' ORDER BY d.open_department_id LIMIT 2) AS d;

INSERT INTO directory.units (tenant_key, unit_id, name, attributes, position)
SELECT 't', 'BU' || i, 'unit ' || i, '{}', 1
FROM generate_series(1, 50) AS i;

INSERT INTO directory.unit_departments (tenant_key, unit_id, open_department_id, position)
SELECT 't', 'BU' || 1 + n % 50, open_department_id, 1
FROM (SELECT open_department_id, row_number() OVER (ORDER BY open_department_id) AS n FROM directory.departments WHERE tenant_key = 't') AS d;

INSERT INTO directory.scopes (tenant_key, node_type, node_id, position)
SELECT 't', 'group', g.group_id, 1
FROM directory.groups AS g;

ANALYZE directory.groups, directory.group_members, directory.units, directory.unit_departments, directory.scopes;
