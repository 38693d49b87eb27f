-- The event log: every event and observation, in one order, for ever.
--
-- Why a counter row and not a sequence: a sequence hands out a number when the
-- row is inserted, but the row is seen when its transaction commits, so a reader
-- that goes on from "position > last" misses what commits late. Here the head row
-- is locked before numbers are given and stays locked until commit: order of
-- position is order of commit, there are no holes, and a reader needs nothing but
-- "position > $1 ORDER BY position LIMIT n". What this costs, one append at a
-- time, the writers earn back by appending in groups.

-- +goose Up

CREATE SCHEMA mirror;
COMMENT ON SCHEMA mirror IS 'How the mirror runs: the event log, checkpoints, queues, progress. Not meant for analysts; see directory, history and analytics.';

-- The head ---------------------------------------------------------------------

CREATE TABLE mirror.event_log_head (
    singleton         boolean     NOT NULL DEFAULT true PRIMARY KEY CHECK (singleton),
    log_id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    position          bigint      NOT NULL DEFAULT 0 CHECK (position >= 0),
    recorded_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    system_identifier text        NOT NULL
) WITH (fillfactor = 10); -- rewritten by every append: room for HOT updates on its one page

COMMENT ON TABLE mirror.event_log_head IS 'The end of the log: one row, locked by each append until it commits.';
COMMENT ON COLUMN mirror.event_log_head.singleton IS 'Always true: keeps the table at one row.';
COMMENT ON COLUMN mirror.event_log_head.log_id IS 'Identity of this log. A new one is made when the log is created and when it finds itself restored elsewhere, so that positions handed out before are recognised as foreign.';
COMMENT ON COLUMN mirror.event_log_head.position IS 'Position of the last record; 0 in an empty log.';
COMMENT ON COLUMN mirror.event_log_head.recorded_at IS 'recorded_at of the last record (of the creation in an empty log). Never goes back, whatever the clock does.';
COMMENT ON COLUMN mirror.event_log_head.system_identifier IS 'The cluster that the log was last opened in (pg_control_system).';

INSERT INTO mirror.event_log_head (system_identifier)
SELECT system_identifier::text
FROM pg_control_system();

-- The log ----------------------------------------------------------------------

-- Ids compare by their bytes (COLLATE "C"): faster, and the same on every host.
-- Nothing may hold a foreign key to this table: its check locks the row it
-- points to, which asks for the UPDATE privilege taken away below.
CREATE TABLE mirror.event_log (
    position       bigint      NOT NULL PRIMARY KEY CHECK (position > 0),
    recorded_at    timestamptz NOT NULL,
    occurred_at    timestamptz NOT NULL,
    tenant_key     text        COLLATE "C" NOT NULL DEFAULT '',
    app_id         text        COLLATE "C" NOT NULL DEFAULT '',
    event_id       text        COLLATE "C" NOT NULL CHECK (event_id <> ''),
    event_type     text        COLLATE "C" NOT NULL DEFAULT '',
    schema_version integer     NOT NULL DEFAULT 1,
    source         text        COLLATE "C" NOT NULL DEFAULT '',
    entity_kind    text        COLLATE "C" NOT NULL DEFAULT '',
    entity_id      text        COLLATE "C" NOT NULL DEFAULT '',
    correlation_id text        COLLATE "C" NOT NULL DEFAULT '',
    payload        json        NOT NULL, -- json keeps the text as it came; jsonb refuses U+0000 and lone surrogates, which names do hold
    CONSTRAINT event_log_event_id_key UNIQUE (event_id, app_id, tenant_key) -- in this order for the search in event_log_append
);

CREATE INDEX event_log_entity_idx ON mirror.event_log (tenant_key, entity_kind, entity_id, position);
CREATE INDEX event_log_recorded_at_idx ON mirror.event_log USING brin (recorded_at);

