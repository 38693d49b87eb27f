package push

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

func TestLongConnectionGetsEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{RetryScale: instant, ChunkBytes: 80}, Behaviour{})
	failures := map[string]int{"e2": 2, "e3": 9}
	var mu sync.Mutex
	c := r.connect(t, func(id string) int {
		mu.Lock()
		defer mu.Unlock()
		if failures[id] == 0 {
			return 200
		}
		failures[id]--
		return 500
	})
	r.present(1)
	r.subscribe(long)
	r.send(1, 3)
	r.done()
	if diff := cmp.Diff([]string{"e1 delivered 1", "e2 delivered 3", "e3 lost 5"}, r.states()); diff != "" {
		t.Errorf("history mismatch (-want +got)\n%s", diff)
	}
	if got := r.errors("e3"); got[0] != "ack 500" {
		t.Errorf("pushes end with %q", got)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	messages := map[string]bool{}
	for _, f := range c.frames {
		messages[f.header("message_id")] = true
		if f.header("sum") != "3" || f.header("type") != "event" || f.header("trace_id") == "" || f.header("instance_id") == "" || f.Service != service || f.SeqID == 0 {
			t.Errorf("a frame with %+v", f.Headers)
		}
	}
	if len(messages) != 9 {
		t.Errorf("9 pushes have %d message ids", len(messages))
	}
}

func TestPingPong(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{Client: &ClientConfig{3, 5, 1, 7}}, Behaviour{})
	c := r.connect(t, fine)
	ping := frame{Service: 33, Headers: []frameHeader{{"type", "ping"}}}
	c.send(&ping)
	pong := <-c.pongs
	if pong.header("type") != "pong" || pong.Service != 33 || string(pong.Payload) != `{"ReconnectCount":3,"ReconnectInterval":5,"ReconnectNonce":1,"PingInterval":7}` {
		t.Errorf("pong %+v %s", pong, pong.Payload)
	}
	if diff := cmp.Diff(ClientConfig{3, 5, 1, 7}, c.config); diff != "" {
		t.Errorf("config mismatch (-want +got)\n%s", diff)
	}
	// What is no frame, and what is of no kind, is passed over.
	if err := c.socket.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.socket.WriteMessage(websocket.BinaryMessage, []byte{0xff}); err != nil {
		t.Fatal(err)
	}
	c.send(&frame{Method: 9})
	c.send(&frame{Method: dataFrame, Headers: []frameHeader{{"message_id", "unknown"}}, Payload: []byte(`{"code":200}`)})
	c.send(&frame{Method: dataFrame, Payload: []byte(`none`)})
	c.send(&ping)
	<-c.pongs
	if _, err := r.Subscriptions(), r.Break(testApp, SocketHalfOpen); err != 1 {
		t.Errorf("%d connections broke", err)
	}
	c.send(&ping)
	if err := c.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)); err != nil {
		t.Error(err)
	}
	other := r.connect(t, fine)
	other.send(&ping)
	<-other.pongs // by now the half-open one would have answered
	select {
	case pong := <-c.pongs:
		t.Errorf("a half-open connection answers %+v", pong)
	case <-c.ended:
		t.Error("a half-open connection ended")
	default:
	}
}

func TestEachEventGoesToOneClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	a, b := r.connect(t, fine), r.connect(t, fine)
	r.present(2)
	r.subscribe(long)
	r.send(1, 100)
	r.done()
	if len(a.got())+len(b.got()) != 100 || len(a.got()) < 20 || len(b.got()) < 20 {
		t.Errorf("%d and %d events", len(a.got()), len(b.got()))
	}
}

func TestSocketsBreak(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{RetryScale: instant, DeadlineMS: 100}, Behaviour{})
	a := r.connect(t, fine)
	r.present(1)
	r.subscribe(long)
	r.fault(Fault{Socket: SocketHalfOpen})
	r.send(1, 1)
	r.done()
	if diff := cmp.Diff(strings.Repeat("no answer in time\n", 5), strings.Join(r.errors("e1"), "\n")+"\n"); diff != "" {
		t.Errorf("over a half-open connection (-want +got)\n%s", diff)
	}
	if len(a.got()) != 0 || r.Connections(testApp) != 1 {
		t.Error("a half-open connection carries events, or is known to be dead")
	}
	_ = a.socket.Close()
	r.present(0)
	r.Change(func(s *Settings, _ *Behaviour) { s.DeadlineMS = 10_000 })

	b, c := r.connect(t, fine), r.connect(t, fine)
	r.present(2)
	r.fault(Fault{Socket: SocketDropped})
	r.send(2, 2)
	r.done()
	if diff := cmp.Diff([]string{"e1 lost 5", "e2 delivered"}, []string{r.states()[0], r.states()[1][:12]}); diff != "" {
		t.Errorf("history mismatch (-want +got)\n%s", diff)
	}
	r.present(1)
	if got := r.errors("e2"); !strings.Contains(got[0], "broke") || len(b.got())+len(c.got()) != 1 {
		t.Errorf("over a dropped connection: %q, then %d and %d events", got, len(b.got()), len(c.got()))
	}
	if n := r.Break(testApp, SocketDropped); n != 1 {
		t.Errorf("%d connections broke", n)
	}
	<-b.ended
	<-c.ended
	r.present(0)
}

func TestChunks(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{RetryScale: instant}, Behaviour{})
	c := r.connect(t, fine)
	r.present(1)
	r.subscribe(long)
	r.fault(Fault{Chunks: 4, ChunkGapMS: 20, LoseAcks: 1})
	began := time.Now()
	r.send(1, 1)
	r.done()
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("four chunks, 20 ms apart, took %v", took)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var sums []string
	for _, f := range c.frames {
		sums = append(sums, f.header("sum")+"/"+f.header("seq"))
	}
	if diff := cmp.Diff([]string{"4/0", "4/1", "4/2", "4/3", "1/0"}, sums); diff != "" {
		t.Errorf("frames mismatch (-want +got)\n%s", diff)
	}
	for _, k := range []chunking{{count: 3}, {count: 99}, {bytes: 2}, {bytes: 100}, {count: 1}} {
		for _, chunk := range k.cut([]byte("abcde")) {
			if len(chunk) == 0 {
				t.Errorf("%+v makes an empty chunk", k)
			}
		}
	}
}

func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	unchecked := Subscription{Mode: ModeLongConnection, Unchecked: true}
	for _, c := range []struct {
		name      string
		behaviour Behaviour
		want      string
	}{
		{"retried", Behaviour{}, "e1 lost 5"},
		{"without the retry after 15 s", Behaviour{NoQuickRetry: true}, "e1 lost 4"},
		{"lost at once", Behaviour{LoseWithoutClients: true}, "e1 lost 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Settings{RetryScale: instant}, c.behaviour)
			r.subscribe(unchecked)
			r.send(1, 1)
			r.done()
			if got := r.states()[0]; got != c.want || r.errors("e1")[0] != errNobody.Error() {
				t.Errorf("history %s, %q; want %s", got, r.errors("e1"), c.want)
			}
		})
	}
}
