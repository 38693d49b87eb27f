package crawl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

const (
	// pollWorkers is how many lists are read at once, and noteEvery after how many
	// pages of one its progress is noted: a kill costs the product of both.
	pollWorkers = 4
	noteEvery   = 5
)

// PollerConfig is what a Poller works with.
type PollerConfig struct {
	Client       *feishu.Client
	Pool         *pgxpool.Pool
	Log          *eventlog.Log
	TenantKey    string
	AppID        string
	Resources    []Resource // nil: all
	Intervals    PollIntervals
	MonthlyCalls int64       // as the budget has it; 0 is no limit
	MaxRemovals  MaxRemovals // of groups and of units, without approval
	Logger       *slog.Logger
	Metrics      *PollMetrics // nil: figures that nobody sees
}

// Poller reads what has no events, and appends what differs from what is known.
//
// A poll can be killed at any instant; the next one goes on with it. Nothing is
// removed because one list did not hold it: two complete lists, a minute apart or
// more, must lack it. Groups and units, which can be asked for, are then asked for
// too, and their answer says why they are gone; their members and departments go with
// them. A list that is empty where there were entries removes nothing, unless
// something else says that it is right: the group counts no members, the departments
// are bound to no such unit; nor do so many groups or units go as [MaxRemovals]
// holds. That is noted as held, until somebody approves ([ApprovePoll]).
//
// An endpoint that the app may not call is noted with the permission that it needs,
// and keeps nothing else from being read.
type Poller struct {
	cfg PollerConfig
}

// NewPoller returns a Poller that has not begun to work.
func NewPoller(cfg PollerConfig) (*Poller, error) {
	if cfg.TenantKey == "" || cfg.AppID == "" {
		return nil, errors.New("polls need a tenant_key and an app_id")
	}
	if cfg.Resources == nil {
		cfg.Resources = Resources()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		var err error
		if cfg.Metrics, err = NewPollMetrics(nil); err != nil {
			return nil, err
		}
	}
	return &Poller{cfg: cfg}, nil
}

// Refusal is an endpoint that Feishu did not let the app call.
type Refusal struct {
	Endpoint string `json:"endpoint"`
	// Permissions are those of which any one is enough; none where Feishu refused
	// for another reason.
	Permissions []string `json:"permissions,omitempty"`
	Problem     string   `json:"problem"`
}

// Polled is what a poll came to.
type Polled struct {
	Resource  Resource  `json:"resource"`
	Complete  bool      `json:"complete"` // its own list was read
	Listed    int64     `json:"listed"`   // entities on its lists
	Appended  int64     `json:"appended"`
	Unchanged int64     `json:"unchanged"`
	Removed   int64     `json:"removed"`
	Missing   int64     `json:"missing"` // there until a second list says the same
	Held      int64     `json:"held"`    // of these, those that wait for approval
	Refusals  []Refusal `json:"refusals,omitempty"`
}

// clockError is more than by which two processes tell the same instant of Feishu's
// clock otherwise: each is early, by a second and an answer's way at most.
const clockError = 2 * time.Second

// CatchUp polls each resource that was not surely polled since an instant on Feishu's
// clock.
// Errors are Feishu's where it does not answer, or the database's; that Feishu
// refuses a resource is none.
func (p *Poller) CatchUp(ctx context.Context, since time.Time) (all []Polled, err error) {
	since = since.Add(clockError)
	for _, r := range p.cfg.Resources {
		done, err := p.poll(ctx, r, &since)
		if err != nil {
			return all, err
		}
		all = append(all, done)
	}
	return all, nil
}

// Poll polls a resource, or goes on with the poll that was interrupted. While
// another process polls it, it waits.
func (p *Poller) Poll(ctx context.Context, r Resource) (Polled, error) {
	return p.poll(ctx, r, nil)
}

const tryPollLock = `SELECT pg_try_advisory_lock(hashtextextended('orgmirror poll ' || $1, 0))`

