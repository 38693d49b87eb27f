package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// Two companies by one configuration file, through all programs.
func TestTwoCompanies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	made := mustRun(t, environment(), binary("mirror"), "hash-secret", "--generate")
	secret, hash, _ := strings.Cut(strings.TrimPrefix(made, "secret: "), "\n")
	clients := file("clients.yaml", "clients:\n- id: both\n  roles: [reader]\n  tenants: [first, second]\n  "+hash+"- id: one\n  roles: [reader]\n  tenants: [first]\n  "+hash)
	text := "feishu_rate: \"off\"\napi_clients_file: " + clients + "\ntenants:\n"
	servers := map[string]*sandbox.Server{}
	for i, key := range []string{"first", "second"} {
		server, err := sandbox.Start(t.Context(), sandbox.Config{
			People: 20 + 10*i, Departments: 3 + i, Seed: uint64(i + 5), TenantKey: key, AppID: fmt.Sprintf("cli_00000000000000%02d", i),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		servers[key] = server
		text += fmt.Sprintf("- tenant_key: %s\n  app_id: %s\n  app_secret_file: %s\n  base_url: %s\n  verification_token: token%d\n  encrypt_key: key%d\n",
			key, server.AppID(), file("secret-"+key, server.AppSecret()+"\n"), server.URL(), i, i)
	}
	env := environment("MIRROR_DATABASE_URL="+pgtest.URL(t), "MIRROR_CONFIG="+file("mirror.yaml", text))

	if plan := mustRun(t, env, binary("backfill"), "plan"); strings.Count(plan, "Company ") != 2 {
		t.Errorf("plan:\n%s", plan)
	}
	mustRun(t, env, binary("backfill"), "--tenant", "second")
	if n := count(t, env, "SELECT count(*) FROM directory.users"); n != 30 {
		t.Errorf("%d people after a walk of the second company, want its 30", n)
	}
	walked := json.NewDecoder(strings.NewReader(mustRun(t, env, binary("backfill"), "--format", "json")))
	for _, want := range []struct {
		key   string
		users int
	}{{"first", 20}, {"second", 30}} {
		var summary struct {
			TenantKey string `json:"tenant_key"`
			Users     int
		}
		if err := walked.Decode(&summary); err != nil || summary.TenantKey != want.key || summary.Users != want.users {
			t.Errorf("the walk of %s: %+v, %v", want.key, summary, err)
		}
	}
	status := mustRun(t, env, binary("mirror"), "status")
	if strings.Count(status, "\ncomplete\n") != 2 || !strings.Contains(status, "company                  first\n") || !strings.Contains(status, " 20\n") || !strings.Contains(status, " 30\n") {
		t.Errorf("status:\n%s", status)
	}
	if one := mustRun(t, env, binary("mirror"), "status", "--tenant", "second"); strings.Contains(one, " 20\n") || !strings.Contains(one, " 30\n") {
		t.Errorf("status of one:\n%s", one)
	}
	doctor := mustRun(t, env, binary("mirror"), "doctor", "--webhook-listen", listenSomewhere(t))
	if strings.Count(doctor, "Feishu accepts the app") != 2 || !strings.Contains(doctor, "Company second\n") || strings.Contains(doctor, "FAIL") {
		t.Errorf("doctor:\n%s", doctor)
	}

	file("wrong", "hush")
	// One that cannot be walked keeps the other one from nothing.
	half := append(env[:len(env):len(env)], "MIRROR_CONFIG="+file("half.yaml", strings.Replace(text, "secret-first", "wrong", 1)))
	if r := run(t, half, binary("backfill")); r.code != 3 || !strings.Contains(r.stderr, "company first") || !strings.Contains(r.stdout, "users                  30") {
		t.Errorf("with a wrong secret for the first: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	mustRun(t, env, binary("mirror"), "verify")
	mustRun(t, env, binary("mirror"), "rebuild")

	s := start(t, append(env[:len(env):len(env)], anyPort...), binary("mirror"), "serve")
	address := s.logged(t, "serving")
	rest := func(client, tenant, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address["http"].(string)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(client, secret)
		if tenant != "" {
			req.Header.Set("X-Mirror-Tenant", tenant)
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	for _, test := range []struct {
		client, tenant string
		code           int
		says           string
	}{
		{"one", "", 200, `"tenant_key":"first"`},
		{"both", "first", 200, `"tenant_key":"first"`},
		{"both", "second", 200, `"tenant_key":"second"`},
		{"both", "", 400, "TENANT_MISSING"},
		{"one", "second", 403, "TENANT_NOT_PERMITTED"},
		{"one", "third", 403, "TENANT_NOT_PERMITTED"},
	} {
		code, body := rest(test.client, test.tenant, "/v1/departments/0")
		if code != test.code || !strings.Contains(body, test.says) {
			t.Errorf("%s about %q: %d %s", test.client, test.tenant, code, body)
		}
	}
	ask := environment("MIRROR_ADDR="+address["grpc"].(string), "MIRROR_CLIENT=both:"+secret)
	for key, departments := range map[string]int{"first": 3, "second": 4} {
		if tree := mustRun(t, ask, binary("mirror"), "tree", "--tenant", key); strings.Count(tree, "od-") != departments {
			t.Errorf("the tree of %s:\n%s", key, tree)
		}
	}
	if r := run(t, ask, binary("mirror"), "tree"); r.code != 2 || !strings.Contains(r.stderr, "MIRROR_TENANT") {
		t.Errorf("the tree of neither: %d %s", r.code, r.stderr)
	}

	// Settings of one of the companies alone lead to that one; those of a third one,
	// which would get into the log by accident, are refused.
	alone := func(server *sandbox.Server) []string {
		return environment(append(envOf(env, "MIRROR_DATABASE_URL"), "MIRROR_FEISHU_RATE=off", "MIRROR_FEISHU_BASE_URL="+server.URL(),
			"MIRROR_FEISHU_APP_ID="+server.AppID(), "MIRROR_FEISHU_APP_SECRET="+server.AppSecret())...)
	}
	if one := mustRun(t, alone(servers["second"]), binary("mirror"), "status"); strings.Contains(one, " 20\n") || !strings.Contains(one, " 30\n") {
		t.Errorf("status of the second company alone:\n%s", one)
	}
	mustRun(t, alone(servers["second"]), binary("backfill"))
	other, err := sandbox.Start(t.Context(), sandbox.Config{People: 5, Departments: 1, Seed: 9, TenantKey: "third", AppID: "cli_0000000000000009"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	r := run(t, alone(other), binary("backfill"))
	if r.code != 2 || !strings.Contains(r.stderr, "another company") || !strings.Contains(r.stderr, "tenants") {
		t.Errorf("a third company by accident: %d %s", r.code, r.stderr)
	}
}

// envOf is what of an environment sets one variable.
func envOf(env []string, variable string) (of []string) {
	for _, entry := range env {
		if strings.HasPrefix(entry, variable+"=") {
			of = append(of, entry)
		}
	}
	return of
}
