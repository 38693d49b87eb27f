// Command backfill walks a Feishu company once and mirrors what it sees. It can
// be killed at any point: the next run goes on. It exits with an error unless
// the walk is complete and the read model holds it.
package main

import (
	"os"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
)

// version is set by the linker (make build).
var version string

func main() {
	os.Exit(int(cli.Main(newRoot(), os.Args[1:])))
}
