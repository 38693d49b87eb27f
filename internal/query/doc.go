// Package query answers questions about the mirrored directory over gRPC.
//
//	directory.*, mirror.* ──one statement──► row ──► message ──► mask ──► answer
//
// # What it promises
//
// Each answer is the directory at one position of the log: rows, position and
// head are read by one statement, hence from one snapshot. What else an answer
// says about its age (mirrored_at, upstream_confirmed_at) is a function of log
// and position alone, so it is looked up once for each position and remembered;
// see moment.go.
//
// A request that asks for at_least_as_fresh is answered at once where the
// snapshot is fresh enough, which costs nothing, and otherwise waits for the
// projector; see consistency.go.
//
// A question about a moment in the past is the same statement over history; see past.go
// and, for searches, searchpast.go. What a moment means is decided once for a request.
//
// Lists are paged by key, in an order that never ties, and a page token fits
// only the request that it came from; see pagetoken.go.
//
// Access is closed unless a client is configured. The fields that
// sensitiveFields names leave the package for clients with the role "sensitive"
// only, on every way: answers and read_mask. See access.go.
//
// A call is about one company, which the interceptor finds out; no statement reads
// another, and no token of another is taken. See tenant.go.
//
// Wrong secrets are slowed (throttle.go), and answers with withheld fields leave a
// line in the log (audit.go).
//
// An error shown to a caller has one code and one google.rpc.ErrorInfo, from the
// table in errors.go. What the database said goes to the log, once.
//
// # Statements
//
// $1 is the tenant, $2 the id kind of people and $3 that of departments in every
// statement that has them, since the columns of a resource are shared between
// statements. The arguments are numbered, not named: rewriting named ones means
// reading kilobytes of SQL at every call. Reads have sessions of their own, which
// cannot write; session.go says how they plan.
//
// # What it does not do
//
// It never asks Feishu, writes nothing, and does not know the projector: their
// contract is the schema. What an operator asks of the crawl goes to an [Operator],
// which cmd hands in.
package query
