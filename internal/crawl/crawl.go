package crawl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/internal/directory"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
)

// DefaultWorkers is how many calls are under way at once. At fifty calls a
// second and a tenth of a second a call five are at work; the rest is reserve.
// A kill costs at most twice as many calls (see walk).
const DefaultWorkers = 8

// maxWorkers keeps the calls that a kill costs at 25 or fewer.
const maxWorkers = 12

var (
	// ErrBusy is the answer while another process walks the same company.
	ErrBusy = errors.New("another process is walking this company")
	// ErrNoTenant is the answer where the company's key cannot be had.
	ErrNoTenant = errors.New("the company's tenant_key is not known: " +
		"give the app the permission tenant:tenant:readonly, or set MIRROR_FEISHU_TENANT_KEY")
)

// Config is what a Crawler works with.
type Config struct {
	Client    *feishu.Client
	Counter   *feishu.Counter // observes Client; its figures go into progress and summary
	Pool      *pgxpool.Pool
	Log       *eventlog.Log
	TenantKey string
	AppID     string
	Source    directory.Source // SourceBackfill where empty
	Logger    *slog.Logger     // nil discards
	Progress  func(Progress)   // called after every few pages, by one goroutine
	Workers   int              // calls under way at once; 0 is DefaultWorkers
	// Beside runs for as long as a walk has the crawl lock, and ends with its
	// context: what nobody else may do meanwhile.
	Beside func(ctx context.Context)
	// Polls reads, at the end of a walk, what has lists and no events; nil: nobody does.
	Polls *Poller
	// MaxRemovals is how many of a kind a sweep may remove without approval.
	MaxRemovals MaxRemovals
}

// Crawler walks one company.
type Crawler struct {
	cfg    Config
	client *feishu.Client
	pool   *pgxpool.Pool
	log    *eventlog.Log
	logger *slog.Logger

	watched map[directory.Kind][]watched
}

