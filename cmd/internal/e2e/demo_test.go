package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Everything that the demo prints to be tried works as it is printed, in another
// shell; Ctrl-C ends it; and a second start has all of it at once.
func TestDemo(t *testing.T) {
	t.Parallel()
	env := environment("MIRROR_DATA_DIR=" + dataDir(t))
	args := []string{
		"demo", "--people", "150", "--departments", "20",
		"--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--webhook-listen", "127.0.0.1:0",
	}
	invited := func(text string) bool { return strings.Contains(text, "Ctrl-C ends the demo.") }

	first := start(t, env, binary("mirror"), args...)
	first.until(t, first.stdout, "invitation", invited)
	commands := commandsIn(first.stdout.String())
	if len(commands) != 8 {
		t.Fatalf("%d commands to try, want 8:\n%s", len(commands), first.stdout)
	}
	changesComeIn(t, commands[5])
	for _, command := range commands {
		out := shell(t, command)
		switch {
		case strings.HasPrefix(command, "curl"):
			var answer map[string]json.RawMessage
			if err := json.Unmarshal([]byte(out), &answer); err != nil || answer["position"] == nil || answer["error"] != nil {
				t.Errorf("%s\n%s", command, out)
			}
		case strings.Contains(command, " person "):
			name := command[strings.LastIndex(command, " ")+1:]
			if !strings.Contains(out, strings.Trim(name, "'")) || !strings.Contains(out, "open_id") {
				t.Errorf("%s\n%s", command, out)
			}
		case strings.Count(out, "\n") < 3:
			t.Errorf("%s\n%s", command, out)
		}
	}
	first.signal(t, os.Interrupt)
	if code := first.code(t); code != 130 || strings.Contains(first.stderr.String(), `"ERROR"`) {
		t.Errorf("after Ctrl-C: exit code %d, %s", code, first.stderr)
	}

	// A real company's settings, left in the shell, have no say in the demo.
	second := start(t, append(env, "MIRROR_DATABASE_URL=postgres://127.0.0.1:1/real", "MIRROR_FEISHU_APP_ID=cli_real"), binary("mirror"), args...)
	second.until(t, second.stdout, "second walk", func(text string) bool { return strings.Contains(text, "walked again") })
	out := second.stdout.String()
	if !strings.Contains(out, "Not used, for the demo brings its own: MIRROR_DATABASE_URL, MIRROR_FEISHU_APP_ID\n") {
		t.Errorf("nothing said of the settings that are not used:\n%s", out)
	}
	// The company is where it was, but for the events that were under way when all
	// ended, and for what the walk saw before its event came. Of another company
	// everything would be new.
	again := strings.Index(out, "walked again")
	var all, fresh int
	if _, err := fmt.Sscanf(out[again:], "walked again: %d observations, %d of them new.", &all, &fresh); err != nil || !invited(out[:again]) || all < 170 || fresh > all/2 {
		t.Errorf("second start (%v):\n%s", err, out)
	}
	changesComeIn(t, commandsIn(out)[5])
	second.signal(t, os.Interrupt)
	if code := second.code(t); code != 130 {
		t.Errorf("after Ctrl-C: exit code %d", code)
	}
}

// changesComeIn waits until a command that shows changes shows another one than
// at first.
func changesComeIn(t *testing.T, command string) {
	t.Helper()
	if !strings.Contains(command, "history.users") {
		t.Fatalf("no command to watch changes by: %s", command)
	}
	first := shell(t, command)
	waitFor(t, "a change to come in", func() bool { return shell(t, command) != first })
}

func commandsIn(text string) []string {
	var commands []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  curl ") || strings.HasPrefix(line, "  MIRROR_") {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	return commands
}

// shell runs a command as a person would who pasted it.
func shell(t *testing.T, command string, settings ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
	cmd.Env, cmd.Dir = environment(settings...), t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", command, err, out)
	}
	return string(out)
}
