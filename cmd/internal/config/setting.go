package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/orgmirror/orgmirror/internal/crawl"
)

// Group says which commands a setting is for. A command has flags for its own
// groups only; variables and file keys of the others are allowed and unused.
type Group string

// The groups.
const (
	Common   Group = "common"   // every command
	Database Group = "database" // commands that open the database
	Feishu   Group = "feishu"   // commands that call Feishu
	Tenant   Group = "tenant"   // commands that must know the company
	Service  Group = "service"  // commands that listen
	Client   Group = "client"   // commands that ask a running service
)

// Setting is one thing that a person can set.
type Setting struct {
	Key     string // in the file; MIRROR_KEY in the environment; with dashes, a flag
	Default string // the value where nobody sets one
	Shown   string // what help and README say of the default, where that is not the value
	Meaning string
	Switch  bool // true or false; the flag may stand alone
	Secret  bool // may come from the file named by Key + "_file", and is never shown
	Group   Group
}

// Settings is the table, in the order in which it is shown.
func Settings() []Setting {
	return []Setting{
		{Key: "config", Group: Common, Shown: "none", Meaning: "configuration file (YAML): these names without the prefix, in lower case"},
		{Key: "log_level", Group: Common, Default: "info", Meaning: "`debug`, `info`, `warn` or `error`; logs are JSON on standard error"},
		{Key: "database_url", Group: Database, Secret: true, Shown: "empty: the embedded server under the data directory", Meaning: "PostgreSQL 15 or later"},
		{Key: "data_dir", Group: Database, Shown: "`/var/lib/orgmirror` as root, else `${XDG_STATE_HOME:-~/.local/state}/orgmirror`", Meaning: "files of the embedded server"},
		{Key: "feishu_base_url", Group: Feishu, Default: "https://open.feishu.cn", Meaning: "Lark: `https://open.larksuite.com`"},
		{Key: "feishu_app_id", Group: Feishu, Shown: "none", Meaning: "id of the custom app"},
		{Key: "feishu_app_secret", Group: Feishu, Secret: true, Shown: "none", Meaning: "secret of the custom app"},
		{Key: "feishu_rate", Group: Feishu, Default: "default", Meaning: "most calls to one endpoint: `default` (50 a second, 1000 a minute), `off`, or figures such as `40/s,900/m`"},
		{Key: "feishu_monthly_calls", Group: Feishu, Default: "0", Meaning: "most calls in a calendar month (UTC); 0 is no limit of ours"},
		{Key: "reread", Group: Feishu, Default: string(crawl.RereadIncomplete), Meaning: "what is read again from Feishu after an event: `never` anything, what the event leaves `incomplete` or in doubt, `always` whatever it is about"},
		{Key: "sweep_interval", Group: Service, Default: "24h", Meaning: "how often `mirror serve` walks the whole company again; it also does when the range changed, and after 15 minutes without anybody listening to events; 0: never by itself, then run `backfill` by the clock"},
		{Key: "poll_intervals", Group: Service, Default: crawl.UsualPollIntervals, Meaning: "how often `mirror serve` looks at what has no events, or too few: as `groups=15m,units=0` (0: never; what is not named, as usual), or one duration for all; with `MIRROR_FEISHU_MONTHLY_CALLS` less often, so that polls take a quarter of it at most"},
		{Key: "max_removals", Group: Feishu, Shown: "the greater of 20 and 5%", Meaning: "how many people, and how many departments, a walk may remove, and how many groups and units a poll, without approval: a number such as `100`, or a percentage of the live ones such as `2.5%`; all of them never"},
		{Key: "feishu_tenant_key", Group: Tenant, Shown: "asked from Feishu", Meaning: "the company, where the app may not ask (permission `tenant:tenant:readonly`)"},
		{Key: "tenant", Group: Tenant, Shown: "all of them", Meaning: "the company that a command is for, by its tenant_key, where the configuration file lists several; `mirror tree` and `mirror person` ask about it"},
		{Key: "events", Group: Service, Shown: "`webhook` where its two secrets are set, else `none` with a warning", Meaning: "how changes come in: `webhook` (Feishu calls), `websocket` (a long connection to Feishu) or `none` (only walks see them)"},
		{Key: "feishu_verification_token", Group: Service, Secret: true, Shown: "none", Meaning: "the webhook's Verification Token, from the app's console"},
		{Key: "feishu_encrypt_key", Group: Service, Secret: true, Shown: "none", Meaning: "the webhook's Encrypt Key, from the app's console"},
		{Key: "http_listen", Group: Service, Default: "127.0.0.1:8080", Meaning: "REST, and Feishu's own API under `/open-apis/`"},
		{Key: "grpc_listen", Group: Service, Default: "127.0.0.1:8081", Meaning: "gRPC"},
		{Key: "webhook_listen", Group: Service, Default: "127.0.0.1:8082", Meaning: "Feishu's callbacks, `POST /webhook/event`; open only with `webhook`"},
		{Key: "metrics_listen", Group: Service, Default: "127.0.0.1:2112", Meaning: "`/metrics`, `/livez`, `/readyz`"},
		{Key: "api_clients", Group: Service, Secret: true, Shown: "empty: nobody may read", Meaning: "who may read: `id:secret:role[+role]`, comma-separated; roles `reader`, `sensitive` for personal fields too, `operator`, and `+allow_open_id` for a client of another app that takes the mirror's open_ids; the file may also be YAML with hashes and companies, see README"},
		{Key: "tls_cert", Group: Service, Shown: "none: plain text", Meaning: "file with the certificate, and those between it and its CA (PEM): REST and gRPC speak TLS; it is read again when it changes"},
		{Key: "tls_key", Group: Service, Shown: "none", Meaning: "file with the certificate's key (PEM)"},
		{Key: "tls_client_ca", Group: Service, Shown: "none", Meaning: "file with CA certificates (PEM): who connects must show a certificate of theirs, and needs a secret nonetheless"},
		{Key: "addr", Group: Client, Default: "127.0.0.1:8081", Meaning: "gRPC address that `mirror tree`, `mirror person` and `mirror diff` ask"},
		{Key: "client", Group: Client, Secret: true, Shown: "none", Meaning: "`id:secret` with which they ask"},
		{Key: "tls", Group: Client, Default: "false", Switch: true, Meaning: "they speak TLS with the service, and check its certificate; also where one of the next three is set"},
		{Key: "ca", Group: Client, Shown: "those of the system", Meaning: "file with the CA certificates that they trust (PEM)"},
		{Key: "client_cert", Group: Client, Shown: "none", Meaning: "file with the certificate that they show the service (PEM)"},
		{Key: "client_key", Group: Client, Shown: "none", Meaning: "file with its key (PEM)"},
	}
}