// New returns a crawler.
func New(cfg Config) (*Crawler, error) {
	if cfg.TenantKey == "" || cfg.AppID == "" {
		return nil, errors.New("a crawler needs a tenant_key and an app_id")
	}
	if cfg.Workers == 0 {
		cfg.Workers = DefaultWorkers
	}
	if cfg.Workers < 1 || cfg.Workers > maxWorkers {
		return nil, fmt.Errorf("%d workers: 1 to %d", cfg.Workers, maxWorkers)
	}
	if cfg.Source == "" {
		cfg.Source = directory.SourceBackfill
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Counter == nil {
		cfg.Counter = &feishu.Counter{}
	}
	c := &Crawler{cfg: cfg, client: cfg.Client, pool: cfg.Pool, log: cfg.Log, logger: cfg.Logger, watched: map[directory.Kind][]watched{}}
	for _, kind := range removalKinds {
		c.watched[kind] = watchedFields(kind)
	}
	return c, nil
}

// ResolveTenant returns the company: as Feishu tells it, or no more than its
// configured key where the app may not ask. Where both are known they must agree.
func ResolveTenant(ctx context.Context, client *feishu.Client, configured string) (feishu.Tenant, error) {
	tenant, err := client.Tenant(ctx)
	switch {
	case errors.Is(err, feishu.ErrPermission) && configured != "":
		return feishu.Tenant{Key: configured}, nil
	case errors.Is(err, feishu.ErrPermission):
		return feishu.Tenant{}, fmt.Errorf("%w: %w", ErrNoTenant, err)
	case err != nil:
		return feishu.Tenant{}, fmt.Errorf("ask for the company: %w", err)
	case configured != "" && configured != tenant.Key:
		return feishu.Tenant{}, fmt.Errorf("%w: MIRROR_FEISHU_TENANT_KEY names another company than the app's own", ErrNoTenant)
	}
	return tenant, nil
}

// Progress is how far a walk has come.
type Progress struct {
	DepartmentsDone  int64 // whose people have been listed
	DepartmentsTotal int64 // known so far, the root included
	Listing          bool  // departments are still being listed, so the total will grow
	People           int64 // distinct
	Calls            int64 // by this process
	ETA              time.Duration
}

// Summary is what a walk came to.
type Summary struct {
	SweepID     string                   `json:"sweep_id"`
	TenantKey   string                   `json:"tenant_key"`
	Resumed     bool                     `json:"resumed"`
	Range       string                   `json:"range"`       // all, or scoped
	Departments int64                    `json:"departments"` // without the root
	Users       int64                    `json:"users"`
	Memberships int64                    `json:"memberships"`
	Appended    int64                    `json:"appended"`
	Unchanged   int64                    `json:"unchanged"`
	Unreadable  int64                    `json:"unreadable"` // list items without a usable id, left out
	Candidates  map[directory.Kind]int64 `json:"candidates"` // were there before and were not seen
	Held        map[directory.Kind]int64 `json:"held"`       // of these, those who wait for approval
	Removed     map[directory.Kind]int64 `json:"removed"`    // proven to be gone
	Unproven    map[directory.Kind]int64 `json:"unproven"`   // kept, because Feishu's answer proves nothing
	Calls       int                      `json:"calls"`
	Retries     int                      `json:"retries"`
	Waited      time.Duration            `json:"-"`
	Took        time.Duration            `json:"-"`
	// Absent are fields that no object of the kind had, with the permission that
	// would show them.
	Absent map[directory.Kind][]AbsentField `json:"absent"`
	// Hidden are fields that objects had and that went missing in such a way that
	// a permission was rather lost than so many values. Nothing was cleared.
	Hidden map[directory.Kind][]AbsentField `json:"hidden"`
	// Resources is what came of the lists of what has no events.
	Resources []Polled           `json:"resources"`
	Position  directory.Position `json:"position"` // of the log's end
}

// AbsentField is a field that no object had.
type AbsentField struct {
	Field      string `json:"field"`
	Permission string `json:"permission"`
}

func (c *Crawler) origin(s *sweep) directory.Origin {
	return directory.Origin{TenantKey: c.cfg.TenantKey, AppID: c.cfg.AppID, Source: cmp.Or(s.source, c.cfg.Source), CorrelationID: s.id}
}

// Backfill walks everything that the app may see, or goes on with the walk that
// was interrupted, and removes who is proven to be gone. It ends when all is read
// and in the log; the projector may still be behind. Errors are Feishu's (see
// package feishu), ErrBusy, ErrRefused, ErrMonthlyBudget or the database's; what
// was read until then is kept.
func (c *Crawler) Backfill(ctx context.Context) (Summary, error) {
	release, err := c.lock(ctx)
	if err != nil {
		return Summary{}, err
	}
	defer release()
	return c.sweep(ctx, nil)
}

// Begun is a sweep that is under way.
type Begun struct {
	SweepID   string
	StartedAt time.Time // on Feishu's clock
	Resumed   bool      // it had been interrupted, and goes on
}

// sweep is Backfill for who has the crawl lock. begun is told of the sweep once
// it is stored, and may end it; nil tells nobody.
func (c *Crawler) sweep(ctx context.Context, begun func(context.Context, Begun) error) (Summary, error) {
	began := time.Now()
	if err := c.finishApproved(ctx); err != nil {
		return Summary{}, err
	}
	defer c.beside(ctx)()
	s, err := c.takeUp(ctx)
	if err != nil {
		return Summary{}, err
	}
	tell := func(ctx context.Context, s *sweep) error {
		if begun == nil {
			return nil
		}
		return begun(ctx, Begun{SweepID: s.id, StartedAt: s.startedAt, Resumed: s.resumed})
	}
	err = c.steps(ctx, s, tell)
	if errors.Is(err, errNarrowed) {
		c.logger.WarnContext(ctx, "the app's range was narrowed since the sweep began: another one begins", slog.String("sweep_id", s.id), slog.Any("error", err))
		if err = c.abandon(ctx, s); err == nil {
			s = newSweep(uuid.NewString())
			err = c.steps(ctx, s, tell)
		}
	}
	if err != nil {
		return c.summary(s, began), err
	}
	head, err := c.log.Head(ctx)
	if err != nil {
		return c.summary(s, began), err
	}
	sets, err := setsOf(ctx, c.pool, s.id)
	if err != nil {
		return c.summary(s, began), err
	}
	sum := c.summary(s, began)
	sum.Position = head.Position
	sum.Candidates, sum.Held, sum.Removed, sum.Unproven = tally(sets)
	sum.Absent, sum.Hidden, sum.Resources = absentFields(s), s.hidden(), s.polled
	c.logger.InfoContext(ctx, "sweep complete", slog.String("sweep_id", s.id),
		slog.Int64("departments", sum.Departments), slog.Int64("users", sum.Users), slog.Int64("appended", sum.Appended))
	if len(sum.Hidden) > 0 {
		c.logger.WarnContext(ctx, "fields are hidden that were shown before", slog.String("sweep_id", s.id), slog.Any("fields", sum.Hidden))
	}
	return sum, nil
}

// steps makes a sweep.
func (c *Crawler) steps(ctx context.Context, s *sweep, tell func(context.Context, *sweep) error) error {
	for _, step := range []func(context.Context, *sweep) error{c.lookBack, c.root, tell, c.walk, c.whole, c.remove, c.clear, c.polls, c.complete} {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// polls reads what has no events. What Feishu refuses is told of by the summary:
// people and departments do not hang on it.
func (c *Crawler) polls(ctx context.Context, s *sweep) (err error) {
	if c.cfg.Polls == nil {
		return nil
	}
	s.polled, err = c.cfg.Polls.CatchUp(ctx, s.startedAt)
	for _, p := range s.polled {
		s.Appended += p.Appended
		s.Unchanged += p.Unchanged
	}
	return err
}

// tally adds up the sets of a sweep.
func tally(sets []RemovalSet) (candidates, held, removed, unproven map[directory.Kind]int64) {
	candidates, held = map[directory.Kind]int64{}, map[directory.Kind]int64{}
	removed, unproven = map[directory.Kind]int64{}, map[directory.Kind]int64{}
	for _, set := range sets {
		candidates[set.Kind], removed[set.Kind], unproven[set.Kind] = set.Candidates, set.Removed(), set.Unproven
		held[set.Kind] = 0
		if setState(set.State) == setHeld {
			held[set.Kind] = set.Candidates
		}
	}
	return candidates, held, removed, unproven
}

func (c *Crawler) summary(s *sweep, began time.Time) Summary {
	stats, _ := c.cfg.Counter.Snapshot()
	return Summary{
		SweepID: s.id, TenantKey: c.cfg.TenantKey, Resumed: s.resumed, Range: string(s.scope),
		Departments: s.belowRoot(), Users: s.users, Memberships: s.memberships,
		Appended: s.Appended, Unchanged: s.Unchanged, Unreadable: s.Unreadable,
		Calls: stats.Calls, Retries: stats.Retries, Waited: stats.Waited, Took: time.Since(began),
	}
}

// belowRoot is how many departments were seen, the root not counted, which a
// scoped app does not see.
func (s *sweep) belowRoot() int64 {
	if s.scope == scopeScoped {
		return s.departments
	}
	return max(s.departments-1, 0)
}

// absentFields compares what the objects had with what permissions would show.
func absentFields(s *sweep) map[directory.Kind][]AbsentField {
	absent := map[directory.Kind][]AbsentField{}
	for kind, seen := range map[directory.Kind]int64{directory.KindUser: s.users, directory.KindDepartment: s.belowRoot()} {
		if seen < 1 {
			continue // nobody there to have a field
		}
		permissions := feishu.FieldPermissions(string(kind))
		for _, field := range slices.Sorted(maps.Keys(permissions)) {
			if s.Fields[kind][field] == 0 {
				absent[kind] = append(absent[kind], AbsentField{Field: field, Permission: permissions[field]})
			}
		}
	}
	return absent
}
