package config_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
)

// load reads settings as a command with every flag would.
func load(t *testing.T, args, environ []string, needs ...string) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Register(flags, config.Database, config.Feishu, config.Tenant, config.Service, config.Client)
	flags.String("format", "text", "a flag of the command's own")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(flags, environ, needs...)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	t.Parallel()

	t.Run("takes the flag over the variable over the file over the default", func(t *testing.T) {
		t.Parallel()
		file := write(t, "mirror.yaml", "http_listen: 127.0.0.1:1\ngrpc_listen: 127.0.0.1:2\nmetrics_listen: 127.0.0.1:3\nfeishu_monthly_calls: 1000\n")

		c, err := load(t, []string{"--http-listen", "127.0.0.1:11", "--config", file, "--format", "json"},
			[]string{"MIRROR_HTTP_LISTEN=127.0.0.1:21", "MIRROR_GRPC_LISTEN=127.0.0.1:22", "MIRROR_CONFIG=/nowhere", "PATH=/bin"})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{c.HTTPListen, c.GRPCListen, c.MetricsListen, c.Addr}
		want := []string{"127.0.0.1:11", "127.0.0.1:22", "127.0.0.1:3", "127.0.0.1:8081"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
		if c.FeishuMonthlyCalls != 1000 {
			t.Errorf("monthly calls = %d, want the file's 1000", c.FeishuMonthlyCalls)
		}
		if !c.Given("metrics_listen") || c.Given("addr") {
			t.Errorf("Given(metrics_listen), Given(addr) = %v, %v, want true, false", c.Given("metrics_listen"), c.Given("addr"))
		}
	})

	t.Run("takes an empty variable for one that is not set, and an empty flag for the default", func(t *testing.T) {
		t.Parallel()
		c, err := load(t, []string{"--database-url", ""}, []string{"MIRROR_HTTP_LISTEN=", "MIRROR_DATABASE_URL=postgres://db/mirror"})
		if err != nil {
			t.Fatal(err)
		}
		if c.HTTPListen != "127.0.0.1:8080" || c.DatabaseURL != "" {
			t.Errorf("http_listen, database_url = %q, %q, want the defaults", c.HTTPListen, c.DatabaseURL)
		}
	})

	t.Run("reads secrets from files, and lets a stronger layer's secret displace a weaker layer's file", func(t *testing.T) {
		t.Parallel()
		secret := write(t, "secret", "from the file\n")
		clients := write(t, "clients", "a:b:reader\r\n")
		file := write(t, "mirror.yaml", "api_clients_file: "+clients+"\nclient_file: /nowhere\n")

		c, err := load(t, nil, []string{"MIRROR_FEISHU_APP_SECRET_FILE=" + secret, "MIRROR_CONFIG=" + file, "MIRROR_CLIENT=x:y"})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{c.FeishuAppSecret, strconv.Itoa(len(c.APIClients)), c.Client}
		if diff := cmp.Diff([]string{"from the file", "1", "x:y"}, got); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
	})

	t.Run("reports everything that is wrong at once, and no secret", func(t *testing.T) {
		t.Parallel()
		file := write(t, "mirror.yaml", "tenant_list: [{tenant_key: t}]\nhttp_listen: [1]\nconfig: other.yaml\n")
		empty := write(t, "empty", "\n")
		_, err := load(t, []string{"--grpc-listen", "8081", "--feishu-base-url", "open.feishu.cn"}, []string{
			"MIRROR_CONFIG=" + file,
			"MIRROR_KAFKA_BROKERS=127.0.0.1:9092",
			"MIRROR_EVENTS=webhook", "MIRROR_FEISHU_ENCRYPT_KEY=hush",
			"MIRROR_METRICS_LISTEN=:2112",
			"MIRROR_LOG_LEVEL=loud",
			"MIRROR_FEISHU_RATE=fast",
			"MIRROR_FEISHU_MONTHLY_CALLS=-1",
			"MIRROR_SWEEP_INTERVAL=daily",
			"MIRROR_FEISHU_APP_SECRET=hush", "MIRROR_FEISHU_APP_SECRET_FILE=/run/secret",
			"MIRROR_API_CLIENTS_FILE=/no/such/file",
			"MIRROR_CLIENT_FILE=" + empty,
		}, "feishu_app_id", "feishu_app_secret", "api_clients")
		if err == nil {
			t.Fatal("no error")
		}
		want := []string{
			`config in ` + file + `: a configuration file cannot name another`,
			`http_listen in ` + file + `: must be a single value`,
			`tenant_list in ` + file + `: there is no such setting in this version`,
			`MIRROR_FEISHU_APP_SECRET and MIRROR_FEISHU_APP_SECRET_FILE are both set; remove one`,
			`MIRROR_KAFKA_BROKERS: there is no such setting in this version`,
			`MIRROR_API_CLIENTS_FILE: the secret cannot be read: open /no/such/file: no such file or directory`,
			`MIRROR_CLIENT_FILE: ` + empty + ` is empty; it must hold the secret`,
			`MIRROR_LOG_LEVEL: "loud": must be debug, info, warn or error`,
			`--feishu-base-url: "open.feishu.cn": must be a URL such as https://open.feishu.cn`,
			`MIRROR_FEISHU_RATE: "fast" is neither default, off nor figures`,
			`MIRROR_FEISHU_MONTHLY_CALLS: "-1": must be a whole number, 0 or more`,
			`MIRROR_SWEEP_INTERVAL: "daily": must be a time span such as 24h or 90m, a second or more, or 0`,
			`MIRROR_EVENTS is webhook, and MIRROR_FEISHU_VERIFICATION_TOKEN is not set: `,
			`--grpc-listen: "8081": must be host:port, such as 127.0.0.1:8081`,
			`MIRROR_METRICS_LISTEN: ":2112": must be host:port, such as 127.0.0.1:2112`,
			`MIRROR_FEISHU_APP_ID is not set: id of the custom app`,
		}
		got := strings.Split(err.Error(), "\n")
		if len(got) != len(want) {
			t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), err)
		}
		for i, line := range got {
			if !strings.HasPrefix(line, want[i]) {
				t.Errorf("line %d = %s\nwant %s", i, line, want[i])
			}
		}
		if strings.Contains(err.Error(), "hush") {
			t.Error("the error shows a secret")
		}
	})

	t.Run("reports each API client that is wrong, and no secret", func(t *testing.T) {
		t.Parallel()
		_, err := load(t, nil, []string{"MIRROR_API_CLIENTS=a:hush:boss,b:hush,c:hush:reader"})
		if err == nil || strings.Contains(err.Error(), "hush") || strings.Count(err.Error(), "MIRROR_API_CLIENTS: ") != 2 {
			t.Errorf("error %v, want a line each for two clients, without secrets", err)
		}
	})

	t.Run("names a configuration file that cannot be read", func(t *testing.T) {
		t.Parallel()
		for _, file := range []string{"/no/such.yaml", write(t, "broken.yaml", "http_listen: [")} {
			_, err := load(t, []string{"--config", file}, nil)
			if err == nil || !strings.HasPrefix(err.Error(), "MIRROR_CONFIG: the configuration file cannot be read") {
				t.Errorf("%s: error %v", file, err)
			}
		}
	})
}

