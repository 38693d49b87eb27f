package query

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

func from(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
}

// guesses is a throttle on a clock that stands still, which lets two at once.
func guesses() (t *throttle, pass func(time.Duration)) {
	t = newThrottle(2)
	now := time.Unix(1_000_000, 0)
	t.now = func() time.Time { return now }
	return t, func(d time.Duration) { now = now.Add(d) }
}

func waits(t *testing.T, th *throttle, id string, from netip.Prefix) time.Duration {
	t.Helper()
	wait, ok := th.take(time.Hour, suspects(id, from))
	if !ok {
		t.Fatal("sent away")
	}
	return max(0, wait)
}

func TestThrottleSlowsByClientAndByAddress(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]func(int) (string, netip.Prefix){
		"one client from everywhere":  func(n int) (string, netip.Prefix) { return "a", from(n) },
		"all clients from one place":  func(n int) (string, netip.Prefix) { return fmt.Sprint(n), from(1) },
		"one client from one address": func(int) (string, netip.Prefix) { return "a", from(1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			th, pass := guesses()
			for n, want := range []time.Duration{0, 0, 1, 2, 3} { // asked side by side: each waits behind the one before
				id, from := who(n)
				if got := waits(t, th, id, from); got != want*time.Second {
					t.Errorf("guess %d waits %s, want %ds", n, got, want)
				}
			}
			if got := waits(t, th, "somebody else", from(99)); got != 0 {
				t.Errorf("somebody else elsewhere waits %s", got)
			}
			pass(6 * time.Second)
			id, from := who(9)
			if got := waits(t, th, id, from); got != 0 {
				t.Errorf("after a while a guess waits %s", got)
			}
		})
	}
}

func TestThrottleSendsAwayWhoWouldWaitTooLong(t *testing.T) {
	t.Parallel()
	th, _ := guesses()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for range 2 {
		if err := th.turn(ctx, "a", from(1)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // and that does not make it longer
		var f *failure
		if err := th.turn(ctx, "a", from(1)); !errors.As(err, &f) || f.reason != reasonTooManyWrong || f.metadata["retry_after_seconds"] != "2" {
			t.Errorf("the turn is %v", err)
		}
	}
}

func TestThrottleTrustsWhoHasShownASecret(t *testing.T) {
	t.Parallel()
	th, pass := guesses()
	if th.trusts("a", from(1)) {
		t.Error("somebody unknown is trusted")
	}
	waits(t, th, "a", from(1))
	th.shown("a", from(1))
	for n := range 50 { // an attack on the client from elsewhere, and on others from its address
		waits(t, th, "a", from(100+n))
		waits(t, th, fmt.Sprint(n), from(1))
	}
	if !th.trusts("a", from(1)) {
		t.Error("the client has to wait for others' wrong secrets")
	}
	if th.trusts("a", from(2)) || th.trusts("b", from(1)) {
		t.Error("the trust is for others too")
	}
	waits(t, th, "a", from(1))
	waits(t, th, "a", from(1))
	if th.trusts("a", from(1)) {
		t.Error("guesses for the client from its own address find the right secret at once")
	}
	pass(time.Hour)
	if !th.trusts("a", from(1)) {
		t.Error("it is never forgiven")
	}
}

func TestThrottleTakesBackWhatWasRight(t *testing.T) {
	t.Parallel()
	th, _ := guesses()
	for n := range 100 { // a new process behind each address
		if got := waits(t, th, "a", from(n)); got != 0 {
			t.Fatalf("right secret %d waits %s", n, got)
		}
		th.shown("a", from(n))
	}
	if len(th.due) != 0 {
		t.Errorf("%d are suspected", len(th.due))
	}
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	th, _ := guesses()
	for n := range maxSuspects {
		waits(t, th, fmt.Sprint(n), from(n))
		th.shown(fmt.Sprint("known", n), from(n))
	}
	for n := range 100 {
		waits(t, th, fmt.Sprint("more", n), from(n))
		th.shown(fmt.Sprint("more", n), from(n))
	}
	if len(th.due) > maxSuspects+2 || len(th.known) > maxSuspects {
		t.Errorf("it remembers %d and %d, want %d at most", len(th.due), len(th.known), maxSuspects)
	}
}

type address struct{ network, text string }

func (a address) Network() string { return a.network }
func (a address) String() string  { return a.text }

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		peer      net.Addr
		forwarded []string
		want      string
	}{
		"gRPC":                         {&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5}, nil, "10.1.2.3/32"},
		"gRPC that says otherwise":     {&net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5}, []string{"10.9.9.9"}, "10.1.2.3/32"},
		"IPv6":                         {&net.TCPAddr{IP: net.ParseIP("2001:db8::1:2:3"), Port: 5}, nil, "2001:db8::/64"},
		"IPv4 as IPv6":                 {&net.TCPAddr{IP: net.ParseIP("::ffff:10.1.2.3"), Port: 5}, nil, "10.1.2.3/32"},
		"REST":                         {address{"bufconn", "bufconn"}, []string{"10.1.2.3"}, "10.1.2.3/32"},
		"REST with a header of theirs": {address{"bufconn", "bufconn"}, []string{"10.9.9.9, 10.1.2.3"}, "10.1.2.3/32"},
		"REST, unreadable":             {address{"bufconn", "bufconn"}, []string{"@"}, "invalid Prefix"},
		"a socket":                     {address{"unix", "@"}, []string{"10.1.2.3"}, "invalid Prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: test.peer})
			ctx = metadata.NewIncomingContext(ctx, metadata.MD{"x-forwarded-for": test.forwarded})
			if got := addressOf(ctx).String(); got != test.want {
				t.Errorf("address = %s, want %s", got, test.want)
			}
		})
	}
}

// BenchmarkProve is what a call pays for its client being known.
func BenchmarkProve(b *testing.B) {
	clients, err := ParseClients("reads:0123456789abcdefghijklmnopqrstuv:reader")
	if err != nil {
		b.Fatal(err)
	}
	known, err := byID(clients)
	if err != nil {
		b.Fatal(err)
	}
	a := authenticator{clients: known, throttle: newThrottle(0)}
	ctx := peer.NewContext(b.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.prove(ctx, "reads", "0123456789abcdefghijklmnopqrstuv"); err != nil {
			b.Fatal(err)
		}
	}
}
