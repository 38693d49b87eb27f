-- What the projector asks of the crawl, what it could not read, and how far a
-- walk of Feishu has come. All of it is working state: none of it is needed to
-- rebuild the read model from the log.

-- +goose Up

CREATE TABLE mirror.event_log_parked (
    position    bigint      NOT NULL,
    tenant_key  text        COLLATE "C" NOT NULL,
    entity_kind text        COLLATE "C" NOT NULL,
    entity_id   text        COLLATE "C" NOT NULL,
    field       text        COLLATE "C" NOT NULL,
    error       text        NOT NULL,
    PRIMARY KEY (position, tenant_key, entity_kind, entity_id, field)
);
CREATE INDEX event_log_parked_entity ON mirror.event_log_parked (tenant_key, entity_kind, entity_id); -- the crawl asks what is told already
COMMENT ON TABLE  mirror.event_log_parked IS 'Parts of log records that could not be decoded. The rest of such a record was applied, and its entity is re-read.';
COMMENT ON COLUMN mirror.event_log_parked.position    IS 'The record in mirror.event_log.';
COMMENT ON COLUMN mirror.event_log_parked.tenant_key  IS 'The company.';
COMMENT ON COLUMN mirror.event_log_parked.entity_kind IS 'user, department ...; empty where the record names no entity.';
COMMENT ON COLUMN mirror.event_log_parked.entity_id   IS 'The entity''s key; empty where the whole record is parked.';
COMMENT ON COLUMN mirror.event_log_parked.field       IS 'The field that was left untouched; empty where the whole record is parked.';
COMMENT ON COLUMN mirror.event_log_parked.error       IS 'Why, without the value.';

CREATE TABLE mirror.reread_queue (
    tenant_key   text        COLLATE "C" NOT NULL,
    entity_kind  text        COLLATE "C" NOT NULL,
    entity_id    text        COLLATE "C" NOT NULL,
    reasons      text[]      NOT NULL,
    not_before   timestamptz NOT NULL,
    position     bigint      NOT NULL,
    PRIMARY KEY (tenant_key, entity_kind, entity_id)
);
COMMENT ON TABLE  mirror.reread_queue IS 'Entities whose records leave a doubt that only Feishu can settle, each once.';
COMMENT ON COLUMN mirror.reread_queue.tenant_key  IS 'The company.';
COMMENT ON COLUMN mirror.reread_queue.entity_kind IS 'user or department.';
COMMENT ON COLUMN mirror.reread_queue.entity_id   IS 'The entity''s key.';
COMMENT ON COLUMN mirror.reread_queue.reasons     IS 'Every doubt since the entity was queued, sorted.';
COMMENT ON COLUMN mirror.reread_queue.not_before  IS 'On Feishu''s clock: sent earlier, the answer would lose against the newest event.';
COMMENT ON COLUMN mirror.reread_queue.position    IS 'The last record that asked.';

