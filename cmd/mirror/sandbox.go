package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func newSandbox() *cobra.Command {
	cfg := sandbox.DefaultConfig()
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a local Feishu with a made-up organisation",
		Long: "sandbox is a Feishu contact service on this machine, with a made-up organisation: for trying things out, and for\n" +
			"tests. The same seed and sizes make the same organisation. It keeps everything in memory.\n\n" +
			"Its controls are on a port of their own: GET / there lists them.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	config.Register(flags)
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:8090", "address of the contact service; port 0 takes a free one")
	flags.StringVar(&cfg.ControlListen, "control-listen", "127.0.0.1:8091", "address of the controls; port 0 takes a free one")
	flags.IntVar(&cfg.People, "people", cfg.People, "how many people")
	flags.IntVar(&cfg.Departments, "departments", cfg.Departments, "how many departments")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "another number makes another organisation")
	flags.BoolVar(&cfg.RateLimits, "rate-limits", cfg.RateLimits, "answer 429 above 50 calls a second or 1000 a minute to one endpoint")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := app.Settings(cmd)
		if err != nil {
			return err
		}
		cfg.Logger = app.Logger(cmd.ErrOrStderr(), settings, true)
		// The sandbox ends with the context; it is closed all the same, to wait for it.
		server, err := sandbox.Start(cmd.Context(), cfg)
		if err != nil {
			return cli.Usage(err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "A Feishu with %d people in %d departments. Controls: %s\n\n"+
			"export MIRROR_FEISHU_BASE_URL=%s MIRROR_FEISHU_APP_ID=%s MIRROR_FEISHU_APP_SECRET=%s\n",
			cfg.People, cfg.Departments, server.ControlURL(), server.URL(), server.AppID(), server.AppSecret())
		<-cmd.Context().Done()
		return errors.Join(cli.Stopped(cmd.Context()), server.Close())
	}
	return cmd
}