// fileSuffix makes the name of a secret's file out of the secret's name.
const fileSuffix = "_file"

// Variable is the environment variable of a key.
func Variable(key string) string { return prefix + strings.ToUpper(key) }

const prefix = "MIRROR_"

// flagName is the flag of a key.
func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// Register gives flags to a command for the settings of its groups, and for those
// that every command has.
func Register(flags *pflag.FlagSet, groups ...Group) {
	for _, s := range Settings() {
		if s.Group == Common || slices.Contains(groups, s.Group) {
			s.register(flags)
		}
	}
}

// RegisterOnly gives flags to a command for single settings of groups that it is
// else not concerned with.
func RegisterOnly(flags *pflag.FlagSet, keys ...string) {
	for _, s := range Settings() {
		if slices.Contains(keys, s.Key) {
			s.register(flags)
		}
	}
}

func (s Setting) register(flags *pflag.FlagSet) {
	usage := strings.ReplaceAll(s.Meaning, "`", "") // pflag reads a name for the value out of backquotes
	if s.Shown != "" && s.Shown != "none" {
		usage += " (default: " + strings.ReplaceAll(s.Shown, "`", "") + ")"
	}
	if s.Secret {
		flags.String(flagName(s.Key+fileSuffix), "", "file that holds --"+flagName(s.Key))
		usage += "; other users of this machine can see flags, so prefer the file"
	}
	flags.String(flagName(s.Key), s.Default, usage)
	if s.Switch {
		flags.Lookup(flagName(s.Key)).NoOptDefVal = "true"
	}
}
