package app

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
)

// Settings reads the settings of a command. Those named in needs must be there.
func Settings(cmd *cobra.Command, needs ...string) (config.Config, error) {
	cfg, err := config.Load(cmd.Flags(), os.Environ(), needs...)
	return cfg, cli.Usage(err)
}
