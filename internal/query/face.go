package query

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/metadata"

	"github.com/orgmirror/orgmirror/internal/eventlog"
)

// This file is what another face of the same answers builds on: its statements
// run in the same sessions, and its answers say as much about themselves. See
// internal/query/compat.

// Moment is when an answer is from. A statement begins with [MomentColumns],
// scanned into Targets, and reads from [FromMoment].
type Moment struct{ moment }

// Targets are what the moment's columns are scanned into.
func (m *Moment) Targets() []any { return m.targets() }

// The head of every statement; see moment.go.
const (
	MomentColumns = momentColumns
	FromMoment    = fromMoment
)

// Age is what an answer says about itself.
type Age struct {
	Position  int64         // of the log
	Staleness time.Duration // how long the first record that is not in it has been waiting
}

// Read runs a query, and again after a wait where what it read was older than
// atLeast: a consistency token, or a position of this log in decimal; empty is
// what is there. query must leave nothing behind from one run to the next.
func (s *Service) Read(ctx context.Context, atLeast string, query func(context.Context) (Moment, error)) (Age, error) {
	fresh, err := parseAtLeast(atLeast)
	if err != nil {
		return Age{}, err
	}
	about, err := s.read(ctx, when{fresh: fresh}, func(ctx context.Context) (moment, error) {
		m, err := query(ctx)
		return m.moment, err
	})
	if err != nil {
		return Age{}, err
	}
	return Age{Position: *about.position, Staleness: about.staleness.AsDuration()}, nil
}

// Query runs a statement in a session for reading, over one generation of the
// read model.
func (s *Service) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.pool.Query(ctx, sql, args...)
}

// Enter makes calls with the context be about a company: the one that a client
// names, or the only one that it may ask about.
func (s *Service) Enter(ctx context.Context, client Client, named string) (context.Context, error) {
	asking := ctx
	if named != "" {
		asking = metadata.NewIncomingContext(ctx, metadata.Pairs(strings.ToLower(TenantHeader), named))
	}
	key, err := s.resolve(asking, client)
	if err != nil {
		return nil, err
	}
	return OfTenant(ctx, key), nil
}

// Company is the tenant that is answered about; empty while nothing is known.
func (s *Service) Company(ctx context.Context) string { return s.company(ctx) }

// AppID is the app that the mirror reads a company by, and whose open_ids it has;
// empty while nothing is known.
func (s *Service) AppID(ctx context.Context) string {
	company := s.company(ctx)
	if known, is := s.apps.Load(company); is {
		id, _ := known.(string)
		return id
	}
	owner, err := eventlog.OwnerOf(ctx, s.pool.Pool, company)
	if err != nil || owner.AppID == "" {
		return "" // the statement that follows fails as well, and is answered for it
	}
	s.apps.Store(company, owner.AppID)
	return owner.AppID
}

// Audit writes the line for an answer in which so many people have fields that are
// withheld from others; see audit.go.
func (s *Service) Audit(ctx context.Context, client Client, method string, entities int, position int64) {
	s.auditor.LogAttrs(ctx, slog.LevelInfo, "withheld fields read",
		slog.String("client", client.id), slog.String("method", method), slog.String("tenant", s.company(ctx)),
		slog.Int("entities", entities), slog.Int64("position", position))
}

// Timeout is how long a call that came without a deadline may take.
func (s *Service) Timeout() time.Duration { return s.timeout }

// Trouble is what went wrong with a call, for a face that has words of its own.
type Trouble int

// The kinds of trouble.
const (
	TroubleInternal    Trouble = iota // a mistake of ours: log the error, do not show it
	TroubleUnavailable                // no database, or out of time
	TroubleCancelled                  // the caller is gone
	TroubleStale                      // the read model is not as fresh as was asked for
	TroubleFreshness                  // what was asked for is no position of this log
	TroublePage                       // not a page token of this listing
	TroubleTenant                     // no company, or one that the client may not ask about
	TroubleGuesses                    // too many wrong secrets
)

// TroubleOf tells what an error of this package is to a caller, and what to say.
func TroubleOf(err error) (Trouble, string) {
	f := failureOf(err)
	switch f.reason {
	case reasonDatabaseUnavailable, reasonDeadline:
		return TroubleUnavailable, f.message
	case reasonCancelled:
		return TroubleCancelled, f.message
	case reasonNotFreshEnough:
		return TroubleStale, f.message
	case reasonPageToken, reasonPageTokenMismatch:
		return TroublePage, f.message
	case reasonTenantMissing, reasonTenantNotPermitted:
		return TroubleTenant, f.message
	case reasonTooManyWrong:
		return TroubleGuesses, f.message
	case reasonForeignLog, reasonForeignTenant:
		if f.field == "page_token" {
			return TroublePage, f.message
		}
		return TroubleFreshness, f.message
	case reasonConsistencyToken:
		return TroubleFreshness, f.message
	default:
		return TroubleInternal, "internal error"
	}
}

// Key is where a page ends: what its last entry is sorted by.
type Key struct {
	Rank  int64  `json:"r,omitempty"`
	Order string `json:"n,omitempty"` // a decimal, or Infinity
	ID    string `json:"i,omitempty"`
}

func (k Key) valid() bool {
	return !strings.ContainsRune(k.ID, 0) && (k.Order == "" || orderNumber.MatchString(k.Order))
}

// Pages is where a list is and how it goes on.
type Pages struct{ paging paging[Key] }

// NewPages reads a page token, which belongs to the request: to all of it that
// may not differ from page to page.
func NewPages(size int, request []byte, token string) (Pages, error) {
	p := Pages{paging[Key]{size: size, request: request}}
	err := p.paging.resume(token)
	return p, err
}

// After is where the page before ended; first is what comes before everything.
func (p Pages) After(first Key) Key {
	if p.paging.after == nil {
		return first
	}
	return *p.paging.after
}

// Limit is how many rows to ask for: one more than fit, to see whether there is
// a next page.
func (p Pages) Limit() int { return p.paging.limit() }

// Cut returns how many of the rows are in the page, whose keys are given, and the
// token of the next one, empty on the last.
func (p Pages) Cut(now Moment, keys []Key) (n int, next string, err error) {
	if err := p.paging.check(now.moment); err != nil {
		return 0, "", err
	}
	return p.paging.cut(now.moment, keys, func(int) int { return 0 })
}
