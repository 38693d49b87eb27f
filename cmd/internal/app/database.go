package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// Database is the open database, configured or embedded.
type Database struct {
	Pool     *pgxpool.Pool
	embedded *postgres.Embedded // nil for a configured one
}

// OpenDatabase opens the database and makes sure that it has this program's
// schema: the embedded one is migrated, a configured one is refused if it has
// another, because others may be using it.
func OpenDatabase(ctx context.Context, cfg config.Config, logger *slog.Logger) (*Database, error) {
	db, err := OpenAnySchema(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	ensure := postgres.CheckSchema
	if db.embedded != nil {
		ensure = postgres.MigrateUp
	}
	if err := ensure(ctx, db.Pool); err != nil {
		return nil, errors.Join(cli.Database(err), db.Close())
	}
	return db, nil
}

// OpenAnySchema opens the database whatever schema it has: for who is about to
// change or examine that.
func OpenAnySchema(ctx context.Context, cfg config.Config, logger *slog.Logger) (_ *Database, err error) {
	db := &Database{}
	defer func() {
		if err != nil {
			err = errors.Join(classify(err), db.Close())
		}
	}()
	url := cfg.DatabaseURL
	if url == "" {
		db.embedded, err = postgres.StartEmbedded(ctx, postgres.EmbeddedConfig{DataDir: cfg.DataDir, Logger: logger})
		if err != nil {
			return nil, err
		}
		url = db.embedded.URL("")
	}
	db.Pool, err = postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return nil, err
	}
	return db, nil
}

// classify finds the exit code of what went wrong while the database was
// opened: a URL that cannot be read is a mistake in the settings.
func classify(err error) error {
	if errors.Is(err, postgres.ErrURL) {
		return cli.Usage(fmt.Errorf("%s: %w", config.Variable("database_url"), err))
	}
	return cli.Database(err)
}

// Close ends the connections, and the embedded server if nobody else uses it.
func (d *Database) Close() error {
	if d.Pool != nil {
		d.Pool.Close()
	}
	if d.embedded == nil {
		return nil
	}
	return cli.Database(d.embedded.Close())
}
