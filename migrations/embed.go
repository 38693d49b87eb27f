// Package migrations holds the database's definition: goose SQL files, run in
// the order of their numbers.
//
// It owns the tables, functions and comments of the schemas; internal/postgres
// applies them. A file is never edited once a release has carried it.
package migrations

import "embed"

// FS holds the migration files, at its root.
//
//go:embed *.sql
var FS embed.FS
