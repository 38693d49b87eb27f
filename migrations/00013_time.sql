-- What questions about time need: which versions began between two moments, and
-- what somebody led.
--
-- On Feishu's clock a moment is an instant, on the log's a position; there is an
-- index for each. They do without the company, which is the same in nearly all rows:
-- with it, a planner without statistics takes them for the way to one entity's
-- versions. What was valid at one moment is found by the primary keys: the last
-- version of an entity that began before it.

-- +goose Up

-- What earlier migrations made of it stays one step of it.
ALTER FUNCTION mirror.create_generation(text, text) RENAME TO create_generation_tables;
COMMENT ON FUNCTION mirror.create_generation_tables(text, text) IS 'Makes the schemas of one generation with their tables and the indexes of these.';

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation_time(history_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(history_schema) || ', pg_temp', true);

    CREATE INDEX users_valid_from ON users (valid_from);
    CREATE INDEX users_from_position ON users (from_position);
    CREATE INDEX departments_valid_from ON departments (valid_from);
    CREATE INDEX departments_from_position ON departments (from_position);
    CREATE INDEX department_leaders_user ON department_leaders (tenant_key, open_id);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_time(text) IS 'Adds the indexes for questions about time to the schema history of one generation.';

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation(directory_schema text, history_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation_tables(directory_schema, history_schema);
    PERFORM mirror.create_generation_time(history_schema);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation(text, text) IS 'Makes the tables of one generation of the read model, empty.';

-- Also in generations that are kept for a way back.
SELECT mirror.create_generation_time(CASE g.state WHEN 'serving' THEN 'history' ELSE 'history_' || g.number END)
FROM mirror.generation g;

-- +goose Down

-- +goose StatementBegin
DO $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT CASE g.state WHEN 'serving' THEN 'history' ELSE 'history_' || g.number END FROM mirror.generation g LOOP
        EXECUTE format('DROP INDEX %1$I.department_leaders_user, %1$I.departments_from_position, %1$I.departments_valid_from, %1$I.users_from_position, %1$I.users_valid_from', part);
    END LOOP;
END
$$;
-- +goose StatementEnd
DROP FUNCTION mirror.create_generation(text, text);
DROP FUNCTION mirror.create_generation_time(text);
ALTER FUNCTION mirror.create_generation_tables(text, text) RENAME TO create_generation;
COMMENT ON FUNCTION mirror.create_generation(text, text) IS 'Makes the tables of one generation of the read model, empty.';
