package main

import (
	"context"
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
		Short: "Answer over gRPC and REST, receive events, and keep the read model",
		Long: "serve answers questions about the mirrored directory, takes Feishu's events into the log, and keeps its tables up to\n" +
			"date with that. It may start before the first backfill, and is empty then, and run during one. With --feishu-app-id and\n" +
			"--feishu-app-secret it reads again from Feishu what events leave in doubt; without them it asks Feishu nothing.\n\n" +
			"Events come by webhook where its two secrets are set (--feishu-verification-token, --feishu-encrypt-key): give Feishu's\n" +
			"console the address that leads to POST /webhook/event. With --events websocket they come over a connection to Feishu.\n\n" +
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
		for _, one := range cfg.EachTenant() {
			warnOfNoEvents(ctx, one, logger)
		}
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

// warnOfNoEvents says that changes in Feishu will not be seen, unless somebody
// wanted it so.
func warnOfNoEvents(ctx context.Context, cfg config.Config, logger *slog.Logger) {
	if cfg.Events != config.EventsNone || cfg.Given("events") {
		return
	}
	logger.LogAttrs(ctx, slog.LevelWarn, "no events are received, so changes in feishu are seen by the next backfill only",
		slog.String("tenant", cfg.FeishuTenantKey), slog.String("hint", "set "+config.Variable("feishu_verification_token")+" and "+config.Variable("feishu_encrypt_key")+
			" for the webhook, or "+config.Variable("events")+" to websocket or none"))
}
