// Package internal_test keeps the architecture: which package may import which.
package internal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/orgmirror/orgmirror/"

// mayImport says for each package whom of ours its production code imports. A
// folder speaks for the folders in it, unless they have a line of their own;
// within one folder of this table everybody may import everybody.
//
// Projector and query never meet in Go: their contract is the schema. The sandbox
// imports nothing of ours: it must not share a misunderstanding with the client.
var mayImport = map[string][]string{
	"migrations":         {},
	"proto":              {},
	"internal/directory": {},
	"internal/feishu":    {},
	"internal/sandbox":   {},
	"internal/postgres":  {"migrations"},
	"internal/eventlog":  {"internal/directory", "internal/postgres"},
	"internal/intake":    {"internal/feishu", "internal/directory", "internal/eventlog"},
	"internal/crawl":     {"internal/feishu", "internal/directory", "internal/eventlog", "internal/postgres"},
	"internal/projector": {"internal/directory", "internal/eventlog", "internal/postgres"},
	"internal/query":     {"proto", "internal/directory", "internal/eventlog", "internal/postgres"},
	"internal/gateway":   {"proto"},
	"internal/feed":      {"internal/eventlog", "proto"},

	// Only cmd wires. The service and the backfill never run the sandbox: that is
	// for the commands that are there for it.
	"cmd/internal": wired,
	"cmd/backfill": append([]string{"cmd/internal"}, wired...),
	"cmd/mirror":   append([]string{"cmd/internal", "internal/sandbox"}, wired...),
}

var wired = []string{
	"proto", "internal/directory", "internal/feishu", "internal/postgres", "internal/eventlog", "internal/intake",
	"internal/crawl", "internal/projector", "internal/query", "internal/gateway", "internal/feed",
}

// testsMayImport is what tests may import beside what their package may.
var testsMayImport = []string{"internal/sandbox", "internal/postgres/pgtest", "internal/feishu/callback/callbacktest"}

// testsOfMayImport is what the tests of a folder may, and of no other: the example
// of a client runs against the service.
var testsOfMayImport = map[string][]string{"proto": {"internal/query", "internal/eventlog"}}

// forTests are packages that production code must not import.
var forTests = []string{"internal/postgres/pgtest", "internal/feishu/callback/callbacktest", "internal/sandbox/sdktest/nodesdk"}

// outside says in which of our folders a foreign module appears. A rule with a
// longer prefix comes before one with a shorter.
var outside = []struct {
	prefix  string
	folders []string
	inTests bool // tests anywhere may use it
}{
	{"github.com/ThreeDotsLabs/", []string{"internal/eventlog", "internal/projector", "internal/feed", "internal/intake"}, false},
	// Wiring passes the pool from hand to hand and has to name its type; it sends no statement.
	{"github.com/jackc/pgx/v5/pgxpool", []string{"internal/postgres", "internal/eventlog", "internal/projector", "internal/query", "internal/crawl", "cmd"}, true},
	{"github.com/jackc/", []string{"internal/postgres", "internal/eventlog", "internal/projector", "internal/query", "internal/crawl"}, true},
	{"github.com/pressly/goose", []string{"internal/postgres"}, true},
	{"github.com/larksuite/", []string{"internal/feishu"}, true},
	{"github.com/gorilla/websocket", []string{"internal/feishu", "internal/sandbox"}, true},
	{"github.com/spf13/", []string{"cmd"}, false},
}

// pkg is what `go list -json` says of a package, as far as it matters here.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	packages := list(t)
	if len(packages) < 10 {
		t.Fatalf("found only %d packages", len(packages))
	}
	for _, broken := range check(packages) {
		t.Error(broken)
	}
}

