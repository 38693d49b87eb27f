package longconn

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
