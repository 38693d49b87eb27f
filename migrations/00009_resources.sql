-- Groups and their members, units and their departments, and what the app may see:
-- they have no events and are polled, like the definitions of 00004. And the polls'
-- own state.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation_resources(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(directory_schema) || ', pg_temp', true);

    CREATE TABLE groups (
        tenant_key text COLLATE "C" NOT NULL,
        group_id text COLLATE "C" NOT NULL,
        name text,
        description text,
        type integer,
        member_user_count integer,
        member_department_count integer,
        department_scope_list text[],
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, group_id)
    );
    COMMENT ON TABLE groups IS 'Groups of people and departments. One that went keeps the row, with removed_at set.';
    COMMENT ON COLUMN groups.tenant_key IS 'The company.';
    COMMENT ON COLUMN groups.group_id IS 'The group: what Feishu calls id in its objects and group_id in its paths. Never changes.';
    COMMENT ON COLUMN groups.name IS 'Name; no two groups of a company have the same.';
    COMMENT ON COLUMN groups.description IS 'What it is for.';
    COMMENT ON COLUMN groups.type IS '1 normal, its members are chosen; 2 dynamic, they follow from a rule.';
    COMMENT ON COLUMN groups.member_user_count IS 'People in it, as Feishu last said.';
    COMMENT ON COLUMN groups.member_department_count IS 'Departments in it, as Feishu last said.';
    COMMENT ON COLUMN groups.department_scope_list IS 'Departments that a dynamic group is drawn from, by open_department_id, sorted.';
    COMMENT ON COLUMN groups.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN groups.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN groups.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it exists.';
    COMMENT ON COLUMN groups.position IS 'The last log record that changed this row.';

    CREATE TABLE group_members (
        tenant_key text COLLATE "C" NOT NULL,
        group_id text COLLATE "C" NOT NULL,
        member_type text COLLATE "C" NOT NULL,
        member_id text COLLATE "C" NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, group_id, member_type, member_id)
    );
    COMMENT ON TABLE group_members IS 'Members of groups: people and departments. Who is in a department that is a member is not named here. A former member keeps the row, with removed_at set.';
    COMMENT ON COLUMN group_members.tenant_key IS 'The company.';
    COMMENT ON COLUMN group_members.group_id IS 'The group.';
    COMMENT ON COLUMN group_members.member_type IS 'user or department.';
    COMMENT ON COLUMN group_members.member_id IS 'open_id or open_department_id. May name somebody whom the app may not see.';
    COMMENT ON COLUMN group_members.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN group_members.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it exists.';
    COMMENT ON COLUMN group_members.position IS 'The last log record that changed this row.';

    CREATE INDEX group_members_member ON group_members (tenant_key, member_id, group_id);

    CREATE TABLE units (
        tenant_key text COLLATE "C" NOT NULL,
        unit_id text COLLATE "C" NOT NULL,
        name text,
        unit_type text,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, unit_id)
    );
    COMMENT ON TABLE units IS 'Units, such as subsidiaries. One that went keeps the row, with removed_at set.';
    COMMENT ON COLUMN units.tenant_key IS 'The company.';
    COMMENT ON COLUMN units.unit_id IS 'The unit. Never changes.';
    COMMENT ON COLUMN units.name IS 'Name.';
    COMMENT ON COLUMN units.unit_type IS 'What sort of unit, in the company''s own words.';
    COMMENT ON COLUMN units.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN units.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN units.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it exists.';
    COMMENT ON COLUMN units.position IS 'The last log record that changed this row.';

    CREATE TABLE unit_departments (
        tenant_key text COLLATE "C" NOT NULL,
        unit_id text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, unit_id, open_department_id)
    );
    COMMENT ON TABLE unit_departments IS 'Departments that are bound to units. A former one keeps the row, with removed_at set.';
    COMMENT ON COLUMN unit_departments.tenant_key IS 'The company.';
    COMMENT ON COLUMN unit_departments.unit_id IS 'The unit.';
    COMMENT ON COLUMN unit_departments.open_department_id IS 'The department; those below it are not named.';
    COMMENT ON COLUMN unit_departments.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN unit_departments.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it exists.';
    COMMENT ON COLUMN unit_departments.position IS 'The last log record that changed this row.';

    CREATE TABLE scopes (
        tenant_key text COLLATE "C" NOT NULL,
        node_type text COLLATE "C" NOT NULL,
        node_id text COLLATE "C" NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, node_type, node_id)
    );
    COMMENT ON TABLE scopes IS 'What the app may see, by its nodes: those that its contact range names; for all staff the departments of the first level, the people of the root and all groups. A former node keeps the row, with removed_at set.';
    COMMENT ON COLUMN scopes.tenant_key IS 'The company.';
    COMMENT ON COLUMN scopes.node_type IS 'department, user or group.';
    COMMENT ON COLUMN scopes.node_id IS 'open_department_id, open_id or group_id.';
    COMMENT ON COLUMN scopes.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN scopes.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it exists.';
    COMMENT ON COLUMN scopes.position IS 'The last log record that changed this row.';

    PERFORM set_config('search_path', quote_ident(history_schema) || ', pg_temp', true);

    CREATE TABLE groups (
        tenant_key text COLLATE "C" NOT NULL,
        group_id text COLLATE "C" NOT NULL,
        name text,
        description text,
        type integer,
        member_user_count integer,
        member_department_count integer,
        department_scope_list text[],
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, group_id, from_position)
    );
    COMMENT ON TABLE groups IS 'Every version of every group.';
    COMMENT ON COLUMN groups.tenant_key IS 'The company.';
    COMMENT ON COLUMN groups.group_id IS 'The group: what Feishu calls id in its objects and group_id in its paths. Never changes.';
    COMMENT ON COLUMN groups.name IS 'Name; no two groups of a company have the same.';
    COMMENT ON COLUMN groups.description IS 'What it is for.';
    COMMENT ON COLUMN groups.type IS '1 normal, its members are chosen; 2 dynamic, they follow from a rule.';
    COMMENT ON COLUMN groups.member_user_count IS 'People in it, as Feishu last said.';
    COMMENT ON COLUMN groups.member_department_count IS 'Departments in it, as Feishu last said.';
    COMMENT ON COLUMN groups.department_scope_list IS 'Departments that a dynamic group is drawn from, by open_department_id, sorted.';
    COMMENT ON COLUMN groups.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN groups.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN groups.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it existed.';
    COMMENT ON COLUMN groups.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN groups.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN groups.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN groups.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX groups_open ON groups (tenant_key, group_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE group_members (
        tenant_key text COLLATE "C" NOT NULL,
        group_id text COLLATE "C" NOT NULL,
        member_type text COLLATE "C" NOT NULL,
        member_id text COLLATE "C" NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, group_id, member_type, member_id, from_position)
    );
    COMMENT ON TABLE group_members IS 'Who and what was a member of which group, and when.';
    COMMENT ON COLUMN group_members.tenant_key IS 'The company.';
    COMMENT ON COLUMN group_members.group_id IS 'The group.';
    COMMENT ON COLUMN group_members.member_type IS 'user or department.';
    COMMENT ON COLUMN group_members.member_id IS 'open_id or open_department_id. May name somebody whom the app may not see.';
    COMMENT ON COLUMN group_members.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN group_members.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it existed.';
    COMMENT ON COLUMN group_members.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN group_members.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN group_members.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN group_members.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX group_members_open ON group_members (tenant_key, group_id, member_type, member_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE units (
        tenant_key text COLLATE "C" NOT NULL,
        unit_id text COLLATE "C" NOT NULL,
        name text,
        unit_type text,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, unit_id, from_position)
    );
    COMMENT ON TABLE units IS 'Every version of every unit.';
    COMMENT ON COLUMN units.tenant_key IS 'The company.';
    COMMENT ON COLUMN units.unit_id IS 'The unit. Never changes.';
    COMMENT ON COLUMN units.name IS 'Name.';
    COMMENT ON COLUMN units.unit_type IS 'What sort of unit, in the company''s own words.';
    COMMENT ON COLUMN units.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN units.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN units.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it existed.';
    COMMENT ON COLUMN units.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN units.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN units.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN units.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX units_open ON units (tenant_key, unit_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE unit_departments (
        tenant_key text COLLATE "C" NOT NULL,
        unit_id text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, unit_id, open_department_id, from_position)
    );
    COMMENT ON TABLE unit_departments IS 'Which department was bound to which unit, and when.';
    COMMENT ON COLUMN unit_departments.tenant_key IS 'The company.';
    COMMENT ON COLUMN unit_departments.unit_id IS 'The unit.';
    COMMENT ON COLUMN unit_departments.open_department_id IS 'The department; those below it are not named.';
    COMMENT ON COLUMN unit_departments.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN unit_departments.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it existed.';
    COMMENT ON COLUMN unit_departments.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN unit_departments.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN unit_departments.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN unit_departments.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX unit_departments_open ON unit_departments (tenant_key, unit_id, open_department_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE scopes (
        tenant_key text COLLATE "C" NOT NULL,
        node_type text COLLATE "C" NOT NULL,
        node_id text COLLATE "C" NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, node_type, node_id, from_position)
    );
    COMMENT ON TABLE scopes IS 'What the app might see, and when.';
    COMMENT ON COLUMN scopes.tenant_key IS 'The company.';
    COMMENT ON COLUMN scopes.node_type IS 'department, user or group.';
    COMMENT ON COLUMN scopes.node_id IS 'open_department_id, open_id or group_id.';
    COMMENT ON COLUMN scopes.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN scopes.removed_reason IS 'DELETED, or OUT_OF_RANGE where the app may no longer see it; empty while it existed.';
    COMMENT ON COLUMN scopes.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN scopes.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN scopes.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN scopes.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX scopes_open ON scopes (tenant_key, node_type, node_id) WHERE to_position = 9223372036854775807;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_resources(text, text) IS 'Adds groups, units and the contact scope to the schemas of one generation.';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_people(directory_schema, history_schema);
    PERFORM mirror.create_generation_definitions(directory_schema, history_schema);
    PERFORM mirror.create_generation_search(directory_schema);
    PERFORM mirror.create_generation_resources(directory_schema, history_schema);
