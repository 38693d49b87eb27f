package sdktest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	"github.com/larksuite/oapi-sdk-go/v3/core/httpserverext"
	larkevent "github.com/larksuite/oapi-sdk-go/v3/event"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	larkcontact "github.com/larksuite/oapi-sdk-go/v3/service/contact/v3"
	larkws "github.com/larksuite/oapi-sdk-go/v3/ws"

	"github.com/orgmirror/orgmirror/internal/sandbox"
	"github.com/orgmirror/orgmirror/internal/sandbox/sdktest/nodesdk"
)

// apps numbers the app ids: the SDK keeps tickets by app id for the whole process.
var apps atomic.Int64

// kit is a running sandbox.
type kit struct {
	*sandbox.Server
	t *testing.T
}

func start(t *testing.T, cfg sandbox.Config) *kit {
	t.Helper()
	cfg.AppID = fmt.Sprintf("cli_%016x", apps.Add(1))
	s, err := sandbox.Start(context.WithoutCancel(t.Context()), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return &kit{s, t}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// startNode runs the Node SDK against a sandbox.
func startNode(t *testing.T, s *sandbox.Server, env ...string) *nodesdk.SDK {
	t.Helper()
	return nodesdk.Start(t, s.URL(), s.AppID(), s.AppSecret(), env...)
}

// settled waits until every event is delivered or lost, and returns how each
// one ended.
func (k *kit) settled() []string {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 40*time.Second)
	defer cancel()
	if err := k.WaitEvents(ctx); err != nil {
		k.t.Fatalf("%v; events %+v", err, k.Events(k.AppID()))
	}
	var out []string
	for _, e := range k.Events(k.AppID()) {
		out = append(out, fmt.Sprintf("%s %d", e.State, len(e.Attempts)))
	}
	return out
}

// hire brings somebody in: one event.
func (k *kit) hire(name string) sandbox.User {
	k.t.Helper()
	u, err := k.AddUser(sandbox.User{Name: name})
	must(k.t, err)
	return u
}

// eventually waits for a condition that nobody signals.
func (k *kit) eventually(what string, is func() bool) {
	k.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			k.t.Fatal("in vain: " + what)
		}
	}
}

// inbox remembers what handlers of the SDK got.
type inbox struct {
	mu    sync.Mutex
	names []string
}

func (i *inbox) add(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names = append(i.names, name)
}

func (i *inbox) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.names...)
}

// quiet lets the SDK log nothing.
type quiet struct{}

func (quiet) Debug(context.Context, ...any) {}
func (quiet) Info(context.Context, ...any)  {}
func (quiet) Warn(context.Context, ...any)  {}
func (quiet) Error(context.Context, ...any) {}

// receive serves the SDK's dispatcher as a webhook.
func receive(t *testing.T, d *dispatcher.EventDispatcher) string {
	t.Helper()
	server := httptest.NewServer(httpHandler(d))
	t.Cleanup(server.Close)
	return server.URL
}

func httpHandler(d *dispatcher.EventDispatcher) http.HandlerFunc {
	return httpserverext.NewEventHandlerFunc(d, larkevent.WithLogger(quiet{}), larkevent.WithLogLevel(larkcore.LogLevelError))
}

// hired is a dispatcher that hands the names of new people to f.
func hired(f func(name string) error) *dispatcher.EventDispatcher {
	d := dispatcher.NewEventDispatcher("", "")
	d.InitConfig(larkevent.WithLogger(quiet{}))
	return d.OnP2UserCreatedV3(func(_ context.Context, e *larkcontact.P2UserCreatedV3) error { return f(*e.Event.Object.Name) })
}

// client is the SDK's client of long connections, running.
type client struct {
	*larkws.Client
	ended       chan error
	reconnected atomic.Int64
	errors      chan error
}

func (k *kit) dial(d *dispatcher.EventDispatcher) *client {
	c := &client{ended: make(chan error, 1), errors: make(chan error, 100)}
	c.Client = larkws.NewClient(k.AppID(), k.AppSecret(),
		larkws.WithEventHandler(d), larkws.WithDomain(k.URL()), larkws.WithLogger(quiet{}),
		larkws.WithOnReconnected(func() { c.reconnected.Add(1) }), larkws.WithOnError(func(err error) { c.errors <- err }))
	go func() { c.ended <- c.Start(k.t.Context()) }()
	k.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(k.t.Context()), 10*time.Second)
		defer cancel()
		_ = c.CloseAndWait(ctx) // it says how the client ended, which it may have done before
	})
	return c
}

// online waits until so many clients are connected.
func (k *kit) online(n int) {
	k.t.Helper()
	k.eventually(fmt.Sprint(n, " connections"), func() bool { return k.Connections(k.AppID()) == n })
}

// eager are settings with which clients come back at once and retries are fast:
// 15 s are 15 ms.
func eager() sandbox.Delivery {
	return sandbox.Delivery{RetryScale: 0.001, Client: &sandbox.ClientConfig{ReconnectCount: -1, ReconnectInterval: 1, PingInterval: 1}}
}

var long = sandbox.Subscription{Mode: sandbox.ModeLongConnection}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// first waits for what comes out of a channel.
func first(t *testing.T, from <-chan error) error {
	t.Helper()
	ctx, cancel := contextFor(t, 30*time.Second)
	defer cancel()
	select {
	case err := <-from:
		return err
	case <-ctx.Done():
		t.Fatal("nothing came")
		return nil
	}
}
