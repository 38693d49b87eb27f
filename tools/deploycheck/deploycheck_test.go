package deploycheck_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const deploy = "../../deploy"

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// known are the series that the service has, from the table that a test of the
// service keeps: a histogram has three. Those of every Go program and of
// Prometheus itself are not in the table.
func known(t *testing.T) map[string]bool {
	t.Helper()
	series := map[string]bool{
		"up": true, "process_resident_memory_bytes": true, "process_cpu_seconds_total": true, "go_memstats_heap_inuse_bytes": true,
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(orgmirror_[a-z0-9_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(string(read(t, "README.md")), -1) {
		if m[2] != "histogram" {
			series[m[1]] = true
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			series[m[1]+suffix] = true
		}
	}
	if len(series) < 20 {
		t.Fatalf("only %d series in deploy/README.md", len(series))
	}
	return series
}

// selected parses an expression and returns the series that it selects.
func selected(t *testing.T, text string) []string {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return nil
	}
	var names []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			names = append(names, v.Name)
		}
		return nil
	})
	if len(names) == 0 {
		t.Errorf("%s selects nothing", text)
	}
	return names
}

func TestAlertRules(t *testing.T) {
	t.Parallel()
	groups, errs := rulefmt.Parse(read(t, "prometheus/orgmirror.rules.yaml"), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	series := known(t)
	alerts := map[string]bool{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || alerts[rule.Alert] {
				t.Errorf("%q is no alert, or there twice", rule.Alert)
			}
			alerts[rule.Alert] = true
			for _, name := range selected(t, rule.Expr) {
				if !series[name] {
					t.Errorf("%s asks for %s, which does not exist", rule.Alert, name)
				}
			}
			if !slices.Contains([]string{"info", "warning", "critical"}, rule.Labels["severity"]) || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s: severity, summary or description is missing", rule.Alert)
			}
		}
	}
	if len(alerts) < 5 {
		t.Errorf("only %d alerts", len(alerts))
	}
}

// dashboard is as much of Grafana's model as the check needs.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID      int
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ RefID, Expr string }
	}
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	var d dashboard
	if err := json.Unmarshal(read(t, "grafana/orgmirror.json"), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
		t.Errorf("no dashboard: %q, %q, %d panels", d.UID, d.Title, len(d.Panels))
	}
	// What Grafana puts in the place of its variables is, for the parser, this.
	variables := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*")
	series := known(t)
	for _, v := range d.Templating.List {
		if name, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			if name, _, _ = strings.Cut(name, ","); !series[name] {
				t.Errorf("the variable %s asks for %s, which does not exist", v.Name, name)
			}
		}
	}
	ids := map[int]bool{}
	for i, panel := range d.Panels {
		if ids[panel.ID] || len(panel.Targets) == 0 {
			t.Errorf("%s: id %d is there twice, or nothing is asked for", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			for _, name := range selected(t, variables.Replace(target.Expr)) {
				if !series[name] {
					t.Errorf("%s asks for %s, which does not exist", panel.Title, name)
				}
			}
		}
		a := panel.GridPos
		if a.X+a.W > 24 {
			t.Errorf("%s is off the grid", panel.Title)
		}
		for _, other := range d.Panels[:i] {
			if b := other.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies on %s", panel.Title, other.Title)
			}
		}
	}
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	parsed, err := dockerfile.Parse(bytes.NewReader(read(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, msg string, _ []dockerfile.Range) { warnings = append(warnings, rule+": "+msg) }})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 || len(parsed.Warnings) > 0 {
		t.Errorf("warnings: %v %v", warnings, parsed.Warnings)
	}
	last := stages[len(stages)-1]
	if len(stages) != 2 || last.BaseName != "scratch" {
		t.Errorf("%d stages, the last from %s; want two, the last from scratch", len(stages), last.BaseName)
	}
	user := ""
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.RunCommand:
			t.Errorf("line %d runs something in an image with no shell", c.Location()[0].Start.Line)
		case *instructions.CopyCommand:
			if c.From != stages[0].Name {
				t.Errorf("line %d copies from %q", c.Location()[0].Start.Line, c.From)
			}
		}
	}
	if user != "65534:65534" {
		t.Errorf("the image runs as %q", user)
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	options, err := cli.NewProjectOptions([]string{filepath.Join(deploy, "compose.yaml")}, cli.WithoutEnvironmentResolution)
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context()) // checks it against Compose's schema
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "migrate", "sandbox", "backfill", "mirror"} {
		service, err := project.GetService(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if name == "postgres" {
			continue
		}
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || service.User != "" || service.Privileged {
			t.Errorf("%s may do more than it needs", name)
		}
		if service.Build == nil {
			t.Errorf("%s is not built from here", name)
			continue
		}
		if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s opens port %s to everybody", name, port.Published)
			}
		}
	}
}