END
$$;
-- +goose StatementEnd

-- Also in generations that are kept for a way back.
SELECT mirror.create_generation_resources('directory' || g.suffix, 'history' || g.suffix)
FROM (SELECT CASE state WHEN 'serving' THEN '' ELSE '_' || number END AS suffix FROM mirror.generation) g;

COMMENT ON COLUMN directory.fold_state.entity_kind IS 'user, department, employee_type, custom_attribute, custom_attr_setting, group, group_member, unit, unit_department or scope_node.';

-- Polls ---------------------------------------------------------------------------

CREATE TABLE mirror.poll (
    tenant_key     text        COLLATE "C" NOT NULL,
    resource       text        COLLATE "C" NOT NULL,
    poll_id        uuid        NOT NULL,
    started_at     timestamptz,
    tried_at       timestamptz,
    last_polled_at timestamptz,
    calls          bigint      NOT NULL DEFAULT 0,
    held           bigint      NOT NULL DEFAULT 0,
    approved_at    timestamptz,
    refusals       jsonb       NOT NULL DEFAULT '[]',
    PRIMARY KEY (tenant_key, resource)
);
COMMENT ON TABLE  mirror.poll IS 'What is read again by the clock, since no event tells of it. One row a resource.';
COMMENT ON COLUMN mirror.poll.tenant_key     IS 'The company.';
COMMENT ON COLUMN mirror.poll.resource       IS 'scope, groups, units, employee_types or custom_attributes.';
COMMENT ON COLUMN mirror.poll.poll_id        IS 'The poll under way, or the last one; also the correlation_id of its records in the log.';
COMMENT ON COLUMN mirror.poll.started_at     IS 'When the poll under way began, on Feishu''s clock; empty where none is.';
COMMENT ON COLUMN mirror.poll.tried_at       IS 'When the last poll began that came to an end, be it that Feishu refused the list.';
COMMENT ON COLUMN mirror.poll.last_polled_at IS 'When the last complete poll began, on Feishu''s clock; empty before the first.';
COMMENT ON COLUMN mirror.poll.calls          IS 'How many calls the poll under way, or the last one, took.';
COMMENT ON COLUMN mirror.poll.held           IS 'How many entities its lists lacked that may not go without somebody''s approval.';
COMMENT ON COLUMN mirror.poll.approved_at    IS 'When somebody approved; empty where nobody did, and when they are gone.';
COMMENT ON COLUMN mirror.poll.refusals       IS 'The endpoints that Feishu did not let the app call: [{endpoint, permissions, problem}].';

