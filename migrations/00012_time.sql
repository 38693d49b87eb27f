-- What questions about time need: which versions began between two moments, what
-- somebody led, and views.
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

-- Questions in SQL -----------------------------------------------------------------

INSERT INTO mirror.sql_access (object, name, role) VALUES
    ('table', 'tenure', 'reader'),
    ('table', 'churn_by_department', 'reader');

-- A function whose body is parsed when it is made is bound to the tables and not
-- to their names, so that it follows a swap as views do.
--
-- +goose StatementBegin
CREATE FUNCTION mirror.create_analytics_of_time(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(analytics_schema) || ', pg_temp', true);

    EXECUTE format($view$
        CREATE FUNCTION headcount_on(day date) RETURNS TABLE (tenant_key text, people bigint)
        LANGUAGE sql
        STABLE
        BEGIN ATOMIC
            SELECT b.tenant_key,
                   (SELECT count(*)
                    FROM %2$I.users v
                    WHERE v.tenant_key = b.tenant_key AND v.removed_at IS NULL
                      AND v.valid_from < (day + 1)::timestamptz AND v.valid_to >= (day + 1)::timestamptz)
            FROM (SELECT s.tenant_key, min(s.completed_at) AS at FROM %1$I.sweeps s WHERE s.completed_at IS NOT NULL GROUP BY s.tenant_key) AS b
            WHERE b.at < (day + 1)::timestamptz;
        END
    $view$, directory_schema, history_schema);
    COMMENT ON FUNCTION headcount_on(date) IS 'How many people each company had at the end of a day, in the session''s time zone. No row for a company whose history begins later: with the first complete walk.';

    EXECUTE format($view$
        CREATE VIEW tenure AS
        SELECT p.tenant_key, p.open_id, p.name, p.job_title, p.joined_on, p.stated, p.left_on, coalesce(p.left_on, current_date) - p.joined_on AS days
        FROM (
            SELECT u.tenant_key, u.open_id, u.name, u.job_title, coalesce(u.join_time, f.seen)::date AS joined_on,
                   u.join_time IS NOT NULL AS stated, u.removed_at::date AS left_on
            FROM %1$I.users u
            CROSS JOIN LATERAL (
                SELECT min(v.valid_from) AS seen
                FROM %2$I.users v
                WHERE v.tenant_key = u.tenant_key AND v.open_id = u.open_id AND v.removed_at IS NULL
            ) AS f
            WHERE u.removed_reason IS DISTINCT FROM 'OUT_OF_RANGE'
        ) AS p
    $view$, directory_schema, history_schema);
    COMMENT ON VIEW tenure IS 'For how long each person has been with the company, or was. Without those who went out of the app''s range. Days are those of the session''s time zone.';
    COMMENT ON COLUMN tenure.tenant_key IS 'The company.';
    COMMENT ON COLUMN tenure.open_id IS 'The person.';
    COMMENT ON COLUMN tenure.name IS 'The person''s name.';
    COMMENT ON COLUMN tenure.job_title IS 'The person''s title; of one who left, the last.';
    COMMENT ON COLUMN tenure.joined_on IS 'Day of entry; where Feishu has none, the day on which the mirror saw the person first.';
    COMMENT ON COLUMN tenure.stated IS 'Whether Feishu has a day of entry. Where not, the person may have been there long before.';
    COMMENT ON COLUMN tenure.left_on IS 'Day of departure; empty while the person is there.';
    COMMENT ON COLUMN tenure.days IS 'Days from joined_on to left_on, or to today.';

    -- A membership whose order changes goes on as another row: what ends and begins at
    -- one instant did neither. Who was seen by the first walk did not come by it.
    EXECUTE format($view$
        CREATE VIEW churn_by_department AS
        WITH began AS (
            SELECT s.tenant_key, min(s.completed_at) AS at
            FROM %1$I.sweeps s
            WHERE s.completed_at IS NOT NULL
            GROUP BY s.tenant_key
        ), spans AS (
            SELECT m.tenant_key, m.open_department_id, m.open_id, m.valid_from, m.valid_to, lag(m.valid_to) OVER w AS ended, lead(m.valid_from) OVER w AS next
            FROM %2$I.memberships m
            WHERE m.valid_from < m.valid_to
            WINDOW w AS (PARTITION BY m.tenant_key, m.open_department_id, m.open_id ORDER BY m.valid_from, m.from_position)
        ), steps AS (
            SELECT s.tenant_key, s.open_department_id, s.open_id, s.valid_from AS at, 1 AS step
            FROM spans s
            WHERE s.ended IS DISTINCT FROM s.valid_from
            UNION ALL
            SELECT s.tenant_key, s.open_department_id, s.open_id, s.valid_to, -1
            FROM spans s
            WHERE s.next IS DISTINCT FROM s.valid_to AND isfinite(s.valid_to)
        ), told AS (
            SELECT s.tenant_key, s.open_department_id, s.step, date_trunc('month', s.at)::date AS month,
                   CASE
                       WHEN s.at <= b.at THEN 'before'
                       WHEN s.step = 1 AND EXISTS (
                           SELECT
                           FROM %2$I.users v
                           WHERE v.tenant_key = s.tenant_key AND v.open_id = s.open_id AND v.removed_at IS NULL AND v.valid_from < s.at AND v.valid_to >= s.at) THEN 'moved_in'
                       WHEN s.step = 1 THEN 'joined'
                       WHEN EXISTS (
                           SELECT
                           FROM %2$I.users v
                           WHERE v.tenant_key = s.tenant_key AND v.open_id = s.open_id AND v.removed_reason IN ('RESIGNED', 'DELETED')
                             AND v.valid_from <= s.at AND v.valid_to > s.at) THEN 'departed'
                       ELSE 'moved_out'
                   END AS kind
            FROM steps s
            JOIN began b ON b.tenant_key = s.tenant_key
        ), months AS (
            SELECT t.tenant_key, t.open_department_id, t.month, sum(t.step) AS step,
                   count(*) FILTER (WHERE t.kind = 'joined') AS joined, count(*) FILTER (WHERE t.kind = 'moved_in') AS moved_in,
                   count(*) FILTER (WHERE t.kind = 'departed') AS departed, count(*) FILTER (WHERE t.kind = 'moved_out') AS moved_out
            FROM told t
            GROUP BY t.tenant_key, t.open_department_id, t.month
        ), series AS (
            SELECT m.tenant_key, m.open_department_id, m.month, m.joined, m.moved_in, m.departed, m.moved_out,
                   (sum(m.step) OVER (PARTITION BY m.tenant_key, m.open_department_id ORDER BY m.month))::bigint AS people_after
            FROM months m
        )
        SELECT s.tenant_key, s.month, s.open_department_id, d.name,
               s.people_after - s.joined - s.moved_in + s.departed + s.moved_out AS people_before,
               s.joined, s.moved_in, s.departed AS leavers, s.moved_out, s.people_after,
               round(s.departed * 2.0 / nullif(2 * s.people_after - s.joined - s.moved_in + s.departed + s.moved_out, 0), 3) AS churn
        FROM series s
        LEFT JOIN %1$I.departments d ON d.tenant_key = s.tenant_key AND d.open_department_id = s.open_department_id
    $view$, directory_schema, history_schema);
    COMMENT ON VIEW churn_by_department IS 'Who came to each department and who went, in each month in which somebody did, since the first complete walk. Of the department itself, not of what is below it. Months are those of the session''s time zone.';
    COMMENT ON COLUMN churn_by_department.tenant_key IS 'The company.';
    COMMENT ON COLUMN churn_by_department.month IS 'The first day of the month.';
    COMMENT ON COLUMN churn_by_department.open_department_id IS 'The department.';
    COMMENT ON COLUMN churn_by_department.name IS 'Its name now, or its last; empty where the mirror never saw it.';
    COMMENT ON COLUMN churn_by_department.people_before IS 'People at the month''s beginning; in the month of the first walk, those whom it found.';
    COMMENT ON COLUMN churn_by_department.joined IS 'People who came and were not in the company just before.';
    COMMENT ON COLUMN churn_by_department.moved_in IS 'People who came and were.';
    COMMENT ON COLUMN churn_by_department.leavers IS 'People who went because they resigned or were deleted.';
    COMMENT ON COLUMN churn_by_department.moved_out IS 'People who went otherwise: to other departments, or out of the app''s range.';
    COMMENT ON COLUMN churn_by_department.people_after IS 'People at the month''s end. Whoever came and went within the month counts as both.';
    COMMENT ON COLUMN churn_by_department.churn IS 'leavers in proportion to the mean of people_before and people_after; empty where that is 0.';
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_analytics_of_time(text, text, text) IS 'Makes the views and functions about time of one generation, in a schema that is there already.';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation_analytics(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', analytics_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', analytics_schema, 'Views for questions about the company. Their names and columns are kept stable.');
    PERFORM mirror.create_analytics_views(directory_schema, history_schema, analytics_schema);
    PERFORM mirror.create_analytics_of_time(directory_schema, history_schema, analytics_schema);
    PERFORM mirror.grant_readers(directory_schema, history_schema, analytics_schema);
