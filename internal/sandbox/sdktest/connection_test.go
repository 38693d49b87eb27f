package sdktest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	larkws "github.com/larksuite/oapi-sdk-go/v3/ws"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// noting is a dispatcher that notes the names of new people.
func noting(got *inbox) *dispatcher.EventDispatcher {
	return hired(func(name string) error { got.add(name); return nil })
}

func TestClientGetsEvents(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: eager()})
	if err := k.Subscribe(t.Context(), k.AppID(), long); err == nil {
		t.Error("a long connection is taken for one although no client is there")
	}
	var got inbox
	k.dial(noting(&got))
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	for i := range 20 {
		k.hire(fmt.Sprint(i))
	}
	for i, end := range k.settled() {
		if end != "delivered 1" {
			t.Errorf("event %d: %s", i, end)
		}
	}
	if n := len(got.all()); n != 20 {
		t.Errorf("%d events", n)
	}
}

func TestClientTakesEveryType(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: eager()})
	var got inbox
	k.dial(typedFor(&got, ""))
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	live(t, k)
	for i, end := range k.settled() {
		if e := k.Events(k.AppID())[i]; end != "delivered 1" {
			t.Errorf("%s: %s, %+v", e.Type, end, e.Attempts)
		}
	}
	types := got.all()
	slices.Sort(types)
	if diff := cmp.Diff(everydayTypes, slices.Compact(types)); diff != "" {
		t.Errorf("types mismatch (-want +got)\n%s", diff)
	}
}

func TestHandlersThatFail(t *testing.T) {
	t.Parallel()
	d := eager()
	d.RetryScale, d.DeadlineMS = 1e-9, 200
	k := start(t, sandbox.Config{Delivery: d})
	var tries atomic.Int64
	k.dial(hired(func(name string) error {
		switch n := tries.Add(1); {
		case name == "error" && n < 3:
			return errors.New("not now")
		case name == "panic" && n < 2:
			panic("no ack at all")
		}
		return nil
	}))
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	k.hire("error")
	k.settled()
	tries.Store(0)
	k.hire("panic")
	k.settled()
	_, err := k.AddDepartment(sandbox.Department{Name: "x"}) // which nobody handles
	must(t, err)
	if diff := cmp.Diff([]string{"delivered 3", "delivered 2", "lost 5"}, k.settled()); diff != "" {
		t.Errorf("ends mismatch (-want +got)\n%s", diff)
	}
	events := k.Events(k.AppID())
	for i, want := range []string{"ack 500", "no answer in time", "ack 500"} {
		if got := events[i].Attempts[0].Error; got != want {
			t.Errorf("%s ends with %q, want %q", events[i].Type, got, want)
		}
	}
}

func TestClientComesBackAfterADrop(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: eager()})
	var got inbox
	c := k.dial(noting(&got))
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	for i := range int64(3) {
		n, err := k.BreakConnections(k.AppID(), sandbox.SocketDropped)
		must(t, err)
		if n != 1 {
			t.Errorf("%d connections broke", n)
		}
		k.eventually("coming back", func() bool { return c.reconnected.Load() == i+1 })
		k.online(1)
	}
	// The socket by which an event was to go breaks: it comes by the next one.
	must(t, k.AddEventFault(sandbox.EventFault{Socket: sandbox.SocketDropped}))
	k.hire("王伟")
	ends := k.settled()
	if len(ends) != 1 || !strings.HasPrefix(ends[0], "delivered ") || ends[0] == "delivered 1" {
		t.Errorf("ends %q", ends)
	}
	if diff := cmp.Diff([]string{"王伟"}, got.all()); diff != "" {
		t.Errorf("handled mismatch (-want +got)\n%s", diff)
	}
}

// A half-open connection looks fine from both sides. The SDK finds out after
// two pings without a word from the server and five seconds more.
func TestClientFindsOutAboutAHalfOpenConnection(t *testing.T) {
	t.Parallel()
	d := eager()
	d.DeadlineMS = 300
	k := start(t, sandbox.Config{Delivery: d})
	var got inbox
	c := k.dial(noting(&got))
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	must(t, k.AddEventFault(sandbox.EventFault{Socket: sandbox.SocketHalfOpen}))
	k.hire("王伟")
	k.eventually("coming back", func() bool { return c.reconnected.Load() == 1 })
	k.online(1)
	ctx, cancel := contextFor(t, 20*time.Second)
	defer cancel()
	must(t, k.FlushEvents(ctx))
	events := k.Events(k.AppID())
	if events[0].State != sandbox.EventDelivered || events[0].Attempts[0].Error != "no answer in time" {
		t.Errorf("the event is %s after %+v", events[0].State, events[0].Attempts)
	}
	if diff := cmp.Diff([]string{"王伟"}, got.all()); diff != "" {
		t.Errorf("handled mismatch (-want +got)\n%s", diff)
	}
}

