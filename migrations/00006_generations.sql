-- Generations of the read model. One serves, as the schemas directory, history
-- and analytics; others, half built or kept for a way back, have the same names
-- with their number behind (directory_2). A swap changes the names, in one
-- transaction.
--
-- A statement names several tables, and PostgreSQL looks the names up one after
-- the other, so that a swap may come in between. Readers that must not see two
-- generations therefore read mirror.generation before anything else, in the
-- statement or in the transaction; a swap locks that table exclusively, and
-- nothing but it: it waits for those readers, and they for it. Where a transaction
-- has one snapshot for many statements it has to say LOCK TABLE mirror.generation
-- IN ACCESS SHARE MODE, which takes the lock before the snapshot; a SELECT takes
-- it after.

-- +goose Up

CREATE TABLE mirror.generation (
    number    integer     NOT NULL PRIMARY KEY CHECK (number > 0),
    state     text        NOT NULL CHECK (state IN ('built', 'serving', 'kept', 'retired')),
    position  bigint      NOT NULL DEFAULT 0,
    turn      bigint      NOT NULL DEFAULT 0,
    built_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    served_at timestamptz,
    ended_at  timestamptz
);
COMMENT ON TABLE mirror.generation IS 'The generations of the read model. Reading it, before anything else, holds off a swap until the end of the transaction.';
COMMENT ON COLUMN mirror.generation.number IS 'The generation; what its schemas end in while it does not serve.';
COMMENT ON COLUMN mirror.generation.state IS 'serving: as directory, history and analytics. built: complete, and not yet serving. kept: served before, kept for a way back. retired: to be dropped.';
COMMENT ON COLUMN mirror.generation.position IS 'The position of the log at which it is, while it does not serve; the serving one''s is in mirror.checkpoint.';
COMMENT ON COLUMN mirror.generation.turn IS 'Which swap made it serve, counted from 0; grows with each swap, whichever generation it is.';
COMMENT ON COLUMN mirror.generation.built_at IS 'When it was made.';
COMMENT ON COLUMN mirror.generation.served_at IS 'Since when it serves, or last began to.';
COMMENT ON COLUMN mirror.generation.ended_at IS 'When it last ceased to serve.';

CREATE UNIQUE INDEX generation_serving ON mirror.generation (state) WHERE state = 'serving';

INSERT INTO mirror.generation (number, state, served_at)
VALUES (1, 'serving', clock_timestamp());

-- What a generation consists of ---------------------------------------------------

-- Views that are to be part of a generation are made here: a later migration
-- replaces this function by one whose views name the tables by the parameters
-- (format('... FROM %I.users ...', directory_schema)), with their comments and
-- with the grants to roles that it knows, and makes the same views in the serving
-- schema analytics. A view made in the serving schema alone is carried along by a
-- swap like one that a user made.
--
-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation_analytics(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', analytics_schema);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', analytics_schema, 'Views for questions about the company. Their names and columns are kept stable.');
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation_analytics(text, text, text) IS 'Makes the schema of one generation that holds the views.';

