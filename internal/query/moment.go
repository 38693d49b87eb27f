package query

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// moment is when an answer is from: read by the statement that read its rows,
// hence from the same snapshot.
type moment struct {
	logID    [16]byte
	head     int64     // last position of the log
	position int64     // last position in the read model
	at       time.Time // the database's clock
}

// momentColumns and fromMoment belong to the head of every statement.
const (
	momentColumns = `h.log_id, h.position, coalesce(c.position, 0), statement_timestamp()`

	fromMoment = `
FROM mirror.event_log_head AS h
LEFT JOIN mirror.checkpoint AS c ON c.consumer = 'core'`
)

// consumer is the projector's name at its checkpoint.
const consumer = "core"

func (m *moment) targets() []any { return []any{&m.logID, &m.head, &m.position, &m.at} }

// past is what log and position say about an answer's age. None of it changes
// any more once it is there: records and complete sweeps stay as they are.
type past struct {
	logID       [16]byte
	position    int64
	mirroredAt  *time.Time // recorded_at of the record at position
	nextAt      *time.Time // of the first record after it; nil where there was none yet
	confirmedAt *time.Time // start of the last complete sweep up to position
}

// The join of these three to every read would cost more than the read: one
// query for each new position costs nothing.
const selectPast = `
SELECT (SELECT l.recorded_at FROM mirror.event_log AS l WHERE l.position = $2),
       (SELECT l.recorded_at FROM mirror.event_log AS l WHERE l.position = $2 + 1),
       (SELECT s.started_at
        FROM directory.sweeps AS s
        WHERE s.tenant_key = $1
          AND s.completed_at IS NOT NULL
          AND s.position <= $2 -- the table may have moved on since the moment
        ORDER BY s.started_at DESC
        LIMIT 1)`

func (s *Service) pastOf(ctx context.Context, m moment) (*past, error) {
	tenant := s.company(ctx)
	last, _ := s.lastPast.Load(tenant)
	p, _ := last.(*past)
	if p != nil && p.logID == m.logID && p.position == m.position && (p.nextAt != nil || m.head <= m.position) {
		return p, nil
	}
	p = &past{logID: m.logID, position: m.position}
	err := s.pool.QueryRow(ctx, selectPast, tenant, m.position).Scan(&p.mirroredAt, &p.nextAt, &p.confirmedAt)
	if err != nil {
		return nil, fmt.Errorf("read what is known of position %d: %w", m.position, err)
	}
	s.lastPast.Store(tenant, p)
	return p, nil
}

// meta is what every answer says about itself.
type meta struct {
	position            *int64
	consistencyToken    string
	mirroredAt          *timestamppb.Timestamp
	staleness           *durationpb.Duration
	upstreamConfirmedAt *timestamppb.Timestamp
}

func (s *Service) metaOf(ctx context.Context, m moment) (meta, error) {
	p, err := s.pastOf(ctx, m)
	if err != nil {
		return meta{}, err
	}
	return meta{
		position:            &m.position,
		consistencyToken:    freshness{logID: m.logID, position: m.position, tenant: tenantDigest(s.company(ctx))}.String(),
		mirroredAt:          timestamp(p.mirroredAt),
		staleness:           durationpb.New(staleness(m, p)),
		upstreamConfirmedAt: timestamp(p.confirmedAt),
	}, nil
}

// staleness is the age of the first record that is not in the read model yet.
func staleness(m moment, p *past) time.Duration {
	if m.head <= m.position || p.nextAt == nil {
		return 0
	}
	return max(0, m.at.Sub(*p.nextAt))
}

func timestamp(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}
