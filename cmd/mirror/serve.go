package main

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer over gRPC and REST, and keep the read model",
		Long: "serve answers questions about the mirrored directory and keeps its tables up to date with the log. It may start before\n" +
			"the first backfill, and is empty then, and run during one. With --feishu-app-id and --feishu-app-secret it reads again from\n" +
			"Feishu what events leave in doubt; without them it needs no Feishu.\n\n" +
			"It ends when it is told to (SIGTERM, Ctrl-C): calls under way are answered first. A second Ctrl-C ends it at once.",
		Args: cobra.NoArgs,
	}
	config.Register(cmd.Flags(), config.Database, config.Feishu, config.Tenant, config.Service)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := app.Settings(cmd)
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		logger := app.Logger(cmd.ErrOrStderr(), cfg, false)
		logger.LogAttrs(ctx, slog.LevelInfo, "mirror starts", slog.String("version", cli.Version(version)), slog.Any("configuration", cfg))
		db, err := app.OpenDatabase(ctx, cfg, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		service, err := app.OpenService(ctx, cfg, db, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, service.Close()) }()
		if err := service.Run(ctx); err != nil {
			return err
		}
		logger.LogAttrs(ctx, slog.LevelInfo, "stopped")
		return cli.Stopped(ctx)
	}
	return cmd
}
