-- What every question needs to be asked of a moment in the past: ways to a version
-- by what else than its key, and what people and departments were found by before.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation_as_of(history_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(history_schema) || ', pg_temp', true);

    CREATE INDEX users_union_id ON users (tenant_key, union_id);
    CREATE INDEX users_user_id ON users (tenant_key, user_id);
    CREATE INDEX users_email ON users (tenant_key, lower(email));
    CREATE INDEX users_enterprise_email ON users (tenant_key, lower(enterprise_email));
    CREATE INDEX users_mobile ON users (tenant_key, mobile);
    CREATE INDEX users_employee_no ON users (tenant_key, employee_no);
    CREATE INDEX users_reports ON users (tenant_key, leader_user_id, open_id);

    CREATE INDEX departments_department_id ON departments (tenant_key, department_id);
    CREATE INDEX departments_siblings ON departments (tenant_key, parent_department_id, (coalesce(order_number, 'Infinity')), open_department_id);
    DROP INDEX departments_parent; -- the same with less in it

    CREATE INDEX group_members_member ON group_members (tenant_key, member_id, group_id);

    CREATE TABLE search_keys (
        tenant_key text COLLATE "C" NOT NULL,
        entity_kind text COLLATE "C" NOT NULL,
        sensitive boolean NOT NULL,
        part boolean NOT NULL,
        key text COLLATE "C" NOT NULL,
        entity_id text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant_key, entity_kind, sensitive, part, key, entity_id)
    );
    COMMENT ON TABLE search_keys IS 'What people and departments were found by at some time and then not any more: a search in the past looks here too, and then at the version. Some are e-mail addresses and employee numbers: the table is sensitive. Not for queries: its form may change.';
    COMMENT ON COLUMN search_keys.tenant_key IS 'The company.';
    COMMENT ON COLUMN search_keys.entity_kind IS 'user or department.';
    COMMENT ON COLUMN search_keys.sensitive IS 'Was an e-mail address or the employee number: only for those who may see these.';
    COMMENT ON COLUMN search_keys.part IS 'Did not begin where the name began.';
    COMMENT ON COLUMN search_keys.key IS 'As in directory.search_keys. Sensitive.';
    COMMENT ON COLUMN search_keys.entity_id IS 'The person''s open_id, or the department''s open_department_id.';
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_as_of(text) IS 'Adds what questions about a moment need to the schema history of one generation.';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_tables(directory_schema, history_schema);
    PERFORM mirror.create_generation_time(history_schema);
    PERFORM mirror.create_generation_as_of(history_schema);
END
$$;
-- +goose StatementEnd

-- Also in generations that are kept for a way back.
SELECT mirror.create_generation_as_of(CASE g.state WHEN 'serving' THEN 'history' ELSE 'history_' || g.number END)
FROM mirror.generation g;
SELECT mirror.grant_readers('directory' || g.suffix, 'history' || g.suffix, 'analytics' || g.suffix)
FROM (SELECT CASE state WHEN 'serving' THEN '' ELSE '_' || number END AS suffix FROM mirror.generation) AS g;

COMMENT ON COLUMN mirror.generation.search_version IS 'Of the code that made all search keys, those of now and, from 2 on, those of former names; 0 where none did yet.';

-- Nothing to be filled.
UPDATE mirror.generation
SET search_version = 2
WHERE state = 'serving'
  AND NOT EXISTS (SELECT FROM history.users)
  AND NOT EXISTS (SELECT FROM history.departments);

-- +goose Down

COMMENT ON COLUMN mirror.generation.search_version IS 'Of the code that made all of search_keys; 0 where it is not filled yet.';
-- +goose StatementBegin
DO $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT CASE g.state WHEN 'serving' THEN 'history' ELSE 'history_' || g.number END FROM mirror.generation g LOOP
        EXECUTE format('DROP TABLE %I.search_keys', part);
        EXECUTE format('CREATE INDEX departments_parent ON %I.departments (tenant_key, parent_department_id)', part);
        EXECUTE format('DROP INDEX %1$I.group_members_member, %1$I.departments_siblings, %1$I.departments_department_id, %1$I.users_reports, '
            '%1$I.users_employee_no, %1$I.users_mobile, %1$I.users_enterprise_email, %1$I.users_email, %1$I.users_user_id, %1$I.users_union_id', part);
    END LOOP;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_tables(directory_schema, history_schema);
    PERFORM mirror.create_generation_time(history_schema);
END
$$;
-- +goose StatementEnd
DROP FUNCTION mirror.create_generation_as_of(text);
