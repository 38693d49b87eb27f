// Package readme_test keeps the README true where it repeats the code.
package readme_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl/probe"
)

var update = flag.Bool("update", false, "write the tables into the README")

const root = "../../../"

// The README's tables are those that the programs work by.
func TestTables(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	got, want := string(content), string(content)
	for name, table := range map[string]string{
		"settings": config.Markdown(), "exit codes": cli.Markdown(), "permissions": probe.Markdown(),
	} {
		want = replace(t, want, name, table)
	}
	if *update {
		if err := os.WriteFile(root+"README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run make generate (-want +got):\n%s", diff)
	}
}

// replace puts a table between its two marks.
func replace(t *testing.T, content, name, table string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(content, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the README has no %q ... %q", begin, end)
	}
	return before + begin + table + end + after
}

// The example of the systemd unit's settings is one that the programs accept.
func TestEnvironmentExample(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "deploy/orgmirror.env")
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if commented, ok := strings.CutPrefix(line, "#MIRROR_"); ok {
			line = "MIRROR_" + commented // what can be switched on must be right too
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			environ = append(environ, line)
		}
	}
	c, err := config.Load(pflag.NewFlagSet("test", pflag.ContinueOnError), environ, "database_url", "feishu_app_id", "feishu_app_secret", "api_clients")
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "/var/lib/orgmirror" {
		t.Errorf("data_dir = %q, want the unit's StateDirectory", c.DataDir)
	}
}
