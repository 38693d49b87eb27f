package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu"
	"github.com/orgmirror/orgmirror/internal/query"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// tenant is one company of a service: the way by which its app's events come in,
// and what is asked of Feishu for it. What is below that, the log, the projector
// and the database, all companies share.
type tenant struct {
	cfg     config.Config
	db      *Database
	log     *eventlog.Log
	logger  *slog.Logger
	metrics prometheus.Registerer

	receive  *receiver
	rereads  *crawl.RereadMetrics
	polls    *crawl.PollMetrics
	sweeps   *crawl.Sweeper
	operator *operator
	told     atomic.Pointer[feishu.Tenant] // what Feishu says of the company; nil before it did
}

// tenantLabel tells the companies' metrics apart, where there are several.
const tenantLabel = "tenant"

func openTenant(ctx context.Context, s *Service, cfg config.Config) (*tenant, error) {
	t := &tenant{cfg: cfg, db: s.db, log: s.log, logger: s.logger, metrics: s.metrics}
	if cfg.Several {
		t.logger = s.logger.With(slog.String(tenantLabel, cfg.FeishuTenantKey))
		t.metrics = prometheus.WrapRegistererWith(prometheus.Labels{tenantLabel: cfg.FeishuTenantKey}, s.metrics)
	}
	var err error
	if t.rereads, err = crawl.NewRereadMetrics(t.metrics, s.db.Pool, cfg.FeishuTenantKey); err != nil {
		return nil, err
	}
	if t.polls, err = crawl.NewPollMetrics(t.metrics); err != nil {
		return nil, err
	}
	if t.sweeps, err = crawl.NewSweeper(crawl.SweeperConfig{Interval: cfg.SweepInterval, Registerer: t.metrics}); err != nil {
		return nil, err
	}
	t.operator = newOperator(cfg, s.db, t.sweeps)
	t.receive, err = openReceiver(ctx, t)
	return t, err
}

// owner is whose log it is, as far as it concerns the company of the settings.
func owner(ctx context.Context, cfg config.Config, db *Database) (eventlog.Owner, error) {
	if cfg.Several {
		return eventlog.OwnerOf(ctx, db.Pool, cfg.FeishuTenantKey)
	}
	return eventlog.FindOwner(ctx, db.Pool, eventlog.Owner{TenantKey: cfg.FeishuTenantKey, AppID: cfg.FeishuAppID})
}

func (t *tenant) owner(ctx context.Context) (eventlog.Owner, error) { return owner(ctx, t.cfg, t.db) }

// QueryTenants says which companies a service of queries is for.
func QueryTenants(cfg config.Config, db *Database, into *query.Config) {
	if cfg.Tenants == nil {
		into.TenantKey = cfg.FeishuTenantKey
		into.Owner = func(ctx context.Context) (eventlog.Owner, error) { return owner(ctx, cfg, db) }
		into.SweepInterval, into.MonthlyCalls = SweepInterval(cfg), cfg.FeishuMonthlyCalls
		return
	}
	for _, one := range cfg.Tenants {
		into.Tenants = append(into.Tenants, query.Tenant{
			Key: one.FeishuTenantKey, SweepInterval: SweepInterval(one), MonthlyCalls: one.FeishuMonthlyCalls,
		})
	}
}

// eachTenant runs a part of the service for each company.
func (s *Service) eachTenant(part func(t *tenant, stop <-chan struct{}) error) func(stop <-chan struct{}) error {
	return func(stop <-chan struct{}) error {
		var parts []func(<-chan struct{}) error
		for _, t := range s.tenants {
			parts = append(parts, func(stop <-chan struct{}) error { return part(t, stop) })
		}
		return together(stop, parts...)
	}
}

// observeStatus lets metrics tell what the status of each company tells.
func (s *Service) observeStatus() error {
	for _, t := range s.tenants {
		status := s.Status
		if t.cfg.Several {
			status = func(ctx context.Context) (*orgmirrorv1.GetSyncStatusResponse, error) {
				return s.Status(query.OfTenant(ctx, t.cfg.FeishuTenantKey))
			}
		}
		if err := t.metrics.Register(statusMetrics{status}); err != nil {
			return fmt.Errorf("register the metrics of the status: %w", err)
		}
	}
	return nil
}
