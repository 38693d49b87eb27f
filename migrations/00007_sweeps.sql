-- What the service does by itself: who listened to Feishu's events and until
-- when, the rotating sample, and what was found that no event had told. Working
-- state, as in 00002; mirror.drift can be counted again from the log.

-- +goose Up

CREATE TABLE mirror.service (
    tenant_key text        COLLATE "C" NOT NULL PRIMARY KEY,
    began_at   timestamptz NOT NULL DEFAULT now(),
    checked_at timestamptz NOT NULL DEFAULT now(),
    heard_at   timestamptz,
    events     text        NOT NULL CHECK (events IN ('none', 'webhook', 'websocket')),
    connected  boolean     NOT NULL,
    red        boolean     NOT NULL,
    problem    text        NOT NULL
);
COMMENT ON TABLE  mirror.service IS 'What the service says of itself a few times a minute: others cannot see into the process, and the next one wants to know for how long nobody listened.';
COMMENT ON COLUMN mirror.service.tenant_key IS 'The company.';
COMMENT ON COLUMN mirror.service.began_at   IS 'When a service first worked on this company.';
COMMENT ON COLUMN mirror.service.checked_at IS 'When it last said so.';
COMMENT ON COLUMN mirror.service.heard_at   IS 'Until when events would have come in: the last frame of a long connection, else checked_at. Empty before the first frame.';
COMMENT ON COLUMN mirror.service.events     IS 'The way by which events come.';
COMMENT ON COLUMN mirror.service.connected  IS 'The long connection is open; false for the other ways.';
COMMENT ON COLUMN mirror.service.red        IS 'Events do not come, and will not until somebody has looked.';
COMMENT ON COLUMN mirror.service.problem    IS 'Why there is no long connection.';

CREATE TABLE mirror.sample (
    tenant_key  text        COLLATE "C" NOT NULL,
    entity_kind text        COLLATE "C" NOT NULL,
    after_id    text        COLLATE "C" NOT NULL,
    sampled_at  timestamptz NOT NULL,
    entities    bigint      NOT NULL,
    PRIMARY KEY (tenant_key, entity_kind)
);
COMMENT ON TABLE  mirror.sample IS 'How far the sample has gone round that measures drift between sweeps.';
COMMENT ON COLUMN mirror.sample.tenant_key  IS 'The company.';
COMMENT ON COLUMN mirror.sample.entity_kind IS 'user or department.';
COMMENT ON COLUMN mirror.sample.after_id    IS 'The last entity that was asked for; the next round begins after it.';
COMMENT ON COLUMN mirror.sample.sampled_at  IS 'When it was.';
COMMENT ON COLUMN mirror.sample.entities    IS 'How many were asked for so far.';

CREATE TABLE mirror.drift (
    tenant_key    text        COLLATE "C" NOT NULL,
    entity_kind   text        COLLATE "C" NOT NULL,
    found_by      text        NOT NULL CHECK (found_by IN ('sweep', 'reread', 'sample')),
    entities      bigint      NOT NULL,
    last_found_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_key, entity_kind, found_by)
);
COMMENT ON TABLE  mirror.drift IS 'Differences between Feishu and the mirror that no event told of within ten minutes after they were found. Counted from the log, up to the checkpoint of the consumer drift.';
COMMENT ON COLUMN mirror.drift.tenant_key    IS 'The company.';
COMMENT ON COLUMN mirror.drift.entity_kind   IS 'user, department, employee_type or custom_attribute.';
COMMENT ON COLUMN mirror.drift.found_by      IS 'sweep; reread: after an event or on request; sample: the rotating one.';
COMMENT ON COLUMN mirror.drift.entities      IS 'How often an entity was found to be otherwise than the mirror had it.';
COMMENT ON COLUMN mirror.drift.last_found_at IS 'On Feishu''s clock.';

COMMENT ON COLUMN mirror.sweep_request.reason   IS 'scope: the app''s range changed; custom_attrs: custom attributes can be read again; down: nobody listened to events for a while; silence: the long connection was silent for a while.';
COMMENT ON COLUMN mirror.sweep_request.position IS 'The last record that asked; 0 where none did.';

-- +goose Down

COMMENT ON COLUMN mirror.sweep_request.position IS 'The last record that asked.';
COMMENT ON COLUMN mirror.sweep_request.reason   IS 'scope: the app''s range changed; custom_attrs: custom attributes can be read again.';
DELETE FROM mirror.sweep_request WHERE reason IN ('down', 'silence');
DELETE FROM mirror.checkpoint WHERE consumer = 'drift';
DROP TABLE mirror.drift;
DROP TABLE mirror.sample;
DROP TABLE mirror.service;