COMMENT ON TABLE mirror.event_log IS 'Every event received and every observation made, in the order in which they were recorded. Append-only.';
COMMENT ON COLUMN mirror.event_log.position IS 'Place in the log: 1, 2, 3 ... without holes, in the order of commit.';
COMMENT ON COLUMN mirror.event_log.recorded_at IS 'When the record was appended, by this database''s clock; never before the record in front of it.';
COMMENT ON COLUMN mirror.event_log.occurred_at IS 'When it happened, by Feishu''s clock: header.create_time of an event, the instant of the request of an observation.';
COMMENT ON COLUMN mirror.event_log.tenant_key IS 'The company in Feishu.';
COMMENT ON COLUMN mirror.event_log.app_id IS 'The Feishu app that received or read it. One app per tenant: open_ids of different apps differ.';
COMMENT ON COLUMN mirror.event_log.event_id IS 'Feishu''s event id, or m:... for our observations. The same id again is a duplicate and is not stored.';
COMMENT ON COLUMN mirror.event_log.event_type IS 'Feishu''s name of the event, or one of ours that begin with "mirror.".';
COMMENT ON COLUMN mirror.event_log.schema_version IS 'Version of the payload''s form, so that old records can be read for ever.';
COMMENT ON COLUMN mirror.event_log.source IS 'By which way it came: webhook, websocket, backfill, sweep, poll, reread.';
COMMENT ON COLUMN mirror.event_log.entity_kind IS 'What it is about: user, department ...; empty where it is about no entity.';
COMMENT ON COLUMN mirror.event_log.entity_id IS 'The entity''s key within tenant and kind.';
COMMENT ON COLUMN mirror.event_log.correlation_id IS 'The sweep or re-read that an observation belongs to.';
COMMENT ON COLUMN mirror.event_log.payload IS 'The text as it came in, after decryption. Bytes that are no JSON are kept as {"mirror.raw": "<base64>"}.';

-- Append-only. The service's role loses the privileges; the triggers hold for
-- those whom privileges do not bind (superusers), also under
-- session_replication_role = replica, hence ENABLE ALWAYS. Where the service
-- does not run as the role that migrates, grant it SELECT and INSERT on the log,
-- SELECT and UPDATE on the head, and no more.
REVOKE UPDATE, DELETE, TRUNCATE ON mirror.event_log FROM PUBLIC, CURRENT_USER;

-- +goose StatementBegin
CREATE FUNCTION mirror.event_log_refuse() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'mirror.event_log is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.event_log_refuse() IS 'Keeps the log append-only.';

CREATE TRIGGER event_log_append_only
    BEFORE UPDATE OR DELETE ON mirror.event_log
    FOR EACH ROW EXECUTE FUNCTION mirror.event_log_refuse();
CREATE TRIGGER event_log_no_truncate
    BEFORE TRUNCATE ON mirror.event_log
    FOR EACH STATEMENT EXECUTE FUNCTION mirror.event_log_refuse();
ALTER TABLE mirror.event_log ENABLE ALWAYS TRIGGER event_log_append_only;
ALTER TABLE mirror.event_log ENABLE ALWAYS TRIGGER event_log_no_truncate;

-- The append: one call, one round trip, READ COMMITTED. Each statement of a
-- volatile function sees what was committed when that statement began, so the
-- search for known ids, which comes after the lock, sees all earlier appends.
-- (Under REPEATABLE READ the lock itself fails with 40001 where it would lie.)
--
-- The settings are part of the function because its plans are made once per
-- session and kept:
--   jit                  compiled these statements at each call: 43 ms instead of 1
--   enable_seqscan, enable_hashjoin, enable_mergejoin
--                        a plan made while the log was empty would scan it for ever
--   plan_cache_mode      one plan, not five custom ones first; the two above make it the right one
-- Since hash and merge joins are off, no statement here may join two batches
-- with each other: that would be a nested loop over 1 000 x 1 000 rows. And since
-- a plan made for an empty table is kept while it grows, the search for known ids
-- leaves the planner one index only: with tenant_key in sight it may take the
-- entities' index, which costs the same in an empty log, and reads all of the
-- tenant's records for each new one in a full log (7 s a batch at 20 000).
--
-- The answer is one row with two short arrays, so that it always fits a socket's
-- buffer: a server that waits to send to a stopped client obeys no time-out, and
-- would keep the head locked.
--
-- +goose StatementBegin
CREATE FUNCTION mirror.event_log_append(
    occurred_ats    timestamptz[],
    tenant_keys     text[],
    app_ids         text[],
    event_ids       text[],
    event_types     text[],
    schema_versions integer[],
    sources         text[],
    entity_kinds    text[],
    entity_ids      text[],
    correlation_ids text[],
    payloads        text[], -- text, so that a bad one fails here, as a data error, and not in the protocol
    OUT positions   bigint[],
    OUT duplicates  boolean[]
)
LANGUAGE plpgsql
VOLATILE
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head_position    bigint;
    head_recorded_at timestamptz;
    numbers          bigint[];  -- by ordinal: the new position, NULL where the record is not new
    firsts           bigint[];  -- by ordinal: ordinal of the first record of this batch with the same id
    added            bigint;
    stamp            timestamptz;
