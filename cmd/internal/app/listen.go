package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/cmd/internal/config"
)

// listeners are the open addresses of a service, by setting.
type listeners map[string]net.Listener

// listen opens every address of the service, so that one in use is an error
// before anything has begun. All that are in use are reported at once.
func listen(ctx context.Context, cfg config.Config) (listeners, error) {
	opened := listeners{}
	var problems []error
	addresses := map[string]string{
		"http_listen":    cfg.HTTPListen,
		"grpc_listen":    cfg.GRPCListen,
		"metrics_listen": cfg.MetricsListen,
	}
	if slices.ContainsFunc(cfg.EachTenant(), func(c config.Config) bool { return c.Events == config.EventsWebhook }) {
		addresses["webhook_listen"] = cfg.WebhookListen
	}
	for key, address := range addresses {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w: choose another address, or stop what uses it", config.Variable(key), err))
			continue
		}
		opened[key] = l
	}
	if err := errors.Join(problems...); err != nil {
		opened.close()
		return nil, cli.Usage(err)
	}
	return opened, nil
}

// close closes what no server took over; closing twice does no harm.
func (l listeners) close() {
	for _, listener := range l {
		_ = listener.Close()
	}
}

// address is where a service can be reached: the one that was configured, with
// the port that was found where it was 0.
func (l listeners) address(key string) string { return l[key].Addr().String() }
