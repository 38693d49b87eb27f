package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/crawl/probe"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/postgres"
)

// impatience is how often a call of an examination is tried: somebody waits,
// and an upstream that answers badly is what they want to hear of.
func impatience() feishu.Retry {
	return feishu.Retry{Attempts: 2, Elapsed: 10 * time.Second, Pause: 500 * time.Millisecond, RateLimited: time.Minute}
}

// Examine looks at everything that the mirror stands on, the database first:
// calls to Feishu are counted in it, so that without it none is made.
func Examine(ctx context.Context, cfg config.Config, logger *slog.Logger) ([]probe.Finding, error) {
	db, opening := OpenDatabase(ctx, cfg, logger)
	if ctx.Err() != nil {
		return nil, opening
	}
	findings := databaseFindings(opening)
	if db != nil {
		findings = append(findings, probe.Database(ctx, db.Pool)...)
	}
	var problems []error
	for _, one := range cfg.EachTenant() {
		of := probe.SkipFeishu("credentials", "calls are counted in the database")
		if db != nil {
			asked, err := examine(ctx, one, db, logger)
			of, problems = asked, append(problems, err)
		}
		of = append(of, webhookFinding(ctx, one))
		if one.Several {
			for i := range of {
				of[i].TenantKey = one.FeishuTenantKey
			}
		}
		findings = append(findings, of...)
	}
	if db != nil {
		problems = append(problems, db.Close())
	}
	return findings, errors.Join(problems...)
}

// webhookFinding says whether somebody listens for Feishu's callbacks.
func webhookFinding(ctx context.Context, cfg config.Config) probe.Finding {
	if cfg.Events != config.EventsWebhook {
		return probe.Skipped("webhook", config.Variable("events")+" is not webhook")
	}
	return probe.Webhook(ctx, cfg.WebhookListen)
}

// ownConnections is how many long connections are the mirror's: that of a service
// that says it has one.
func ownConnections(ctx context.Context, db *Database, tenantKey string) (int, error) {
	l, err := crawl.ReadListening(ctx, db.Pool, tenantKey, time.Now())
	if err != nil || !l.Connected {
		return 0, err
	}
	return 1, nil
}

// databaseFindings says how it went to open the database.
func databaseFindings(err error) []probe.Finding {
	answers := probe.Finding{Check: "database", State: probe.OK, Says: "PostgreSQL answers"}
	switch {
	case err == nil:
		return []probe.Finding{answers, {Check: "schema", State: probe.OK, Says: "the schema is this program's"}}
	case errors.Is(err, postgres.ErrSchemaTooOld):
		return []probe.Finding{answers, probe.Failed("schema", err, "run mirror migrate up"), probe.Skipped("lag", "the schema is another")}
	case errors.Is(err, postgres.ErrSchemaTooNew):
		return []probe.Finding{answers, probe.Failed("schema", err, "run the newer program"), probe.Skipped("lag", "the schema is another")}
	}
	return []probe.Finding{
		probe.Failed("database", err, "correct "+config.Variable("database_url")+", or start the server"),
		probe.Skipped("schema", "no database"), probe.Skipped("lag", "no database"),
	}
}

func examine(ctx context.Context, cfg config.Config, db *Database, logger *slog.Logger) (_ []probe.Finding, err error) {
	var missing []error
	for key, value := range map[string]string{"feishu_app_id": cfg.FeishuAppID, "feishu_app_secret": cfg.FeishuAppSecret} {
		if value == "" {
			missing = append(missing, fmt.Errorf("%s is not set", config.Variable(key)))
		}
	}
	if len(missing) > 0 {
		failed := probe.Failed("credentials", cli.Usage(errors.Join(missing...)), "take them from the developer console")
		return append([]probe.Finding{failed}, probe.SkipFeishu("tenant", "no credentials")...), nil
	}
	owner, err := owner(ctx, cfg, db)
	if err != nil {
		return nil, err
	}
	// Whose budget the calls belong to is known where the log is the app's.
	tenant := ""
	if owner.AppID == cfg.FeishuAppID {
		tenant = owner.TenantKey
	}
	budget := crawl.NewBudget(db.Pool, crawl.BudgetConfig{
		AppID: cfg.FeishuAppID, TenantKey: tenant, Rates: cfg.FeishuRates, MonthlyCalls: cfg.FeishuMonthlyCalls, Logger: logger,
	})
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, budget.Close(closing))
	}()
	// Without a logger: what goes wrong is a finding.
	client, err := feishu.New(feishu.Config{
		BaseURL: cfg.FeishuBaseURL, AppID: cfg.FeishuAppID, AppSecret: cfg.FeishuAppSecret,
		Limiter: budget, Retry: impatience(),
	})
	if err != nil {
		return nil, cli.Usage(err)
	}
	defer client.Close()
	own, err := ownConnections(ctx, db, owner.TenantKey)
	if err != nil {
		return nil, err
	}
	findings := probe.Feishu(ctx, probe.Config{
		Client: client, AppID: cfg.FeishuAppID, TenantKey: cfg.FeishuTenantKey, Owner: owner, Connections: own,
	})
	return findings, ctx.Err()
}