// The rules notice when they are broken.
func TestCheckFindsBrokenRules(t *testing.T) {
	t.Parallel()
	const pgx, pool, watermill, sdk = "github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgxpool", "github.com/ThreeDotsLabs/watermill/message", "github.com/larksuite/oapi-sdk-go/v3/core"
	cases := []struct {
		name   string
		pkg    pkg
		broken bool
	}{
		{"a station imports its neighbour", pkg{ImportPath: module + "internal/query", Imports: []string{module + "internal/projector"}}, true},
		{"a station imports what it may", pkg{ImportPath: module + "internal/query", Imports: []string{module + "internal/eventlog", "fmt", pgx}}, false},
		{"a subfolder of a station imports its neighbour", pkg{ImportPath: module + "internal/query/compat", Imports: []string{module + "internal/crawl"}}, true},
		{"a subfolder imports its own station", pkg{ImportPath: module + "internal/query/compat", Imports: []string{module + "internal/query"}}, false},
		{"the vocabulary imports anything of ours", pkg{ImportPath: module + "internal/directory", Imports: []string{module + "internal/postgres"}}, true},
		{"the sandbox imports the client", pkg{ImportPath: module + "internal/sandbox", Imports: []string{module + "internal/feishu"}}, true},
		{"a station imports the wiring", pkg{ImportPath: module + "internal/crawl", Imports: []string{module + "cmd/internal/config"}}, true},
		{"a package without a line", pkg{ImportPath: module + "internal/util"}, true},
		{"production code imports a test helper", pkg{ImportPath: module + "internal/eventlog", Imports: []string{module + "internal/postgres/pgtest"}}, true},
		{"a test imports the test helper and the sandbox", pkg{ImportPath: module + "internal/eventlog", XTestImports: []string{module + "internal/postgres/pgtest", module + "internal/sandbox"}}, false},
		{"the example of a client imports the service", pkg{ImportPath: module + "proto/orgmirror/v1", XTestImports: []string{module + "internal/query"}}, false},
		{"the API imports the service", pkg{ImportPath: module + "proto/orgmirror/v1", Imports: []string{module + "internal/query"}}, true},
		{"a test imports a neighbour", pkg{ImportPath: module + "internal/query", TestImports: []string{module + "internal/projector"}}, true},
		{"the backfill imports the sandbox", pkg{ImportPath: module + "cmd/backfill", Imports: []string{module + "internal/sandbox"}}, true},
		{"shared wiring imports the sandbox", pkg{ImportPath: module + "cmd/internal/app", Imports: []string{module + "internal/sandbox"}}, true},
		{"the demo's program imports the sandbox", pkg{ImportPath: module + "cmd/mirror", Imports: []string{module + "internal/sandbox"}}, false},
		{"the crawl imports Watermill", pkg{ImportPath: module + "internal/crawl", Imports: []string{watermill}}, true},
		{"the log imports Watermill", pkg{ImportPath: module + "internal/eventlog", Imports: []string{watermill}}, false},
		{"the gateway imports pgx", pkg{ImportPath: module + "internal/gateway", Imports: []string{pgx}}, true},
		{"wiring names the pool", pkg{ImportPath: module + "cmd/internal/app", Imports: []string{pool}}, false},
		{"wiring runs statements", pkg{ImportPath: module + "cmd/internal/app", Imports: []string{pgx}}, true},
		{"the crawl imports the Feishu SDK", pkg{ImportPath: module + "internal/crawl", Imports: []string{sdk}}, true},
		{"a test imports the Feishu SDK", pkg{ImportPath: module + "internal/sandbox", XTestImports: []string{sdk}}, false},
		{"a station reads flags", pkg{ImportPath: module + "internal/crawl", Imports: []string{"github.com/spf13/pflag"}}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broken := check([]pkg{c.pkg})
			if (len(broken) > 0) != c.broken {
				t.Errorf("broken rules: %q, want some: %v", broken, c.broken)
			}
		})
	}
}

// check names each import that is against the rules.
func check(packages []pkg) []string {
	var broken []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "internal" {
			continue // this test
		}
		home, ok := lineOf(name)
		if !ok {
			broken = append(broken, name+": the table of imports has no line for it")
			continue
		}
		for _, i := range p.Imports {
			if !allowed(name, home, i, false) {
				broken = append(broken, fmt.Sprintf("%s must not import %s", name, strings.TrimPrefix(i, module)))
			}
		}
		for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
			if !allowed(name, home, i, true) {
				broken = append(broken, fmt.Sprintf("tests of %s must not import %s", name, strings.TrimPrefix(i, module)))
			}
		}
	}
	return broken
}

// allowed reports whether a package, whose line of the table is home's, may
// import another.
func allowed(name, home, imported string, test bool) bool {
	ours, ok := strings.CutPrefix(imported, module)
	if !ok {
		for _, rule := range outside {
			if strings.HasPrefix(imported, rule.prefix) {
				return test && rule.inTests || slices.ContainsFunc(rule.folders, func(f string) bool { return within(name, f) })
			}
		}
		return true
	}
	if test && slices.ContainsFunc(slices.Concat(testsMayImport, testsOfMayImport[home]), func(f string) bool { return within(ours, f) }) {
		return true
	}
	for _, f := range forTests {
		if within(ours, f) {
			return within(name, f)
		}
	}
	target, ok := lineOf(ours)
	return ok && (target == home || slices.Contains(mayImport[home], target))
}

// lineOf finds the longest line of the table that a package falls under.
func lineOf(name string) (string, bool) {
	for line := name; ; {
		if _, ok := mayImport[line]; ok {
			return line, true
		}
		cut := strings.LastIndexByte(line, '/')
		if cut < 0 {
			return "", false
		}
		line = line[:cut]
	}
}

func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

// list asks the go command for the packages of this module. Whether they compile
// is for others to say (-e).
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