CREATE TABLE mirror.poll_list (
    tenant_key text COLLATE "C" NOT NULL,
    resource   text COLLATE "C" NOT NULL,
    list       text COLLATE "C" NOT NULL,
    page_token text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_key, resource, list),
    FOREIGN KEY (tenant_key, resource) REFERENCES mirror.poll ON DELETE CASCADE
);
COMMENT ON TABLE  mirror.poll_list IS 'The lists that polls under way have still to read, and how far each has been read.';
COMMENT ON COLUMN mirror.poll_list.tenant_key IS 'The company.';
COMMENT ON COLUMN mirror.poll_list.resource   IS 'The resource.';
COMMENT ON COLUMN mirror.poll_list.list       IS 'The resource itself, or whose members or departments: user/group_id, department/group_id, unit/unit_id.';
COMMENT ON COLUMN mirror.poll_list.page_token IS 'The page to ask for next; empty for the first.';

CREATE TABLE mirror.poll_missing (
    tenant_key  text        COLLATE "C" NOT NULL,
    entity_kind text        COLLATE "C" NOT NULL,
    entity_id   text        COLLATE "C" NOT NULL,
    missing_at  timestamptz NOT NULL,
    hasten      boolean     NOT NULL,
    PRIMARY KEY (tenant_key, entity_kind, entity_id)
);
COMMENT ON TABLE  mirror.poll_missing IS 'What the mirror has and a complete list did not hold. It goes when another list, begun a minute later or more, does not hold it either.';
COMMENT ON COLUMN mirror.poll_missing.tenant_key  IS 'The company.';
COMMENT ON COLUMN mirror.poll_missing.entity_kind IS 'As in the log.';
COMMENT ON COLUMN mirror.poll_missing.entity_id   IS 'The entity''s key.';
COMMENT ON COLUMN mirror.poll_missing.missing_at  IS 'When the first list that did not hold it began, on Feishu''s clock.';
COMMENT ON COLUMN mirror.poll_missing.hasten      IS 'The second list is asked for in a minute. Not so for what is held, and for what a second look did not settle: that waits for the clock.';

