package e2e_test

import (
	"encoding/json"
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
		"--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
	}
	invited := func(text string) bool { return strings.Contains(text, "Ctrl-C ends the demo.") }

	first := start(t, env, binary("mirror"), args...)
	first.until(t, first.stdout, "invitation", invited)
	commands := commandsIn(first.stdout.String())
	if len(commands) != 5 {
		t.Fatalf("%d commands to try, want 5:\n%s", len(commands), first.stdout)
	}
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
	if again := strings.Index(out, "walked again"); !invited(out[:again]) || !strings.Contains(out[again:], ", 0 of them new.") {
		t.Errorf("second start:\n%s", out)
	}
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