func (p *Poller) poll(ctx context.Context, r Resource, since *time.Time) (done Polled, err error) {
	conn, err := p.cfg.Pool.Acquire(ctx)
	if err != nil {
		return done, fmt.Errorf("take the lock of a poll: %w", err)
	}
	defer giveBack(ctx, conn)
	for {
		got, err := try(ctx, conn, tryPollLock, string(r)+" "+p.cfg.TenantKey)
		if err != nil {
			return done, fmt.Errorf("take the lock of a poll: %w", err)
		}
		if got {
			break
		}
		if err := sleepUntil(ctx, time.Now().Add(askForLock)); err != nil {
			return done, err
		}
	}
	g := &polling{
		Poller: p, resource: r, done: Polled{Resource: r}, refused: map[string]Refusal{},
	}
	if err := g.run(ctx, since); err != nil {
		return g.done, fmt.Errorf("poll the resource %s: %w", r, err)
	}
	return g.done, nil
}

// polling is one poll of one resource.
type polling struct {
	*Poller
	resource  Resource
	origin    directory.Origin
	startedAt time.Time
	approved  bool

	mu      sync.Mutex
	groups  map[string]bool // of the scope; nil: not asked for yet
	done    Polled
	guarded int64 // what would be held, if nobody had approved
	refused map[string]Refusal
}

