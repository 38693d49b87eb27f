package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/app"
	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl/probe"
)

func newDoctor() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine what the mirror stands on: the database, the app, its range and permissions",
		Long: "doctor looks at the database, its schema and how far the tables are behind the log; asks Feishu whether the app is\n" +
			"accepted, which company it is of, how much of it it may see, and by a sample of objects which permissions show; compares\n" +
			"the clocks; counts strangers on the app's event channel, where Feishu tells; and looks whether the webhook's address is\n" +
			"served on this machine. It makes about a dozen calls, within the budget, and changes nothing. Where the configuration file\n" +
			"lists several companies it does so for each, or for the one that --tenant names.\n\n" +
			"One line a check: OK, WARN (works, and lacks something), FAIL (cannot work) or SKIP (cannot be found out). The exit code is\n" +
			"that of the first FAIL, and 0 without one.",
		Args: cobra.NoArgs,
	}
	config.Register(cmd.Flags(), config.Database, config.Feishu, config.Tenant)
	config.RegisterOnly(cmd.Flags(), "events", "webhook_listen", "feishu_verification_token", "feishu_encrypt_key")
	formatFlag(cmd, &format)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := app.Settings(cmd)
		if err := joined(err, checkFormat(format)); err != nil {
			return err
		}
		findings, err := app.Examine(cmd.Context(), cfg, app.Logger(cmd.ErrOrStderr(), cfg, true))
		if err != nil {
			return err
		}
		if format == formatJSON {
			err = printFindingsJSON(cmd.OutOrStdout(), findings)
		} else {
			printFindings(cmd.OutOrStdout(), findings)
		}
		if err != nil {
			return err
		}
		return cli.Told(firstFailure(findings))
	}
	return cmd
}

// firstFailure decides the exit code: what comes later may only follow from it.
func firstFailure(findings []probe.Finding) error {
	for _, f := range findings {
		if f.State == probe.Fail {
			return f.Err
		}
	}
	return nil
}

func printFindings(w io.Writer, findings []probe.Finding) {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	of := ""
	for _, f := range findings {
		if f.TenantKey != of {
			of = f.TenantKey
			fmt.Fprintf(w, "Company %s\n", printable(of))
		}
		text := oneLine(f.Says)
		if f.Do != "" {
			text += " → " + f.Do
		}
		fmt.Fprintf(w, "%-4s  %-*s  %s\n", f.State, width, f.Check, printable(text))
	}
}

// oneLine joins the lines of an error that holds several.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")), " ")
}

func printFindingsJSON(w io.Writer, findings []probe.Finding) error {
	type report struct {
		State    probe.State     `json:"state"`
		ExitCode cli.Code        `json:"exit_code"`
		Checks   []probe.Finding `json:"checks"`
	}
	r := report{State: probe.OK, ExitCode: cli.CodeOf(firstFailure(findings)), Checks: findings}
	for _, f := range findings {
		if f.State == probe.Fail || f.State == probe.Warn && r.State == probe.OK {
			r.State = f.State
		}
	}
	return writeJSON(w, r)
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
