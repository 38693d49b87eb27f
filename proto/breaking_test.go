package proto_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buf runs buf from the repository's root: the command in BUF, or the version
// pinned in tools/go.mod (its first build takes minutes).
func buf(ctx context.Context, t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := strings.Fields(os.Getenv("BUF"))
	if len(command) == 0 {
		command = []string{"go", "tool", "-modfile=tools/go.mod", "buf"}
	}
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], args...)...)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copyAPI copies buf.yaml and the .proto files, and lets edit change each file.
func copyAPI(t *testing.T, edit func(name string, text []byte) []byte) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob("orgmirror/v1/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatalf("find .proto files: %d, %v", len(files), err)
	}
	targets := map[string]string{"../buf.yaml": "buf.yaml"}
	for _, name := range files {
		targets[name] = filepath.Join("proto", name)
	}
	for source, target := range targets {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		target = filepath.Join(dir, target)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, edit(source, text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBreakingChangesAreSeen(t *testing.T) {
	t.Parallel()

	baseline, err := filepath.Abs("baseline.binpb")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("the API keeps what the baseline promises", func(t *testing.T) {
		t.Parallel()
		dir := copyAPI(t, func(_ string, text []byte) []byte { return text })
		if out, err := buf(t.Context(), t, "breaking", dir, "--against", baseline); err != nil {
			t.Errorf("buf breaking: %v\n%s", err, out)
		}
	})

	t.Run("a removed field is reported", func(t *testing.T) {
		t.Parallel()
		const field = "  optional string job_title = 25;\n"
		removed := false
		dir := copyAPI(t, func(_ string, text []byte) []byte {
			removed = removed || bytes.Contains(text, []byte(field))
			return bytes.Replace(text, []byte(field), nil, 1)
		})
		if !removed {
			t.Fatalf("%q is in no .proto file: the test removes nothing", field)
		}
		out, err := buf(t.Context(), t, "breaking", dir, "--against", baseline)
		if err == nil || !strings.Contains(out, `field "25" with name "job_title" on message "User"`) {
			t.Errorf("buf breaking = %v, want a complaint about User.job_title:\n%s", err, out)
		}
	})
}
