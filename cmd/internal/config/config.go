package config

import (
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/query"
)

// Config is what the settings say, checked. Fields have the names of their settings.
type Config struct {
	LogLevel slog.Level

	DatabaseURL string // empty: the embedded server
	DataDir     string

	FeishuBaseURL      string
	FeishuAppID        string
	FeishuAppSecret    string
	FeishuTenantKey    string // empty: to be asked
	FeishuRate         string // as it was written
	FeishuRates        crawl.Rates
	FeishuMonthlyCalls int64 // 0: no limit of ours
	MaxRemovals        crawl.MaxRemovals
	PollIntervals      crawl.PollIntervals
	Reread             crawl.Policy
	SweepInterval      time.Duration // 0: the service never sweeps by itself

	Events                  Events // the zero value is EventsNone too
	FeishuVerificationToken string
	FeishuEncryptKey        string

	HTTPListen    string
	GRPCListen    string
	WebhookListen string
	MetricsListen string
	APIClients    []query.Client // empty: nobody may read

	// Tenants are the settings of each company, where the file lists them; nil where
	// there is only the one of these settings. See EachTenant.
	Tenants []Config
	Several bool   // it is one of such a list
	Tenant  string // the one that a command is for; empty: all

	TLSCert, TLSKey string // files; empty: in plain text
	TLSClientCA     string // file; empty: no certificate is asked for

	Addr                  string
	Client                string
	TLS                   bool
	CA                    string // file; empty: the system's
	ClientCert, ClientKey string // files; empty: none is shown

	given map[string]bool // the settings that somebody made
}

// Given reports whether somebody set the setting, rather than leaving its default.
func (c Config) Given(key string) bool { return c.given[key] }

// Load reads the settings. Those named in needs must be there. The error holds
// everything that is wrong, a line each.
func Load(flags *pflag.FlagSet, environ []string, needs ...string) (Config, error) {
	l := read(flags, environ)
	var c Config
	if l.entries != nil {
		c = l.several(needs)
	} else {
		c = l.config(needs)
	}
	c = l.choose(c)
	return c, l.err()
}

// config makes what the settings say.
func (l *loader) config(needs []string) Config {
	c := Config{
		LogLevel:                l.level("log_level"),
		DatabaseURL:             l.get("database_url").text,
		DataDir:                 l.dataDir(),
		FeishuBaseURL:           l.baseURL("feishu_base_url"),
		FeishuAppID:             l.get("feishu_app_id").text,
		FeishuAppSecret:         l.get("feishu_app_secret").text,
		FeishuTenantKey:         l.get("feishu_tenant_key").text,
		FeishuRate:              l.get("feishu_rate").text,
		FeishuRates:             l.rates("feishu_rate"),
		FeishuMonthlyCalls:      l.count("feishu_monthly_calls"),
		MaxRemovals:             l.maxRemovals("max_removals"),
		PollIntervals:           l.pollIntervals("poll_intervals"),
		Reread:                  l.policy("reread"),
		SweepInterval:           l.interval("sweep_interval"),
		Events:                  l.events("events"),
		FeishuVerificationToken: l.get("feishu_verification_token").text,
		FeishuEncryptKey:        l.get("feishu_encrypt_key").text,
		HTTPListen:              l.address("http_listen"),
		GRPCListen:              l.address("grpc_listen"),
		WebhookListen:           l.address("webhook_listen"),
		MetricsListen:           l.address("metrics_listen"),
		APIClients:              l.clients("api_clients"),
		Addr:                    l.address("addr"),
		Client:                  l.get("client").text,
		Tenant:                  l.get("tenant").text,
		TLSCert:                 l.get("tls_cert").text,
		TLSKey:                  l.get("tls_key").text,
		TLSClientCA:             l.get("tls_client_ca").text,
		TLS:                     l.flag("tls"),
		CA:                      l.get("ca").text,
		ClientCert:              l.get("client_cert").text,
		ClientKey:               l.get("client_key").text,
		given:                   map[string]bool{},
	}
	l.together("tls_cert", "tls_key")
	l.together("client_cert", "client_key")
	if c.TLSClientCA != "" {
		l.needs("tls_client_ca", "tls_cert")
	}
	c.TLS = c.TLS || c.CA != "" || c.ClientCert != "" // nobody names them for nothing
	for key, v := range l.values {
		c.given[key] = v.text != ""
	}
	for _, key := range needs {
		if l.get(key).text == "" && !l.refused(key) {
			l.problem("%s is not set: %s", l.called(key), l.known[key].Meaning)
		}
	}
	return c
}

