package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// lookForPoll is how often it is looked whether a poll is due.
const lookForPoll = 5 * time.Second

// PollMetrics are the figures of polls.
type PollMetrics struct{ outcomes *prometheus.CounterVec }

// NewPollMetrics makes the figures; a nil registerer shows them to nobody.
func NewPollMetrics(registerer prometheus.Registerer) (*PollMetrics, error) {
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orgmirror_crawl_polls_total", Help: "Polls of the service, by resource and by what came of them: complete, refused (by Feishu), failed (and tried again).",
	}, []string{"resource", "outcome"})
	for _, r := range Resources() {
		for _, o := range []string{"complete", "refused", "failed"} {
			outcomes.WithLabelValues(string(r), o)
		}
	}
	if registerer != nil {
		if err := registerer.Register(outcomes); err != nil {
			return nil, fmt.Errorf("register the figures of polls: %w", err)
		}
	}
	return &PollMetrics{outcomes}, nil
}

// Run polls each resource when it is due, until the context ends: by the clock; a
// minute after a list lacked something; and when somebody approved what was held. What
// an ended context interrupts goes on at the next start. Nothing is due before the
// first complete walk, which polls everything itself.
func (p *Poller) Run(ctx context.Context) {
	type pause struct {
		until time.Time
		next  *backoff.ExponentialBackOff
	}
	pauses := map[Resource]*pause{}
	for _, r := range p.cfg.Resources {
		pauses[r] = &pause{next: &backoff.ExponentialBackOff{
			InitialInterval: 30 * time.Second, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 30 * time.Minute,
		}}
		pauses[r].next.Reset()
	}
	for ctx.Err() == nil {
		for _, r := range p.cfg.Resources {
			rest := pauses[r]
			if time.Now().Before(rest.until) {
				continue
			}
			due, err := p.Due(ctx, r)
			if err == nil && due {
				err = p.once(ctx, r)
			}
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				rest.next.Reset()
				continue
			}
			wait := pauseAfter(err, rest.next.NextBackOff())
			rest.until = time.Now().Add(wait)
			p.cfg.Metrics.outcomes.WithLabelValues(string(r), "failed").Inc()
			p.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "poll failed, trying again", slog.Duration("pause", wait), slog.Any("error", err))
		}
		sleep(ctx, lookForPoll)
	}
}

func (p *Poller) once(ctx context.Context, r Resource) error {
	done, err := p.Poll(ctx, r)
	switch {
	case err != nil:
		return err
	case done.Complete:
		p.cfg.Metrics.outcomes.WithLabelValues(string(r), "complete").Inc()
	default:
		p.cfg.Metrics.outcomes.WithLabelValues(string(r), "refused").Inc()
	}
	return nil
}

const selectDuePoll = `
SELECT p.started_at IS NOT NULL, p.tried_at, coalesce(p.calls, 0),
       p.held > 0 AND p.approved_at IS NOT NULL,
       (SELECT min(m.missing_at) FROM mirror.poll_missing m
        WHERE m.tenant_key = @tenant_key AND m.entity_kind = ANY (@kinds::text[]) AND (m.hasten OR p.approved_at IS NOT NULL)),
       EXISTS (SELECT FROM mirror.sweep s WHERE s.tenant_key = @tenant_key AND s.state = 'complete')
FROM (SELECT) one
LEFT JOIN mirror.poll p ON p.tenant_key = @tenant_key AND p.resource = @resource`

// Due reports whether a resource should be polled now.
func (p *Poller) Due(ctx context.Context, r Resource) (bool, error) {
	var underWay, approved *bool
	var tried, missing *time.Time
	var calls int64
	var swept bool
	args := pgx.NamedArgs{"tenant_key": p.cfg.TenantKey, "resource": string(r), "kinds": r.kindNames()}
	err := p.cfg.Pool.QueryRow(ctx, selectDuePoll, args).Scan(&underWay, &tried, &calls, &approved, &missing, &swept)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return false, fmt.Errorf("see when %s was polled: %w", r, err)
	case p.cfg.Intervals.of(r) == 0 || !swept:
		return false, nil
	case tried == nil || *underWay || *approved:
		return true, nil
	}
	due := tried.Add(stretch(p.cfg.Intervals.of(r), calls, p.cfg.MonthlyCalls))
	// A second list begun a minute after the first, and a little: its own beginning
	// must be later than that of the poll.
	if missing != nil && missing.Add(secondLook+time.Second).Before(due) {
		due = missing.Add(secondLook + time.Second)
		if again := tried.Add(secondLook); due.Before(again) {
			due = again
		}
	}
	return !p.cfg.Client.Now().Before(due), nil
}