CREATE TABLE mirror.sweep (
    sweep_id     uuid        PRIMARY KEY,
    tenant_key   text        COLLATE "C" NOT NULL,
    app_id       text        COLLATE "C" NOT NULL,
    state        text        NOT NULL CHECK (state IN ('running', 'complete', 'abandoned')),
    started_at   timestamptz NOT NULL,
    completed_at timestamptz,
    appended     bigint      NOT NULL DEFAULT 0,
    unchanged    bigint      NOT NULL DEFAULT 0,
    memberships  bigint      NOT NULL DEFAULT 0,
    unreadable   bigint      NOT NULL DEFAULT 0,
    fields       jsonb       NOT NULL DEFAULT '{}',
    candidates   jsonb       NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX sweep_one_running ON mirror.sweep (tenant_key) WHERE state = 'running';
COMMENT ON TABLE  mirror.sweep IS 'Walks of everything the app may see. The next run goes on with the running one, unless it is older than a day.';
COMMENT ON COLUMN mirror.sweep.sweep_id     IS 'Also the correlation_id of the sweep''s records in the log.';
COMMENT ON COLUMN mirror.sweep.tenant_key   IS 'The company.';
COMMENT ON COLUMN mirror.sweep.app_id       IS 'The app that walks.';
COMMENT ON COLUMN mirror.sweep.state        IS 'running, complete or abandoned.';
COMMENT ON COLUMN mirror.sweep.started_at   IS 'On Feishu''s clock, before the first request.';
COMMENT ON COLUMN mirror.sweep.completed_at IS 'On Feishu''s clock.';
COMMENT ON COLUMN mirror.sweep.appended     IS 'Observations that changed something.';
COMMENT ON COLUMN mirror.sweep.unchanged    IS 'Observations that changed nothing and were not appended.';
COMMENT ON COLUMN mirror.sweep.memberships  IS 'People listed by departments; who is in several counts in each.';
COMMENT ON COLUMN mirror.sweep.unreadable   IS 'List items without a usable id, which were left out.';
COMMENT ON COLUMN mirror.sweep.fields       IS 'Per kind and field, how many of the seen objects had it.';
COMMENT ON COLUMN mirror.sweep.candidates   IS 'Per kind, how many that existed before were not seen.';

CREATE TABLE mirror.sweep_task (
    sweep_id      uuid    NOT NULL REFERENCES mirror.sweep ON DELETE CASCADE,
    listing       text    COLLATE "C" NOT NULL CHECK (listing IN ('root', 'children', 'subtree', 'users')),
    department_id text    COLLATE "C" NOT NULL,
    page_token    text    NOT NULL DEFAULT '',
    done          boolean NOT NULL DEFAULT false,
    items         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (sweep_id, listing, department_id)
);
CREATE INDEX sweep_task_open ON mirror.sweep_task (sweep_id, listing, department_id) WHERE NOT done;
COMMENT ON TABLE  mirror.sweep_task IS 'The lists that a sweep has to read, and how far each has been read.';
COMMENT ON COLUMN mirror.sweep_task.sweep_id      IS 'The sweep.';
COMMENT ON COLUMN mirror.sweep_task.listing       IS 'root: GET of the root; subtree: all descendants; children: direct children; users: direct users.';
COMMENT ON COLUMN mirror.sweep_task.department_id IS 'The department that is listed.';
COMMENT ON COLUMN mirror.sweep_task.page_token    IS 'The page to ask for next; empty for the first.';
COMMENT ON COLUMN mirror.sweep_task.done          IS 'The last page was recorded.';
COMMENT ON COLUMN mirror.sweep_task.items         IS 'Objects on its pages so far.';

CREATE TABLE mirror.sweep_seen (
    sweep_id             uuid NOT NULL REFERENCES mirror.sweep ON DELETE CASCADE,
    entity_kind          text COLLATE "C" NOT NULL,
    entity_id            text COLLATE "C" NOT NULL,
    seen_at              timestamptz NOT NULL,
    member_count         bigint,
    primary_member_count bigint,
    PRIMARY KEY (sweep_id, entity_kind, entity_id)
);
COMMENT ON TABLE  mirror.sweep_seen IS 'What a sweep saw, so that what it did not see can be named. Emptied when the next sweep begins.';
COMMENT ON COLUMN mirror.sweep_seen.sweep_id             IS 'The sweep.';
COMMENT ON COLUMN mirror.sweep_seen.entity_kind          IS 'user or department.';
COMMENT ON COLUMN mirror.sweep_seen.entity_id            IS 'The entity''s key.';
COMMENT ON COLUMN mirror.sweep_seen.seen_at              IS 'On Feishu''s clock, when the page was asked for.';
COMMENT ON COLUMN mirror.sweep_seen.member_count         IS 'Departments: the count that Feishu gave, where it is news and nothing else is; the sweep''s last record carries it.';
COMMENT ON COLUMN mirror.sweep_seen.primary_member_count IS 'Departments: as member_count, for primary members.';

CREATE TABLE mirror.call_window (
    app_id     text        COLLATE "C" NOT NULL,
    tenant_key text        COLLATE "C" NOT NULL,
    endpoint   text        COLLATE "C" NOT NULL,
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (app_id, tenant_key, endpoint)
);
COMMENT ON TABLE  mirror.call_window IS 'One row an endpoint: the lock under which its calls are reserved.';
COMMENT ON COLUMN mirror.call_window.app_id     IS 'The app that calls.';
COMMENT ON COLUMN mirror.call_window.tenant_key IS 'The company; empty while it is not known yet.';
COMMENT ON COLUMN mirror.call_window.endpoint   IS 'Verb and path template.';
COMMENT ON COLUMN mirror.call_window.not_before IS 'After a 429: nobody calls before this instant.';

CREATE TABLE mirror.call_reservation (
    reservation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id         text        COLLATE "C" NOT NULL,
    tenant_key     text        COLLATE "C" NOT NULL,
    endpoint       text        COLLATE "C" NOT NULL,
    calls          integer     NOT NULL,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    FOREIGN KEY (app_id, tenant_key, endpoint) REFERENCES mirror.call_window
);
CREATE INDEX call_reservation_endpoint ON mirror.call_reservation (app_id, tenant_key, endpoint, ends_at);
COMMENT ON TABLE  mirror.call_reservation IS 'Blocks of calls, written before they are sent: the rate limits bind all processes, and those that were killed.';
COMMENT ON COLUMN mirror.call_reservation.reservation_id IS 'Of no meaning outside.';
COMMENT ON COLUMN mirror.call_reservation.app_id         IS 'The app that calls.';
COMMENT ON COLUMN mirror.call_reservation.tenant_key     IS 'The company.';
COMMENT ON COLUMN mirror.call_reservation.endpoint       IS 'Verb and path template.';
COMMENT ON COLUMN mirror.call_reservation.calls          IS 'How many calls the block holds.';
COMMENT ON COLUMN mirror.call_reservation.starts_at      IS 'The first call''s slot, on this database''s clock.';
COMMENT ON COLUMN mirror.call_reservation.ends_at        IS 'The end of the last call''s slot.';

CREATE TABLE mirror.call_month (
    app_id     text    COLLATE "C" NOT NULL,
    tenant_key text    COLLATE "C" NOT NULL,
    month      date    NOT NULL,
    calls      bigint  NOT NULL,
    PRIMARY KEY (app_id, tenant_key, month)
);
COMMENT ON TABLE  mirror.call_month IS 'Calls reserved in each calendar month (UTC), for the monthly budget.';
COMMENT ON COLUMN mirror.call_month.app_id     IS 'The app that calls.';
COMMENT ON COLUMN mirror.call_month.tenant_key IS 'The company.';
COMMENT ON COLUMN mirror.call_month.month      IS 'The first day of the month.';
COMMENT ON COLUMN mirror.call_month.calls      IS 'Reserved and not given back.';

-- +goose Down

DROP TABLE mirror.call_month;
DROP TABLE mirror.call_reservation;
DROP TABLE mirror.call_window;
DROP TABLE mirror.sweep_seen;
DROP TABLE mirror.sweep_task;
DROP TABLE mirror.sweep;
DROP TABLE mirror.reread_queue;
DROP TABLE mirror.event_log_parked;
