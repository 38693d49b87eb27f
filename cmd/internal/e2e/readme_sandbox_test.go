package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's section on the sandbox works as it is written, on free ports: its
// commands, its Go program with the official SDK, and its scenario.
func TestREADMESandbox(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "\n## Sandbox\n")
	section, _, _ = strings.Cut(section, "\n## ")
	dir := t.TempDir()
	var s served
	ran := map[string]int{}
	for _, b := range blocks(section) {
		ran[b.language]++
		switch b.language {
		case "go":
			ran["people"] += strings.Count(goRun(t, dir, s.here(b.text)), "ou_")
		case "yaml":
			if err := os.WriteFile(filepath.Join(dir, "company.yaml"), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		default:
			for _, command := range fenced("```\n" + b.text + "```\n") {
				word, args, _ := strings.Cut(command, " ")
				ran[word]++
				if word == "mirror" {
					s.stop(t)
					s = serveSandbox(t, dir, args)
					continue
				}
				s.curl(t, command)
			}
		}
	}
	if ran["go"] != 1 || ran["yaml"] != 1 || ran["mirror"] != 3 || ran["curl"] != 16 || ran["people"] < 10 {
		t.Errorf("found in the README: %v", ran)
	}
	waitFor(t, "the scenario's end", func() bool {
		var status struct {
			Steps []any
			Done  int
			Error string
		}
		if err := json.Unmarshal([]byte(s.curl(t, "curl -s http://127.0.0.1:8091/scenario")), &status); err != nil || status.Error != "" {
			t.Fatalf("%+v, %v", status, err)
		}
		return status.Done == len(status.Steps)
	})
}

// served is a sandbox that runs as a program.
type served struct {
	*process
	api, control string
}

// serveSandbox runs a command line of the README on free ports.
func serveSandbox(t *testing.T, dir, args string) served {
	t.Helper()
	command := "cd " + dir + " && exec " + binary("mirror") + " " + args + " --listen 127.0.0.1:0 --control-listen 127.0.0.1:0"
	p := start(t, environment(), "bash", "-c", command)
	p.until(t, p.stdout, "invitation", func(text string) bool { return strings.Contains(text, "Ctrl-C ends it.") })
	find := func(what string) string {
		m := regexp.MustCompile(what + ` +(http://\S+)`).FindStringSubmatch(p.stdout.String())
		if m == nil {
			t.Fatalf("no address of the %s:\n%s", what, p.stdout)
		}
		return m[1]
	}
	s := served{p, find("contact service"), find("controls")}
	// What the program says itself works too.
	for line := range strings.Lines(p.stdout.String()) {
		if command := strings.TrimSpace(line); strings.HasPrefix(command, "curl ") {
			out := s.curl(t, command)
			var fault struct{ ID string }
			if json.Unmarshal([]byte(out), &fault) == nil && fault.ID != "" {
				s.curl(t, "curl -s -X DELETE "+s.control+"/faults/"+fault.ID)
			}
		}
	}
	return s
}

func (s served) stop(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	s.signal(t, os.Interrupt)
	if code := s.code(t); code != 130 {
		t.Errorf("after Ctrl-C: exit code %d, %s", code, s.stderr)
	}
}

// here puts the sandbox's addresses in the place of the usual ones.
func (s served) here(text string) string {
	return strings.NewReplacer("http://127.0.0.1:8090", s.api, "http://127.0.0.1:8091", s.control).Replace(text)
}

func (s served) curl(t *testing.T, command string) string {
	t.Helper()
	out := shell(t, s.here(command))
	if !json.Valid([]byte(out)) || strings.Contains(out, `{"error"`) {
		t.Errorf("%s\n%s", command, out)
	}
	return out
}

