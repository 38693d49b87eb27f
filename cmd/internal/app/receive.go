package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/intake"
)

// receiver takes Feishu's events in, by the way that the settings name.
type receiver struct {
	way    config.Events
	logger *slog.Logger

	webhook   *intake.Webhook // called at the service's address
	websocket *intake.Websocket
}

// listening is how it stands with the events at an instant.
func (r *receiver) listening(now time.Time) crawl.Listening {
	l := crawl.Listening{Events: string(r.way), HeardAt: now}
	if r.websocket == nil {
		return l // the webhook waits to be called
	}
	h := r.websocket.Health()
	l.Connected, l.Red, l.Problem, l.HeardAt = h.Connected, h.Red, h.Problem, h.LastFrame
	return l
}

// openReceiver makes what receives events.
func openReceiver(ctx context.Context, t *tenant) (*receiver, error) {
	cfg := t.cfg
	r := &receiver{way: cfg.Events, logger: t.logger}
	if r.way != config.EventsWebhook && r.way != config.EventsWebsocket {
		r.way = config.EventsNone
		return r, nil
	}
	in, err := intake.New(ctx, intake.Config{
		Log: t.log, Owner: t.owner, AppID: cfg.FeishuAppID, TenantKey: cfg.FeishuTenantKey,
		Logger: t.logger, Registerer: t.metrics,
	})
	if errors.Is(err, intake.ErrSettings) {
		return nil, cli.Usage(fmt.Errorf("%s: %w", config.Variable("feishu_tenant_key"), err))
	}
	if err != nil {
		return nil, err
	}
	if r.way == config.EventsWebsocket {
		r.websocket, err = in.Websocket(intake.WebsocketConfig{
			BaseURL: cfg.FeishuBaseURL, AppID: cfg.FeishuAppID, AppSecret: cfg.FeishuAppSecret, Registerer: t.metrics,
		})
		return r, cli.Usage(err)
	}
	r.webhook = in.Webhook(intake.WebhookConfig{Secrets: callback.Secrets{
		VerificationToken: cfg.FeishuVerificationToken, EncryptKey: cfg.FeishuEncryptKey,
	}})
	return r, nil
}

// connect receives over a long connection, where that is the way, until it is told
// to stop. Events under way are stored and acknowledged first.
func (r *receiver) connect(stop <-chan struct{}) error {
	if r.websocket == nil {
		<-stop
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	return serveUntil(stop, func() error { return r.websocket.Run(ctx) }, cancel)
}

// openWebhook makes the one handler of all companies' callbacks; nil where nobody
// is called.
func (s *Service) openWebhook() (http.Handler, error) {
	var hooks []*intake.Webhook
	for _, t := range s.tenants {
		if t.receive.webhook != nil {
			hooks = append(hooks, t.receive.webhook)
		}
	}
	switch {
	case len(hooks) == 0:
		return nil, nil
	case s.cfg.Tenants == nil:
		return hooks[0], nil
	default:
		nobodys := prometheus.WrapRegistererWith(prometheus.Labels{tenantLabel: ""}, s.metrics)
		return intake.NewWebhooks(hooks, s.logger, nobodys)
	}
}

// receiving takes events in, until it is told to stop. Those under way are stored
// and acknowledged first.
func (s *Service) receiving(stop <-chan struct{}) error {
	called := func(stop <-chan struct{}) error {
		if s.webhook == nil {
			<-stop
			return nil
		}
		return serveHTTP(stop, s.open["webhook_listen"], nil, s.webhook, s.logger)
	}
	return together(stop, called, s.eachTenant(func(t *tenant, stop <-chan struct{}) error { return t.receive.connect(stop) }))
}
