package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/orgmirror/orgmirror/migrations"
)

// versionTable is where goose records what it has applied. It stands outside the
// schemas that migrations make, which may be renamed or dropped as a whole.
const versionTable = "public.orgmirror_migration"

var (
	// ErrSchemaTooOld says that the database lacks migrations of this program.
	ErrSchemaTooOld = errors.New("database schema is older than this program")
	// ErrSchemaTooNew says that the database has migrations which this program does not know.
	ErrSchemaTooNew = errors.New("database schema is newer than this program")
	// ErrNoMigration says that there is no migration to undo.
	ErrNoMigration = errors.New("the database has no migration to undo")
)

// Migration is one step of the schema's history.
type Migration struct {
	Version   int64
	Name      string    // of its file; empty if this program does not know it
	AppliedAt time.Time // zero if it is not applied
}

// Applied reports whether the database has this migration.
func (m Migration) Applied() bool { return !m.AppliedAt.IsZero() }

// MigrateUp applies the migrations that the database lacks, each in a transaction
// of its own. Processes that do this at once wait for one another (up to five
// minutes), and the later ones find nothing to do. A newer schema than this
// program's is left alone: ErrSchemaTooNew.
func MigrateUp(ctx context.Context, pool *pgxpool.Pool) error {
	return migrateUp(ctx, pool, migrations.FS)
}

// MigrateDown undoes the newest migration, and with it loses the data that only
// this migration had room for.
func MigrateDown(ctx context.Context, pool *pgxpool.Pool) error {
	return migrateDown(ctx, pool, migrations.FS)
}

// MigrationStatus lists the migrations known to this program or applied to the
// database, by version. It changes nothing.
func MigrationStatus(ctx context.Context, pool *pgxpool.Pool) ([]Migration, error) {
	return migrationStatus(ctx, pool, migrations.FS)
}

// CheckSchema fails unless the database has exactly the migrations of this
// program. It changes nothing.
func CheckSchema(ctx context.Context, pool *pgxpool.Pool) error {
	return checkSchema(ctx, pool, migrations.FS)
}

func migrateUp(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	err := checkSchema(ctx, pool, files)
	if !errors.Is(err, ErrSchemaTooOld) {
		return err // up to date, too new, or no answer
	}
	err = withProvider(pool, files, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate the database up: %w", err)
	}
	return nil
}

func migrateDown(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	if err := checkSchema(ctx, pool, files); errors.Is(err, ErrSchemaTooNew) {
		return err // only the newer program knows how to undo its migrations
	}
	err := withProvider(pool, files, func(p *goose.Provider) error {
		_, err := p.Down(ctx)
		return err
	})
	if errors.Is(err, goose.ErrNoNextVersion) {
		return ErrNoMigration
	}
	if err != nil {
		return fmt.Errorf("migrate the database down: %w", err)
	}
	return nil
}

// withProvider runs f with goose over the pool. The lock is one that is tried
// again and again and not waited for inside the server: a waiting statement holds
// a snapshot, which would block CREATE INDEX CONCURRENTLY in the other process.
func withProvider(pool *pgxpool.Pool, files fs.FS, f func(*goose.Provider) error) (err error) {
	const period, attempts = 1, 300 // seconds, times
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(period, attempts))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func(db *sql.DB) { err = errors.Join(err, db.Close()) }(db) // leaves the pool open
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versionTable),
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true),
	)
	if err != nil {
		return err
	}
	return f(provider)
}

func migrationStatus(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]Migration, error) {
	status, err := known(files)
	if err != nil {
		return nil, err
	}
	applied, err := applied(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("read the schema's version: %w", err)
	}
	for _, a := range applied {
		i := slices.IndexFunc(status, func(m Migration) bool { return m.Version == a.Version })
		if i < 0 {
			status = append(status, a)
			continue
		}
		status[i].AppliedAt = a.AppliedAt
	}
	slices.SortFunc(status, byVersion)
	return status, nil
}

func byVersion(a, b Migration) int { return int(a.Version - b.Version) }

// known lists the migrations in files.
func known(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	found := make([]Migration, 0, len(names))
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("list migrations: %w", err)
		}
		found = append(found, Migration{Version: version, Name: path.Base(name)})
	}
	if len(found) == 0 {
		return nil, errors.New("list migrations: there are none in this program")
	}
	slices.SortFunc(found, byVersion)
	return found, nil
}

// applied lists the migrations that the database has.
func applied(ctx context.Context, pool *pgxpool.Pool) ([]Migration, error) {
	var exists bool
	err := pool.QueryRow(ctx, versionTableExists, pgx.NamedArgs{"table": versionTable}).Scan(&exists)
	if err != nil || !exists {
		return nil, err
	}
	rows, err := pool.Query(ctx, appliedVersions)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Migration, err error) {
		return m, row.Scan(&m.Version, &m.AppliedAt)
	})
}

const versionTableExists = `SELECT to_regclass(@table) IS NOT NULL`

// goose keeps a row 0 of its own, and deletes the row of a migration undone.
const appliedVersions = `
SELECT version_id, max(tstamp) AT TIME ZONE 'UTC' -- written by now() in sessions that speak UTC
FROM public.orgmirror_migration
WHERE version_id > 0 AND is_applied
GROUP BY version_id
ORDER BY version_id`

func checkSchema(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	status, err := migrationStatus(ctx, pool, files)
	if err != nil {
		return err
	}
	var database, program int64 // the newest migration of each
	missing := false
	for _, m := range status {
		if m.Applied() {
			database = m.Version
		}
		if m.Name != "" {
			program = m.Version
			missing = missing || !m.Applied()
		}
	}
	switch {
	case database > program:
		return fmt.Errorf("%w: the schema has version %d, the program knows up to %d: install the newer release, "+
			"or undo with its own `mirror migrate down`", ErrSchemaTooNew, database, program)
	case missing:
		return fmt.Errorf("%w: the schema has version %d, the program needs %d: run `mirror migrate up`", ErrSchemaTooOld, database, program)
	}
	return nil
}
