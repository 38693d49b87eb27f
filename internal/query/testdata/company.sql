-- A company of 20 000 people in 1 500 departments, as the projector would have
-- left it: a root, departments and people eight to a parent, a quarter of the people in two
-- departments. Parameters are not needed; the ids follow from the numbers.

INSERT INTO directory.departments (tenant_key, open_department_id, department_id, name, path, depth, attributes, position)
VALUES ('t', '0', '0', '', '/0/', 0, '{}', 1);

WITH RECURSIVE numbered AS (
    SELECT i,
           'od-' || md5('d' || i) AS id,
           CASE WHEN i <= 8 THEN '0' ELSE 'od-' || md5('d' || (i - 1) / 8) END AS parent
    FROM generate_series(1, 1500) AS i
), tree AS (
    SELECT i, id, parent, '/0/' || id || '/' AS path, 1 AS depth
    FROM numbered
    WHERE parent = '0'
    UNION ALL
    SELECT n.i, n.id, n.parent, t.path || n.id || '/', t.depth + 1
    FROM tree AS t
    JOIN numbered AS n ON n.parent = t.id
)
INSERT INTO directory.departments (tenant_key, open_department_id, department_id, name, i18n_name,
                                   parent_department_id, leader_user_id, "order", order_number,
                                   member_count, primary_member_count, path, depth, attributes, position)
SELECT 't', id, 'D' || i, '部门' || i, jsonb_build_object('zh_cn', '部门' || i, 'en_us', 'Department ' || i),
       parent, 'ou_' || md5('u' || i), (i * 1000)::text, i * 1000,
       16, 13, path, depth, jsonb_build_object('open_department_id', id), i + 1
FROM tree;

INSERT INTO directory.users (tenant_key, open_id, union_id, user_id, name, en_name, nickname,
                             email, enterprise_email, mobile, mobile_visible, gender, avatar,
                             is_frozen, is_resigned, is_activated, is_exited, is_unjoin,
                             department_ids, leader_user_id, city, country, work_station, join_time,
                             is_tenant_manager, employee_no, employee_type, job_title, description,
                             custom_attrs, attributes, position)
SELECT 't', 'ou_' || md5('u' || i), 'on_' || md5('u' || i), 'u' || i,
       substr('王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗', 1 + i % 20, 1) || substr('伟芳娜敏静丽强磊军洋', 1 + i / 20 % 10, 1) || substr('明华平刚英玉杰涛超艳', 1 + i / 200 % 10, 1),
       'Person ' || i, CASE WHEN i % 3 = 0 THEN 'P' || i END,
       'p' || i || '@example.com', 'p' || i || '@corp.example.com', '+86138' || lpad(i::text, 8, '0'), true, 1 + i % 2,
       jsonb_build_object('avatar_72', 'https://avatar.example.com/72/' || md5(i::text),
                          'avatar_240', 'https://avatar.example.com/240/' || md5(i::text),
                          'avatar_640', 'https://avatar.example.com/640/' || md5(i::text),
                          'avatar_origin', 'https://avatar.example.com/origin/' || md5(i::text)),
       false, false, true, false, false,
       CASE WHEN i % 4 = 0 THEN ARRAY['od-' || md5('d' || 1 + i % 1500), 'od-' || md5('d' || 1 + i * 7 % 1500)]
            ELSE ARRAY['od-' || md5('d' || 1 + i % 1500)] END,
       CASE WHEN i > 1 THEN 'ou_' || md5('u' || (i - 2) / 8 + 1) END, (ARRAY['北京', '上海', '深圳', '杭州'])[1 + i % 4], 'CN', 'A-' || i, '2020-01-01T00:00:00Z'::timestamptz + i % 1000 * interval '1 day',
       false, 'E' || i, 1 + (i % 20 = 0)::integer, '工程师', '',
       '[{"id": "C-1", "type": "TEXT", "value": {"text": "x"}}]',
       jsonb_build_object('open_id', 'ou_' || md5('u' || i)), 1501 + i
FROM generate_series(1, 20000) AS i;

INSERT INTO directory.memberships (tenant_key, open_department_id, open_id, is_primary_dept, user_order, department_order, position)
SELECT 't', m.id, u.open_id, m.n = 1, u.position, 3 - m.n, u.position
FROM directory.users AS u
CROSS JOIN LATERAL unnest(u.department_ids) WITH ORDINALITY AS m (id, n)
WHERE u.tenant_key = 't'
ON CONFLICT DO NOTHING;

INSERT INTO directory.department_leaders (tenant_key, open_department_id, open_id, leader_type, position)
SELECT 't', d.open_department_id, d.leader_user_id, 1, d.position
FROM directory.departments AS d
WHERE d.leader_user_id IS NOT NULL;

INSERT INTO directory.sweeps (tenant_key, sweep_id, started_at, completed_at, position)
VALUES ('t', '00000000-0000-0000-0000-000000000001', now() - interval '1 hour', now() - interval '50 minutes', 21501);

INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, payload)
SELECT i, now() - interval '1 hour', now() - interval '1 hour', 't', 'app', 'e' || i, '{}'
FROM generate_series(1, 21501) AS i;

UPDATE mirror.event_log_head
SET position = 21501, recorded_at = now() - interval '1 hour';

INSERT INTO mirror.checkpoint (consumer, position)
VALUES ('core', 21501);

ANALYZE directory.users, directory.departments, directory.memberships, directory.department_leaders,
        directory.sweeps, mirror.event_log, mirror.event_log_head, mirror.checkpoint;
