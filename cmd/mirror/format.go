package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
)

// The forms of a command's output.
const (
	formatText = "text"
	formatJSON = "json"
)

func formatFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", formatText, "text or json")
}

func checkFormat(format string) error {
	if format != formatText && format != formatJSON {
		return cli.Usage(fmt.Errorf("--format: %q: must be text or json", format))
	}
	return nil
}

// joined reports everything that is wrong with how a command was called.
func joined(errs ...error) error { return cli.Usage(errors.Join(errs...)) }
