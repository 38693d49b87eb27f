-- A company small enough to be known by heart, as the projector would have left
-- it at position 100 of a log of 100 records.
--
--   0 ┬ od-b (order 500)      ann                 od-orphan ─ od-orphan1    (parent not here)
--     ├ od-a (order 1000) ┬ od-a1 ─ od-a11        od-x, od-y                (on a cycle)
--     │                   └ od-gone (deleted)     od-z                      (below od-x)
--     └ od-c (no order)

INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, payload)
SELECT i, '2026-01-01T00:00:00Z'::timestamptz + i * interval '1 second', '2026-01-01T00:00:00Z', 't', 'app', 'e' || i, '{}'
FROM generate_series(1, 100) AS i;

UPDATE mirror.event_log_head
SET position = 100, recorded_at = '2026-01-01T00:01:40Z';

INSERT INTO mirror.checkpoint (consumer, position)
VALUES ('core', 100), ('another', 7);

INSERT INTO directory.departments (tenant_key, open_department_id, department_id, name, i18n_name, parent_department_id,
                                   leader_user_id, chat_id, "order", order_number, unit_ids, department_hrbps,
                                   group_chat_employee_types, member_count, primary_member_count, path, depth,
                                   attributes, removed_at, removed_reason, position)
VALUES
    ('t', '0', '0', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 9, 8, '/0/', 0, '{}', NULL, NULL, 1),
    ('t', 'od-a', 'A', '甲部', '{"zh_cn": "甲部", "en_us": "Alpha"}', '0', 'ou_ann', 'oc_a', '1000', 1000, '{BU1}', '{ou_bob,ou_nobody,ou_ann}',
     '{1,2}', 6, 5, '/0/od-a/', 1, '{}', NULL, NULL, 2),
    ('t', 'od-b', 'B', 'Beta', NULL, '0', NULL, NULL, '500', 500, NULL, NULL, NULL, NULL, NULL, '/0/od-b/', 1, '{}', NULL, NULL, 3),
    ('t', 'od-c', NULL, 'Gamma', NULL, '0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '/0/od-c/', 1, '{}', NULL, NULL, 4),
    ('t', 'od-a1', 'A1', 'Alpha 1', NULL, 'od-a', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/0/od-a/od-a1/', 2, '{}', NULL, NULL, 5),
    ('t', 'od-a11', 'A11', 'Alpha 1 1', NULL, 'od-a1', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/0/od-a/od-a1/od-a11/', 3, '{}', NULL, NULL, 6),
    ('t', 'od-gone', 'R', 'Closed', NULL, 'od-a', NULL, NULL, '2', 2, NULL, NULL, NULL, NULL, NULL, '/0/od-a/od-gone/', 2, '{}', '2026-01-01T00:00:30Z', 'DELETED', 7),
    ('t', 'od-again', 'R', 'Opened', NULL, 'od-b', NULL, NULL, '2', 2, NULL, NULL, NULL, NULL, NULL, '/0/od-b/od-again/', 2, '{}', NULL, NULL, 8),
    ('t', 'od-orphan', 'O', 'Orphan', NULL, 'od-missing', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/od-orphan/', 0, '{}', NULL, NULL, 9),
    ('t', 'od-orphan1', 'O1', 'Orphan 1', NULL, 'od-orphan', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/od-orphan/od-orphan1/', 1, '{}', NULL, NULL, 10),
    ('t', 'od-x', 'X', 'X', NULL, 'od-y', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/od-x/', 0, '{}', NULL, NULL, 11),
    ('t', 'od-y', 'Y', 'Y', NULL, 'od-x', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/od-y/', 0, '{}', NULL, NULL, 12),
    ('t', 'od-z', 'Z', 'Z', NULL, 'od-x', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/od-x/od-z/', 1, '{}', NULL, NULL, 13),
    -- another company, with the same ids
    ('other', '0', '0', 'other root', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '/0/', 0, '{}', NULL, NULL, 14),
    ('other', 'od-a', 'A', 'other', NULL, '0', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/0/od-a/', 1, '{}', NULL, NULL, 14),
    ('other', 'od-other', 'OTHER', 'other', NULL, '0', NULL, NULL, '1', 1, NULL, NULL, NULL, NULL, NULL, '/0/od-other/', 1, '{}', NULL, NULL, 14);

INSERT INTO directory.department_leaders (tenant_key, open_department_id, open_id, leader_type, position)
VALUES ('t', 'od-a', 'ou_zoe', 1, 2),
       ('t', 'od-a', 'ou_bob', 2, 2),
       ('t', 'od-a', 'ou_ann', 2, 2),
       ('t', 'od-a', 'ou_nobody', 2, 2),
       ('other', 'od-a', 'ou_other', 1, 2);

-- Ann has everything.
INSERT INTO directory.users (tenant_key, open_id, union_id, user_id, name, en_name, nickname, email, enterprise_email, mobile,
                             mobile_visible, gender, avatar, is_frozen, is_resigned, is_activated, is_exited, is_unjoin,
                             department_ids, leader_user_id, city, country, work_station, join_time, is_tenant_manager,
                             employee_no, employee_type, job_title, job_level_id, job_family_id, geo, description,
                             dotted_line_leader_user_ids, custom_attrs, attributes, position)
VALUES ('t', 'ou_ann', 'on_ann', 'ann', '安娜', 'Ann', 'Annie', 'ann@private.example', 'ann@corp.example', '+8613800000001',
        false, 2, '{"avatar_72": "https://a/72", "avatar_240": "https://a/240", "avatar_640": "https://a/640", "avatar_origin": "https://a/0"}',
        true, false, true, false, true,
        '{0,od-a,od-c}', 'ou_bob', '北京', 'CN', 'A-1', '2020-02-03T00:00:00Z', true,
        'E001', 1, '工程师', 'jl1', 'jf1', 'cn', 'signature',
        '{ou_zoe,ou_nobody,ou_noids}',
        '[{"id": "C-1", "type": "TEXT", "value": {"text": "x"}},
          {"id": "C-2", "type": "GENERIC_USER", "value": {"generic_user": {"id": "ou_bob", "type": 1}}},
          {"id": "C-3", "type": "GENERIC_USER", "value": {"generic_user": {"id": "ou_nobody", "type": 1}}},
          {"id": 4, "type": "HREF", "value": {"url": "https://x", "text": 7}},
          {"id": "C-5", "type": "TEXT", "value": "odd"}]',
        '{"orders": [{"department_id": "0", "user_order": 0, "department_order": 1, "is_primary_dept": false},
                     {"department_id": "od-a", "user_order": 9007199254740993, "department_order": 3, "is_primary_dept": true},
                     {"department_id": "od-c", "is_primary_dept": false}]}', 20);

INSERT INTO directory.users (tenant_key, open_id, union_id, user_id, name, en_name, nickname, email, enterprise_email, mobile, gender,
                             employee_no, custom_attrs, department_ids, leader_user_id, attributes, removed_at, removed_reason, position)
VALUES
    ('t', 'ou_bob', 'on_bob', 'bob', 'Bob', 'Robert', NULL, 'b@p', 'b@c', '+1', 1, 'E2', '[{"id": "C-1", "type": "TEXT"}]', '{od-a}', 'ou_zoe', '{}', NULL, NULL, 21),
    ('t', 'ou_zoe', 'on_zoe', 'zoe', 'Zoe', NULL, 'Anne', 'z@p', 'z@c', '+2', 2, 'E3', '[{"id": "C-1", "type": "TEXT"}]', '{od-b,od-a11}', NULL, '{}', NULL, NULL, 22),
    -- reuse of a user_id: three people, one of them there
    ('t', 'ou_reuse1', 'on_reuse1', 'shared', 'First', NULL, NULL, 'r@p', 'r@c', '+3', 1, 'E4', '[{"id": "C-1", "type": "TEXT"}]', '{od-a1}', NULL, '{}', '2026-01-01T00:00:10Z', 'RESIGNED', 23),
    ('t', 'ou_reuse2', 'on_reuse2', 'shared', 'Second', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-a1}', NULL, '{}', NULL, NULL, 24),
    ('t', 'ou_reuse3', 'on_reuse3', 'shared', 'Third', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-a1}', NULL, '{}', '2026-01-01T00:00:20Z', 'DELETED', 25),
    ('t', 'ou_left1', 'on_left1', 'left', 'Left earlier', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-a11}', NULL, '{}', '2026-01-01T00:00:10Z', 'RESIGNED', 26),
    ('t', 'ou_left2', 'on_left2', 'left', 'Left later', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-a,od-gone}', NULL, '{}', '2026-01-01T00:00:20Z', 'OUT_OF_RANGE', 27),
    ('t', 'ou_noids', NULL, NULL, 'No ids', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{0}', NULL, '{}', NULL, NULL, 28),
    ('t', 'ou_or', 'on_or', 'or', 'Or Phan', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-orphan1}', NULL, '{}', NULL, NULL, 29),
    ('t', 'ou_pct', 'on_pct', 'a/b:c d%', '50%_off\', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-gone}', NULL, '{}', NULL, NULL, 30),
    ('t', 'ou_cyc', 'on_cyc', 'cyc', 'cyclist', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-x,od-y}', NULL, '{}', NULL, NULL, 31),
    ('other', 'ou_ann', 'on_ann', 'ann', '安娜他', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-a}', NULL, '{}', NULL, NULL, 32),
    ('other', 'ou_other', 'on_other', 'other', 'other', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{od-a}', NULL, '{}', NULL, NULL, 32);

INSERT INTO directory.memberships (tenant_key, open_department_id, open_id, is_primary_dept, user_order, department_order, position)
SELECT u.tenant_key, m.id, u.open_id, m.n = 1,
       CASE u.open_id WHEN 'ou_bob' THEN 5 WHEN 'ou_ann' THEN 9 WHEN 'ou_zoe' THEN 7 END, 1, u.position
FROM directory.users AS u
CROSS JOIN LATERAL unnest(u.department_ids) WITH ORDINALITY AS m (id, n)
WHERE u.removed_at IS NULL;

INSERT INTO directory.sweeps (tenant_key, sweep_id, started_at, completed_at, position)
VALUES ('t', 's1', now() - interval '3 hours', now() - interval '2 hours', 50),
       ('t', 's2', now() - interval '1 hour', now() - interval '50 minutes', 90),
       ('t', 's3', now() - interval '10 minutes', NULL, 95),
       ('other', 's4', now(), now(), 99);

INSERT INTO mirror.event_log_parked (position, tenant_key, entity_kind, entity_id, field, error)
VALUES (5, 't', 'user', 'ou_ann', 'gender', 'wrong type'),
       (6, 't', '', '', '', 'no id'),
       (6, 'other', '', '', '', 'no id');

INSERT INTO mirror.reread_queue (tenant_key, entity_kind, entity_id, reasons, not_before, position)
VALUES ('t', 'user', 'ou_ann', '{tie}', now(), 5),
       ('other', 'user', 'ou_ann', '{tie}', now(), 5);

INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at, appended, unchanged)
VALUES ('00000000-0000-0000-0000-000000000003', 't', 'app', 'running', now() - interval '10 minutes', 12, 34),
       ('00000000-0000-0000-0000-000000000004', 'other', 'app', 'running', now(), 1, 1);

INSERT INTO mirror.sweep_task (sweep_id, listing, department_id, done)
VALUES ('00000000-0000-0000-0000-000000000003', 'root', '0', true),
       ('00000000-0000-0000-0000-000000000003', 'users', '0', true),
       ('00000000-0000-0000-0000-000000000003', 'users', 'od-a', false),
       ('00000000-0000-0000-0000-000000000004', 'root', '0', false);

INSERT INTO mirror.sweep_seen (sweep_id, entity_kind, entity_id, seen_at)
VALUES ('00000000-0000-0000-0000-000000000003', 'department', '0', now()),
       ('00000000-0000-0000-0000-000000000003', 'department', 'od-a', now()),
       ('00000000-0000-0000-0000-000000000003', 'user', 'ou_ann', now());

-- The history: everybody was seen by the first walk; Ann had another mobile number
-- and no city then, got this number at 60, and the city at 92.
INSERT INTO history.departments (tenant_key, open_department_id, department_id, name, parent_department_id, leader_user_id, attributes,
                                 removed_at, removed_reason, from_position, valid_from)
SELECT tenant_key, open_department_id, department_id, name, parent_department_id, leader_user_id, attributes,
       removed_at, removed_reason, position, now() - interval '150 minutes'
FROM directory.departments;

INSERT INTO history.department_leaders (tenant_key, open_department_id, open_id, leader_type, from_position, valid_from)
SELECT tenant_key, open_department_id, open_id, leader_type, position, now() - interval '150 minutes'
FROM directory.department_leaders;

INSERT INTO history.users (tenant_key, open_id, union_id, user_id, name, email, enterprise_email, mobile, gender, employee_no, custom_attrs,
                           department_ids, leader_user_id, city, attributes, removed_at, removed_reason,
                           from_position, to_position, valid_from, valid_to)
SELECT u.tenant_key, u.open_id, u.union_id, u.user_id, u.name, u.email, u.enterprise_email,
       CASE v.turn WHEN 1 THEN '+8613700000000' ELSE u.mobile END, u.gender, u.employee_no, u.custom_attrs,
       u.department_ids, u.leader_user_id, CASE WHEN v.turn < 3 THEN NULL ELSE u.city END, u.attributes, u.removed_at, u.removed_reason,
       coalesce(v.from_position, u.position), v.to_position, now() - v.since, coalesce(now() - v.until, 'infinity')
FROM directory.users AS u
JOIN (VALUES
    (0, NULL::bigint, 9223372036854775807, interval '150 minutes', NULL::interval),
    (1, 41, 60, interval '150 minutes', interval '100 minutes'),
    (2, 60, 92, interval '100 minutes', interval '40 minutes'),
    (3, 92, 9223372036854775807, interval '40 minutes', NULL)
) AS v (turn, from_position, to_position, since, until) ON (v.turn > 0) = (u.open_id = 'ou_ann');
