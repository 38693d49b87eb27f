package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// Consumer is the name of the core projector's checkpoint.
const Consumer = "core"

// DefaultPageSize is how many records make a page: enough for the round trips
// not to count, few enough for a reader to see the first soon.
const DefaultPageSize = 500

// Options configure a Projector. The zero value is usable.
type Options struct {
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing
	PageSize   int                   // 0 is DefaultPageSize
	// RereadEvery asks for a re-read of whatever an event is about, and not only
	// where the event leaves a doubt. The tables are the same in both cases.
	RereadEvery bool
}

// Projector keeps the read model of one log.
type Projector struct {
	pool    *pgxpool.Pool
	log     *eventlog.Log
	opts    Options
	metrics *metrics

	db   database    // pool; a session of it for a page; the transaction of a rebuild
	into *generation // nil: the serving one
}

// New returns a projector that has not begun to work.
func New(pool *pgxpool.Pool, log *eventlog.Log, opts Options) *Projector {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.PageSize == 0 {
		opts.PageSize = DefaultPageSize
	}
	return &Projector{pool: pool, log: log, opts: opts, metrics: newMetrics(opts.Registerer), db: pool}
}

// Run follows the log until the context ends, and finishes the page in work.
// While another process runs the core projector it waits for its turn.
func (p *Projector) Run(ctx context.Context) error {
	if err := p.awaitSearch(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // asked to end
		}
		return err
	}
	logger := watermill.NewSlogLogger(p.opts.Logger)
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 30 * time.Second}, logger)
	if err != nil {
		return fmt.Errorf("make the projector's router: %w", err)
	}
	router.AddMiddleware(
		middleware.CorrelationID,
		middleware.Retry{
			MaxRetries: 5, InitialInterval: 50 * time.Millisecond, MaxInterval: 2 * time.Second, Multiplier: 2,
			ResetContextOnRetry: true, Logger: logger,
			ShouldRetry: func(params middleware.RetryParams) bool { return postgres.Transient(params.Err) },
		}.Middleware,
		middleware.Recoverer,
	)
	subscriber := eventlog.NewSubscriber(p.log, eventlog.SubscriberOptions{PageSize: p.opts.PageSize})
	router.AddConsumerHandler("project_core", Consumer, subscriber, func(msg *message.Message) error {
		page, ok := eventlog.PageOf(msg)
		if !ok {
			return errors.New("the message carries no page")
		}
		return p.Project(msg.Context(), page)
	})
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run the projector: %w", err)
	}
	return nil
}

// Project folds one page and writes it. Where the checkpoint is not at the
// page's beginning any more nothing is written, and the error is
// eventlog.ErrCheckpointMoved.
//
// A page that the database refuses because of what is in it is halved until the
// record at fault stands alone; that one is parked.
func (p *Projector) Project(ctx context.Context, page eventlog.Page) error {
	if p.into != nil {
		return p.project(ctx, page)
	}
	return p.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return p.on(conn).project(ctx, page) })
}

func (p *Projector) project(ctx context.Context, page eventlog.Page) error {
	began := time.Now()
	f, err := p.fold(ctx, page)
	if err == nil {
		err = p.write(ctx, f)
	}
	switch {
	case err == nil:
		p.metrics.page(f, time.Since(began))
		return nil
	case !refusedContent(err):
		return fmt.Errorf("project records %d to %d: %w", page.From+1, page.To, err)
	case len(page.Records) == 1:
		p.opts.Logger.ErrorContext(ctx, "record parked", slog.Int64("position", int64(page.To)), slog.String("cause", cause(err)))
		return p.park(ctx, page, err)
	}
	half := len(page.Records) / 2
	first, second := page, page
	first.Records, second.Records = page.Records[:half], page.Records[half:]
	first.To = first.Records[half-1].Position
	second.From = first.To
	if err := p.project(ctx, first); err != nil {
		return err
	}
	return p.project(ctx, second)
}

// refusedContent reports whether PostgreSQL could not hold a value. A broken
// constraint is not that: it means that the tables are not what the log made
// them, and must be seen.
func refusedContent(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "54"))
}

// cause is the error's class without the values that its text may hold.
func cause(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return "SQLSTATE " + refused.Code
	}
	return "unknown"
}

// park passes over one record, notes it, and asks for its entities again.
func (p *Projector) park(ctx context.Context, page eventlog.Page, why error) error {
	f := newFolded(page)
	if _, err := p.load(ctx, f, nil); err != nil {
		return err
	}
	r := page.Records[0]
	for _, c := range directory.Decode(r).Changes {
		f.parked = append(f.parked, parkedRow{
			Position: r.Position, TenantKey: c.Key.TenantKey, EntityKind: c.Key.Kind, EntityID: c.Key.ID,
			Error: "the database refused it: " + cause(why),
		})
		if r.Source != directory.SourceReread {
			f.reread(r.Position, c, []directory.Hint{directory.HintUndecodable})
		}
	}
	if err := p.write(ctx, f); err != nil {
		return err
	}
	p.metrics.count(f)
	return nil
}
