-- A company small enough to be known by heart, as the projector would have left it
-- at position 100 of a log of 100 records of the app "app":
--
--   0 ─ od-a ─ od-a1        od-gone (deleted, its id R reused by od-a1)
--     └ od-b                od-far (out of the app's range)

INSERT INTO mirror.event_log (position, recorded_at, occurred_at, tenant_key, app_id, event_id, payload)
SELECT i, '2026-01-01T00:00:00Z'::timestamptz + i * interval '1 second', '2026-01-01T00:00:00Z', 't', 'app', 'e' || i, '{}'
FROM generate_series(1, 100) AS i;
UPDATE mirror.event_log_head SET position = 100, recorded_at = '2026-01-01T00:01:40Z';
INSERT INTO mirror.checkpoint (consumer, position) VALUES ('core', 100);

INSERT INTO directory.departments (tenant_key, open_department_id, department_id, name, parent_department_id, leader_user_id, department_hrbps,
                                   order_number, path, depth, attributes, removed_at, removed_reason, position)
SELECT 't', id, attributes ->> 'department_id', attributes ->> 'name', attributes ->> 'parent_department_id', attributes ->> 'leader_user_id',
       ARRAY(SELECT jsonb_array_elements_text(attributes -> 'department_hrbps')), (attributes ->> 'order')::numeric, path, depth, attributes, removed_at, removed_reason, 1
FROM (VALUES
    ('0', '/0/', 0, '{}'::jsonb, NULL::timestamptz, NULL),
    ('od-a', '/0/od-a/', 1, '{"department_id": "A", "name": "Alpha", "order": "2", "parent_department_id": "0", "status": {"is_deleted": false},
        "leader_user_id": "ou_ann", "leaders": [{"leaderType": 1, "leaderID": "ou_ann"}, {"leaderType": 2, "leaderID": "ou_nobody"}],
        "department_hrbps": ["ou_bob", "ou_nobody"], "i18n_name": {"en_us": "Alpha"}}', NULL, NULL),
    ('od-b', '/0/od-b/', 1, '{"department_id": "B", "name": "Beta", "order": "1", "parent_department_id": "0"}', NULL, NULL),
    ('od-a1', '/0/od-a/od-a1/', 2, '{"department_id": "R", "name": "Alpha 1", "order": "1", "parent_department_id": "od-a"}', NULL, NULL),
    ('od-gone', '/0/od-gone/', 1, '{"department_id": "R", "name": "Gone", "order": "9", "parent_department_id": "0"}', '2026-01-01T00:00:30Z', 'DELETED'),
    ('od-far', '/0/od-far/', 1, '{"department_id": "F", "name": "Far", "order": "9", "parent_department_id": "0"}', '2026-01-01T00:00:30Z', 'OUT_OF_RANGE')
) AS d (id, path, depth, attributes, removed_at, removed_reason);

INSERT INTO directory.department_leaders (tenant_key, open_department_id, open_id, leader_type, position)
VALUES ('t', 'od-a', 'ou_ann', 1, 1), ('t', 'od-a', 'ou_nobody', 2, 1);

INSERT INTO directory.users (tenant_key, open_id, union_id, user_id, name, email, mobile, is_frozen, department_ids, leader_user_id,
                             dotted_line_leader_user_ids, custom_attrs, attributes, removed_at, removed_reason, position)
SELECT 't', id, attributes ->> 'union_id', attributes ->> 'user_id', attributes ->> 'name', attributes ->> 'email', attributes ->> 'mobile',
       (attributes #>> '{status,is_frozen}')::boolean, ARRAY(SELECT jsonb_array_elements_text(attributes -> 'department_ids')),
       attributes ->> 'leader_user_id', ARRAY(SELECT jsonb_array_elements_text(attributes -> 'dotted_line_leader_user_ids')),
       attributes -> 'custom_attrs', attributes, removed_at, removed_reason, 1
FROM (VALUES
    -- Ann has everything.
    ('ou_ann', '{"union_id": "on_ann", "user_id": "ann", "name": "Ann", "mobile_visible": true, "status": {"is_frozen": true, "is_resigned": false},
        "email": "ann@example.com", "mobile": "+8613800000001", "enterprise_email": "ann@corp.example.com", "employee_no": "E1", "gender": 2,
        "leader_user_id": "ou_bob", "dotted_line_leader_user_ids": ["ou_bob", "ou_nobody"], "geo": "cn", "nickname": "Annie", "time_zone": "Asia/Shanghai",
        "department_ids": ["0", "od-a"], "orders": [{"department_id": "0", "user_order": 5, "department_order": 0, "is_primary_dept": false},
            {"department_id": "od-a", "user_order": 1, "department_order": 1, "is_primary_dept": true}],
        "custom_attrs": [{"id": "C-1", "type": "TEXT", "value": {"text": "x"}},
            {"id": "C-2", "type": "GENERIC_USER", "value": {"generic_user": {"id": "ou_bob", "type": 1}}},
            {"id": "C-3", "type": "GENERIC_USER", "value": {"generic_user": {"id": "ou_nobody", "type": 1}}},
            {"id": "C-4", "type": "ODD", "value": "odd"}]}'::jsonb, NULL::timestamptz, NULL),
    -- Bob has nothing that is not necessary, and the user_id that Old had.
    ('ou_bob', '{"union_id": "on_bob", "user_id": "u1", "name": "Bob", "mobile_visible": true, "status": {"is_frozen": false, "is_resigned": false},
        "department_ids": ["od-a"], "orders": [{"department_id": "od-a", "user_order": 7, "department_order": 0, "is_primary_dept": true}]}', NULL, NULL),
    -- Of Dim the app sees no more than ids.
    ('ou_dim', '{"union_id": "on_dim", "mobile_visible": false, "department_ids": ["od-b"]}', NULL, NULL),
    ('ou_old', '{"union_id": "on_old", "user_id": "u1", "name": "Old", "mobile": "+8613800000001", "city": "Rome", "status": {"is_resigned": true}}', '2026-01-01T00:00:30Z', 'RESIGNED'),
    ('ou_del', '{"union_id": "on_del", "user_id": "del", "name": "Del"}', '2026-01-01T00:00:30Z', 'DELETED'),
    ('ou_far', '{"union_id": "on_far", "user_id": "far", "name": "Far"}', '2026-01-01T00:00:30Z', 'OUT_OF_RANGE')
) AS u (id, attributes, removed_at, removed_reason);

INSERT INTO directory.memberships (tenant_key, open_department_id, open_id, is_primary_dept, user_order, department_order, position)
VALUES ('t', '0', 'ou_ann', false, 5, 0, 1), ('t', 'od-a', 'ou_ann', true, 1, 1, 1), ('t', 'od-a', 'ou_bob', true, 7, 0, 1), ('t', 'od-b', 'ou_dim', true, NULL, NULL, 1);

INSERT INTO directory.employee_types (tenant_key, enum_id, attributes, enum_value, position)
SELECT 't', 'e/' || i, jsonb_build_object('enum_value', i::text, 'content', 'Type ' || i), i::text, 1
FROM generate_series(1, 12) AS i;
INSERT INTO directory.custom_attributes (tenant_key, id, attributes, position)
VALUES ('t', 'C-1', '{"type": "TEXT"}', 1);

INSERT INTO directory.groups (tenant_key, group_id, type, department_scope_list, attributes, removed_at, removed_reason, position)
VALUES ('t', 'g1', 1, NULL, '{"name": "One", "type": 1, "member_user_count": 2}', NULL, NULL, 1),
       ('t', 'g2', 2, '{0,od-a}', '{"name": "Two", "type": 2, "department_scope_list": ["0", "od-a"]}', NULL, NULL, 1),
       ('t', 'g3', 1, NULL, '{"name": "Gone", "type": 1}', '2026-01-01T00:00:30Z', 'DELETED', 1),
       ('t', 'g4', 1, NULL, '{"name": "Far", "type": 1}', '2026-01-01T00:00:30Z', 'OUT_OF_RANGE', 1);
INSERT INTO directory.group_members (tenant_key, group_id, member_type, member_id, removed_at, position)
VALUES ('t', 'g1', 'user', 'ou_ann', NULL, 1), ('t', 'g1', 'user', 'ou_bob', '2026-01-01T00:00:30Z', 1), ('t', 'g1', 'user', 'ou_old', NULL, 1),
       ('t', 'g1', 'user', 'ou_dim', NULL, 1), ('t', 'g1', 'department', 'od-a', NULL, 1), ('t', 'g1', 'department', 'od-gone', NULL, 1),
       ('t', 'g2', 'user', 'ou_ann', NULL, 1), ('t', 'g3', 'user', 'ou_ann', NULL, 1);
INSERT INTO directory.units (tenant_key, unit_id, attributes, removed_at, removed_reason, position)
VALUES ('t', 'u1', '{"name": "Unit", "unit_type": "sub"}', NULL, NULL, 1), ('t', 'u2', '{"name": "Gone"}', '2026-01-01T00:00:30Z', 'DELETED', 1);
INSERT INTO directory.unit_departments (tenant_key, unit_id, open_department_id, position)
VALUES ('t', 'u1', 'od-a', 1), ('t', 'u1', 'od-gone', 1);
INSERT INTO directory.scopes (tenant_key, node_type, node_id, position)
VALUES ('t', 'group', 'g1', 1), ('t', 'department', 'od-a', 1), ('t', 'department', 'od-gone', 1), ('t', 'user', 'ou_ann', 1), ('t', 'user', 'ou_old', 1);