ALTER TABLE mirror.drift
    DROP CONSTRAINT drift_found_by_check,
    ADD CONSTRAINT drift_found_by_check CHECK (found_by IN ('sweep', 'reread', 'sample', 'poll'));
COMMENT ON COLUMN mirror.drift.found_by IS 'sweep; reread: after an event or on request; sample: the rotating one; poll: the list of employee types or of custom attributes.';

-- +goose Down

DELETE FROM mirror.drift WHERE found_by = 'poll';
ALTER TABLE mirror.drift
    DROP CONSTRAINT drift_found_by_check,
    ADD CONSTRAINT drift_found_by_check CHECK (found_by IN ('sweep', 'reread', 'sample'));
COMMENT ON COLUMN mirror.drift.found_by IS 'sweep; reread: after an event or on request; sample: the rotating one.';
DROP TABLE mirror.poll_missing;
DROP TABLE mirror.poll_list;
DROP TABLE mirror.poll;
COMMENT ON COLUMN directory.fold_state.entity_kind IS 'user, department, employee_type, custom_attribute or custom_attr_setting.';
DELETE FROM mirror.reread_queue WHERE entity_kind IN ('group', 'group_member', 'unit', 'unit_department', 'scope_node');
-- +goose StatementBegin
DO $$
DECLARE
    suffix text;
BEGIN
    FOR suffix IN SELECT CASE g.state WHEN 'serving' THEN '' ELSE '_' || g.number END FROM mirror.generation g LOOP
        EXECUTE format('DELETE FROM %I.fold_state WHERE entity_kind IN (''group'', ''group_member'', ''unit'', ''unit_department'', ''scope_node'')', 'directory' || suffix);
        EXECUTE format('DROP TABLE %1$I.scopes, %1$I.unit_departments, %1$I.units, %1$I.group_members, %1$I.groups', 'history' || suffix);
        EXECUTE format('DROP TABLE %1$I.scopes, %1$I.unit_departments, %1$I.units, %1$I.group_members, %1$I.groups', 'directory' || suffix);
    END LOOP;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_people(directory_schema, history_schema);
    PERFORM mirror.create_generation_definitions(directory_schema, history_schema);
    PERFORM mirror.create_generation_search(directory_schema);
END
$$;
-- +goose StatementEnd
DROP FUNCTION mirror.create_generation_resources(text, text);
