package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/query"
)

// attendEvery is how often the service tells the database how it does.
const attendEvery = 15 * time.Second

// attending tells it, from when the log is somebody's. It keeps the service from
// nothing.
func (s *Service) attending(stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	return serveUntil(stop, func() error { s.attend(ctx); return nil }, cancel)
}

func (s *Service) attend(ctx context.Context) {
	attendance := crawl.NewAttendance(s.db.Pool)
	ticks := time.NewTicker(attendEvery)
	defer ticks.Stop()
	for {
		owner, err := eventlog.ReadOwner(ctx, s.db.Pool)
		if err == nil && owner.TenantKey != "" {
			now := time.Now()
			err = attendance.Note(ctx, owner.TenantKey, s.receive.listening(now), now)
		}
		if err != nil && ctx.Err() == nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "how the service does was not noted, trying again", slog.Any("error", err))
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// channel is how it stands with the events, for who asks this process.
func (s *Service) channel() query.Channel {
	now := time.Now()
	l := s.receive.listening(now)
	return query.Channel{Events: l.Events, Connected: l.Connected, Red: l.Red, Problem: l.Problem, HeardAt: l.HeardAt, CheckedAt: now}
}
