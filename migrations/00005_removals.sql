-- What a walk did not see, and what became of it; the roots of a walk of part of
-- a company; and the fields that went missing. Working state, as in 00002.

-- +goose Up

ALTER TABLE mirror.sweep
    ADD COLUMN range  text  NOT NULL DEFAULT 'all' CHECK (range IN ('all', 'scoped')),
    ADD COLUMN absent jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN hidden jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN mirror.sweep.range  IS 'all: the app may see everybody; scoped: the part that GET /contact/v3/scopes names.';
COMMENT ON COLUMN mirror.sweep.absent IS 'Per kind and field: how many of the seen objects the mirror knew it of (had), how many of these came without it (gone), and how many of those showed that it is readable (readable).';
COMMENT ON COLUMN mirror.sweep.hidden IS 'Per kind, the fields that went missing from so many objects, or in such a way, that a permission was rather lost than so many values. They were not cleared. Not empty in the last complete sweep: status is yellow.';

ALTER TABLE mirror.sweep_task
    ADD COLUMN refused boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT sweep_task_listing_check,
    ADD CONSTRAINT sweep_task_listing_check CHECK (listing IN
        ('root', 'children', 'subtree', 'users', 'scopes', 'independent', 'group_users', 'group_departments'));
COMMENT ON COLUMN mirror.sweep_task.listing IS 'root: GET of the root; subtree: all descendants; children: direct children; users: direct users; scopes: what the app may see; independent: people authorised without a department; group_users, group_departments: members of a group.';
COMMENT ON COLUMN mirror.sweep_task.department_id IS 'The department that is listed, or the group; empty for scopes and independent.';
COMMENT ON COLUMN mirror.sweep_task.refused IS 'Feishu would not show this list. Such a sweep proves nobody''s absence, and is never complete.';

ALTER TABLE mirror.sweep_seen ADD COLUMN known boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN mirror.sweep_seen.known IS 'It existed before the sweep began.';

CREATE TABLE mirror.sweep_absent (
    sweep_id    uuid        NOT NULL REFERENCES mirror.sweep ON DELETE CASCADE,
    entity_kind text        COLLATE "C" NOT NULL,
    entity_id   text        COLLATE "C" NOT NULL,
    seen_at     timestamptz NOT NULL,
    fields      text[]      NOT NULL,
    PRIMARY KEY (sweep_id, entity_kind, entity_id)
);
COMMENT ON TABLE  mirror.sweep_absent IS 'Fields that the mirror has of an entity and that Feishu''s object lacked. At the sweep''s end they are cleared, unless so many lack them that they are hidden.';
COMMENT ON COLUMN mirror.sweep_absent.sweep_id    IS 'The sweep.';
COMMENT ON COLUMN mirror.sweep_absent.entity_kind IS 'user or department.';
COMMENT ON COLUMN mirror.sweep_absent.entity_id   IS 'The entity''s key.';
COMMENT ON COLUMN mirror.sweep_absent.seen_at     IS 'On Feishu''s clock, when the page was asked for.';
COMMENT ON COLUMN mirror.sweep_absent.fields      IS 'By Feishu''s names.';