func (l *loader) rates(key string) crawl.Rates {
	rates, err := crawl.ParseRates(l.get(key).text)
	if err != nil {
		l.problem("%s: %w", l.name(key), err)
	}
	return rates
}

func (l *loader) policy(key string) crawl.Policy {
	policy, err := crawl.ParsePolicy(l.get(key).text)
	if err != nil {
		l.problem("%s: %w", l.name(key), err)
	}
	return policy
}

func (l *loader) pollIntervals(key string) crawl.PollIntervals {
	every, err := crawl.ParsePollIntervals(l.get(key).text)
	if err != nil {
		l.problem("%s: %w", l.name(key), err)
	}
	return every
}

func (l *loader) maxRemovals(key string) crawl.MaxRemovals {
	most, err := crawl.ParseMaxRemovals(l.get(key).text)
	if err != nil {
		l.problem("%s: %w", l.name(key), err)
	}
	return most
}

func (l *loader) level(key string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.get(key).text)); err != nil {
		l.invalid(key, "must be debug, info, warn or error")
	}
	return level
}

func (l *loader) flag(key string) bool {
	on, err := strconv.ParseBool(l.get(key).text)
	if err != nil {
		l.invalid(key, "must be true or false")
	}
	return on
}

// together notes where one of two is set without the other.
func (l *loader) together(one, other string) {
	for _, pair := range [][2]string{{one, other}, {other, one}} {
		if l.get(pair[0]).text != "" {
			l.needs(pair[0], pair[1])
		}
	}
}

// count reads a number that may not be negative.
func (l *loader) count(key string) int64 {
	n, err := strconv.ParseInt(l.get(key).text, 10, 64)
	if err != nil || n < 0 {
		l.invalid(key, "must be a whole number, 0 or more")
	}
	return n
}

// interval reads a time span of a second or more, or 0.
func (l *loader) interval(key string) time.Duration {
	d, err := time.ParseDuration(l.get(key).text)
	if err != nil || d != 0 && d < time.Second {
		l.invalid(key, "must be a time span such as 24h or 90m, a second or more, or 0")
	}
	return d
}

// address reads host:port. An empty host would listen on every interface; it is
// allowed where it is written out, as 0.0.0.0 or [::].
func (l *loader) address(key string) string {
	text := l.get(key).text
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || host == "" {
		l.invalid(key, "must be host:port, such as "+l.known[key].Default)
		return text
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10))
}

func (l *loader) baseURL(key string) string {
	text := l.get(key).text
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		l.invalid(key, "must be a URL such as "+l.known[key].Default)
	}
	return strings.TrimRight(text, "/")
}

func (l *loader) dataDir() string {
	if text := l.get("data_dir").text; text != "" {
		abs, err := filepath.Abs(text)
		if err != nil {
			l.invalid("data_dir", "must be a folder")
		}
		return abs
	}
	if os.Geteuid() == 0 {
		return "/var/lib/orgmirror"
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "orgmirror")
	}
	home, err := os.UserHomeDir()
	if err != nil && l.get("database_url").text == "" {
		l.problem("%s is not set, and this user has no home folder to default to", Variable("data_dir"))
	}
	return filepath.Join(home, ".local", "state", "orgmirror")
}
