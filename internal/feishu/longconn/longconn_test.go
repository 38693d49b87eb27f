package longconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// feishu is Feishu's end of long connections: an endpoint and a socket, whose
// behaviour a test chooses.
type feishu struct {
	t      *testing.T
	server *httptest.Server
	conns  chan *peer // each connection that was made

	mu        sync.Mutex
	endpoint  func(url string) (status int, body string) // nil: as it should be
	handshake http.Header                                // set: refuses with these headers
	config    string
	asked     int
	done      sync.WaitGroup
	open      map[*peer]bool
}

const quickConfig = `{"ReconnectCount":-1,"ReconnectInterval":1,"ReconnectNonce":0,"PingInterval":1}`

func newFeishu(t *testing.T) *feishu {
	t.Helper()
	f := &feishu{t: t, conns: make(chan *peer, 100), config: quickConfig, open: map[*peer]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+endpointPath, f.answerEndpoint)
	mux.HandleFunc("/ws/v2", f.upgrade)
	f.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		f.mu.Lock()
		for p := range f.open {
			p.conn.Close()
		}
		f.mu.Unlock()
		f.done.Wait()
		f.server.Close()
	})
	return f
}

func (f *feishu) set(change func(f *feishu)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *feishu) answerEndpoint(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var credentials struct{ AppID, AppSecret string }
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	url := "ws" + strings.TrimPrefix(f.server.URL, "http") + "/ws/v2?device_id=d1&service_id=33&ticket=secret-ticket"
	switch {
	case json.Unmarshal(body, &credentials) != nil || credentials.AppID != "cli_1" || credentials.AppSecret != "s3cret":
		fmt.Fprint(w, `{"code":1000040346,"msg":"app_id is invalid"}`)
	case f.endpoint != nil:
		status, text := f.endpoint(url)
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	default:
		fmt.Fprintf(w, `{"code":0,"msg":"","data":{"URL":%q,"ClientConfig":%s}}`, url, f.config)
	}
}

func (f *feishu) upgrade(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	refusal := f.handshake
	f.mu.Unlock()
	if refusal != nil {
		for name, values := range refusal {
			w.Header()[name] = values
		}
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var upgrader websocket.Upgrader
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	p := &peer{t: f.t, conn: conn, frames: make(chan frame, 1000), ended: make(chan struct{})}
	f.mu.Lock()
	f.open[p] = true
	f.done.Add(1)
	f.mu.Unlock()
	f.conns <- p
	go func() {
		defer f.done.Done()
		p.read()
	}()
}

// next waits for the next connection.
func (f *feishu) next() *peer {
	f.t.Helper()
	select {
	case p := <-f.conns:
		return p
	case <-time.After(patience):
		f.t.Fatal("nobody connects")
		return nil
	}
}

// peer is Feishu's end of one connection.
type peer struct {
	t      *testing.T
	conn   *websocket.Conn
	frames chan frame    // what came in, without pings
	ended  chan struct{} // closed when nothing more comes

	mu       sync.Mutex
	pings    int
	deaf     bool   // answers no pings
	pong     string // the payload of pongs
	closeErr error
}

func (p *peer) read() {
	defer close(p.ended)
	for {
		_, message, err := p.conn.ReadMessage()
		if err != nil {
			p.mu.Lock()
			p.closeErr = err
			p.mu.Unlock()
			p.conn.Close()
			return
		}
		f, err := unmarshal(message)
		if err != nil {
			p.t.Error(err)
			continue
		}
		if f.header(headerType) == typePing {
			p.mu.Lock()
			p.pings++
			deaf, pong := p.deaf, p.pong
			p.mu.Unlock()
			if f.service != 33 {
				p.t.Errorf("ping for service %d", f.service)
			}
			if !deaf {
				p.send(frame{method: methodControl, service: f.service, headers: []header{{headerType, typePong}}, payload: []byte(pong)})
			}
			continue
		}
		p.frames <- f
	}
}

func (p *peer) send(f frame) { p.message(websocket.BinaryMessage, f.marshal()) }

func (p *peer) message(kind int, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.conn.WriteMessage(kind, b) // a connection that has ended is what some tests want
}

// event sends an event, and with more than one payload one in chunks.
func (p *peer) event(id string, payloads ...string) {
	for i, payload := range payloads {
		p.send(chunk(id, fmt.Sprint(len(payloads)), fmt.Sprint(i), payload))
	}
}

// ack waits for the next acknowledgement.
func (p *peer) ack() (id string, code int) {
	p.t.Helper()
	select {
	case f := <-p.frames:
		var answer struct{ Code int }
		if err := json.Unmarshal(f.payload, &answer); err != nil || f.header(headerBizRT) == "" || f.method != methodData {
			p.t.Errorf("ack %q (%v)", f.payload, err)
		}
		return f.header(headerMessageID), answer.Code
	case <-p.ended:
		p.t.Fatal("the connection ended instead of an acknowledgement")
	case <-time.After(patience):
		p.t.Fatal("no acknowledgement")
	}
	return "", 0
}

func (p *peer) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("the connection does not end")
	}
}

