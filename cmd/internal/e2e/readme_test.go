package e2e_test

import (
	"os"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// The README's way to mirror a company works as it is written, with a sandbox in
// Feishu's place and free ports in the place of the usual ones.
func TestREADMECommands(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "\n## Mirror your company\n")
	section, _, _ = strings.Cut(section, "\n## ")
	server, settings := upstream(t, 40, 5)
	ann, err := server.AddUser(sandbox.User{Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	settings = append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t), "PATH="+binaries+":"+os.Getenv("PATH"))

	var s service
	ran := map[string]int{}
	for _, command := range fenced(section) {
		command = strings.ReplaceAll(command, "ou_…", ann.OpenID)
		word, rest, _ := strings.Cut(command, " ")
		ran[word]++
		switch {
		case word == "export":
			for setting := range strings.FieldsSeq(rest) {
				if !strings.Contains(setting, "…") { // what only a real company has
					settings = append(settings, setting)
				}
			}
		case command == "mirror serve":
			s = serveWith(t, environment(append(settings, anyPort...)...))
			settings = append(settings, "MIRROR_ADDR="+s.grpc)
		case strings.Contains(command, "/v1/sync/sweeps"):
			command = strings.ReplaceAll(command, "http://127.0.0.1:8080", s.rest)
			waitFor(t, "the service can ask Feishu", func() bool { return strings.Contains(shell(t, command, settings...), `"sweep_id"`) })
		default:
			command = strings.ReplaceAll(command, "http://127.0.0.1:8080", s.rest)
			if out := shell(t, command, settings...); out == "" || strings.Contains(out, `"error"`) {
				t.Errorf("%s\n%s", command, out)
			}
		}
	}
	if ran["backfill"] != 2 || ran["curl"] != 9 || ran["mirror"] != 6 {
		t.Errorf("commands found in the README: %v", ran)
	}
}

// The README's program with the official SDK asks the mirror as it is written, but
// for the port.
func TestREADMEFeishuSDK(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "\n## Keep your Feishu SDK\n")
	section, _, _ = strings.Cut(section, "\n## ")
	all := blocks(section)
	if len(all) != 2 || all[0].language != "" || all[1].language != "go" {
		t.Fatalf("blocks in the README: %v", all)
	}
	setting, command, _ := strings.Cut(all[0].text, "\n")
	if strings.TrimSpace(command) != "mirror serve" {
		t.Fatalf("the command is %q", command)
	}
	server, settings := upstream(t, 40, 15)
	credentials := map[string]string{"MIRROR_FEISHU_APP_ID": server.AppID(), "MIRROR_FEISHU_APP_SECRET": server.AppSecret()}
	settings = append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))
	mustRun(t, environment(settings...), binary("backfill"))
	clients := os.Expand(strings.TrimPrefix(setting, "export "), func(name string) string { return credentials[name] })
	s := serveWith(t, environment(append(append(settings, anyPort...), clients)...))
	out := goRun(t, t.TempDir(), strings.ReplaceAll(all[1].text, "http://127.0.0.1:8080", s.rest),
		"MIRROR_FEISHU_APP_ID="+server.AppID(), "MIRROR_FEISHU_APP_SECRET="+server.AppSecret())
	if n := strings.Count(out, "od-"); n != 15 {
		t.Errorf("the program finds %d departments, want 15:\n%s", n, out)
	}
}

// fenced lists the commands in fenced blocks, without their remarks.
func fenced(markdown string) []string {
	var commands []string
	inside := false
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "```") {
			inside = !inside
			continue
		}
		command, _, _ := strings.Cut(line, "  #")
		if command = strings.TrimSpace(command); inside && command != "" {
			commands = append(commands, command)
		}
	}
	return commands
}
