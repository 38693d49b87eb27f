package e2e_test

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
)

func TestBadInput(t *testing.T) {
	t.Parallel()
	_, settings := upstream(t, 5, 2)
	database := "MIRROR_DATABASE_URL=" + pgtest.URL(t)
	good := append(settings, database)
	with := func(more ...string) []string { return append(good[:len(good):len(good)], more...) }

	tooNew := pgtest.URL(t)
	execute(t, tooNew, "INSERT INTO public.orgmirror_migration (version_id, is_applied) VALUES (99999, true)")
	taken := listenSomewhere(t)
	unreadable := filepath.Join(t.TempDir(), "missing")
	noDatabase, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	noDatabase.Path = "/nosuch"

	cases := []struct {
		name    string
		env     []string
		program string
		args    string
		code    int
		says    []string
	}{
		{"wrong app secret", with("MIRROR_FEISHU_APP_SECRET=hush"), "backfill", "", 3, []string{"code 10015"}},
		{"unknown app id", with("MIRROR_FEISHU_APP_ID=cli_nobody"), "backfill", "", 3, []string{"code 10014"}},
		{"no credentials at all", []string{database}, "backfill", "", 2, []string{"MIRROR_FEISHU_APP_ID is not set", "MIRROR_FEISHU_APP_SECRET is not set"}},
		{"unreachable upstream", with("MIRROR_FEISHU_BASE_URL=http://" + free(t)), "backfill", "", 1, []string{"connection refused"}},
		{"database server that is not there", with("MIRROR_DATABASE_URL=postgres://u:hush@" + free(t) + "/mirror"), "backfill", "", 5, []string{"MIRROR_DATABASE_URL"}},
		{"database that is not there", with("MIRROR_DATABASE_URL=" + noDatabase.String()), "serve", "", 5, []string{"nosuch", "MIRROR_DATABASE_URL"}},
		{"database URL that is none", with("MIRROR_DATABASE_URL=:hush"), "serve", "", 2, []string{"MIRROR_DATABASE_URL"}},
		{"schema too old, serve", with("MIRROR_DATABASE_URL=" + pgtest.EmptyURL(t)), "serve", "", 5, []string{"mirror migrate up"}},
		{"schema too old, backfill", with("MIRROR_DATABASE_URL=" + pgtest.EmptyURL(t)), "backfill", "", 5, []string{"mirror migrate up"}},
		{"schema too new, serve", with("MIRROR_DATABASE_URL=" + tooNew), "serve", "", 5, []string{"99999", "newer"}},
		{"schema too new, backfill", with("MIRROR_DATABASE_URL=" + tooNew), "backfill", "", 5, []string{"99999", "newer"}},
		{"schema too new, migrate", with("MIRROR_DATABASE_URL=" + tooNew), "mirror", "migrate up", 5, []string{"99999", "newer"}},
		{"ports in use", with("MIRROR_HTTP_LISTEN="+taken, "MIRROR_GRPC_LISTEN="+taken, "MIRROR_METRICS_LISTEN=127.0.0.1:0"), "serve", "", 2, []string{"MIRROR_HTTP_LISTEN", "MIRROR_GRPC_LISTEN", taken}},
		{"unknown variable", with("MIRROR_KAFKA_BROKERS=127.0.0.1:1"), "serve", "", 2, []string{"MIRROR_KAFKA_BROKERS", "no such setting"}},
		{"webhook without secrets", with("MIRROR_EVENTS=webhook"), "serve", "", 2, []string{"MIRROR_FEISHU_VERIFICATION_TOKEN is not set", "MIRROR_FEISHU_ENCRYPT_KEY is not set"}},
		{"webhook address in use", with(append(webhook("hush1", "hush2"), "MIRROR_WEBHOOK_LISTEN="+taken)...), "serve", "", 2, []string{"MIRROR_WEBHOOK_LISTEN", taken}},
		{"long connection without an app", []string{database, "MIRROR_EVENTS=websocket"}, "serve", "", 2, []string{"MIRROR_FEISHU_APP_ID is not set", "MIRROR_FEISHU_APP_SECRET is not set"}},
		{"no such way of events", with("MIRROR_EVENTS=pigeon"), "serve", "", 2, []string{"pigeon", "websocket"}},
		{"unknown flag", good, "backfill", "--erase-all", 2, []string{"--erase-all"}},
		{"a guard that is none", good, "backfill", "--max-removals 5percent", 2, []string{"--max-removals", "5percent", "5%"}},
		{"removals of no walk", good, "backfill", "removals approve 7", 2, []string{"backfill removals list"}},
		{"removals of nobody in particular", good, "backfill", "removals reject", 2, []string{"arg"}},
		{"approve without credentials", []string{database}, "backfill", "removals approve 7", 2, []string{"MIRROR_FEISHU_APP_ID is not set"}},
		{"unknown command", good, "mirror", "erase", 2, []string{"erase"}},
		{"unknown subcommand", good, "mirror", "migrate sideways", 2, []string{"sideways"}},
		{"unknown format", good, "backfill", "--format xml", 2, []string{"--format"}},
		{"superfluous argument", good, "serve", "now", 2, []string{"now"}},
		{"unreadable secret file", append([]string{database, "MIRROR_FEISHU_APP_ID=cli_1"}, "MIRROR_FEISHU_APP_SECRET_FILE="+unreadable), "backfill", "", 2, []string{"MIRROR_FEISHU_APP_SECRET_FILE", unreadable}},
		{"API client without a role", with("MIRROR_API_CLIENTS=a:hush"), "serve", "", 2, []string{"MIRROR_API_CLIENTS", `"a"`}},
		{"service that is not there", []string{"MIRROR_ADDR=" + free(t), "MIRROR_CLIENT=a:b"}, "mirror", "tree", 1, []string{"mirror serve", "MIRROR_ADDR"}},
		{"client command without a client", nil, "mirror", "person x", 2, []string{"MIRROR_CLIENT is not set"}},
		{"query that writes", good, "mirror", "sql DELETE_FROM_mirror.event_log", 2, []string{"refused"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program, args := c.program, strings.Fields(c.args)
			if program == "serve" {
				program, args = "mirror", append([]string{"serve"}, args...)
			}
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "_FROM_", " FROM ")
			}
			r := run(t, environment(c.env...), binary(program), args...)
			if r.code != c.code {
				t.Errorf("exit code %d, want %d", r.code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("stderr does not say %q", want)
				}
			}
			if strings.Contains(r.stderr+r.stdout, "hush") {
				t.Error("a secret is shown")
			}
			if t.Failed() {
				t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
			}
		})
	}
}

// What asks nothing of anybody works with no settings at all.
func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"mirror", "version"}, {"mirror", "--version"}, {"mirror"}, {"mirror", "serve", "--help"}, {"backfill", "--help"}, {"backfill", "--version"}} {
		if out := mustRun(t, environment(), binary(args[0]), args[1:]...); out == "" {
			t.Errorf("%q says nothing on standard output", args)
		}
	}
}

// free is an address at which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l := listener(t)
	defer l.Close()
	return l.Addr().String()
}

// listenSomewhere is an address at which somebody does.
func listenSomewhere(t *testing.T) string {
	t.Helper()
	l := listener(t)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func execute(t *testing.T, database, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// The README's promise holds for a secret's file too: it is read, and its line
// break is not part of the secret.
func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	server, settings := upstream(t, 5, 2)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(server.AppSecret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(url, []byte(pgtest.URL(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment(settings[0], settings[1], "MIRROR_FEISHU_APP_SECRET_FILE="+file, "MIRROR_DATABASE_URL_FILE="+url)
	if w := backfill(t, env); w.Users != 5 {
		t.Errorf("walk: %+v", w)
	}
}
