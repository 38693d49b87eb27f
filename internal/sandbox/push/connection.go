package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// connection is one long connection. Events of an app go to one of its
// connections, at random.
type connection struct {
	hub    *Hub
	app    string
	socket *websocket.Conn
	gone   chan struct{} // nothing is read any more
	// halfOpen makes the connection one of those that are dead and do not show it.
	halfOpen atomic.Bool
	frames   atomic.Uint64 // sent, to number them

	writing sync.Mutex

	mu   sync.Mutex
	acks map[string]chan int // codes, by the message_id of the pushes under way
}

var (
	errNobody = errors.New("no long connection is open")
	errGone   = errors.New("the long connection broke")
)

const (
	writeWithin = 10 * time.Second
	maxFrame    = 1 << 20 // of a client
)

// ServeSocket opens a long connection and serves it until it ends.
func (h *Hub) ServeSocket(w http.ResponseWriter, r *http.Request) {
	t, ok := h.useTicket(r.URL.Query().Get("ticket"))
	if !ok {
		refuseHandshake(w, HandshakeFault{Status: handshakeAuthFailed, Msg: "the ticket is used or has expired"})
		return
	}
	if f := h.faults.handshake(t.app); f != nil {
		refuseHandshake(w, *f)
		return
	}
	c := &connection{hub: h, app: t.app, gone: make(chan struct{}), acks: map[string]chan int{}}
	if !h.enter(c) {
		refuseHandshake(w, HandshakeFault{Status: handshakeAuthFailed, AuthErrCode: codeConnections, Msg: endpointMessages[codeConnections]})
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	socket, err := upgrader.Upgrade(w, r, nil) // answers by itself where it fails
	if err != nil {
		h.leave(c)
		return
	}
	// Nobody gets an event by the socket before the lock says that it is there.
	h.mu.Lock()
	c.socket = socket
	h.mu.Unlock()
	stop := context.AfterFunc(r.Context(), func() { _ = socket.Close() }) // the end of the service
	defer stop()
	h.nudge()
	c.read()
	h.leave(c)
	_ = socket.Close() // it may be closed already
}

// enter counts a connection in, if there may be one more.
func (h *Hub) enter(c *connection) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	box := h.box(c.app)
	if len(box.clients) >= cmp.Or(h.behaviour.Connections, usualClients) {
		return false
	}
	box.clients = append(box.clients, c)
	return true
}

func (h *Hub) leave(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	box := h.box(c.app)
	box.clients = slices.DeleteFunc(box.clients, func(other *connection) bool { return other == c })
}

// live lists the connections of an app that are open. The lock is held.
func (h *Hub) live(app string) []*connection {
	var list []*connection
	for _, c := range h.box(app).clients {
		if c.socket != nil {
			list = append(list, c)
		}
	}
	return list
}

// Connections counts the long connections of an app, half-open ones among them.
func (h *Hub) Connections(app string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.live(app))
}

// Break breaks all long connections of an app and tells how many there were.
func (h *Hub) Break(app string, how SocketFault) int {
	h.mu.Lock()
	list := h.live(app)
	h.mu.Unlock()
	for _, c := range list {
		c.breakDown(how)
	}
	return len(list)
}

func (c *connection) breakDown(how SocketFault) {
	switch how {
	case SocketHalfOpen:
		c.halfOpen.Store(true)
	case SocketDropped:
		_ = c.socket.NetConn().Close() // without a close frame
	}
}

// read takes pings and acks in until the socket ends.
func (c *connection) read() {
	defer close(c.gone)
	c.socket.SetReadLimit(maxFrame)
	c.socket.SetPingHandler(func(data string) error { return c.pongSocket(data) })
	for {
		settings := c.hub.Settings()
		silence := time.Duration(2*settings.ClientConfig().PingInterval)*time.Second + time.Minute
		_ = c.socket.SetReadDeadline(time.Now().Add(silence)) // fails where reading does
		kind, raw, err := c.socket.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.BinaryMessage || c.halfOpen.Load() {
			continue
		}
		f, err := decodeFrame(raw)
		switch {
		case err != nil: // a client that sends no frames gets no answers
		case f.Method == controlFrame && f.header("type") == "ping":
			c.pong(&f, settings.ClientConfig())
		case f.Method == dataFrame:
			c.ack(&f)
		}
	}
}

// pongSocket answers the pings of the WebSocket protocol, which are not Feishu's.
func (c *connection) pongSocket(data string) error {
	if c.halfOpen.Load() {
		return nil
	}
	_ = c.socket.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second)) // reading notices the end
	return nil
}

// pong answers a ping, and repeats the client's settings.
func (c *connection) pong(ping *frame, config ClientConfig) {
	_ = c.write(&frame{ // a client that has gone needs none
		Service: ping.Service, Method: controlFrame, Headers: []frameHeader{{"type", "pong"}}, Payload: marshal(config),
	})
}

// ack tells the push that waits for it what the client thought of an event.
func (c *connection) ack(f *frame) {
	var answer struct {
		Code int `json:"code"`
	}
	if json.Unmarshal(f.Payload, &answer) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting := c.acks[f.header("message_id")]; waiting != nil {
		select {
		case waiting <- answer.Code:
		default: // a second ack of the same push says nothing new
		}
	}
}

func (c *connection) write(f *frame) error {
	if c.halfOpen.Load() {
		return nil // it goes nowhere, and nobody notices
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.socket.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	return c.socket.WriteMessage(websocket.BinaryMessage, f.encode())
}
