package e2e_test

import (
	"context"
	"debug/elf"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

// That BuildKit, Compose and Prometheus read these files is checked in
// tools/deploycheck. Here is whether what they say is true of the programs.

const nobody = 65534

// instructions returns the Dockerfile's instructions of a kind, each on one line.
func instructions(t *testing.T, kind string) []string {
	t.Helper()
	content, err := os.ReadFile(root + "/deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\\\n", " ")) {
		if rest, ok := strings.CutPrefix(line, kind+" "); ok {
			found = append(found, strings.TrimSpace(rest))
		}
	}
	return found
}

// The image's build command makes static programs, and they do all that an
// image has to do as nobody, in a folder that is read-only, with no environment.
func TestImage(t *testing.T) {
	t.Parallel()
	dir := imagePrograms(t)
	for _, program := range []string{"mirror", "backfill"} {
		static(t, filepath.Join(dir, program))
	}
	server, _ := upstream(t, 30, 4)
	database := "--database-url=" + overTCP(t, pgtest.EmptyURL(t))
	feishu := []string{"--feishu-base-url=" + server.URL(), "--feishu-app-id=" + server.AppID(), "--feishu-app-secret=" + server.AppSecret()}

	as := func(program string, args ...string) *process {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(dir, program), args...)
		cmd.Dir, cmd.Env = dir, []string{}
		if os.Geteuid() == 0 { // any other account is as good as nobody's
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return launch(t, cmd)
	}
	must := func(p *process) {
		t.Helper()
		if code := p.code(t); code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", p.cmd, code, p.stdout, p.stderr)
		}
	}
	must(as("mirror", "migrate", "up", database))
	must(as("backfill", append(feishu, database)...))
	must(as("mirror", append(feishu, "doctor", database)...))
	serve := as("mirror", "serve", database, "--http-listen=127.0.0.1:0", "--grpc-listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0")
	operations := "http://" + serve.logged(t, "serving")["metrics"].(string)
	waitFor(t, "readiness", func() bool {
		code, _ := get(t, operations+"/readyz")
		return code == http.StatusOK
	})
	if _, metrics := get(t, operations+"/metrics"); !strings.Contains(metrics, "\norgmirror_users 30\n") {
		t.Error("the service does not tell of 30 people")
	}
	serve.signal(t, syscall.SIGTERM)
	must(serve)
}

// overTCP makes a database that is behind a socket of one account reachable for
// all, as a server on another machine is.
func overTCP(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	folder := u.Query().Get("host")
	if folder == "" {
		return database
	}
	socket := filepath.Join(folder, ".s.PGSQL.5432")
	if port := u.Query().Get("port"); port != "" {
		socket = filepath.Join(folder, ".s.PGSQL."+port)
	}
	l := listener(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { pipe(client, socket) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait() // the programs have ended, and their connections with them
	})
	u.Host, u.RawQuery = l.Addr().String(), "sslmode=disable"
	return u.String()
}

func pipe(client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

// imagePrograms runs the image's build command into a folder that nobody may
// write to.
func imagePrograms(t *testing.T) string {
	t.Helper()
	build := ""
	for _, command := range instructions(t, "RUN") {
		if strings.Contains(command, "go build") {
			build = command
		}
	}
	dir, err := os.MkdirTemp("", "orgmirror-image") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(dir, 0o755)
		_ = os.RemoveAll(dir)
	})
	command := strings.ReplaceAll(build, " /out/ ", " "+dir+"/ ")
	if command == build {
		t.Fatalf("the image's build command does not build into /out/: %q", build)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "VERSION=v0.0.0-image")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, []string{}, filepath.Join(dir, "mirror"), "version"); out != "v0.0.0-image\n" {
		t.Errorf("the image's version is %q", out)
	}
	return dir
}

// static fails for a program that wants a loader or a library: the image has none.
func static(t *testing.T, program string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return // built for another system than the image's
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, _ := f.ImportedLibraries()
	loader := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if loader || len(libraries) > 0 {
		t.Errorf("%s is not static: loader %v, libraries %v", program, loader, libraries)
	}
}

// compose is as much of a compose file as the check needs.
type compose struct {
	Services map[string]struct {
		Image       string
		Entrypoint  []string
		Command     []string
		Environment map[string]string
	}
}

// Every variable in the image and in the compose file is a setting with a good
// value, and every command and flag is one that the programs have.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(root + "/deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(content, &c); err != nil {
		t.Fatal(err)
	}
	var entrypoint, image []string
	if err := json.Unmarshal([]byte(instructions(t, "ENTRYPOINT")[0]), &entrypoint); err != nil {
		t.Fatal(err)
	}
	image = strings.Fields(instructions(t, "ENV")[0])
	ours := 0
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		service := c.Services[name]
		if service.Image != "orgmirror" {
			continue
		}
		ours++
		environ := slices.Clone(image)
		for key, value := range service.Environment {
			if !strings.HasPrefix(key, "MIRROR_") {
				t.Errorf("%s: %s is no setting", name, key)
			}
			environ = append(environ, key+"="+value)
		}
		if _, err := config.Load(pflag.NewFlagSet("test", pflag.ContinueOnError), environ); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		program := entrypoint
		if service.Entrypoint != nil {
			program = service.Entrypoint
		}
		args := append(append(slices.Clone(program[1:]), service.Command...), "--help")
		help := mustRun(t, environment(), binary(strings.TrimPrefix(program[0], "/")), args...)
		words := slices.DeleteFunc(slices.Clone(service.Command), func(w string) bool { return strings.HasPrefix(w, "-") || strings.Contains(w, ":") })
		if usage := strings.Join(append([]string{strings.TrimPrefix(program[0], "/")}, words...), " "); !strings.Contains(help, "\n  "+usage+" [flags]") {
			t.Errorf("%s: there is no command %q:\n%s", name, usage, help)
		}
	}
	if ours != 4 {
		t.Errorf("%d services run our programs, want 4", ours)
	}
	var command []string
	if err := json.Unmarshal([]byte(instructions(t, "CMD")[0]), &command); err != nil {
		t.Fatal(err)
	}
	mustRun(t, environment(), binary("mirror"), append(command, "--help")...)
}
