package cli

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
	"github.com/orgmirror/orgmirror/internal/projector"
	"github.com/orgmirror/orgmirror/internal/projector/compare"
)

// Code is an exit code. Every command uses the same ones.
type Code int

// The exit codes.
const (
	Complete    Code = 0
	Upstream    Code = 1 // Feishu or the network, and what has no code of its own
	Misused     Code = 2 // usage or configuration
	Denied      Code = 3 // credentials or permission
	Held        Code = 4 // removals wait for a decision
	Unstored    Code = 5 // the database
	Different   Code = 6 // the tables are not what the log says
	Interrupted Code = 130
)

// Codes lists the exit codes with their meanings, as help and README show them.
func Codes() []struct {
	Code    Code
	Meaning string
} {
	return []struct {
		Code    Code
		Meaning string
	}{
		{Complete, "complete"},
		{Upstream, "Feishu or the network"},
		{Misused, "usage or configuration"},
		{Denied, "credentials or permission"},
		{Held, "complete, but removals wait for a decision (`backfill removals list`)"},
		{Unstored, "the database"},
		{Different, "differences found (`mirror rebuild`, `mirror verify`)"},
		{Interrupted, "interrupted"},
	}
}

// coded is an error whose code is known where it arose.
type coded struct {
	error
	code Code
}

func (e coded) Unwrap() error { return e.error }

// Usage marks an error as the fault of who called or configured the program.
func Usage(err error) error { return mark(err, Misused) }

// Database marks an error as the database's.
func Database(err error) error { return mark(err, Unstored) }

func mark(err error, code Code) error {
	if err == nil {
		return nil
	}
	return coded{err, code}
}

// meanings is the table from error to code; the first that matches counts. What
// Feishu says comes before the database, for a broken connection to either looks
// the same further down.
var meanings = []struct {
	matches func(error) bool
	code    Code
}{
	{is(postgres.ErrURL), Misused},
	{is(eventlog.ErrForeignApp), Misused},
	{is(probe.ErrOtherCompany), Misused},
	{is(crawl.ErrBusy), Misused},
	{is(projector.ErrDifferent), Different},
	{is(projector.ErrRebuilding), Misused},
	{is(projector.ErrBound), Misused},
	{is(projector.ErrNoGeneration), Misused},
	{is(compare.ErrShape), Misused},
	{is(projector.ErrLogTorn), Unstored},
	{is(feishu.ErrCredentials), Denied},
	{is(feishu.ErrPermission), Denied},
	{is(crawl.ErrHeld), Held},
	{is(crawl.ErrUnknownSweep), Misused},
	{is(crawl.ErrSuperseded), Misused},
	{is(crawl.ErrNothingHeld), Misused},
	{is(crawl.ErrNoPollHeld), Misused},
	{is(crawl.ErrNoTenant), Misused}, // where it is not for want of a permission
	{isFeishu, Upstream},
	{is(postgres.ErrSchemaTooOld), Unstored},
	{is(postgres.ErrSchemaTooNew), Unstored},
	{is(postgres.ErrNoMigration), Unstored},
	{hasSQLState, Unstored},
	{hasStatus(codes.Unauthenticated), Denied},
	{hasStatus(codes.PermissionDenied), Denied},
	{hasStatus(codes.ResourceExhausted), Denied}, // too many wrong secrets
	{hasStatus(codes.InvalidArgument), Misused},
	{hasAnyStatus, Upstream},
	{postgres.Transient, Unstored},
}

// CodeOf finds the exit code of an error.
func CodeOf(err error) Code {
	if err == nil {
		return Complete
	}
	if known := (coded{}); errors.As(err, &known) {
		return known.code
	}
	for _, m := range meanings {
		if m.matches(err) {
			return m.code
		}
	}
	return Upstream
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isFeishu(err error) bool {
	var e *feishu.Error
	return errors.As(err, &e)
}

// hasSQLState finds a refusal by the database server, whose type only the
// packages that talk to it know.
func hasSQLState(err error) bool {
	var e interface{ SQLState() string }
	return errors.As(err, &e)
}

func hasStatus(code codes.Code) func(error) bool {
	return func(err error) bool {
		s, ok := statusOf(err)
		return ok && s.Code() == code
	}
}

func hasAnyStatus(err error) bool {
	_, ok := statusOf(err)
	return ok
}

// statusOf finds the answer of a gRPC server, however it was wrapped.
func statusOf(err error) (*status.Status, bool) {
	var e interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &e) {
		return nil, false
	}
	return e.GRPCStatus(), true
}

// Markdown is the README's table of the exit codes.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| code | meaning |\n|---|---|\n")
	for _, c := range Codes() {
		fmt.Fprintf(&b, "| %d | %s |\n", c.Code, c.Meaning)
	}
	return b.String()
}

// Help is the same for --help.
func Help() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range Codes() {
		fmt.Fprintf(&b, "  %3d  %s\n", c.Code, c.Meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}
