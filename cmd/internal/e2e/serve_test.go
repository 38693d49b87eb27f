package e2e_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// anyPort lets a service find its own ports.
var anyPort = []string{"MIRROR_HTTP_LISTEN=127.0.0.1:0", "MIRROR_GRPC_LISTEN=127.0.0.1:0", "MIRROR_METRICS_LISTEN=127.0.0.1:0", "MIRROR_WEBHOOK_LISTEN=127.0.0.1:0"}

// service is a `mirror serve` that answers.
type service struct {
	*process
	rest, grpc, operations string
}

const client = "tester:s3cret"

// serve starts the service and waits until it answers.
func serve(t *testing.T, env []string) service {
	t.Helper()
	return serveWith(t, append(append(env[:len(env):len(env)], anyPort...), "MIRROR_API_CLIENTS="+client+":reader"))
}

func serveWith(t *testing.T, env []string) service {
	t.Helper()
	p := start(t, env, binary("mirror"), "serve")
	address := p.logged(t, "serving")
	s := service{process: p, rest: "http://" + address["http"].(string), grpc: address["grpc"].(string), operations: "http://" + address["metrics"].(string)}
	waitFor(t, "readiness", func() bool {
		code, _ := get(t, s.operations+"/readyz")
		return code == http.StatusOK
	})
	return s
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, secret, _ := strings.Cut(client, ":")
	req.SetBasicAuth(id, secret)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// counts asks the service how many people it knows.
func (s service) people(t *testing.T) string {
	t.Helper()
	code, body := get(t, s.rest+"/v1/sync/status")
	var status struct{ Counts struct{ Users string } }
	if err := json.Unmarshal([]byte(body), &status); code != http.StatusOK || err != nil {
		t.Fatalf("sync status: %d %s (%v)", code, body, err)
	}
	return status.Counts.Users
}

func TestServeBeforeTheFirstBackfillAndDuringIt(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 120, 15)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)

	s := serve(t, env)
	if n := s.people(t); n != "" && n != "0" {
		t.Errorf("%s people before the first backfill", n)
	}
	if code, _ := get(t, s.rest+"/v1/departments/0"); code != http.StatusOK {
		t.Errorf("the root department before the first backfill: %d", code)
	}
	backfill(t, env)
	if n := s.people(t); n != "120" {
		t.Errorf("%s people right after the backfill, want 120", n)
	}

	ask := environment("MIRROR_ADDR="+s.grpc, "MIRROR_CLIENT="+client)
	tree := mustRun(t, ask, binary("mirror"), "tree")
	if lines := strings.Count(tree, "od-"); lines != 15 {
		t.Errorf("the tree shows %d departments, want 15:\n%s", lines, tree)
	}
	if status := mustRun(t, env, binary("mirror"), "status"); !strings.HasSuffix(status, "\ncomplete\n") || !strings.Contains(status, " 120\n") {
		t.Errorf("status:\n%s", status)
	}
	for path, want := range map[string]string{"/livez": "ok", "/readyz": "ok", "/metrics": "orgmirror_query_requests_total"} {
		if code, body := get(t, s.operations+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d", path, code)
		}
	}
	r := run(t, environment("MIRROR_ADDR="+s.grpc, "MIRROR_CLIENT=tester:wrong"), binary("mirror"), "tree")
	if r.code != 3 || !strings.Contains(r.stderr, "MIRROR_API_CLIENTS") {
		t.Errorf("wrong client: exit code %d, %s", r.code, r.stderr)
	}
}

// TestAskingThePast asks the commands and REST how it was before somebody was renamed
// and somebody left.
func TestAskingThePast(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 80, 8)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)
	users := server.Truth().Users
	before := users[slices.Min(slices.Collect(maps.Keys(users)))]
	s := serve(t, env)
	ask := environment("MIRROR_ADDR="+s.grpc, "MIRROR_CLIENT="+client)
	_, status := get(t, s.rest+"/v1/sync/status")
	var then struct{ Position string }
	if err := json.Unmarshal([]byte(status), &then); err != nil || then.Position == "" {
		t.Fatalf("status: %v\n%s", err, status)
	}
	tree := mustRun(t, ask, binary("mirror"), "tree")

	if err := server.ChangeUser(before.OpenID, func(u *sandbox.User) { u.Name = "Quite Another" }); err != nil {
		t.Fatal(err)
	}
	backfill(t, env)
	moment := then.Position
	for _, c := range []struct{ name, at, want string }{
		{before.Name, moment, before.OpenID}, {"Quite Another", "", before.OpenID},
	} {
		args := []string{"person", c.name}
		if c.at != "" {
			args = append(args, "--as-of", c.at)
		}
		if out := mustRun(t, ask, binary("mirror"), args...); !strings.Contains(out, c.want) {
			t.Errorf("mirror %v: no %s in\n%s", args, c.want, out)
		}
	}
	if out := mustRun(t, ask, binary("mirror"), "tree", "--as-of", moment); strings.Count(out, "od-") != strings.Count(tree, "od-") {
		t.Errorf("the tree of then:\n%s\nand then:\n%s", out, tree)
	}
	if out := mustRun(t, ask, binary("mirror"), "diff", "--from", moment); !strings.Contains(out, "Quite Another") || !strings.Contains(out, before.Name) {
		t.Errorf("the difference names nobody:\n%s", out)
	}
	for query, want := range map[string]int{
		"as_of_position=" + moment: http.StatusOK, "as_of=" + time.Now().UTC().Format(time.RFC3339): http.StatusOK,
		"as_of=2001-01-01T00:00:00Z": http.StatusBadRequest, "as_of=yesterday": http.StatusBadRequest,
		"as_of_position=" + moment + "&as_of=2001-01-01T00:00:00Z": http.StatusBadRequest,
	} {
		if code, body := get(t, s.rest+"/v1/users/"+before.OpenID+"?"+query); code != want {
			t.Errorf("GET with %s: %d, want %d: %s", query, code, want, body)
		} else if code == http.StatusOK && strings.Contains(body, "Quite Another") == strings.HasPrefix(query, "as_of_position") {
			t.Errorf("GET with %s: %s", query, body)
		}
	}
	if r := run(t, ask, binary("mirror"), "tree", "--as-of", "2001-01-01"); r.code != 1 || !strings.Contains(r.stderr, "history exists since") {
		t.Errorf("a moment before history: exit code %d, %s", r.code, r.stderr)
	}
	if r := run(t, ask, binary("mirror"), "tree", "--as-of", "yesterday"); r.code != 2 {
		t.Errorf("a moment that is none: exit code %d, %s", r.code, r.stderr)
	}
}