// Where nobody chose a way for events, the webhook's secrets do.
func TestEvents(t *testing.T) {
	t.Parallel()
	const token, key = "MIRROR_FEISHU_VERIFICATION_TOKEN=hush1", "MIRROR_FEISHU_ENCRYPT_KEY=hush2"
	const app, secret = "MIRROR_FEISHU_APP_ID=cli_1", "MIRROR_FEISHU_APP_SECRET=hush3"
	cases := []struct {
		name    string
		environ []string
		want    config.Events
		wrong   string // begins the error
	}{
		{"nothing is set", nil, config.EventsNone, ""},
		{"both secrets are set", []string{token, key}, config.EventsWebhook, ""},
		{"one secret is set", []string{token}, config.EventsNone, ""},
		{"the webhook is not wanted", []string{token, key, "MIRROR_EVENTS=none"}, config.EventsNone, ""},
		{"the webhook has its secrets", []string{token, key, "MIRROR_EVENTS=webhook"}, config.EventsWebhook, ""},
		{"the webhook lacks its key", []string{token, "MIRROR_EVENTS=webhook"}, "", "MIRROR_EVENTS is webhook, and MIRROR_FEISHU_ENCRYPT_KEY is not set: the webhook's Encrypt Key"},
		{"the webhook lacks its token", []string{key, "MIRROR_EVENTS=webhook"}, "", "MIRROR_EVENTS is webhook, and MIRROR_FEISHU_VERIFICATION_TOKEN is not set"},
		{"the long connection has an app", []string{app, secret, "MIRROR_EVENTS=websocket"}, config.EventsWebsocket, ""},
		{"the long connection has none", []string{app, "MIRROR_EVENTS=websocket"}, "", "MIRROR_EVENTS is websocket, and MIRROR_FEISHU_APP_SECRET is not set"},
		{"the long connection wins over the secrets", []string{app, secret, token, key, "MIRROR_EVENTS=websocket"}, config.EventsWebsocket, ""},
		{"no such way", []string{"MIRROR_EVENTS=pigeon"}, "", `MIRROR_EVENTS: "pigeon": must be webhook, websocket or none`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, nil, c.environ)
			if c.wrong != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.wrong) || strings.Contains(err.Error(), "hush") {
					t.Errorf("error %v, want %s", err, c.wrong)
				}
				return
			}
			if err != nil || got.Events != c.want {
				t.Errorf("events %q (%v), want %q", got.Events, err, c.want)
			}
		})
	}
}

