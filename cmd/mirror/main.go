// Command mirror is the service and its tools: it serves the mirrored directory,
// shows it, runs a demo and a Feishu to try things on, and looks after the
// database. The walk of Feishu itself is the job of command backfill.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
)

// version is set by the linker (make build).
var version string

func main() {
	os.Exit(int(cli.Main(newRoot(), os.Args[1:])))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:     "mirror",
		Short:   "A living copy of a Feishu directory",
		Long:    "mirror keeps and serves a copy of a company directory that lives in Feishu (Lark).\n\n" + cli.Help(),
		Version: cli.Version(version),
	}
	root.AddCommand(
		newServe(), newDemo(), newSandbox(), newMigrate(), newStatus(), newDoctor(), newParked(), newRebuild(), newVerify(),
		newTree(), newPerson(), newDiff(), newSQL(), newHashSecret(), newVersion(),
	)
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), cli.Version(version)) },
	}
}
