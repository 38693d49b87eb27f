-- The history of the company of company.sql, as the projector would have left it:
-- everybody and everything was seen by the first walk, two months ago; since then
-- each person was another three times, and a few people and departments have
-- changed in the last hour. To be run after company.sql.

INSERT INTO history.departments (tenant_key, open_department_id, department_id, name, parent_department_id, leader_user_id, attributes,
                                 from_position, valid_from)
SELECT tenant_key, open_department_id, department_id, name, parent_department_id, leader_user_id, attributes,
       position, now() - interval '60 days'
FROM directory.departments;

INSERT INTO history.department_leaders (tenant_key, open_department_id, open_id, leader_type, from_position, valid_from)
SELECT tenant_key, open_department_id, open_id, leader_type, position, now() - interval '60 days'
FROM directory.department_leaders;

INSERT INTO history.memberships (tenant_key, open_department_id, open_id, is_primary_dept, user_order, department_order, from_position, valid_from)
SELECT tenant_key, open_department_id, open_id, is_primary_dept, user_order, department_order, position, now() - interval '60 days'
FROM directory.memberships;

-- What company_resources.sql adds, where that was run.
INSERT INTO history.groups (tenant_key, group_id, name, type, attributes, from_position, valid_from)
SELECT tenant_key, group_id, name, type, attributes, position, now() - interval '60 days'
FROM directory.groups;
INSERT INTO history.group_members (tenant_key, group_id, member_type, member_id, from_position, valid_from)
SELECT tenant_key, group_id, member_type, member_id, position, now() - interval '60 days'
FROM directory.group_members;
INSERT INTO history.units (tenant_key, unit_id, name, attributes, from_position, valid_from)
SELECT tenant_key, unit_id, name, attributes, position, now() - interval '60 days'
FROM directory.units;
INSERT INTO history.unit_departments (tenant_key, unit_id, open_department_id, from_position, valid_from)
SELECT tenant_key, unit_id, open_department_id, position, now() - interval '60 days'
FROM directory.unit_departments;
INSERT INTO history.scopes (tenant_key, node_type, node_id, from_position, valid_from)
SELECT tenant_key, node_type, node_id, position, now() - interval '60 days'
FROM directory.scopes;

-- A version a person and turn, 20000 positions and fifteen days apart.
INSERT INTO history.users (tenant_key, open_id, union_id, user_id, name, email, mobile, department_ids, leader_user_id, city, job_title, attributes,
                           from_position, to_position, valid_from, valid_to)
SELECT tenant_key, open_id, union_id, user_id, name, email, mobile, department_ids, leader_user_id, city, job_title || turn, attributes,
       position + turn * 20000, CASE WHEN turn < 3 THEN position + (turn + 1) * 20000 ELSE 9223372036854775807 END,
       now() - interval '60 days' + turn * interval '15 days',
       CASE WHEN turn < 3 THEN now() - interval '60 days' + (turn + 1) * interval '15 days' ELSE 'infinity' END
FROM directory.users
CROSS JOIN generate_series(0, 3) AS turn;

-- The last hour.
WITH restless AS (
    SELECT open_id, from_position
    FROM history.users
    WHERE to_position = 9223372036854775807
    ORDER BY open_id
    LIMIT 20
), ended AS (
    UPDATE history.users AS v
    SET to_position = 120000, valid_to = now() - interval '30 minutes'
    FROM restless AS s
    WHERE v.open_id = s.open_id AND v.from_position = s.from_position
    RETURNING v.*
)
INSERT INTO history.users (tenant_key, open_id, name, department_ids, attributes, from_position, valid_from)
SELECT tenant_key, open_id, name || '!', department_ids, attributes, 120000, now() - interval '30 minutes'
FROM ended;

UPDATE directory.sweeps SET completed_at = now() - interval '59 days', started_at = now() - interval '60 days', position = 21501;
UPDATE mirror.event_log_head SET position = 120000;
UPDATE mirror.checkpoint SET position = 120000 WHERE consumer = 'core';