func TestConfigLogValueShowsNoSecret(t *testing.T) {
	t.Parallel()
	c, err := load(t, nil, []string{
		"MIRROR_DATABASE_URL=postgres://mirror:hush1@db:5432/mirror?password=hush2&sslmode=require",
		"MIRROR_FEISHU_APP_ID=cli_1", "MIRROR_FEISHU_APP_SECRET=hush3",
		"MIRROR_API_CLIENTS=a:hush4:reader", "MIRROR_CLIENT=a:hush5",
		"MIRROR_FEISHU_VERIFICATION_TOKEN=hush7", "MIRROR_FEISHU_ENCRYPT_KEY=hush8",
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("configuration", slog.Any("config", c))
	if strings.Contains(out.String(), "hush") {
		t.Errorf("a secret is shown: %s", out.String())
	}
	for _, want := range []string{"postgres://mirror@db:5432/mirror", "cli_1", `"feishu_app_secret":"(set)"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not shown: %s", want, out.String())
		}
	}

	c.DatabaseURL = "host=db password=hush6"
	if shown := c.LogValue().String(); strings.Contains(shown, "hush") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

// Every setting must be shown at start: a new one is easily forgotten there.
func TestConfigLogValueShowsEverySetting(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, attr := range (config.Config{}).LogValue().Group() {
		shown[attr.Key] = true
	}
	for _, s := range config.Settings() {
		if !shown[s.Key] && s.Key != "config" {
			t.Errorf("%s is not shown", s.Key)
		}
	}
}

func TestSweepInterval(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": 24 * time.Hour, "0": 0, "0s": 0, "90m": 90 * time.Minute, "1s": time.Second, "999ms": -1, "-1h": -1, "3600": -1} {
		flags := pflag.NewFlagSet("mirror", pflag.ContinueOnError)
		config.Register(flags, config.Service)
		c, err := config.Load(flags, []string{"MIRROR_SWEEP_INTERVAL=" + text})
		if (err != nil) != (want < 0) || err == nil && c.SweepInterval != want {
			t.Errorf("%q: %s, %v", text, c.SweepInterval, err)
		}
	}
}
