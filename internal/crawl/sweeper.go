package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/feishu"
)

const (
	// lookForSweep is how often it is looked whether a sweep is due.
	lookForSweep = 5 * time.Second
	// reasonInterval is the clock's reason for a sweep.
	reasonInterval = "interval"
	// reasonOperator is that somebody asked for it.
	reasonOperator = "operator"
)

// SweeperConfig says how a Sweeper works.
type SweeperConfig struct {
	Interval   time.Duration         // between the beginnings of two sweeps; 0: only when an operator asks for one
	Registerer prometheus.Registerer // nil: figures that nobody sees
}

// Sweeper walks the company by the clock, and when something asks for it that
// only a walk can tell: the service had been down, the long connection silent,
// or the range is another one. The first walk of all is somebody's to begin; where
// nobody does within an interval, the Sweeper does.
//
// It needs nothing of its own to go on after a kill: what is due is still due,
// and the walk that was interrupted is taken up. What an operator began it goes on
// with until it is complete, like any other.
type Sweeper struct {
	interval time.Duration
	outcomes *prometheus.CounterVec
	asks     chan ask
}

// ask is an operator's wish for a sweep now. It is answered when the sweep is
// begun, or cannot be.
type ask chan answered

type answered struct {
	begun Begun
	err   error
}

// answer gives the first answer; who asked reads no other.
func (a ask) answer(begun Begun, err error) {
	select {
	case a <- answered{begun, err}:
	default:
	}
}

// NewSweeper returns a Sweeper that has not begun to work.
func NewSweeper(cfg SweeperConfig) (*Sweeper, error) {
	if cfg.Interval < 0 {
		return nil, fmt.Errorf("sweeps every %s: the interval must not be negative", cfg.Interval)
	}
	s := &Sweeper{interval: cfg.Interval, asks: make(chan ask), outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orgmirror_crawl_sweeps_total", Help: "Sweeps of the service, by what came of them: complete, failed (and tried again), gave_way (to a walk that somebody began).",
	}, []string{"outcome"})}
	for _, o := range []string{"complete", "failed", "gave_way"} {
		s.outcomes.WithLabelValues(o)
	}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(s.outcomes); err != nil {
			return nil, fmt.Errorf("register the figures of sweeps: %w", err)
		}
	}
	return s, nil
}

// Run sweeps with a crawler when it is due, until the context ends. A sweep is stopped within a
// call then, and goes on at the next start.
func (s *Sweeper) Run(ctx context.Context, c *Crawler) {
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: 30 * time.Second, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 30 * time.Minute,
	}
	pauses.Reset()
	var asked ask // nil while nobody did
	for ctx.Err() == nil {
		pause := lookForSweep
		reasons, wait, err := s.due(ctx, c)
		if asked != nil && !slices.Contains(reasons, reasonOperator) {
			reasons = append(reasons, reasonOperator)
		}
		if err == nil && len(reasons) > 0 {
			err = s.once(ctx, c, reasons, asked)
		}
		if asked != nil {
			asked.answer(Begun{}, err) // where it was not begun
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			pauses.Reset()
			pause = min(pause, max(wait, time.Second))
		case errors.Is(err, ErrBusy), errors.Is(err, errGaveWay):
		default:
			pause = pauseAfter(err, pauses.NextBackOff())
			s.outcomes.WithLabelValues("failed").Inc()
			c.logger.LogAttrs(ctx, slog.LevelWarn, "sweep failed, trying again", slog.Duration("pause", pause), slog.Any("error", err))
		}
		asked = s.rest(ctx, pause)
	}
	if asked != nil {
		asked.answer(Begun{}, context.Cause(ctx))
	}
}

// rest waits, unless an operator asks for a sweep.
func (s *Sweeper) rest(ctx context.Context, pause time.Duration) ask {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case asked := <-s.asks:
		return asked
	case <-ctx.Done():
		return nil
	}
}

// Start has Run begin a sweep now, whether or not one is due, and returns when it
// is stored, or was found to have been interrupted and goes on. It ends by itself:
// what fails later is tried again. ErrBusy where a sweep is under way, here or
// elsewhere; Feishu's errors and ErrMonthlyBudget where it could not begin.
func (s *Sweeper) Start(ctx context.Context) (Begun, error) {
	asked := make(ask, 1)
	select {
	case s.asks <- asked:
	case <-ctx.Done():
		return Begun{}, context.Cause(ctx)
	}
	select {
	case a := <-asked:
		return a.begun, a.err
	case <-ctx.Done():
		return Begun{}, context.Cause(ctx)
	}
}

// pauseAfter is how long to wait after a failure.
func pauseAfter(err error, next time.Duration) time.Duration {
	switch {
	case errors.Is(err, ErrMonthlyBudget), errors.Is(err, feishu.ErrQuota):
		return time.Hour // until the month is over, or somebody raised the limit
	case errors.Is(err, ErrRefused):
		return max(next, 15*time.Minute) // each try is a whole walk
	default:
		return next
	}
}

