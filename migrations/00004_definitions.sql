-- The small kinds of the read model: employee types, the definitions of custom
-- attributes, and the switch that shows them. And what asks for a sweep.
--
-- A generation is made by one function still: it makes what it made before, and
-- then what is added here.

-- +goose Up

ALTER FUNCTION mirror.create_generation(text, text) RENAME TO create_generation_people;
COMMENT ON FUNCTION mirror.create_generation_people(text, text) IS 'Makes the schemas of one generation with users, departments and what joins them.';

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation_definitions(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(directory_schema) || ', pg_temp', true);

    CREATE TABLE employee_types (
        tenant_key text COLLATE "C" NOT NULL,
        enum_id text COLLATE "C" NOT NULL,
        enum_value text,
        content text,
        enum_type integer,
        enum_status integer,
        i18n_content jsonb,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, enum_id)
    );
    COMMENT ON TABLE employee_types IS 'The company''s employee types. One that was deleted keeps the row, with removed_at set.';
    COMMENT ON COLUMN employee_types.tenant_key IS 'The company.';
    COMMENT ON COLUMN employee_types.enum_id IS 'The employee type. Never changes.';
    COMMENT ON COLUMN employee_types.enum_value IS 'What users.employee_type holds, as text: 1 to 5 are Feishu''s own types.';
    COMMENT ON COLUMN employee_types.content IS 'Name in the company''s default language.';
    COMMENT ON COLUMN employee_types.enum_type IS '1 Feishu''s own, 2 the company''s.';
    COMMENT ON COLUMN employee_types.enum_status IS '1 active, 2 inactive.';
    COMMENT ON COLUMN employee_types.i18n_content IS 'Names by language: [{locale, value}].';
    COMMENT ON COLUMN employee_types.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN employee_types.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN employee_types.removed_reason IS 'DELETED; empty while it exists.';
    COMMENT ON COLUMN employee_types.position IS 'The last log record that changed this row.';

    CREATE INDEX employee_types_enum_value ON employee_types (tenant_key, enum_value);

    CREATE TABLE custom_attributes (
        tenant_key text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        type text,
        options jsonb,
        i18n_name jsonb,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        position bigint NOT NULL,
        PRIMARY KEY (tenant_key, id)
    );
    COMMENT ON TABLE custom_attributes IS 'Definitions of the company''s own fields; the values are in users.custom_attrs.';
    COMMENT ON COLUMN custom_attributes.tenant_key IS 'The company.';
    COMMENT ON COLUMN custom_attributes.id IS 'The attribute. Never changes.';
    COMMENT ON COLUMN custom_attributes.type IS 'TEXT, HREF, ENUMERATION, PICTURE_ENUM or GENERIC_USER; empty where only its id is known.';
    COMMENT ON COLUMN custom_attributes.options IS 'What may be chosen, of the two kinds of ENUM.';
    COMMENT ON COLUMN custom_attributes.i18n_name IS 'Names by language: [{locale, value}].';
    COMMENT ON COLUMN custom_attributes.attributes IS 'Every field that is set, by Feishu''s names.';
    COMMENT ON COLUMN custom_attributes.removed_at IS 'When it went, on Feishu''s clock; empty while it exists.';
    COMMENT ON COLUMN custom_attributes.removed_reason IS 'DELETED, or OUT_OF_RANGE while the company shows no app its attributes; empty while it exists.';
    COMMENT ON COLUMN custom_attributes.position IS 'The last log record that changed this row.';

    CREATE TABLE custom_attr_settings (
        tenant_key text COLLATE "C" NOT NULL PRIMARY KEY,
        allow_open_query boolean,
        position bigint NOT NULL
    );
    COMMENT ON TABLE custom_attr_settings IS 'Whether apps may see custom attributes at all, as far as an event told.';
    COMMENT ON COLUMN custom_attr_settings.tenant_key IS 'The company.';
    COMMENT ON COLUMN custom_attr_settings.allow_open_query IS 'The administrators'' switch. While it is false, users.custom_attrs is what was known before.';
    COMMENT ON COLUMN custom_attr_settings.position IS 'The last log record that changed this row.';

    PERFORM set_config('search_path', quote_ident(history_schema) || ', pg_temp', true);

    CREATE TABLE employee_types (
        tenant_key text COLLATE "C" NOT NULL,
        enum_id text COLLATE "C" NOT NULL,
        enum_value text,
        content text,
        enum_type integer,
        enum_status integer,
        i18n_content jsonb,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, enum_id, from_position)
    );
    COMMENT ON TABLE employee_types IS 'Every version of every employee type.';
    COMMENT ON COLUMN employee_types.tenant_key IS 'The company.';
    COMMENT ON COLUMN employee_types.enum_id IS 'The employee type. Never changes.';
    COMMENT ON COLUMN employee_types.enum_value IS 'What users.employee_type held, as text.';
    COMMENT ON COLUMN employee_types.content IS 'Name in the company''s default language.';
    COMMENT ON COLUMN employee_types.enum_type IS '1 Feishu''s own, 2 the company''s.';
    COMMENT ON COLUMN employee_types.enum_status IS '1 active, 2 inactive.';
    COMMENT ON COLUMN employee_types.i18n_content IS 'Names by language: [{locale, value}].';
    COMMENT ON COLUMN employee_types.attributes IS 'Every field that was set, by Feishu''s names.';
    COMMENT ON COLUMN employee_types.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN employee_types.removed_reason IS 'DELETED; empty while it existed.';
    COMMENT ON COLUMN employee_types.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN employee_types.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN employee_types.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN employee_types.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX employee_types_open ON employee_types (tenant_key, enum_id) WHERE to_position = 9223372036854775807;

    CREATE TABLE custom_attributes (
        tenant_key text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        type text,
        options jsonb,
        i18n_name jsonb,
        attributes jsonb NOT NULL,
        removed_at timestamptz,
        removed_reason text,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, id, from_position)
    );
    COMMENT ON TABLE custom_attributes IS 'Every version of every definition of a custom attribute.';
    COMMENT ON COLUMN custom_attributes.tenant_key IS 'The company.';
    COMMENT ON COLUMN custom_attributes.id IS 'The attribute. Never changes.';
    COMMENT ON COLUMN custom_attributes.type IS 'TEXT, HREF, ENUMERATION, PICTURE_ENUM or GENERIC_USER; empty where only its id was known.';
    COMMENT ON COLUMN custom_attributes.options IS 'What could be chosen, of the two kinds of ENUM.';
    COMMENT ON COLUMN custom_attributes.i18n_name IS 'Names by language: [{locale, value}].';
    COMMENT ON COLUMN custom_attributes.attributes IS 'Every field that was set, by Feishu''s names.';
    COMMENT ON COLUMN custom_attributes.removed_at IS 'When it went, on Feishu''s clock; empty while it existed.';
    COMMENT ON COLUMN custom_attributes.removed_reason IS 'DELETED, or OUT_OF_RANGE while the company showed no app its attributes; empty while it existed.';
    COMMENT ON COLUMN custom_attributes.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN custom_attributes.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN custom_attributes.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN custom_attributes.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX custom_attributes_open ON custom_attributes (tenant_key, id) WHERE to_position = 9223372036854775807;

    CREATE TABLE custom_attr_settings (
        tenant_key text COLLATE "C" NOT NULL,
        allow_open_query boolean,
        from_position bigint NOT NULL,
        to_position bigint NOT NULL DEFAULT 9223372036854775807,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL DEFAULT 'infinity',
        PRIMARY KEY (tenant_key, from_position)
    );
    COMMENT ON TABLE custom_attr_settings IS 'When apps might see custom attributes, as far as events told.';
    COMMENT ON COLUMN custom_attr_settings.tenant_key IS 'The company.';
    COMMENT ON COLUMN custom_attr_settings.allow_open_query IS 'The administrators'' switch.';
    COMMENT ON COLUMN custom_attr_settings.from_position IS 'The log record that made this version.';
    COMMENT ON COLUMN custom_attr_settings.to_position IS 'The log record that ended it, exclusive; the greatest bigint while it lasts.';
    COMMENT ON COLUMN custom_attr_settings.valid_from IS 'When it began, on Feishu''s clock, never before the version it replaced.';
    COMMENT ON COLUMN custom_attr_settings.valid_to IS 'When it ended, exclusive. Equal to valid_from where a later record was older: such a version was never valid.';

    CREATE UNIQUE INDEX custom_attr_settings_open ON custom_attr_settings (tenant_key) WHERE to_position = 9223372036854775807;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_definitions(text, text) IS 'Adds employee types and custom attributes to the schemas of one generation.';

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_people(directory_schema, history_schema);
    PERFORM mirror.create_generation_definitions(directory_schema, history_schema);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation(text, text) IS 'Makes the tables of one generation of the read model, empty.';