BEGIN
    SELECT h.position, h.recorded_at
    INTO STRICT head_position, head_recorded_at
    FROM mirror.event_log_head AS h
    FOR UPDATE;

    -- Known ids, the batch's own repetitions, and the numbers of the rest.
    SELECT array_agg(n.known ORDER BY n.ordinal),
           array_agg(n.number ORDER BY n.ordinal),
           array_agg(n.first ORDER BY n.ordinal),
           count(n.number)
    INTO positions, numbers, firsts, added
    FROM (
        SELECT f.ordinal, f.known, f.first,
               CASE WHEN f.known IS NULL AND f.first = f.ordinal
                    THEN head_position + count(*) FILTER (WHERE f.known IS NULL AND f.first = f.ordinal) OVER (ORDER BY f.ordinal)
               END AS number
        FROM (
            SELECT i.ordinal, l.position AS known,
                   min(i.ordinal) OVER (PARTITION BY i.event_id COLLATE "C", i.tenant_key COLLATE "C", i.app_id COLLATE "C") AS first
            FROM unnest(tenant_keys, app_ids, event_ids) WITH ORDINALITY AS i (tenant_key, app_id, event_id, ordinal)
            LEFT JOIN mirror.event_log AS l
                ON l.event_id = i.event_id AND l.app_id = i.app_id
                AND l.tenant_key || '' = i.tenant_key -- hidden from the planner, see above
        ) AS f
    ) AS n;

    IF added > 0 THEN
        stamp := greatest(clock_timestamp(), head_recorded_at);

        INSERT INTO mirror.event_log (
            position, recorded_at, occurred_at, tenant_key, app_id, event_id, event_type,
            schema_version, source, entity_kind, entity_id, correlation_id, payload)
        SELECT i.number, stamp, i.occurred_at, i.tenant_key, i.app_id, i.event_id, i.event_type,
               i.schema_version, i.source, i.entity_kind, i.entity_id, i.correlation_id, i.payload::json
        FROM unnest(numbers, occurred_ats, tenant_keys, app_ids, event_ids, event_types,
                    schema_versions, sources, entity_kinds, entity_ids, correlation_ids, payloads)
             AS i (number, occurred_at, tenant_key, app_id, event_id, event_type,
                   schema_version, source, entity_kind, entity_id, correlation_id, payload)
        WHERE i.number IS NOT NULL;

        UPDATE mirror.event_log_head AS h
        SET position = head_position + added,
            recorded_at = stamp
        WHERE h.singleton;

        PERFORM pg_notify('mirror_event_log', '');
    END IF;

    SELECT array_agg(coalesce(a.known, a.number, numbers[a.first]) ORDER BY a.ordinal),
           array_agg(a.number IS NULL ORDER BY a.ordinal)
    INTO positions, duplicates
    FROM unnest(positions, numbers, firsts) WITH ORDINALITY AS a (known, number, first, ordinal);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION mirror.event_log_append IS 'Appends a batch: locks the head, leaves out records whose id is known, numbers and inserts the rest, notifies mirror_event_log. Answers by ordinal the position and whether it was there already.';

-- Checkpoints --------------------------------------------------------------------

CREATE TABLE mirror.checkpoint (
    consumer   text        COLLATE "C" NOT NULL PRIMARY KEY CHECK (consumer <> ''),
    position   bigint      NOT NULL CHECK (position >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50); -- rewritten once a page: room for HOT updates

COMMENT ON TABLE mirror.checkpoint IS 'How far each consumer has read the log. Moved in the transaction of the effects, by compare-and-set.';
COMMENT ON COLUMN mirror.checkpoint.consumer IS 'Name of the consumer.';
COMMENT ON COLUMN mirror.checkpoint.position IS 'Position of the last record whose effects are committed; 0 before the first.';
COMMENT ON COLUMN mirror.checkpoint.updated_at IS 'Start of the transaction that moved it last.';

-- +goose Down

DROP TABLE mirror.checkpoint;
DROP FUNCTION mirror.event_log_append;
DROP TABLE mirror.event_log;
DROP FUNCTION mirror.event_log_refuse();
DROP TABLE mirror.event_log_head;
DROP SCHEMA mirror;
