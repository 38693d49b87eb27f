-- Reading by SQL: the views of the schema analytics, and two roles for whoever
-- reads, one without the personal fields.
--
-- Roles belong to the cluster, not to the database: they may be there already,
-- made by another mirror's migration, and where this one may not make them it
-- goes on without. Once somebody has made them, `mirror migrate up` gives them
-- their rights. Who has such a role reads every mirror of the cluster that lets
-- him connect.

-- +goose Up

-- Who reads what ------------------------------------------------------------------

CREATE TABLE mirror.sql_access (
    object text COLLATE "C" NOT NULL CHECK (object IN ('table', 'column')),
    name   text COLLATE "C" NOT NULL,
    role   text COLLATE "C" NOT NULL CHECK (role IN ('reader', 'sensitive', 'nobody')),
    PRIMARY KEY (object, name)
);
COMMENT ON TABLE  mirror.sql_access IS 'What the roles for SQL may read in the schemas directory, history and analytics. A table or view that is not listed is given to nobody; a column that is not listed goes with its table.';
COMMENT ON COLUMN mirror.sql_access.object IS 'table: a table or view of any of the schemas; column: a column of any of their tables.';
COMMENT ON COLUMN mirror.sql_access.name   IS 'Its name.';
COMMENT ON COLUMN mirror.sql_access.role   IS 'reader: orgmirror_reader and orgmirror_sensitive; sensitive: the latter only; nobody: none of them.';

INSERT INTO mirror.sql_access (object, name, role) VALUES
    ('table', 'users', 'reader'),
    ('table', 'departments', 'reader'),
    ('table', 'memberships', 'reader'),
    ('table', 'department_leaders', 'reader'),
    ('table', 'employee_types', 'reader'),
    ('table', 'custom_attributes', 'reader'),
    ('table', 'custom_attr_settings', 'reader'),
    ('table', 'groups', 'reader'),
    ('table', 'group_members', 'reader'),
    ('table', 'units', 'reader'),
    ('table', 'unit_departments', 'reader'),
    ('table', 'scopes', 'reader'),
    ('table', 'sweeps', 'reader'),
    ('table', 'search_keys', 'nobody'), -- some are addresses and numbers
    ('table', 'fold_state', 'nobody'),  -- holds every value, in a form of its own
    ('table', 'headcount_by_department', 'reader'),
    ('table', 'headcount_by_month', 'reader'),
    ('table', 'headcount_by_employee_type', 'reader'),
    ('table', 'joiners_and_leavers_by_month', 'reader'),
    ('table', 'span_of_control', 'reader'),
    ('table', 'departments_by_depth', 'reader'),
    ('table', 'departments_without_leader', 'reader'),
    ('table', 'people_without_manager', 'reader'),
    ('column', 'mobile', 'sensitive'),
    ('column', 'email', 'sensitive'),
    ('column', 'enterprise_email', 'sensitive'),
    ('column', 'employee_no', 'sensitive'),
    ('column', 'gender', 'sensitive'),
    ('column', 'custom_attrs', 'sensitive'),
    ('column', 'attributes', 'sensitive'); -- the whole object, with all of these in it

-- +goose StatementBegin
CREATE FUNCTION mirror.create_reader_roles() RETURNS text[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text[] := '{}';
    made    record;
BEGIN
    FOR made IN
        SELECT *
        FROM (VALUES ('orgmirror_reader', 'Reads Orgmirror''s tables by SQL, without the personal fields.'),
                     ('orgmirror_sensitive', 'Reads Orgmirror''s tables by SQL, with the personal fields.')) AS r (role, comment)
        WHERE NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = r.role)
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', made.role);
            EXECUTE format('COMMENT ON ROLE %I IS %L', made.role, made.comment);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was quicker
            WHEN insufficient_privilege THEN missing := missing || made.role;
        END;
    END LOOP;
    RETURN missing;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_reader_roles() IS 'Makes the roles for SQL that the cluster lacks, and returns those that may not be made by who calls.';

