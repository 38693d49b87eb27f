-- Moves what there is in directory into history, where it holds from each row's
-- position to 100, and from 2001 to 2100. What was before and what comes after is
-- something else. In directory nothing is left but the keys of search, and sweeps.

DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT c.relname AS name,
               (SELECT string_agg(quote_ident(a.attname), ', ')
                FROM pg_attribute a
                JOIN pg_attribute b ON b.attrelid = to_regclass('directory.' || quote_ident(c.relname)) AND b.attname = a.attname AND b.attnum > 0
                WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
        FROM pg_class c
        WHERE c.relnamespace = 'history'::regnamespace AND c.relkind = 'r' AND to_regclass('directory.' || quote_ident(c.relname)) IS NOT NULL
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'from_position')
    LOOP
        EXECUTE format('DELETE FROM history.%I', t.name);
        EXECUTE format('INSERT INTO history.%1$I (%2$s, from_position, to_position, valid_from, valid_to)
                        SELECT %2$s, position, 100, ''2001-01-01Z'', ''2100-01-01Z'' FROM directory.%1$I', t.name, t.columns);
        EXECUTE format('DELETE FROM directory.%I', t.name);
        -- before, and after
        EXECUTE format('CREATE TEMP TABLE others ON COMMIT DROP AS SELECT * FROM history.%I', t.name);
        IF t.name = 'users' THEN
            UPDATE others SET name = 'other', department_ids = '{od-b}', leader_user_id = 'ou_cyc', union_id = 'on_ann', user_id = 'bob', email = 'a@p',
                removed_at = CASE WHEN removed_at IS NULL THEN '1999-05-05Z'::timestamptz END;
        ELSIF t.name = 'departments' THEN
            UPDATE others SET name = 'other', parent_department_id = CASE open_department_id WHEN '0' THEN NULL WHEN 'od-b' THEN '0' ELSE 'od-b' END, department_id = 'A',
                removed_at = CASE WHEN removed_at IS NULL THEN '1999-05-05Z'::timestamptz END;
        ELSIF t.name IN ('memberships', 'department_leaders') THEN
            UPDATE others SET open_id = 'ou_pct'; -- an edge is there or not
            EXECUTE 'DELETE FROM others a USING others b WHERE a.ctid > b.ctid AND a.tenant_key = b.tenant_key AND a.open_department_id = b.open_department_id';
        ELSIF t.columns LIKE '%removed_at%' THEN
            UPDATE others SET removed_at = CASE WHEN removed_at IS NULL THEN '1999-05-05Z'::timestamptz END;
        END IF;
        EXECUTE format('INSERT INTO history.%1$I (%2$s, from_position, to_position, valid_from, valid_to)
                        SELECT %2$s, -1, from_position, ''1999-01-01Z'', ''2001-01-01Z'' FROM others', t.name, t.columns);
        EXECUTE format('INSERT INTO history.%1$I (%2$s, from_position, valid_from)
                        SELECT %2$s, 100, ''2100-01-01Z'' FROM others', t.name, t.columns);
        DROP TABLE others;
    END LOOP;
END
$$;
