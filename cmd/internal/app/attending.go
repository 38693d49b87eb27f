package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/query"
)

// attendEvery is how often the service tells the database how it does.
const attendEvery = 15 * time.Second

// attending tells it, from when the log is somebody's. It keeps the service from
// nothing.
func (t *tenant) attending(stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	return serveUntil(stop, func() error { t.attend(ctx); return nil }, cancel)
}

func (t *tenant) attend(ctx context.Context) {
	attendance := crawl.NewAttendance(t.db.Pool)
	ticks := time.NewTicker(attendEvery)
	defer ticks.Stop()
	for {
		owner, err := t.owner(ctx)
		if err == nil && owner.TenantKey != "" {
			now := time.Now()
			err = attendance.Note(ctx, owner.TenantKey, t.receive.listening(now), now)
		}
		if err != nil && ctx.Err() == nil {
			t.logger.LogAttrs(ctx, slog.LevelWarn, "how the service does was not noted, trying again", slog.Any("error", err))
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// channel is how it stands with the events, for who asks this process.
func (t *tenant) channel() query.Channel {
	now := time.Now()
	l := t.receive.listening(now)
	return query.Channel{Events: l.Events, Connected: l.Connected, Red: l.Red, Problem: l.Problem, HeardAt: l.HeardAt, CheckedAt: now}
}
