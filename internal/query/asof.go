package query

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// asOf is the moment that a question is about. A version holds at it
// where the log had it by the position, it had begun by the instant on Feishu's
// clock, and what replaced it had not: not in the log yet, or not begun
// yet (see versionHolds). So one pair stands for moments on either axis: (an instant,
// the last position) is how it was then as known now, (the end of time, a position)
// what was known then.
type asOf struct {
	at       pgtype.Timestamptz // infinite for a moment of the log
	position int64
}

// endOfTime is after every instant of Feishu's.
var endOfTime = pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}

// versionHolds is whether a version v holds at a moment e (at, position).
const versionHolds = `
    v.from_position <= e.position AND v.valid_from <= e.at AND (v.to_position > e.position OR v.valid_to > e.at)`

// The ways to tell a moment, by the names of the fields of a request.
type axis int

const (
	axisNone     axis = iota
	axisFeishu        // an instant on Feishu's clock
	axisRecorded      // an instant on the database's clock
	axisPosition      // a position of the log
)

// askedMoment is a moment as a request tells it: in one way, or in none.
type askedMoment struct {
	axis     axis
	field    string    // that tells it; of none the first that could
	at       time.Time // of axisFeishu and axisRecorded
	position int64     // of axisPosition
}

// askedMomentOf reads the three fields that tell a moment; names are theirs.
func askedMomentOf(names [3]string, feishu, recorded *timestamppb.Timestamp, position *int64) (m askedMoment, err error) {
	m.field = names[0]
	given := 0
	for i, instant := range []*timestamppb.Timestamp{feishu, recorded} {
		if instant == nil {
			continue
		}
		if instant.CheckValid() != nil {
			return m, badField(reasonArgument, names[i], "must be an instant of the years 1 to 9999")
		}
		given++
		m.axis, m.field, m.at = axisFeishu+axis(i), names[i], instant.AsTime()
	}
	if position != nil {
		if *position < 0 {
			return m, badField(reasonArgument, names[2], "must not be negative")
		}
		given++
		m.axis, m.field, m.position = axisPosition, names[2], *position
	}
	if given > 1 {
		return m, badField(reasonArgument, names[0], "give one of %s, %s and %s", names[0], names[1], names[2])
	}
	return m, nil
}

// compare orders two moments on one axis.
func (m askedMoment) compare(other askedMoment) int {
	if m.axis == axisPosition {
		return int(max(-1, min(1, m.position-other.position)))
	}
	return m.at.Compare(other.at)
}

// historyStart is since when there is history: since the first complete sweep.
// Before its end a part of the company had not been seen at all.
type historyStart struct {
	at       time.Time
	position int64
}

// By position: processes tell Feishu's clock otherwise, by a second, so that of two
// sweeps that follow each other at once the later one may say that it began first.
const selectHistoryStart = `SELECT ` + momentColumns + `, s.completed_at, s.position` + fromMoment + `
LEFT JOIN LATERAL (
    SELECT s.completed_at, s.position
    FROM directory.sweeps AS s
    WHERE s.tenant_key = $1
      AND s.completed_at IS NOT NULL
      AND s.position <= c.position
    ORDER BY s.position
    LIMIT 1
) AS s ON true`

// rowReader is a transaction, or the sessions.
type rowReader interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// readHistoryStart answers nil where there is no history yet.
func readHistoryStart(ctx context.Context, db rowReader, tenant string) (now moment, start *historyStart, err error) {
	var at *time.Time
	var position *int64
	if err := db.QueryRow(ctx, selectHistoryStart, tenant).Scan(append(now.targets(), &at, &position)...); err != nil {
		return moment{}, nil, fmt.Errorf("read since when history exists: %w", err)
	}
	if at != nil && position != nil {
		start = &historyStart{at: *at, position: *position}
	}
	return now, start, nil
}

// recorded_at never goes back, so the last record up to an instant is found by
// halving.
const selectPositionRecorded = `WITH RECURSIVE halved AS (
    SELECT 0::bigint AS low, $2::bigint AS high -- the position is one of these
    UNION ALL
    SELECT CASE WHEN l.recorded_at <= $1 THEN l.position ELSE h.low END,
           CASE WHEN l.recorded_at <= $1 THEN h.high ELSE l.position - 1 END
    FROM halved AS h
    JOIN mirror.event_log AS l ON l.position = h.low + (h.high - h.low + 1) / 2
    WHERE h.low < h.high
)
SELECT h.low
FROM halved AS h
WHERE h.low = h.high`

// resolve finds out what a request's moment means, where the mirror knows what the
// log says up to a position. A moment before history is an error.
func (m askedMoment) resolve(ctx context.Context, db rowReader, known int64, start *historyStart) (a asOf, err error) {
	a = asOf{at: endOfTime, position: known}
	switch m.axis {
	case axisFeishu:
		a.at = pgtype.Timestamptz{Time: m.at, Valid: true}
	case axisRecorded:
		if err := db.QueryRow(ctx, selectPositionRecorded, m.at, known).Scan(&a.position); err != nil {
			return a, fmt.Errorf("find the position of an instant: %w", err)
		}
	case axisPosition:
		if m.position > known {
			return a, badField(reasonArgument, m.field, "the mirror is at position %d; at_least_as_fresh waits for a later one", known)
		}
		a.position = m.position
	default:
	}
	if start == nil {
		return a, &failure{
			reason: reasonBeforeHistory, field: m.field,
			message: m.field + ": there is no history yet: it begins with the first complete sweep of Feishu",
		}
	}
	if a.position < start.position || a.at.InfinityModifier == pgtype.Finite && a.at.Time.Before(start.at) {
		since := start.at.UTC().Format(time.RFC3339Nano)
		return a, &failure{
			reason: reasonBeforeHistory, field: m.field,
			message:  m.field + ": history exists since " + since + ", position " + strconv.FormatInt(start.position, 10) + " of the log",
			metadata: map[string]string{"since": since, "since_position": strconv.FormatInt(start.position, 10)},
		}
	}
	return a, nil
}

// lastPosition is after every position of the log.
const lastPosition = math.MaxInt64
