package config

import (
	"log/slog"
	"net/url"
	"strings"
)

// LogValue shows the settings without secrets: what they say of a secret is
// whether it is there.
func (c Config) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("log_level", c.LogLevel.String()),
		slog.String("database_url", showURL(c.DatabaseURL)),
		slog.String("data_dir", c.DataDir),
		slog.String("http_listen", c.HTTPListen),
		slog.String("grpc_listen", c.GRPCListen),
		slog.String("webhook_listen", c.WebhookListen),
		slog.String("metrics_listen", c.MetricsListen),
		slog.Int("api_clients", len(c.APIClients)),
		slog.String("tls_cert", c.TLSCert),
		slog.String("tls_key", c.TLSKey),
		slog.String("tls_client_ca", c.TLSClientCA),
		slog.String("addr", c.Addr),
		slog.String("client", showSecret(c.Client)),
		slog.Bool("tls", c.TLS),
		slog.String("ca", c.CA),
		slog.String("client_cert", c.ClientCert),
		slog.String("client_key", c.ClientKey),
		slog.String("tenant", c.Tenant),
	}
	if c.Tenants == nil {
		attrs = append(attrs, c.ofTenant()...)
	}
	for _, one := range c.Tenants {
		attrs = append(attrs, slog.Attr{Key: one.FeishuTenantKey, Value: slog.GroupValue(one.ofTenant()...)})
	}
	return slog.GroupValue(attrs...)
}

// ofTenant are the settings that companies have of their own.
func (c Config) ofTenant() []slog.Attr {
	return []slog.Attr{
		slog.String("feishu_base_url", c.FeishuBaseURL),
		slog.String("feishu_app_id", c.FeishuAppID),
		slog.String("feishu_app_secret", showSecret(c.FeishuAppSecret)),
		slog.String("feishu_tenant_key", c.FeishuTenantKey),
		slog.String("feishu_rate", c.FeishuRate),
		slog.Int64("feishu_monthly_calls", c.FeishuMonthlyCalls),
		slog.String("reread", string(c.Reread)),
		slog.Duration("sweep_interval", c.SweepInterval),
		slog.String("events", string(c.Events)),
		slog.String("feishu_verification_token", showSecret(c.FeishuVerificationToken)),
		slog.String("feishu_encrypt_key", showSecret(c.FeishuEncryptKey)),
		slog.String("max_removals", c.MaxRemovals.String()),
		slog.String("poll_intervals", c.PollIntervals.String()),
	}
}

func showSecret(s string) string {
	if s == "" {
		return ""
	}
	return "(set)"
}

// showURL leaves of a database URL what tells one database from another. A
// password can also stand in the query, and in the keyword form anywhere.
func showURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return showSecret(text)
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return shown.String()
}

// Markdown is the README's table of the settings.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, s := range Settings() {
		name := "`" + Variable(s.Key) + "`"
		if s.Secret {
			name += ", `" + Variable(s.Key+fileSuffix) + "`"
		}
		shown := s.Shown
		if shown == "" {
			shown = "`" + s.Default + "`"
		}
		b.WriteString("| " + name + " | " + shown + " | " + s.Meaning + " |\n")
	}
	return b.String()
}