func TestPerson(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 80, 8)
	env := environment(append(settings, "MIRROR_DATABASE_URL="+pgtest.URL(t))...)
	backfill(t, env)
	s := serve(t, env)
	ask := environment("MIRROR_ADDR="+s.grpc, "MIRROR_CLIENT="+client)

	for _, u := range server.Truth().Users {
		for _, text := range []string{u.OpenID, u.UnionID, u.UserID} {
			if out := mustRun(t, ask, binary("mirror"), "person", text); !strings.Contains(out, u.Name) || strings.Contains(out, "\nmobile") {
				t.Errorf("person %s: no %s, or a mobile number for a reader, in\n%s", text, u.Name, out)
			}
		}
		if out := mustRun(t, ask, binary("mirror"), "person", u.Name); !strings.Contains(out, u.OpenID) {
			t.Errorf("person %s: no %s in\n%s", u.Name, u.OpenID, out)
		}
		break // one is as good as another
	}
	for _, nobody := range []string{"ou_nobody", "Nobody At All"} {
		if r := run(t, ask, binary("mirror"), "person", nobody); r.code != 1 || !strings.Contains(r.stderr, "nobody in the mirror") {
			t.Errorf("person %s: exit code %d, %s", nobody, r.code, r.stderr)
		}
	}
}

func TestServeStops(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal os.Signal
		code   int
	}{
		{"by a supervisor", syscall.SIGTERM, 0},
		{"by Ctrl-C", os.Interrupt, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, environment("MIRROR_DATABASE_URL="+pgtest.URL(t)))
			s.signal(t, c.signal)
			if code := s.code(t); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			s.logged(t, "stopped")
			for line := range strings.Lines(s.stderr.String()) {
				var entry struct{ Level string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "ERROR" {
					t.Errorf("logged on the way down: %s", line)
				}
			}
		})
	}
}

func TestServeIsNotReadyWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	s := serve(t, environment("MIRROR_DATABASE_URL="+database))
	execute(t, database, "UPDATE public.orgmirror_migration SET version_id = 99999 WHERE version_id = (SELECT max(version_id) FROM public.orgmirror_migration)")
	code, body := get(t, s.operations+"/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "99999") {
		t.Errorf("readyz with a foreign schema: %d %s", code, body)
	}
	if code, _ := get(t, s.operations+"/livez"); code != http.StatusOK {
		t.Errorf("livez: %d", code)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	env := environment("MIRROR_DATABASE_URL=" + pgtest.EmptyURL(t))
	migrate := func(direction string) string { return mustRun(t, env, binary("mirror"), "migrate", direction) }

	if before := migrate("status"); !strings.Contains(before, "not applied") {
		t.Errorf("status of an empty database:\n%s", before)
	}
	if up := migrate("up"); strings.Contains(up, "not applied") {
		t.Errorf("status after up:\n%s", up)
	}
	serve(t, env)
	if down := migrate("down"); strings.Count(down, "not applied") != 1 {
		t.Errorf("status after down:\n%s", down)
	}
	if r := run(t, env, binary("mirror"), "serve"); r.code != 5 {
		t.Errorf("serve below its schema: exit code %d", r.code)
	}
	migrate("up")
}

// dataDir is a folder that an embedded server run by root can reach, too.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "om")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A graceful stop waits for calls under way; the second Ctrl-C does not.
func TestSecondCtrlCEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, environment("MIRROR_DATABASE_URL="+pgtest.URL(t)))
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		health, err := watch.Recv()
		if err != nil || health.GetStatus() != want {
			t.Fatalf("health %v (%v), want %v", health, err, want)
		}
		s.signal(t, os.Interrupt) // the second one when the service is on its way down
	}
	if code := s.code(t); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if strings.Contains(s.stderr.String(), `"stopped"`) {
		t.Errorf("the service was waited for:\n%s", s.stderr)
	}
}
