-- The read model: schema directory says how the company is, schema history how
-- it was. Both are folded from mirror.event_log and from nothing else.
--
-- One function makes a whole generation, tables with indexes and comments, so
-- that a second one can be built beside the first and be no different. Its DDL
-- is unqualified and runs under a search_path of its own.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', directory_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', directory_schema, 'The company directory as it is, at the position of mirror.checkpoint.');
    PERFORM set_config('search_path', quote_ident(directory_schema) || ', pg_temp', true);

    CREATE TABLE users (
        tenant_key text COLLATE "C" NOT NULL,
        open_id text COLLATE "C" NOT NULL,
        union_id text,
        user_id text,
        name text,
        en_name text,
        nickname text,
        email text,
        enterprise_email text,
        mobile text,
        mobile_visible boolean,
        gender integer,
        avatar jsonb,
        is_frozen boolean,
        is_resigned boolean,
        is_activated boolean,
        is_exited boolean,
        is_unjoin boolean,
        department_ids text[],
        leader_user_id text,
        city text,
        country text,
        work_station text,
        join_time timestamptz,
        is_tenant_manager boolean,
        employee_no text,
        employee_type integer,
        job_title text,
        job_level_id text,
        job_family_id text,
        geo text,
        description text,
        dotted_line_leader_user_ids text[],
        custom_attrs jsonb,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, open_id)
    );
    COMMENT ON TABLE users IS 'People. A person who left keeps the row, with removed_at set.';
    COMMENT ON COLUMN users.tenant_key IS 'The company.';
    COMMENT ON COLUMN users.open_id IS 'The person, for the mirror''s own app. Never changes, never reused.';
    COMMENT ON COLUMN users.union_id IS 'The person, for all apps of one developer.';
    COMMENT ON COLUMN users.user_id IS 'The person within the company. Can change, and be given to somebody else after a departure.';
    COMMENT ON COLUMN users.name IS 'Name in the company''s default language.';
    COMMENT ON COLUMN users.en_name IS 'English name.';
    COMMENT ON COLUMN users.nickname IS 'Alias.';
    COMMENT ON COLUMN users.email IS 'Personal e-mail address. Sensitive.';
    COMMENT ON COLUMN users.enterprise_email IS 'Address in the company''s mail domain. Sensitive.';
    COMMENT ON COLUMN users.mobile IS 'Mobile number with country code. Sensitive.';
    COMMENT ON COLUMN users.mobile_visible IS 'Whether colleagues see the number in Feishu.';
    COMMENT ON COLUMN users.gender IS '0 undisclosed, 1 male, 2 female, 3 other. Sensitive.';
    COMMENT ON COLUMN users.avatar IS 'URLs by size (avatar_72, avatar_240, avatar_640, avatar_origin) as last seen. They expire, and make no version.';
    COMMENT ON COLUMN users.is_frozen IS 'Suspended by an administrator.';
    COMMENT ON COLUMN users.is_resigned IS 'Left the company.';
    COMMENT ON COLUMN users.is_activated IS 'Has logged in.';
    COMMENT ON COLUMN users.is_exited IS 'Left by own choice; resigned after some time.';
    COMMENT ON COLUMN users.is_unjoin IS 'Invited and not yet confirmed.';
    COMMENT ON COLUMN users.department_ids IS 'Departments by open_department_id, sorted; those of the last day for a person who left. See memberships.';
    COMMENT ON COLUMN users.leader_user_id IS 'Direct manager''s open_id.';
    COMMENT ON COLUMN users.city IS 'City by name.';
    COMMENT ON COLUMN users.country IS 'Country code.';
    COMMENT ON COLUMN users.work_station IS 'Desk.';
    COMMENT ON COLUMN users.join_time IS 'Day of entry; empty where unset.';
    COMMENT ON COLUMN users.is_tenant_manager IS 'Super administrator of the company.';
    COMMENT ON COLUMN users.employee_no IS 'Number in the company''s own books. Sensitive.';
    COMMENT ON COLUMN users.employee_type IS '1 regular, 2 intern, 3 outsourced, 4 contractor, 5 consultant, from 6 the company''s own.';
    COMMENT ON COLUMN users.job_title IS 'Title by name.';
    COMMENT ON COLUMN users.job_level_id IS 'Job level.';
    COMMENT ON COLUMN users.job_family_id IS 'Job family.';
    COMMENT ON COLUMN users.geo IS 'Data residency.';
    COMMENT ON COLUMN users.description IS 'Signature line.';
    COMMENT ON COLUMN users.dotted_line_leader_user_ids IS 'Dotted-line managers'' open_ids.';
    COMMENT ON COLUMN users.custom_attrs IS 'The company''s own fields as Feishu gives them. Sensitive.';
    COMMENT ON COLUMN users.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN users.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN users.removed_reason IS 'RESIGNED, DELETED or OUT_OF_RANGE; empty while it exists.';
    COMMENT ON COLUMN users.position IS 'The last log record that changed this row.';

    CREATE INDEX users_union_id ON users (tenant_key, union_id);
    CREATE INDEX users_user_id ON users (tenant_key, user_id);
    CREATE INDEX users_leader ON users (tenant_key, leader_user_id);
    CREATE INDEX users_name ON users (tenant_key, lower(name) text_pattern_ops);
    CREATE INDEX users_en_name ON users (tenant_key, lower(en_name) text_pattern_ops);
    CREATE INDEX users_nickname ON users (tenant_key, lower(nickname) text_pattern_ops);

    CREATE TABLE departments (
        tenant_key text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        department_id text,
        name text,
        i18n_name jsonb,
        parent_department_id text COLLATE "C",
        leader_user_id text,
        chat_id text,
        "order" text,
        order_number numeric,
        unit_ids text[],
        department_hrbps text[],
        group_chat_employee_types integer[],
        member_count bigint,
        primary_member_count bigint,
        path text COLLATE "C" NOT NULL,
        depth integer NOT NULL,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, open_department_id)
    );
    COMMENT ON TABLE departments IS 'Departments. A deleted one keeps the row, with removed_at set.';
    COMMENT ON COLUMN departments.tenant_key IS 'The company.';
    COMMENT ON COLUMN departments.open_department_id IS 'The department; 0 is the root. Never changes, never reused.';
    COMMENT ON COLUMN departments.department_id IS 'The company''s own id. Can change, and be reused after a deletion.';
    COMMENT ON COLUMN departments.name IS 'Name in the company''s default language; empty for the root.';
    COMMENT ON COLUMN departments.i18n_name IS 'Names by locale: zh_cn, en_us, ja_jp.';
    COMMENT ON COLUMN departments.parent_department_id IS 'The parent''s open_department_id; empty for the root. May name a department that is not here.';
    COMMENT ON COLUMN departments.leader_user_id IS 'Main leader''s open_id.';
    COMMENT ON COLUMN departments.chat_id IS 'The department''s group chat.';
    COMMENT ON COLUMN departments."order" IS 'Place among siblings as Feishu writes it, a decimal string; smaller first.';
    COMMENT ON COLUMN departments.order_number IS 'The same as a number, for sorting; empty where it is none.';
    COMMENT ON COLUMN departments.unit_ids IS 'Units the department is bound to.';
    COMMENT ON COLUMN departments.department_hrbps IS 'HR business partners'' open_ids.';
    COMMENT ON COLUMN departments.group_chat_employee_types IS 'Employee types let into the group chat.';
    COMMENT ON COLUMN departments.member_count IS 'People here and below, as Feishu last said. Current only.';
    COMMENT ON COLUMN departments.primary_member_count IS 'The same, counting primary departments only. Current only.';
    COMMENT ON COLUMN departments.path IS 'Ids from the top to the department: /0/od-a/od-b/. A department whose parent is missing, gone or on a cycle heads a path of its own. Current only.';
    COMMENT ON COLUMN departments.depth IS 'Departments above it in path; 0 for the root. Current only.';
    COMMENT ON COLUMN departments.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN departments.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN departments.removed_reason IS 'RESIGNED, DELETED or OUT_OF_RANGE; empty while it exists.';
    COMMENT ON COLUMN departments.position IS 'The last log record that changed this row.';

    CREATE INDEX departments_department_id ON departments (tenant_key, department_id);
    CREATE INDEX departments_parent ON departments (tenant_key, parent_department_id, order_number, open_department_id);
    CREATE INDEX departments_path ON departments (tenant_key, path);

    CREATE TABLE memberships (
        tenant_key text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        open_id text COLLATE "C" NOT NULL,
        is_primary_dept boolean NOT NULL,
        user_order bigint,
        department_order bigint,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, open_department_id, open_id)
    );
    COMMENT ON TABLE memberships IS 'Who is in which department. A person can be in several, or in the root.';
    COMMENT ON COLUMN memberships.tenant_key IS 'The company.';
    COMMENT ON COLUMN memberships.open_department_id IS 'The department.';
    COMMENT ON COLUMN memberships.open_id IS 'The person.';
    COMMENT ON COLUMN memberships.is_primary_dept IS 'The person''s primary department: the greatest department_order.';
    COMMENT ON COLUMN memberships.user_order IS 'The person''s place in the department; larger first; empty where not known yet.';
    COMMENT ON COLUMN memberships.department_order IS 'The department''s place among the person''s; larger first; empty where not known yet.';
    COMMENT ON COLUMN memberships.position IS 'The last log record that changed this row.';

    CREATE INDEX memberships_user ON memberships (tenant_key, open_id, open_department_id);

    CREATE TABLE department_leaders (
        tenant_key text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        open_id text COLLATE "C" NOT NULL,
        leader_type integer NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, open_department_id, open_id)
    );
    COMMENT ON TABLE department_leaders IS 'Who leads which department.';
    COMMENT ON COLUMN department_leaders.tenant_key IS 'The company.';
    COMMENT ON COLUMN department_leaders.open_department_id IS 'The department.';
    COMMENT ON COLUMN department_leaders.open_id IS 'The leader.';
    COMMENT ON COLUMN department_leaders.leader_type IS '1 main, 2 deputy.';
    COMMENT ON COLUMN department_leaders.position IS 'The last log record that changed this row.';

    CREATE INDEX department_leaders_user ON department_leaders (tenant_key, open_id);

    CREATE TABLE sweeps (
        tenant_key text COLLATE "C" NOT NULL,
        sweep_id text COLLATE "C" NOT NULL,
        started_at timestamptz NOT NULL,
        completed_at timestamptz,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, sweep_id)
    );
    COMMENT ON TABLE sweeps IS 'Complete walks of everything that the app may see, as the log tells them.';
    COMMENT ON COLUMN sweeps.tenant_key IS 'The company.';
    COMMENT ON COLUMN sweeps.sweep_id IS 'The sweep; the correlation_id of its records.';
    COMMENT ON COLUMN sweeps.started_at IS 'On Feishu''s clock, before its first request.';
    COMMENT ON COLUMN sweeps.completed_at IS 'On Feishu''s clock; empty while it runs, and for ever if it was given up.';
    COMMENT ON COLUMN sweeps.position IS 'The sweep''s last record so far.';

    CREATE INDEX sweeps_completed ON sweeps (tenant_key, started_at) WHERE completed_at IS NOT NULL;

    CREATE TABLE fold_state (
        tenant_key text COLLATE "C" NOT NULL,
        entity_kind text COLLATE "C" NOT NULL,
        entity_id text COLLATE "C" NOT NULL,
        state text NOT NULL, -- text: the fold compares bytes, and jsonb would write them anew
        valid_from timestamptz,
        PRIMARY KEY (tenant_key, entity_kind, entity_id)
    );
    COMMENT ON TABLE fold_state IS 'The fold''s own memory, one row an entity. Not for queries: its form may change.';
    COMMENT ON COLUMN fold_state.tenant_key IS 'The company.';
    COMMENT ON COLUMN fold_state.entity_kind IS 'user or department.';
    COMMENT ON COLUMN fold_state.entity_id IS 'The entity''s key.';
    COMMENT ON COLUMN fold_state.state IS 'JSON: each field''s value and the record that set it.';
    COMMENT ON COLUMN fold_state.valid_from IS 'Where the open version of the entity begins, on Feishu''s clock; empty before the first.';

    EXECUTE format('CREATE SCHEMA %I', history_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', history_schema, 'Every version of the company directory. A version holds from from_position to to_position of the log, and from valid_from to valid_to on Feishu''s clock.');
    PERFORM set_config('search_path', quote_ident(history_schema) || ', pg_temp', true);

    CREATE TABLE users (
        tenant_key text COLLATE "C" NOT NULL,
        open_id text COLLATE "C" NOT NULL,
        union_id text,
        user_id text,
        name text,
        en_name text,
        nickname text,
        email text,
        enterprise_email text,
        mobile text,
        mobile_visible boolean,
        gender integer,
        is_frozen boolean,
        is_resigned boolean,
        is_activated boolean,
        is_exited boolean,
        is_unjoin boolean,
        department_ids text[],
        leader_user_id text,
        city text,
        country text,
        work_station text,
        join_time timestamptz,
        is_tenant_manager boolean,
        employee_no text,
        employee_type integer,
        job_title text,
        job_level_id text,
        job_family_id text,
        geo text,
        description text,
        dotted_line_leader_user_ids text[],
        custom_attrs jsonb,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, open_id, from_position)
    );
    COMMENT ON TABLE users IS 'Versions of people. A departure is a version of its own, with removed_at set.';
    COMMENT ON COLUMN users.tenant_key IS 'The company.';
    COMMENT ON COLUMN users.open_id IS 'The person, for the mirror''s own app. Never changes, never reused.';
    COMMENT ON COLUMN users.union_id IS 'The person, for all apps of one developer.';
    COMMENT ON COLUMN users.user_id IS 'The person within the company. Can change, and be given to somebody else after a departure.';
    COMMENT ON COLUMN users.name IS 'Name in the company''s default language.';
    COMMENT ON COLUMN users.en_name IS 'English name.';
    COMMENT ON COLUMN users.nickname IS 'Alias.';
    COMMENT ON COLUMN users.email IS 'Personal e-mail address. Sensitive.';
    COMMENT ON COLUMN users.enterprise_email IS 'Address in the company''s mail domain. Sensitive.';
    COMMENT ON COLUMN users.mobile IS 'Mobile number with country code. Sensitive.';
    COMMENT ON COLUMN users.mobile_visible IS 'Whether colleagues see the number in Feishu.';
    COMMENT ON COLUMN users.gender IS '0 undisclosed, 1 male, 2 female, 3 other. Sensitive.';
    COMMENT ON COLUMN users.is_frozen IS 'Suspended by an administrator.';
    COMMENT ON COLUMN users.is_resigned IS 'Left the company.';
    COMMENT ON COLUMN users.is_activated IS 'Has logged in.';
    COMMENT ON COLUMN users.is_exited IS 'Left by own choice; resigned after some time.';
    COMMENT ON COLUMN users.is_unjoin IS 'Invited and not yet confirmed.';
    COMMENT ON COLUMN users.department_ids IS 'Departments by open_department_id, sorted; those of the last day for a person who left. See memberships.';
    COMMENT ON COLUMN users.leader_user_id IS 'Direct manager''s open_id.';
    COMMENT ON COLUMN users.city IS 'City by name.';
    COMMENT ON COLUMN users.country IS 'Country code.';
    COMMENT ON COLUMN users.work_station IS 'Desk.';
    COMMENT ON COLUMN users.join_time IS 'Day of entry; empty where unset.';
    COMMENT ON COLUMN users.is_tenant_manager IS 'Super administrator of the company.';
    COMMENT ON COLUMN users.employee_no IS 'Number in the company''s own books. Sensitive.';
    COMMENT ON COLUMN users.employee_type IS '1 regular, 2 intern, 3 outsourced, 4 contractor, 5 consultant, from 6 the company''s own.';
    COMMENT ON COLUMN users.job_title IS 'Title by name.';
    COMMENT ON COLUMN users.job_level_id IS 'Job level.';
    COMMENT ON COLUMN users.job_family_id IS 'Job family.';
    COMMENT ON COLUMN users.geo IS 'Data residency.';
    COMMENT ON COLUMN users.description IS 'Signature line.';
    COMMENT ON COLUMN users.dotted_line_leader_user_ids IS 'Dotted-line managers'' open_ids.';
    COMMENT ON COLUMN users.custom_attrs IS 'The company''s own fields as Feishu gives them. Sensitive.';
    COMMENT ON COLUMN users.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN users.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN users.removed_reason IS 'RESIGNED, DELETED or OUT_OF_RANGE; empty while it exists.';
    COMMENT ON COLUMN users.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN users.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN users.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN users.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX users_open ON users (tenant_key, open_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE departments (
        tenant_key text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        department_id text,
        name text,
        i18n_name jsonb,
        parent_department_id text COLLATE "C",
        leader_user_id text,
        chat_id text,
        "order" text,
        order_number numeric,
        unit_ids text[],
        department_hrbps text[],
        group_chat_employee_types integer[],
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, open_department_id, from_position)
    );
    COMMENT ON TABLE departments IS 'Versions of departments. A deletion is a version of its own, with removed_at set.';
    COMMENT ON COLUMN departments.tenant_key IS 'The company.';
    COMMENT ON COLUMN departments.open_department_id IS 'The department; 0 is the root. Never changes, never reused.';
    COMMENT ON COLUMN departments.department_id IS 'The company''s own id. Can change, and be reused after a deletion.';
    COMMENT ON COLUMN departments.name IS 'Name in the company''s default language; empty for the root.';
    COMMENT ON COLUMN departments.i18n_name IS 'Names by locale: zh_cn, en_us, ja_jp.';
    COMMENT ON COLUMN departments.parent_department_id IS 'The parent''s open_department_id; empty for the root. May name a department that is not here.';
    COMMENT ON COLUMN departments.leader_user_id IS 'Main leader''s open_id.';
    COMMENT ON COLUMN departments.chat_id IS 'The department''s group chat.';
    COMMENT ON COLUMN departments."order" IS 'Place among siblings as Feishu writes it, a decimal string; smaller first.';
    COMMENT ON COLUMN departments.order_number IS 'The same as a number, for sorting; empty where it is none.';
    COMMENT ON COLUMN departments.unit_ids IS 'Units the department is bound to.';
    COMMENT ON COLUMN departments.department_hrbps IS 'HR business partners'' open_ids.';
    COMMENT ON COLUMN departments.group_chat_employee_types IS 'Employee types let into the group chat.';
    COMMENT ON COLUMN departments.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN departments.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN departments.removed_reason IS 'RESIGNED, DELETED or OUT_OF_RANGE; empty while it exists.';
    COMMENT ON COLUMN departments.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN departments.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN departments.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN departments.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX departments_open ON departments (tenant_key, open_department_id) WHERE to_position = 9223372036854775807;
    CREATE INDEX departments_parent ON departments (tenant_key, parent_department_id);

    CREATE TABLE memberships (
        tenant_key text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        open_id text COLLATE "C" NOT NULL,
        is_primary_dept boolean NOT NULL,
        user_order bigint,
        department_order bigint,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, open_department_id, open_id, from_position)
    );
    COMMENT ON TABLE memberships IS 'Who was in which department, and when.';
    COMMENT ON COLUMN memberships.tenant_key IS 'The company.';
    COMMENT ON COLUMN memberships.open_department_id IS 'The department.';
    COMMENT ON COLUMN memberships.open_id IS 'The person.';
    COMMENT ON COLUMN memberships.is_primary_dept IS 'The person''s primary department: the greatest department_order.';
    COMMENT ON COLUMN memberships.user_order IS 'The person''s place in the department; larger first; empty where not known yet.';
    COMMENT ON COLUMN memberships.department_order IS 'The department''s place among the person''s; larger first; empty where not known yet.';
    COMMENT ON COLUMN memberships.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN memberships.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN memberships.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN memberships.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX memberships_open ON memberships (tenant_key, open_id, open_department_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE department_leaders (
        tenant_key text COLLATE "C" NOT NULL,
        open_department_id text COLLATE "C" NOT NULL,
        open_id text COLLATE "C" NOT NULL,
        leader_type integer NOT NULL,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, open_department_id, open_id, from_position)
    );
    COMMENT ON TABLE department_leaders IS 'Who led which department, and when.';
    COMMENT ON COLUMN department_leaders.tenant_key IS 'The company.';
    COMMENT ON COLUMN department_leaders.open_department_id IS 'The department.';
    COMMENT ON COLUMN department_leaders.open_id IS 'The leader.';
    COMMENT ON COLUMN department_leaders.leader_type IS '1 main, 2 deputy.';
    COMMENT ON COLUMN department_leaders.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN department_leaders.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN department_leaders.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN department_leaders.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX department_leaders_open ON department_leaders (tenant_key, open_department_id, open_id) WHERE to_position = 9223372036854775807;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation(text, text) IS 'Makes the tables of one generation of the read model, empty.';

SELECT mirror.create_generation('directory', 'history');

-- +goose Down

DROP SCHEMA history CASCADE;
DROP SCHEMA directory CASCADE;
DROP FUNCTION mirror.create_generation(text, text);
