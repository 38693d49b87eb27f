package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/postgres/readonly"
)

func newSQL() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "sql QUERY",
		Short: "Run one read-only query on the mirror's database",
		Long: "sql runs one SELECT, VALUES, TABLE, WITH, SHOW or EXPLAIN on the database that the settings name,\n" +
			"the embedded one included, and prints its answer. It cannot change anything.\n\n" +
			"The tables of the schemas directory (now) and history (every version), and the views of analytics, describe themselves:\n" +
			"  mirror sql \"SELECT c.relname, obj_description(c.oid) FROM pg_class c WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v'\"",
		Args: cobra.ExactArgs(1),
	}
	config.Register(cmd.Flags(), config.Database)
	cmd.Flags().IntVar(&limit, "limit", 1000, "most rows to print; 0 is all")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		cfg, err := app.Settings(cmd)
		if err != nil {
			return err
		}
		if limit < 0 {
			return cli.Usage(fmt.Errorf("--limit: %d: must be 0 or more", limit))
		}
		db, err := app.OpenDatabase(cmd.Context(), cfg, app.Logger(cmd.ErrOrStderr(), cfg, true))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		result, err := readonly.Query(cmd.Context(), db.Pool, args[0], limit)
		if errors.Is(err, readonly.ErrRefused) {
			return cli.Usage(err)
		}
		if err != nil {
			return err
		}
		printResult(cmd, result)
		return nil
	}
	return cmd
}

func printResult(cmd *cobra.Command, result readonly.Result) {
	rows := make([][]string, 0, len(result.Rows))
	for _, values := range result.Rows {
		row := make([]string, len(values))
		for i, v := range values {
			if v.Null {
				row[i] = "NULL"
			} else {
				row[i] = v.Text
			}
		}
		rows = append(rows, row)
	}
	printTable(cmd.OutOrStdout(), result.Columns, rows)
	switch {
	case result.More:
		fmt.Fprintf(cmd.OutOrStdout(), "(the first %d rows; --limit shows more)\n", len(rows))
	case len(rows) == 1:
		fmt.Fprintln(cmd.OutOrStdout(), "(1 row)")
	default:
		fmt.Fprintf(cmd.OutOrStdout(), "(%d rows)\n", len(rows))
	}
}
