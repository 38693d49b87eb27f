package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
)

const (
	// appendTimeout leaves of Feishu's 3 s enough for the way there and back.
	appendTimeout = 2500 * time.Millisecond
	// lateAfter is how long after it happened an event may be received before it
	// counts as late.
	lateAfter = time.Minute
)

// Config is what an Intake works with.
type Config struct {
	Log *eventlog.Log
	// Owner reads whose log it is.
	Owner func(context.Context) (eventlog.Owner, error)
	// AppID and TenantKey are those of the settings. Where they are empty, it is
	// the log's owner whose events are taken; in an empty log, anybody's who has
	// the secrets.
	AppID, TenantKey string

	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // nil: the machine's clock
}

// Intake takes events into the log. Its methods may be called concurrently.
type Intake struct {
	log      *eventlog.Log
	guard    *guard
	logger   *slog.Logger
	now      func() time.Time
	metrics  *metrics
	subjects map[string]subject
	sieve    *sieve
}

// New makes an intake. It refuses settings that name another app or company than
// the log is of.
func New(ctx context.Context, cfg Config) (*Intake, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	in := &Intake{
		log: cfg.Log, logger: cfg.Logger, now: cfg.Now, subjects: subjects(), sieve: &sieve{},
		guard: &guard{read: cfg.Owner, settings: eventlog.Owner{TenantKey: cfg.TenantKey, AppID: cfg.AppID}},
	}
	if err := in.guard.settle(ctx); err != nil {
		return nil, err
	}
	var err error
	in.metrics, err = newMetrics(cfg.Registerer, in.subjects)
	return in, err
}

// Reasons why an event is refused, beside those of callback and eventlog.
var (
	// ErrForeignApp says that an event is of another app than the log.
	ErrForeignApp = errors.New("the event is of another app than the log: use that app's credentials, or another database")
	// ErrForeignTenant says that an event is of another company than the log.
	ErrForeignTenant = errors.New("the event is of another company than the log: one database is for one company")
	// ErrOwnerUnknown says that an event does not say whose it is, and nobody
	// else does so far.
	ErrOwnerUnknown = errors.New("the event does not say whose it is, and the log is empty: run a backfill first")
)

// outcome is what became of an event.
type outcome string

const (
	stored    outcome = "stored"
	duplicate outcome = "duplicate"
	ticket    outcome = "app_ticket" // acknowledged, and kept nowhere
)

// take brings an event into the log. It returns without an error only once the
// event is durable, or was so before.
func (in *Intake) take(ctx context.Context, m callback.Message, source directory.Source) (outcome, error) {
	received := in.now()
	e, err := m.Event()
	if err != nil {
		return "", err
	}
	if e.Type == callback.TypeAppTicket {
		in.metrics.took(source, in.typeLabel(e), ticket)
		return ticket, nil
	}
	// The event is in our hands: that its sender hangs up is no reason to drop it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	r := in.record(e, source)
	if err := in.guard.admit(ctx, &r); err != nil {
		return "", err
	}
	answers, err := in.log.Append(ctx, r)
	if err != nil {
		return "", fmt.Errorf("append an event of type %s: %w", in.typeLabel(e), err)
	}
	o := stored
	if answers[0].Duplicate {
		o = duplicate
	}
	in.metrics.took(source, in.typeLabel(e), o)
	if !e.CreatedAt.IsZero() && received.Sub(e.CreatedAt) > lateAfter {
		in.metrics.late.WithLabelValues(string(source)).Inc()
	}
	if o == stored && in.typeLabel(e) == "unknown" && in.sieve.lets("unknown_type", received) {
		in.logger.LogAttrs(ctx, slog.LevelWarn, "event of an unknown type stored", slog.Int64("position", int64(answers[0].Position)))
	}
	return o, nil
}

// reasonOf is an error's name in the metrics.
func reasonOf(err error) reason {
	for _, known := range []struct {
		err    error
		reason reason
	}{
		{callback.ErrNotJSON, reasonNotJSON},
		{callback.ErrNoEvent, reasonNoEvent},
		{callback.ErrUndecryptable, reasonUndecryptable},
		{ErrForeignApp, reasonForeignApp},
		{eventlog.ErrForeignApp, reasonForeignApp},
		{ErrForeignTenant, reasonForeignTenant},
		{ErrOwnerUnknown, reasonOwnerUnknown},
		{eventlog.ErrQueueFull, reasonQueueFull},
		{eventlog.ErrClosed, reasonStopping},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return reasonDatabase // what else an append can fail of
}
