package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// Policy says what is read again after an event.
type Policy string

// The policies.
const (
	RereadNever      Policy = "never"      // nothing: what an event leaves in doubt waits for a sweep
	RereadIncomplete Policy = "incomplete" // what an event leaves in doubt
	RereadAlways     Policy = "always"     // whatever an event is about
)

// ParsePolicy reads MIRROR_REREAD; empty is RereadIncomplete.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case "":
		return RereadIncomplete, nil
	case RereadNever, RereadIncomplete, RereadAlways:
		return p, nil
	default:
		return "", fmt.Errorf("%q is neither never, incomplete nor always", s)
	}
}

const (
	// gatherFor is the least time between two looks at the queue, so that what
	// comes due together is asked for together.
	gatherFor = time.Second
	// standby is how often somebody else's crawl lock is tried.
	standby = 5 * time.Second
	// idle is how often the queue is looked at where nothing is heard of it.
	idle = 30 * time.Second
	// passFor bounds how long the crawl lock is held: a walk may be waiting for it.
	passFor = 5 * time.Second
	// longestRereadPause is the longest wait after failures.
	longestRereadPause = 5 * time.Minute
)

// RereadConfig is what a Rereader works with.
type RereadConfig struct {
	Client    *feishu.Client
	Pool      *pgxpool.Pool
	Log       *eventlog.Log
	TenantKey string
	AppID     string
	Rates     Rates          // of which re-reads take their share beside a walk
	Logger    *slog.Logger   // nil discards
	Metrics   *RereadMetrics // nil: figures that nobody sees
	// Below reads everything below some departments, where the app sees a part of
	// the company only: no event tells whom a department that came into range
	// brings with it. Where it is nil a sweep has to.
	Below func(ctx context.Context, departmentIDs ...string) (appended int, err error)
}

// Rereader asks Feishu for those whom the projector put into mirror.reread_queue.
// What it hears goes into the log, where it says anything new; the projector
// does the rest.
//
// Of all processes one at a time works on a company's queue: the one that has
// the crawl lock. The queue is in PostgreSQL, and an entity leaves it when its
// answer is in the log and nobody has asked for it again meanwhile, so a kill
// costs the calls that were under way.
type Rereader struct {
	cfg     RereadConfig
	share   *pace // beside a walk
	metrics *RereadMetrics

	mu      sync.Mutex
	pauses  map[directory.Kind]*pause
	noBatch map[directory.Kind]time.Time       // the app may not use the kind's batch; until when that is believed
	rare    map[directory.Kind]map[string]rare // fields that hardly anybody has
}

// pause keeps a kind that fails from being asked for.
type pause struct {
	until time.Time
	next  *backoff.ExponentialBackOff
}

// NewRereader returns a Rereader that has not begun to work.
func NewRereader(cfg RereadConfig) (*Rereader, error) {
	if cfg.TenantKey == "" || cfg.AppID == "" {
		return nil, errors.New("re-reads need a tenant_key and an app_id")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		var err error
		if cfg.Metrics, err = NewRereadMetrics(nil, cfg.Pool, ""); err != nil {
			return nil, err
		}
	}
	return &Rereader{
		cfg: cfg, share: newPace(cfg.Rates), metrics: cfg.Metrics,
		pauses: map[directory.Kind]*pause{}, noBatch: map[directory.Kind]time.Time{},
		rare: map[directory.Kind]map[string]rare{directory.KindUser: {}, directory.KindDepartment: {}},
	}, nil
}

// Run works on the queue until the context ends, and takes the crawl lock for
// as long as each pass over it lasts. While another process has the lock, that
// one does the work. Failures are logged and tried again.
func (r *Rereader) Run(ctx context.Context) { r.run(ctx, r.lockedPass) }

// Beside is Run for who has the crawl lock already: beside a walk, which needs
// its share of the calls.
func (r *Rereader) Beside(ctx context.Context) {
	r.run(ctx, func(ctx context.Context) error { return r.pass(ctx, r.share) })
}

func (r *Rereader) run(ctx context.Context, pass func(context.Context) error) {
	for ctx.Err() == nil {
		position, err := r.cfg.Log.Checkpoint(ctx, coreConsumer)
		if err != nil {
			r.failed(ctx, err)
			sleep(ctx, standby)
			continue
		}
		due, err := r.earliest(ctx)
		if err == nil && !due.After(time.Now()) {
			err = pass(ctx)
			due = time.Now() // look again at once
		}
		switch {
		case errors.Is(err, ErrBusy):
			sleep(ctx, standby)
		case err != nil:
			r.failed(ctx, err)
			sleep(ctx, gatherFor)
		default:
			sleep(ctx, gatherFor)
			r.wait(ctx, due, position)
		}
	}
}

func (r *Rereader) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		r.metrics.failures.Inc()
		r.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "re-reads failed and are tried again", slog.Any("error", err))
	}
}

func sleep(ctx context.Context, d time.Duration) { _ = sleepUntil(ctx, time.Now().Add(d)) }

// wait returns when the next re-read is due, or the projector has written
// something.
func (r *Rereader) wait(ctx context.Context, due time.Time, position directory.Position) {
	ctx, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	if ctx.Err() == nil {
		_ = r.cfg.Log.Await(ctx, coreConsumer, position+1) // whyever it ends, the queue is looked at
	}
}

const selectEarliest = `
SELECT min(not_before)
FROM mirror.reread_queue
WHERE tenant_key = @tenant_key AND entity_kind = ANY (@kinds::text[])`

// earliest returns when, on this process's clock, the next re-read is due; some
// time from now where none is queued.
func (r *Rereader) earliest(ctx context.Context) (time.Time, error) {
	kinds, paused := r.kinds()
	latest := time.Now().Add(idle)
	if !paused.IsZero() && paused.Before(latest) {
		latest = paused
	}
	var notBefore *time.Time
	err := r.cfg.Pool.QueryRow(ctx, selectEarliest, pgx.NamedArgs{"tenant_key": r.cfg.TenantKey, "kinds": kinds}).Scan(&notBefore)
	if err != nil {
		return time.Time{}, fmt.Errorf("look into the re-read queue: %w", err)
	}
	if notBefore == nil {
		return latest, nil
	}
	// Queued on Feishu's clock.
	if at := time.Now().Add(notBefore.Sub(r.cfg.Client.Now())); at.Before(latest) {
		return at, nil
	}
	return latest, nil
}

// rereadKinds are the kinds that can be read again.
func rereadKinds() []directory.Kind {
	return []directory.Kind{
		directory.KindUser, directory.KindDepartment,
		directory.KindEmployeeType, directory.KindCustomAttribute, directory.KindCustomAttrSetting,
	}
}

// kinds returns those that may be asked for now, and when the next of the
// others may.
func (r *Rereader) kinds() (kinds []string, paused time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range rereadKinds() {
		p := r.pauses[kind]
		switch {
		case p == nil || !time.Now().Before(p.until):
			kinds = append(kinds, string(kind))
		case paused.IsZero() || p.until.Before(paused):
			paused = p.until
		}
	}
	return kinds, paused
}

// rest keeps a kind that failed from being asked for, longer each time.
func (r *Rereader) rest(kind directory.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pauses[kind]
	if p == nil {
		p = &pause{next: &backoff.ExponentialBackOff{
			InitialInterval: time.Second, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longestRereadPause,
		}}
		p.next.Reset()
		r.pauses[kind] = p
	}
	if time.Now().Before(p.until) {
		return // others of the same pass failed with it
	}
	p.until = time.Now().Add(p.next.NextBackOff())
}

func (r *Rereader) rested(kind directory.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pauses, kind)
}
