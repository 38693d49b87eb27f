package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

// client is a plain client of long connections.
type client struct {
	t      *testing.T
	socket *websocket.Conn
	ended  chan struct{}
	pongs  chan frame
	config ClientConfig

	mu     sync.Mutex
	parts  map[string][][]byte
	frames []frame
	events []string // ids, as they were complete
}

// discover asks for an address.
func (r *rig) discover(t *testing.T, app, secret string) (status, code int, address string, config *ClientConfig) {
	t.Helper()
	resp, err := http.Post(r.url+EndpointPath, "", strings.NewReader(fmt.Sprintf(`{"AppID":%q,"AppSecret":%q}`, app, secret)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Code int
		Data struct {
			URL          string
			ClientConfig *ClientConfig
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer.Code, answer.Data.URL, answer.Data.ClientConfig
}

// connect opens a long connection. It answers events with the code that ack
// gives, and not at all where that is 0.
func (r *rig) connect(t *testing.T, ack func(id string) int) *client {
	t.Helper()
	_, code, address, config := r.discover(t, testApp, "sec")
	if code != 0 {
		t.Fatalf("discovery answers %d", code)
	}
	socket, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	c := &client{t: t, socket: socket, ended: make(chan struct{}), pongs: make(chan frame, 10), parts: map[string][][]byte{}, config: *config}
	t.Cleanup(func() { _ = socket.Close(); <-c.ended })
	go c.read(ack)
	return c
}

func (c *client) read(ack func(id string) int) {
	defer close(c.ended)
	for {
		_, raw, err := c.socket.ReadMessage()
		if err != nil {
			return
		}
		f, err := decodeFrame(raw)
		if err != nil {
			c.t.Errorf("a frame %x: %v", raw, err)
			return
		}
		if f.Method == controlFrame {
			c.pongs <- f
			continue
		}
		id, whole := c.take(&f)
		if !whole {
			continue
		}
		code := ack(id)
		if code == 0 {
			continue
		}
		f.Payload = fmt.Appendf(nil, `{"code":%d,"headers":null,"data":null}`, code)
		if err := c.socket.WriteMessage(websocket.BinaryMessage, f.encode()); err != nil {
			return
		}
	}
}

// take gathers the chunks of an event.
func (c *client) take(f *frame) (id string, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	message := f.header("message_id")
	c.frames = append(c.frames, *f)
	c.parts[message] = append(c.parts[message], f.Payload)
	if fmt.Sprint(len(c.parts[message])) != f.header("sum") {
		return "", false
	}
	var e struct {
		Header struct {
			EventID string `json:"event_id"`
			Token   string `json:"token"`
		} `json:"header"`
	}
	var all []byte
	for _, part := range c.parts[message] {
		all = append(all, part...)
	}
	if err := json.Unmarshal(all, &e); err != nil || e.Header.Token != "" {
		c.t.Errorf("an event is %s: %v", all, err)
	}
	c.events = append(c.events, e.Header.EventID)
	return e.Header.EventID, true
}

func (c *client) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.events...)
}

func (c *client) send(f *frame) {
	c.t.Helper()
	if err := c.socket.WriteMessage(websocket.BinaryMessage, f.encode()); err != nil {
		c.t.Error(err)
	}
}

func fine(string) int { return 200 }

// present waits until so many connections are there.
func (r *rig) present(n int) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); r.Connections(testApp) != n; <-tick.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("%d connections, want %d", r.Connections(testApp), n)
		}
	}
}

var long = Subscription{Mode: ModeLongConnection}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for _, c := range []struct {
		app, secret  string
		status, code int
	}{
		{testApp, "sec", 200, 0},
		{testApp, "wrong", 200, codeAppInvalid},
		{"cli_x", "sec", 200, codeAppInvalid},
		{storeApp, "sec", 400, codeStoreApp},
	} {
		status, code, address, config := r.discover(t, c.app, c.secret)
		if status != c.status || code != c.code || (address != "") != (code == 0) {
			t.Errorf("%s %s: status %d, code %d, address %q", c.app, c.secret, status, code, address)
		}
		if code != 0 {
			continue
		}
		if diff := cmp.Diff(&ClientConfig{-1, 120, 30, 120}, config); diff != "" {
			t.Errorf("config mismatch (-want +got)\n%s", diff)
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "ws" || u.Query().Get("device_id") == "" || u.Query().Get("service_id") != fmt.Sprint(service) {
			t.Errorf("address %s: %v", address, err)
		}
	}
	resp, err := http.Post(r.url+EndpointPath, "application/json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a body that is no JSON gets status %d", resp.StatusCode)
	}
	resp, err = http.Get(r.url + EndpointPath)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET gets status %d", resp.StatusCode)
	}
}

func TestFaultsOfDiscoveryAndHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for _, f := range []EndpointFault{{Code: codeBusy}, {Code: codeInternal, Msg: "x"}, {Code: 1000040351}, {Code: codeConnections, Status: 503}} {
		r.fault(Fault{AppID: testApp, Endpoint: &f})
		status, code, _, _ := r.discover(t, testApp, "sec")
		if want := max(200, f.Status); status != want || code != f.Code {
			t.Errorf("%+v: status %d, code %d", f, status, code)
		}
	}
	r.fault(Fault{Handshake: &HandshakeFault{Status: 403, Msg: "banned"}})
	r.fault(Fault{Handshake: &HandshakeFault{Status: 514, AuthErrCode: 7}})
	for _, want := range []string{"403 banned ", "514  7"} {
		_, _, address, _ := r.discover(t, testApp, "sec")
		if got := handshake(t, address); got != want {
			t.Errorf("refused with %q, want %q", got, want)
		}
	}
	_, _, address, _ := r.discover(t, testApp, "sec")
	if got := handshake(t, address); got != "" {
		t.Errorf("a good handshake is refused with %q", got)
	}
	if got := handshake(t, address); !strings.HasPrefix(got, "514 ") || !strings.HasSuffix(got, " ") {
		t.Errorf("a ticket that was used is refused with %q", got)
	}
}

// handshake opens a connection and closes it, or says what the refusal says.
func handshake(t *testing.T, address string) string {
	t.Helper()
	socket, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if errors.Is(err, websocket.ErrBadHandshake) {
		defer resp.Body.Close()
		if resp.StatusCode/100 != 4 {
			t.Errorf("refused with HTTP %d", resp.StatusCode)
		}
		return resp.Header.Get("Handshake-Status") + " " + resp.Header.Get("Handshake-Msg") + " " + resp.Header.Get("Handshake-Autherrcode")
	}
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_ = socket.Close()
	return ""
}

func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, Settings{}, Behaviour{})
	for range usualClients {
		r.connect(t, fine)
	}
	r.present(50)
	_, _, address, _ := r.discover(t, testApp, "sec")
	if got := handshake(t, address); got != "514 the number of connections exceeded the limit 1000040350" {
		t.Errorf("the 51st is refused with %q", got)
	}
	r.Change(func(_ *Settings, b *Behaviour) { b.Connections = 51 })
	r.connect(t, fine)
	r.present(51)
}

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
