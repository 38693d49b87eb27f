// Package postgres connects the mirror to its database: the connection pool, the
// schema's migrations, the server that runs when none is configured, and what a
// database error means for the one who got it.
//
// It promises that a pool it hands out talks to PostgreSQL 15 or later, that two
// processes that migrate at once do not disturb each other, that the embedded
// server lives as long as one process uses it, and that no error shows a
// password. It holds no SQL of the mirror's own: each package keeps the
// statements of its tables, and package migrations the tables.
//
// Transactions are pgx.BeginFunc's; there is no helper of ours because there is
// nothing to add to it.
package postgres
