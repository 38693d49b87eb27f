package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// refusal is an answer of the database server, as pgx gives it.
type refusal struct{}

func (refusal) Error() string    { return "relation does not exist" }
func (refusal) SQLState() string { return "42P01" }

func TestCodeOf(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		err  error
		want Code
	}{
		{"nothing wrong", nil, Complete},
		{"unknown", errors.New("odd"), Upstream},
		{"marked as usage", fmt.Errorf("serve: %w", Usage(refusal{})), Misused},
		{"marked as the database's", Database(errors.New("no server")), Unstored},
		{"wrong app secret", fmt.Errorf("walk: %w", &feishu.Error{HTTPStatus: 400, Code: 10014}), Denied},
		{"missing permission", &feishu.Error{HTTPStatus: 400, Code: 99991672}, Denied},
		{"Feishu answers with an error of its own", &feishu.Error{HTTPStatus: 500, Code: 1}, Upstream},
		{"Feishu's connection breaks", &feishu.Error{Err: io.ErrUnexpectedEOF}, Upstream},
		{"the database's connection breaks", fmt.Errorf("append: %w", io.ErrUnexpectedEOF), Unstored},
		{"the database refuses", fmt.Errorf("append: %w", refusal{}), Unstored},
		{"the database URL cannot be read", postgres.ErrURL, Misused},
		{"schema too old", fmt.Errorf("x: %w", postgres.ErrSchemaTooOld), Unstored},
		{"schema too new", postgres.ErrSchemaTooNew, Unstored},
		{"the service knows no such client", status.Error(codes.Unauthenticated, "who?"), Denied},
		{"the service does not let the client", fmt.Errorf("x: %w", status.Error(codes.PermissionDenied, "no")), Denied},
		{"the service cannot be reached", status.Error(codes.Unavailable, "refused"), Upstream},
		{"the service does not understand", status.Error(codes.InvalidArgument, "what?"), Misused},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := CodeOf(c.err); got != c.want {
				t.Errorf("CodeOf(%v) = %d, want %d", c.err, got, c.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	ended := func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		return ctx
	}
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		want Code
		text string
	}{
		{"each line of an error", t.Context(), errors.Join(Usage(errors.New("a")), errors.New("b")), Misused, "mirror: a\nmirror: b\n"},
		{"Ctrl-C in the middle of the work", ended(errInterrupted), fmt.Errorf("walk: %w", context.Canceled), Interrupted, "mirror: interrupted\n"},
		{"SIGTERM in the middle of the work", ended(errTerminated), fmt.Errorf("walk: %w", context.Canceled), Interrupted, "mirror: terminated\n"},
		{"Ctrl-C, and something went wrong on the way down", ended(errInterrupted), errors.New("database gone"), Interrupted, "mirror: database gone\n"},
		{"a service after Ctrl-C", ended(errInterrupted), Stopped(ended(errInterrupted)), Interrupted, ""},
		{"a service after SIGTERM", ended(errTerminated), Stopped(ended(errTerminated)), Complete, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			if got := report(c.ctx, &stderr, "mirror", c.err); got != c.want || stderr.String() != c.text {
				t.Errorf("report = %d %q, want %d %q", got, stderr.String(), c.want, c.text)
			}
		})
	}
}

// Whatever cobra refuses before a command runs is a mistake of the caller.
func TestMainRefusesWhatNobodyDefined(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"nosuch", "run --nosuch", "run superfluous"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			root := &cobra.Command{Use: "mirror"}
			root.AddCommand(&cobra.Command{
				Use: "run", Args: cobra.NoArgs,
				RunE: func(*cobra.Command, []string) error { return errors.New("ran") },
			})
			if got := Main(root, strings.Fields(args)); got != Misused {
				t.Errorf("exit code %d, want %d", got, Misused)
			}
		})
	}
}
