package push

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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
