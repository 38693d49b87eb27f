package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to this program, or back",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usage(errors.New("migrate up, down or status"))
		},
	}
	cmd.AddCommand(
		newMigration("up", "Apply the migrations that the database lacks, and grant the roles for SQL", migrateUp),
		newMigration("down", "Undo the newest migration, with the data that only it has room for", withoutOutput(postgres.MigrateDown)),
		newMigration("status", "List the migrations", withoutOutput(func(context.Context, *pgxpool.Pool) error { return nil })),
	)
	return cmd
}

// migration does something to the schema, and may have something to say.
type migration func(context.Context, *pgxpool.Pool, io.Writer) error

func withoutOutput(do func(context.Context, *pgxpool.Pool) error) migration {
	return func(ctx context.Context, pool *pgxpool.Pool, _ io.Writer) error { return do(ctx, pool) }
}

// migrateUp also makes up for roles that could not be granted when their
// migration ran, because they were not there.
func migrateUp(ctx context.Context, pool *pgxpool.Pool, stderr io.Writer) error {
	if err := postgres.MigrateUp(ctx, pool); err != nil {
		return err
	}
	missing, err := postgres.GrantReaders(ctx, pool)
	if err != nil || len(missing) == 0 {
		return err
	}
	fmt.Fprintf(stderr, "Nobody can be let read by SQL yet: this database user may not make the roles %s.\n"+
		"Everything else works. If somebody is to, let an administrator run\n\n", strings.Join(missing, " and "))
	for _, role := range missing {
		fmt.Fprintf(stderr, "  CREATE ROLE %s;\n", role)
	}
	fmt.Fprint(stderr, "\nand then run `mirror migrate up` again.\n\n")
	return nil
}

// newMigration makes a command that does something to the schema and then says
// how it is.
func newMigration(name, short string, do migration) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs}
	config.Register(cmd.Flags(), config.Database)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := app.Settings(cmd)
		if err != nil {
			return err
		}
		db, err := app.OpenAnySchema(cmd.Context(), cfg, app.Logger(cmd.ErrOrStderr(), cfg, true))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		if err := do(cmd.Context(), db.Pool, cmd.ErrOrStderr()); err != nil {
			return cli.Database(err)
		}
		migrations, err := postgres.MigrationStatus(cmd.Context(), db.Pool)
		if err != nil {
			return cli.Database(err)
		}
		printMigrations(cmd, migrations)
		return nil
	}
	return cmd
}

func printMigrations(cmd *cobra.Command, migrations []postgres.Migration) {
	rows := make([][]string, 0, len(migrations))
	for _, m := range migrations {
		name, applied := m.Name, "not applied"
		if name == "" {
			name = "(not known to this program)"
		}
		if m.Applied() {
			applied = m.AppliedAt.Format(time.DateTime)
		}
		rows = append(rows, []string{strconv.FormatInt(m.Version, 10), name, applied})
	}
	printTable(cmd.OutOrStdout(), []string{"version", "migration", "applied (UTC)"}, rows)
	if len(migrations) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "(none)")
	}
}