func TestTwoClientsShareTheEvents(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{Delivery: eager()})
	var a, b inbox
	k.dial(noting(&a))
	k.dial(noting(&b))
	k.online(2)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	var want []string
	for i := range 60 {
		want = append(want, fmt.Sprintf("%02d", i))
		k.hire(want[i])
	}
	k.settled()
	got := append(a.all(), b.all()...)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(a.all()) < 10 || len(b.all()) < 10 {
		t.Errorf("%d and %d events, mismatch (-want +got)\n%s", len(a.all()), len(b.all()), diff)
	}
}

func TestChunkedEvents(t *testing.T) {
	t.Parallel()
	d := eager()
	d.ChunkBytes = 200
	k := start(t, sandbox.Config{Delivery: d})
	var got inbox
	k.dial(noting(&got))
	k.online(1)
	must(t, k.Subscribe(t.Context(), k.AppID(), long))
	k.hire("王伟")
	k.settled()
	// After five seconds the SDK forgets the part that it has: no ack, another push.
	k.SetDelivery(func(d *sandbox.Delivery) { d.DeadlineMS = 300 })
	must(t, k.AddEventFault(sandbox.EventFault{Chunks: 2, ChunkGapMS: 5300}))
	k.hire("李娜")
	if diff := cmp.Diff([]string{"delivered 1", "delivered 2"}, k.settled()); diff != "" {
		t.Errorf("ends mismatch (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"王伟", "李娜"}, got.all()); diff != "" {
		t.Errorf("handled mismatch (-want +got)\n%s", diff)
	}
}

func TestWhatTheClientThinksOfRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault sandbox.EventFault
		fatal int // the code with which it gives up; 0 where it tries again
	}{
		{"busy", sandbox.EventFault{Endpoint: &sandbox.EndpointFault{Code: 1}}, 0},
		{"an internal error", sandbox.EventFault{Endpoint: &sandbox.EndpointFault{Code: 1000040343}}, 0},
		{"HTTP 503", sandbox.EventFault{Endpoint: &sandbox.EndpointFault{Code: 1, Status: 503}}, 0},
		{"another code, though it says busy", sandbox.EventFault{Endpoint: &sandbox.EndpointFault{Code: 1000040345}}, 1000040345},
		{"too many connections, on discovery", sandbox.EventFault{Endpoint: &sandbox.EndpointFault{Code: 1000040350}}, 1000040350},
		{"too many connections", sandbox.EventFault{Handshake: &sandbox.HandshakeFault{Status: 514, AuthErrCode: 1000040350, Msg: "x"}}, 514},
		{"another refusal of the handshake", sandbox.EventFault{Handshake: &sandbox.HandshakeFault{Status: 514, AuthErrCode: 7}}, 0},
		{"banned", sandbox.EventFault{Handshake: &sandbox.HandshakeFault{Status: 403}}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := start(t, sandbox.Config{Delivery: eager()})
			// The first connection brings the settings with which the client comes back at once.
			var got inbox
			client := k.dial(noting(&got))
			k.online(1)
			must(t, k.AddEventFault(c.fault))
			_, err := k.BreakConnections(k.AppID(), sandbox.SocketDropped)
			must(t, err)
			if c.fatal == 0 {
				first(t, client.errors)
				k.eventually("coming back", func() bool { return client.reconnected.Load() == 1 })
				return
			}
			var refused *larkws.ClientError
			if err := first(t, client.ended); !errors.As(err, &refused) || refused.Code != c.fatal {
				t.Errorf("the client ends with %v, want %d", err, c.fatal)
			}
		})
	}
}

func TestWrongSecret(t *testing.T) {
	t.Parallel()
	k := start(t, sandbox.Config{})
	c := larkws.NewClient(k.AppID(), "wrong", larkws.WithDomain(k.URL()+"/"), larkws.WithLogger(quiet{}), larkws.WithEventHandler(dispatcher.NewEventDispatcher("", "")))
	var refused *larkws.ClientError
	if err := c.Start(t.Context()); !errors.As(err, &refused) || refused.Code != 1000040346 {
		t.Errorf("the client ends with %v", err)
	}
}