SELECT mirror.create_generation_definitions('directory', 'history');

COMMENT ON COLUMN directory.fold_state.entity_kind IS 'user, department, employee_type, custom_attribute or custom_attr_setting.';
COMMENT ON COLUMN mirror.reread_queue.entity_kind IS 'user, department, employee_type, custom_attribute or custom_attr_setting.';

CREATE INDEX reread_queue_not_before ON mirror.reread_queue (tenant_key, not_before);

CREATE TABLE mirror.sweep_request (
    tenant_key text        COLLATE "C" NOT NULL,
    reason     text        COLLATE "C" NOT NULL,
    not_before timestamptz NOT NULL,
    position   bigint      NOT NULL,
    PRIMARY KEY (tenant_key, reason)
);
COMMENT ON TABLE  mirror.sweep_request IS 'What only a sweep can tell. A request goes when a sweep that began late enough is complete.';
COMMENT ON COLUMN mirror.sweep_request.tenant_key IS 'The company.';
COMMENT ON COLUMN mirror.sweep_request.reason     IS 'scope: the app''s range changed; custom_attrs: custom attributes can be read again.';
COMMENT ON COLUMN mirror.sweep_request.not_before IS 'On Feishu''s clock: a sweep that began earlier does not count.';
COMMENT ON COLUMN mirror.sweep_request.position   IS 'The last record that asked.';

-- +goose Down

DROP TABLE mirror.sweep_request;
DROP INDEX mirror.reread_queue_not_before;
COMMENT ON COLUMN mirror.reread_queue.entity_kind IS 'user or department.';
COMMENT ON COLUMN directory.fold_state.entity_kind IS 'user or department.';
DELETE FROM mirror.reread_queue WHERE entity_kind IN ('employee_type', 'custom_attribute', 'custom_attr_setting');
DELETE FROM directory.fold_state WHERE entity_kind IN ('employee_type', 'custom_attribute', 'custom_attr_setting');
DROP TABLE history.custom_attr_settings;
DROP TABLE history.custom_attributes;
DROP TABLE history.employee_types;
DROP TABLE directory.custom_attr_settings;
DROP TABLE directory.custom_attributes;
DROP TABLE directory.employee_types;
DROP FUNCTION mirror.create_generation(text, text);
DROP FUNCTION mirror.create_generation_definitions(text, text);
ALTER FUNCTION mirror.create_generation_people(text, text) RENAME TO create_generation;
COMMENT ON FUNCTION mirror.create_generation(text, text) IS 'Makes the tables of one generation of the read model, empty.';
