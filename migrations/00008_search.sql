-- What people and departments are found by, and the indexes that further
-- questions need: looking people up by any id, lists by filter, departments in
-- their order.
--
-- The keys follow from names by code (package searchkey), so no statement here can
-- fill them for the rows that there are: the projector does, when it starts, in
-- every generation that says so by its search_version.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation_search(directory_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(directory_schema) || ', pg_temp', true);

    CREATE TABLE search_keys (
        tenant_key text COLLATE "C" NOT NULL,
        entity_kind text COLLATE "C" NOT NULL,
        entity_id text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        part boolean NOT NULL,
        sensitive boolean NOT NULL,
        PRIMARY KEY (tenant_key, entity_id, entity_kind, key)
    );
    COMMENT ON TABLE search_keys IS 'What people and departments are found by: a search looks for keys that begin with what is typed. Some are e-mail addresses and employee numbers: the table is sensitive. Not for queries: its form may change.';
    COMMENT ON COLUMN search_keys.tenant_key IS 'The company.';
    COMMENT ON COLUMN search_keys.entity_kind IS 'user or department.';
    COMMENT ON COLUMN search_keys.entity_id IS 'The person''s open_id, or the department''s open_department_id.';
    COMMENT ON COLUMN search_keys.key IS 'A name, its pinyin, its initials, or the rest of these from some word or character on; without case, accents and spaces. Sensitive.';
    COMMENT ON COLUMN search_keys.part IS 'Does not begin where the name begins: found after those that do.';
    COMMENT ON COLUMN search_keys.sensitive IS 'An e-mail address or the employee number: only for those who may see these.';

    CREATE INDEX search_keys_prefix ON search_keys (tenant_key, entity_kind, part, key, entity_id);

    CREATE INDEX users_email ON users (tenant_key, lower(email));
    CREATE INDEX users_enterprise_email ON users (tenant_key, lower(enterprise_email));
    CREATE INDEX users_mobile ON users (tenant_key, mobile);
    CREATE INDEX users_employee_no ON users (tenant_key, employee_no);

    CREATE INDEX users_city_open_id ON users (tenant_key, city, open_id);
    CREATE INDEX users_employee_type_open_id ON users (tenant_key, employee_type, open_id);
    CREATE INDEX users_join_time ON users (tenant_key, join_time);
    CREATE INDEX users_reports ON users (tenant_key, leader_user_id, open_id);
    DROP INDEX users_leader; -- the same with more in it

    CREATE INDEX departments_siblings ON departments (tenant_key, parent_department_id, (coalesce(order_number, 'Infinity')), open_department_id);
    DROP INDEX departments_parent; -- orders otherwise than lists do

    -- Search has better ones now.
    DROP INDEX users_name;
    DROP INDEX users_en_name;
    DROP INDEX users_nickname;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_search(text) IS 'Adds search keys, and indexes for further questions, to the schema directory of one generation.';

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

ALTER TABLE mirror.generation ADD COLUMN search_version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN mirror.generation.search_version IS 'Of the code that made all of search_keys; 0 where it is not filled yet.';

-- Also in generations that are kept for a way back.
SELECT mirror.create_generation_search(CASE g.state WHEN 'serving' THEN 'directory' ELSE 'directory_' || g.number END)
FROM mirror.generation g;

-- Nothing to be filled.
UPDATE mirror.generation
SET search_version = 1
WHERE state = 'serving'
  AND NOT EXISTS (SELECT FROM directory.users)
  AND NOT EXISTS (SELECT FROM directory.departments);

-- +goose Down

-- +goose StatementBegin
DO $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT CASE g.state WHEN 'serving' THEN 'directory' ELSE 'directory_' || g.number END FROM mirror.generation g LOOP
        EXECUTE format('CREATE INDEX users_leader ON %I.users (tenant_key, leader_user_id)', part);
        EXECUTE format('CREATE INDEX users_name ON %I.users (tenant_key, lower(name) text_pattern_ops)', part);
        EXECUTE format('CREATE INDEX users_en_name ON %I.users (tenant_key, lower(en_name) text_pattern_ops)', part);
        EXECUTE format('CREATE INDEX users_nickname ON %I.users (tenant_key, lower(nickname) text_pattern_ops)', part);
        EXECUTE format('CREATE INDEX departments_parent ON %I.departments (tenant_key, parent_department_id, order_number, open_department_id)', part);
        EXECUTE format('DROP INDEX %I.departments_siblings, %1$I.users_reports, %1$I.users_join_time, %1$I.users_employee_type_open_id, %1$I.users_city_open_id', part);
        EXECUTE format('DROP INDEX %I.users_employee_no, %1$I.users_mobile, %1$I.users_enterprise_email, %1$I.users_email', part);
        EXECUTE format('DROP TABLE %I.search_keys', part);
    END LOOP;
END
$$;
-- +goose StatementEnd
ALTER TABLE mirror.generation DROP COLUMN search_version;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_people(directory_schema, history_schema);
    PERFORM mirror.create_generation_definitions(directory_schema, history_schema);
END
$$;
-- +goose StatementEnd
DROP FUNCTION mirror.create_generation_search(text);
