package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
)

const (
	// driftConsumer is the checkpoint up to which the log has been judged.
	driftConsumer = "drift"
	// driftGrace is how long an event may take to tell of a difference that a walk
	// saw first. Feishu sends again after 15 s, 5 min, 1 h and 6 h: whoever waits
	// for the third attempt has been wrong for an hour, and that is drift.
	driftGrace = 10 * time.Minute
	// judgeEvery is how often it is looked whether something can be judged.
	judgeEvery = time.Minute
	judgedPage = 1000
)

// DriftConfig is what a Drift works with.
type DriftConfig struct {
	Pool      *pgxpool.Pool
	TenantKey string
	Now       func() time.Time // on Feishu's clock
	Sample    bool             // somebody drains the re-read queue, so the sample may use it
	Logger    *slog.Logger     // nil discards
}

// Drift counts the differences between Feishu and the mirror that no event told
// of, into mirror.drift.
//
// A difference is an observation that changed what the log said of an entity. It
// is drift unless the log has an event of that entity that happened since the
// mirror last looked (the entity's last observation or the last complete sweep,
// whichever is later), no later than the answer, and that came within ten
// minutes after it. Nothing is drift before the first complete sweep, and
// nothing that an event told of whole: a new range, custom attributes that can be
// read again, what a department brings into range.
//
// All of that is in the log, so counting it again gives the same, whoever walked.
// An event hides a second, lost one of the same entity until the next look: the
// figure is rather too small than too large.
type Drift struct {
	cfg    DriftConfig
	course *course // nil: to be read
}

// NewDrift returns a Drift that has not begun to count.
func NewDrift(cfg DriftConfig) *Drift {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Drift{cfg: cfg}
}

// Run counts, and keeps the sample going, until the context ends.
func (d *Drift) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := d.Judge(ctx, time.Now())
		if d.cfg.Sample {
			err = errors.Join(err, d.sample(ctx, d.cfg.Now()))
		}
		if err != nil && ctx.Err() == nil {
			d.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "drift was not counted, trying again", slog.Any("error", err))
		}
		sleep(ctx, judgeEvery)
	}
}

// Judge counts what is old enough at an instant.
func (d *Drift) Judge(ctx context.Context, now time.Time) error {
	for {
		more, err := d.judge(ctx, now.Add(-driftGrace))
		if errors.Is(err, eventlog.ErrCheckpointMoved) {
			err, more = nil, false // another process counts
		}
		if err != nil {
			d.course = nil
			return fmt.Errorf("count the drift: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// entry is a record of the log, as far as drift goes by it.
type entry struct {
	position    directory.Position
	recordedAt  time.Time
	occurredAt  time.Time
	eventType   string
	source      directory.Source
	kind        directory.Kind
	id          string
	correlation string
}

func scanEntry(row pgx.CollectableRow) (e entry, err error) {
	err = row.Scan(&e.position, &e.recordedAt, &e.occurredAt, &e.eventType, &e.source, &e.kind, &e.id, &e.correlation)
	return e, err
}

// ours reports whether we made the record.
func (e entry) ours() bool { return strings.HasPrefix(e.eventType, "mirror.") }

// findable reports whether the record may be a difference that was found.
func (e entry) findable() bool {
	switch e.kind {
	case directory.KindUser, directory.KindDepartment, directory.KindEmployeeType, directory.KindCustomAttribute:
	default:
		return false // there are no events that could have told
	}
	return directory.ClassOf(e.eventType) == directory.ClassObservation && !strings.HasPrefix(e.correlation, belowPrefix)
}

func (e entry) foundBy() string {
	switch {
	case e.source == directory.SourcePoll:
		return "poll"
	case e.source != directory.SourceReread:
		return "sweep"
	case strings.HasPrefix(e.correlation, samplePrefix):
		return reasonSample
	default:
		return "reread"
	}
}

const selectEntries = `
SELECT position, recorded_at, occurred_at, event_type, source, entity_kind, entity_id, correlation_id
FROM mirror.event_log
WHERE tenant_key = @tenant_key AND position > @from AND position <= @from + @size AND recorded_at <= @until
ORDER BY position`

const selectDriftCheckpoint = `
SELECT coalesce((SELECT position FROM mirror.checkpoint WHERE consumer = @consumer), 0)`

const addDrift = `
INSERT INTO mirror.drift (tenant_key, entity_kind, found_by, entities, last_found_at)
VALUES (@tenant_key, @kind, @found_by, 1, @at)
ON CONFLICT (tenant_key, entity_kind, found_by) DO UPDATE SET
    entities = mirror.drift.entities + 1, last_found_at = greatest(mirror.drift.last_found_at, excluded.last_found_at)`

// judge counts one page of the log, and reports whether more may follow.
func (d *Drift) judge(ctx context.Context, until time.Time) (more bool, err error) {
	err = pgx.BeginFunc(ctx, d.cfg.Pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"tenant_key": d.cfg.TenantKey, "consumer": driftConsumer, "size": judgedPage, "until": until,
		}
		var from directory.Position
		if err := tx.QueryRow(ctx, selectDriftCheckpoint, args).Scan(&from); err != nil {
			return fmt.Errorf("read the checkpoint of %s: %w", driftConsumer, err)
		}
		args["from"] = int64(from)
		rows, err := tx.Query(ctx, selectEntries, pgx.QueryExecModeCacheDescribe, args)
		if err != nil {
			return fmt.Errorf("read the log after %d: %w", from, err)
		}
		page, err := pgx.CollectRows(rows, scanEntry)
		if err != nil {
			return fmt.Errorf("read the log after %d: %w", from, err)
		}
		if len(page) == 0 {
			return nil
		}
		if d.course == nil || d.course.at != from {
			if d.course, err = readCourse(ctx, tx, args, from); err != nil {
				return err
			}
		}
		found, err := d.course.found(ctx, tx, d.cfg.TenantKey, page)
		if err != nil {
			return err
		}
		for _, f := range found {
			args["kind"], args["found_by"], args["at"] = string(f.kind), f.foundBy(), f.occurredAt
			if _, err := tx.Exec(ctx, addDrift, args); err != nil {
				return fmt.Errorf("note a difference: %w", err)
			}
		}
		to := page[len(page)-1].position
		more = len(page) == judgedPage
		return eventlog.MoveCheckpoint(ctx, tx, driftConsumer, from, to)
	})
	return more, err
}