// goRun runs a program with this module's dependencies.
func goRun(t *testing.T, dir, program string, env ...string) string {
	t.Helper()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", file)
	cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// block is a fenced block of a Markdown text.
type block struct{ language, text string }

func blocks(markdown string) []block {
	var all []block
	inside := false
	for line := range strings.Lines(markdown) {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && inside:
			inside = false
		case fence:
			inside = true
			all = append(all, block{language: strings.TrimSpace(language)})
		case inside:
			all[len(all)-1].text += line
		}
	}
	return all
}

// What is wrong on the command line is said before anything starts.
func TestSandboxRefusesBadFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "\n", "bad.yaml": "company:\n  people: [{nme: x}]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"--shape round", `shape "round": there are mixed`},
		{"--departments 30001", "at most 30000"},
		{"--fault throtle", `preset "throtle": unknown; there are slow`},
		{"--fault throttle@GET", `--fault throttle@GET: add fault: endpoint "GET": unknown`},
		{"--life often", "a rate is written as 2/s"},
		{"--scenario none.yaml", "none.yaml: no such file"},
		{"--scenario " + dir + "/bad.yaml", `bad.yaml:2: person: unknown field "nme"`},
		{"--scenario x --people 5", "--people and --scenario"},
		{"--app-secret-file " + dir + "/empty", "it must hold the secret"},
		{"--app-secret secret", "unknown flag"},
		{"--webhook-url example.com", "--webhook-url: a webhook needs a url"},
		{"--verification-token x", "--webhook-url, which is missing"},
		{"--webhook-url http://localhost:1 --encrypt-key-file " + dir + "/empty", "it must hold the key"},
		{"--webhook-url http://localhost:1 --encrypt-key-file " + dir + "/none", "no such file"},
		{"--retry-scale 0", "--retry-scale: it must be greater than 0"},
		{"--event-fault lose", "--event-fault lose: invalid character"},
		{`--event-fault {"loose":true}`, `unknown field "loose"`},
		{`--event-fault {"count":1}`, "needs something that goes wrong"},
	} {
		args := append([]string{"sandbox", "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"}, strings.Fields(c.args)...)
		if r := run(t, environment(), binary("mirror"), args...); r.code != 2 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%s: exit code %d, %s", c.args, r.code, r.stderr)
		}
	}
}

// What is said on the command line holds.
func TestSandboxFlags(t *testing.T) {
	t.Parallel()
	s := serveSandbox(t, t.TempDir(), "sandbox --people 60 --departments 30 --seed 7 --shape matrix --life 36/h --clock-skew 1h --big-department 9"+
		" --fault slow:0.5 --fault 'throttle_400:2@GET /contact/v3/users*'")
	for path, wants := range map[string][]string{
		"/faults": {`"probability":0.5`, `"endpoint":"GET /contact/v3/users*"`, `"count":2`},
		"/life":   {`"running":true`, `"per_second":0.01`, `"seed":7`, `"people":60`, `"departments":30`},
		"/":       {`"clock_skew_ms":3600000`, `"big_department":9`, `"rate_limits":true`},
		"/truth":  {`"name":"产品线"`},
	} {
		out := s.curl(t, "curl -s "+s.control+path)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("GET %s has no %s", path, want)
			}
		}
	}
	s.stop(t)
}

// A secret comes from a file, and is not shown.
func TestSandboxSecretFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("hush-hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveSandbox(t, t.TempDir(), "sandbox --people 3 --departments 1 --app-id cli_mine --app-secret-file "+file)
	if out := s.stdout.String(); strings.Contains(out, "hush") || !strings.Contains(out, "MIRROR_FEISHU_APP_ID=cli_mine MIRROR_FEISHU_APP_SECRET_FILE="+file) {
		t.Errorf("the invitation:\n%s", out)
	}
	answer := shell(t, "curl -s "+s.api+`/open-apis/auth/v3/tenant_access_token/internal -d '{"app_id":"cli_mine","app_secret":"hush-hush"}'`)
	if !strings.Contains(answer, "tenant_access_token") {
		t.Errorf("with the secret: %s", answer)
	}
	s.stop(t)
}
