package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/eventlog"
	"github.com/orgmirror/orgmirror/internal/feishu/callback"
	"github.com/orgmirror/orgmirror/internal/intake"
)

// receiver takes Feishu's events in, by the way that the settings name.
type receiver struct {
	way    config.Events
	logger *slog.Logger

	listener  net.Listener // of the webhook
	webhook   http.Handler
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

// openReceiver makes what receives events. Its address is open already.
func openReceiver(ctx context.Context, cfg config.Config, s *Service) (*receiver, error) {
	r := &receiver{way: cfg.Events, logger: s.logger}
	if r.way != config.EventsWebhook && r.way != config.EventsWebsocket {
		r.way = config.EventsNone
		return r, nil
	}
	in, err := intake.New(ctx, intake.Config{
		Log:   s.log,
		Owner: func(ctx context.Context) (eventlog.Owner, error) { return eventlog.ReadOwner(ctx, s.db.Pool) },
		AppID: cfg.FeishuAppID, TenantKey: cfg.FeishuTenantKey,
		Logger: s.logger, Registerer: s.metrics,
	})
	if errors.Is(err, intake.ErrSettings) {
		return nil, cli.Usage(fmt.Errorf("%s: %w", config.Variable("feishu_tenant_key"), err))
	}
	if err != nil {
		return nil, err
	}
	if r.way == config.EventsWebsocket {
		r.websocket, err = in.Websocket(intake.WebsocketConfig{
			BaseURL: cfg.FeishuBaseURL, AppID: cfg.FeishuAppID, AppSecret: cfg.FeishuAppSecret, Registerer: s.metrics,
		})
		return r, cli.Usage(err)
	}
	r.listener = s.open["webhook_listen"]
	s.Addresses.Webhook = s.open.address("webhook_listen")
	r.webhook = in.Webhook(intake.WebhookConfig{Secrets: callback.Secrets{
		VerificationToken: cfg.FeishuVerificationToken, EncryptKey: cfg.FeishuEncryptKey,
	}})
	return r, nil
}

// run receives until it is told to stop. Events under way are stored and
// acknowledged first.
func (r *receiver) run(stop <-chan struct{}) error {
	switch {
	case r.webhook != nil:
		return serveHTTP(stop, r.listener, nil, r.webhook, r.logger)
	case r.websocket != nil:
		ctx, cancel := context.WithCancel(context.Background())
		return serveUntil(stop, func() error { return r.websocket.Run(ctx) }, cancel)
	default:
		<-stop
		return nil
	}
}