CREATE TABLE mirror.removal_set (
    sweep_id     uuid   NOT NULL REFERENCES mirror.sweep ON DELETE CASCADE,
    entity_kind  text   COLLATE "C" NOT NULL,
    state        text   NOT NULL CHECK (state IN ('held', 'proving', 'done', 'rejected', 'superseded')),
    candidates   bigint NOT NULL,
    live         bigint NOT NULL,
    max_removals bigint NOT NULL,
    decided_at   timestamptz,
    resigned     bigint NOT NULL DEFAULT 0,
    deleted      bigint NOT NULL DEFAULT 0,
    out_of_range bigint NOT NULL DEFAULT 0,
    unproven     bigint NOT NULL DEFAULT 0,
    present      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (sweep_id, entity_kind)
);
CREATE INDEX removal_set_open ON mirror.removal_set (sweep_id) WHERE state IN ('held', 'proving');
COMMENT ON TABLE  mirror.removal_set IS 'For each complete sweep and kind, those who existed before it began and whom it did not see.';
COMMENT ON COLUMN mirror.removal_set.sweep_id     IS 'The sweep.';
COMMENT ON COLUMN mirror.removal_set.entity_kind  IS 'user or department.';
COMMENT ON COLUMN mirror.removal_set.state        IS 'held: waits for approval; proving: Feishu is being asked for each; done; rejected; superseded: a later sweep looked again.';
COMMENT ON COLUMN mirror.removal_set.candidates   IS 'How many were not seen.';
COMMENT ON COLUMN mirror.removal_set.live         IS 'How many there were before the sweep.';
COMMENT ON COLUMN mirror.removal_set.max_removals IS 'How many may go without approval, as it was configured then.';
COMMENT ON COLUMN mirror.removal_set.decided_at   IS 'When somebody approved or rejected; empty where nobody had to.';
COMMENT ON COLUMN mirror.removal_set.resigned     IS 'Removed as RESIGNED.';
COMMENT ON COLUMN mirror.removal_set.deleted      IS 'Removed as DELETED.';
COMMENT ON COLUMN mirror.removal_set.out_of_range IS 'Removed as OUT_OF_RANGE.';
COMMENT ON COLUMN mirror.removal_set.unproven     IS 'Kept, because Feishu''s answer proves nothing.';
COMMENT ON COLUMN mirror.removal_set.present      IS 'Kept, because they are there.';

CREATE TABLE mirror.removal (
    sweep_id    uuid    NOT NULL,
    entity_kind text    COLLATE "C" NOT NULL,
    entity_id   text    COLLATE "C" NOT NULL,
    verdict     text    CHECK (verdict IN ('RESIGNED', 'DELETED', 'OUT_OF_RANGE', 'UNPROVEN', 'PRESENT')),
    code        integer NOT NULL DEFAULT 0,
    dropped     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sweep_id, entity_kind, entity_id),
    FOREIGN KEY (sweep_id, entity_kind) REFERENCES mirror.removal_set ON DELETE CASCADE
);
CREATE INDEX removal_open ON mirror.removal (sweep_id, entity_kind, dropped, entity_id) WHERE verdict IS NULL;
COMMENT ON TABLE  mirror.removal IS 'The entities of each removal set that is not superseded.';
COMMENT ON COLUMN mirror.removal.sweep_id    IS 'The sweep that did not see it.';
COMMENT ON COLUMN mirror.removal.entity_kind IS 'user or department.';
COMMENT ON COLUMN mirror.removal.entity_id   IS 'The entity''s key.';
COMMENT ON COLUMN mirror.removal.verdict     IS 'RESIGNED, DELETED and OUT_OF_RANGE were removed, UNPROVEN and PRESENT kept; empty while Feishu has not been asked.';
COMMENT ON COLUMN mirror.removal.code        IS 'Feishu''s code in the answer that the verdict rests on; 0 for an object, and where the mirror knew already.';
COMMENT ON COLUMN mirror.removal.dropped     IS 'A batch left it out: it is asked for by itself.';

-- +goose Down

DROP TABLE mirror.removal;
DROP TABLE mirror.removal_set;
DROP TABLE mirror.sweep_absent;
ALTER TABLE mirror.sweep_seen DROP COLUMN known;
DELETE FROM mirror.sweep_task WHERE listing IN ('scopes', 'independent', 'group_users', 'group_departments');
UPDATE mirror.sweep SET state = 'abandoned' WHERE state = 'running' AND range = 'scoped';
ALTER TABLE mirror.sweep_task
    DROP COLUMN refused,
    DROP CONSTRAINT sweep_task_listing_check,
    ADD CONSTRAINT sweep_task_listing_check CHECK (listing IN ('root', 'children', 'subtree', 'users'));
COMMENT ON COLUMN mirror.sweep_task.listing IS 'root: GET of the root; subtree: all descendants; children: direct children; users: direct users.';
COMMENT ON COLUMN mirror.sweep_task.department_id IS 'The department that is listed.';
ALTER TABLE mirror.sweep
    DROP COLUMN range,
    DROP COLUMN absent,
    DROP COLUMN hidden;
