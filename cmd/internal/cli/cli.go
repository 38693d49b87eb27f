// Package cli runs a command as a well-behaved program: the first Ctrl-C asks it
// to stop, the second ends it at once, an error becomes text on standard error
// and one of the exit codes that every command shares.
//
// It knows no command and opens nothing.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

var (
	// errInterrupted is the cause of the context's end after a Ctrl-C.
	errInterrupted = errors.New("interrupted")
	// errTerminated is the cause of the context's end when a supervisor asked.
	errTerminated = errors.New("terminated")
)

// Main runs the program and returns its exit code. The command's context ends
// with the first SIGINT or SIGTERM.
func Main(root *cobra.Command, args []string) Code {
	ctx, stop := interruptible(context.Background())
	defer stop()

	running := false // false while cobra still finds out what was asked for
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentPreRun = func(*cobra.Command, []string) { running = true }
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err != nil && !running {
		err = Usage(fmt.Errorf("%w (see %s --help)", err, command.CommandPath()))
	}
	return report(ctx, os.Stderr, root.Name(), err)
}

// report prints what went wrong, a line for each thing, and finds the exit code.
func report(ctx context.Context, stderr io.Writer, program string, err error) Code {
	if err == nil {
		return Complete
	}
	code := CodeOf(err)
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) || errors.Is(cause, errTerminated) {
		code = Interrupted
		if errors.Is(err, errInterrupted) {
			return code // a service that stopped as it was told: nothing to say
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, errTerminated) {
			err = cause
		}
	}
	if errors.As(err, new(told)) {
		return code
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "%s: %s\n", program, strings.TrimRight(line, "\n"))
	}
	return code
}

// Stopped is what a service returns that ran until its context ended: no error
// where a supervisor stopped it, "interrupted" where a person did.
func Stopped(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) {
		return cause
	}
	return nil
}

// interruptible returns a context that ends with the first signal. A second one
// ends the process.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watching sync.WaitGroup
	watching.Go(func() {
		for s := range signals {
			if ctx.Err() != nil {
				os.Exit(int(Interrupted))
			}
			if s == syscall.SIGTERM {
				cancel(errTerminated)
			} else {
				cancel(errInterrupted)
			}
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		watching.Wait()
		cancel(nil)
	}
}

// Version is the version that the linker wrote, or else the one that the go
// command knows (go install module@version).
func Version(linked string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