-- +goose StatementBegin
CREATE FUNCTION mirror.create_generation(directory_schema text, history_schema text, analytics_schema text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM mirror.create_generation(directory_schema, history_schema);
    PERFORM mirror.create_generation_analytics(directory_schema, history_schema, analytics_schema);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.create_generation(text, text, text) IS 'Makes one whole generation of the read model, empty: tables, views, indexes and comments.';

SELECT mirror.create_generation_analytics('directory', 'history', 'analytics');

-- Grants --------------------------------------------------------------------------

-- The ACLs of what two schemas both have are made equal, but for who granted.
-- Tables come before columns: taking a table's privileges takes its columns' too.
--
-- +goose StatementBegin
CREATE FUNCTION mirror.copy_grants(from_schema text, to_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    object record;
    grants record;
    kinds  jsonb := '{"r": "TABLES", "S": "SEQUENCES", "f": "ROUTINES", "T": "TYPES"}';
BEGIN
    FOR pass IN 1..2 LOOP
        FOR object IN
            SELECT o.target, o.columns, o.owner, o.wanted, o.had
            FROM (
                SELECT 1, 'SCHEMA ' || quote_ident(to_schema), '', t.nspowner,
                       coalesce(f.nspacl, acldefault('n', f.nspowner)), coalesce(t.nspacl, acldefault('n', t.nspowner))
                FROM pg_namespace f, pg_namespace t
                WHERE f.nspname = from_schema AND t.nspname = to_schema
                UNION ALL
                SELECT 1, 'TABLE ' || t.oid::regclass, '', t.relowner,
                       coalesce(f.relacl, acldefault('r', f.relowner)), coalesce(t.relacl, acldefault('r', t.relowner))
                FROM pg_class f
                JOIN pg_class t ON t.relname = f.relname AND t.relkind = f.relkind
                WHERE f.relnamespace = to_regnamespace(from_schema) AND t.relnamespace = to_regnamespace(to_schema)
                  AND f.relkind IN ('r', 'v', 'm')
                UNION ALL
                SELECT 1, 'ROUTINE ' || t.oid::regprocedure, '', t.proowner,
                       coalesce(f.proacl, acldefault('f', f.proowner)), coalesce(t.proacl, acldefault('f', t.proowner))
                FROM pg_proc f
                JOIN pg_proc t ON t.proname = f.proname AND pg_get_function_identity_arguments(t.oid) = pg_get_function_identity_arguments(f.oid)
                WHERE f.pronamespace = to_regnamespace(from_schema) AND t.pronamespace = to_regnamespace(to_schema)
                UNION ALL
                SELECT 2, 'TABLE ' || t.oid::regclass, '(' || quote_ident(b.attname) || ')', t.relowner,
                       a.attacl, b.attacl
                FROM pg_class f
                JOIN pg_class t ON t.relname = f.relname AND t.relkind = f.relkind
                JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum > 0 AND NOT a.attisdropped
                JOIN pg_attribute b ON b.attrelid = t.oid AND b.attname = a.attname
                WHERE f.relnamespace = to_regnamespace(from_schema) AND t.relnamespace = to_regnamespace(to_schema)
                  AND f.relkind IN ('r', 'v', 'm')
            ) AS o (step, target, columns, owner, wanted, had)
            WHERE o.step = pass
              AND ARRAY (SELECT (e.grantee, e.privilege_type, e.is_grantable)::text FROM aclexplode(o.wanted) AS e WHERE e.grantee <> o.owner ORDER BY 1)
                  <> ARRAY (SELECT (e.grantee, e.privilege_type, e.is_grantable)::text FROM aclexplode(o.had) AS e WHERE e.grantee <> o.owner ORDER BY 1)
        LOOP
            FOR grants IN
                SELECT DISTINCT CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS role
                FROM aclexplode(object.had) AS e
                WHERE e.grantee <> object.owner
            LOOP
                EXECUTE concat_ws(' ', 'REVOKE ALL', object.columns, 'ON', object.target, 'FROM', grants.role);
            END LOOP;
            FOR grants IN
                SELECT CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS role,
                       e.privilege_type, CASE WHEN e.is_grantable THEN 'WITH GRANT OPTION' END AS option
                FROM aclexplode(object.wanted) AS e
                WHERE e.grantee <> object.owner
            LOOP
                EXECUTE concat_ws(' ', 'GRANT', grants.privilege_type, object.columns, 'ON', object.target, 'TO', grants.role, grants.option);
            END LOOP;
        END LOOP;
    END LOOP;

    -- What tables to come will be granted.
    FOR grants IN
        SELECT quote_ident(pg_get_userbyid(d.defaclrole)) AS creator, kinds ->> d.defaclobjtype::text AS kind, e.privilege_type,
               CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END AS role,
               CASE WHEN e.is_grantable THEN 'WITH GRANT OPTION' END AS option
        FROM pg_default_acl d
        CROSS JOIN LATERAL aclexplode(d.defaclacl) AS e
        WHERE d.defaclnamespace = to_regnamespace(from_schema)
          AND NOT EXISTS (SELECT FROM pg_default_acl has
                          CROSS JOIN LATERAL aclexplode(has.defaclacl) AS h
                          WHERE has.defaclnamespace = to_regnamespace(to_schema) AND has.defaclrole = d.defaclrole AND has.defaclobjtype = d.defaclobjtype
                            AND (h.grantee, h.privilege_type, h.is_grantable) = (e.grantee, e.privilege_type, e.is_grantable))
    LOOP
        EXECUTE concat_ws(' ', 'ALTER DEFAULT PRIVILEGES FOR ROLE', grants.creator, 'IN SCHEMA', quote_ident(to_schema),
                          'GRANT', grants.privilege_type, 'ON', grants.kind, 'TO', grants.role, grants.option);
    END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.copy_grants(text, text) IS 'Gives the tables, columns, views and functions of one schema the grants of those of the same name in another.';

-- Comments -------------------------------------------------------------------------

-- +goose StatementBegin
CREATE FUNCTION mirror.copy_comments(from_schema text, to_schema text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT CASE
                   WHEN a.attname IS NOT NULL THEN 'COLUMN ' || t.oid::regclass || '.' || quote_ident(a.attname)
                   WHEN t.relkind = 'v' THEN 'VIEW ' || t.oid::regclass
                   WHEN t.relkind = 'i' THEN 'INDEX ' || t.oid::regclass
                   ELSE 'TABLE ' || t.oid::regclass
               END AS target, d.description
        FROM pg_class f
        JOIN pg_class t ON t.relname = f.relname AND t.relkind = f.relkind AND t.relnamespace = to_regnamespace(to_schema)
        JOIN pg_description d ON d.objoid = f.oid AND d.classoid = 'pg_class'::regclass
        LEFT JOIN pg_attribute fa ON fa.attrelid = f.oid AND fa.attnum = d.objsubid AND d.objsubid > 0
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = fa.attname
        LEFT JOIN pg_description td ON td.objoid = t.oid AND td.classoid = d.classoid AND td.objsubid = coalesce(a.attnum, 0)
        WHERE f.relnamespace = to_regnamespace(from_schema) AND f.relkind IN ('r', 'v', 'i')
          AND (d.objsubid = 0) = (a.attname IS NULL)
          AND td.description IS DISTINCT FROM d.description
        UNION ALL
        SELECT 'ROUTINE ' || t.oid::regprocedure, obj_description(f.oid, 'pg_proc')
        FROM pg_proc f
        JOIN pg_proc t ON t.proname = f.proname AND pg_get_function_identity_arguments(t.oid) = pg_get_function_identity_arguments(f.oid)
        WHERE f.pronamespace = to_regnamespace(from_schema) AND t.pronamespace = to_regnamespace(to_schema)
          AND obj_description(f.oid, 'pg_proc') IS DISTINCT FROM obj_description(t.oid, 'pg_proc')
        UNION ALL
        SELECT 'SCHEMA ' || quote_ident(to_schema), obj_description(to_regnamespace(from_schema), 'pg_namespace')
    LOOP
        EXECUTE format('COMMENT ON %s IS %L', object.target, object.description);
    END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.copy_comments(text, text) IS 'Gives what is in one schema the comments of what has the same name in another.';

-- What others built on a generation ----------------------------------------------

-- Views follow the swap. Nothing else can be made to: PostgreSQL binds it to the
-- tables themselves.
--
-- +goose StatementBegin
CREATE FUNCTION mirror.generation_dependents(suffix text) RETURNS TABLE (object text, follows boolean)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH ours AS (
        SELECT n.oid FROM pg_namespace n WHERE n.nspname IN ('directory' || suffix, 'history' || suffix, 'analytics' || suffix)
    ), parts AS (
        SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN ours ON ours.oid = t.typnamespace
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    ), dependents AS (
        SELECT DISTINCT d.classid, d.objid,
               CASE d.classid
                   WHEN 'pg_class'::regclass THEN d.objid
                   WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite w WHERE w.oid = d.objid)
                   WHEN 'pg_constraint'::regclass THEN (SELECT c.conrelid FROM pg_constraint c WHERE c.oid = d.objid)
                   WHEN 'pg_attrdef'::regclass THEN (SELECT a.adrelid FROM pg_attrdef a WHERE a.oid = d.objid)
                   WHEN 'pg_trigger'::regclass THEN (SELECT t.tgrelid FROM pg_trigger t WHERE t.oid = d.objid)
               END AS relation
        FROM pg_depend d
        JOIN parts p ON p.classid = d.refclassid AND p.objid = d.refobjid
        WHERE d.deptype IN ('n', 'a')
    )
    -- Outside of the generation.
    SELECT DISTINCT coalesce(c.relkind::text || ' ' || c.oid::regclass, pg_describe_object(d.classid, d.objid, 0)),
           coalesce(c.relkind = 'v' AND pg_has_role(c.relowner, 'USAGE'), false) -- only its owner may replace it
    FROM dependents d
    LEFT JOIN pg_class c ON c.oid = d.relation AND c.relkind IN ('v', 'm')
    WHERE CASE
              WHEN d.relation <> 0 THEN (SELECT r.relnamespace FROM pg_class r WHERE r.oid = d.relation) NOT IN (SELECT oid FROM ours)
                                        AND (SELECT r.relkind FROM pg_class r WHERE r.oid = d.relation) NOT IN ('t', 'i')
              WHEN d.classid = 'pg_proc'::regclass THEN (SELECT p.pronamespace FROM pg_proc p WHERE p.oid = d.objid) NOT IN (SELECT oid FROM ours)
              ELSE d.classid IN ('pg_publication_rel'::regclass, 'pg_policy'::regclass)
          END
    UNION ALL
    -- Inside: what no generation is made with.
    SELECT pg_describe_object('pg_trigger'::regclass, t.oid, 0), false
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    JOIN ours ON ours.oid = c.relnamespace
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'm ' || c.oid::regclass, false
    FROM pg_class c
    JOIN ours ON ours.oid = c.relnamespace
    WHERE c.relkind = 'm'
    ORDER BY 1
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.generation_dependents(text) IS 'What was built on the schemas of one generation by others, and whether a swap takes it along. The suffix is empty for the serving one.';

-- The swap -------------------------------------------------------------------------

-- The caller has locked the core checkpoint's row and then mirror.generation,
-- exclusively; in the order in which the projector takes them.
--
-- +goose StatementBegin
CREATE FUNCTION mirror.swap_generation(incoming integer, outgoing_state text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp -- so that views are written with the schemas of all names
AS $$
DECLARE
    outgoing  integer;
    last_turn bigint;
    reached   bigint;
    core      bigint;
    part      text;
    carried   record;
    own_views oid[];
    views     text[];
    view      text;
BEGIN
    SELECT g.number, g.turn INTO STRICT outgoing, last_turn FROM mirror.generation g WHERE g.state = 'serving';
    SELECT g.position INTO STRICT reached FROM mirror.generation g WHERE g.number = incoming AND g.state IN ('built', 'kept');
    SELECT coalesce(max(c.position), 0) INTO core FROM mirror.checkpoint c WHERE c.consumer = 'core';
    IF reached < core THEN
        RAISE EXCEPTION 'generation % is at position %, behind the serving one at %', incoming, reached, core
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    FOREACH part IN ARRAY ARRAY ['directory', 'history', 'analytics'] LOOP
        PERFORM mirror.copy_grants(part, part || '_' || incoming);
    END LOOP;

    -- Views that are not the generation's own, as text, which names the tables and
    -- not their oids.
    SELECT coalesce(array_agg(v.oid), '{}') INTO own_views
    FROM pg_class v
    JOIN pg_namespace n ON n.oid = v.relnamespace AND n.nspname IN ('directory', 'history', 'analytics')
    JOIN pg_class w ON w.relnamespace = to_regnamespace(n.nspname || '_' || incoming) AND w.relname = v.relname AND w.relkind = 'v'
    WHERE v.relkind = 'v';
    SELECT coalesce(array_agg(f.definition), '{}') INTO views
    FROM (
        SELECT DISTINCT format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
                               ' WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid)) AS definition
        FROM pg_class t
        JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname IN ('directory', 'history', 'analytics')
        JOIN pg_class other ON other.relnamespace = to_regnamespace(n.nspname || '_' || incoming) AND other.relname = t.relname
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class <> t.oid
        JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'v' AND NOT v.oid = ANY (own_views)
    ) AS f;

    FOREACH part IN ARRAY ARRAY ['directory', 'history', 'analytics'] LOOP
        EXECUTE format('ALTER SCHEMA %I RENAME TO %I', part, part || '_' || outgoing);
        EXECUTE format('ALTER SCHEMA %I RENAME TO %I', part || '_' || incoming, part);

        -- What others made in the schema stays in it.
        FOR carried IN
            SELECT CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'S' THEN 'SEQUENCE ' WHEN 'f' THEN 'FOREIGN TABLE ' ELSE 'TABLE ' END || c.oid::regclass AS object
            FROM pg_class c
            WHERE c.relnamespace = to_regnamespace(part || '_' || outgoing)
              AND c.relkind IN ('r', 'p', 'v', 'f', 'S')
              AND NOT EXISTS (SELECT FROM pg_class o WHERE o.relnamespace = to_regnamespace(part) AND o.relname = c.relname)
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
            UNION ALL
            SELECT 'ROUTINE ' || p.oid::regprocedure
            FROM pg_proc p
            WHERE p.pronamespace = to_regnamespace(part || '_' || outgoing)
              AND NOT EXISTS (SELECT FROM pg_proc o
                              WHERE o.pronamespace = to_regnamespace(part) AND o.proname = p.proname
                                AND pg_get_function_identity_arguments(o.oid) = pg_get_function_identity_arguments(p.oid))
        LOOP
            EXECUTE format('ALTER %s SET SCHEMA %I', carried.object, part);
        END LOOP;
    END LOOP;

    FOREACH view IN ARRAY views LOOP
        EXECUTE view;
    END LOOP;

    UPDATE mirror.generation SET state = outgoing_state, position = core, ended_at = clock_timestamp() WHERE number = outgoing;
    UPDATE mirror.generation SET state = 'serving', turn = last_turn + 1, served_at = clock_timestamp(), ended_at = NULL WHERE number = incoming;
    IF reached > core THEN
        INSERT INTO mirror.checkpoint (consumer, position, updated_at)
        VALUES ('core', reached, clock_timestamp())
        ON CONFLICT (consumer) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at;
    END IF;
    PERFORM pg_notify('mirror_checkpoint', 'core');
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.swap_generation(integer, text) IS 'Makes another generation serve, and gives the one that served a state. Changes names only.';

-- +goose StatementBegin
CREATE FUNCTION mirror.drop_generation(dropped integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
    kept text;
BEGIN
    PERFORM FROM mirror.generation g WHERE g.number = dropped AND g.state <> 'serving';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no generation % that does not serve', dropped USING ERRCODE = 'no_data_found';
    END IF;
    SELECT string_agg(d.object, ', ') INTO kept FROM mirror.generation_dependents('_' || dropped) AS d;
    IF kept <> '' THEN
        RAISE EXCEPTION 'generation % is used by %', dropped, kept USING ERRCODE = 'dependent_objects_still_exist';
    END IF;
    FOREACH part IN ARRAY ARRAY ['analytics', 'history', 'directory'] LOOP
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', part || '_' || dropped);
    END LOOP;
    DELETE FROM mirror.generation g WHERE g.number = dropped;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.drop_generation(integer) IS 'Drops a generation that does not serve, unless others built on it.';

-- +goose Down

-- +goose StatementBegin
DO $$
DECLARE
    other integer;
BEGIN
    FOR other IN SELECT number FROM mirror.generation WHERE state <> 'serving' LOOP
        PERFORM mirror.drop_generation(other);
    END LOOP;
END
$$;
-- +goose StatementEnd
DROP FUNCTION mirror.drop_generation(integer);
DROP FUNCTION mirror.swap_generation(integer, text);
DROP FUNCTION mirror.generation_dependents(text);
DROP FUNCTION mirror.copy_comments(text, text);
DROP FUNCTION mirror.copy_grants(text, text);
DROP SCHEMA analytics CASCADE;
DROP FUNCTION mirror.create_generation(text, text, text);
DROP FUNCTION mirror.create_generation_analytics(text, text, text);
DROP TABLE mirror.generation;
