package config_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/query"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	secret := write(t, "secret", "hush2\n")
	_, hash := query.GenerateSecret()
	clients := write(t, "clients.yaml", "clients:\n"+
		"  - {id: a, hash: \""+hash+"\", roles: [reader], tenants: [t1]}\n"+
		"  - {id: b, hash: \""+hash+"\", roles: [reader], tenants: [t1, t2]}\n")
	file := write(t, "mirror.yaml", `
http_listen: 127.0.0.1:1
feishu_rate: 40/s,900/m
sweep_interval: 12h
api_clients_file: `+clients+`
tenants:
  - tenant_key: t1
    app_id: cli_1
    app_secret: hush1
    verification_token: hush3
    encrypt_key: hush4
  - tenant_key: t2
    app_id: cli_2
    app_secret_file: `+secret+`
    events: websocket
    base_url: https://open.larksuite.com
    rate: "off"
    monthly_calls: 1000
    sweep_interval: 0
`)

	t.Run("are read, each with what it has of its own", func(t *testing.T) {
		t.Parallel()
		c, err := load(t, nil, []string{"MIRROR_CONFIG=" + file, "MIRROR_MAX_REMOVALS=7"}, "feishu_app_id", "feishu_app_secret")
		if err != nil {
			t.Fatal(err)
		}
		type own struct {
			Tenant, App, Secret, Token, Key, Base, Rate, MaxRemovals string
			Calls                                                    int64
			Events                                                   config.Events
			Sweeps                                                   time.Duration
			Several                                                  bool
		}
		var got []own
		for _, one := range c.EachTenant() {
			got = append(got, own{
				one.FeishuTenantKey, one.FeishuAppID, one.FeishuAppSecret, one.FeishuVerificationToken, one.FeishuEncryptKey,
				one.FeishuBaseURL, one.FeishuRate, one.MaxRemovals.String(), one.FeishuMonthlyCalls, one.Events, one.SweepInterval, one.Several,
			})
		}
		want := []own{
			{"t1", "cli_1", "hush1", "hush3", "hush4", "https://open.feishu.cn", "40/s,900/m", "7", 0, config.EventsWebhook, 12 * time.Hour, true},
			{"t2", "cli_2", "hush2", "", "", "https://open.larksuite.com", "off", "7", 1000, config.EventsWebsocket, 0, true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mismatch (-want +got):\n%s", diff)
		}
		if c.HTTPListen != "127.0.0.1:1" || len(c.APIClients) != 2 || c.FeishuAppID != "" || c.FeishuAppSecret != "" {
			t.Errorf("shared settings: %v", c)
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("configuration", slog.Any("config", c))
		if strings.Contains(out.String(), "hush") || !strings.Contains(out.String(), "cli_1") || !strings.Contains(out.String(), "cli_2") {
			t.Errorf("shown: %s", out.String())
		}
	})

	t.Run("are one where one is named", func(t *testing.T) {
		t.Parallel()
		c, err := load(t, []string{"--tenant", "t2"}, []string{"MIRROR_CONFIG=" + file})
		if err != nil || len(c.EachTenant()) != 1 || c.EachTenant()[0].FeishuAppID != "cli_2" {
			t.Errorf("%v, %v", c.EachTenant(), err)
		}
		_, err = load(t, []string{"--tenant", "t3"}, []string{"MIRROR_CONFIG=" + file})
		if err == nil || !strings.Contains(err.Error(), "--tenant") || !strings.Contains(err.Error(), "t1, t2") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("are one without a list", func(t *testing.T) {
		t.Parallel()
		c, err := load(t, []string{"--tenant", "t2"}, nil)
		if err != nil || len(c.EachTenant()) != 1 || c.EachTenant()[0].FeishuTenantKey != "t2" || c.Several {
			t.Errorf("%v, %v", c.EachTenant(), err)
		}
		if _, err := load(t, []string{"--tenant", "t2", "--feishu-tenant-key", "t1"}, nil); err == nil {
			t.Error("two companies at once were accepted")
		}
	})

	const good = "{tenant_key: t1, app_id: cli_1, app_secret: hush1, verification_token: hush3, encrypt_key: hush4}"
	for name, test := range map[string]struct {
		text string
		env  []string
		want []string
	}{
		"what is no list":       {"tenants: hush", nil, []string{"tenants in ", "must be a list"}},
		"an empty list":         {"tenants: []", nil, []string{"must be a list"}},
		"an entry of one word":  {"tenants: [hush]", nil, []string{"must be a list"}},
		"an entry without keys": {"tenants: [{app_secret: hush}]", nil, []string{"tenants[0].tenant_key in ", "tenants[0].app_id in ", "is not set"}},
		"an unknown key":        {"tenants: [{tenant_key: t1, app_id: cli_1, http_listen: hush}]", nil, []string{"tenants[0].http_listen in ", "no such key"}},
		"an unknown file":       {"tenants: [{tenant_key: t1, app_id: cli_1, app_secret_file: /nowhere}]", nil, []string{"tenants[0].app_secret_file in ", "cannot be read"}},
		"a secret twice":        {"tenants: [{tenant_key: t1, app_id: cli_1, app_secret: hush, app_secret_file: /nowhere}]", nil, []string{"are both set"}},
		"a bad value": {
			"tenants: [" + good + ", {tenant_key: t2, app_id: cli_2, rate: fast, events: webhook}]", nil,
			[]string{"tenants[1].rate in ", "tenants[1].events in ", "tenants[1].encrypt_key in "},
		},
		"an app elsewhere too": {
			"tenants: [" + good + "]",
			[]string{"MIRROR_FEISHU_APP_ID=cli_9", "MIRROR_FEISHU_APP_SECRET=hush"},
			[]string{"MIRROR_FEISHU_APP_ID: there are tenants", "MIRROR_FEISHU_APP_SECRET: there are tenants"},
		},
		"what two have in common": {"tenants: [" + good + ", " + good + "]", nil, []string{"one tenant_key", "one app_id", "one verification_token", "one encrypt_key"}},
		"clients of none":         {"tenants: [" + good + "]", []string{"MIRROR_API_CLIENTS=a:hush:reader"}, []string{"MIRROR_API_CLIENTS", `"a"`, "needs tenants"}},
		"clients of others":       {"tenants: [" + good + "]", []string{"MIRROR_API_CLIENTS_FILE=" + clients}, []string{`"b"`, `no tenant "t2"`}},
	} {
		t.Run("refuse "+name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, nil, append(test.env, "MIRROR_CONFIG="+write(t, "mirror.yaml", test.text)))
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}

	t.Run("complain once of what they share", func(t *testing.T) {
		t.Parallel()
		_, err := load(t, nil, []string{"MIRROR_CONFIG=" + file, "MIRROR_LOG_LEVEL=loud"})
		if err == nil || strings.Count(err.Error(), "loud") != 1 {
			t.Errorf("error %v", err)
		}
	})
}