// once sweeps. Who asked for it, if somebody did, is told when it is begun; who
// asks meanwhile, that it is under way.
func (s *Sweeper) once(ctx context.Context, c *Crawler, reasons []string, asked ask) (err error) {
	var sum Summary
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		sum, err = c.sweepUnlessWanted(ctx, func(ctx context.Context, begun Begun) error {
			if asked == nil {
				return nil
			}
			if err := c.askForSweep(ctx, begun); err != nil {
				return err
			}
			asked.answer(begun, nil)
			return nil
		})
	}()
	for sweeping := true; sweeping; {
		select {
		case another := <-s.asks:
			another.answer(Begun{}, ErrBusy)
		case <-swept:
			sweeping = false
		}
	}
	switch {
	case err == nil:
		s.outcomes.WithLabelValues("complete").Inc()
		c.logger.LogAttrs(ctx, slog.LevelInfo, "scheduled sweep done", slog.String("sweep_id", sum.SweepID), slog.Any("reasons", reasons),
			slog.Bool("resumed", sum.Resumed), slog.Any("held", sum.Held), slog.Any("removed", sum.Removed), slog.Duration("took", sum.Took))
	case errors.Is(err, errGaveWay):
		s.outcomes.WithLabelValues("gave_way").Inc()
		c.logger.LogAttrs(ctx, slog.LevelInfo, "scheduled sweep gave way to another walk")
		if asked != nil {
			asked.answer(Begun{}, ErrBusy)
		}
	}
	return err
}

// askForSweep notes that an operator wants a sweep, so that it is gone on with
// after a failure or a kill. It is seen to when that sweep, or a later one, is
// complete.
func (c *Crawler) askForSweep(ctx context.Context, begun Begun) error {
	args := pgx.NamedArgs{"tenant_key": c.cfg.TenantKey, "reason": reasonOperator, "now": begun.StartedAt}
	if _, err := c.pool.Exec(ctx, askForSweep, args); err != nil {
		return fmt.Errorf("note that a sweep was asked for: %w", err)
	}
	return nil
}

// timetable is what the next sweep depends on; instants are on Feishu's clock.
type timetable struct {
	begun, completed time.Time            // of the last complete sweep; zero before the first
	attended         time.Time            // since when there is a service
	asked            map[string]time.Time // by reason, from when on a sweep counts
}

const selectTimetable = `
SELECT l.started_at, l.completed_at, (SELECT began_at FROM mirror.service WHERE tenant_key = @tenant_key)
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT started_at, completed_at
                   FROM mirror.sweep
                   WHERE tenant_key = @tenant_key AND state = 'complete'
                   ORDER BY completed_at DESC
                   LIMIT 1) l ON true`

const selectAsked = `
SELECT reason, not_before
FROM mirror.sweep_request
WHERE tenant_key = @tenant_key`

// due returns why a sweep is due, nothing where none is, and then for how long.
func (s *Sweeper) due(ctx context.Context, c *Crawler) (reasons []string, wait time.Duration, err error) {
	args := pgx.NamedArgs{"tenant_key": c.cfg.TenantKey}
	t := timetable{asked: map[string]time.Time{}}
	var begun, completed, attended *time.Time
	if err := c.pool.QueryRow(ctx, selectTimetable, args).Scan(&begun, &completed, &attended); err != nil {
		return nil, 0, fmt.Errorf("read when the last sweep was: %w", err)
	}
	if begun != nil && completed != nil {
		t.begun, t.completed = *begun, *completed
	}
	if attended != nil {
		t.attended = *attended
	}
	rows, err := c.pool.Query(ctx, selectAsked, args)
	if err != nil {
		return nil, 0, fmt.Errorf("read what asks for a sweep: %w", err)
	}
	var reason string
	var notBefore time.Time
	if _, err := pgx.ForEachRow(rows, []any{&reason, &notBefore}, func() error {
		t.asked[reason] = notBefore
		return nil
	}); err != nil {
		return nil, 0, fmt.Errorf("read what asks for a sweep: %w", err)
	}
	reasons, wait = t.due(c.client.Now(), s.interval)
	return reasons, wait, nil
}

// due returns the reasons for a sweep now, sorted, or for how long there is none.
func (t timetable) due(now time.Time, interval time.Duration) (reasons []string, wait time.Duration) {
	wait = interval
	if interval == 0 {
		wait = lookForSweep
	}
	add := func(reason string, at time.Time) {
		if left := at.Sub(now); left > 0 {
			wait = min(wait, left)
		} else {
			reasons = append(reasons, reason)
		}
	}
	if at, is := t.asked[reasonOperator]; is && t.begun.Before(at) { // whenever it was, and before all others
		add(reasonOperator, at)
	}
	if interval == 0 {
		return reasons, wait
	}
	if t.begun.IsZero() {
		if !t.attended.IsZero() {
			add(reasonInterval, t.attended.Add(interval))
		}
		return reasons, wait
	}
	// A range that changes all day must not keep us walking all day: between two
	// sweeps there is at least as much time as the last one took.
	rested := t.completed.Add(t.completed.Sub(t.begun))
	later := func(at time.Time) time.Time {
		if at.Before(rested) {
			return rested
		}
		return at
	}
	add(reasonInterval, later(t.begun.Add(interval)))
	for reason, at := range t.asked {
		if reason != reasonOperator && t.begun.Before(at) { // else it is seen, and the projector will strike it off
			add(reason, later(at))
		}
	}
	slices.Sort(reasons)
	return reasons, wait
}