// running is a client under way.
type running struct {
	*Client
	stop func()
}

// run starts a client; it is stopped at the end of the test, or before.
func (f *feishu) run(handle func(ctx context.Context, payload []byte) error, change ...func(*Config)) running {
	f.t.Helper()
	cfg := Config{
		BaseURL: f.server.URL + "/", AppID: "cli_1", AppSecret: "s3cret", Handle: handle,
		Retry: Pauses{First: time.Millisecond, Most: 10 * time.Millisecond}, Refused: Pauses{First: time.Millisecond, Most: 10 * time.Millisecond},
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx); err != nil {
			f.t.Errorf("Run: %v", err)
		}
	}()
	r := running{c, sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			f.t.Error("Run does not end")
		}
	})}
	f.t.Cleanup(r.stop)
	return r
}

// until waits for a state of the client.
func (r running) until(t *testing.T, what string, is func(Status) bool) Status {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		if s := r.Status(); is(s) {
			return s
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s: %+v", what, r.Status())
		}
	}
}

func ignore(context.Context, []byte) error { return nil }

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
	f.run(func(context.Context, []byte) error {
		mu.Lock()
		under++
		most = max(most, under)
		mu.Unlock()
		time.Sleep(100 * time.Microsecond) //nolint:forbidigo // a handler that takes a while
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
	if most > parallel {
		t.Errorf("%d events handled at once, want at most %d", most, parallel)
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

// What Feishu asks for is done within reason: no interval of zero, none of days.
func TestManners(t *testing.T) {
	t.Parallel()
	c, err := New(Config{BaseURL: "https://open.feishu.cn", AppID: "a", AppSecret: "b", Handle: ignore})
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range []clientConfig{{}, {PingInterval: -1, ReconnectInterval: -1, ReconnectNonce: -1}, {PingInterval: 1 << 62, ReconnectInterval: 1 << 62, ReconnectNonce: 1 << 62}} {
		c.behave(asked)
		interval, nonce := c.manners()
		if p := c.pingInterval(); p < time.Second || p > maxPing || interval < time.Second || interval > defaultInterval || nonce < 0 || nonce > defaultNonce {
			t.Errorf("%+v: ping %s, interval %s, nonce %s", asked, p, interval, nonce)
		}
	}
}

// A refusal turns the status red, is tried again, and is over once there is a
// connection.
func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(*feishu) {
		return func(f *feishu) { f.endpoint = func(string) (int, string) { return status, body } }
	}
	shake := func(h map[string]string) func(*feishu) {
		return func(f *feishu) {
			f.handshake = http.Header{}
			for k, v := range h {
				f.handshake.Set(k, v)
			}
		}
	}
	cases := []struct {
		name string
		set  func(*feishu)
		want State
		says string
	}{
		{"app id is invalid", answer(200, `{"code":1000040346,"msg":"app_id is invalid"}`), Refused, "app_id is invalid"},
		{"too many connections", answer(200, `{"code":1000040350,"msg":"the number of connections exceeded the limit"}`), Refused, "1000040350"},
		{"busy for good", answer(200, `{"code":1000040345,"msg":"system busy"}`), Refused, "system busy"},
		{"busy", answer(200, `{"code":1,"msg":"system busy"}`), Connecting, "system busy"},
		{"internal error", answer(200, `{"code":1000040343,"msg":"internal"}`), Connecting, "internal"},
		{"no address", answer(200, `{"code":0}`), Connecting, "no address"},
		{"an address of another sort", answer(200, `{"code":0,"data":{"URL":"https://x/?ticket=secret-ticket"}}`), Connecting, "no WebSocket address"},
		{"no URL at all", answer(200, `{"code":0,"data":{"URL":"ws://[secret-ticket"}}`), Connecting, "no WebSocket address"},
		{"a gateway's page", answer(200, `<html>`), Connecting, "not JSON"},
		{"bad gateway", answer(502, `{"msg":"later"}`), Connecting, "502"},
		{"misconfigured", answer(400, `{"code":9,"msg":"later"}`), Connecting, "400"},
		{"handshake: too many connections", shake(map[string]string{"Handshake-Status": "514", "Handshake-Autherrcode": "1000040350", "Handshake-Msg": "exceeded"}), Refused, "exceeded"},
		{"handshake: banned", shake(map[string]string{"Handshake-Status": "403", "Handshake-Msg": "banned"}), Refused, "banned"},
		{"handshake: later", shake(map[string]string{"Handshake-Status": "514", "Handshake-Autherrcode": "1", "Handshake-Msg": "later"}), Connecting, "later"},
		{"handshake: nothing said", shake(nil), Connecting, "400"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFeishu(t)
			c.set(f)
			client := f.run(ignore)
			s := client.until(t, "three attempts", func(s Status) bool { return s.Breaks >= 3 })
			if s.State != c.want || s.Err == nil || !strings.Contains(s.Err.Error(), c.says) || errors.Is(s.Err, ErrRefused) != (c.want == Refused) {
				t.Errorf("state %s (%v), want %s and %q", s.State, s.Err, c.want, c.says)
			}
			if strings.Contains(s.Err.Error(), "secret") || strings.Contains(s.Err.Error(), "s3cret") {
				t.Errorf("the error shows a secret: %v", s.Err)
			}
			f.set(func(f *feishu) { f.endpoint, f.handshake = nil, nil })
			f.next()
			client.until(t, "a connection", func(s Status) bool { return s.State == Connected && s.Err == nil })
		})
	}
}

// Once refused, a failing network does not make it look better.
func TestRefusedStaysRed(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	f.set(func(f *feishu) {
		f.endpoint = func(string) (int, string) {
			if f.asked == 1 {
				return 200, `{"code":1000040346,"msg":"app_id is invalid"}`
			}
			return 502, ""
		}
	})
	client := f.run(ignore)
	if s := client.until(t, "attempts", func(s Status) bool { return s.Breaks >= 3 }); s.State != Refused {
		t.Errorf("status %+v", s)
	}
}

// A connection that is taken and closed at once is not made in a tight loop.
func TestClosedAtOnceIsAFailure(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	client := f.run(ignore, func(c *Config) { c.Retry = Pauses{First: time.Hour, Most: time.Hour} })
	f.next().conn.Close() // the first loss: by chance, here at once
	f.next().conn.Close()
	client.until(t, "the second loss", func(s Status) bool { return s.Breaks == 2 })
	interval, _ := client.manners()
	select { // the pause is the interval that Feishu asks for, as it is the shorter one
	case <-f.conns:
		if interval < time.Second {
			t.Error("a third connection at once")
		}
	case <-time.After(patience):
		t.Error("no third connection")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked != 3 {
		t.Errorf("the endpoint was asked %d times, want 3", f.asked)
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

func TestNew(t *testing.T) {
	t.Parallel()
	good := Config{BaseURL: "https://open.feishu.cn", AppID: "a", AppSecret: "b", Handle: ignore}
	for name, change := range map[string]func(*Config){
		"no base URL": func(c *Config) { c.BaseURL = "" },
		"no scheme":   func(c *Config) { c.BaseURL = "open.feishu.cn" },
		"no app":      func(c *Config) { c.AppID = "" },
		"no secret":   func(c *Config) { c.AppSecret = "" },
		"no handler":  func(c *Config) { c.Handle = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

// An encrypted base URL is not answered with an endpoint in clear.
func TestEndpointInClearIsRefused(t *testing.T) {
	t.Parallel()
	f := newFeishu(t)
	tls := httptest.NewTLSServer(http.HandlerFunc(f.answerEndpoint))
	defer tls.Close()
	c, err := New(Config{BaseURL: tls.URL, AppID: "cli_1", AppSecret: "s3cret", Handle: ignore})
	if err != nil {
		t.Fatal(err)
	}
	c.http = tls.Client()
	if _, err := c.discover(t.Context()); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("error %v", err)
	}
}