func (g *polling) run(ctx context.Context, since *time.Time) error {
	row, err := g.takeUp(ctx, since)
	if err != nil || row == nil {
		return err
	}
	own := string(g.resource)
	for {
		lists, err := g.openLists(ctx)
		if err != nil {
			return err
		}
		if len(lists) == 0 {
			break
		}
		// The resource's own list comes first: it leads to the others.
		if i := slices.IndexFunc(lists, func(l openList) bool { return l.name == own }); i >= 0 {
			lists = lists[i : i+1]
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(pollWorkers)
		for _, l := range lists {
			group.Go(func() error { return g.one(ctx, l) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	if err := g.finish(ctx); err != nil {
		return err
	}
	g.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "polled", slog.String("resource", own), slog.Int64("listed", g.done.Listed),
		slog.Int64("appended", g.done.Appended), slog.Int64("removed", g.done.Removed), slog.Int64("held", g.done.Held), slog.Int("refusals", len(g.done.Refusals)))
	return nil
}

// one reads one list. What Feishu refuses is noted, and done with.
func (g *polling) one(ctx context.Context, open openList) error {
	l := g.list(open.name)
	if g.isRefused(l.endpoint) {
		return g.end(ctx, l, nil, 0)
	}
	err := g.read(ctx, l, open)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, feishu.ErrNotFound) && open.name != string(g.resource):
		return g.end(ctx, l, nil, 1) // the group or the unit went meanwhile: its own list will tell
	case errors.Is(err, feishu.ErrPermission), errors.Is(err, feishu.ErrNoAuthority), refused(err):
		g.refuse(ctx, l.endpoint, err)
		return g.end(ctx, l, nil, 1)
	default:
		return err
	}
}

// refuse notes that Feishu refused a list. For want of a permission it will refuse
// all others of the endpoint, too.
func (g *polling) refuse(ctx context.Context, endpoint string, err error) {
	r := Refusal{Endpoint: endpoint, Problem: "refused"}
	var e *feishu.Error
	if errors.As(err, &e) {
		r.Problem = fmt.Sprintf("code %d: %s", e.Code, cmp.Or(e.Msg, "refused"))
	}
	if errors.Is(err, feishu.ErrPermission) {
		r.Permissions = feishu.EndpointPermissions(endpoint)
	}
	g.mu.Lock()
	_, twice := g.refused[endpoint]
	if !twice || r.Permissions != nil {
		g.refused[endpoint] = r
	}
	g.mu.Unlock()
	if !twice {
		g.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "feishu refuses a list", slog.String("resource", string(g.resource)), slog.Any("error", err))
	}
}

func (g *polling) isRefused(endpoint string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused[endpoint].Permissions != nil
}

// refusals are those of the poll, sorted.
func (g *polling) refusals() []Refusal {
	list := []Refusal{}
	for _, r := range g.refused {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Refusal) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	return list
}

const selectPoll = `
SELECT poll_id::text, started_at, tried_at, last_polled_at, held, approved_at IS NOT NULL, refusals,
       (SELECT count(*) FROM mirror.poll_missing m WHERE m.tenant_key = p.tenant_key AND m.entity_kind = ANY (@kinds::text[]))
FROM mirror.poll p
WHERE tenant_key = @tenant_key AND resource = @resource`

const beginPoll = `
INSERT INTO mirror.poll AS p (tenant_key, resource, poll_id, started_at)
VALUES (@tenant_key, @resource, @poll_id, @started_at)
ON CONFLICT (tenant_key, resource) DO UPDATE SET
    poll_id = excluded.poll_id, started_at = excluded.started_at, calls = 0, held = 0`

const deleteLists = `
DELETE FROM mirror.poll_list
WHERE tenant_key = @tenant_key AND resource = @resource`

const insertLists = `
INSERT INTO mirror.poll_list (tenant_key, resource, list)
SELECT @tenant_key, @resource, l FROM unnest(@lists::text[]) AS l
ON CONFLICT DO NOTHING`

// pollRow is a row of mirror.poll.
type pollRow struct {
	id                               string
	startedAt, triedAt, lastPolledAt *time.Time
	held, missing                    int64
	approved                         bool
	refusals                         []Refusal
}

func (g *polling) args(more pgx.NamedArgs) pgx.NamedArgs {
	args := pgx.NamedArgs{"tenant_key": g.cfg.TenantKey, "resource": string(g.resource), "kinds": g.resource.kindNames()}
	for name, value := range more {
		args[name] = value
	}
	return args
}

// takeUp goes on with the poll that was interrupted, unless it is too old to prove
// anything, or begins one. It returns nil where a poll that began after since is done.
func (g *polling) takeUp(ctx context.Context, since *time.Time) (*pollRow, error) {
	row := &pollRow{}
	err := g.cfg.Pool.QueryRow(ctx, selectPoll, g.args(nil)).Scan(&row.id, &row.startedAt, &row.triedAt, &row.lastPolledAt, &row.held, &row.approved, &row.refusals, &row.missing)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("look for an interrupted poll: %w", err)
	}
	g.approved = row.approved
	if since != nil && row.startedAt == nil && row.triedAt != nil && !row.triedAt.Before(*since) {
		g.done.Complete = row.lastPolledAt != nil && row.lastPolledAt.Equal(*row.triedAt)
		g.done.Held, g.done.Missing, g.done.Refusals = row.held, row.missing, row.refusals
		return nil, nil
	}
	now := g.cfg.Client.Now()
	if row.startedAt != nil && now.Sub(*row.startedAt) < staleAfter {
		g.startedAt = *row.startedAt
		g.done.Held = row.held
	} else {
		row.id, g.startedAt = uuid.NewString(), now
		err = pgx.BeginFunc(ctx, g.cfg.Pool, func(tx pgx.Tx) error {
			args := g.args(pgx.NamedArgs{"poll_id": row.id, "started_at": now, "lists": []string{string(g.resource)}})
			for _, sql := range []string{beginPoll, deleteLists, insertLists} {
				if _, err := tx.Exec(ctx, sql, args); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("begin a poll: %w", err)
		}
	}
	g.origin = directory.Origin{TenantKey: g.cfg.TenantKey, AppID: g.cfg.AppID, Source: directory.SourcePoll, CorrelationID: row.id}
	return row, nil
}

const finishPoll = `
UPDATE mirror.poll
SET started_at = NULL, tried_at = @started_at, refusals = @refusals,
    last_polled_at = CASE WHEN @complete THEN @started_at ELSE last_polled_at END,
    approved_at = CASE WHEN @guarded = 0 AND @complete THEN NULL ELSE approved_at END
WHERE tenant_key = @tenant_key AND resource = @resource`

const countMissing = `
SELECT count(*)
FROM mirror.poll_missing
WHERE tenant_key = @tenant_key AND entity_kind = ANY (@kinds::text[])`

// finish closes the poll.
func (g *polling) finish(ctx context.Context) error {
	_, ownRefused := g.refused[g.list(string(g.resource)).endpoint]
	g.done.Complete, g.done.Refusals = !ownRefused, g.refusals()
	args := g.args(pgx.NamedArgs{
		"started_at": g.startedAt, "refusals": g.done.Refusals, "complete": g.done.Complete, "guarded": g.guarded,
	})
	if _, err := g.cfg.Pool.Exec(ctx, finishPoll, args); err != nil {
		return fmt.Errorf("close the poll: %w", err)
	}
	if err := g.cfg.Pool.QueryRow(ctx, countMissing, args).Scan(&g.done.Missing); err != nil {
		return fmt.Errorf("count what is missing: %w", err)
	}
	return nil
}
