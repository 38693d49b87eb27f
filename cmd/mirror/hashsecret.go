package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/internal/query"
)

func newHashSecret() *cobra.Command {
	var generate bool
	cmd := &cobra.Command{
		Use:   "hash-secret",
		Short: "Make the hash of an API client's secret, for a file of API clients",
		Long: "hash-secret reads a secret from standard input and prints its hash, salted SHA-256 as {SSHA256}: the key hash of a client in\n" +
			"the file of API clients. With --generate it makes a secret of 256 bits and prints both. A secret of one's own has to be 32\n" +
			"characters or longer, and made at random: the hash is quick, so that it can be computed at every call.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&generate, "generate", false, "make a secret, and print it with its hash")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		if generate {
			secret, hash := query.GenerateSecret()
			fmt.Fprintf(out, "secret: %s\nhash: %q\n", secret, hash)
			return nil
		}
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return cli.Usage(fmt.Errorf("the secret cannot be read from standard input: %w", err))
		}
		hash, err := query.HashSecret(strings.TrimRight(line, "\r\n"))
		if err != nil {
			return cli.Usage(fmt.Errorf("%w (--generate)", err))
		}
		fmt.Fprintln(out, hash)
		return nil
	}
	return cmd
}
