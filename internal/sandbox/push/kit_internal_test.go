package push

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// rig is a running hub with the port for long connections.
type rig struct {
	*Hub
	t   testing.TB
	url string
}

const (
	testApp  = "cli_a"
	storeApp = "cli_store"
)

// instant is a scale that makes all retries come at once.
const instant = 1e-9

func newRig(t testing.TB, s Settings, b Behaviour) *rig {
	t.Helper()
	h := New(Config{
		Settings: s, Behaviour: b, Now: time.Now,
		App: func(id string) (App, bool) {
			switch id {
			case testApp:
				return App{Secret: "sec"}, true
			case storeApp:
				return App{Secret: "sec", Store: true}, true
			}
			return App{}, false
		},
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	mux := http.NewServeMux()
	var serving sync.WaitGroup // the sockets, for which no server waits
	mux.HandleFunc(EndpointPath, h.ServeEndpoint)
	mux.HandleFunc(SocketPath, func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Done()
		h.ServeSocket(w, r)
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	var running sync.WaitGroup
	running.Go(func() { h.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		server.Close()
		serving.Wait()
	})
	return &rig{Hub: h, t: t, url: server.URL}
}

// subscribe sets a subscription that must be taken.
func (r *rig) subscribe(s Subscription) {
	r.t.Helper()
	if err := r.Subscribe(r.t.Context(), testApp, s); err != nil {
		r.t.Fatal(err)
	}
}

// send sends numbered events.
func (r *rig) send(from, to int) {
	for i := from; i <= to; i++ {
		r.Send(testApp, Event{
			ID: fmt.Sprintf("e%d", i), Type: "contact.user.updated_v3", Created: time.Now(), Tenant: "t1",
			Payload: json.RawMessage(fmt.Sprintf(`{"object":{"n":%d}}`, i)),
		})
	}
}

// done waits until nothing is on its way any more.
func (r *rig) done() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	if err := r.Wait(ctx); err != nil {
		r.t.Fatalf("waiting for the outbox: %v; history %+v", err, r.Events(testApp))
	}
}

func (r *rig) fault(f Fault) {
	r.t.Helper()
	if err := r.AddFault(f); err != nil {
		r.t.Fatal(err)
	}
}

// states lists id, state and number of attempts of all events.
func (r *rig) states() []string {
	var out []string
	for _, e := range r.Events(testApp) {
		out = append(out, fmt.Sprintf("%s %s %d", e.ID, e.State, len(e.Attempts)))
	}
	return out
}

// errors lists the errors of an event's pushes.
func (r *rig) errors(id string) []string {
	var out []string
	for _, e := range r.Events(testApp) {
		if e.ID != id {
			continue
		}
		for _, a := range e.Attempts {
			out = append(out, a.Error)
		}
	}
	return out
}

// posted is a request that a webhook got.
type posted struct {
	at     time.Time
	header http.Header
	body   string
	id     string // event_id, where it is readable
}

// webhook is a receiver that remembers what it got.
type webhook struct {
	*httptest.Server
	mu  sync.Mutex
	got []posted
}

// newWebhook answers with what answer writes; 200 where it is nil.
func newWebhook(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *webhook {
	t.Helper()
	hook := &webhook{}
	hook.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a push: %v", err)
		}
		var envelope struct {
			Header struct {
				EventID string `json:"event_id"`
			} `json:"header"`
		}
		_ = json.Unmarshal(raw, &envelope)
		hook.mu.Lock()
		n := len(hook.got)
		hook.got = append(hook.got, posted{time.Now(), r.Header, string(raw), envelope.Header.EventID})
		hook.mu.Unlock()
		if answer != nil {
			answer(n, w, r)
		}
	}))
	t.Cleanup(hook.Close)
	return hook
}

func (w *webhook) all() []posted {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]posted(nil), w.got...)
}

func (w *webhook) ids() []string {
	var out []string
	for _, p := range w.all() {
		out = append(out, p.id)
	}
	return out
}

// plainHook is a subscription to a webhook that does not answer challenges.
func plainHook(url string) Subscription {
	return Subscription{Mode: ModeWebhook, URL: url, VerificationToken: "tok", Unchecked: true}
}
