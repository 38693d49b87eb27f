//go:build unix

// Package cluster runs the programs of a PostgreSQL that is installed on this
// machine: it finds them, makes a new data directory with them and builds the
// command that serves one.
//
// It promises that a server never runs as root, listens on a unix socket only,
// and sees none of the PG* variables of the caller's environment. It does not
// decide when a server starts or ends and who shares it: package postgres does
// that for the service's own data, package pgtest for tests.
package cluster
