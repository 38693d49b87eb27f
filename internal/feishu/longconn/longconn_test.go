package longconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestEventsAreAcknowledgedAfterTheHandler(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	var mu sync.Mutex
	var handled []string
	client := f.run(func(_ context.Context, payload []byte) error {
		mu.Lock()
		defer mu.Unlock()
		switch text := string(payload); text {
		case "fails":
			return errors.New("not stored")
		case "panics":
			panic("at the disco")
		default:
			handled = append(handled, text)
			return nil
		}
	})
	p := f.next()
	p.message(websocket.TextMessage, []byte("hello"))
	p.message(websocket.BinaryMessage, []byte{0xff})
	p.send(frame{method: 7, payload: []byte("of no method")})
	p.send(frame{method: methodData, headers: []header{{headerType, "card"}}, payload: []byte("a card")})
	for _, c := range []struct {
		payload string
		code    int
	}{{"one", 200}, {"fails", 500}, {"panics", 500}, {"two", 200}} {
		p.event(c.payload, c.payload)
		if id, code := p.ack(); id != c.payload || code != c.code {
			t.Errorf("%s: ack %s %d, want %d", c.payload, id, code, c.code)
		}
	}
	p.event("chunked", "a", "b", "c")
	if id, code := p.ack(); id != "chunked" || code != 200 {
		t.Errorf("ack %s %d", id, code)
	}
	if want := []string{"one", "two", "abc"}; !slices.Equal(handled, want) {
		t.Errorf("handled %q, want %q", handled, want)
	}
	s := client.Status()
	if s.State != Connected || s.LastFrame.IsZero() || s.Connects != 1 || s.Breaks != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestManyEventsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	const events, parallel = 500, 4
	var mu sync.Mutex
	under, most := 0, 0
	full := make(chan struct{}) // as many are under way as may be
	opened := sync.OnceFunc(func() { close(full) })
	f.run(func(context.Context, []byte) error {
		mu.Lock()
		under++
		most = max(most, under)
		if under == parallel {
			opened()
		}
		mu.Unlock()
		<-full
		mu.Lock()
		under--
		mu.Unlock()
		return nil
	}, func(c *Config) { c.Parallel = parallel })
	p := f.next()
	go func() {
		for i := range events {
			p.event(fmt.Sprint(i), "x")
		}
	}()
	seen := map[string]bool{}
	for range events {
		id, code := p.ack()
		if code != 200 || seen[id] {
			t.Fatalf("ack %s %d, seen before: %v", id, code, seen[id])
		}
		seen[id] = true
	}
	mu.Lock()
	defer mu.Unlock()
	if most != parallel {
		t.Errorf("%d events handled at once, want %d", most, parallel)
	}
}

func TestReconnects(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	client := f.run(ignore)
	for i := range 3 {
		p := f.next()
		client.until(t, "a connection", func(s Status) bool { return s.State == Connected })
		p.event("e", "x")
		if _, code := p.ack(); code != 200 {
			t.Errorf("code %d", code)
		}
		switch i {
		case 0:
			p.conn.Close() // without a word
		case 1:
			p.mu.Lock()
			_ = p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, "moving"), time.Now().Add(time.Second))
			p.mu.Unlock()
		}
	}
	if s := client.until(t, "the third", func(s Status) bool { return s.State == Connected }); s.Connects != 3 || s.Breaks < 2 {
		t.Errorf("status %+v", s)
	}
}

// A peer that takes everything and says nothing is found out.
func TestHalfOpenConnectionIsFound(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	client := f.run(ignore)
	p := f.next()
	p.mu.Lock()
	p.deaf = true
	p.mu.Unlock()
	p.wait() // it hangs up
	if s := client.until(t, "the loss", func(s Status) bool { return s.Breaks > 0 || s.Connects > 1 }); s.State == Refused {
		t.Errorf("status %+v", s)
	}
	f.next()
}

// Pings and their answers keep a quiet connection alive, and bring news of how
// often to ping.
func TestQuietConnectionLives(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	client := f.run(ignore)
	p := f.next()
	pings := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.pings
	}
	client.until(t, "pings over more than the time that a deaf peer is given", func(Status) bool { return pings() >= 4 })
	if s := client.Status(); s.State != Connected || s.Breaks != 0 {
		t.Errorf("status %+v", s)
	}
	p.mu.Lock()
	p.pong = `{"ReconnectCount":0,"ReconnectInterval":7,"ReconnectNonce":3,"PingInterval":90}`
	p.mu.Unlock()
	client.until(t, "the new interval", func(Status) bool { return client.pingInterval() == 90*time.Second })
	if interval, nonce := client.manners(); interval != 7*time.Second || nonce != 3*time.Second {
		t.Errorf("interval %s, nonce %s", interval, nonce)
	}
}

// A stop lets the event under way be stored and acknowledged, and closes properly.
func TestStopIsClean(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	client := f.run(func(ctx context.Context, _ []byte) error {
		close(begun)
		<-finish
		return ctx.Err() // the stop must not have ended it
	})
	p := f.next()
	p.event("last", "x")
	<-begun
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		client.stop()
	}()
	select {
	case <-stopped:
		t.Error("stopped although an event is under way")
	case <-time.After(20 * time.Millisecond):
	}
	close(finish)
	if id, code := p.ack(); id != "last" || code != 200 {
		t.Errorf("ack %s %d", id, code)
	}
	<-stopped
	p.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !websocket.IsCloseError(p.closeErr, websocket.CloseNormalClosure) {
		t.Errorf("the connection ended with %v", p.closeErr)
	}
	if s := client.Status(); s.State != Stopped {
		t.Errorf("status %+v", s)
	}
}

// A stop does not wait for an endpoint or a handshake that never comes.
func TestStopWhileConnecting(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	silent, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, stage := range []string{"endpoint", "handshake"} {
		f := newFeishu(t)
		var base func(*Config)
		if stage == "endpoint" {
			base = func(c *Config) { c.BaseURL = "http://" + silent.Addr().String() }
		} else {
			base = func(*Config) {}
			f.set(func(f *feishu) {
				f.endpoint = func(string) (int, string) {
					return 200, `{"code":0,"data":{"URL":"ws://` + silent.Addr().String() + `/"}}`
				}
			})
		}
		client := f.run(ignore, base)
		conn, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		client.stop()
		if took := time.Since(start); took > endpointTimeout/2 {
			t.Errorf("%s: the stop took %s", stage, took)
		}
		conn.Close()
	}
}