-- +goose StatementBegin
CREATE FUNCTION mirror.grant_readers(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader   record;
    relation record;
BEGIN
    FOR reader IN
        SELECT p.rolname AS role, r.reads
        FROM (VALUES ('orgmirror_reader', ARRAY ['reader']), ('orgmirror_sensitive', ARRAY ['reader', 'sensitive'])) AS r (role, reads)
        JOIN pg_roles p ON p.rolname = r.role
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I, %I, %I TO %I', directory_schema, history_schema, analytics_schema, reader.role);
        FOR relation IN
            SELECT c.oid::regclass AS name, bool_and(reads) AS whole, string_agg(quote_ident(attname), ', ') FILTER (WHERE reads) AS columns
            FROM pg_class c
            JOIN mirror.sql_access t ON t.object = 'table' AND t.name = c.relname
            JOIN LATERAL (SELECT a.attname, t.role = ANY (reader.reads) AND coalesce(w.role, 'reader') = ANY (reader.reads) AS reads
                          FROM pg_attribute a
                          LEFT JOIN mirror.sql_access w ON w.object = 'column' AND w.name = a.attname
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS a ON true
            WHERE c.relnamespace IN (to_regnamespace(quote_ident(directory_schema)), to_regnamespace(quote_ident(history_schema)), to_regnamespace(quote_ident(analytics_schema)))
              AND c.relkind IN ('r', 'v')
            GROUP BY c.oid
        LOOP
            EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', relation.name, reader.role); -- its columns' too
            IF relation.whole THEN
                EXECUTE format('GRANT SELECT ON TABLE %s TO %I', relation.name, reader.role);
            ELSIF relation.columns <> '' THEN
                EXECUTE format('GRANT SELECT (%s) ON TABLE %s TO %I', relation.columns, relation.name, reader.role);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.grant_readers(text, text, text) IS 'Gives the roles for SQL that there are what mirror.sql_access says, in the schemas of one generation. What else they had of these tables is taken from them.';

-- The views -----------------------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION mirror.create_analytics_views(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_temp -- so that what the body sets ends with it
AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(analytics_schema) || ', pg_temp', true);

    -- A path names the department itself last, so its steps are those whom its
    -- people count for.
    EXECUTE format($view$
        CREATE VIEW headcount_by_department AS
        WITH places AS (
            SELECT m.tenant_key, m.open_department_id, m.open_id, m.is_primary_dept, d.path
            FROM %1$I.memberships m
            JOIN %1$I.users u ON u.tenant_key = m.tenant_key AND u.open_id = m.open_id AND u.removed_at IS NULL
            JOIN %1$I.departments d ON d.tenant_key = m.tenant_key AND d.open_department_id = m.open_department_id AND d.removed_at IS NULL
        ), direct AS (
            SELECT p.tenant_key, p.open_department_id, count(*) AS people, count(*) FILTER (WHERE p.is_primary_dept) AS at_home
            FROM places p
            GROUP BY p.tenant_key, p.open_department_id
        ), below AS (
            SELECT p.tenant_key, s.step, count(DISTINCT p.open_id) AS people, count(DISTINCT p.open_id) FILTER (WHERE p.is_primary_dept) AS at_home
            FROM places p
            CROSS JOIN LATERAL unnest(string_to_array(btrim(p.path, '/'), '/')) AS s (step)
            GROUP BY p.tenant_key, s.step
        )
        SELECT d.tenant_key, d.open_department_id, d.name, d.parent_department_id, d.depth,
               coalesce(o.people, 0) AS direct_people, coalesce(o.at_home, 0) AS direct_primary_people,
               coalesce(b.people, 0) AS all_people, coalesce(b.at_home, 0) AS all_primary_people
        FROM %1$I.departments d
        LEFT JOIN direct o ON o.tenant_key = d.tenant_key AND o.open_department_id = d.open_department_id
        LEFT JOIN below b ON b.tenant_key = d.tenant_key AND b.step = d.open_department_id
        WHERE d.removed_at IS NULL
    $view$, directory_schema);
    COMMENT ON VIEW headcount_by_department IS 'How many people each department has, itself and with all below it.';
    COMMENT ON COLUMN headcount_by_department.tenant_key IS 'The company.';
    COMMENT ON COLUMN headcount_by_department.open_department_id IS 'The department; 0 is the root.';
    COMMENT ON COLUMN headcount_by_department.name IS 'Its name; empty for the root.';
    COMMENT ON COLUMN headcount_by_department.parent_department_id IS 'Its parent''s open_department_id; empty for the root.';
    COMMENT ON COLUMN headcount_by_department.depth IS 'Departments above it; 0 for the root.';
    COMMENT ON COLUMN headcount_by_department.direct_people IS 'People in the department itself. Who is in several counts in each.';
    COMMENT ON COLUMN headcount_by_department.direct_primary_people IS 'Of these, those whose primary department it is.';
    COMMENT ON COLUMN headcount_by_department.all_people IS 'People in the department or in any below it, each once.';
    COMMENT ON COLUMN headcount_by_department.all_primary_people IS 'Of these, those whose primary department is among them.';

    -- Versions that follow one another take away what they add.
    EXECUTE format($view$
        CREATE VIEW headcount_by_month AS
        WITH steps AS (
            SELECT v.tenant_key, date_trunc('month', s.at)::date AS month, sum(s.step) AS step
            FROM %1$I.users v
            CROSS JOIN LATERAL (VALUES (v.valid_from, 1), (v.valid_to, -1)) AS s (at, step)
            WHERE v.removed_at IS NULL AND v.valid_from < v.valid_to AND isfinite(s.at)
            GROUP BY v.tenant_key, date_trunc('month', s.at)
        ), months AS (
            SELECT b.tenant_key, g.month::date AS month
            FROM (SELECT tenant_key, min(month) AS began, max(month) AS latest FROM steps GROUP BY tenant_key) AS b
            CROSS JOIN LATERAL generate_series(b.began::timestamp, greatest(b.latest, date_trunc('month', now())::date)::timestamp, '1 month') AS g (month)
        )
        SELECT m.tenant_key, m.month, (sum(coalesce(s.step, 0)) OVER (PARTITION BY m.tenant_key ORDER BY m.month))::bigint AS people
        FROM months m
        LEFT JOIN steps s ON s.tenant_key = m.tenant_key AND s.month = m.month
    $view$, history_schema);
    COMMENT ON VIEW headcount_by_month IS 'How many people there were at the end of each month since the mirror began; in the current month, how many there are. Months are those of the session''s time zone.';
    COMMENT ON COLUMN headcount_by_month.tenant_key IS 'The company.';
    COMMENT ON COLUMN headcount_by_month.month IS 'The first day of the month.';
    COMMENT ON COLUMN headcount_by_month.people IS 'People at its end.';

    EXECUTE format($view$
        CREATE VIEW headcount_by_employee_type AS
        SELECT u.tenant_key, u.employee_type, t.content AS name, count(*) AS people
        FROM %1$I.users u
        LEFT JOIN LATERAL (
            SELECT e.content
            FROM %1$I.employee_types e
            WHERE e.tenant_key = u.tenant_key AND e.enum_value = u.employee_type::text
            ORDER BY e.removed_at DESC NULLS FIRST, e.enum_id
            LIMIT 1
        ) AS t ON true
        WHERE u.removed_at IS NULL
        GROUP BY u.tenant_key, u.employee_type, t.content
    $view$, directory_schema);
    COMMENT ON VIEW headcount_by_employee_type IS 'How many people there are of each employee type.';
    COMMENT ON COLUMN headcount_by_employee_type.tenant_key IS 'The company.';
    COMMENT ON COLUMN headcount_by_employee_type.employee_type IS '1 regular, 2 intern, 3 outsourced, 4 contractor, 5 consultant, from 6 the company''s own; empty where it is not known.';
    COMMENT ON COLUMN headcount_by_employee_type.name IS 'The company''s name of it; empty where the mirror knows none.';
    COMMENT ON COLUMN headcount_by_employee_type.people IS 'People.';

    -- Who left and came back can leave again; who is resigned first and deleted
    -- then left once.
    EXECUTE format($view$
        CREATE VIEW joiners_and_leavers_by_month AS
        WITH joined AS (
            SELECT u.tenant_key, date_trunc('month', u.join_time)::date AS month, count(*) AS people
            FROM %1$I.users u
            WHERE u.join_time IS NOT NULL
            GROUP BY u.tenant_key, date_trunc('month', u.join_time)
        ), versions AS (
            SELECT v.tenant_key, v.removed_at, coalesce(v.removed_reason IN ('RESIGNED', 'DELETED'), false) AS gone,
                   lag(coalesce(v.removed_reason IN ('RESIGNED', 'DELETED'), false), 1, false)
                       OVER (PARTITION BY v.tenant_key, v.open_id ORDER BY v.valid_from, v.from_position) AS was_gone
            FROM %2$I.users v
            WHERE v.valid_from < v.valid_to
        ), parted AS (
            SELECT v.tenant_key, date_trunc('month', v.removed_at)::date AS month, count(*) AS people
            FROM versions v
            WHERE v.gone AND NOT v.was_gone
            GROUP BY v.tenant_key, date_trunc('month', v.removed_at)
        )
        SELECT tenant_key, month, coalesce(j.people, 0) AS joiners, coalesce(p.people, 0) AS leavers
        FROM joined j
        FULL JOIN parted p USING (tenant_key, month)
    $view$, directory_schema, history_schema);
    COMMENT ON VIEW joiners_and_leavers_by_month IS 'How many people came and went in each month in which somebody did. Months are those of the session''s time zone; Feishu keeps days of entry as instants, so set it to the company''s.';
    COMMENT ON COLUMN joiners_and_leavers_by_month.tenant_key IS 'The company.';
    COMMENT ON COLUMN joiners_and_leavers_by_month.month IS 'The first day of the month.';
    COMMENT ON COLUMN joiners_and_leavers_by_month.joiners IS 'People whose day of entry is in the month, whether or not they left since. Who has none counts nowhere.';
    COMMENT ON COLUMN joiners_and_leavers_by_month.leavers IS 'Departures in the month: people who resigned or were deleted, since the mirror began. Who went out of the app''s range did not leave.';

    -- UNION forgets what it had, so that a circle of managers ends.
    EXECUTE format($view$
        CREATE VIEW span_of_control AS
        WITH RECURSIVE above AS (
            SELECT u.tenant_key, u.open_id, u.leader_user_id AS manager
            FROM %1$I.users u
            WHERE u.removed_at IS NULL AND u.leader_user_id IS NOT NULL
            UNION
            SELECT a.tenant_key, a.open_id, u.leader_user_id
            FROM above a
            JOIN %1$I.users u ON u.tenant_key = a.tenant_key AND u.open_id = a.manager
            WHERE u.removed_at IS NULL AND u.leader_user_id IS NOT NULL
        ), spans AS (
            SELECT a.tenant_key, a.manager, count(*) AS all_reports
            FROM above a
            WHERE a.open_id <> a.manager
            GROUP BY a.tenant_key, a.manager
        ), direct AS (
            SELECT u.tenant_key, u.leader_user_id AS manager, count(*) AS direct_reports
            FROM %1$I.users u
            WHERE u.removed_at IS NULL AND u.leader_user_id <> u.open_id
            GROUP BY u.tenant_key, u.leader_user_id
        )
        SELECT u.tenant_key, u.open_id, u.name, u.job_title, d.direct_reports, s.all_reports
        FROM direct d
        JOIN spans s ON s.tenant_key = d.tenant_key AND s.manager = d.manager
        JOIN %1$I.users u ON u.tenant_key = d.tenant_key AND u.open_id = d.manager
        WHERE u.removed_at IS NULL
    $view$, directory_schema);
    COMMENT ON VIEW span_of_control IS 'Whom each manager manages, counted. A manager is whom somebody else names as direct manager.';
    COMMENT ON COLUMN span_of_control.tenant_key IS 'The company.';
    COMMENT ON COLUMN span_of_control.open_id IS 'The manager.';
    COMMENT ON COLUMN span_of_control.name IS 'The manager''s name.';
    COMMENT ON COLUMN span_of_control.job_title IS 'The manager''s title.';
    COMMENT ON COLUMN span_of_control.direct_reports IS 'People whose direct manager it is.';
    COMMENT ON COLUMN span_of_control.all_reports IS 'These, and theirs, and so on. Somebody on a circle of managers is no report of their own.';

    EXECUTE format($view$
        CREATE VIEW departments_by_depth AS
        SELECT d.tenant_key, d.depth, count(DISTINCT d.open_department_id) AS departments, count(DISTINCT u.open_id) AS people
        FROM %1$I.departments d
        LEFT JOIN %1$I.memberships m ON m.tenant_key = d.tenant_key AND m.open_department_id = d.open_department_id
        LEFT JOIN %1$I.users u ON u.tenant_key = m.tenant_key AND u.open_id = m.open_id AND u.removed_at IS NULL
        WHERE d.removed_at IS NULL
        GROUP BY d.tenant_key, d.depth
    $view$, directory_schema);
    COMMENT ON VIEW departments_by_depth IS 'How deep the tree of departments is.';
    COMMENT ON COLUMN departments_by_depth.tenant_key IS 'The company.';
    COMMENT ON COLUMN departments_by_depth.depth IS 'Departments above; 0 for the root, and for a department whose parent is not in the mirror.';
    COMMENT ON COLUMN departments_by_depth.departments IS 'Departments at this depth.';
    COMMENT ON COLUMN departments_by_depth.people IS 'People in any of them, each once.';

    EXECUTE format($view$
        CREATE VIEW departments_without_leader AS
        WITH here AS (
            SELECT u.tenant_key, u.open_id
            FROM %1$I.users u
            WHERE u.removed_at IS NULL
        )
        SELECT d.tenant_key, d.open_department_id, d.name, d.parent_department_id, d.depth, d.leader_user_id AS gone_leader_user_id,
               (SELECT count(*) FROM %1$I.department_leaders l JOIN here h USING (tenant_key, open_id)
                WHERE l.tenant_key = d.tenant_key AND l.open_department_id = d.open_department_id AND l.leader_type = 2) AS deputies,
               (SELECT count(*) FROM %1$I.memberships m JOIN here h USING (tenant_key, open_id)
                WHERE m.tenant_key = d.tenant_key AND m.open_department_id = d.open_department_id) AS direct_people
        FROM %1$I.departments d
        WHERE d.removed_at IS NULL AND d.open_department_id <> '0'
          AND NOT EXISTS (SELECT FROM here h WHERE h.tenant_key = d.tenant_key AND h.open_id = d.leader_user_id)
          AND NOT EXISTS (SELECT FROM %1$I.department_leaders l JOIN here h USING (tenant_key, open_id)
                          WHERE l.tenant_key = d.tenant_key AND l.open_department_id = d.open_department_id AND l.leader_type = 1)
    $view$, directory_schema);
    COMMENT ON VIEW departments_without_leader IS 'Departments, but for the root, that have no main leader, or one who is gone.';
    COMMENT ON COLUMN departments_without_leader.tenant_key IS 'The company.';
    COMMENT ON COLUMN departments_without_leader.open_department_id IS 'The department.';
    COMMENT ON COLUMN departments_without_leader.name IS 'Its name.';
    COMMENT ON COLUMN departments_without_leader.parent_department_id IS 'Its parent''s open_department_id.';
    COMMENT ON COLUMN departments_without_leader.depth IS 'Departments above it.';
    COMMENT ON COLUMN departments_without_leader.gone_leader_user_id IS 'The open_id of the leader who is named still, and is not here; empty where nobody is named.';
    COMMENT ON COLUMN departments_without_leader.deputies IS 'Deputy leaders who are here.';
    COMMENT ON COLUMN departments_without_leader.direct_people IS 'People in the department itself.';

    EXECUTE format($view$
        CREATE VIEW people_without_manager AS
        SELECT u.tenant_key, u.open_id, u.name, u.job_title, p.open_department_id, p.name AS department_name, u.leader_user_id AS gone_leader_user_id
        FROM %1$I.users u
        LEFT JOIN LATERAL (
            SELECT m.open_department_id, d.name
            FROM %1$I.memberships m
            LEFT JOIN %1$I.departments d ON d.tenant_key = m.tenant_key AND d.open_department_id = m.open_department_id
            WHERE m.tenant_key = u.tenant_key AND m.open_id = u.open_id AND m.is_primary_dept
            ORDER BY m.open_department_id
            LIMIT 1
        ) AS p ON true
        WHERE u.removed_at IS NULL
          AND NOT EXISTS (SELECT FROM %1$I.users l
                          WHERE l.tenant_key = u.tenant_key AND l.open_id = u.leader_user_id AND l.removed_at IS NULL AND l.open_id <> u.open_id)
    $view$, directory_schema);
    COMMENT ON VIEW people_without_manager IS 'People who have no direct manager, or one who is gone, or themselves.';
    COMMENT ON COLUMN people_without_manager.tenant_key IS 'The company.';
    COMMENT ON COLUMN people_without_manager.open_id IS 'The person.';
    COMMENT ON COLUMN people_without_manager.name IS 'The person''s name.';
    COMMENT ON COLUMN people_without_manager.job_title IS 'The person''s title.';
    COMMENT ON COLUMN people_without_manager.open_department_id IS 'The person''s primary department; empty where there is none.';
    COMMENT ON COLUMN people_without_manager.department_name IS 'Its name.';
    COMMENT ON COLUMN people_without_manager.gone_leader_user_id IS 'The open_id of the manager who is named still; empty where nobody is named.';
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_analytics_views(text, text, text) IS 'Makes the views of one generation, in a schema that is there already.';

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
COMMENT ON FUNCTION mirror.create_generation_analytics(text, text, text) IS 'Makes the schema of one generation that holds the views, the views, and the grants of the whole generation.';

SELECT mirror.create_analytics_views('directory', 'history', 'analytics');
SELECT mirror.create_reader_roles();
SELECT mirror.grant_readers('directory', 'history', 'analytics');

COMMENT ON COLUMN mirror.sweep_request.reason IS 'scope: the app''s range changed; custom_attrs: custom attributes can be read again; down: nobody listened to events for a while; silence: the long connection was silent for a while; operator: somebody asked for it by the API.';

-- +goose Down

-- The roles stay: they are the cluster's, and others may have been given them.
COMMENT ON COLUMN mirror.sweep_request.reason IS 'scope: the app''s range changed; custom_attrs: custom attributes can be read again; down: nobody listened to events for a while; silence: the long connection was silent for a while.';
DELETE FROM mirror.sweep_request WHERE reason = 'operator';
-- +goose StatementBegin
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN SELECT p.rolname FROM pg_roles p WHERE p.rolname IN ('orgmirror_reader', 'orgmirror_sensitive') LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA directory, history, analytics FROM %I', reader);
        EXECUTE format('REVOKE ALL ON SCHEMA directory, history, analytics FROM %I', reader);
    END LOOP;
END
$$;
-- +goose StatementEnd
DROP VIEW analytics.people_without_manager;
DROP VIEW analytics.departments_without_leader;
DROP VIEW analytics.departments_by_depth;
DROP VIEW analytics.span_of_control;
DROP VIEW analytics.joiners_and_leavers_by_month;
DROP VIEW analytics.headcount_by_employee_type;
DROP VIEW analytics.headcount_by_month;
DROP VIEW analytics.headcount_by_department;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION mirror.create_generation_analytics(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', analytics_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', analytics_schema, 'Views for questions about the company. Their names and columns are kept stable.');
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_analytics(text, text, text) IS 'Makes the schema of one generation that holds the views.';
DROP FUNCTION mirror.create_analytics_views(text, text, text);
DROP FUNCTION mirror.grant_readers(text, text, text);
DROP FUNCTION mirror.create_reader_roles();
DROP TABLE mirror.sql_access;
