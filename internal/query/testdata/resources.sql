-- Groups, units, definitions and a scope for the company of small.sql.
--
--   g1  ann, bob, zoe (not any more), nobody (not in the mirror), od-a1 and od-b (with all below)
--   g2  dynamic, of od-a; od-x, which is on a cycle
--   g3  gone; ann was in it
--   g4  the root

INSERT INTO directory.groups (tenant_key, group_id, name, description, type, member_user_count, member_department_count, department_scope_list, attributes, removed_at, removed_reason, position)
VALUES ('t', 'g1', '项目组', 'x', 1, 3, 2, NULL, '{}', NULL, NULL, 40),
       ('t', 'g2', '动态', NULL, 2, 0, 1, '{0,od-a,od-c}', '{}', NULL, NULL, 41),
       ('t', 'g3', '散了', NULL, 1, 1, 0, NULL, '{}', '2026-01-01T00:00:30Z', 'OUT_OF_RANGE', 42),
       ('t', 'g4', '全员', NULL, 1, 0, 1, NULL, '{}', NULL, NULL, 43),
       ('other', 'g1', 'other', NULL, 1, 1, 0, NULL, '{}', NULL, NULL, 44),
       ('other', 'g9', 'other', NULL, 1, 1, 0, NULL, '{}', NULL, NULL, 44);

INSERT INTO directory.group_members (tenant_key, group_id, member_type, member_id, removed_at, removed_reason, position)
VALUES ('t', 'g1', 'user', 'ou_ann', NULL, NULL, 40),
       ('t', 'g1', 'user', 'ou_bob', NULL, NULL, 40),
       ('t', 'g1', 'user', 'ou_zoe', '2026-01-01T00:00:30Z', 'DELETED', 40),
       ('t', 'g1', 'user', 'ou_nobody', NULL, NULL, 40),
       ('t', 'g1', 'department', 'od-a1', NULL, NULL, 40),
       ('t', 'g1', 'department', 'od-b', NULL, NULL, 40),
       ('t', 'g2', 'department', 'od-x', NULL, NULL, 41),
       ('t', 'g3', 'user', 'ou_ann', '2026-01-01T00:00:30Z', 'OUT_OF_RANGE', 42),
       ('t', 'g4', 'department', '0', NULL, NULL, 43),
       ('other', 'g1', 'user', 'ou_other', NULL, NULL, 44),
       ('other', 'g9', 'user', 'ou_ann', NULL, NULL, 44);

INSERT INTO directory.units (tenant_key, unit_id, name, unit_type, attributes, removed_at, removed_reason, position)
VALUES ('t', 'BU1', '子公司', 'x', '{}', NULL, NULL, 45),
       ('t', 'BU2', '关了', 'x', '{}', '2026-01-01T00:00:30Z', 'DELETED', 45),
       ('other', 'BU9', 'other', 'x', '{}', NULL, NULL, 45);

INSERT INTO directory.unit_departments (tenant_key, unit_id, open_department_id, removed_at, removed_reason, position)
VALUES ('t', 'BU1', 'od-a', NULL, NULL, 45),
       ('t', 'BU1', 'od-b', NULL, NULL, 45),
       ('t', 'BU1', 'od-c', '2026-01-01T00:00:30Z', 'DELETED', 45),
       ('t', 'BU1', 'od-gone', NULL, NULL, 45),
       ('t', 'BU1', 'od-unknown', NULL, NULL, 45),
       ('other', 'BU9', 'od-other', NULL, NULL, 45);

INSERT INTO directory.employee_types (tenant_key, enum_id, enum_value, content, enum_type, enum_status, i18n_content, attributes, removed_at, removed_reason, position)
VALUES ('t', 'a/b==', '1', '正式', 1, 1, '[{"locale": "en_us", "value": "Regular"}]', '{}', NULL, NULL, 46),
       ('t', 'c==', '6', '临时', 2, 2, NULL, '{}', NULL, NULL, 46),
       ('t', 'd==', '7', '旧', 2, 1, NULL, '{}', '2026-01-01T00:00:30Z', 'DELETED', 46),
       ('other', 'e==', '1', 'other', 1, 1, NULL, '{}', NULL, NULL, 46);

INSERT INTO directory.custom_attributes (tenant_key, id, type, options, i18n_name, attributes, removed_at, removed_reason, position)
VALUES ('t', 'C-1', 'TEXT', NULL, '[{"locale": "zh_cn", "value": "工位"}]', '{}', NULL, NULL, 47),
       ('t', 'C-2', 'PICTURE_ENUM', '{"default_option_id": "o1", "option_type": "PICTURE", "options": [{"id": "o1", "value": "https://p", "name": "徽章"}]}', NULL, '{}', NULL, NULL, 47),
       ('t', 'C-3', NULL, NULL, NULL, '{}', '2026-01-01T00:00:30Z', 'OUT_OF_RANGE', 47),
       ('other', 'C-9', 'TEXT', NULL, NULL, '{}', NULL, NULL, 47);

INSERT INTO directory.scopes (tenant_key, node_type, node_id, removed_at, removed_reason, position)
VALUES ('t', 'department', 'od-a', NULL, NULL, 48),
       ('t', 'department', 'od-c', NULL, NULL, 48),
       ('t', 'user', 'ou_zoe', NULL, NULL, 48),
       ('t', 'group', 'g1', NULL, NULL, 48),
       ('t', 'group', 'g3', '2026-01-01T00:00:30Z', 'DELETED', 48),
       ('other', 'department', 'od-other', NULL, NULL, 48);

INSERT INTO mirror.poll (tenant_key, resource, poll_id, tried_at, last_polled_at, held, refusals)
VALUES ('t', 'groups', '00000000-0000-0000-0000-000000000005', '2026-01-01T00:01:00Z', '2026-01-01T00:01:00Z', 0,
        '[{"endpoint": "GET /contact/v3/group/:group_id/member/simplelist", "permissions": ["contact:group:readonly", "contact:group"], "problem": "code 99991672: no"}]'),
       ('t', 'units', '00000000-0000-0000-0000-000000000006', '2026-01-01T00:01:00Z', NULL, 0, '[]'),
       ('other', 'scope', '00000000-0000-0000-0000-000000000007', '2026-01-01T00:01:00Z', '2026-01-01T00:01:00Z', 3, '[]');

INSERT INTO mirror.poll_missing (tenant_key, entity_kind, entity_id, missing_at, hasten)
VALUES ('t', 'group_member', 'g1/user/ou_bob', now(), true),
       ('t', 'unit', 'BU1', now(), true),
       ('other', 'group', 'g1', now(), true);
