package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Transient reports whether the same work may succeed when it is done again, in a
// new transaction and perhaps on a new connection: the connection broke or was
// refused for now, the server is starting, stopping or out of a resource, or
// another transaction was in the way (serialization, deadlock, lock time-out).
//
// It does not say that the work was not done: a connection lost during COMMIT
// leaves that open. An ended context is not transient: the caller gave up.
func Transient(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return transientState(refused.Code)
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true // also when it timed out: that was the connection's own limit
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var network *net.OpError
	return errors.As(err, &network) ||
		errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func transientState(code string) bool {
	switch code {
	case "40001", // serialization_failure
		"40P01", // deadlock_detected
		"55P03", // lock_not_available: our lock_timeout
		"25P03", // idle_in_transaction_session_timeout: this process was stopped for too long
		"25P04": // transaction_timeout (17 and later)
		return true
	case "57P04": // database_dropped: it will not come back by itself
		return false
	}
	return strings.HasPrefix(code, "08") || // the connection
		strings.HasPrefix(code, "57P0") || // shutting down, crashed, starting
		strings.HasPrefix(code, "53") // connections, memory, disk used up
}

// DataError reports whether the server refused the data itself (a value it cannot
// hold, a constraint, a limit): doing the same again fails again, and of a group
// of rows the others may well pass without the one at fault.
func DataError(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	for _, class := range []string{"22", "23", "54"} {
		if strings.HasPrefix(refused.Code, class) {
			return true
		}
	}
	return false
}

// explain turns a failed first connection into what was tried, why it failed and
// what to do. The password is in none of its parts.
func explain(cfg *pgx.ConnConfig, err error) error {
	advice := ""
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		advice = adviceFor(refused.Code)
	case errors.Is(err, context.Canceled):
	case isConnect(err):
		advice = ": is the server running, and do host and port in MIRROR_DATABASE_URL lead to it?"
	}
	return fmt.Errorf("open %s: %w%s", target(cfg), err, advice)
}

func adviceFor(code string) string {
	switch code {
	case "28P01", "28000":
		return ": check user and password in MIRROR_DATABASE_URL, and the server's pg_hba.conf"
	case "3D000":
		return ": create the database (CREATE DATABASE), or correct its name in MIRROR_DATABASE_URL"
	case "53300":
		return ": the server has no connection left: raise its max_connections or lower those of its users"
	case "57P03":
		return ": the server is starting or stopping: try again in a moment"
	}
	return ""
}

func isConnect(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}
