package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// errorDomain is ErrorInfo.domain of every error.
const errorDomain = "orgmirror"

// reason says why a call failed, for programs: ErrorInfo.reason.
type reason string

const (
	reasonCredentialsMissing  reason = "CREDENTIALS_MISSING"
	reasonCredentialsInvalid  reason = "CREDENTIALS_INVALID"
	reasonTooManyWrong        reason = "TOO_MANY_WRONG_SECRETS"
	reasonFieldNotPermitted   reason = "FIELD_NOT_PERMITTED"
	reasonTenantMissing       reason = "TENANT_MISSING"
	reasonTenantNotPermitted  reason = "TENANT_NOT_PERMITTED"
	reasonRoleNotPermitted    reason = "ROLE_NOT_PERMITTED"
	reasonArgument            reason = "ARGUMENT_INVALID"
	reasonPageToken           reason = "PAGE_TOKEN_INVALID"
	reasonPageTokenMismatch   reason = "PAGE_TOKEN_MISMATCH"
	reasonConsistencyToken    reason = "CONSISTENCY_TOKEN_INVALID"
	reasonForeignLog          reason = "FOREIGN_LOG"
	reasonForeignTenant       reason = "FOREIGN_TENANT"
	reasonUserNotFound        reason = "USER_NOT_FOUND"
	reasonDepartmentNotFound  reason = "DEPARTMENT_NOT_FOUND"
	reasonBeforeHistory       reason = "BEFORE_HISTORY"
	reasonSweepNotFound       reason = "SWEEP_NOT_FOUND"
	reasonSweepRunning        reason = "SWEEP_RUNNING"
	reasonRemovalsSuperseded  reason = "REMOVALS_SUPERSEDED"
	reasonNothingHeld         reason = "NOTHING_HELD"
	reasonCallBudgetSpent     reason = "CALL_BUDGET_SPENT"
	reasonFeishuNotConfigured reason = "FEISHU_NOT_CONFIGURED"
	reasonFeishuUnavailable   reason = "FEISHU_UNAVAILABLE"
	reasonGroupNotFound       reason = "GROUP_NOT_FOUND"
	reasonUnitNotFound        reason = "UNIT_NOT_FOUND"
	reasonNotFreshEnough      reason = "NOT_FRESH_ENOUGH"
	reasonSearchNotReady      reason = "SEARCH_NOT_READY"
	reasonDatabaseUnavailable reason = "DATABASE_UNAVAILABLE"
	reasonDeadline            reason = "DEADLINE_EXCEEDED"
	reasonCancelled           reason = "CANCELLED"
	reasonMethodUnknown       reason = "METHOD_UNKNOWN"
	reasonInternal            reason = "INTERNAL"
)

// codeOf is the only table from what went wrong to a gRPC code.
var codeOf = map[reason]codes.Code{
	reasonCredentialsMissing:  codes.Unauthenticated,
	reasonCredentialsInvalid:  codes.Unauthenticated,
	reasonTooManyWrong:        codes.ResourceExhausted,
	reasonFieldNotPermitted:   codes.PermissionDenied,
	reasonTenantMissing:       codes.InvalidArgument,
	reasonTenantNotPermitted:  codes.PermissionDenied,
	reasonRoleNotPermitted:    codes.PermissionDenied,
	reasonArgument:            codes.InvalidArgument,
	reasonPageToken:           codes.InvalidArgument,
	reasonPageTokenMismatch:   codes.InvalidArgument,
	reasonConsistencyToken:    codes.InvalidArgument,
	reasonForeignLog:          codes.InvalidArgument,
	reasonForeignTenant:       codes.InvalidArgument,
	reasonUserNotFound:        codes.NotFound,
	reasonDepartmentNotFound:  codes.NotFound,
	reasonBeforeHistory:       codes.OutOfRange,
	reasonSweepNotFound:       codes.NotFound,
	reasonSweepRunning:        codes.Aborted,
	reasonRemovalsSuperseded:  codes.FailedPrecondition,
	reasonNothingHeld:         codes.FailedPrecondition,
	reasonCallBudgetSpent:     codes.ResourceExhausted,
	reasonFeishuNotConfigured: codes.FailedPrecondition,
	reasonFeishuUnavailable:   codes.Unavailable,
	reasonGroupNotFound:       codes.NotFound,
	reasonUnitNotFound:        codes.NotFound,
	reasonNotFreshEnough:      codes.Unavailable,
	reasonSearchNotReady:      codes.Unavailable,
	reasonDatabaseUnavailable: codes.Unavailable,
	reasonDeadline:            codes.DeadlineExceeded,
	reasonCancelled:           codes.Canceled,
	reasonMethodUnknown:       codes.Unimplemented,
	reasonInternal:            codes.Internal,
}

// failure is an error made for the caller. What is behind it is for the log.
type failure struct {
	reason   reason
	message  string
	field    string            // of the request, where one is at fault
	metadata map[string]string // for programs
	cause    error             // never shown
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.message + ": " + f.cause.Error()
	}
	return f.message
}

func (f *failure) Unwrap() error { return f.cause }

// badField is a failure that a field of the request is to blame for.
func badField(r reason, field, format string, args ...any) *failure {
	return &failure{reason: r, field: field, message: field + ": " + fmt.Sprintf(format, args...)}
}

// failureOf finds out what an error is to the caller.
func failureOf(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{reason: reasonDeadline, message: "the call's deadline has passed", cause: err}
	case errors.Is(err, context.Canceled):
		return &failure{reason: reasonCancelled, message: "the call was cancelled", cause: err}
	case databaseGone(err):
		return &failure{reason: reasonDatabaseUnavailable, message: "the database cannot be reached", cause: err}
	default:
		return &failure{reason: reasonInternal, message: "internal error", cause: err}
	}
}

// databaseGone tells a database that is away, starting, stopping or full from
// one that answers.
func databaseGone(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return strings.HasPrefix(answer.Code, "08") || // connection_exception
			strings.HasPrefix(answer.Code, "53") || // insufficient_resources
			strings.HasPrefix(answer.Code, "57P") // operator_intervention
	}
	var (
		connect *pgconn.ConnectError
		network net.Error
	)
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// status is the failure as gRPC sends it.
func (f *failure) status() *status.Status {
	st := status.New(codeOf[f.reason], f.message)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: string(f.reason), Domain: errorDomain, Metadata: f.metadata,
	}}
	if f.field != "" {
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: f.field, Description: strings.TrimPrefix(f.message, f.field+": "), Reason: string(f.reason)},
		}})
	}
	withDetails, err := st.WithDetails(details...)
	if err != nil {
		return st // only a message that cannot be marshalled gets here, and these can
	}
	return withDetails
}

// oneOf refuses a word that is not on a list; the empty word is the first.
func oneOf(field, word string, words ...string) (string, error) {
	if word == "" {
		return words[0], nil
	}
	if !slices.Contains(words, word) {
		return "", badField(reasonArgument, field, "must be one of %s", strings.Join(words, ", "))
	}
	return word, nil
}