END
$$;
-- +goose StatementEnd

SELECT mirror.create_analytics_of_time('directory' || g.suffix, 'history' || g.suffix, 'analytics' || g.suffix),
       mirror.grant_readers('directory' || g.suffix, 'history' || g.suffix, 'analytics' || g.suffix)
FROM (SELECT CASE state WHEN 'serving' THEN '' ELSE '_' || number END AS suffix FROM mirror.generation) AS g;

-- +goose Down

-- +goose StatementBegin
DO $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT CASE g.state WHEN 'serving' THEN 'analytics' ELSE 'analytics_' || g.number END FROM mirror.generation g LOOP
        EXECUTE format('DROP VIEW %1$I.churn_by_department, %1$I.tenure', part);
        EXECUTE format('DROP FUNCTION %I.headcount_on(date)', part);
    END LOOP;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation_analytics(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', analytics_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', analytics_schema, 'Views for questions about the company. Their names and columns are kept stable.');
    PERFORM mirror.create_analytics_views(directory_schema, history_schema, analytics_schema);
    PERFORM mirror.grant_readers(directory_schema, history_schema, analytics_schema);
END
$$;
-- +goose StatementEnd
DROP FUNCTION mirror.create_analytics_of_time(text, text, text);
DELETE FROM mirror.sql_access WHERE object = 'table' AND name IN ('tenure', 'churn_by_department');

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
