package longconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeTimeout = 10 * time.Second
	maxFrame     = 8 << 20
)

// session is one connection, from its handshake to its end.
type session struct {
	client  *Client
	conn    *websocket.Conn
	service int32
	chunks  chunks
	slots   chan struct{} // one for each event under way

	writing sync.Mutex
	work    sync.WaitGroup
}

func newSession(c *Client, conn *websocket.Conn, service int32) *session {
	return &session{client: c, conn: conn, service: service, slots: make(chan struct{}, c.cfg.Parallel)}
}

// run reads until the connection breaks or the context ends, and returns when
// everything that it began has ended.
func (s *session) run(ctx context.Context) error {
	s.conn.SetReadLimit(maxFrame)
	onControl := func(reply func(string) error) func(string) error {
		return func(text string) error {
			s.heard(ctx)
			return reply(text)
		}
	}
	s.conn.SetPingHandler(onControl(s.conn.PingHandler()))
	s.conn.SetPongHandler(onControl(s.conn.PongHandler()))

	ended := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() { s.pings(ended) })
	stop := context.AfterFunc(ctx, func() { s.deadline(time.Unix(1, 0)) }) // wakes the reader

	err := s.read(ctx)

	stop()
	s.work.Wait() // what was taken is acknowledged as long as there is a connection
	close(ended)
	if ctx.Err() != nil {
		_ = s.conn.WriteControl(websocket.CloseMessage, // a courtesy
			websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	}
	_ = s.conn.Close() // before the wait: a ping may be stuck in it
	pinging.Wait()
	return err
}

// read takes frames in, one after the other.
func (s *session) read(ctx context.Context) error {
	s.extend(ctx)
	for {
		kind, message, err := s.conn.ReadMessage()
		if err != nil {
			return s.explain(err) // where the context has ended nobody asks
		}
		s.heard(ctx)
		if kind != websocket.BinaryMessage {
			continue // Feishu's own clients ignore them too
		}
		f, err := unmarshal(message)
		if err != nil {
			s.client.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "frame of the long connection cannot be read", slog.Int("bytes", len(message)))
			continue // without an answer it comes again
		}
		switch f.method {
		case methodControl:
			s.control(f)
		case methodData:
			if !s.data(ctx, f) {
				return nil
			}
		}
		s.extend(ctx) // the interval may be a new one, and a wait for a slot long
	}
}

// heard notes a sign of life, and gives the connection time for the next one.
func (s *session) heard(ctx context.Context) {
	s.client.heard()
	s.extend(ctx)
}

// extend gives the connection twice the ping interval. When the context ends it
// must not undo what wakes the reader.
func (s *session) extend(ctx context.Context) {
	s.deadline(time.Now().Add(2 * s.client.pingInterval()))
	if ctx.Err() != nil {
		s.deadline(time.Unix(1, 0))
	}
}

func (s *session) deadline(t time.Time) {
	_ = s.conn.NetConn().SetReadDeadline(t) // of a closed connection, whose reader knows
}

func (s *session) explain(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("nothing was heard on the long connection for %s", 2*s.client.pingInterval())
	}
	return fmt.Errorf("read the long connection: %w", err)
}

// pings tells Feishu that we live. The answers tell us that it does.
func (s *session) pings(ended <-chan struct{}) {
	for {
		if s.write(pingFrame(s.service)) != nil {
			_ = s.conn.Close() // wakes the reader
			return
		}
		timer := time.NewTimer(s.client.pingInterval())
		select {
		case <-timer.C:
		case <-ended:
			timer.Stop()
			return
		}
	}
}

func (s *session) write(f frame) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.BinaryMessage, f.marshal())
}

func (s *session) control(f frame) {
	if f.header(headerType) != typePong || len(f.payload) == 0 {
		return
	}
	var asked clientConfig
	if json.Unmarshal(f.payload, &asked) == nil {
		s.client.behave(asked)
	}
}

// data hands an event over. It waits while too many are under way; false means
// that the context ended meanwhile.
func (s *session) data(ctx context.Context, f frame) bool {
	if f.header(headerType) != typeEvent {
		return true // a card's button: we have none
	}
	payload, whole := s.chunks.add(f, time.Now())
	if !whole {
		return true
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	s.work.Go(func() {
		defer func() { <-s.slots }()
		start := time.Now()
		code := http.StatusOK
		if s.handle(context.WithoutCancel(ctx), payload) != nil {
			code = http.StatusInternalServerError // Feishu sends it again
		}
		ack := f.reply([]byte(`{"code":`+strconv.Itoa(code)+`,"headers":null,"data":null}`), time.Since(start).Milliseconds())
		if err := s.write(ack); err != nil {
			_ = s.conn.Close() // wakes the reader
		}
	})
	return true
}

var errPanic = errors.New("the handler panicked")

// handle calls the handler. One event that makes it panic must not end the
// service again and again: Feishu would send it anew to each one started.
func (s *session) handle(ctx context.Context, payload []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.client.cfg.Logger.LogAttrs(ctx, slog.LevelError, "handler of an event panicked", slog.Int("bytes", len(payload)))
			err = errPanic
		}
	}()
	return s.client.cfg.Handle(ctx, payload)
}
